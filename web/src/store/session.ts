// One account in one tab. What only needs the cache is done in whichever tab the user is; what needs the
// connection is done by the tab that leads. Long, because it is the whole face that the views see; what is behind each call
// stands in files of its own.
import { computed, type ReadonlySignal, signal } from '@preact/signals';
import { byKey, newestMarkable, sharedIn, toMessage } from '../db/messages';
import {
  type AccountDb,
  type AccountRow,
  deleteAccountDb,
  getMeta,
  type MessageRow,
  openAccountDb,
} from '../db/schema';
import type { FastToken } from '../xmpp/fast';
import { typedAddress } from '../xmpp/jid';
import type { Device } from '../xmpp/mod/devices';
import { exportAddress } from '../xmpp/mod/export';
import type { LinkPreview } from '../xmpp/mod/link';
import { changePassword, removeAccount } from '../xmpp/mod/register';
import { NS } from '../xmpp/ns';
import type { ScramKeys } from '../xmpp/scram';
import { checkPassword, SOFTWARE } from './access';
import { Batch } from './batch';
import type { Change } from './changes';
import { writeSettings } from './chat-settings';
import { writeChoice } from './choices';
import { Drafts, readDraft, stashName, writeDraft } from './drafts';
import type { Env } from './env';
import { fail, requestFailure } from './failures';
import { writeForward } from './forward';
import { hasGap, holeBelow } from './gaps';
import { type LookEvent, Lookers } from './lookers';
import { setItem } from './mirror';
import type {
  Account,
  Address,
  Availability,
  Chat,
  ChatChange,
  ChatSettings,
  Choices,
  Contact,
  Failure,
  FileInfo,
  Hit,
  HitPage,
  Message,
  OutgoingFile,
  OwnPicture,
  Pin,
  Presence,
  ProfileChange,
  Session,
  Shared,
  Timeline,
} from './model';
import { writeNamed } from './named';
import { discard, editMine, hide, reactTo, requeue, retractMine, writeFiles, writeMessage } from './outbox';
import { readPicture } from './pictures';
import { Pins, writePin } from './pins';
import { TabPortraits } from './portraits';
import { keyOfHit, searchArchive, searchCache } from './search';
import { State } from './state';
import { loadSaved, Sync } from './sync';
import { Tabs } from './tabs';
import { ChatTimeline, type Older } from './timeline';

/** What tabs tell each other. */
type TabEvent =
  | LookEvent
  | { type: 'changes'; changes: readonly Change[] }
  /** A tab opened and wants to know what is not in the cache. */
  | { type: 'hello' }
  /** Something was put into the outbox. */
  | { type: 'outbox'; chat: Address }
  /** An item of a private node was changed. */
  | { type: 'mirror' }
  | { type: 'keys' }
  | { type: 'forgotten' };

export interface SessionOptions {
  row: AccountRow;
  env: Env;
  /** What holds until something else is chosen. */
  choices: Choices;
  ownDomain: () => string;
  /** Reads the account's row again: another tab may have new keys. */
  reload: () => Promise<AccountRow | undefined>;
  saveKeys: (address: Address, keys: ScramKeys) => Promise<void>;
  saveToken: (address: Address, token: FastToken | undefined) => Promise<void>;
  /** Takes the account out of this browser's list. */
  forget: (address: Address) => Promise<void>;
}

/** Asked for now and then only. */
const devicesPart = () => import('../xmpp/mod/devices');

/** So many sent files are remembered; the browser keeps their bytes on disk. */
const BLOBS_KEPT = 200;
/** For so long a device that signs out tries to tell the server. */
const LEAVE_MS = 5_000;
/** Looking for what was shared long ago one reads past much else. */
const SHARED_PAGE = 200;
const NO_ANSWER = fail('offline', 'There was no answer. Check your connection and try again.');

export class AccountSession implements Session {
  readonly account: Account;
  readonly state: State;
  readonly connection;
  readonly presence;
  readonly chatOrder;
  readonly archivedOrder;
  readonly contactOrder;
  readonly contactsVersion;
  readonly requests;
  readonly blocked;
  readonly unread;
  readonly ready;
  readonly firstStart;
  readonly choices;
  readonly uploadMax;
  readonly portraits: TabPortraits;
  /** Settles when the cache has been read. */
  readonly opened: Promise<void>;
  private db!: AccountDb;
  private drafts!: Drafts;
  private readonly tabs: Tabs<TabEvent>;
  private readonly lookers: Lookers;
  private readonly leading = signal(false);
  private readonly incoming = new Set<(message: Message) => void>();
  private readonly pinned: Pins;
  private sync: Sync | undefined;
  private stopHide: (() => void) | undefined;
  private closed = false;
  private setting: Promise<void> = Promise.resolve();
  /** Files sent from this tab: shown from here, not fetched. */
  private readonly blobs = new Map<string, Blob>();
  private readonly address: Address;

  constructor(private readonly options: SessionOptions) {
    const { row, env } = options;
    this.address = row.address;
    this.state = new State(row.address, options.choices);
    this.pinned = new Pins(row.address, async (hit) => {
      const key = await keyOfHit(this.db, hit);
      const found = key === undefined ? undefined : await this.db.getFromIndex('messages', 'key', key);
      return found && toMessage(found);
    });
    this.state.listeners.add((change) => this.pinned.apply(change));
    const { state } = this;
    this.presence = state.ownPresence;
    this.chatOrder = state.chatOrder;
    this.archivedOrder = state.archivedOrder;
    this.contactOrder = state.contactOrder;
    this.contactsVersion = state.contactsVersion;
    this.requests = state.requests;
    this.blocked = state.blocked;
    this.unread = state.unread;
    this.ready = state.ready;
    this.uploadMax = state.uploadMax;
    this.firstStart = computed(() => !state.rosterKnown.value);
    this.choices = state.choices;
    this.connection = computed(() => {
      const c = state.connection.value;
      return c.state === 'online' && !this.leading.value ? ({ state: 'following' } as const) : c;
    });
    this.portraits = new TabPortraits(
      state,
      async (hash) => {
        await this.opened;
        return readPicture(this.db, hash);
      },
      (address) => void this.tabs.call('want', address),
    );
    const called = state.name(row.address);
    this.account = {
      address: row.address,
      get name() {
        return called.value;
      },
      unread: state.unread,
      portraits: this.portraits,
    };
    this.tabs = new Tabs<TabEvent>({
      name: `confab:${row.address}`,
      env,
      onEvent: (event) => this.told(event),
      onLead: () => void this.lead().catch((e) => !this.closed && console.error(e)),
      onCall: (method, args) => this.perform(method, args),
      noAnswer: NO_ANSWER,
    });
    const name = `confab:${row.address}`;
    this.lookers = new Lookers({ name, env, tell: (event) => this.tabs.tell(event) });
    this.opened = this.open();
  }

  // --- opening and closing ---

  private async open(): Promise<void> {
    const { address } = this;
    this.db = await openAccountDb(address);
    const share = (chat: Address, text: string) =>
      void this.setMirrored(NS.drafts, chat, writeDraft(text)).catch((e) => !this.closed && console.error(e));
    this.drafts = new Drafts(this.db, address, (changes) => this.emit(changes), this.options.env.stash, share);
    await this.drafts.recover();
    await this.load();
    this.stopHide = this.options.env.onHide(() => this.drafts.hide());
    this.state.ready.value = true;
    if (this.closed) return;
    this.tabs.join();
    this.lookers.join();
    this.tabs.tell({ type: 'hello' });
  }

  private async load(): Promise<void> {
    const { db, state } = this;
    const [items, rosterKnown, itemsKnown, requests, blocked, presence, upload, chats, mirrored, faces] =
      await Promise.all([
        db.getAll('contacts'),
        getMeta(db, 'rosterKnown'),
        getMeta(db, 'itemsKnown'),
        db.getAll('requests'),
        getMeta(db, 'blocked'),
        getMeta(db, 'presence'),
        getMeta(db, 'upload'),
        db.getAll('chats'),
        db.getAll('mirror'),
        db.getAll('faces'),
      ]);
    const changes: Change[] = [
      { kind: 'requests', list: requests },
      { kind: 'blocked', list: blocked ?? [] },
      ...faces.map((row): Change => ({ kind: 'face', row })),
      ...mirrored.map(({ node, id, xml }): Change => ({ kind: 'item', node, id, xml })),
    ];
    if (itemsKnown) changes.push({ kind: 'items-known' });
    if (rosterKnown) changes.push({ kind: 'contacts', items });
    if (presence) changes.push({ kind: 'own-presence', presence });
    if (upload) changes.push({ kind: 'upload-max', max: upload.max });
    state.apply(changes);
    state.load(chats);
    // What the last page did not live to tell.
    const told = new Map(mirrored.filter((it) => it.node === NS.drafts).map((it) => [it.id, readDraft(it.xml)]));
    for (const { address, draft } of chats)
      if (draft.trim() !== '' && told.get(address) !== draft)
        await this.setMirrored(NS.drafts, address, writeDraft(draft));
  }

  /** This tab connects from now on. */
  private async lead(): Promise<void> {
    await this.opened;
    const row = (await this.options.reload()) ?? this.options.row;
    if (this.closed) return;
    const { env, ownDomain } = this.options;
    const domain = this.address.slice(this.address.indexOf('@') + 1);
    this.sync = new Sync({
      address: this.address,
      db: this.db,
      env,
      state: this.state,
      keys: row.keys,
      token: row.token,
      saveKeys: (keys) => this.options.saveKeys(this.address, keys),
      saveToken: (token) => this.options.saveToken(this.address, token),
      userAgent: this.userAgent,
      ...(await loadSaved(this.db)),
      url: () => env.url(domain, ownDomain()),
      emit: (changes) => this.emit(changes),
      incoming: (message) => {
        for (const listener of this.incoming) listener(message);
      },
      reach: (url) => this.reach(url),
    });
    this.leading.value = true;
    const { connection } = this.sync.client;
    this.lookers.lead((active) => connection.setActive(active));
    this.sync.start();
  }

  private get userAgent() {
    return { id: this.options.row.deviceId, software: SOFTWARE, device: this.options.env.device };
  }

  private emit(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    this.state.apply(changes);
    this.tabs.tell({ type: 'changes', changes });
  }

  private told(event: TabEvent): void {
    switch (event.type) {
      case 'changes':
        this.state.apply(event.changes);
        break;
      case 'hello':
        if (this.sync)
          this.tabs.tell({
            type: 'changes',
            changes: [
              { kind: 'connection', connection: this.state.connection.peek() },
              // It may have been heard while that tab read its cache.
              ...(this.state.itemsKnown.peek() ? [{ kind: 'items-known' } as const] : []),
              ...this.sync.people.snapshot(),
              ...this.sync.uploads.snapshot(),
            ],
          });
        break;
      case 'outbox':
        this.sync?.wrote(event.chat);
        break;
      case 'mirror':
        this.sync?.mirror.changed();
        break;
      case 'look':
      case 'look?':
        this.lookers.told(event);
        break;
      case 'keys':
        void this.keysChanged();
        break;
      case 'forgotten':
        void this.close().then(() => this.options.forget(this.address));
        break;
    }
  }

  /** The account's keys were made anew, here or in another tab. */
  async keysChanged(tell = false): Promise<void> {
    if (tell) this.tabs.tell({ type: 'keys' });
    const row = await this.options.reload();
    if (row) this.sync?.client.connection.setCredentials({ keys: row.keys });
  }

  /** Lets go of everything; another tab, or a later start, goes on. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.stopHide?.();
    await this.opened.catch(() => {});
    await this.drafts?.close();
    await this.sync?.stop(true);
    this.lookers.close();
    this.tabs.close();
    this.portraits.close();
    this.db?.close();
  }

  /** Settles when all that was received and asked so far is done; for tests. */
  async settled(): Promise<void> {
    await this.opened;
    await this.sync?.settled();
    await this.sync?.outbox.idle();
    await this.sync?.mirror.idle();
  }

  // --- reading ---

  chat(address: Address): Chat {
    return this.state.chat(address);
  }

  contact(address: Address): Contact | undefined {
    return this.state.contact(address);
  }

  timeline(chat: Address): Timeline {
    const session = this;
    const source = {
      // Not there yet when a timeline is opened in the first milliseconds.
      get db() {
        return session.db;
      },
      holeBelow: (a: Address, time: number) => holeBelow(this.db, a, time),
      isComplete: async (a: Address) => (await this.db.get('chats', a))?.complete ?? false,
      fetchOlder: async (a: Address, time: number, max?: number) => {
        const answer = await this.tabs.call<Older | Failure>('older', a, time, max);
        return typeof answer === 'string' ? answer : 'offline';
      },
      patience: this.options.env.patience,
      // A session that is closed has no cache any more.
      report: (e: unknown) => !this.closed && console.error(e),
      look: (a: Address) => void this.tabs.call('ticks', a),
      markRead: (a: Address, key: string) => void this.markRead(a, key).catch(console.error),
      read: async (a: Address) => {
        const row = await this.db.get('chats', a);
        return { upTo: row?.readTime ?? 0, counted: row?.counted !== undefined };
      },
      listen: (listener: (change: Change) => void) => {
        this.state.listeners.add(listener);
        return () => this.state.listeners.delete(listener);
      },
    };
    return new ChatTimeline(chat, source, this.opened);
  }

  onIncoming(listener: (message: Message) => void): () => void {
    this.incoming.add(listener);
    return () => this.incoming.delete(listener);
  }

  // --- what any tab can do by itself ---

  async send(chat: Address, body: string, replyTo?: string, link?: LinkPreview): Promise<void> {
    if (body.trim() === '') return;
    await this.opened;
    this.drafts.drop(chat);
    this.emit(await writeMessage(this.db, this.address, chat, body, this.options.env.newId(), replyTo, link));
    this.nudge(chat);
  }

  async forward(keys: readonly string[], chats: readonly Address[]): Promise<void> {
    await this.opened;
    this.wrote(await writeForward(this.db, this.address, keys, chats, () => this.options.env.newId()));
  }

  async message(key: string): Promise<Message | undefined> {
    await this.opened;
    const row = await this.db.getFromIndex('messages', 'key', key);
    return row && !row.hidden ? toMessage(row) : undefined;
  }

  async searchHere(query: string, within: Address | undefined, stop: AbortSignal): Promise<readonly Hit[]> {
    await this.opened;
    return searchCache(this.db, query, within, stop);
  }

  async searchThere(query: string, within?: Address, before?: string): Promise<HitPage | 'offline'> {
    await this.opened;
    const page = await this.tabs
      .call<HitPage | Failure | 'offline'>('search', query, within, before)
      .catch(() => NO_ANSWER);
    return typeof page === 'object' && 'hits' in page ? page : 'offline';
  }

  async keyOf(hit: Hit): Promise<string | undefined> {
    await this.opened;
    return keyOfHit(this.db, hit);
  }

  async edit(key: string, body: string): Promise<void> {
    if (body.trim() === '') return;
    await this.opened;
    this.wrote(await editMine(this.db, this.address, key, body, this.options.env.newId()));
  }

  async retract(keys: readonly string[]): Promise<void> {
    await this.opened;
    for (const key of keys) this.blobs.delete(key);
    this.wrote(await retractMine(this.db, this.address, keys, () => this.options.env.newId()));
  }

  async hide(keys: readonly string[]): Promise<void> {
    await this.opened;
    const rows = await Promise.all(keys.map((key) => this.db.getFromIndex('messages', 'key', key)));
    for (const key of keys) this.blobs.delete(key);
    this.emit(await hide(this.db, this.address, keys));
    // My other devices, and those that come later.
    for (const row of rows) {
      const named = row && row.mark !== 'failed' && writeNamed('hidden', NS.hidden, row);
      if (named) await this.setMirrored(NS.hidden, named.item, named.xml);
    }
  }

  pins(chat: Address): ReadonlySignal<readonly Pin[]> {
    return this.pinned.of(chat);
  }

  async pin(key: string): Promise<void> {
    await this.opened;
    const row = await this.db.getFromIndex('messages', 'key', key);
    const pin = row && writePin(row);
    if (pin) await this.setMirrored(NS.pins, pin.item, pin.xml);
  }

  async unpin({ items }: Pin): Promise<void> {
    await this.opened;
    for (const item of items) await this.setMirrored(NS.pins, item, '');
  }

  async react(key: string, sign: string, on: boolean): Promise<void> {
    await this.opened;
    this.wrote(await reactTo(this.db, this.address, key, sign, on, this.options.env.newId()));
  }

  /** Something about a message was shown and put into the outbox. */
  private wrote(changes: readonly Change[]): void {
    this.emit(changes);
    if (changes.length > 0) this.nudge(undefined);
  }

  async sendFiles(chat: Address, files: readonly OutgoingFile[], caption: string, replyTo?: string): Promise<void> {
    if (files.length === 0) return this.send(chat, caption, replyTo);
    await this.opened;
    const { env } = this.options;
    const rows = files.map(({ blob, info }) => {
      const file: FileInfo = { ...info, url: '', size: blob.size };
      return { key: env.newId(), blob, file };
    });
    const words = caption.trim() === '' ? undefined : { key: env.newId(), body: caption };
    for (const { key, blob } of rows) this.keepBlob(key, blob);
    if (words) this.drafts.drop(chat);
    this.emit(await writeFiles(this.db, this.address, chat, rows, words, replyTo));
    this.nudge(chat);
  }

  upload(key: string) {
    return this.state.upload(key);
  }

  async localFile(key: string): Promise<Blob | undefined> {
    const known = this.blobs.get(key);
    if (known) return known;
    await this.opened;
    const blob = (await this.db.get('uploads', key))?.blob;
    if (blob) this.keepBlob(key, blob);
    return blob;
  }

  private keepBlob(key: string, blob: Blob): void {
    this.blobs.set(key, blob);
    for (const old of this.blobs.keys()) {
      if (this.blobs.size <= BLOBS_KEPT) break;
      this.blobs.delete(old);
    }
  }

  /** A page without TLS comes from a demo on this machine, under whatever name; the addresses have the server's own name. */
  reach(url: string): string {
    const { env, ownDomain } = this.options;
    if (!env.origin.startsWith('http:')) return url;
    const parsed = new URL(url);
    return parsed.hostname === ownDomain() ? env.origin + parsed.pathname + parsed.search : url;
  }

  isOwnHost(url: string): boolean {
    const { env } = this.options;
    const reached = this.reach(url);
    const { origin, hostname } = new URL(reached);
    return origin === env.origin || hostname === this.address.slice(this.address.indexOf('@') + 1);
  }

  async shared(chat: Address): Promise<Shared> {
    await this.opened;
    return { messages: (await sharedIn(this.db, chat)).map(toMessage), complete: await this.hasAll(chat) };
  }

  private async hasAll(chat: Address): Promise<boolean> {
    const complete = (await this.db.get('chats', chat))?.complete ?? false;
    return complete && !(await hasGap(this.db, chat));
  }

  async sharedOlder(chat: Address): Promise<Older> {
    await this.opened;
    if (await this.hasAll(chat)) return 'start';
    const answer = await this.tabs.call<Older | Failure>('older', chat, Number.MAX_SAFE_INTEGER, SHARED_PAGE);
    if (typeof answer !== 'string') return 'offline';
    return answer === 'start' && !(await this.hasAll(chat)) ? 'more' : answer;
  }

  heard(key: string): void {
    this.change(key, (row) => row.unheard && { unheard: false });
  }

  learn(key: string, facts: Pick<FileInfo, 'size' | 'width' | 'height'>): void {
    // What the sender said stands, also where it is wrong: else a picture could change its place at every look.
    this.change(key, (row) => row.file && { file: { ...facts, ...row.file } });
  }

  private change(key: string, by: (row: MessageRow) => Partial<MessageRow> | false | undefined): void {
    void this.opened
      .then(() =>
        Batch.run(this.db, this.address, async (batch) => {
          const row = await byKey(batch.tx, key);
          const change = row && by(row);
          if (change) await batch.update(row, change);
        }),
      )
      .then((changes) => this.emit(changes))
      .catch((e) => !this.closed && console.error(e));
  }

  async retry(key: string): Promise<void> {
    await this.opened;
    const changes = await requeue(this.db, this.address, key);
    this.emit(changes);
    const chat = changes.find((c) => c.kind === 'messages')?.chat;
    if (chat) this.nudge(chat);
  }

  async discard(key: string): Promise<void> {
    await this.opened;
    // Whatever the leader can still do for it; the message goes in any case.
    if (await this.db.count('uploads', key)) await this.tabs.call('cancel', key);
    this.blobs.delete(key);
    const changes = await discard(this.db, this.address, key);
    this.emit(changes);
    // What was written after it may have waited for it.
    if (changes.length > 0) this.nudge(undefined);
  }

  setDraft(chat: Address, text: string): void {
    if (!this.drafts) return;
    this.state.setDraft(chat, text);
    this.drafts.set(chat, text);
  }

  /** One after another: each begins with what the one before has left. */
  setChat(chat: Address, change: ChatChange): Promise<void> {
    const done = this.setting.then(() => this.changeChat(chat, change));
    this.setting = done.catch(() => {});
    return done;
  }

  private async changeChat(chat: Address, change: ChatChange): Promise<void> {
    await this.opened;
    const { activity, settings } = this.state.chat(chat);
    const ahead = (await getMeta(this.db, 'ahead')) ?? 0;
    const next: ChatSettings = { ...settings.peek(), ...change, archived: settings.peek().archived };
    // Nothing that is there now brings it back, whatever the clocks say.
    if (change.archived !== undefined)
      next.archived = change.archived ? Math.max(Date.now() + ahead, activity.peek()) : undefined;
    const old = await this.db.get('mirror', [NS.chats, chat]);
    await this.setMirrored(NS.chats, chat, writeSettings(old?.xml ?? '', next));
  }

  private async setMirrored(node: string, id: string, xml: string): Promise<void> {
    const changes = await setItem(this.db, node, id, xml);
    this.emit(changes);
    if (changes.length === 0) return;
    if (this.sync) this.sync.mirror.changed();
    else this.tabs.tell({ type: 'mirror' });
  }

  setChoices(change: Partial<Choices>): void {
    void this.opened
      .then(async () => {
        for (const [name, on] of Object.entries(change)) await this.setMirrored(NS.choices, name, writeChoice(on));
      })
      .catch((e) => !this.closed && console.error(e));
  }

  private async markRead(address: Address, key: string): Promise<void> {
    // On a device that is new: not before it is known whether others may hear of it.
    await holds(this.state.itemsKnown);
    const { sendRead } = this.choices.peek();
    const inbox = await getMeta(this.db, 'inbox');
    let queued = false;
    const changes = await Batch.run(this.db, this.address, async (batch) => {
      const row = await byKey(batch.tx, key);
      if (row?.chat !== address) return;
      const chat = await batch.chat(address);
      batch.raiseReadTime(chat, row.time);
      if (address === this.address) return;
      const marked = await newestMarkable(batch.tx, address, chat.markedTime, row.time);
      const id = this.options.env.newId();
      const told = marked !== undefined && sendRead && (this.state.maySee(address) || chat.wrote);
      // A server that has the inbox has this too: it came with the same program.
      const assist = inbox && marked?.archiveId ? { read: marked.archiveId } : {};
      // Also when nothing is sent: what was read in silence is not told later.
      if (marked) {
        chat.markedTime = marked.time;
        batch.touch(chat);
      }
      if (told) await batch.queue({ key: id, chat: address, kind: 'displayed', payload: marked.id, ...assist });
      // My other devices shall know in any case.
      else if (inbox && row.archiveId)
        await batch.queueRead({ key: id, chat: address, kind: 'read', payload: row.archiveId });
      else return;
      queued = true;
    });
    this.emit(changes);
    if (queued) this.nudge(undefined);
  }

  private nudge(chat: Address | undefined): void {
    if (!this.sync) this.tabs.tell({ type: 'outbox', chat: chat ?? '' });
    else if (chat) this.sync.wrote(chat);
    else {
      this.sync.outbox.flush();
      this.sync.uploads.kick();
    }
  }

  face(address: Address) {
    return this.state.face(address);
  }

  // --- what the tab that leads does ---

  look(address: Address): void {
    void this.tabs.call('look-at', address);
  }

  setProfile(change: ProfileChange): Promise<Failure | undefined> {
    return this.tabs.call('profile', change);
  }

  setPicture(picture: OwnPicture | undefined): Promise<Failure | undefined> {
    return this.tabs.call('picture', picture);
  }

  setTyping(chat: Address, typing: boolean): void {
    void this.tabs.call('typing', chat, typing);
  }

  setPresence(availability: Exclude<Availability, 'offline'>, text: string): void {
    const presence: Presence = { availability, text };
    this.state.apply([{ kind: 'own-presence', presence }]);
    void this.tabs.call('presence', presence);
  }

  async addContact(typed: string, name = ''): Promise<Failure | undefined> {
    const address = typedAddress(typed, this.options.ownDomain());
    if (!address) return fail('not-found', 'This is not an address. An address looks like name@example.org.');
    return this.tabs.call('add', address, name.trim());
  }

  acceptRequest(address: Address): Promise<Failure | undefined> {
    return this.tabs.call('accept', address);
  }

  refuseRequest(address: Address): Promise<Failure | undefined> {
    return this.tabs.call('refuse', address);
  }

  renameContact(address: Address, name: string): Promise<Failure | undefined> {
    return this.tabs.call('rename', address, name);
  }

  removeContact(address: Address): Promise<Failure | undefined> {
    return this.tabs.call('remove', address);
  }

  setBlocked(address: Address, blocked: boolean): Promise<Failure | undefined> {
    return this.tabs.call('block', address, blocked);
  }

  reconnect(): void {
    void this.tabs.call('reconnect');
  }

  async changePassword(oldPassword: string, newPassword: string): Promise<Failure | undefined> {
    const { env, ownDomain, saveKeys } = this.options;
    if (newPassword === '') return fail('not-allowed', 'The new password is empty. Choose one.');
    const check = (password: string) => checkPassword(env, ownDomain(), this.address, password, this.userAgent);
    try {
      await check(oldPassword);
      const failed = await this.tabs.call<Failure | undefined>('password', newPassword);
      if (failed) return failed;
      await saveKeys(this.address, await check(newPassword));
      await this.keysChanged(true);
      return undefined;
    } catch (e) {
      return requestFailure(e);
    }
  }

  async deleteAccount(password: string): Promise<Failure | undefined> {
    const { env, ownDomain } = this.options;
    try {
      await checkPassword(env, ownDomain(), this.address, password, this.userAgent);
    } catch (e) {
      return requestFailure(e);
    }
    const failed = await this.tabs.call<Failure | undefined>('delete');
    if (!failed) await this.forget();
    return failed;
  }

  async signOut(): Promise<void> {
    await this.opened;
    // In order, so that the others see at once that we are gone.
    if (this.tabs.leading && this.sync) await this.leave(this.sync);
    else await this.tabs.call('sign-out');
    await this.forget();
  }

  /** The server forgets this device, if it can be told, and then the session ends. */
  private async leave(sync: Sync): Promise<void> {
    if (await sync.client.connection.tryNow(LEAVE_MS)) {
      const { listDevices, signOutDevice } = await devicesPart();
      const own = (await listDevices(sync.client).catch(() => [])).find((d) => d.here);
      if (own) await signOutDevice(sync.client, own.id).catch(() => {});
    }
    await sync.stop(false);
  }

  async devices(): Promise<readonly Device[] | Failure> {
    return this.tabs.call('devices');
  }

  signOutDevice(id: string): Promise<Failure | undefined> {
    return this.tabs.call('device-out', id);
  }

  async exportAddress(): Promise<string | Failure> {
    const url = await this.tabs.call<string | Failure>('export');
    return typeof url === 'string' ? this.reach(url) : url;
  }

  /** Nothing of this account stays in this browser. */
  private async forget(): Promise<void> {
    this.tabs.tell({ type: 'forgotten' });
    await this.close();
    await this.options.forget(this.address);
    this.options.env.stash?.removeItem(stashName(this.address));
    await deleteAccountDb(this.address);
  }

  private async perform(method: string, args: unknown[]): Promise<unknown> {
    // A tab that has just taken over may not be ready yet.
    if (!this.sync) await this.ledBegun();
    const sync = this.sync;
    if (!sync) return NO_ANSWER;
    const { people, client, faces } = sync;
    const [a, b] = args as [string, never];
    const todo: Record<string, () => unknown> = {
      older: () => sync.history.older(a, b, args[2] as number | undefined),
      search: () =>
        client.online
          ? searchArchive(this.db, client.archive, a, args[1] as Address | undefined, args[2] as string | undefined)
          : 'offline',
      ticks: () => sync.history.ticks(a),
      typing: () => sync.setTyping(a, b),
      cancel: () => sync.uploads.cancel(a),
      presence: () => people.setPresence(args[0] as Presence),
      add: () => people.add(a, b),
      accept: () => people.accept(a),
      refuse: () => people.refuse(a),
      rename: () => people.rename(a, b),
      remove: () => people.remove(a),
      block: () => people.block(a, b),
      want: () => faces.want(a),
      'look-at': () => faces.look(a),
      profile: () => faces.setProfile(args[0] as ProfileChange),
      picture: () => faces.setPicture(args[0] as OwnPicture | undefined),
      reconnect: () => client.connection.reconnectNow(),
      password: () => changePassword(client, this.address, a),
      delete: () => removeAccount(client),
      devices: async () => (await devicesPart()).listDevices(client),
      'device-out': async () => (await devicesPart()).signOutDevice(client, a),
      export: () => exportAddress(client),
      'sign-out': () => this.leave(sync),
    };
    try {
      return await todo[method]?.();
    } catch (e) {
      return requestFailure(e);
    }
  }

  /** Waits until lead() has done its part. */
  private async ledBegun(): Promise<void> {
    await this.opened;
    await new Promise<void>((resolve) => {
      if (this.leading.peek() || this.closed) resolve();
      else {
        const stop = this.leading.subscribe((on) => {
          if (!on) return;
          queueMicrotask(() => stop());
          resolve();
        });
      }
    });
  }
}

/** Resolves when it is true. */
function holds(it: ReadonlySignal<boolean>): Promise<void> {
  if (it.peek()) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = it.subscribe((now) => {
      if (!now) return;
      resolve();
      queueMicrotask(() => stop());
    });
  });
}
