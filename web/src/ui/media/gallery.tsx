// What a chat's people have sent each other, by kind, newest first: what this browser has seen, then, as one asks for
// it, what the archive has from before.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Chat, Message } from '../../store/model';
import { findLinks } from '../chat/links';
import { useSession } from '../context';
import { t } from '../i18n-later';
import { Button } from '../kit/controls';
import { Icon } from '../kit/icon';
import { full } from '../time';
import { FileCard } from './file-card';
import { kindOf } from './kinds';
import { Tile } from './picture';
import { Voice } from './voice';

const TABS = ['media', 'files', 'links', 'voice'] as const;
type Tab = (typeof TABS)[number];
const PAGE = 30;

function tabOf(message: Message): Tab {
  if (!message.file) return 'links';
  const kind = kindOf(message.file);
  return kind === 'image' || kind === 'video' ? 'media' : kind === 'voice' ? 'voice' : 'files';
}

function Links({ messages }: { messages: readonly Message[] }) {
  return (
    <ul class="shared-list">
      {messages.flatMap((message) =>
        findLinks(message.body)
          .filter((it) => /^https?:/.test(it.href))
          .map((it) => (
            <li key={`${message.key} ${it.start}`}>
              <a class="drow" href={it.href} target="_blank" rel="noopener noreferrer nofollow">
                <Icon name="link" />
                <span>
                  <bdi class="shared-link">{message.body.slice(it.start, it.end).replace(/^https?:\/\//, '')}</bdi>
                  <small>{full(message.time)}</small>
                </span>
              </a>
            </li>
          )),
      )}
    </ul>
  );
}

/** By kind, newest first. */
function sorted(all: readonly Message[]): Map<Tab, Message[]> {
  const by = new Map<Tab, Message[]>();
  for (const message of all) {
    // On its way it is in the chat only.
    if (message.file && !message.file.url) continue;
    const tab = tabOf(message);
    if (tab === 'links' && !findLinks(message.body).some((it) => /^https?:/.test(it.href))) continue;
    by.set(tab, [...(by.get(tab) ?? []), message]);
  }
  return by;
}

type End = 'more' | 'loading' | 'start' | 'offline';
/** So many pages of the archive are looked through before the reader is asked again. */
const PAGES = 25;

/** All that is known to be shared, and the way to what is not known yet. */
function useShared(chat: Chat) {
  const session = useSession();
  const [all, setAll] = useState<readonly Message[] | undefined>(undefined);
  const [end, setEnd] = useState<End>('more');
  const alive = useRef(chat.address);
  const last = chat.last.value;
  const online = session.connection.value.state;
  const refresh = async () => {
    const found = await session.shared(chat.address);
    if (alive.current !== chat.address) return found;
    setAll(found.messages);
    if (found.complete) setEnd('start');
    return found;
  };
  useEffect(() => {
    alive.current = chat.address;
    setEnd((now) => (now === 'loading' ? now : 'more'));
    void refresh().catch(() => {});
  }, [session, chat.address, last?.key, last?.mark, last?.file?.url, online]);
  useEffect(
    () => () => {
      alive.current = '';
    },
    [],
  );
  /** Looks until there is more of what `count` counts. */
  const older = async (count: (all: readonly Message[]) => number) => {
    const { address } = chat;
    const before = count(all ?? []);
    setEnd('loading');
    let state: End = 'more';
    try {
      for (let page = 0; page < PAGES && state === 'more' && alive.current === address; page++) {
        state = await session.sharedOlder(address);
        if (count((await refresh()).messages) > before) break;
      }
    } catch {
      state = 'offline';
    }
    if (alive.current === address) setEnd(state);
  };
  return { all, end, older };
}

/** The last line: more of it, the way to earlier ones, or that there are none. */
function SharedEnd({ hidden, end, more, older }: { hidden: boolean; end: End; more(): void; older(): void }) {
  const line = useRef<HTMLDivElement>(null);
  const go = hidden ? more : end === 'more' ? older : undefined;
  const latest = useRef(go);
  latest.current = go;
  // Who scrolls down to it wants to see on; one who only has it before him is not taken to want the whole archive.
  useEffect(() => {
    const box = line.current?.closest<HTMLElement>('.scroll, .details');
    let scrolled = false;
    const near = () => {
      const [a, b] = [line.current?.getBoundingClientRect(), box?.getBoundingClientRect()];
      if (scrolled && a && b && a.top < b.bottom + 200) latest.current?.();
    };
    const onScroll = () => {
      scrolled = true;
      near();
    };
    box?.addEventListener('scroll', onScroll, { passive: true });
    return () => box?.removeEventListener('scroll', onScroll);
  }, []);
  return (
    <div class="shared-end" ref={line}>
      {end === 'loading' ? (
        <span class="looking" role="status">
          <span class="spin" />
          {t('shared.looking')}
        </span>
      ) : go ? (
        <Button wide look="soft" onClick={go}>
          {t(hidden ? 'shared.more' : 'shared.earlier')}
        </Button>
      ) : (
        <span role="status">{t(end === 'offline' ? 'shared.offline' : 'shared.all')}</span>
      )}
    </div>
  );
}

export function Gallery({ chat }: { chat: Chat }) {
  const [chosen, setChosen] = useState<Tab | undefined>(undefined);
  const [shown, setShown] = useState(PAGE);
  const { all, end, older } = useShared(chat);
  if (!all) return null;
  const by = sorted(all);
  const there = TABS.filter((it) => by.has(it));
  const tab = chosen && by.has(chosen) ? chosen : there[0];
  // Nothing ever, and nothing to look for.
  if (!tab && (end === 'start' || !chat.last.value)) return null;
  const list = tab ? by.get(tab)! : [];
  const some = list.slice(0, shown);
  return (
    <section class="shared" aria-label={t('shared.title')}>
      {!tab && <h3 class="shared-title">{t('shared.title')}</h3>}
      {tab && (
        <fieldset class="chips shared-tabs" aria-label={t('shared.title')}>
          {there.map((it) => (
            <button
              type="button"
              class="chip"
              key={it}
              aria-pressed={it === tab}
              onClick={() => {
                setChosen(it);
                setShown(PAGE);
              }}
            >
              {t(`shared.${it}`)}
            </button>
          ))}
        </fieldset>
      )}
      {tab === 'media' && (
        <div class="shared-grid">
          {some.map((message) => (
            <div class="cell" key={message.key}>
              <Tile message={message} small />
            </div>
          ))}
        </div>
      )}
      {tab === 'files' && (
        <ul class="shared-list">
          {some.map((message) => (
            <li key={message.key}>
              {kindOf(message.file!) === 'audio' ? <Voice message={message} /> : <FileCard message={message} />}
            </li>
          ))}
        </ul>
      )}
      {tab === 'voice' && (
        <ul class="shared-list">
          {some.map((message) => (
            <li key={message.key}>
              <Voice message={message} />
              <small class="shared-when">{full(message.time)}</small>
            </li>
          ))}
        </ul>
      )}
      {tab === 'links' && <Links messages={some} />}
      <SharedEnd
        hidden={list.length > shown}
        end={end}
        more={() => setShown(shown + PAGE * 3)}
        older={() => {
          // Room for what is about to be found.
          setShown(shown + PAGE * 3);
          void older((found) => (tab ? (sorted(found).get(tab)?.length ?? 0) : sorted(found).size));
        }}
      />
    </section>
  );
}
