// What came live or was written here bears this device's time until the archive tells its own. Both stand in one list, and
// the two clocks differ. A page of the archive is a stretch without holes: whatever else is stored stands outside of it,
// on the side on which it stood before; what is not stored yet comes behind it.
import { byKey, rowsBetween } from '../db/messages';
import type { MessageRow } from '../db/schema';
import type { Batch } from './batch';

/** In ms. Archives may tell the time in µs, others in seconds: within a chat all are at least so far apart. */
export const TICK = 0.001;

/** What a page told of one chat. Times in ms. */
export interface Stretch {
  keys: Set<string>;
  /** Its first and its last message. */
  from: number;
  to: number;
  /**
   * What is stored, stood before this and is not in the page is older than the page: of what came (true: it has an id of
   * the archive) and of what was written here. One that waited long to be sent does not tell where the others are.
   */
  until: Map<boolean, number>;
}

/** Moves whatever this device's clock has put into a stretch and is not part of it. */
export async function keepOut(batch: Batch, chat: string, { keys, from, to, until }: Stretch): Promise<void> {
  const older: MessageRow[] = [];
  const newer: MessageRow[] = [];
  for (const row of await rowsBetween(
    batch.tx,
    chat,
    Math.min(from, ...until.values()),
    Math.max(to, ...until.values()),
  )) {
    const end = until.get(hasCome(row));
    if (end === undefined || !row.localTime || isUnsent(row) || keys.has(row.key)) continue;
    if (row.time >= end && row.time <= to) newer.push(row);
    else if (row.time < end && row.time >= from) older.push(row);
  }
  for (const row of await waiting(batch, chat)) if (row.time <= to && !keys.has(row.key)) newer.push(row);
  await line(batch, chat, older, from, -1);
  await line(batch, chat, newer, to, 1);
}

export const hasCome = ({ archiveId }: MessageRow) => archiveId !== undefined;

const isUnsent = ({ mark }: MessageRow) => mark === 'sending' || mark === 'failed';

/** What I have written there and is not stored, oldest first. */
async function waiting(batch: Batch, chat: string): Promise<MessageRow[]> {
  const rows: MessageRow[] = [];
  for (const { key, chat: its, kind } of await batch.tx.objectStore('outbox').getAll()) {
    const row = its === chat && (kind === 'message' || kind === 'file') ? await byKey(batch.tx, key) : undefined;
    if (row?.mark === 'sending') rows.push(row);
  }
  return rows;
}

/** The row has another time now: so have the ends of gaps, and how far each side has read. */
export async function moved(batch: Batch, row: MessageRow, next: MessageRow): Promise<void> {
  if (row.time === next.time) return;
  const gaps = batch.tx.objectStore('gaps');
  for (const gap of await gaps.index('chat').getAll(row.chat))
    if (gap.before !== '' && gap.before === row.archiveId) await gaps.put({ ...gap, beforeTime: next.time });
  // Who writes without a connection has not seen what came meanwhile.
  if (next.mark === 'sending') return;
  const chat = await batch.chat(row.chat);
  // Each is the time of a message. Left behind by it, one clock's time would stand among the other's: what comes next might
  // count as read, or its sender never hear that it is.
  for (const upTo of ['readTime', 'markedTime', 'peerReadTime'] as const)
    if (chat[upTo] === row.time) chat[upTo] = next.time;
  if (next.mine && next.time > row.time) batch.hasSaid(next);
  if (chat.counted && chat.readTime > chat.counted.below) delete chat.counted;
  batch.countAgain(chat);
}

/** Puts `rows` (oldest first) below (-1) or above (1) a time, next to it; what stands there makes room. */
async function line(batch: Batch, chat: string, rows: MessageRow[], time: number, side: 1 | -1): Promise<void> {
  if (rows.length === 0) return;
  const keys = new Set(rows.map((row) => row.key));
  let all = rows;
  for (;;) {
    const end = time + side * (all.length + 1) * TICK;
    const there = (await rowsBetween(batch.tx, chat, Math.min(time, end), Math.max(time, end))).filter(
      (row) => row.time !== time && !keys.has(row.key),
    );
    if (there.length === 0) break;
    for (const row of there) keys.add(row.key);
    all = side < 0 ? [...there, ...all] : [...all, ...there];
  }
  for (const [i, row] of all.entries()) {
    const next = time + (side < 0 ? i - all.length : i + 1) * TICK;
    await moved(batch, row, await batch.update(row, { time: next }));
  }
}
