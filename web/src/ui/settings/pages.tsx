// The short pages: chats, privacy, keyboard.

import { playSound } from '../alerts';
import { useApp, useSession } from '../context';
import { COMMAND, type Key, t } from '../i18n-later';
import { Avatar } from '../kit/avatar';
import { Button, SwitchRow } from '../kit/controls';
import { setBlocked } from '../people/pending';
import { SHORTCUTS } from '../shortcut-list';
import { Group, Page, SelectRow } from './parts';

export function ChatsPage() {
  const app = useApp();
  const session = useSession();
  const { sound } = app.settings.value;
  const { enterSends, previews } = session.choices.value;
  return (
    <Page title={t('chats.title')} lead={t('chats.lead')}>
      <Group title={t('chats.writing')}>
        <SelectRow
          label={t('chats.enter')}
          hint={t('chats.enterHint')}
          value={enterSends ? 'send' : 'line'}
          options={[
            ['send', t('chats.enterSends')],
            ['line', t('chats.enterLine')],
          ]}
          onChange={(value) => session.setChoices({ enterSends: value === 'send' })}
        />
      </Group>
      <Group title={t('chats.sounds')}>
        <SwitchRow
          label={t('chats.sound')}
          hint={t('chats.soundHint')}
          on={sound}
          onChange={(on) => {
            app.setSettings({ sound: on });
            if (on) playSound();
          }}
        />
        <SwitchRow
          label={t('chats.previews')}
          hint={t('chats.previewsHint')}
          on={previews}
          onChange={(on) => session.setChoices({ previews: on })}
        />
      </Group>
    </Page>
  );
}

function Blocked() {
  const session = useSession();
  void session.contactsVersion.value;
  const blocked = session.blocked.value;
  if (blocked.length === 0)
    return (
      <div class="set">
        <p>{t('privacy.noneBlocked')}</p>
      </div>
    );
  return (
    <ul>
      {blocked.map((address) => {
        const name = session.contact(address)?.name ?? address;
        return (
          <li class="set ico" key={address}>
            <Avatar name={name} address={address} />
            <div>
              <b>
                <bdi>{name}</bdi>
              </b>
              {name !== address && <p>{address}</p>}
            </div>
            <Button small look="line" onClick={() => void setBlocked(session, address, name, false)}>
              {t('contact.unblock')}
            </Button>
          </li>
        );
      })}
    </ul>
  );
}

export function PrivacyPage() {
  const session = useSession();
  const { sendRead, sendTyping } = session.choices.value;
  return (
    <Page title={t('privacy.title')} lead={t('privacy.lead')}>
      <Group title={t('privacy.whoSees')}>
        <SwitchRow
          label={t('privacy.read')}
          hint={t('privacy.readHint')}
          on={sendRead}
          onChange={(on) => session.setChoices({ sendRead: on })}
        />
        <SwitchRow
          label={t('privacy.typing')}
          hint={t('privacy.typingHint')}
          on={sendTyping}
          onChange={(on) => session.setChoices({ sendTyping: on })}
        />
      </Group>
      <Group title={t('privacy.blocked')}>
        <Blocked />
      </Group>
    </Page>
  );
}

export function ShortcutTable() {
  return (
    <dl class="keys">
      {SHORTCUTS.map(({ keys, does }) => (
        <div key={does}>
          <dt>{t(does as Key)}</dt>
          <dd>
            {keys.map((key) => (
              <kbd class="cap" key={key}>
                {key === 'ctrl' ? COMMAND : t(`key.${key}` as Key)}
              </kbd>
            ))}
          </dd>
        </div>
      ))}
    </dl>
  );
}

export function KeyboardPage() {
  return (
    <Page title={t('keyboard.title')} lead={t('keyboard.lead')}>
      <Group title={t('keyboard.everywhere')}>
        <ShortcutTable />
      </Group>
    </Page>
  );
}
