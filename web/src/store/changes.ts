// What happened, as plain data: the tab that holds the connection applies it to its own signals and sends the
// same to the other tabs, so that all show one truth.
import type { ChatRow, FaceRow } from '../db/schema';
import type { RosterItem } from '../xmpp/mod/roster';
import type { Address, Connection, ContactRequest, Message, Presence, Upload } from './model';

export type Change =
  /** New or changed messages; a known key replaces what it had. */
  | { kind: 'messages'; chat: Address; messages: Message[] }
  | { kind: 'gone'; chat: Address; keys: string[] }
  /** What is missing in a conversation ('': in any) has changed. */
  | { kind: 'gap'; chat: Address }
  | { kind: 'chat'; row: ChatRow }
  /** The whole contact list. */
  | { kind: 'contacts'; items: RosterItem[] }
  | { kind: 'contact'; item: RosterItem }
  | { kind: 'requests'; list: ContactRequest[] }
  | { kind: 'blocked'; list: Address[] }
  | { kind: 'presence'; address: Address; presence: Presence }
  /** Nobody's presence is known any more. */
  | { kind: 'presences-gone' }
  | { kind: 'own-presence'; presence: Presence }
  | { kind: 'typing'; chat: Address; typing: boolean }
  /** Undefined: it is not on its way any more. */
  | { kind: 'upload'; key: string; upload: Upload | undefined }
  /** An item of a private node of mine (mirror.ts); xml empty: it is not there (any more). */
  | { kind: 'item'; node: string; id: string; xml: string }
  /** All items of private nodes have been heard of once. */
  | { kind: 'items-known' }
  | { kind: 'face'; row: FaceRow }
  /** A picture has come into the cache. */
  | { kind: 'picture'; hash: string }
  | { kind: 'upload-max'; max: number | undefined }
  | { kind: 'connection'; connection: Connection };
