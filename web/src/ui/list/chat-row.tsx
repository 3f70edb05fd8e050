// One chat in the list. It reads only its own chat's signals, so that one message redraws one row.
import type { Address, Message } from '../../store/model';
import { meText } from '../chat/me';
import { chatName, isConnected, useSession } from '../context';
import { t } from '../i18n';
import { Avatar } from '../kit/avatar';
import { Badge } from '../kit/controls';
import { Icon } from '../kit/icon';
import { MarkSign } from '../kit/marks';
import { lineOf } from '../media/kinds';
import { hrefOf, route } from '../router';
import { full, short, today } from '../time';

/** One line, whatever was written. */
const oneLine = (text: string) => text.replace(/\s+/g, ' ').slice(0, 200);

function LastLine({ message, name }: { message: Message; name: string }) {
  const { file } = message;
  if (file) {
    const line = lineOf(file);
    return (
      <>
        {message.mine && <MarkSign mark={message.mark} />}
        <Icon name={line.icon} small />
        <span class="row-text clip" dir="auto">
          {oneLine(message.caption || line.text)}
        </span>
      </>
    );
  }
  const me = meText(message.body);
  return (
    <>
      {message.mine && <MarkSign mark={message.mark} />}
      <span class="row-text clip" dir="auto">
        {me === undefined ? oneLine(message.body) : `${message.mine ? t('you') : name} ${oneLine(me)}`}
      </span>
    </>
  );
}

export function ChatRow({ address, tabIndex }: { address: Address; tabIndex: 0 | -1 }) {
  const session = useSession();
  const chat = session.chat(address);
  const name = chatName(chat);
  const last = chat.last.value;
  const unread = chat.unread.value;
  const current = route.value.chat === address;
  const draft = current ? '' : chat.draft.value.trim();
  const typing = chat.typing.value;
  const self = chat.kind === 'self';
  const known = isConnected(session) && !self;
  void today.value;
  return (
    <a
      class={unread > 0 ? 'row unread' : 'row'}
      href={hrefOf({ page: 'chats', chat: address })}
      tabIndex={tabIndex}
      draggable={false}
      aria-current={current ? 'true' : undefined}
    >
      <Avatar
        name={name}
        address={address}
        icon={self ? 'edit' : undefined}
        availability={known ? chat.presence.value.availability : undefined}
      />
      <span class="row-body">
        <span class="row-top">
          <bdi class="row-name clip">{name}</bdi>
          {last && (
            <time class="row-time" dateTime={new Date(last.time).toISOString()} title={full(last.time)}>
              {short(last.time)}
            </time>
          )}
        </span>
        <span class="row-end">
          {typing ? (
            <span class="row-text clip live">{t('typing')}</span>
          ) : draft ? (
            <span class="row-text clip" dir="auto">
              <span class="draft">{t('draft')}</span> {oneLine(draft)}
            </span>
          ) : last ? (
            <LastLine message={last} name={name} />
          ) : (
            <span class="row-text clip">{self ? t('notes.hint') : t('chat.nothingYet')}</span>
          )}
          <Badge count={unread} />
        </span>
      </span>
    </a>
  );
}
