// What the views know: plain data in signals, and the actions on it. No XML, no IndexedDB.
// The store (this folder) fills the signals from the cache first and from the server after;
// the views (ui/) read them and call actions. Nothing here depends on either side, so that
// the views can be shown with made-up data (test/fixture-store.ts) and the store tested without views.
import type { ReadonlySignal } from '@preact/signals';
import type { Device } from '../xmpp/mod/devices';
import type { OwnPicture } from '../xmpp/mod/face';
import type { SharedFile } from '../xmpp/mod/file';
import type { LinkPreview } from '../xmpp/mod/link';

export type { Device } from '../xmpp/mod/devices';
export type { OwnPicture } from '../xmpp/mod/face';
export type { LinkPreview } from '../xmpp/mod/link';

/** A bare address, normalised: `mia@example.org`. Used as the key of contacts and chats. */
export type Address = string;

/** The truth about a message of one's own. Each has a shape, a colour and a text (ui/principles). */
export type Mark = 'sending' | 'sent' | 'delivered' | 'read' | 'failed';

/** `offline` also stands for "not known": one sees only what the contact allows. */
export type Availability = 'online' | 'away' | 'busy' | 'offline';

export interface Presence {
  availability: Availability;
  /** Free status text, may be empty. */
  text: string;
}

/** Why something failed, in the user's words: what happened, then what to do. */
export interface Failure {
  /** Stable machine name, for tests and for choosing an icon. */
  code:
    | 'offline'
    | 'refused' // wrong name or password
    | 'throttled'
    | 'not-found' // no such person
    | 'not-allowed'
    | 'blocked' // I block them
    | 'unreachable' // their server cannot be reached
    | 'too-large'
    | 'full'
    | 'conflict' // the name is taken
    | 'server'
    | 'unknown';
  text: string;
}

/** A file of a message. Views load `Session.reach(url)`, never the address itself. */
export type FileInfo = SharedFile;

/** A file on its way into the chat: the bytes as they will be sent, and what is known of them. */
export interface OutgoingFile {
  blob: Blob;
  info: Omit<FileInfo, 'url' | 'size' | 'hash'>;
}

export interface Shared {
  messages: readonly Message[];
  complete: boolean;
}

/** How far a file of mine has come. */
export interface Upload {
  /** `waiting`: for its turn, or for the network. */
  state: 'waiting' | 'running';
  /** Bytes. */
  sent: number;
  total: number;
}

export interface Message {
  /** The id that this message has in this app for ever: the origin-id of what we sent, else a key of its archive. */
  key: string;
  chat: Address;
  /** Who wrote it; equal to the account's own address for mine. */
  from: Address;
  mine: boolean;
  /** Milliseconds since 1970: the server's time where known, else this device's. */
  time: number;
  /** Text as the sender wrote it; `/me` is not resolved. */
  body: string;
  mark: Mark;
  failure?: Failure;
  /** True while this message cannot be shown (encrypted by a client; the body says so). */
  opaque?: boolean;
  /** Its author wants it shown as it was written (XEP-0393). */
  unstyled?: boolean;
  /** The message is this file; then the body is only its address, which is not shown. */
  file?: FileInfo;
  /** Words that came with the file. */
  caption?: string;
  /** What its author says of a link in it: not more than that. */
  link?: LinkPreview;
  /** A voice message that has come while this browser was looking after the account, and has not been played in it. */
  unheard?: boolean;
  /** Changed by its author: when, and what it said before, oldest first. */
  edited?: number;
  earlier?: readonly Earlier[];
  /** My last change to it is not stored by the server yet. */
  changing?: boolean;
  /** Taken back by its author: nothing of it is left. */
  retracted?: boolean;
  /** Deleted on this device only: it is not shown. */
  hidden?: boolean;
  /** In the order in which each was first given. */
  reactions?: readonly Reaction[];
  /** The message that it answers. */
  reply?: Reply;
  /** What I did to it did not arrive. */
  trouble?: Trouble;
  /** It has no id that another message could name: no answers, no reactions. */
  nameless?: boolean;
}

export interface Earlier {
  body: string;
  /** Since when it said so. */
  time: number;
}

export interface Reaction {
  sign: string;
  from: readonly Address[];
}

export interface Reply {
  /** Who wrote what is answered, if that is known. */
  from: Address | undefined;
  /** What its sender quotes of it: shown while the message itself is not here. */
  quote: string;
  /** The message, if it is here. */
  key?: string;
}

export interface Trouble {
  /** Of the change. */
  id: string;
  kind: 'correct' | 'retract' | 'react';
  /** Why, in the user's words. */
  text: string;
  /** What it was to be: an Outgoing (store/amend.ts). */
  payload: string;
}

/** A message that was looked for and found: in the cache, or in the archive only. */
export interface Hit {
  id: string;
  /** Undefined: it is not in the cache. */
  key?: string;
  chat: Address;
  mine: boolean;
  time: number;
  /** Its words; of a file the name and the words to it. */
  text: string;
  file: boolean;
  /** Names that it goes by in the cache. */
  idents: readonly string[];
}

/** A message that I have pinned in its chat. */
export interface Pin {
  /** What stands for it in the account. */
  items: readonly string[];
  hit: Hit;
  /** As it is now; undefined: it is not in the cache. */
  message?: Message;
}

export interface HitPage {
  hits: readonly Hit[];
  /** Where the next page begins; undefined: there is none. */
  next: string | undefined;
  /** The server does not look for this, or for nothing at all. */
  refused?: boolean;
}

/** What one contact is to us. */
export interface Contact {
  address: Address;
  /** The name I gave, else the one they gave, else the local part of the address. Never empty. */
  name: string;
  /** The name I gave; empty: none. */
  given: string;
  /** `both`: we see each other. `to`: I see them. `from`: they see me. `none`: neither (yet). */
  subscription: 'none' | 'to' | 'from' | 'both';
  /** I have asked to see them and they have not answered. */
  asked: boolean;
  blocked: boolean;
  presence: ReadonlySignal<Presence>;
}

/** A person who wants to see me and write to me. */
export interface ContactRequest {
  address: Address;
  name: string;
  /** What they wrote with it; may be empty. */
  text: string;
}

/** What I want of a chat, the same on all my devices. */
export interface ChatSettings {
  /** It stands on top of the list. */
  pinned?: boolean;
  /** Silent until then (ms); Infinity: for ever. */
  muted?: number;
  /** It has left the list, until something newer than this comes (ms); one that is silent stays away. */
  archived?: number;
}

export interface ChatChange {
  pinned?: boolean;
  muted?: number | undefined;
  archived?: boolean;
}

export interface Chat {
  address: Address;
  /** `self`: notes to oneself. */
  kind: 'person' | 'self';
  name: ReadonlySignal<string>;
  presence: ReadonlySignal<Presence>;
  /** Newest message, if any is known. */
  last: ReadonlySignal<Message | undefined>;
  unread: ReadonlySignal<number>;
  /** What stands in the composer, unsent. */
  draft: ReadonlySignal<string>;
  /** They are writing right now. */
  typing: ReadonlySignal<boolean>;
  settings: ReadonlySignal<ChatSettings>;
  /** Silent now. */
  muted: ReadonlySignal<boolean>;
  /** Sorting key of the list: ms of the last activity. */
  activity: ReadonlySignal<number>;
}

/** A window on one chat's history, loaded around what is looked at. */
export interface Timeline {
  chat: Address;
  /** Oldest first. A new array whenever anything in it changed; unchanged messages keep their identity. */
  messages: ReadonlySignal<readonly Message[]>;
  /** `more`: older ones exist (cache or server). `loading`. `start`: this is the first message ever. `offline`: more exist but cannot be had now. */
  older: ReadonlySignal<'more' | 'loading' | 'start' | 'offline'>;
  /** True until the cache has answered the first time (skeletons may show only on the very first start). */
  cold: ReadonlySignal<boolean>;
  /** The server is being asked for what must be known before (more of) the chat can be shown. */
  fetching: ReadonlySignal<boolean>;
  /** Key of the first message that was unread when the timeline was opened; the "new messages" line stands before it. */
  firstUnread: ReadonlySignal<string | undefined>;
  loadOlder(): Promise<void>;
  /** The reader has seen everything up to this message (visible, window focused). Sends the read marker once. */
  seen(key: string): void;
  close(): void;
}

export type Connection =
  | { state: 'online' }
  | { state: 'connecting'; since: number }
  /** `retryAt`: ms since 1970 of the next attempt. `since`: when the connection was lost. */
  | { state: 'waiting'; since: number; retryAt: number }
  | { state: 'offline'; since: number } // the browser has no network
  /** Another tab of this browser holds the connection and this one follows it: shown like online. */
  | { state: 'following' }
  /** Signed out by the server: password changed, account deleted, replaced... Needs the user. */
  | { state: 'ended'; failure: Failure };

/** Pictures of people. Of strangers and of who is blocked there are none. */
export interface Portraits {
  /** The hash of somebody's picture; empty: there is none. */
  of(address: Address): ReadonlySignal<string>;
  /** Where it can be loaded, once it is here; reads a signal. */
  src(hash: string): string | undefined;
  /** A view shows it: it is fetched if it must be. Returns how to let go of it. */
  hold(address: Address, hash: string): () => void;
}

/** How somebody shows themselves. */
export interface Face {
  /** The name they chose; empty: none. */
  nick: string;
  /** What they say of themselves, as of when it was last looked at. */
  about: string;
}

/** What is left out stays; empty removes it. */
export interface ProfileChange {
  name?: string;
  about?: string;
}

export interface Account {
  address: Address;
  /** Mine, as others see it; reads a signal. */
  name: string;
  portraits: Portraits;
  /** Unread over all its chats, also while another account is on screen (from its cache). */
  unread: ReadonlySignal<number>;
}

export interface SignInOptions {
  address: string; // as typed: `mia`, `mia@example.org`; without @ the server's own domain is meant
  password: string;
}

/** Everything the views may do or see while signed in. One per account. */
export interface Session {
  account: Account;
  connection: ReadonlySignal<Connection>;
  /** My own availability and status text, as chosen. */
  presence: ReadonlySignal<Presence>;

  /** Pinned ones, then by last activity, newest first; only the ids, so that one chat's change redraws one row. */
  chatOrder: ReadonlySignal<readonly Address[]>;
  /** Those that have left the list. */
  archivedOrder: ReadonlySignal<readonly Address[]>;
  chat(address: Address): Chat; // made when missing
  /** By name; people I have in my contacts. */
  contactOrder: ReadonlySignal<readonly Address[]>;
  contact(address: Address): Contact | undefined;
  /** Changes whenever any contact's name, subscription or blocked flag does. */
  contactsVersion: ReadonlySignal<number>;
  requests: ReadonlySignal<readonly ContactRequest[]>;
  blocked: ReadonlySignal<readonly Address[]>;
  /** Of chats that are neither silent nor archived. */
  unread: ReadonlySignal<number>;
  /** False until the cache has been read; then views render at once. */
  ready: ReadonlySignal<boolean>;
  /** True when neither cache nor server has ever given a contact list (the very first start): skeletons. */
  firstStart: ReadonlySignal<boolean>;

  timeline(address: Address): Timeline;
  /** Writes the outbox first, so that it survives reload and crash; resolves when it stands in the timeline. */
  /** `link`: what is said of a link in the body. */
  send(chat: Address, body: string, replyTo?: string, link?: LinkPreview): Promise<void>;
  /** Sends copies of messages into other chats, in the order given. What cannot be sent on is left out. */
  forward(keys: readonly string[], chats: readonly Address[]): Promise<void>;
  /** A message of a chat, wherever it stands; undefined: not in the cache. */
  message(key: string): Promise<Message | undefined>;
  /** Messages with these words in the cache, newest first; in all chats, or in one. */
  searchHere(query: string, within: Address | undefined, stop: AbortSignal): Promise<readonly Hit[]>;
  /** The same in the archive, page by page: `before` is the last page's `next`. */
  searchThere(query: string, within: Address | undefined, before: string | undefined): Promise<HitPage | 'offline'>;
  /** Which message that is; undefined: it is not in the cache (yet). */
  keyOf(hit: Hit): Promise<string | undefined>;
  /** Changes the text of a message of mine, here and everywhere. */
  edit(key: string, body: string): Promise<void>;
  /** Takes back messages of mine, everywhere. */
  retract(keys: readonly string[]): Promise<void>;
  /** Takes messages out of this device's view. */
  hide(keys: readonly string[]): Promise<void>;
  /** On all my devices, and for nobody else. */
  pins(chat: Address): ReadonlySignal<readonly Pin[]>;
  pin(key: string): Promise<void>;
  unpin(pin: Pin): Promise<void>;
  /** Gives a reaction, or takes mine back. */
  react(key: string, sign: string, on: boolean): Promise<void>;
  /**
   * Each file becomes a message of its own, in this order, then the caption, if any, as one more. Keeps the files before it
   * resolves; rejects when this browser has no room for them.
   */
  sendFiles(chat: Address, files: readonly OutgoingFile[], caption: string, replyTo?: string): Promise<void>;
  /** Undefined: not on its way (any more). */
  upload(key: string): ReadonlySignal<Upload | undefined>;
  /** Bytes that one file may have; undefined: not known (yet), or without limit. 0: this server takes no files. */
  uploadMax: ReadonlySignal<number | undefined>;
  /** The bytes of a file that was sent from here and need not be fetched. */
  localFile(key: string): Promise<Blob | undefined>;
  /** The address to load a file from: the same, unless this page has another way to its own server. */
  reach(url: string): string;
  /** Whether loading from there tells nobody who does not know already that I am here. */
  isOwnHost(url: string): boolean;
  /** Messages of a chat with a file or a link that are in the cache, newest first. `complete`: there are no others. */
  shared(chat: Address): Promise<Shared>;
  /** Fetches older messages of a chat into the cache. `start`: that was the first ever. `offline`: none can be had now. */
  sharedOlder(chat: Address): Promise<'more' | 'start' | 'offline'>;
  /** What loading a file has shown of it that its sender did not say. Kept for the next time: nothing on screen moves. */
  learn(key: string, facts: Pick<FileInfo, 'size' | 'width' | 'height'>): void;
  /** A voice message is being listened to. */
  heard(key: string): void;
  /** Of a message that failed, or of what I did to one. */
  retry(key: string): Promise<void>;
  /** Removes a failed message of mine, or one whose file is still on its way; or only what I did to it in vain. */
  discard(key: string): Promise<void>;
  setDraft(chat: Address, text: string): void;
  /** Changes what is named; undefined takes it back. `archived: true`: from now on. */
  setChat(chat: Address, change: ChatChange): Promise<void>;
  /** The user is writing (call on every input; the store thins it out) or has stopped. */
  setTyping(chat: Address, typing: boolean): void;

  portraits: Portraits;
  face(address: Address): ReadonlySignal<Face>;
  /** Somebody looks at this person, or at me: asks the server what they say of themselves now. */
  look(address: Address): void;
  setProfile(change: ProfileChange): Promise<Failure | undefined>;
  /** Undefined: none. */
  setPicture(picture: OwnPicture | undefined): Promise<Failure | undefined>;
  setPresence(availability: Exclude<Availability, 'offline'>, text: string): void;
  addContact(address: string, name?: string): Promise<Failure | undefined>;
  acceptRequest(address: Address): Promise<Failure | undefined>;
  refuseRequest(address: Address): Promise<Failure | undefined>;
  renameContact(address: Address, name: string): Promise<Failure | undefined>;
  removeContact(address: Address): Promise<Failure | undefined>;
  setBlocked(address: Address, blocked: boolean): Promise<Failure | undefined>;

  changePassword(oldPassword: string, newPassword: string): Promise<Failure | undefined>;
  /** The apps and devices that are signed in to this account, this one first. */
  choices: ReadonlySignal<Choices>;
  setChoices(change: Partial<Choices>): void;
  devices(): Promise<readonly Device[] | Failure>;
  signOutDevice(id: string): Promise<Failure | undefined>;
  /** Where a copy of all that the account has can be loaded from, for some minutes. */
  exportAddress(): Promise<string | Failure>;
  /** Deletes the account on the server for good. */
  deleteAccount(password: string): Promise<Failure | undefined>;
  /** Ends the session and forgets this account in this browser (cache, outbox, token). */
  signOut(): Promise<void>;
  /** Try to connect now. */
  reconnect(): void;
  /**
   * Added by the store: called for each new message from somebody else that has just come (not for history), in one tab
   * only, for the sound. Returns how to stop listening.
   */
  onIncoming(listener: (message: Message) => void): () => void;
}

/** How this browser looks and sounds. */
export interface Settings {
  theme: 'system' | 'light' | 'dark';
  /** Percent of the browser's own text size: 100, 115, 130, 150, 200. */
  textSize: number;
  sound: boolean;
}

/** What a person chooses for an account, on all devices. */
export interface Choices {
  enterSends: boolean;
  /** Let others see that I am writing / have read. */
  sendTyping: boolean;
  sendRead: boolean;
  /** Show what senders say of their links. */
  previews: boolean;
}

/** The whole app, above accounts. */
export interface App {
  /**
   * Added by the store: false for the few milliseconds until it is known whether anybody has signed in here; until then
   * show neither the sign-in view nor a session.
   */
  ready: ReadonlySignal<boolean>;
  /** Accounts known to this browser, in the order they were added. */
  accounts: ReadonlySignal<readonly Account[]>;
  /** The one on screen; undefined: show sign-in. */
  session: ReadonlySignal<Session | undefined>;
  settings: ReadonlySignal<Settings>;
  setSettings(change: Partial<Settings>): void;
  /** The domain that this server serves (host-meta, or the page's own host). */
  domain: ReadonlySignal<string>;
  /** Whether this server lets strangers create accounts; undefined until known. */
  registrationOpen: ReadonlySignal<boolean | undefined>;
  signIn(options: SignInOptions): Promise<Failure | undefined>;
  register(options: SignInOptions): Promise<Failure | undefined>;
  switchAccount(address: Address): void;
  /** Leave the session on screen for the sign-in view, to add another account. */
  addAccount(): void;
}
