import type { Hit } from '../../store/model';
import type { Term } from '../../store/terms';
import { chatName, useSession } from '../context';
import { t } from '../i18n';
import { Avatar } from '../kit/avatar';
import { Icon } from '../kit/icon';
import { go, hrefOf } from '../router';
import { full, short } from '../time';
import { snippet, wantedHit } from './found';

export function openHit(hit: Hit): void {
  wantedHit.value = hit;
  go({ page: 'chats', chat: hit.chat });
}

/** A message that was found: where, when, and the words in it. */
export function HitRow({ hit, wanted, tabIndex }: { hit: Hit; wanted: readonly Term[]; tabIndex: 0 | -1 }) {
  const session = useSession();
  const chat = session.chat(hit.chat);
  const name = chatName(chat);
  return (
    <a
      class="row hit"
      href={hrefOf({ page: 'chats', chat: hit.chat })}
      tabIndex={tabIndex}
      draggable={false}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        openHit(hit);
      }}
    >
      <Avatar name={name} address={hit.chat} icon={chat.kind === 'self' ? 'edit' : undefined} />
      <span class="row-body">
        <span class="row-top">
          <bdi class="row-name clip">{name}</bdi>
          <time class="row-time" dateTime={new Date(hit.time).toISOString()} title={full(hit.time)}>
            {short(hit.time)}
          </time>
        </span>
        <span class="row-end">
          {hit.file && <Icon name="file" small />}
          <span class="row-text clip" dir="auto">
            {hit.mine && <span class="hit-who">{t('search.you')} </span>}
            {snippet(hit.text, wanted).map((it) => (it.found ? <mark>{it.text}</mark> : it.text))}
          </span>
        </span>
      </span>
    </a>
  );
}
