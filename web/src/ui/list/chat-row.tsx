// One chat in the list. It reads only its own chat's signals, so that one message redraws one row.
import { useRef } from 'preact/hooks';
import type { Address, Message } from '../../store/model';
import { meText } from '../chat/me';
import { chatName, isConnected, useSession } from '../context';
import { t } from '../i18n';
import { Avatar } from '../kit/avatar';
import { Badge } from '../kit/controls';
import { Icon, type IconName } from '../kit/icon';
import { useLongPress } from '../kit/long-press';
import { MarkSign } from '../kit/marks';
import { lineOf, wordsOf } from '../media/kinds';
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
  if (message.retracted)
    return (
      <>
        <Icon name="trash" small />
        <span class="row-text clip">{wordsOf(message)}</span>
      </>
    );
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

function RowSign({ icon, label }: { icon: IconName; label: string }) {
  return (
    <span class="row-sign" title={label}>
      <Icon name={icon} small />
      <span class="sr">{label}</span>
    </span>
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
  const muted = chat.muted.value;
  const pinned = chat.settings.value.pinned === true;
  const anchor = useRef<HTMLAnchorElement>(null);
  const menu = (at: { x: number; y: number } | DOMRect, asSheet: boolean) =>
    void import('./chat-menu').then(({ chatMenu }) => chatMenu(session, chat, at, asSheet));
  const press = useLongPress('', () => menu(anchor.current!.getBoundingClientRect(), true));
  void today.value;
  return (
    <a
      ref={anchor}
      class={unread > 0 && !muted ? 'row unread' : 'row'}
      href={hrefOf({ page: 'chats', chat: address })}
      tabIndex={tabIndex}
      draggable={false}
      onContextMenu={(event) => {
        event.preventDefault();
        if ((event as unknown as PointerEvent).pointerType === 'touch') return;
        // By the keyboard it comes without a place.
        const keys = event.clientX === 0 && event.clientY === 0;
        const at = keys ? event.currentTarget.getBoundingClientRect() : { x: event.clientX, y: event.clientY };
        menu(at, false);
      }}
      {...press}
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
          {muted && <RowSign icon="mute" label={t('chat.isMuted')} />}
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
          {pinned && unread === 0 && <RowSign icon="pin" label={t('chat.isPinned')} />}
          <Badge count={unread} quiet={muted} />
        </span>
      </span>
    </a>
  );
}
