import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Address, Chat, Contact } from '../../store/model';
import { chatName, isConnected, presenceText, useContact, useSession } from '../context';
import { t, tn } from '../i18n-later';
import { Avatar } from '../kit/avatar';
import { Button, Field, IconButton } from '../kit/controls';
import { Dialog } from '../kit/dialog';
import { Icon, type IconName } from '../kit/icon';
import { toast } from '../kit/toast';
import { isArchived, mutedText, setArchived, setPinned, toggleMute } from '../list/chat-menu';
import { layout } from '../look';
import { Gallery } from '../media/gallery';
import { portrait } from '../media/state';
import { addContact } from '../people/add-contact';
import { acceptRequest, leaving, refuseRequest, removeContact, setBlocked, told } from '../people/pending';
import { go, route } from '../router';
import { closeDetails } from './state';

function RenameDialog({ contact, close }: { contact: Contact; close(): void }) {
  const session = useSession();
  const [name, setName] = useState(contact.given || contact.name);
  const [error, setError] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    // The name that they chose may change; one that I give stays.
    if (name.trim() === (contact.given || contact.name)) return close();
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
  hint?: string | undefined;
  danger?: boolean;
  run(at: DOMRect): void;
}) {
  return (
    <button
      type="button"
      class={`drow ${danger ? 'danger' : ''}`}
      onClick={(event) => run(event.currentTarget.getBoundingClientRect())}
    >
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

/** What I want of this chat, on all my devices. */
function ChatActions({ chat }: { chat: Chat }) {
  const session = useSession();
  const { pinned } = chat.settings.value;
  const archived = isArchived(session, chat);
  const muted = chat.muted.value;
  return (
    <div class="dsec">
      {chat.kind === 'person' && (
        <Action
          icon={muted ? 'mute' : 'bell'}
          label={t(muted ? 'chat.unmute' : 'chat.mute')}
          hint={mutedText(chat)}
          run={(at) => toggleMute(session, chat, at)}
        />
      )}
      {!archived && chat.last.value && (
        <Action
          icon="pin"
          label={t(pinned ? 'chat.unpin' : 'chat.pin')}
          run={() => setPinned(session, chat, !pinned)}
        />
      )}
      {chat.last.value && (
        <Action
          icon="archive"
          label={t(archived ? 'chat.unarchive' : 'chat.archive')}
          run={() => setArchived(session, chat, !archived)}
        />
      )}
    </div>
  );
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
      <ChatActions chat={chat} />
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

/** Their picture; a button where there is one to be seen larger. */
function Hero({ chat, known }: { chat: Chat; known: boolean }) {
  const session = useSession();
  const { address } = chat;
  const name = chatName(chat);
  const avatar = (
    <Avatar
      name={name}
      address={address}
      icon={chat.kind === 'self' ? 'edit' : undefined}
      availability={known ? chat.presence.value.availability : undefined}
    />
  );
  const hash = session.portraits.of(address).value;
  if (chat.kind === 'self' || !hash || !session.portraits.src(hash)) return avatar;
  return (
    <button
      type="button"
      class="hero-picture"
      aria-label={t('picture.show', { name })}
      onClick={() => {
        portrait.value = { address, name };
      }}
    >
      {avatar}
    </button>
  );
}

function About({ address }: { address: Address }) {
  const session = useSession();
  const contact = useContact(session, address);
  const { nick, about } = session.face(address).value;
  const connected = isConnected(session);
  useEffect(() => {
    if (connected) session.look(address);
  }, [session, address, connected]);
  if (!contact || contact.blocked) return null;
  return (
    <>
      {nick && nick !== contact.name && (
        <p class="hero-nick">{tn('contact.callThemselves', { name: <bdi>{nick}</bdi> })}</p>
      )}
      {about && (
        <p class="hero-about selectable" dir="auto">
          {about}
        </p>
      )}
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
  useLayoutEffect(() => {
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
          <Hero chat={chat} known={known} />
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
          {!self && <About key={chat.address} address={chat.address} />}
        </div>
        {!self && <PersonActions key={chat.address} chat={chat} />}
        {self && <Gallery key={chat.address} chat={chat} />}
        {self && <ChatActions chat={chat} />}
      </section>
    </aside>
  );
}
