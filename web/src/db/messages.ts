// Messages in the cache: pages, look-ups, counts. Functions on a transaction compose into one.
import type { Message } from '../store/model';
import type { AccountDb, ChatRow, MessageRow, Tx } from './schema';

/** The transaction that everything about messages shares. */
export type BatchTx = Tx<'messages' | 'chats' | 'outbox' | 'marks' | 'uploads'>;

export function ident(chat: string, from: string, id: string): string {
  return `${chat}\n${from}\n${id}`;
}

export function identsOf(chat: string, from: string, ids: (string | undefined)[]): string[] {
  return [...new Set(ids.filter((id): id is string => !!id).map((id) => ident(chat, from, id)))];
}

/** Only what the views may see. */
export function toMessage(row: MessageRow): Message {
  const { key, chat, from, mine, time, body, mark, failure, opaque, file, caption, unheard } = row;
  const message: Message = { key, chat, from, mine, time, body, mark };
  if (failure) message.failure = failure;
  if (opaque) message.opaque = opaque;
  if (file) message.file = file;
  if (caption) message.caption = caption;
  if (unheard) message.unheard = unheard;
  return message;
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
    rows.push(cursor.value);
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
    if (!cursor.value.mine && cursor.value.time > time) return cursor.value;
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
    if (!cursor.value.mine && cursor.value.time > readTime) n++;
    cursor = await cursor.continue();
  }
  return n;
}

/** The newest message of a chat, to show in the list. */
export async function newest(tx: BatchTx, chat: string): Promise<MessageRow | undefined> {
  const cursor = await tx.objectStore('messages').openCursor(range(chat, 0, Number.POSITIVE_INFINITY), 'prev');
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
