// What is missing in the cache: stretches of the whole archive, or of one conversation. Nothing that stands below a gap
// is shown next to what stands above it.
import { type BatchTx, newestOthers } from '../db/messages';
import type { AccountDb, ChatRow, GapRow } from '../db/schema';
import type { Batch } from './batch';

/** Less than any two messages of a chat are apart. */
const HAIR = 0.0005;

/** Only ticks are missing: nothing to hide. */
export const isTicks = (gap: GapRow) => gap.chat !== '' && gap.before === '';

/** What is not newer than this may not be shown next to what is above the gap. */
export function edgeOf(gap: GapRow): number {
  return gap.chat === '' ? gap.afterTime : gap.beforeTime - HAIR;
}

async function gapsOf(db: AccountDb, chat: string): Promise<GapRow[]> {
  const [all, own] = await Promise.all([
    db.getAllFromIndex('gaps', 'chat', ''),
    db.getAllFromIndex('gaps', 'chat', chat),
  ]);
  return [...all, ...own];
}

/** The nearest gap of a conversation below a time. */
export async function gapBelow(db: AccountDb, chat: string, time: number): Promise<GapRow | undefined> {
  let found: GapRow | undefined;
  for (const gap of await gapsOf(db, chat))
    if (!isTicks(gap) && edgeOf(gap) < time && (!found || edgeOf(gap) > edgeOf(found))) found = gap;
  return found;
}

export async function holeBelow(db: AccountDb, chat: string, time: number): Promise<number | undefined> {
  const gap = await gapBelow(db, chat, time);
  return gap && edgeOf(gap);
}

export async function ticksOf(db: AccountDb, chat: string): Promise<GapRow | undefined> {
  return (await db.getAllFromIndex('gaps', 'chat', chat)).find(isTicks);
}

export async function hasGap(db: AccountDb, chat: string): Promise<boolean> {
  return (await gapsOf(db, chat)).some((gap) => !isTicks(gap));
}

/** Closes a gap of a conversation, or makes it end earlier, and looks what that tells about what is unread. */
export async function shrink(
  batch: Batch,
  gap: GapRow,
  rest: Pick<GapRow, 'before' | 'beforeTime'> | undefined,
): Promise<void> {
  const store = batch.tx.objectStore('gaps');
  const { tail: _, ...row } = gap;
  if (rest) await store.put({ ...row, ...rest });
  else if (gap.id !== undefined) await store.delete(gap.id);
  const chat = await batch.chat(gap.chat);
  if (!rest && gap.after === '') chat.complete = true;
  batch.touch(chat);
  await settleCount(batch, chat);
}

/** The server's count holds as long as unread messages may be missing. Then it says which of ours is the first of them. */
export async function settleCount(batch: Batch, chat: ChatRow): Promise<void> {
  const { counted } = chat;
  if (!counted) return;
  const newest = await newestEdge(batch.tx, chat.address);
  const upTo = newest === undefined ? chat.readTime : Math.max(chat.readTime, newest);
  const others = await newestOthers(batch.tx, chat.address, upTo, Number.POSITIVE_INFINITY);
  const expected = counted.unread + others.filter((row) => row.time > counted.upTo).length;
  const all = newest === undefined || newest <= chat.readTime;
  if (!all && others.length < expected) {
    chat.counted = { ...counted, below: newest };
    batch.countAgain(chat);
    return;
  }
  delete chat.counted;
  const read = others[expected];
  const first = others[expected - 1];
  if (read) batch.raiseReadTime(chat, read.time);
  else if (first && !all) batch.raiseReadTime(chat, first.time - HAIR);
  batch.countAgain(chat);
}

/** Where the newest gap of a conversation ends. */
async function newestEdge(tx: BatchTx, chat: string): Promise<number | undefined> {
  const gaps = (await tx.objectStore('gaps').index('chat').getAll(chat)).filter((gap) => !isTicks(gap));
  return gaps.length === 0 ? undefined : Math.max(...gaps.map(edgeOf));
}
