// Ctrl+K, and "New chat": find a chat or a person by a few letters and go there. A combobox with a list box.
import { useMemo, useRef, useState } from 'preact/hooks';
import type { Address } from '../../store/model';
import { chatName, isConnected, presenceText, useSession } from '../context';
import { t } from '../i18n';
import { Avatar } from '../kit/avatar';
import { Badge } from '../kit/controls';
import { Dialog } from '../kit/dialog';
import { Icon } from '../kit/icon';
import { touch } from '../look';
import { addContact } from '../people/add-contact';
import { go } from '../router';
import { findChats } from './find-chats';
import { switcherOpen } from './switcher-state';

interface OptionProps {
  address: Address;
  id: string;
  chosen: boolean;
  point(): void;
  pick(): void;
}

function Option({ address, id, chosen, point, pick }: OptionProps) {
  const session = useSession();
  const chat = session.chat(address);
  const self = chat.kind === 'self';
  const { availability, text } = chat.presence.value;
  const known = isConnected(session) && !self;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are handled by the field that owns the list.
    // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field (aria-activedescendant).
    <div
      id={id}
      role="option"
      aria-selected={chosen}
      class={`menu-item ${chosen ? 'cur' : ''}`}
      onPointerMove={point}
      onClick={pick}
    >
      <Avatar
        name={chatName(chat)}
        address={address}
        icon={self ? 'edit' : undefined}
        availability={known ? availability : undefined}
      />
      <span class="switch-who">
        <bdi class="clip">{chatName(chat)}</bdi>
        <small class="clip" dir="auto">
          {self ? t('notes.hint') : known && text ? presenceText(availability, text) : address}
        </small>
      </span>
      <Badge count={chat.unread.value} />
    </div>
  );
}

function SwitcherBody({ close }: { close(): void }) {
  const session = useSession();
  const [query, setQuery] = useState('');
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const order = session.chatOrder.value;
  const contacts = session.contactOrder.value;

  const found = useMemo(() => findChats(session, query), [order, contacts, query]);

  const pick = (i: number) => {
    const address = found[i];
    close();
    if (!address) {
      addContact(query.trim());
      return;
    }
    go({ page: 'chats', chat: address });
    // The dialog gives the focus back to where it came from; one came here to write.
    if (!touch.matches)
      setTimeout(() => document.querySelector<HTMLElement>('.composer textarea')?.focus({ preventScroll: true }));
  };
  const last = found.length;
  const move = (to: number) => {
    const next = (to + last + 1) % (last + 1);
    setAt(next);
    list.current?.querySelector(`#switch-${next}`)?.scrollIntoView({ block: 'nearest' });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === 'ArrowDown') move(at + 1);
    else if (event.key === 'ArrowUp') move(at - 1);
    else if (event.key === 'Enter') pick(at);
    else return;
    event.preventDefault();
  };

  return (
    <>
      <div class="search switch-search">
        <Icon name="search" />
        <input
          type="text"
          role="combobox"
          data-first
          aria-label={t('switcher.label')}
          aria-expanded="true"
          aria-controls="switch-list"
          aria-activedescendant={`switch-${at}`}
          aria-autocomplete="list"
          placeholder={t('switcher.placeholder')}
          autoComplete="off"
          spellcheck={false}
          dir={query ? 'auto' : undefined}
          value={query}
          onInput={(event) => {
            setQuery(event.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      <div class="switch-list" id="switch-list" role="listbox" aria-label={t('switcher.results')} ref={list}>
        {found.map((address, i) => (
          <Option
            key={address}
            address={address}
            id={`switch-${i}`}
            chosen={i === at}
            point={() => setAt(i)}
            pick={() => pick(i)}
          />
        ))}
        {/* biome-ignore lint/a11y/useKeyWithClickEvents: as above. */}
        {/* biome-ignore lint/a11y/useFocusableInteractive: as above. */}
        <div
          id={`switch-${last}`}
          role="option"
          aria-selected={at === last}
          class={`menu-item ${at === last ? 'cur' : ''}`}
          onPointerMove={() => setAt(last)}
          onClick={() => pick(last)}
        >
          <span class="pad">
            <Icon name="user-plus" />
          </span>
          <span class="switch-who">
            <span>{t('add.title')}</span>
            <small>{t('add.short')}</small>
          </span>
        </div>
      </div>
    </>
  );
}

/** Stands once in the shell. */
export function Switcher() {
  if (!switcherOpen.value) return null;
  const close = () => {
    switcherOpen.value = false;
  };
  return (
    <Dialog bare title={t('switcher.label')} class="switcher" onClose={close}>
      <SwitcherBody close={close} />
    </Dialog>
  );
}
