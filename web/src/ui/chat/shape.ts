// What stands round a message: the line between two days, "New messages", and whether it begins a run.
import type { Message } from '../../store/model';
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
  const { body, mark } = messages[i]!;
  const room = Math.max(10, Math.min(width * 0.8, 33 * rem) / (rem * 0.47) - 6);
  let lines = 0;
  for (const part of body.length > 4000 ? [body.slice(0, 4000)] : body.split('\n'))
    lines += Math.max(1, Math.ceil(part.length / room));
  const before = messages[i - 1];
  const first = !before || before.from !== messages[i]!.from || messages[i]!.time - before.time > RUN;
  return lines * rem * 1.32 + 14 + (first ? 14 : 2) + (mark === 'failed' ? 2.4 * rem : 0);
}
