// What stands round a message: the line between two days, "New messages", and whether it begins a run.
import type { Message } from '../../store/model';
import { boxOf, kindOf } from '../media/kinds';
import { startOfDay } from '../time';
import { meText } from './me';

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

/** Words that came this soon behind a picture were sent with it (an app sends them as a message of their own) and stand in its bubble. */
const WITH_PICTURE = 3000;

function showsPicture({ file, caption, mark, opaque }: Message): boolean {
  return !!file && !caption && !opaque && mark !== 'failed' && ['image', 'video'].includes(kindOf(file));
}

/** Do the words stand in the bubble of the picture above them? */
export function isCaption(messages: readonly Message[], i: number, firstUnread: string | undefined): boolean {
  const [picture, words] = [messages[i - 1], messages[i]];
  if (!picture || !words || !showsPicture(picture) || words.key === firstUnread) return false;
  if (
    words.file ||
    words.opaque ||
    words.retracted ||
    words.reply ||
    words.mark === 'failed' ||
    meText(words.body) !== undefined
  )
    return false;
  const soon = words.time - picture.time <= WITH_PICTURE && startOfDay(words.time) === startOfDay(picture.time);
  return soon && words.from === picture.from;
}

/** The message as it is drawn: with the words that stand below it, or below the last picture of its album. */
export function withWords(
  messages: readonly Message[],
  i: number,
  album: readonly Message[] | undefined,
  firstUnread: string | undefined,
): Message {
  const message = messages[i]!;
  const at = i + (album?.length ?? 1);
  if (!message.file || !isCaption(messages, at, firstUnread)) return message;
  const { body, time } = messages[at]!;
  return { ...message, caption: body, time, mark: leastFar(messages.slice(i, at + 1)).mark };
}

const FAR = ['failed', 'sending', 'sent', 'delivered', 'read'];
/** Several messages in one bubble have come as far as the last of them; their time is that of their end. */
export function leastFar(all: readonly Message[]): Message {
  const mark = all.reduce((least, m) => (FAR.indexOf(m.mark) < FAR.indexOf(least) ? m.mark : least), all[0]!.mark);
  return { ...all.at(-1)!, mark };
}

/** How many messages stand in the bubble that begins with this one. */
export function partsAt(messages: readonly Message[], i: number, firstUnread: string | undefined): number {
  const end = i + (albumAt(messages, i, firstUnread)?.messages.length ?? 1);
  return end - i + (messages[i]!.file && isCaption(messages, end, firstUnread) ? 1 : 0);
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
  const { body, mark, file, link, reply, reactions } = messages[i]!;
  if (file) {
    const album = albumAt(messages, i, undefined);
    if (album && !album.head) return 0;
    const kind = kindOf(file);
    if (kind !== 'image' && kind !== 'video') return 5 * rem + (mark === 'failed' ? 2.4 * rem : 0);
    const box = boxOf(file);
    const across = Math.min(width * 0.84, (album ? 25 : box.width) * rem);
    const words = isCaption(messages, i + (album?.messages.length ?? 1), undefined) ? 2 * rem : 0;
    return across / (album ? 1.05 : box.ratio) + 20 + words;
  }
  if (isCaption(messages, i, undefined)) return 0;
  const room = Math.max(10, Math.min(width * 0.8, 33 * rem) / (rem * 0.47) - 6);
  let lines = 0;
  for (const part of body.length > 4000 ? [body.slice(0, 4000)] : body.split('\n'))
    lines += Math.max(1, Math.ceil(part.length / room));
  const before = messages[i - 1];
  const first = !before || before.from !== messages[i]!.from || messages[i]!.time - before.time > RUN;
  const extra = (reply ? 3.2 * rem : 0) + (reactions ? 1.3 * rem : 0) + (link ? 4.6 * rem : 0);
  return lines * rem * 1.32 + 14 + extra + (first ? 14 : 2) + (mark === 'failed' ? 2.4 * rem : 0);
}
