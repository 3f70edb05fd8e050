// IndexedDB: one small database above the accounts, and one database for each account, so that forgetting
// an account is deleting its database. Everything here is a cache of the server, except outbox and drafts.
import { type DBSchema, deleteDB, type IDBPDatabase, type IDBPObjectStore, type IDBPTransaction, openDB } from 'idb';
import type { ContactRequest, Message, Presence, Settings } from '../store/model';
import type { IncomingPresence } from '../xmpp/mod/presence';
import type { RosterItem } from '../xmpp/mod/roster';
import type { ScramKeys } from '../xmpp/scram';
import type { SmSaved } from '../xmpp/sm';

/** A message, with what only the store needs to know of it. */
export interface MessageRow extends Message {
  /** The attribute `id` of the stanza: receipts and markers refer to it. */
  id: string;
  originId?: string;
  /** Id in our own archive. */
  archiveId?: string;
  /** chat, sender and each id it goes by: finds repeats, and what receipts mean. */
  idents: string[];
  /** The sender wants to hear when it is displayed. */
  markable?: boolean;
  /** The time is this device's; the archive knows better. */
  localTime?: boolean;
  /** It has a file or a link: only such rows are in the index of that name. */
  shared?: 1;
}

export interface ChatRow {
  address: string;
  unread: number;
  draft: string;
  /** I have read everything up to here (ms). */
  readTime: number;
  /** The displayed marker I last sent is for a message of this time. */
  markedTime: number;
  /** They have read everything of mine up to here. */
  peerReadTime: number;
  activity: number;
  last?: Message;
  /** I have written to them: they know that I am there. */
  wrote: boolean;
  /** The cache holds this chat from its very first message on. */
  complete: boolean;
  /** Where paging back in the archive goes on. */
  back?: string;
}

export type OutboxKind = 'message' | 'file' | 'receipt' | 'displayed';

/** What must reach the server, whatever happens to this page. */
export interface OutboxRow {
  /** Order of sending. */
  seq?: number;
  /** The stanza's own id. */
  key: string;
  chat: string;
  kind: OutboxKind;
  /**
   * The text, or the id of the message that a receipt or marker is for. Of a file: its description as JSON, once it has
   * been uploaded; until then empty, and what was written to the same chat after it waits.
   */
  payload: string;
}

/** A file of mine that has not been uploaded yet, and how far that has come. */
export interface UploadRow {
  /** Of its message. */
  key: string;
  chat: string;
  blob: Blob;
  name: string;
  type: string;
  /** Where the server wants it; absent before it has been asked. */
  slot?: { put: string; get: string; headers: [string, string][] };
  /** Something may have arrived there. */
  begun?: boolean;
}

/** A stretch of the archive that is not in the cache. */
export interface GapRow {
  id?: number;
  /** The last archive id known before it, and its time. */
  after: string;
  afterTime: number;
  /** The first known after it. */
  before: string;
  beforeTime: number;
}

/** A receipt or marker for a message that the cache does not have yet. */
export interface PendingMarkRow {
  ident: string;
  mark: 'delivered' | 'read';
}

export interface Cursor {
  /** Last archive id up to which nothing is missing but the gaps; '' is the beginning of time. */
  id: string;
  time: number;
}

export interface Meta {
  cursor: Cursor;
  sm: SmSaved;
  rosterVer: string;
  rosterKnown: boolean;
  blocked: string[];
  /** My own, as chosen. */
  presence: Presence;
  /** Where files go, as last heard; max 0: nowhere. */
  upload: { address: string; max: number | undefined };
  /** What each device of each person said of itself, as of `sm`. */
  devices: IncomingPresence[];
}

export interface AccountSchema extends DBSchema {
  messages: {
    key: [string, number, string];
    value: MessageRow;
    indexes: { key: string; archiveId: string; idents: string; shared: [number, string, number] };
  };
  chats: { key: string; value: ChatRow };
  contacts: { key: string; value: RosterItem };
  requests: { key: string; value: ContactRequest };
  outbox: { key: number; value: OutboxRow; indexes: { key: string } };
  gaps: { key: number; value: GapRow };
  marks: { key: string; value: PendingMarkRow };
  uploads: { key: string; value: UploadRow };
  meta: { key: string; value: unknown };
}

export interface AccountRow {
  address: string;
  name: string;
  /** Order in which they were added. */
  order: number;
  /** The user agent's id: one for each account in this browser, and the same for ever. */
  deviceId: string;
  /** In place of the password: see scram.ts. */
  keys: ScramKeys;
}

export interface AppSchema extends DBSchema {
  accounts: { key: string; value: AccountRow };
  settings: { key: string; value: Settings | string };
}

export type AccountDb = IDBPDatabase<AccountSchema>;
export type AppDb = IDBPDatabase<AppSchema>;
export type StoreName =
  | 'messages'
  | 'chats'
  | 'contacts'
  | 'requests'
  | 'outbox'
  | 'gaps'
  | 'marks'
  | 'uploads'
  | 'meta';
export type Tx<S extends StoreName = StoreName> = IDBPTransaction<AccountSchema, S[], 'readwrite'>;

export function accountDbName(address: string): string {
  return `confab:${address}`;
}

export function openAccountDb(address: string, onBlocking?: () => void): Promise<AccountDb> {
  return openDB<AccountSchema>(accountDbName(address), 3, {
    upgrade(db, before, _after, tx) {
      if (before < 2) db.createObjectStore('uploads', { keyPath: 'key' });
      if (before >= 1) {
        if (before < 3) void indexShared(tx.objectStore('messages')).catch(() => tx.abort());
        return;
      }
      const messages = db.createObjectStore('messages', { keyPath: ['chat', 'time', 'key'] });
      messages.createIndex('key', 'key');
      messages.createIndex('archiveId', 'archiveId');
      messages.createIndex('idents', 'idents', { multiEntry: true });
      messages.createIndex('shared', SHARED);
      db.createObjectStore('chats', { keyPath: 'address' });
      db.createObjectStore('contacts', { keyPath: 'address' });
      db.createObjectStore('requests', { keyPath: 'address' });
      db.createObjectStore('outbox', { keyPath: 'seq', autoIncrement: true }).createIndex('key', 'key');
      db.createObjectStore('gaps', { keyPath: 'id', autoIncrement: true });
      db.createObjectStore('marks', { keyPath: 'ident' });
      db.createObjectStore('meta');
    },
    // Another tab wants to delete it (signed out) or has a newer version: do not stand in the way.
    blocking(_old, _new, event) {
      (event.target as IDBDatabase).close();
      onBlocking?.();
    },
  });
}

const SHARED = ['shared', 'chat', 'time'];

/** Whether a row belongs into the index `shared`. */
export function withShared(row: MessageRow): MessageRow {
  const { shared: _, ...rest } = row;
  return row.file || /https?:\/\//i.test(row.body) ? { ...rest, shared: 1 } : rest;
}

async function indexShared(
  store: IDBPObjectStore<AccountSchema, StoreName[], 'messages', 'versionchange'>,
): Promise<void> {
  store.createIndex('shared', SHARED);
  for (let cursor = await store.openCursor(); cursor; cursor = await cursor.continue()) {
    const row = withShared(cursor.value);
    if (row.shared) await cursor.update(row);
  }
}

export function deleteAccountDb(address: string): Promise<void> {
  return deleteDB(accountDbName(address));
}

export function openAppDb(): Promise<AppDb> {
  return openDB<AppSchema>('confab', 1, {
    upgrade(db) {
      db.createObjectStore('accounts', { keyPath: 'address' });
      db.createObjectStore('settings');
    },
  });
}

export async function getMeta<K extends keyof Meta>(db: AccountDb, key: K): Promise<Meta[K] | undefined> {
  return (await db.get('meta', key)) as Meta[K] | undefined;
}

export async function setMeta<K extends keyof Meta>(db: AccountDb, key: K, value: Meta[K] | undefined): Promise<void> {
  if (value === undefined) await db.delete('meta', key);
  else await db.put('meta', value, key);
}
