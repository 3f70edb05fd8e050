// The one place where the protocol meets the cache: it alone listens to the connection, writes what comes to
// IndexedDB, and then tells the views. It runs only in the tab that leads.
import { byArchiveId } from '../db/messages';
import { type AccountDb, getMeta, type Meta, setMeta } from '../db/schema';
import { Client } from '../xmpp/client';
import type { ConnectionState, OnlineInfo } from '../xmpp/connection';
import { DisconnectedError, StanzaError, TimeoutError } from '../xmpp/errors';
import type { FastToken } from '../xmpp/fast';
import { bare } from '../xmpp/jid';
import type { InboxEntry } from '../xmpp/mod/inbox';
import { chatStateMessage, type IncomingMessage } from '../xmpp/mod/message';
import type { UserAgent } from '../xmpp/negotiate';
import { NS } from '../xmpp/ns';
import { type ScramKeys, signedOutKeys } from '../xmpp/scram';
import type { SmSaved } from '../xmpp/sm';
import { x } from '../xmpp/xml';
import { Batch } from './batch';
import type { Change } from './changes';
import { UNKNOWN_CHOICES } from './choices';
import { Clock } from './clock';
import { Crossings } from './crossings';
import { takeDraft } from './drafts';
import type { Env } from './env';
import { Faces } from './faces';
import { connectFailure } from './failures';
import { History } from './history';
import { applyInbox } from './inbox';
import { archiveMark, type Ingested, ingest, type Source } from './ingest';
import { Mirror } from './mirror';
import type { Choices, Connection, Message } from './model';
import { readNamed } from './named';
import { hide, Outbox } from './outbox';
import { People } from './people';
import { keyOfHit } from './search';
import type { State } from './state';
import { MyTyping, TheirTyping } from './typing';
import { Uploads } from './uploads';

export interface SyncOptions {
  address: string;
  db: AccountDb;
  env: Env;
  state: State;
  keys: ScramKeys;
  token: FastToken | undefined;
  /** Keeps them for the next time. */
  saveKeys: (keys: ScramKeys) => Promise<void>;
  saveToken: (token: FastToken | undefined) => Promise<void>;
  userAgent: UserAgent;
  saved: SmSaved | undefined;
  devices: Meta['devices'] | undefined;
  ahead: Meta['ahead'] | undefined;
  url: () => Promise<string>;
  /** Shows changes here and in the other tabs. */
  emit: (changes: readonly Change[]) => void;
  incoming: (message: Message) => void;
  reach: (url: string) => string;
}

export class Sync {
  readonly client: Client;
  readonly people: People;
  readonly history: History;
  readonly outbox: Outbox;
  readonly uploads: Uploads;
  readonly mirror: Mirror;
  readonly faces: Faces;
  private readonly clock: Clock;
  private readonly crossings: Crossings;
  private readonly theirTyping: TheirTyping;
  private readonly myTyping: MyTyping;
  /** Messages are written one after another, in the order they came. */
  private tail: Promise<unknown> = Promise.resolve();
  /** Counts sessions, so that work begun in an old one ends there. */
  private session = 0;
  private carbons = false;
  private stopped = false;
  /** Live messages wait until it is known what they stand behind; false: their session is gone. */
  private gate: { open: Promise<boolean>; settle: (take: boolean) => void } | undefined;
  /** What was missed before this session is here. */
  private caughtUp = false;
  private lostAt = Date.now();
  private stopWake: (() => void) | undefined;

  constructor(private readonly options: SyncOptions) {
    const { address, db, env, state, emit } = options;
    this.client = new Client(address, {
      address,
      credentials: { keys: options.keys },
      token: options.token,
      userAgent: options.userAgent,
      openSocket: env.openSocket,
      url: options.url,
      saved: options.saved,
      save: (sm) => this.save(sm),
    });
    this.clock = new Clock(db, this.client, address.slice(address.indexOf('@') + 1), options.ahead);
    this.people = new People(db, address, this.client, state, emit);
    if (options.saved && options.devices) this.people.restore(options.devices);
    this.history = new History(db, address, this.client, {
      ingest: async (...page) => {
        await this.ingest(...page);
      },
      emit,
      inbox: (entries, fromScratch) => this.applyInbox(entries, fromScratch),
    });
    this.crossings = new Crossings(
      db,
      () => this.client.online && this.caughtUp && !this.stopped,
      () => this.lookAgain(),
      (e) => this.report(e),
    );
    this.client.inbox.onRead = (peer, id) => void this.readElsewhere(peer, id).catch((e) => this.report(e));
    this.outbox = new Outbox(db, address, this.client, emit, () => this.choices().sendTyping);
    const ready = () => this.outbox.flush();
    this.uploads = new Uploads({ db, own: address, client: this.client, env, emit, ready, reach: options.reach });
    this.theirTyping = new TheirTyping((chat, typing) => emit([{ kind: 'typing', chat, typing }]));
    this.myTyping = new MyTyping((chat, chatState) => this.sendTyping(chat, chatState));
    const report = (e: unknown) => this.report(e);
    const onItem = (node: string, id: string, old: string, xml: string) => this.itemChanged(node, id, old, xml);
    const onKnown = () => this.itemsKnown();
    this.mirror = new Mirror({ db, own: address, client: this.client, emit, onItem, onKnown, report });
    this.client.onMessage = (m) => this.receive(m);
    this.faces = new Faces({ db, own: address, client: this.client, state, emit, report });
    this.people.onPhoto = (from, hash) => this.faces.carded(from, hash);
    this.client.onNode = (event) => this.mirror.take(event) || this.faces.take(event) || undefined;
    const { connection } = this.client;
    connection.on('state', (s) => this.showConnection(s));
    connection.on('online', (info) => void this.online(info).catch((e) => this.report(e)));
    connection.on('acked', (ids) => void this.acknowledged(ids).catch((e) => this.report(e)));
    connection.on('lost', () => this.sessionLost());
    connection.on('token', (token) => void options.saveToken(token).catch((e) => this.report(e)));
    connection.on('signedOut', () => void this.forgetKeys().catch((e) => this.report(e)));
  }

  start(): void {
    this.stopWake = this.options.env.onWake((why) => this.wake(why));
    this.client.connection.start();
  }

  /** `letGo`: another tab goes on with the session. */
  async stop(letGo: boolean): Promise<void> {
    this.session++;
    this.stopped = true;
    this.stopWake?.();
    this.myTyping.clear();
    this.theirTyping.clear();
    this.crossings.stop();
    await this.client.connection.stop(letGo);
    await this.mirror.stop();
    await this.tail.catch(() => {});
    await this.outbox.idle();
    await this.uploads.stop();
  }

  setTyping(chat: string, typing: boolean): void {
    this.myTyping.set(chat, typing);
  }

  /** A message went into the outbox. */
  wrote(chat: string): void {
    this.myTyping.sent(chat);
    this.outbox.flush();
    this.uploads.kick();
  }

  /** Settles when everything received so far is in the cache. */
  async settled(): Promise<void> {
    await this.tail.catch(() => {});
  }

  // --- sessions ---

  private async save(sm: SmSaved | undefined): Promise<void> {
    const tx = this.options.db.transaction('meta', 'readwrite');
    if (sm) {
      await tx.store.put(sm, 'sm');
      // After a resume the server does not repeat who is there, so that goes with it.
      const devices = this.people.toSave();
      if (devices) await tx.store.put(devices, 'devices');
    } else {
      await tx.store.delete('sm');
      await tx.store.delete('devices');
    }
    await tx.done;
  }

  private async online(info: OnlineInfo): Promise<void> {
    this.uploads.online();
    this.faces.online(!info.resumed);
    void this.clock.set().catch((e) => this.report(e));
    if (info.resumed && !info.restored) {
      this.outbox.flush();
      this.mirror.changed();
      this.crossings.soon();
      // The connection broke in the middle of catching up; or there are no copies of what my other devices do.
      if (!this.caughtUp || !this.carbons) await this.catchUp(this.session, this.gate !== undefined);
      return;
    }
    const session = ++this.session;
    this.caughtUp = false;
    if (!info.resumed) this.closeGate();
    this.outbox.hold();
    if (!info.resumed) {
      this.people.forget();
      this.theirTyping.clear();
    }
    if (info.resumed) this.mirror.changed();
    else this.mirror.online();
    const people = (info.resumed ? this.people.refreshList() : this.people.refresh()).catch((e) => this.report(e));
    // Receipts go to those who may see that I am here. On a first start nobody is known yet: messages wait for the list.
    if (!this.options.state.rosterKnown.peek()) void this.enqueue(() => people);
    this.carbons = info.carbons || (await this.enableCarbons());
    if (session !== this.session) return;
    await Promise.all([people, this.catchUp(session, !info.resumed && this.carbons)]);
  }

  /** `anew`: nothing of this session has been taken yet. */
  private async catchUp(session: number, anew: boolean): Promise<void> {
    try {
      if (anew) await this.history.begin(() => session === this.session && this.openGate(true));
      else {
        if (session === this.session) this.openGate(true);
        await this.history.catchUp();
      }
    } catch (e) {
      // Cut off: the next session looks again. A server without an archive has nothing to compare with.
      if (e instanceof DisconnectedError || session !== this.session) return;
      if (!(e instanceof StanzaError)) this.report(e);
    }
    if (session !== this.session) return;
    this.caughtUp = true;
    this.crossings.soon();
    // Now it is known what of the outbox has arrived before the cut; the rest is sent again.
    this.outbox.release();
    await this.history.fillGaps().catch((e) => this.report(e));
    this.outbox.flush();
  }

  private async acknowledged(ids: readonly string[]): Promise<void> {
    await this.enqueue(() => this.outbox.acknowledged(ids));
    if (!this.stopped) this.crossings.soon();
  }

  /** A server without an archive has no other order than ours. */
  private async lookAgain(): Promise<void> {
    await this.history.lookAgain().catch((e) => {
      if (!(e instanceof StanzaError)) throw e;
    });
  }

  private closeGate(): void {
    this.openGate(false);
    let settle = (_: boolean) => {};
    const open = new Promise<boolean>((resolve) => {
      settle = resolve;
    });
    this.gate = { open, settle };
  }

  private openGate(take: boolean): void {
    this.gate?.settle(take);
    this.gate = undefined;
  }

  private applyInbox(entries: readonly InboxEntry[], fromScratch: boolean): Promise<void> {
    const { db, emit, incoming } = this.options;
    return this.enqueue(async () => {
      await applyInbox(db, entries, this.context(), fromScratch, (done) => {
        emit(done.changes);
        const newest = done.fresh.at(0);
        if (newest) incoming(newest);
        if (done.queued) this.outbox.flush();
      });
    });
  }

  /** Another device has read something and told nobody but us. */
  private async readElsewhere(peer: string, id: string): Promise<void> {
    const { db, address, emit } = this.options;
    const changes = await this.enqueue(() =>
      Batch.run(db, address, async (batch) => {
        const row = await byArchiveId(batch.tx, id);
        if (row?.chat === peer) batch.raiseReadTime(await batch.chat(peer), row.time);
        else if (!row) await batch.remember(archiveMark(id), 'read');
      }),
    );
    emit(changes);
  }

  private async itemsKnown(): Promise<void> {
    const { db, state, emit } = this.options;
    if (state.itemsKnown.peek()) return;
    await setMeta(db, 'itemsKnown', true);
    emit([{ kind: 'items-known' }]);
  }

  private choices(): Choices {
    const { state } = this.options;
    return state.itemsKnown.peek() ? state.choices.peek() : UNKNOWN_CHOICES;
  }

  private async itemChanged(node: string, id: string, old: string, xml: string): Promise<void> {
    const { db, address, emit } = this.options;
    if (node === NS.hidden) {
      const hit = readNamed('hidden', NS.hidden, xml, address);
      const key = hit && (await keyOfHit(db, hit));
      // Where it is not here yet, it is looked up when it comes.
      if (key !== undefined) emit(await this.enqueue(() => hide(db, address, [key])));
    }
    if (node !== NS.drafts || bare(id) !== id) return;
    const changes = await this.enqueue(() =>
      Batch.run(db, address, async (batch) => {
        const chat = await batch.chat(id);
        if (takeDraft(chat, old, xml)) batch.touch(chat);
      }),
    );
    emit(changes);
  }

  private async enableCarbons(): Promise<boolean> {
    try {
      await this.client.iq({ type: 'set', payload: x('enable', { xmlns: NS.carbons }) });
      return true;
    } catch {
      return false;
    }
  }

  /** Signed out from another device: neither this page nor a later one comes back without the password. */
  private async forgetKeys(): Promise<void> {
    await this.options.saveToken(undefined);
    await this.options.saveKeys(signedOutKeys(this.options.keys));
  }

  private sessionLost(): void {
    this.session++;
    this.openGate(false); // the archive has what it held back
    this.outbox.hold();
    this.theirTyping.clear();
    this.myTyping.clear();
  }

  private wake(why: 'online' | 'offline' | 'visible'): void {
    const { connection } = this.client;
    if (why === 'online') {
      connection.reconnectNow();
      this.uploads.wake();
    }
    connection.check();
    if (connection.state.name === 'waiting') this.showConnection(connection.state);
    // Without copies of what my other devices do, look when somebody looks.
    if (why === 'visible' && !this.carbons && this.client.online && this.people.otherDevices)
      void this.catchUp(this.session, false).catch((e) => this.report(e));
  }

  private showConnection(s: ConnectionState): void {
    let connection: Connection;
    switch (s.name) {
      case 'online':
        connection = { state: 'online' };
        break;
      case 'waiting':
        connection = this.options.env.hasNetwork()
          ? { state: 'waiting', since: this.lostAt, retryAt: s.retryAt }
          : { state: 'offline', since: this.lostAt };
        break;
      case 'ended':
        connection = { state: 'ended', failure: connectFailure(s.reason) };
        break;
      case 'connecting':
        connection = { state: 'connecting', since: this.lostAt };
        break;
      case 'stopped':
        return;
    }
    const before = this.options.state.connection.peek();
    if (before.state === 'online' && connection.state !== 'online') {
      this.lostAt = Date.now();
      if ('since' in connection) connection.since = this.lostAt;
    }
    this.options.emit([{ kind: 'connection', connection }]);
  }

  // --- messages ---

  private enqueue<T>(work: () => Promise<T>): Promise<T> {
    const done = this.tail.then(work, work);
    this.tail = done.catch(() => {});
    return done;
  }

  private receive(m: IncomingMessage): Promise<unknown> | undefined {
    if (!m.mine && m.chatState && m.via === 'live') this.theirTyping.set(m.peer, m.chatState === 'composing');
    else if (!m.mine && (m.body !== undefined || m.about)) this.theirTyping.set(m.peer, false);
    const { body, encrypted, about, error, receiptFor, marker, archiveId } = m;
    if (body === undefined && !(encrypted || about || error || receiptFor || marker || archiveId)) return undefined;
    const take = () => this.ingest([m], 'live', new Map());
    return this.gate ? this.gate.open.then((open) => (open ? take() : undefined)) : take();
  }

  private context() {
    const { address, env, state } = this.options;
    return {
      own: address,
      maySee: (a: string) => state.maySee(a),
      now: this.clock.now(),
      newId: () => env.newId(),
    };
  }

  private ingest(
    messages: readonly IncomingMessage[],
    source: Source,
    clock: Map<string, number>,
    until?: number,
  ): Promise<Ingested> {
    const { db, emit, incoming } = this.options;
    return this.enqueue(async () => {
      const result = await ingest(db, messages, { ...this.context(), source, clock, until });
      emit(result.changes);
      if (source === 'live' && this.history.live()) void this.history.lookOn().catch((e) => this.report(e));
      const newest = result.fresh.at(-1);
      if (newest && (source === 'live' || source === 'catchup')) incoming(newest);
      if (result.queued) this.outbox.flush();
      if (!this.stopped) this.crossings.add(result.crossed);
      return result;
    });
  }

  /** Being cut off or closed in the middle of something is no news, nor is a line on which nothing comes in time. */
  private report(e: unknown): void {
    if (!this.stopped && !(e instanceof DisconnectedError) && !(e instanceof TimeoutError)) console.error(e);
  }

  private sendTyping(chat: string, chatState: 'composing' | 'paused' | 'active'): void {
    const { state, address } = this.options;
    if (!this.choices().sendTyping || chat === address || !this.client.online) return;
    // Only to those who may see that I am here, and who are there to see it.
    if (!state.maySee(chat) || !this.people.isThere(chat)) return;
    this.client.send(chatStateMessage(chat, chatState));
  }
}

export async function loadSaved(db: AccountDb): Promise<Pick<SyncOptions, 'saved' | 'devices' | 'ahead'>> {
  const [saved, devices, ahead] = await Promise.all([getMeta(db, 'sm'), getMeta(db, 'devices'), getMeta(db, 'ahead')]);
  return { saved, devices, ahead };
}
