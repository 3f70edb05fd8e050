// A device of a person, on a network that is against it. It does what good clients do: keeps what was not acknowledged, notices
// by itself that nothing comes any more, goes on with its session (XEP-0198) or else begins another, sends again under the same ids
// and reads the archive from the newest message that it knows. What its person would see is in `views`; what should not be is in `faults`.

import { type Page, page } from './archive.ts';
import { Client, type Ports, type SmState, type Transport } from './client.ts';
import type { Judged } from './judge.ts';
import { type Account, authenticate, bindResource, negotiate, sasl2, takeSuccess } from './login.ts';
import { between, type Chance, oneOf } from './random.ts';
import { type El, NS, x } from './xml.ts';

/**
 * modern: SASL2, Bind 2, all inline. classic: RFC 6120, then stream management and carbons asked for one by one. plain: RFC 6120
 * and nothing else: no counting, no archive; a ping tells what has arrived.
 */
export type Style = 'modern' | 'classic' | 'plain';

export interface DeviceOptions {
  readonly account: Account;
  readonly name: string;
  readonly style: Style;
  readonly transport: Transport;
  readonly ports: Ports;
  /** Bare addresses. */
  readonly peers: readonly string[];
  readonly rng: Chance;
  /** Sends receipts for its account. */
  readonly receipts: boolean;
  /** How long its session may be resumed, in seconds. */
  readonly maxS?: number;
}

/** An attempt to go on with a session; who judges says whether a failure is right. */
export interface Resumption {
  readonly device: string;
  readonly outcome: 'resumed' | 'failed';
  /** From the last sign of life on the old connection to the answer. */
  readonly awayMs: number;
  readonly maxMs: number;
}

const PATIENCE_MS = 300;
const PATIENCE_MAX_MS = 20_000;
const WINDOW = 20;
const WORDS = ['bread', 'Grüße', 'snow ☃', 'clef 𝄞', 'Привет', '漢字', "a < b & c > 'd'", 'e\u0301', '🏳️‍🌈'];

const carbonOf = (m: El): El | undefined => m.child('sent', NS.carbons) ?? m.child('received', NS.carbons);
const bareOf = (jid: string | undefined): string => (jid ?? '').split('/')[0]!;
const firstWord = (m: El): string | undefined => m.child('body')?.text.split(' ')[0];

export class Device implements Judged {
  readonly views = new Map<string, string[]>();
  /** By peer, in the order of writing. */
  readonly sent = new Map<string, string[]>();
  /** Ids of messages of this account for which a receipt is known. */
  readonly receipted = new Set<string>();
  readonly asked: string[] = [];
  readonly resumptions: Resumption[] = [];
  /** Each session's messages in the order of arrival, by id in the archive. */
  readonly arrivals: string[][] = [];
  readonly faults: string[] = [];
  signIns = 0;
  binds = 0;
  attempts = 0;
  /** Whether it writes to this one now. */
  writes: (peer: string) => boolean = () => false;
  private client: Client | undefined;
  /** Whose counters the session's are; it may be over as a connection. */
  private session: Client | undefined;
  private readonly abandoned: Client[] = [];
  private readonly known = new Set<string>();
  /** The first words of messages, by the ids that receipts name. */
  private readonly words = new Map<string, string>();
  private readonly inSession = new Set<string>();
  private cursor: string | undefined;
  private behind = false;
  private readonly waiting: { m: El; archiveId: string | undefined }[] = [];
  private patience = PATIENCE_MS;
  private serial = 0;
  private stopped = false;
  private leaving = false;
  /** plain: sent and not known to have arrived. */
  private unproven: string[] = [];
  private pinged: { id: string; covers: number } | undefined;
  private askedAt: number | undefined;

  constructor(readonly o: DeviceOptions) {
    for (const p of o.peers) {
      this.views.set(p, []);
      this.sent.set(p, []);
    }
  }

  get copies(): boolean {
    return this.o.style !== 'plain';
  }

  get name(): string {
    return `${this.o.account.name}.${this.o.name}`;
  }

  private get sm(): SmState | undefined {
    return this.session?.sm;
  }

  /** So much has come to it, receipts too. */
  get seen(): number {
    return this.known.size + this.receipted.size;
  }

  get written(): number {
    return this.serial;
  }

  /** Everything that it wrote has been acknowledged, and all that it missed is read. */
  get settled(): boolean {
    if (!this.client || this.behind || this.waiting.length) return false;
    if (this.o.style === 'plain') return this.unproven.length === 0 && !this.client.isOver;
    return this.client.sm !== undefined && this.client.sm.unacked.length === 0 && !this.client.isOver;
  }

  // ---- its life ----

  async run(): Promise<void> {
    while (!this.stopped && this.faults.length === 0) {
      this.attempts++;
      const c = await this.connect();
      if (!c) {
        await this.pause();
        continue;
      }
      const signedIn = await this.step(c, () => this.signIn(c));
      this.adopt(c);
      if (signedIn) {
        this.signIns++;
        this.patience = PATIENCE_MS;
        this.client = c;
        for (const old of this.abandoned.splice(0)) old.kill();
        await this.step(c, () => this.talk(c));
        this.client = undefined;
      } else this.patience = Math.min(this.patience * 1.2, PATIENCE_MAX_MS);
      if (this.stopped) break;
      this.leave(c);
      await this.pause();
    }
  }

  /** Signs out in order, as soon as it is online: no session stays. run() ends with it. */
  leaveForGood(): void {
    this.leaving = true;
  }

  stop(): void {
    this.stopped = true;
    this.kill();
  }

  private kill(): void {
    for (const c of [...this.abandoned, this.session, this.client]) c?.kill();
  }

  /** Mostly at once, sometimes after the server has given up on the session. */
  private async pause(): Promise<void> {
    const { rng, maxS } = this.o;
    const away = maxS && rng() < 0.1 ? maxS * 1000 + between(rng, 50, 400) : oneOf(rng, [0, 0, 5, 50]);
    if (away) await new Promise((resolve) => setTimeout(resolve, away));
  }

  private async connect(): Promise<Client | undefined> {
    const { ports, transport } = this.o;
    const coming = Client.connect(this.name, ports, transport).catch((err: Error) => {
      if (/refused with/.test(err.message)) this.faults.push(`${this.name}: ${err.message}`);
      return undefined;
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, this.patience * 4, undefined);
    });
    const c = await Promise.race([coming, late]);
    clearTimeout(timer);
    if (!c) {
      void coming.then((tooLate) => tooLate?.kill());
      this.patience = Math.min(this.patience * 1.2, PATIENCE_MAX_MS);
    }
    return c;
  }

  /** False: the connection broke over it. What the network cannot have done is a fault. */
  private async step(c: Client, act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      return true;
    } catch (err) {
      if (c.failure) this.faults.push(`${this.name}: ${c.failure.stack}`);
      else if (!c.isOver) this.faults.push(`${this.name}: ${(err as Error).stack}`);
      return false;
    } finally {
      if (c.failure && this.faults.length === 0) this.faults.push(`${this.name}: ${c.failure.stack}`);
      this.lookForErrors(c);
    }
  }

  /** What the server may say when nothing is wrong but the network: that another connection of this device has taken over. */
  private lookForErrors(c: Client): void {
    for (const el of c.history) {
      const isStream = el.name === 'error' && el.ns === NS.stream;
      if (isStream && !el.child('conflict', NS.streams)) this.faults.push(`${this.name} was told ${el}`);
      if (el.name === 'failure') this.faults.push(`${this.name} was refused: ${el}`);
    }
  }

  /** The connection is no longer this device's; the other end may hear of it now, or much later. */
  private leave(c: Client): void {
    this.takeIn(c);
    c.abandon();
    if (this.o.rng() < 0.5) c.kill();
    else this.abandoned.push(c);
  }

  // ---- signing in ----

  private async signIn(c: Client): Promise<void> {
    let limit: NodeJS.Timeout | undefined;
    const tooLong = new Promise<never>((_, reject) => {
      limit = setTimeout(() => {
        c.abandon();
        reject(new Error('signing in took too long'));
      }, this.patience * 5);
    });
    const steps = this.o.style === 'modern' ? this.signInModern(c) : this.signInClassic(c);
    try {
      await Promise.race([steps, tooLong]);
    } finally {
      clearTimeout(limit);
      steps.catch(() => {});
    }
    if (!c.sm || !this.isSame(c)) this.begin(c);
  }

  private isSame(c: Client): boolean {
    return c.sm?.id !== undefined && c.sm.id === this.sm?.id;
  }

  private get enable(): string {
    const max = this.o.maxS ? x` max='${this.o.maxS}'` : '';
    return `<enable xmlns='${NS.sm}' resume='true'${max}/>`;
  }

  private resumeElement(c: Client): string {
    const sm = this.sm;
    if (!sm?.id) return '';
    c.resuming = this.session;
    return x`<resume xmlns='${NS.sm}' h='${sm.received}' previd='${sm.id}'/>`;
  }

  private async signInModern(c: Client): Promise<void> {
    await negotiate(c);
    const inline = this.resumeElement(c);
    const success = await sasl2(c, this.o.account, {
      agentId: `agent of ${this.name}`,
      tag: this.o.name,
      inBind: `${this.enable}<enable xmlns='${NS.carbons}'/>`,
      inline,
    });
    if (success.child('resumed', NS.sm)) return this.resumed('resumed', c);
    if (inline) this.resumed('failed', c);
    takeSuccess(c, success);
    await c.expectFeatures();
  }

  private async signInClassic(c: Client): Promise<void> {
    await authenticate(c, this.o.account);
    const resume = this.resumeElement(c);
    if (resume) {
      c.sendRaw(resume);
      const answer = await c.nextElement('the answer to <resume/>');
      if (answer.name === 'resumed') return this.resumed('resumed', c);
      if (answer.name === 'failed') this.resumed('failed', c);
      else if (!c.isOver) throw new Error(`not an answer to <resume/>: ${answer}`);
    }
    await bindResource(c, this.o.name);
    if (this.o.style === 'plain') return;
    c.sendRaw(this.enable);
    await c.pick(`<enabled xmlns='${NS.sm}' id='*'/>`);
    await c.set(`<enable xmlns='${NS.carbons}'/>`);
  }

  private resumed(outcome: Resumption['outcome'], c: Client): void {
    const old = this.session!;
    this.resumptions.push({
      device: this.name,
      outcome,
      awayMs: c.heardAt - old.heardAt,
      maxMs: (old.sm!.max ?? 600) * 1000,
    });
  }

  /** A new session: there is no going back to the old one. */
  private begin(c: Client): void {
    this.binds++;
    this.adopt(c);
    c.send('<presence/>');
    if (this.o.style === 'plain') for (const stanza of this.unproven) c.send(stanza);
  }

  /** Once it has counters, the session is this connection's, even if it broke at that very moment. */
  private adopt(c: Client): void {
    if (this.o.style === 'plain') {
      if (this.session !== c) this.inSession.clear();
      this.session = c;
      return;
    }
    if (!c.sm || c === this.session) return;
    const old = this.sm;
    const isNew = old?.id !== c.sm.id;
    this.session = c;
    c.jid ||= `${this.o.account.jid}/unknown`; // it was bound, and the answer broke off
    if (!isNew) return;
    this.behind = true;
    this.inSession.clear();
    this.arrivals.push([]);
    for (const stanza of old?.unacked ?? []) if (stanza.startsWith('<message')) c.send(stanza);
  }

  // ---- talking ----

  private async talk(c: Client): Promise<void> {
    this.askedAt = undefined;
    this.pinged = undefined;
    while (!this.stopped) {
      this.takeIn(c);
      if (c.failure) throw c.failure;
      if (c.isOver) return;
      if (this.leaving) {
        await c.close();
        this.stopped = true;
        return;
      }
      if (this.behind) await this.catchUp(c);
      this.write(c);
      if (!this.isAlive(c)) return;
      await c.arrival(between(this.o.rng, 1, 50));
    }
  }

  private write(c: Client): void {
    const { rng, peers } = this.o;
    const open = () => (this.o.style === 'plain' ? this.unproven.length : c.sm!.unacked.length);
    for (let n = between(rng, 0, 3); n > 0 && open() < WINDOW; n--) {
      const peer = oneOf(rng, peers);
      if (!this.writes(peer)) continue;
      const id = `${this.name}-${++this.serial}`;
      const ask = rng() < 0.2;
      if (ask) this.asked.push(id);
      this.sent.get(peer)!.push(id);
      this.see(peer, id);
      const text = `${id} ${oneOf(rng, WORDS).repeat(rng() < 0.02 ? 600 : between(rng, 1, 12))}`;
      this.post(
        c,
        x`<message to='${peer}' type='chat' id='${id}'><body>${text}</body><origin-id xmlns='${NS.sid}' id='${id}'/>` +
          `${ask ? `<request xmlns='${NS.receipts}'/>` : ''}</message>`,
      );
    }
  }

  private post(c: Client, stanza: string): void {
    if (this.o.style === 'plain') this.unproven.push(stanza);
    c.send(stanza);
  }

  /** Asks when something is open, or nothing was heard for a while; and loses patience. */
  private isAlive(c: Client): boolean {
    const now = performance.now();
    const answered = this.o.style === 'plain' ? !this.pinged : c.ackedAt > this.askedAt!;
    if (answered) this.askedAt = undefined;
    if (this.askedAt !== undefined) return now - this.askedAt < this.patience;
    const open = this.o.style === 'plain' ? this.unproven.length : c.sm!.unacked.length;
    if (open === 0 && now - c.heardAt < this.patience / 2) return true;
    this.askedAt = now;
    if (this.o.style === 'plain') {
      this.pinged = { id: `ping-${this.attempts}-${++this.serial}`, covers: this.unproven.length };
      c.send(x`<iq type='get' id='${this.pinged.id}' to='${c.ports.domain}'><ping xmlns='${NS.ping}'/></iq>`);
    } else c.sendRaw(`<r xmlns='${NS.sm}'/>`);
    return true;
  }

  private async catchUp(c: Client): Promise<void> {
    const limit = setInterval(() => {
      if (performance.now() - c.heardAt > this.patience * 4) c.abandon();
    }, 50);
    try {
      for (;;) {
        const p = await this.nextPage(c);
        if (!p) continue;
        for (const a of p.results) this.learn(a.message);
        this.cursor = p.last ?? this.cursor;
        if (p.complete) break;
      }
      this.behind = false;
      for (const { m, archiveId } of this.waiting.splice(0)) this.live(m, archiveId);
    } finally {
      clearInterval(limit);
    }
  }

  /** undefined: the server has too much to do (what was asked over connections that broke, say), and wants to be asked again. */
  private async nextPage(c: Client): Promise<Page | undefined> {
    try {
      return await page(c, { max: 50, ...(this.cursor === undefined ? {} : { after: this.cursor }) });
    } catch (err) {
      if (!/type='error'.*<error type='wait'>/.test((err as Error).message)) throw err;
      await c.arrival(100);
      return undefined;
    }
  }

  /** Moves what has arrived out of the inbox. The cursor never jumps over what is not known yet. */
  private takeIn(c: Client): void {
    for (const item of c.inbox.splice(0)) {
      if (item.kind === 'element' && item.el.name === 'message') this.message(item.el);
      else if (item.kind === 'element' && this.pinged && item.el.attr('id') === this.pinged.id) this.proven();
    }
  }

  private proven(): void {
    this.unproven.splice(0, this.pinged!.covers);
    this.pinged = undefined;
  }

  private message(el: El): void {
    const own = this.o.account.jid;
    if (el.child('result', NS.mam)) return; // of a page that was given up
    if (el.attr('type') === 'error') {
      this.faults.push(`${this.name} got an error: ${el}`);
      return;
    }
    const carbon = carbonOf(el);
    if (carbon && el.attr('from') !== own) this.faults.push(`${this.name}: a forged copy: ${el}`);
    const m = carbon?.child('forwarded', NS.forward)?.child('message', NS.client) ?? el;
    const archiveId = m
      .all('stanza-id', NS.sid)
      .find((s) => s.attr('by') === own)
      ?.attr('id');
    if (!archiveId) this.faults.push(`${this.name}: kept, and without an id: ${el}`);
    else if (this.inSession.has(archiveId)) this.faults.push(`${this.name}: twice in one session: ${el}`);
    else this.inSession.add(archiveId);
    if (archiveId) this.arrivals.at(-1)?.push(archiveId);
    if (this.behind) this.waiting.push({ m, archiveId });
    else this.live(m, archiveId);
  }

  private live(m: El, archiveId: string | undefined): void {
    this.learn(m);
    if (archiveId) this.cursor = archiveId;
  }

  private learn(m: El): void {
    const mine = bareOf(m.attr('from')) === this.o.account.jid;
    const peer = bareOf(mine ? m.attr('to') : m.attr('from'));
    const receipt = m.child('received', NS.receipts)?.attr('id');
    if (receipt && !mine) this.receipted.add(this.words.get(receipt) ?? receipt);
    const id = firstWord(m);
    if (!id || !this.see(peer, id)) return;
    this.words.set(m.need('id'), id);
    if (mine || !this.o.receipts || !m.child('request', NS.receipts) || !this.session) return;
    const rid = `r-${id}`;
    this.post(
      this.session,
      x`<message to='${peer}' type='chat' id='${rid}'><received xmlns='${NS.receipts}' id='${m.need('id')}'/>` +
        x`<origin-id xmlns='${NS.sid}' id='${rid}'/></message>`,
    );
  }

  /** False: it was there already. */
  private see(peer: string, id: string): boolean {
    if (this.known.has(id)) return false;
    this.known.add(id);
    const view = this.views.get(peer);
    if (!view) this.faults.push(`${this.name}: a message of a stranger: ${peer} ${id}`);
    view?.push(id);
    return true;
  }
}
