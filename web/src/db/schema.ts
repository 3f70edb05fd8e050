// IndexedDB: one small database above the accounts, and one database for each account, so that forgetting
// an account is deleting its database. Everything here is a cache of the server, except outbox and drafts.
import { type DBSchema, deleteDB, type IDBPDatabase, type IDBPObjectStore, type IDBPTransaction, openDB } from 'idb';
import type { Amendment } from '../store/amend';
import type { ContactRequest, Message, Presence, Settings } from '../store/model';
import type { FastToken } from '../xmpp/fast';
import type { ReplyTo } from '../xmpp/mod/about';
import type { LinkPreview } from '../xmpp/mod/link';
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
  /** The time is this device's, or what one that came late said of itself; the archive knows better. */
  localTime?: boolean;
  /** It has a file or a link: only such rows are in the index of that name. */
  shared?: 1;
  /** What it showed at first, once it has been corrected. */
  first?: Shown;
  /** The corrections, in the archive's order. */
  versions?: Version[];
  /** The last reactions of each person. */
  reacted?: Reacted[];
  /** The id of what took it back. */
  retraction?: string;
  /** The message that it answers. */
  answers?: { id: string; to: string | undefined };
}

/** What a message shows. */
export type Shown = Pick<Message, 'body' | 'file' | 'caption' | 'link' | 'opaque' | 'unstyled'>;

/** What came about a message: under the sender's id for it, at a time of the archive, or of this device while `localTime`. */
interface Event {
  id: string;
  time: number;
  localTime?: boolean;
  /** It is mine and not stored yet. */
  sending?: boolean;
}

export interface Version extends Event, Shown {}

export interface Reacted extends Event {
  from: string;
  signs: string[];
  /** What stood there before, in case that the other side refuses. */
  before?: string[];
}

/** Something about a message that the cache does not have yet. */
export interface AmendRow {
  /** Of that message. */
  ident: string;
  /** Who says it, and under which id. */
  id: string;
  chat: string;
  /** The id that the message goes by. */
  about: string;
  amendment: Amendment;
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
  /** Unread messages that may stand in a gap: the server has counted. Then that number is true, not ours. */
  counted?: Counted;
}

export interface Counted {
  /** Unread messages from them, up to this time. */
  unread: number;
  upTo: number;
  /** The edge of the newest gap: who has read something above it has read all below. */
  below: number;
}

export type OutboxKind = 'message' | 'file' | 'receipt' | 'displayed' | 'read' | 'amend';

/** What must reach the server, whatever happens to this page. */
export interface OutboxRow {
  /** Order of sending. */
  seq?: number;
  /** The stanza's own id. */
  key: string;
  chat: string;
  kind: OutboxKind;
  /**
   * The text, or the id of the message that a receipt or marker is for; of `read`, which only my own devices learn of, its id
   * in the archive. Of a file: its description as JSON, once it has
   * been uploaded; until then empty, and what was written to the same chat after it waits.
   */
  payload: string;
  /** Of a marker, for my other devices: the same message's id in my archive. */
  read?: string;
  /** Of an answer. */
  reply?: ReplyTo;
  /** What I say of a link in it. */
  link?: LinkPreview;
  /** Its signs are not styling. */
  unstyled?: boolean;
  /** What kind `amend` is about: the key of a message. The payload is an Outgoing (store/amend.ts) as JSON. */
  about?: string;
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
  /** Whose conversation; '' for all of them at once. */
  chat: string;
  /** The last archive id known before it, and its time. '' when nothing is known before it. */
  after: string;
  afterTime: number;
  /**
   * The first known after it. In a conversation the time is that of the row in the cache; and when the id is '', no message
   * is missing, only receipts and marks for those that are here, behind `after`.
   */
  before: string;
  beforeTime: number;
  /** Behind the last message there may be receipts and marks that have not been seen either. */
  tail?: 1;
  /** It lies above the cursor: a catch-up that gets to its end has filled it. */
  open?: 1;
}

/** An item of a private node of the account (store/mirror.ts). */
export interface MirrorRow {
  node: string;
  id: string;
  /** What it holds, as XML; '': it goes. */
  xml: string;
  /** Changed here, so many times, since the server was told. */
  dirty?: number;
}

/** How somebody shows themselves. */
export interface FaceRow {
  address: string;
  /** The name they chose; empty: none. */
  nick: string;
  /** What they say of themselves, as of when it was last looked at. */
  about: string;
  /** Hash of their picture as their node names it, and as their presence does; empty: none. */
  node: string;
  card: string;
}

/** A picture of somebody, under its hash. */
export interface PictureRow {
  /** SHA-1, in hex. */
  hash: string;
  type: string;
  bytes: Uint8Array<ArrayBuffer>;
  size: number;
  /** When it was last shown, to the day (ms). */
  used: number;
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
  /** What the inbox was like when it was last asked; present when the server has one. */
  inbox: { state: string | undefined };
  /** Live messages were taken before it was known what they stand behind. */
  loose: boolean;
  sm: SmSaved;
  /** So far, in ms, the server's clock is ahead of this device's. */
  ahead: number;
  rosterVer: string;
  rosterKnown: boolean;
  /** The items of my private nodes have been heard of. */
  itemsKnown: boolean;
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
  gaps: { key: number; value: GapRow; indexes: { chat: string } };
  marks: { key: string; value: PendingMarkRow };
  amends: { key: [string, string]; value: AmendRow };
  uploads: { key: string; value: UploadRow };
  mirror: { key: [string, string]; value: MirrorRow };
  faces: { key: string; value: FaceRow };
  pictures: { key: string; value: PictureRow; indexes: { use: [number, number] } };
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
  /** Signs in again within one round trip (fast.ts). */
  token?: FastToken;
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
  | 'amends'
  | 'uploads'
  | 'mirror'
  | 'faces'
  | 'pictures'
  | 'meta';
export type Tx<S extends StoreName = StoreName> = IDBPTransaction<AccountSchema, S[], 'readwrite'>;

export function accountDbName(address: string): string {
  return `confab:${address}`;
}

export function openAccountDb(address: string, onBlocking?: () => void): Promise<AccountDb> {
  return openDB<AccountSchema>(accountDbName(address), 7, {
    upgrade(db, before, _after, tx) {
      if (before < 2) db.createObjectStore('uploads', { keyPath: 'key' });
      if (before < 5) db.createObjectStore('amends', { keyPath: ['ident', 'id'] });
      if (before < 6) db.createObjectStore('mirror', { keyPath: ['node', 'id'] });
      if (before < 7) {
        db.createObjectStore('faces', { keyPath: 'address' });
        db.createObjectStore('pictures', { keyPath: 'hash' }).createIndex('use', ['used', 'size']);
      }
      if (before >= 1) {
        if (before < 3) void indexShared(tx.objectStore('messages')).catch(() => tx.abort());
        if (before < 4) void indexGaps(tx.objectStore('gaps')).catch(() => tx.abort());
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
      db.createObjectStore('gaps', { keyPath: 'id', autoIncrement: true }).createIndex('chat', 'chat');
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

/** Until version 4 every gap was one of the whole archive. */
async function indexGaps(store: IDBPObjectStore<AccountSchema, StoreName[], 'gaps', 'versionchange'>): Promise<void> {
  store.createIndex('chat', 'chat');
  for (let cursor = await store.openCursor(); cursor; cursor = await cursor.continue())
    await cursor.update({ ...cursor.value, chat: '' });
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
