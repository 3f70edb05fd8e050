// What stands round a message: the line between two days, "New messages", and whether it begins a run.
import type { Message } from '../../store/model';
import { boxOf, kindOf } from '../media/kinds';
import { startOfDay } from '../time';

export interface Shape {
  /** The start of this message's day, when a line with the day stands before it; else 0. */
  day: number;
  /** The "New messages" line stands before it. */
  fresh: boolean;
  /** First of a run: same sender, same day, within five minutes of the one before. */
  first: boolean;
}

const RUN = 5 * 60_000;
/** Pictures that follow each other this fast are one album, if there are not more than so many. */
const ALBUM = 2 * 60_000;
const ALBUM_MOST = 60;

function inGrid({ file, caption, mark, opaque }: Message): boolean {
  return !!file && !caption && !opaque && mark !== 'failed' && kindOf(file) === 'image';
}

function follows(messages: readonly Message[], i: number, firstUnread: string | undefined): boolean {
  const [before, message] = [messages[i - 1], messages[i]];
  if (!before || !message || !inGrid(before) || !inGrid(message) || message.key === firstUnread) return false;
  return (
    before.from === message.from &&
    message.time - before.time <= ALBUM &&
    startOfDay(before.time) === startOfDay(message.time)
  );
}

/** The album that begins with this message, or that it stands in; undefined for a picture alone and for all else. */
export function albumAt(
  messages: readonly Message[],
  i: number,
  firstUnread: string | undefined,
): { head: boolean; messages: readonly Message[] } | undefined {
  if (!messages[i]?.file) return undefined;
  if (follows(messages, i, firstUnread)) return { head: false, messages: [] };
  let end = i + 1;
  while (end < messages.length && end - i < ALBUM_MOST && follows(messages, end, firstUnread)) end++;
  return end - i > 1 ? { head: true, messages: messages.slice(i, end) } : undefined;
}

export function shapeOf(messages: readonly Message[], i: number, firstUnread: string | undefined): Shape {
  const message = messages[i]!;
  const before = messages[i - 1];
  const day = startOfDay(message.time);
  const newDay = !before || startOfDay(before.time) !== day;
  const fresh = message.key === firstUnread;
  const first = newDay || fresh || before.from !== message.from || message.time - before.time > RUN;
  return { day: newDay ? day : 0, fresh, first };
}

/** A guess of a row's height in pixels, good enough that measuring it moves the scroll bar only a little. */
export function guess(messages: readonly Message[], i: number, width: number, rem: number): number {
  const { body, mark, file } = messages[i]!;
  if (file) {
    const album = albumAt(messages, i, undefined);
    if (album && !album.head) return 0;
    const kind = kindOf(file);
    if (kind !== 'image' && kind !== 'video') return 5 * rem + (mark === 'failed' ? 2.4 * rem : 0);
    const box = boxOf(file);
    const across = Math.min(width * 0.84, (album ? 25 : box.width) * rem);
    return across / (album ? 1.05 : box.ratio) + 20;
  }
  const room = Math.max(10, Math.min(width * 0.8, 33 * rem) / (rem * 0.47) - 6);
  let lines = 0;
  for (const part of body.length > 4000 ? [body.slice(0, 4000)] : body.split('\n'))
    lines += Math.max(1, Math.ceil(part.length / room));
  const before = messages[i - 1];
  const first = !before || before.from !== messages[i]!.from || messages[i]!.time - before.time > RUN;
  return lines * rem * 1.32 + 14 + (first ? 14 : 2) + (mark === 'failed' ? 2.4 * rem : 0);
}
