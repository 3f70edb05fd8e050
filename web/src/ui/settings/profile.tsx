import { useState } from 'preact/hooks';
import { useApp, useSession } from '../context';
import { t } from '../i18n-later';
import { Avatar } from '../kit/avatar';
import { Badge, Button } from '../kit/controls';
import { Dialog } from '../kit/dialog';
import { Icon } from '../kit/icon';
import { settleAll } from '../kit/toast';
import { CHOICES } from './facts';
import { Me, MyPicture } from './me';
import { Group, Page } from './parts';

function StatusText() {
  const session = useSession();
  const { availability, text } = session.presence.value;
  const [draft, setDraft] = useState<string | undefined>(undefined);
  const value = draft ?? text;
  const changed = value.trim() !== text;
  const save = () => {
    if (changed) session.setPresence(availability === 'offline' ? 'online' : availability, value.trim());
    setDraft(undefined);
  };
  return (
    <form
      class="set set-field"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <div class="fieldset">
        <label for="status-text">{t('profile.statusText')}</label>
        <div class="inline-field">
          <div class="input">
            <input
              id="status-text"
              type="text"
              dir={value ? 'auto' : undefined}
              maxLength={200}
              placeholder={t('profile.statusPlaceholder')}
              value={value}
              onInput={(event) => setDraft(event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key === 'Escape') setDraft(undefined);
              }}
            />
          </div>
          <Button look="soft" type="submit" aria-disabled={!changed}>
            {t('save')}
          </Button>
        </div>
      </div>
    </form>
  );
}

function Status() {
  const session = useSession();
  const mine = session.presence.value;
  return (
    <Group title={t('profile.status')}>
      <div class="choices" role="radiogroup" aria-label={t('profile.availability')}>
        {CHOICES.map((choice) => (
          <label class="choice" key={choice}>
            <input
              type="radio"
              name="availability"
              value={choice}
              checked={mine.availability === choice}
              onChange={() => session.setPresence(choice, mine.text)}
            />
            <span class={`choice-mark is-${choice}`} aria-hidden="true" />
            <span class="choice-text">
              <b>{t(`profile.${choice}`)}</b>
              <small>{t(`profile.${choice}Hint`)}</small>
            </span>
            <Icon name="check" />
          </label>
        ))}
      </div>
      <StatusText />
    </Group>
  );
}

/** Accounts of this browser: see which one wants you, go there, add one. */
export function Accounts() {
  const app = useApp();
  const session = useSession();
  return (
    <Group title={t('accounts.title')}>
      {app.accounts.value.map((account) => {
        const current = account.address === session.account.address;
        return (
          <button
            type="button"
            class="drow account"
            key={account.address}
            aria-current={current ? 'true' : undefined}
            onClick={() => !current && app.switchAccount(account.address)}
          >
            <Avatar name={account.name} address={account.address} portraits={account.portraits} />
            <span>
              <bdi>{account.name}</bdi>
              <small>{account.address}</small>
            </span>
            {current ? <Icon name="check" /> : <Badge count={account.unread.value} />}
          </button>
        );
      })}
      <button type="button" class="drow account" onClick={() => app.addAccount()}>
        <span class="pad">
          <Icon name="plus" />
        </span>
        <span>{t('accounts.add')}</span>
      </button>
    </Group>
  );
}

/** Signing out forgets this browser's copy, so it asks only when something would be lost with it. */
function SignOut() {
  const session = useSession();
  const [asking, setAsking] = useState(false);
  const unsent = () =>
    session.chatOrder.peek().filter((address) => {
      const chat = session.chat(address);
      const last = chat.last.peek();
      return chat.draft.peek().trim() !== '' || (last?.mine && last.mark === 'sending');
    }).length;
  const leave = () => {
    settleAll();
    void session.signOut();
  };
  return (
    <>
      <Button look="line" icon="logout" onClick={() => (unsent() > 0 ? setAsking(true) : leave())}>
        {t('signout.label')}
      </Button>
      {asking && (
        <Dialog title={t('signout.label')} onClose={() => setAsking(false)}>
          <p class="lead">{t('signout.unsent', { n: unsent() })}</p>
          <div class="form-end">
            <Button data-first onClick={() => setAsking(false)}>
              {t('cancel')}
            </Button>
            <Button look="danger" onClick={leave}>
              {t('signout.anyway')}
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

export function ProfilePage() {
  const session = useSession();
  const { name, address } = session.account;
  return (
    <Page title={t('profile.title')} lead={t('profile.lead')}>
      <div class="me-card">
        <Avatar name={name} address={address} availability={session.presence.value.availability} />
        <div>
          <bdi class="me-name">{name}</bdi>
          <p class="selectable" dir="ltr">
            {address}
          </p>
          <MyPicture />
        </div>
        <SignOut />
      </div>
      <Me />
      <Status />
      <Accounts />
    </Page>
  );
}
