// Where to send messages on: chats and people by a few letters, as many as one likes. The focus stays in the search field,
// whose keys walk the list (a combobox with a list box of several choices).
import { useMemo, useRef, useState } from 'preact/hooks';
import type { Address } from '../../store/model';
import { chatName, useSession } from '../context';
import { t } from '../i18n-later';
import { Avatar } from '../kit/avatar';
import { Button } from '../kit/controls';
import { Dialog } from '../kit/dialog';
import { Icon } from '../kit/icon';
import { toast } from '../kit/toast';
import { findChats } from '../list/find-chats';
import { wordsOf } from '../media/kinds';
import { go } from '../router';
import { type Forwarding, forwarding } from './forward-state';

/** More at once is not sending on but copying an archive. */
const MESSAGES_MOST = 100;
const CHATS_MOST = 20;

interface OptionProps {
  address: Address;
  id: string;
  current: boolean;
  chosen: boolean;
  point(): void;
  pick(): void;
}

function Option({ address, id, current, chosen, point, pick }: OptionProps) {
  const chat = useSession().chat(address);
  const self = chat.kind === 'self';
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are handled by the field that owns the list.
    // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field (aria-activedescendant).
    <div
      id={id}
      role="option"
      aria-selected={chosen}
      class={`menu-item ${current ? 'cur' : ''}`}
      onPointerMove={point}
      onClick={pick}
    >
      <Avatar name={chatName(chat)} address={address} icon={self ? 'edit' : undefined} />
      <span class="switch-who">
        <bdi class="clip">{chatName(chat)}</bdi>
        <small class="clip" dir="auto">
          {self ? t('notes.hint') : address}
        </small>
      </span>
      <span class={`tick ${chosen ? 'on' : ''}`}>{chosen && <Icon name="check" />}</span>
    </div>
  );
}

/** What goes, in one line. */
function Preview({ messages }: Pick<Forwarding, 'messages'>) {
  const [first] = messages;
  return (
    <p class="forward-what clip" dir="auto">
      {messages.length === 1 && first ? wordsOf(first) : t('forward.count', { n: messages.length })}
    </p>
  );
}

function Body({ messages, done, close }: Forwarding & { close(): void }) {
  const session = useSession();
  const [query, setQuery] = useState('');
  const [at, setAt] = useState(0);
  const [chosen, choose] = useState<readonly Address[]>([]);
  const [error, setError] = useState('');
  const list = useRef<HTMLDivElement>(null);
  const order = session.chatOrder.value;
  const contacts = session.contactOrder.value;
  const found = useMemo(
    () => findChats(session, query).filter((address) => !session.contact(address)?.blocked),
    [order, contacts, query],
  );
  const nameOf = (address: Address) => chatName(session.chat(address));

  const pick = (i: number) => {
    const address = found[i];
    if (!address) return;
    setAt(i);
    if (chosen.includes(address)) choose(chosen.filter((it) => it !== address));
    else if (chosen.length >= CHATS_MOST) return setError(t('forward.tooManyChats', { n: CHATS_MOST }));
    else choose([...chosen, address]);
    setError('');
  };
  const send = () => {
    if (chosen.length === 0) return setError(t('forward.none'));
    if (messages.length > MESSAGES_MOST) return setError(t('forward.tooMany', { n: MESSAGES_MOST }));
    close();
    const keys = messages.map((it) => it.key);
    const [only] = chosen.length === 1 ? chosen : [];
    session.forward(keys, chosen).then(
      () => {
        done();
        toast(only ? t('forward.done', { name: nameOf(only) }) : t('forward.doneMany', { n: chosen.length }), {
          icon: 'forward',
          ...(only && { action: { label: t('forward.open'), run: () => go({ page: 'chats', chat: only }) } }),
        });
      },
      () => toast(t('forward.failed'), { bad: true }),
    );
  };
  const move = (to: number) => {
    const next = (to + found.length) % Math.max(1, found.length);
    setAt(next);
    list.current?.querySelector(`#forward-${next}`)?.scrollIntoView({ block: 'nearest' });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === 'ArrowDown') move(at + 1);
    else if (event.key === 'ArrowUp') move(at - 1);
    else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) send();
    else if (event.key === 'Enter') pick(at);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <Preview messages={messages} />
      <div class="search switch-search">
        <Icon name="search" />
        <input
          type="text"
          role="combobox"
          data-first
          aria-label={t('forward.search')}
          aria-expanded="true"
          aria-controls="forward-list"
          aria-activedescendant={found.length > 0 ? `forward-${at}` : undefined}
          aria-autocomplete="list"
          placeholder={t('forward.search')}
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
      <div
        class="switch-list"
        id="forward-list"
        role="listbox"
        aria-multiselectable="true"
        aria-label={t('switcher.results')}
        ref={list}
      >
        {found.map((address, i) => (
          <Option
            key={address}
            address={address}
            id={`forward-${i}`}
            current={i === at}
            chosen={chosen.includes(address)}
            point={() => setAt(i)}
            pick={() => pick(i)}
          />
        ))}
      </div>
      {found.length === 0 && <p class="forward-none">{t('search.none', { query })}</p>}
      <footer class="forward-end">
        <p role="status" class={error ? 'err-text' : 'clip'} dir="auto">
          {error || (chosen.length > 0 ? t('forward.to', { names: chosen.map(nameOf).join(', ') }) : t('forward.hint'))}
        </p>
        <Button look="primary" icon="forward" onClick={send}>
          {t('forward.send')}
        </Button>
      </footer>
    </>
  );
}

export function ForwardDialog() {
  const now = forwarding.value;
  if (!now) return null;
  const close = () => {
    forwarding.value = undefined;
  };
  return (
    <Dialog title={t('forward.title')} class="switcher forward" onClose={close}>
      <Body {...now} close={close} />
    </Dialog>
  );
}
