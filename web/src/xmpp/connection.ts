// Keeps one account connected: opens the stream, signs in, resumes or binds, finds dead connections,
// and tries again with back-off. It knows stanzas only as things to count.
import { Backoff } from './backoff';
import { AuthError, DisconnectedError, StreamError, TimeoutError } from './errors';
import { Emitter } from './events';
import type { FastToken } from './fast';
import { negotiate, type UserAgent } from './negotiate';
import { NS } from './ns';
import type { Credentials, ScramKeys } from './scram';
import { type SmSaved, StreamManagement, type Unacked } from './sm';
import { isStanza, type OpenSocket, Stream } from './stream';
import { type El, write, x } from './xml';

export interface ConnectionOptions {
  address: string;
  credentials: Credentials;
  token?: FastToken | undefined;
  userAgent: UserAgent;
  openSocket: OpenSocket;
  /** Finds the address of the WebSocket; asked before every attempt. */
  url: () => Promise<string>;
  /** State from before a reload. */
  saved?: SmSaved | undefined;
  /** Keeps the state for a reload; undefined: nothing to resume. Awaited before the server hears of a count. */
  save: (sm: SmSaved | undefined) => Promise<void>;
  random?: () => number;
}

export type ConnectionState =
  | { name: 'stopped' }
  | { name: 'connecting' }
  | { name: 'online' }
  | { name: 'waiting'; retryAt: number; reason: Error }
  /** Only the person can help. */
  | { name: 'ended'; reason: Error };

export interface OnlineInfo {
  jid: string;
  /** The old session goes on. */
  resumed: boolean;
  /** Resumed by another page load than the one that began it: nothing in memory belongs to it. */
  restored: boolean;
  carbons: boolean;
}

interface Events {
  state: ConnectionState;
  online: OnlineInfo;
  /** The session is gone for good: what hung on it (requests, presences) is void. */
  lost: undefined;
  /** The server has taken responsibility for the stanzas with these ids. */
  acked: string[];
  /** Keys worth keeping came out of a sign-in by password. */
  keys: ScramKeys;
  /** To sign in with the next time; undefined: the old one is good no longer. */
  token: FastToken | undefined;
  /** Somebody signed this device out: only the password helps. */
  signedOut: undefined;
}

const ATTEMPT_MS = 20_000;
/** Nothing heard for so long: ask. */
const QUIET_MS = 45_000;
/** Asked and heard nothing for so long: dead. */
const ANSWER_MS = 10_000;
/** The same after the page woke up or the network changed, when death is likely. */
const ANSWER_SOON_MS = 4_000;
/** A connection that lived so long counts as a success for the back-off. */
const STABLE_MS = 10_000;

/** How long to wait before asking once more for an acknowledgement that does not come. */
const ACK_AGAIN_MS = 2_000;
/** What came in is counted for a reload so soon. */
const SAVE_MS = 100;

/** Stream errors after which trying again would only repeat the error. */
const FINAL = new Set(['conflict', 'host-unknown', 'host-gone', 'unsupported-version']);
/** Sign-in failures that may pass by themselves. */
const PASSING_SASL = new Set(['temporary-auth-failure', 'aborted', 'bad-server']);

export class Connection extends Emitter<Events> {
  state: ConnectionState = { name: 'stopped' };
  jid = '';
  readonly sm = new StreamManagement();
  /** Handles incoming stanzas; a promise says when it is done. */
  handler: (stanza: El) => Promise<unknown> | undefined = () => undefined;
  private stream: Stream | undefined;
  private smActive = false;
  private requested = false;
  private sentSince = false;
  private ackTimer: ReturnType<typeof setTimeout> | undefined;
  private saveTimer: ReturnType<typeof setTimeout> | undefined;
  private quietTimer: ReturnType<typeof setTimeout> | undefined;
  private answerTimer: ReturnType<typeof setTimeout> | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private attempt: AbortController | undefined;
  private readonly backoff: Backoff;
  private onlineAt = 0;
  private hadSession = false;
  private pingSerial = 0;
  /** Somebody looks (XEP-0352); what the server was told of it in this stream. */
  private active = true;
  private toldActive = true;
  private csi = false;
  /** The saved state belongs to a page load that is over. */
  private restored = false;

  constructor(private readonly options: ConnectionOptions) {
    super();
    this.backoff = new Backoff(options.random);
    if (options.saved) {
      this.sm.restore(options.saved);
      this.restored = true;
    }
  }

  start(): void {
    if (this.state.name === 'stopped') void this.connect();
  }

  /** New credentials: try with them at once. */
  setCredentials(credentials: Credentials): void {
    this.options.credentials = credentials;
    if (this.state.name !== 'online') this.reconnectNow();
  }

  /** Ends the session in order; or only lets go of it, so that another page can resume it. */
  async stop(letGo = false): Promise<void> {
    const { stream } = this;
    this.detach();
    this.setState({ name: 'stopped' });
    if (letGo) stream?.abort();
    else {
      stream?.close();
      this.dropSession();
      await this.options.save(undefined);
    }
  }

  /** Does not wait for the timer. */
  reconnectNow(): void {
    if (this.state.name === 'online' || this.state.name === 'connecting' || this.state.name === 'stopped') return;
    this.backoff.reset();
    void this.connect();
  }

  /** For what should be told to the server now: one attempt, if there is no session, of no more than so many ms. Is there one then? */
  async tryNow(ms: number): Promise<boolean> {
    this.reconnectNow();
    if (this.state.name === 'connecting') {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        const off = this.on('state', ({ name }) => {
          if (name === 'connecting') return;
          clearTimeout(timer);
          off();
          resolve();
        });
      });
    }
    return this.state.name === 'online';
  }

  /** The page became visible, or the network changed: find out soon whether the connection still lives. */
  check(): void {
    if (this.state.name === 'waiting') this.reconnectNow();
    else if (this.state.name === 'online') this.probe(ANSWER_SOON_MS);
  }

  /** Whether somebody looks at the app. Told at once, and again in every new stream, which begins as active. */
  setActive(active: boolean): void {
    this.active = active;
    this.tellActive();
  }

  private tellActive(): void {
    if (!this.csi || !this.stream || this.active === this.toldActive) return;
    this.toldActive = this.active;
    this.stream.send(x(this.active ? 'active' : 'inactive', { xmlns: NS.csi }));
  }

  /** Sends a stanza. With an id of its own it is heard of again in `acked`. Throws when there is no session. */
  send(stanza: El, notify = false): void {
    if (!stanza.ns) stanza.ns = NS.client;
    if (this.state.name !== 'online' || !this.stream) throw new DisconnectedError();
    const frame = write(stanza);
    this.sentSince = true;
    this.sm.sent(frame, notify ? stanza.attr('id') : undefined);
    this.stream.sendRaw(frame);
    // Without stream management the queue would only grow: keep what somebody waits for.
    if (!this.smActive && !notify) this.sm.queue.pop();
    else if (stanza.name === 'message') this.requestAck();
  }

  // --- one attempt ---

  private async connect(): Promise<void> {
    clearTimeout(this.retryTimer);
    this.attempt?.abort();
    const attempt = new AbortController();
    this.attempt = attempt;
    this.setState({ name: 'connecting' });
    const limit = setTimeout(() => attempt.abort(), ATTEMPT_MS);
    let stream: Stream | undefined;
    try {
      const { address, credentials, token, userAgent, openSocket } = this.options;
      const url = await this.options.url();
      if (attempt.signal.aborted) throw new TimeoutError();
      const domain = address.slice(address.indexOf('@') + 1);
      const opened = await Stream.open(openSocket, url, domain, attempt.signal);
      stream = opened.stream;
      const resume = this.sm.resumable ? this.sm.saved() : undefined;
      if (resume) await this.options.save(resume); // the server will forget what this count covers
      const outcome = await negotiate(stream, opened.features, { address, credentials, token, userAgent, resume });
      if (attempt.signal.aborted || this.attempt !== attempt) throw new TimeoutError();
      clearTimeout(limit);
      if (outcome.keys && 'password' in credentials) this.emit('keys', outcome.keys);
      if (outcome.token !== undefined) {
        this.options.token = outcome.token ?? undefined;
        this.emit('token', this.options.token);
      }
      this.takeOver(stream, outcome, resume?.h ?? 0);
      // Done: from here on the stream lives and dies by itself.
      if (this.attempt === attempt) this.attempt = undefined;
    } catch (e) {
      clearTimeout(limit);
      stream?.abort(e as Error);
      if (this.attempt === attempt) this.failed(e as Error);
    }
  }

  private takeOver(stream: Stream, outcome: Awaited<ReturnType<typeof negotiate>>, told: number): void {
    this.stream = stream;
    this.jid = outcome.jid;
    this.onlineAt = Date.now();
    this.requested = false;
    this.csi = outcome.csi;
    this.toldActive = true;
    let resend: Unacked[] = [];
    const resumed = outcome.resumedH !== undefined;
    const restored = resumed && this.restored;
    let acked: Unacked[] = [];
    if (outcome.resumedH !== undefined) {
      try {
        acked = this.sm.ack(outcome.resumedH);
      } catch (e) {
        this.dropSession(); // the two sides disagree: begin anew
        throw e;
      }
      this.sm.goOn(told);
      resend = this.sm.queue;
      this.smActive = true;
    } else {
      if (outcome.failedH !== undefined && this.sm.resumable) {
        try {
          acked = this.sm.ack(outcome.failedH);
        } catch {
          // A count of a session that is gone anyway.
        }
      }
      this.emitAcked(acked);
      acked = [];
      this.dropSession();
      this.smActive = outcome.smId !== undefined;
      this.sm.start(outcome.smId ?? '', outcome.jid);
      this.keep(outcome.smId ? this.sm.saved() : undefined);
    }
    this.restored = false;
    this.hadSession = true;
    stream.onEnd = (reason) => this.streamEnded(stream, reason);
    this.setState({ name: 'online' });
    this.emitAcked(acked);
    for (const { frame } of resend) stream.sendRaw(frame);
    if (resend.length) this.requestAck();
    this.emit('online', { jid: outcome.jid, resumed, restored, carbons: outcome.carbons });
    for (const stanza of outcome.early) void this.handler(stanza);
    this.tellActive();
    this.armQuiet();
    stream.attach((el) => this.receive(stream, el));
  }

  private receive(stream: Stream, el: El): void {
    if (this.stream !== stream) return;
    this.heard();
    if (isStanza(el)) {
      const own = el.name === 'iq' && this.ownPing(el);
      void this.sm.received(own ? undefined : this.handler(el)).then(() => this.saveSoon());
    } else if (el.ns === NS.sm) this.receiveSm(stream, el);
    // Features after SASL2 have nothing to say that was not known.
  }

  /** The server asks seldom. After a reload it would send again, and we would do again, all that it has not asked about. */
  private saveSoon(): void {
    if (this.saveTimer !== undefined || !this.stream || !this.sm.resumable) return;
    this.saveTimer = setTimeout(() => {
      this.saveTimer = undefined;
      if (this.sm.resumable) this.keep(this.sm.saved());
    }, SAVE_MS);
  }

  /** A page that is being left may have no database any more. */
  private keep(sm: SmSaved | undefined): void {
    void this.options.save(sm).catch(() => {});
  }

  private receiveSm(stream: Stream, el: El): void {
    if (el.name === 'r') void this.answerAck(stream);
    else if (el.name === 'a') {
      this.requested = false;
      try {
        this.emitAcked(this.sm.ack(Number(el.attr('h') ?? Number.NaN)));
      } catch (e) {
        this.dropSession();
        stream.abort(e as Error);
        return;
      }
      if (!this.sm.queue.some((u) => u.id !== undefined)) return;
      // Sent since the question: ask again. Else the server is still writing, and tells when it is done;
      // one that does not is asked now and then.
      if (this.sentSince) this.requestAck();
      else this.ackTimer ??= setTimeout(() => this.requestAck(), ACK_AGAIN_MS);
    }
  }

  /** What the server hears must not be forgotten by a reload, so it is saved first. */
  private async answerAck(stream: Stream): Promise<void> {
    const saved = this.sm.saved();
    if (this.sm.resumable) await this.options.save(saved).catch(() => {});
    if (this.stream === stream) stream.send(x('a', { xmlns: NS.sm, h: saved.h }));
  }

  /** Asks the server what it has handled. Without stream management a ping's answer says it: answers keep order. */
  private requestAck(): void {
    clearTimeout(this.ackTimer);
    this.ackTimer = undefined;
    if (this.requested || !this.stream) return;
    this.requested = true;
    this.sentSince = false;
    if (this.smActive) this.stream.send(x('r', { xmlns: NS.sm }));
    else this.sendPing();
  }

  private sendPing(): void {
    const id = `ping-${++this.pingSerial}-${this.sm.queue.length}`;
    this.stream?.send(x('iq', { xmlns: NS.client, type: 'get', id }, x('ping', { xmlns: NS.ping })));
  }

  private ownPing(iq: El): boolean {
    const m = /^ping-\d+-(\d+)$/.exec(iq.attr('id') ?? '');
    const type = iq.attr('type');
    if (!m || (type !== 'result' && type !== 'error')) return false;
    this.requested = false;
    this.emitAcked(this.sm.queue.splice(0, Number(m[1])));
    if (this.sm.queue.length) this.requestAck();
    return true;
  }

  private emitAcked(list: Unacked[]): void {
    const ids = list.flatMap((u) => (u.id === undefined ? [] : [u.id]));
    if (ids.length) this.emit('acked', ids);
  }

  // --- is it alive? ---

  private heard(): void {
    clearTimeout(this.answerTimer);
    this.answerTimer = undefined;
    this.armQuiet();
  }

  private armQuiet(): void {
    clearTimeout(this.quietTimer);
    this.quietTimer = setTimeout(() => this.probe(ANSWER_MS), QUIET_MS);
  }

  private probe(patience: number): void {
    if (!this.stream || this.answerTimer) return;
    if (this.smActive) this.stream.send(x('r', { xmlns: NS.sm }));
    else this.sendPing();
    const { stream } = this;
    this.answerTimer = setTimeout(() => stream.abort(new TimeoutError()), patience);
  }

  // --- endings ---

  private streamEnded(stream: Stream, reason: Error): void {
    if (this.stream !== stream) return;
    this.failed(reason);
  }

  private failed(reason: Error): void {
    const lived = this.onlineAt ? Date.now() - this.onlineAt : 0;
    this.detach();
    if (lived > STABLE_MS) this.backoff.reset();
    // The server ended the stream itself: there is no session left to resume.
    if (reason instanceof StreamError) this.dropSession();
    if (reason instanceof AuthError && reason.condition === 'credentials-expired') {
      this.options.token = undefined;
      this.emit('signedOut', undefined);
    }
    if (isFinal(reason)) {
      this.dropSession();
      this.keep(undefined);
      this.setState({ name: 'ended', reason });
      return;
    }
    if (!this.sm.resumable && !this.restored) this.dropSession();
    const delay = this.backoff.next();
    this.setState({ name: 'waiting', retryAt: Date.now() + delay, reason });
    this.retryTimer = setTimeout(() => void this.connect(), delay);
  }

  private detach(): void {
    this.attempt?.abort();
    this.attempt = undefined;
    this.stream = undefined;
    this.onlineAt = 0;
    clearTimeout(this.quietTimer);
    clearTimeout(this.retryTimer);
    clearTimeout(this.answerTimer);
    clearTimeout(this.ackTimer);
    clearTimeout(this.saveTimer);
    this.answerTimer = this.ackTimer = this.saveTimer = undefined;
  }

  /** Whoever waits for an acknowledgement of the old session waits in vain: the outbox sends again. */
  private dropSession(): void {
    this.sm.drop();
    this.restored = false;
    if (this.hadSession) this.emit('lost', undefined);
    this.hadSession = false;
  }

  private setState(state: ConnectionState): void {
    this.state = state;
    this.emit('state', state);
  }
}

function isFinal(reason: Error): boolean {
  if (reason instanceof AuthError) return !PASSING_SASL.has(reason.condition);
  return reason instanceof StreamError && FINAL.has(reason.condition);
}
