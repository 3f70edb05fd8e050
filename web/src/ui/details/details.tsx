import { useEffect, useRef, useState } from 'preact/hooks';
import type { Address, Chat, Contact } from '../../store/model';
import { chatName, isConnected, presenceText, useContact, useSession } from '../context';
import { t } from '../i18n';
import { Avatar } from '../kit/avatar';
import { Button, Field, IconButton } from '../kit/controls';
import { Dialog } from '../kit/dialog';
import { Icon, type IconName } from '../kit/icon';
import { toast } from '../kit/toast';
import { layout } from '../look';
import { Gallery } from '../media/gallery';
import { addContact } from '../people/add-contact';
import { acceptRequest, leaving, refuseRequest, removeContact, setBlocked, told } from '../people/pending';
import { go, route } from '../router';
import { closeDetails } from './state';

function RenameDialog({ contact, close }: { contact: Contact; close(): void }) {
  const session = useSession();
  const [name, setName] = useState(contact.name);
  const [error, setError] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    const failed = await session.renameContact(contact.address, name.trim());
    setBusy(false);
    if (failed) setError(failed.text);
    else close();
  };
  return (
    <Dialog title={t('contact.rename')} onClose={close}>
      <form class="form" onSubmit={submit} noValidate>
        <Field
          label={t('contact.name')}
          hint={t('contact.nameHint')}
          value={name}
          onInput={setName}
          error={error}
          first
          maxLength={200}
        />
        <div class="form-end">
          <Button onClick={close}>{t('cancel')}</Button>
          <Button look="primary" type="submit" busy={busy}>
            {t('save')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Action({
  icon,
  label,
  hint,
  danger,
  run,
}: {
  icon: IconName;
  label: string;
  hint?: string;
  danger?: boolean;
  run(): void;
}) {
  return (
    <button type="button" class={`drow ${danger ? 'danger' : ''}`} onClick={run}>
      <Icon name={icon} />
      <span>
        {label}
        {hint && <small>{hint}</small>}
      </span>
    </button>
  );
}

const SEES: Record<Contact['subscription'], 'contact.both' | 'contact.to' | 'contact.from' | 'contact.none'> = {
  both: 'contact.both',
  to: 'contact.to',
  from: 'contact.from',
  none: 'contact.none',
};

async function copyAddress(address: Address): Promise<void> {
  try {
    await navigator.clipboard.writeText(address);
    toast(t('contact.addressCopied'), { icon: 'copy' });
  } catch {
    toast(t('message.copyFailed'), { bad: true });
  }
}

function PersonActions({ chat }: { chat: Chat }) {
  const session = useSession();
  const contact = useContact(session, chat.address);
  const [renaming, setRenaming] = useState(false);
  const { address } = chat;
  const name = chatName(chat);
  const request = session.requests.value.find((it) => it.address === address);
  const asks = request && !leaving.value.has(address);
  return (
    <>
      {contact && !contact.blocked && (
        <p class="sees">{contact.asked ? t('contact.askedLong', { name }) : t(SEES[contact.subscription], { name })}</p>
      )}
      <div class="dsec">
        {asks && (
          <>
            <Action icon="check" label={t('request.accept')} run={() => void acceptRequest(session, address, name)} />
            <Action icon="close" label={t('request.notNow')} run={() => refuseRequest(session, address, name)} />
          </>
        )}
        {contact ? (
          <Action icon="edit" label={t('contact.rename')} run={() => setRenaming(true)} />
        ) : (
          !asks && <Action icon="user-plus" label={t('add.title')} run={() => addContact(address)} />
        )}
        <Action icon="copy" label={t('contact.copyAddress')} run={() => void copyAddress(address)} />
        {contact && contact.subscription !== 'both' && contact.subscription !== 'to' && !contact.blocked && (
          <Action
            icon="retry"
            label={t('contact.askAgain')}
            hint={t('contact.askAgainHint', { name })}
            run={() =>
              void session.addContact(address, contact.name).then((failure) => {
                if (told(failure)) toast(t('contact.askedToast', { name }));
              })
            }
          />
        )}
      </div>
      <Gallery chat={chat} />
      <div class="dsec">
        <Action
          icon="block"
          danger={!contact?.blocked && !session.blocked.value.includes(address)}
          label={t(session.blocked.value.includes(address) ? 'contact.unblockName' : 'contact.blockName', { name })}
          hint={t(session.blocked.value.includes(address) ? 'contact.unblockHint' : 'contact.blockHint')}
          run={() => void setBlocked(session, address, name, !session.blocked.peek().includes(address))}
        />
        {contact && (
          <Action
            icon="trash"
            danger
            label={t('contact.remove', { name })}
            hint={t('contact.removeHint')}
            run={() => {
              removeContact(session, address, name);
              go({ page: route.peek().page === 'people' ? 'people' : 'chats' }, true);
            }}
          />
        )}
      </div>
      {renaming && contact && <RenameDialog contact={contact} close={() => setRenaming(false)} />}
    </>
  );
}

export function Details({ chat }: { chat: Chat }) {
  const session = useSession();
  const name = chatName(chat);
  const pane = useRef<HTMLElement>(null);
  const self = chat.kind === 'self';
  const { availability, text } = chat.presence.value;
  const known = isConnected(session) && !self;
  // Where it covers the chat, the focus comes along and goes back when it closes.
  useEffect(() => {
    if (layout.peek() === 'full') return;
    const before = document.activeElement;
    pane.current?.querySelector<HTMLElement>('.ib')?.focus({ preventScroll: true });
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    <aside class="details" aria-label={t('details.title')} ref={pane}>
      <header class="bar">
        <IconButton icon="close" label={t('details.close')} onClick={closeDetails} />
        <h2>{t('details.title')}</h2>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a pane that scrolls has to be reachable by keys. */}
      <section class="scroll" tabIndex={0} aria-label={t('details.about', { name })}>
        <div class="hero">
          <Avatar
            name={name}
            address={chat.address}
            icon={self ? 'edit' : undefined}
            availability={known ? availability : undefined}
          />
          <h3>
            <bdi>{name}</bdi>
          </h3>
          {!self && name !== chat.address && (
            <p dir="ltr" class="selectable">
              {chat.address}
            </p>
          )}
          {self ? (
            <p>{t('notes.about')}</p>
          ) : (
            known &&
            (availability !== 'offline' || text) && (
              <p class="hero-status" dir="auto">
                {presenceText(availability, text)}
              </p>
            )
          )}
        </div>
        {!self && <PersonActions key={chat.address} chat={chat} />}
        {self && <Gallery key={chat.address} chat={chat} />}
      </section>
    </aside>
  );
}
