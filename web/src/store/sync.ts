// The one place where the protocol meets the cache: it alone listens to the connection, writes what comes to
// IndexedDB, and then tells the views. It runs only in the tab that leads.
import { type AccountDb, getMeta, type Meta } from '../db/schema';
import { Client } from '../xmpp/client';
import type { ConnectionState, OnlineInfo } from '../xmpp/connection';
import { DisconnectedError, StanzaError } from '../xmpp/errors';
import { chatStateMessage, type IncomingMessage } from '../xmpp/mod/message';
import type { UserAgent } from '../xmpp/negotiate';
import { NS } from '../xmpp/ns';
import type { ScramKeys } from '../xmpp/scram';
import type { SmSaved } from '../xmpp/sm';
import { x } from '../xmpp/xml';
import type { Change } from './changes';
import type { Env } from './env';
import { connectFailure } from './failures';
import { History } from './history';
import { type Ingested, ingest, type Source } from './ingest';
import type { Connection, Message, Settings } from './model';
import { Outbox } from './outbox';
import { People } from './people';
import type { State } from './state';
import { MyTyping, TheirTyping } from './typing';
import { Uploads } from './uploads';

export interface SyncOptions {
  address: string;
  db: AccountDb;
  env: Env;
  state: State;
  keys: ScramKeys;
  userAgent: UserAgent;
  saved: SmSaved | undefined;
  devices: Meta['devices'] | undefined;
  url: () => Promise<string>;
  settings: () => Settings;
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
  private readonly theirTyping: TheirTyping;
  private readonly myTyping: MyTyping;
  /** Messages are written one after another, in the order they came. */
  private tail: Promise<unknown> = Promise.resolve();
  /** Counts sessions, so that work begun in an old one ends there. */
  private session = 0;
  private carbons = false;
  private stopped = false;
  private lostAt = Date.now();
  private stopWake: (() => void) | undefined;

  constructor(private readonly options: SyncOptions) {
    const { address, db, env, state, emit } = options;
    this.client = new Client(address, {
      address,
      credentials: { keys: options.keys },
      userAgent: options.userAgent,
      openSocket: env.openSocket,
      url: options.url,
      saved: options.saved,
      save: (sm) => this.save(sm),
    });
    this.people = new People(db, address, this.client, state, emit);
    if (options.saved && options.devices) this.people.restore(options.devices);
    this.history = new History(db, address, this.client, {
      ingest: async (messages, source, clock) => {
        await this.ingest(messages, source, clock);
      },
      emit,
    });
    this.outbox = new Outbox(db, address, this.client, emit, () => options.settings().sendTyping);
    const ready = () => this.outbox.flush();
    this.uploads = new Uploads({ db, own: address, client: this.client, env, emit, ready, reach: options.reach });
    this.theirTyping = new TheirTyping((chat, typing) => emit([{ kind: 'typing', chat, typing }]));
    this.myTyping = new MyTyping((chat, chatState) => this.sendTyping(chat, chatState));
    this.client.onMessage = (m) => this.receive(m);
    const { connection } = this.client;
    connection.on('state', (s) => this.showConnection(s));
    connection.on('online', (info) => void this.online(info).catch((e) => this.report(e)));
    connection.on(
      'acked',
      (ids) => void this.enqueue(() => this.outbox.acknowledged(ids)).catch((e) => this.report(e)),
    );
    connection.on('lost', () => this.sessionLost());
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
    await this.client.connection.stop(letGo);
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
    if (info.resumed && !info.restored) {
      this.outbox.flush();
      if (!this.carbons) await this.catchUp(this.session);
      return;
    }
    const session = ++this.session;
    this.outbox.hold();
    if (!info.resumed) {
      this.people.forget();
      this.theirTyping.clear();
    }
    const people = info.resumed ? this.people.refreshList() : this.people.refresh();
    this.carbons = info.carbons || (await this.enableCarbons());
    if (session !== this.session) return;
    await Promise.all([people.catch((e) => this.report(e)), this.catchUp(session)]);
  }

  private async catchUp(session: number): Promise<void> {
    try {
      await this.history.catchUp();
    } catch (e) {
      // Cut off: the next session looks again. A server without an archive has nothing to compare with.
      if (e instanceof DisconnectedError || session !== this.session) return;
      if (!(e instanceof StanzaError)) this.report(e);
    }
    if (session !== this.session) return;
    // Now it is known what of the outbox has arrived before the cut; the rest is sent again.
    this.outbox.release();
    await this.history.fillGaps().catch((e) => this.report(e));
    this.outbox.flush();
  }

  private async enableCarbons(): Promise<boolean> {
    try {
      await this.client.iq({ type: 'set', payload: x('enable', { xmlns: NS.carbons }) });
      return true;
    } catch {
      return false;
    }
  }

  private sessionLost(): void {
    this.session++;
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
      void this.catchUp(this.session).catch(console.error);
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
    else if (!m.mine && m.body !== undefined) this.theirTyping.set(m.peer, false);
    if (m.body === undefined && !m.encrypted && !m.error && !m.receiptFor && !m.marker && !m.archiveId)
      return undefined;
    return this.ingest([m], 'live', new Map());
  }

  private ingest(messages: readonly IncomingMessage[], source: Source, clock: Map<string, number>): Promise<Ingested> {
    const { db, address, env, state, emit, incoming } = this.options;
    return this.enqueue(async () => {
      const result = await ingest(db, messages, {
        own: address,
        source,
        maySee: (a) => state.maySee(a),
        clock,
        now: Date.now(),
        newId: () => env.newId(),
      });
      emit(result.changes);
      if (source === 'live' && this.history.live()) void this.history.catchUp().catch((e) => this.report(e));
      const newest = result.fresh.at(-1);
      if (newest && (source === 'live' || source === 'catchup')) incoming(newest);
      if (result.queued) this.outbox.flush();
      return result;
    });
  }

  /** Being cut off or closed in the middle of something is no news. */
  private report(e: unknown): void {
    if (!this.stopped && !(e instanceof DisconnectedError)) console.error(e);
  }

  private sendTyping(chat: string, chatState: 'composing' | 'paused' | 'active'): void {
    const { settings, state, address } = this.options;
    if (!settings().sendTyping || chat === address || !this.client.online) return;
    // Only to those who may see that I am here, and who are there to see it.
    if (!state.maySee(chat) || !this.people.isThere(chat)) return;
    this.client.send(chatStateMessage(chat, chatState));
  }
}

export async function loadSaved(db: AccountDb): Promise<Pick<SyncOptions, 'saved' | 'devices'>> {
  return { saved: await getMeta(db, 'sm'), devices: await getMeta(db, 'devices') };
}
