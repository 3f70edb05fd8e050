// Where to send messages on: chats and people by a few letters, as many as one likes.
import { useMemo, useRef, useState } from 'preact/hooks';
import type { Address } from '../../store/model';
import { chatName, useSession } from '../context';
import { t } from '../i18n-later';
import { Button } from '../kit/controls';
import { Dialog } from '../kit/dialog';
import { Icon } from '../kit/icon';
import { toast } from '../kit/toast';
import { ChatOption, ChooserField, stepped } from '../list/chooser';
import { findChats } from '../list/find-chats';
import { wordsOf } from '../media/kinds';
import { go } from '../router';
import { type Forwarding, forwarding } from './forward-state';

/** More at once is not sending on but copying an archive. */
const MESSAGES_MOST = 100;
const CHATS_MOST = 20;

/** What goes, in one line. */
function Preview({ messages, shared }: Pick<Forwarding, 'messages' | 'shared'>) {
  const [first] = messages;
  const text = shared && (shared.link?.title ?? shared.text);
  return (
    <p class="forward-what clip" dir="auto">
      {text ?? (messages.length === 1 && first ? wordsOf(first) : t('forward.count', { n: messages.length }))}
    </p>
  );
}

function Body({ messages, shared, done, close }: Forwarding & { close(): void }) {
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
    const { text, link } = shared ?? {};
    const told = session.choices.peek().previews ? link : undefined;
    const sent =
      text === undefined
        ? session.forward(keys, chosen)
        : Promise.all(chosen.map((chat) => session.send(chat, text, undefined, told)));
    sent.then(
      () => {
        done();
        toast(
          only
            ? t(shared ? 'share.done' : 'forward.done', { name: nameOf(only) })
            : t(shared ? 'share.doneMany' : 'forward.doneMany', { n: chosen.length }),
          {
            icon: 'forward',
            ...(only && { action: { label: t('forward.open'), run: () => go({ page: 'chats', chat: only }) } }),
          },
        );
      },
      () => toast(t('forward.failed'), { bad: true }),
    );
  };
  const move = (by: 1 | -1) => setAt(stepped(list.current, at, by, found.length));
  const mark = (address: Address) => chosen.includes(address) && <Icon name="check" />;
  return (
    <>
      <Preview messages={messages} {...(shared && { shared })} />
      <ChooserField
        label={t('forward.search')}
        placeholder={t('forward.search')}
        list="forward"
        at={found.length > 0 ? at : undefined}
        query={query}
        search={(text) => {
          setQuery(text);
          setAt(0);
        }}
        move={move}
        enter={(command) => (command ? send() : pick(at))}
      />
      <div
        class="switch-list"
        id="forward"
        role="listbox"
        aria-multiselectable="true"
        aria-label={t('switcher.results')}
        ref={list}
      >
        {found.map((address, i) => (
          <ChatOption
            key={address}
            address={address}
            id={`forward-${i}`}
            current={i === at}
            selected={chosen.includes(address)}
            end={<span class={`tick ${chosen.includes(address) ? 'on' : ''}`}>{mark(address)}</span>}
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
    <Dialog title={t(now.shared ? 'share.title' : 'forward.title')} class="switcher forward" onClose={close}>
      <Body {...now} close={close} />
    </Dialog>
  );
}
