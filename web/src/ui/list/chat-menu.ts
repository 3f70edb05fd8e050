// What can be done with a whole chat, from its row and from its details: pin, mute, archive.
import type { Chat, Session } from '../../store/model';
import { chatName } from '../context';
import { t } from '../i18n-later';
import { type Item, showMenu } from '../kit/menu';
import { toast } from '../kit/toast';
import { brief } from '../time';

const HOUR = 3_600_000;
type Place = { x: number; y: number } | DOMRect;

/** Whether it is out of the list now. */
export const isArchived = (session: Session, chat: Chat) => session.archivedOrder.value.includes(chat.address);

export function setPinned(session: Session, chat: Chat, pinned: boolean): void {
  void session.setChat(chat.address, { pinned });
}

export function setArchived(session: Session, chat: Chat, archived: boolean): void {
  const wasPinned = chat.settings.peek().pinned;
  void session.setChat(chat.address, { archived, ...(archived && { pinned: false }) });
  toast(t(archived ? 'chat.archivedToast' : 'chat.unarchivedToast', { name: chatName(chat) }), {
    icon: 'archive',
    action: {
      label: t('undo'),
      run: () => void session.setChat(chat.address, { archived: !archived, ...(wasPinned && { pinned: true }) }),
    },
  });
}

/** For how long. */
export function muteMenu(session: Session, chat: Chat, at: Place): void {
  const until = (muted: number | undefined) => () => void session.setChat(chat.address, { muted });
  const items: Item[] = [
    { label: t('mute.hour'), run: () => until(Date.now() + HOUR)() },
    { label: t('mute.eight'), run: () => until(Date.now() + 8 * HOUR)() },
    { label: t('mute.week'), run: () => until(Date.now() + 7 * 24 * HOUR)() },
    { label: t('mute.ever'), run: until(Number.POSITIVE_INFINITY) },
  ];
  showMenu({ label: t('mute.title'), items, at });
}

/** In words; undefined when it is not silent. */
export function mutedText(chat: Chat): string | undefined {
  if (!chat.muted.value) return undefined;
  const until = chat.settings.value.muted;
  return until === undefined || until === Number.POSITIVE_INFINITY
    ? t('mute.isEver')
    : t('mute.isUntil', { time: brief(until) });
}

export function toggleMute(session: Session, chat: Chat, at: Place): void {
  if (chat.muted.peek()) void session.setChat(chat.address, { muted: undefined });
  else muteMenu(session, chat, at);
}

export function chatMenu(session: Session, chat: Chat, at: Place, asSheet?: boolean): void {
  const { pinned } = chat.settings.peek();
  const archived = session.archivedOrder.peek().includes(chat.address);
  const muted = chat.muted.peek();
  const items: Item[] = [];
  if (!archived)
    items.push({
      label: t(pinned ? 'chat.unpin' : 'chat.pin'),
      icon: 'pin',
      run: () => setPinned(session, chat, !pinned),
    });
  if (chat.kind === 'person')
    items.push({
      label: t(muted ? 'chat.unmute' : 'chat.mute'),
      icon: muted ? 'bell' : 'mute',
      // The next menu opens when this one has gone and given the focus back.
      run: () => setTimeout(() => toggleMute(session, chat, at)),
    });
  items.push({
    label: t(archived ? 'chat.unarchive' : 'chat.archive'),
    icon: 'archive',
    run: () => setArchived(session, chat, !archived),
  });
  showMenu({ label: t('chat.menu', { name: chatName(chat) }), items, at }, asSheet);
}
