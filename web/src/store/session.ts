// One account in one tab. What only needs the cache is done in whichever tab the user is; what needs the
// connection is done by the tab that leads.
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
import { typedAddress } from '../xmpp/jid';
import { changePassword, removeAccount } from '../xmpp/mod/register';
import type { ScramKeys } from '../xmpp/scram';
import { checkPassword, SOFTWARE } from './access';
import { Batch } from './batch';
import type { Change } from './changes';
import { Drafts, stashName } from './drafts';
import type { Env } from './env';
import { fail, requestFailure } from './failures';
import { holeBelow } from './history';
import type {
  Account,
  Address,
  Availability,
  Chat,
  Contact,
  Failure,
  FileInfo,
  Message,
  OutgoingFile,
  Presence,
  Session,
  Settings,
  Shared,
  Timeline,
} from './model';
import { discard, requeue, writeFiles, writeMessage } from './outbox';
import { State } from './state';
import { loadSaved, Sync } from './sync';
import { Tabs } from './tabs';
import { ChatTimeline, type Older } from './timeline';

/** What tabs tell each other. */
type TabEvent =
  | { type: 'changes'; changes: readonly Change[] }
  /** A tab opened and wants to know what is not in the cache. */
  | { type: 'hello' }
  /** Something was put into the outbox. */
  | { type: 'outbox'; chat: Address }
  | { type: 'keys' }
  | { type: 'forgotten' };

export interface SessionOptions {
  row: AccountRow;
  env: Env;
  settings: ReadonlySignal<Settings>;
  ownDomain: () => string;
  /** Reads the account's row again: another tab may have new keys. */
  reload: () => Promise<AccountRow | undefined>;
  saveKeys: (address: Address, keys: ScramKeys) => Promise<void>;
  /** Takes the account out of this browser's list. */
  forget: (address: Address) => Promise<void>;
}

/** So many sent files are remembered; the browser keeps their bytes on disk. */
const BLOBS_KEPT = 200;
/** Looking for what was shared long ago one reads past much else. */
const SHARED_PAGE = 200;
const NO_ANSWER = fail('offline', 'There was no answer. Check your connection and try again.');

export class AccountSession implements Session {
  readonly account: Account;
  readonly state: State;
  readonly connection;
  readonly presence;
  readonly chatOrder;
  readonly contactOrder;
  readonly contactsVersion;
  readonly requests;
  readonly blocked;
  readonly unread;
  readonly ready;
  readonly firstStart;
  readonly uploadMax;
  /** Settles when the cache has been read. */
  readonly opened: Promise<void>;
  private db!: AccountDb;
  private drafts!: Drafts;
  private readonly tabs: Tabs<TabEvent>;
  private readonly leading = signal(false);
  private readonly incoming = new Set<(message: Message) => void>();
  private sync: Sync | undefined;
  private stopHide: (() => void) | undefined;
  private closed = false;
  /** Files sent from this tab: shown from here, not fetched. */
  private readonly blobs = new Map<string, Blob>();
  private readonly address: Address;

  constructor(private readonly options: SessionOptions) {
    const { row, env } = options;
    this.address = row.address;
    this.state = new State(row.address);
    const { state } = this;
    this.presence = state.ownPresence;
    this.chatOrder = state.chatOrder;
    this.contactOrder = state.contactOrder;
    this.contactsVersion = state.contactsVersion;
    this.requests = state.requests;
    this.blocked = state.blocked;
    this.unread = state.unread;
    this.ready = state.ready;
    this.uploadMax = state.uploadMax;
    this.firstStart = computed(() => !state.rosterKnown.value);
    this.connection = computed(() => {
      const c = state.connection.value;
      return c.state === 'online' && !this.leading.value ? ({ state: 'following' } as const) : c;
    });
    this.account = { address: row.address, name: row.name, unread: state.unread };
    this.tabs = new Tabs<TabEvent>({
      name: `confab:${row.address}`,
      env,
      onEvent: (event) => this.told(event),
      onLead: () => void this.lead().catch(console.error),
      onCall: (method, args) => this.perform(method, args),
      noAnswer: NO_ANSWER,
    });
    this.opened = this.open();
  }

  // --- opening and closing ---

  private async open(): Promise<void> {
    const { address } = this;
    this.db = await openAccountDb(address);
    this.drafts = new Drafts(this.db, address, (changes) => this.emit(changes), this.options.env.stash);
    await this.drafts.recover();
    await this.load();
    this.stopHide = this.options.env.onHide(() => this.drafts.hide());
    this.state.ready.value = true;
    if (this.closed) return;
    this.tabs.join();
    this.tabs.tell({ type: 'hello' });
  }

  private async load(): Promise<void> {
    const { db, state } = this;
    const [items, rosterKnown, requests, blocked, presence, upload, chats] = await Promise.all([
      db.getAll('contacts'),
      getMeta(db, 'rosterKnown'),
      db.getAll('requests'),
      getMeta(db, 'blocked'),
      getMeta(db, 'presence'),
      getMeta(db, 'upload'),
      db.getAll('chats'),
    ]);
    const changes: Change[] = [
      { kind: 'requests', list: requests },
      { kind: 'blocked', list: blocked ?? [] },
    ];
    if (rosterKnown) changes.push({ kind: 'contacts', items });
    if (presence) changes.push({ kind: 'own-presence', presence });
    if (upload) changes.push({ kind: 'upload-max', max: upload.max });
    state.apply(changes);
    state.load(chats);
  }

  /** This tab connects from now on. */
  private async lead(): Promise<void> {
    await this.opened;
    const row = (await this.options.reload()) ?? this.options.row;
    if (this.closed) return;
    const { env, settings, ownDomain } = this.options;
    const domain = this.address.slice(this.address.indexOf('@') + 1);
    this.sync = new Sync({
      address: this.address,
      db: this.db,
      env,
      state: this.state,
      keys: row.keys,
      userAgent: this.userAgent,
      ...(await loadSaved(this.db)),
      url: () => env.url(domain, ownDomain()),
      settings: () => settings.peek(),
      emit: (changes) => this.emit(changes),
      incoming: (message) => {
        for (const listener of this.incoming) listener(message);
      },
      reach: (url) => this.reach(url),
    });
    this.leading.value = true;
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
              ...this.sync.people.snapshot(),
              ...this.sync.uploads.snapshot(),
            ],
          });
        break;
      case 'outbox':
        this.sync?.wrote(event.chat);
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
    await this.drafts?.idle();
    await this.sync?.stop(true);
    this.tabs.close();
    this.db?.close();
  }

  /** Settles when all that was received and asked so far is done; for tests. */
  async settled(): Promise<void> {
    await this.opened;
    await this.sync?.settled();
    await this.sync?.outbox.idle();
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
      holeBelow: (_: Address, time: number) => holeBelow(this.db, time),
      isComplete: async (a: Address) => (await this.db.get('chats', a))?.complete ?? false,
      fetchOlder: async (a: Address, time: number) => {
        const answer = await this.tabs.call<Older | Failure>('older', a, time);
        return typeof answer === 'string' ? answer : 'offline';
      },
      markRead: (a: Address, key: string) => void this.markRead(a, key).catch(console.error),
      readTime: async (a: Address) => (await this.db.get('chats', a))?.readTime ?? 0,
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

  async send(chat: Address, body: string): Promise<void> {
    if (body.trim() === '') return;
    await this.opened;
    this.drafts.drop(chat);
    this.emit(await writeMessage(this.db, this.address, chat, body, this.options.env.newId()));
    this.nudge(chat);
  }

  async sendFiles(chat: Address, files: readonly OutgoingFile[], caption: string): Promise<void> {
    if (files.length === 0) return this.send(chat, caption);
    await this.opened;
    const { env } = this.options;
    const rows = files.map(({ blob, info }) => {
      const file: FileInfo = { ...info, url: '', size: blob.size };
      return { key: env.newId(), blob, file };
    });
    const words = caption.trim() === '' ? undefined : { key: env.newId(), body: caption };
    for (const { key, blob } of rows) this.keepBlob(key, blob);
    if (words) this.drafts.drop(chat);
    this.emit(await writeFiles(this.db, this.address, chat, rows, words));
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
    return complete && (await this.db.count('gaps')) === 0;
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

  private async markRead(address: Address, key: string): Promise<void> {
    const { sendRead } = this.options.settings.peek();
    let queued = false;
    const changes = await Batch.run(this.db, this.address, async (batch) => {
      const row = await byKey(batch.tx, key);
      if (row?.chat !== address) return;
      const chat = await batch.chat(address);
      batch.raiseReadTime(chat, row.time);
      if (address === this.address) return;
      const marked = await newestMarkable(batch.tx, address, chat.markedTime, row.time);
      if (!marked) return;
      // Also when nothing is sent: what was read in silence is not told later.
      chat.markedTime = marked.time;
      batch.touch(chat);
      if (!sendRead || !(this.state.maySee(address) || chat.wrote)) return;
      await batch.queue({ key: this.options.env.newId(), chat: address, kind: 'displayed', payload: marked.id });
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

  // --- what the tab that leads does ---

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
    if (this.tabs.leading) await this.sync?.stop(false);
    else await this.tabs.call('sign-out');
    await this.forget();
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
    const { people, client } = sync;
    const [a, b] = args as [string, never];
    const todo: Record<string, () => unknown> = {
      older: () => sync.history.older(a, b, args[2] as number | undefined),
      typing: () => sync.setTyping(a, b),
      cancel: () => sync.uploads.cancel(a),
      presence: () => people.setPresence(args[0] as Presence),
      add: () => people.add(a, b),
      accept: () => people.accept(a),
      refuse: () => people.refuse(a),
      rename: () => people.rename(a, b),
      remove: () => people.remove(a),
      block: () => people.block(a, b),
      reconnect: () => client.connection.reconnectNow(),
      password: () => changePassword(client, this.address, a),
      delete: () => removeAccount(client),
      'sign-out': () => sync.stop(false),
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
