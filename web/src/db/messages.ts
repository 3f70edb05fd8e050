// Messages in the cache: pages, look-ups, counts. Functions on a transaction compose into one.
import type { Message, Reaction } from '../store/model';
import { signKey } from '../store/signs';
import type { AccountDb, ChatRow, MessageRow, Reacted, Tx } from './schema';

/** The transaction that everything about messages shares. */
export type BatchTx = Tx<'messages' | 'chats' | 'outbox' | 'marks' | 'uploads' | 'gaps' | 'meta' | 'amends' | 'mirror'>;

export function ident(chat: string, from: string, id: string): string {
  return `${chat}\n${from}\n${id}`;
}

export function identsOf(chat: string, from: string, ids: (string | undefined)[]): string[] {
  return [...new Set(ids.filter((id): id is string => !!id).map((id) => ident(chat, from, id)))];
}

/** Only what the views may see. */
export function toMessage(row: MessageRow): Message {
  const { key, chat, from, mine, time, body, mark, failure, opaque, unstyled, file, caption, link, unheard } = row;
  const message: Message = { key, chat, from, mine, time, body, mark };
  if (failure) message.failure = failure;
  if (opaque) message.opaque = opaque;
  if (unstyled) message.unstyled = unstyled;
  if (file) message.file = file;
  if (caption) message.caption = caption;
  if (link) message.link = link;
  if (unheard) message.unheard = unheard;
  if (!row.id && !row.originId) message.nameless = true;
  if (row.reply) message.reply = row.reply;
  if (row.retracted) message.retracted = true;
  if (row.hidden) message.hidden = true;
  if (row.trouble) message.trouble = row.trouble;
  if (row.versions?.length) {
    const all = [{ ...row.first!, time: row.time }, ...row.versions];
    message.earlier = all.slice(0, -1).map((it) => ({ body: it.caption || it.body, time: it.time }));
    message.edited = all.at(-1)!.time;
    if (row.versions.some((it) => it.sending)) message.changing = true;
  }
  const reactions = reactionsOf(row.reacted ?? []);
  if (reactions.length > 0) message.reactions = reactions;
  return message;
}

/** Each sign once, in the order in which it was first given. */
function reactionsOf(reacted: readonly Reacted[]): Reaction[] {
  const all = new Map<string, { sign: string; from: Set<string> }>();
  for (const { from, signs } of [...reacted].sort((a, b) => a.time - b.time))
    for (const sign of signs) {
      const known = all.get(signKey(sign)) ?? { sign, from: new Set() };
      known.from.add(from);
      all.set(signKey(sign), known);
    }
  return [...all.values()].map(({ sign, from }) => ({ sign, from: [...from] }));
}

export function newChat(address: string): ChatRow {
  return {
    address,
    unread: 0,
    draft: '',
    readTime: 0,
    markedTime: 0,
    peerReadTime: 0,
    activity: 0,
    wrote: false,
    complete: false,
  };
}

export async function chatRow(tx: BatchTx, address: string): Promise<ChatRow> {
  return (await tx.objectStore('chats').get(address)) ?? newChat(address);
}

/** Everything between two times of one chat; both ends included. */
function range(chat: string, from: number, to: number): IDBKeyRange {
  return IDBKeyRange.bound([chat, from], [chat, to, '\uffff']);
}

/** Up to `limit` messages before a key, newest first; without a key from the end. */
export async function pageBefore(
  db: AccountDb,
  chat: string,
  limit: number,
  before?: { time: number; key: string },
): Promise<MessageRow[]> {
  const upper = before ? [chat, before.time, before.key] : [chat, Number.POSITIVE_INFINITY];
  const bounds = IDBKeyRange.bound([chat, 0], upper, false, true);
  const rows: MessageRow[] = [];
  let cursor = await db.transaction('messages').store.openCursor(bounds, 'prev');
  while (cursor && rows.length < limit) {
    if (!cursor.value.hidden) rows.push(cursor.value);
    cursor = await cursor.continue();
  }
  return rows;
}

/** Messages with a file or a link, newest first. */
export async function sharedIn(db: AccountDb, chat: string): Promise<MessageRow[]> {
  const bounds = IDBKeyRange.bound([1, chat, 0], [1, chat, Number.POSITIVE_INFINITY]);
  return (await db.getAllFromIndex('messages', 'shared', bounds)).reverse();
}

/** The first message from others after a time. */
export async function firstUnreadAfter(db: AccountDb, chat: string, time: number): Promise<MessageRow | undefined> {
  let cursor = await db
    .transaction('messages')
    .store.openCursor(IDBKeyRange.bound([chat, time], [chat, Number.POSITIVE_INFINITY]));
  while (cursor) {
    if (!cursor.value.mine && cursor.value.time > time && !cursor.value.hidden) return cursor.value;
    cursor = await cursor.continue();
  }
  return undefined;
}

/** The oldest message of the chat that has an archive id. */
export async function oldestArchived(db: AccountDb, chat: string): Promise<MessageRow | undefined> {
  let cursor = await db.transaction('messages').store.openCursor(range(chat, 0, Number.POSITIVE_INFINITY));
  while (cursor) {
    if (cursor.value.archiveId) return cursor.value;
    cursor = await cursor.continue();
  }
  return undefined;
}

export async function byKey(tx: BatchTx, key: string): Promise<MessageRow | undefined> {
  return tx.objectStore('messages').index('key').get(key);
}

export async function byIdent(tx: BatchTx, value: string): Promise<MessageRow[]> {
  return tx.objectStore('messages').index('idents').getAll(value);
}

export async function byArchiveId(tx: BatchTx, id: string): Promise<MessageRow | undefined> {
  return tx.objectStore('messages').index('archiveId').get(id);
}

/** More than this is shown as "many" anyway. */
const UNREAD_MAX = 1000;

export async function countUnread(tx: BatchTx, chat: string, readTime: number): Promise<number> {
  let n = 0;
  let cursor = await tx.objectStore('messages').openCursor(range(chat, readTime, Number.POSITIVE_INFINITY));
  while (cursor && n < UNREAD_MAX) {
    if (!cursor.value.mine && cursor.value.time > readTime && !cursor.value.hidden) n++;
    cursor = await cursor.continue();
  }
  return n;
}

/** The newest message of a chat, up to a time, that has an archive id. */
export async function newestArchived(tx: BatchTx, chat: string, upTo: number): Promise<MessageRow | undefined> {
  let cursor = await tx.objectStore('messages').openCursor(range(chat, 0, upTo), 'prev');
  while (cursor && !cursor.value.archiveId) cursor = await cursor.continue();
  return cursor?.value;
}

/** Oldest first; both ends included. */
export function rowsBetween(
  tx: BatchTx,
  chat: string,
  from: number,
  to: number,
  limit?: number,
): Promise<MessageRow[]> {
  return tx.objectStore('messages').getAll(range(chat, from, to), limit);
}

/** Messages from others, newest first, after a time; at most `limit`. */
export async function newestOthers(tx: BatchTx, chat: string, after: number, limit: number): Promise<MessageRow[]> {
  const rows: MessageRow[] = [];
  let cursor = await tx.objectStore('messages').openCursor(range(chat, after, Number.POSITIVE_INFINITY), 'prev');
  while (cursor && rows.length < limit) {
    if (!cursor.value.mine && cursor.value.time > after) rows.push(cursor.value);
    cursor = await cursor.continue();
  }
  return rows;
}

/** The newest message of a chat, to show in the list. */
export async function newest(tx: BatchTx, chat: string): Promise<MessageRow | undefined> {
  let cursor = await tx.objectStore('messages').openCursor(range(chat, 0, Number.POSITIVE_INFINITY), 'prev');
  while (cursor?.value.hidden) cursor = await cursor.continue();
  return cursor?.value;
}

/** Messages of mine up to a time that are stored or delivered but not yet read, newest first; stops at one that is read. */
export async function unreadByPeer(tx: BatchTx, chat: string, upTo: number): Promise<MessageRow[]> {
  const rows: MessageRow[] = [];
  let cursor = await tx.objectStore('messages').openCursor(range(chat, 0, upTo), 'prev');
  while (cursor) {
    const row = cursor.value;
    if (row.mine && row.mark === 'read' && row.time < upTo) break;
    if (row.mine && (row.mark === 'sent' || row.mark === 'delivered')) rows.push(row);
    cursor = await cursor.continue();
  }
  return rows;
}

/** The newest message from others, up to a time, whose sender wants to hear that it was displayed. */
export async function newestMarkable(
  tx: BatchTx,
  chat: string,
  after: number,
  upTo: number,
): Promise<MessageRow | undefined> {
  if (upTo <= after) return undefined;
  let cursor = await tx.objectStore('messages').openCursor(range(chat, after, upTo), 'prev');
  while (cursor) {
    const row = cursor.value;
    if (!row.mine && row.markable && row.id && row.time > after) return row;
    cursor = await cursor.continue();
  }
  return undefined;
}
