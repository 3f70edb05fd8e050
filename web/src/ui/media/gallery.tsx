// What a chat's people have sent each other, by kind, newest first: as far as this browser has seen it.
import { useEffect, useState } from 'preact/hooks';
import type { Chat, Message } from '../../store/model';
import { findLinks } from '../chat/links';
import { useSession } from '../context';
import { t } from '../i18n';
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

export function Gallery({ chat }: { chat: Chat }) {
  const session = useSession();
  const [all, setAll] = useState<readonly Message[]>([]);
  const [chosen, setChosen] = useState<Tab | undefined>(undefined);
  const [shown, setShown] = useState(PAGE);
  const last = chat.last.value;
  useEffect(() => {
    let gone = false;
    void session
      .shared(chat.address)
      .then((found) => !gone && setAll(found))
      .catch(() => {});
    return () => {
      gone = true;
    };
  }, [session, chat.address, last?.key, last?.mark, last?.file?.url]);
  const by = new Map<Tab, Message[]>();
  for (const message of all) {
    // On its way it is in the chat only.
    if (message.file && !message.file.url) continue;
    const tab = tabOf(message);
    if (tab === 'links' && !findLinks(message.body).some((it) => /^https?:/.test(it.href))) continue;
    by.set(tab, [...(by.get(tab) ?? []), message]);
  }
  const there = TABS.filter((it) => by.has(it));
  const tab = chosen && by.has(chosen) ? chosen : there[0];
  if (!tab) return null;
  const list = by.get(tab)!;
  const some = list.slice(0, shown);
  return (
    <section class="shared" aria-label={t('shared.title')}>
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
      {list.length > shown && (
        <Button wide look="soft" onClick={() => setShown(shown + PAGE * 3)}>
          {t('shared.more')}
        </Button>
      )}
    </section>
  );
}
