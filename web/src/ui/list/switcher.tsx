// Ctrl+K, and "New chat": find a chat or a person by a few letters and go there.
import { useMemo, useRef, useState } from 'preact/hooks';
import type { Address } from '../../store/model';
import { isConnected, presenceText, useSession } from '../context';
import { t } from '../i18n';
import { Badge } from '../kit/controls';
import { Dialog } from '../kit/dialog';
import { Icon } from '../kit/icon';
import { touch } from '../look';
import { addContact } from '../people/add-contact';
import { go } from '../router';
import { ChatOption, ChooserField, stepped } from './chooser';
import { findChats } from './find-chats';
import { switcherOpen } from './switcher-state';

interface OptionProps {
  address: Address;
  id: string;
  chosen: boolean;
  point(): void;
  pick(): void;
}

function Option({ address, chosen, ...rest }: OptionProps) {
  const session = useSession();
  const chat = session.chat(address);
  const { availability, text } = chat.presence.value;
  const known = isConnected(session) && chat.kind !== 'self';
  return (
    <ChatOption
      address={address}
      current={chosen}
      selected={chosen}
      availability={known ? availability : undefined}
      says={known && text ? presenceText(availability, text) : undefined}
      end={<Badge count={chat.unread.value} />}
      {...rest}
    />
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
  const move = (by: 1 | -1) => setAt(stepped(list.current, at, by, last + 1));

  return (
    <>
      <ChooserField
        label={t('switcher.label')}
        placeholder={t('switcher.placeholder')}
        list="switch"
        at={at}
        query={query}
        search={(text) => {
          setQuery(text);
          setAt(0);
        }}
        move={move}
        enter={() => pick(at)}
      />
      <div class="switch-list" id="switch" role="listbox" aria-label={t('switcher.results')} ref={list}>
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
        {/* biome-ignore lint/a11y/useKeyWithClickEvents: the keys are handled by the field that owns the list. */}
        {/* biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field (aria-activedescendant). */}
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
