// An XMPP client for tests: it does what it is told, shows all that it gets, and hides nothing but the acknowledgements
// of stream management when asked to look after them. It shares no code with the app: two readings of the RFCs.

import { randomBytes } from 'node:crypto';
import { mismatch } from './match.ts';
import { dialogueError, note } from './transcript.ts';
import { Wire } from './transport.ts';
import { OP, type Upgrade, WebSocketWire } from './websocket.ts';
import { type El, type Hole, NS, parseDocument, parseLiteral, StreamReader, serialize, x } from './xml.ts';

export type Transport = 'tcp' | 'starttls' | 'tls' | 'ws' | 'wss';

export interface Ports {
  readonly domain: string;
  readonly c2s: number;
  readonly c2sTls: number;
  readonly http: number;
  readonly https: number;
}

export type Received =
  | { readonly kind: 'open'; readonly el: El }
  | { readonly kind: 'element'; readonly el: El }
  | { readonly kind: 'closed' } // the peer closed its stream
  | { readonly kind: 'ended' }; // the connection is gone

/**
 * How long nothing may come to who waits for something. It is there to end a hang, not to judge speed: a machine that is busy with
 * something else, or a server under a sanitizer, may take its time, and only what never comes is a failure.
 */
export const DEADLINE_MS = Number(process.env.CONFAB_DEADLINE_MS ?? 40_000);

export const isStanza = (el: El): boolean => el.ns === NS.client && ['message', 'presence', 'iq'].includes(el.name);

let counter = 0;
/** An id that no other stanza of this run has. */
export const freshId = (prefix = 'id'): string => `${prefix}-${++counter}-${randomBytes(3).toString('hex')}`;

/** XEP-0198 as this client keeps it. The server's part is checked against it. */
export interface SmState {
  id: string | undefined;
  max: number | undefined;
  /** Stanzas received since it was enabled. */
  received: number;
  /** Stanzas sent since it was enabled, and the last h of the server. */
  sent: number;
  acked: number;
  /** Sent and not yet acknowledged, oldest first. */
  unacked: string[];
}

export interface OpenOptions {
  to?: string | null;
  from?: string;
  version?: string | null;
  lang?: string;
  ns?: string;
  streamNs?: string;
}

export class Client {
  /** The full JID once bound. */
  jid = '';
  sm: SmState | undefined;
  /** What was sent behind <enable/>, until it is answered: all that counts. */
  private enabling: string[] | undefined;
  /** Answers <r/> and swallows <a/>; switch it off to look at them. */
  autoAck = true;
  /** Set before <resume/> is sent: whose session goes on here. */
  resuming: Client | undefined;
  /** What a probe of a contact without resources is answered with (RFC 6121 4.3.2), whenever it comes. */
  ignoreProbeAnswers = true;
  /** Answers pings of the server. */
  autoPong = true;
  features: El | undefined;
  readonly inbox: Received[] = [];
  /** Everything ever received, for tests that look back. */
  readonly history: El[] = [];
  /** Control frames of the WebSocket seen so far. */
  readonly control: { opcode: number; payload: Buffer }[] = [];
  /** The connection is gone. */
  isOver = false;
  /** When anything last arrived. */
  heardAt = performance.now();
  /** When the server last said what it has handled. */
  ackedAt = 0;
  private wake: (() => void)[] = [];
  private lastChunk = '';
  private reader: StreamReader | undefined;
  private decoder = new TextDecoder('utf-8', { fatal: true });
  private fragments: Buffer[] = [];
  private wire!: Wire;
  private ws: WebSocketWire | undefined;

  constructor(
    public label: string,
    readonly ports: Ports,
    readonly transport: Transport,
  ) {}

  // ---- the connection ----

  /** Connects, without a word of XMPP. STARTTLS is a dialogue of its own, see login.ts. */
  static async connect(label: string, ports: Ports, transport: Transport, path = '/xmpp'): Promise<Client> {
    const c = new Client(label, ports, transport);
    if (transport === 'tcp' || transport === 'starttls') c.attach(await Wire.tcp(ports.c2s));
    else if (transport === 'tls') {
      c.attach(await Wire.tls(ports.c2sTls, { servername: ports.domain, ALPNProtocols: ['xmpp-client'] }));
    } else {
      const wire =
        transport === 'ws' ? await Wire.tcp(ports.http) : await Wire.tls(ports.https, { servername: ports.domain });
      const answer = await c.attachWebSocket(wire, path, { 'Sec-WebSocket-Protocol': 'xmpp' });
      if (answer.status !== 101) throw dialogueError(`${label}: the WebSocket was refused with ${answer.status}`);
    }
    return c;
  }

  attach(wire: Wire): void {
    this.wire = wire;
    note(this.label, '*', 'connected');
    wire.onData = (chunk) => this.readBytes(chunk);
    wire.onEnd = () => this.push({ kind: 'ended' });
  }

  async attachWebSocket(wire: Wire, path: string, headers: Record<string, string>): Promise<Upgrade> {
    this.wire = wire;
    const ws = new WebSocketWire(wire);
    this.ws = ws;
    ws.onFrame = (f) => this.readFrame(f.opcode, f.fin, f.payload);
    ws.onEnd = () => this.push({ kind: 'ended' });
    note(this.label, '*', `connected, upgrading at ${path}`);
    const answer = await ws.upgrade(path, headers);
    note(this.label, '*', `upgrade: ${answer.status}`);
    return answer;
  }

  get webSocket(): WebSocketWire {
    if (!this.ws) throw new Error(`${this.label} is not on a WebSocket`);
    return this.ws;
  }

  get bytes(): Wire {
    return this.wire;
  }

  async startTls(): Promise<void> {
    this.reader = undefined;
    await this.wire.startTls({ servername: this.ports.domain });
    note(this.label, '*', 'TLS is up');
  }

  private readBytes(chunk: Buffer): void {
    this.heardAt = performance.now();
    let text: string;
    try {
      text = this.decoder.decode(chunk, { stream: true });
    } catch {
      throw dialogueError(`${this.label}: the server sent bad UTF-8`);
    }
    this.lastChunk = text;
    this.reader ??= this.newReader();
    this.reader.write(text);
  }

  private newReader(): StreamReader {
    return new StreamReader({
      open: (el) => this.push({ kind: 'open', el }),
      element: (el) => {
        // An exception must not leave the parser in the middle of a tag.
        try {
          this.arrived(el);
        } catch (err) {
          this.failure ??= err as Error;
          this.wakeAll();
        }
      },
      close: () => this.push({ kind: 'closed' }),
      error: (err) => this.broken(new Error(`${err.message} in ${this.lastChunk.slice(-600)}`)),
    });
  }

  private readFrame(opcode: number, fin: boolean, payload: Buffer): void {
    this.heardAt = performance.now();
    if (opcode >= 8) {
      this.control.push({ opcode, payload });
      note(this.label, '<', `[frame ${opcode}: ${payload.toString('hex')}]`);
      if (opcode === OP.ping) this.ws!.send(OP.pong, payload);
      if (opcode === OP.close) this.ws!.send(OP.close, payload);
      this.wakeAll();
      return;
    }
    if (opcode === OP.binary) {
      this.broken(new Error('a binary frame from the server'));
      return;
    }
    this.fragments.push(payload);
    if (!fin) return;
    const text = Buffer.concat(this.fragments).toString('utf8');
    this.fragments = [];
    let el: El;
    try {
      el = parseDocument(text);
    } catch (err) {
      this.broken(new Error(`${(err as Error).message} in the message ${text}`));
      return;
    }
    if (el.ns === NS.framing && el.name === 'open') this.push({ kind: 'open', el });
    else if (el.ns === NS.framing && el.name === 'close') {
      if (el.attr('see-other-uri')) note(this.label, '*', `see-other-uri ${el.attr('see-other-uri')}`);
      this.push({ kind: 'closed' });
    } else this.arrived(el);
  }

  /** The server wrote something that no server may write: shown to whoever waits next. */
  private broken(err: Error): void {
    note(this.label, '<', `BROKEN: ${err.message}`);
    this.failure ??= err;
    this.wakeAll();
  }

  /** The first thing that the server did and no server may. */
  failure: Error | undefined;

  private arrived(el: El): void {
    this.watchSm(el);
    if (this.sm && isStanza(el)) this.sm.received++;
    this.history.push(el);
    if (this.autoAck && el.ns === NS.sm && (el.name === 'r' || el.name === 'a')) {
      note(this.label, '<', String(el));
      if (el.name === 'r') this.ack();
      else this.takeAck(Number(el.attr('h')));
      this.wakeAll();
      return;
    }
    if (this.autoPong && el.name === 'iq' && el.attr('type') === 'get' && el.child('ping', NS.ping)) {
      note(this.label, '<', String(el));
      this.sends`<iq type='result' id='${el.need('id')}' to='${el.attr('from') ?? this.ports.domain}'/>`;
      return;
    }
    if (
      this.ignoreProbeAnswers &&
      el.name === 'presence' &&
      el.attr('type') === 'unavailable' &&
      !el.attr('from')?.includes('/')
    ) {
      note(this.label, '<', `[ignored] ${el}`);
      return;
    }
    this.push({ kind: 'element', el });
  }

  private push(item: Received): void {
    if (item.kind === 'ended') this.isOver = true;
    note(
      this.label,
      '<',
      'el' in item ? (item.kind === 'open' ? `[opens] ${item.el}` : String(item.el)) : `[${item.kind}]`,
    );
    this.inbox.push(item);
    this.wakeAll();
  }

  private wakeAll(): void {
    const waiting = this.wake;
    this.wake = [];
    for (const f of waiting) f();
  }

  // ---- sending ----

  /** Bytes as they are; on a WebSocket, a text message as it is. */
  sendRaw(bytes: string | Uint8Array): void {
    if (typeof bytes === 'string' && bytes.startsWith(`<enable xmlns='${NS.sm}'`)) this.enabling = [];
    note(
      this.label,
      '>',
      typeof bytes === 'string'
        ? bytes
        : `[${bytes.length} bytes] ${Buffer.from(bytes.slice(0, 80)).toString('latin1')}`,
    );
    if (this.ws) this.ws.send(OP.text, bytes);
    else this.wire.write(bytes);
  }

  /** Elements as the transport wants them: each a message of its own on a WebSocket. */
  send(xml: string): void {
    const elements = parseLiteral(xml);
    for (const el of elements) {
      if (this.sm && isStanza(el)) {
        this.sm.sent++;
        this.sm.unacked.push(serialize(el, NS.client));
      } else if (this.enabling && isStanza(el)) this.enabling.push(serialize(el, NS.client));
    }
    if (this.ws) for (const el of elements) this.sendRaw(serialize(el, ''));
    else this.sendRaw(xml);
  }

  /** send() with a template: strings are escaped, whoever has a JID stands for it. */
  sends(parts: TemplateStringsArray, ...holes: Hole[]): void {
    this.send(x(parts, ...holes));
  }

  /** What comes next is a new stream, and so a new document, even if this side does not open its own. */
  expectNewStream(): void {
    this.reader = undefined;
  }

  open(options: OpenOptions = {}): void {
    const { to = this.ports.domain, from, version = '1.0', lang, ns = NS.client, streamNs = NS.stream } = options;
    let attrs = '';
    if (to !== null) attrs += x` to='${to}'`;
    if (from !== undefined) attrs += x` from='${from}'`;
    if (version !== null) attrs += x` version='${version}'`;
    if (lang !== undefined) attrs += x` xml:lang='${lang}'`;
    if (this.ws) this.sendRaw(`<open xmlns='${NS.framing}'${attrs}/>`);
    else {
      // A new stream inside the connection (after TLS, after SASL) is a new document for both sides.
      this.expectNewStream();
      this.sendRaw(`<?xml version='1.0'?><stream:stream xmlns='${ns}' xmlns:stream='${streamNs}'${attrs}>`);
    }
  }

  /** Closes the stream in order and waits until the server has closed its own. */
  async close(): Promise<void> {
    this.sendClose();
    await this.expectClosed();
    this.wire.finish();
  }

  sendClose(): void {
    this.sendRaw(this.ws ? `<close xmlns='${NS.framing}'/>` : '</stream:stream>');
  }

  /** The cable is pulled. */
  kill(): void {
    note(this.label, '*', 'connection cut');
    this.wire.destroy();
  }

  // ---- stream management ----

  startSm(enabled: El): void {
    const max = enabled.attr('max');
    const unacked = this.enabling ?? [];
    this.enabling = undefined;
    this.sm = {
      id: enabled.attr('id'),
      max: max === undefined ? undefined : Number(max),
      received: 0,
      sent: unacked.length,
      acked: 0,
      unacked,
    };
  }

  /** Counting starts with the very element that says so: more may come in the same read. */
  private watchSm(el: El): void {
    const inSuccess = (name: string) =>
      el.name === 'success' && el.ns === NS.sasl2 ? el.child(name, NS.sm) : undefined;
    const direct = (name: string) => (el.name === name && el.ns === NS.sm ? el : undefined);
    const enabled = direct('enabled') ?? el.child('bound', NS.bind2)?.child('enabled', NS.sm);
    if (enabled) this.startSm(enabled);
    const resumed = direct('resumed') ?? inSuccess('resumed');
    if (resumed && this.resuming) this.takeOver(this.resuming, Number(resumed.attr('h')));
  }

  /** Carries the counters of the old connection over and sends again what was not handled (XEP-0198 section 5). */
  private takeOver(old: Client, h: number): void {
    this.jid = old.jid;
    this.label = old.label;
    this.sm = { ...old.sm!, unacked: [...old.sm!.unacked] };
    this.takeAck(h);
    const again = this.sm.unacked;
    this.sm.unacked = [];
    this.sm.sent -= again.length;
    for (const stanza of again) this.send(stanza);
  }

  ack(): void {
    this.sendRaw(`<a xmlns='${NS.sm}' h='${this.sm!.received % 2 ** 32}'/>`);
  }

  takeAck(h: number): void {
    const sm = this.sm!;
    if (h < sm.acked || h > sm.sent) throw dialogueError(`${this.label}: h=${h} is outside ${sm.acked}..${sm.sent}`);
    sm.unacked.splice(0, h - sm.acked);
    sm.acked = h;
    this.ackedAt = performance.now();
  }

  /** Asks until the server has handled all that was sent. */
  async allAcked(): Promise<void> {
    this.sendRaw(`<r xmlns='${NS.sm}'/>`);
    await this.until(() => this.sm!.acked === this.sm!.sent, 'everything to be acknowledged');
  }

  // ---- waiting ----

  /** Until something arrives, or so long. */
  async arrival(forMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, forMs);
      this.wake.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /**
   * The client's own end gives the connection up: nothing that still comes is read, nothing is answered, and who waits for
   * something here is told. The other end is not.
   */
  abandon(): void {
    this.wire.onData = () => {};
    if (!this.isOver) this.push({ kind: 'ended' });
    this.wire.onEnd = () => {};
  }

  /** Waits until `condition` holds; it is looked at whenever something arrives, here or at one of the others. */
  async until(condition: () => boolean, what: string, ...others: Client[]): Promise<void> {
    let end = performance.now() + DEADLINE_MS;
    const check = () => {
      for (const c of [this, ...others]) if (c.failure) throw dialogueError(`${c.label}: ${c.failure.message}`);
    };
    while (!condition()) {
      check();
      const left = end - performance.now();
      if (left <= 0) throw dialogueError(`${this.label} waited in vain for ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        const look = () => {
          end = performance.now() + DEADLINE_MS;
          clearTimeout(timer);
          resolve();
        };
        for (const c of [this, ...others]) c.wake.push(look);
      });
    }
    check();
  }

  /** The next thing to arrive, whatever it is. */
  async next(what = 'something'): Promise<Received> {
    await this.until(() => this.inbox.length > 0, what);
    return this.inbox.shift()!;
  }

  async nextElement(what = 'an element'): Promise<El> {
    const item = await this.next(what);
    if (item.kind !== 'element') throw dialogueError(`${this.label} waited for ${what}, got [${item.kind}]`);
    return item.el;
  }

  /** The very next element must fit the pattern (see match.ts). */
  async expect(pattern: string): Promise<El> {
    const want = one(pattern);
    const got = await this.nextElement(pattern);
    const why = mismatch(want, got);
    if (why) throw dialogueError(`${this.label}: ${why}\n  expected ${pattern}\n  received ${got}`);
    return got;
  }

  /** expect() as a template. */
  receives(parts: TemplateStringsArray, ...holes: Hole[]): Promise<El> {
    return this.expect(x(parts, ...holes));
  }

  /** The next elements fit these patterns, in any order. The answer is in the order of the patterns. */
  async expectAll(...patterns: string[]): Promise<El[]> {
    const wanted = patterns.map(one);
    const found: (El | undefined)[] = wanted.map(() => undefined);
    for (let n = 0; n < wanted.length; n++) {
      const missing = patterns.filter((_, i) => !found[i]).join('\n    ');
      const got = await this.nextElement(`one of\n    ${missing}`);
      const i = wanted.findIndex((w, k) => !found[k] && !mismatch(w, got));
      if (i < 0)
        throw dialogueError(
          `${this.label}: this fits none of the expected\n  received ${got}\n  expected\n    ${missing}`,
        );
      found[i] = got;
    }
    return found as El[];
  }

  /** The first element that fits, taken out of its place; what stands before it stays. */
  async pick(pattern: string): Promise<El> {
    const want = one(pattern);
    const at = () => this.inbox.findIndex((i) => i.kind === 'element' && !mismatch(want, i.el));
    await this.until(() => at() >= 0, pattern);
    const [item] = this.inbox.splice(at(), 1);
    return (item as { el: El }).el;
  }

  async expectOpen(): Promise<El> {
    const item = await this.next('a stream header');
    if (item.kind !== 'open')
      throw dialogueError(`${this.label} waited for a stream header, got ${'el' in item ? item.el : item.kind}`);
    return item.el;
  }

  async expectFeatures(): Promise<El> {
    this.features = await this.expect('<stream:features/>');
    return this.features;
  }

  /** The server closes the stream, or at least the connection. */
  async expectClosed(): Promise<void> {
    for (;;) {
      const item = await this.next('the end of the stream');
      if (item.kind === 'closed' || item.kind === 'ended') return;
    }
  }

  /** A stream error with this condition, then the end of stream and connection (RFC 6120 4.9.1.1). */
  async expectStreamError(condition: string | readonly string[]): Promise<El> {
    let item = await this.next(`the stream error ${condition}`);
    // An error in the header itself comes after the server's own header (RFC 6120 4.9.1.2).
    if (item.kind === 'open') item = await this.next(`the stream error ${condition}`);
    if (item.kind !== 'element' || item.el.name !== 'error' || item.el.ns !== NS.stream) {
      throw dialogueError(
        `${this.label}: expected the stream error ${condition}, got ${'el' in item ? item.el : item.kind}`,
      );
    }
    const allowed = typeof condition === 'string' ? [condition] : condition;
    const got = item.el.elements().find((c) => c.ns === NS.streams && c.name !== 'text');
    if (!got || !allowed.includes(got.name)) {
      throw dialogueError(`${this.label}: expected the stream error ${condition}, got ${item.el}`);
    }
    const after = await this.next('the end of the stream');
    if (after.kind !== 'closed')
      throw dialogueError(`${this.label}: no end of stream after the error, but [${after.kind}]`);
    await this.expectEnded();
    return item.el;
  }

  async expectEnded(): Promise<void> {
    await this.until(() => this.inbox.some((i) => i.kind === 'ended'), 'the end of the connection');
  }

  // ---- conversations ----

  /** Sends a request and takes its answer out of the inbox, wherever it stands. */
  async iq(type: 'get' | 'set', child: string, to?: string): Promise<El> {
    const id = freshId('q');
    this.send(x`<iq type='${type}' id='${id}'` + (to === undefined ? '>' : x` to='${to}'>`) + `${child}</iq>`);
    return this.answer(id);
  }

  /** The answer to the request with this id. */
  async answer(id: string): Promise<El> {
    const fits = (i: Received) =>
      i.kind === 'element' &&
      i.el.name === 'iq' &&
      i.el.attr('id') === id &&
      ['result', 'error'].includes(i.el.attr('type') ?? '');
    await this.until(() => this.inbox.some(fits) || this.inbox.some((i) => i.kind === 'ended'), `the answer to ${id}`);
    const at = this.inbox.findIndex(fits);
    if (at < 0) throw dialogueError(`${this.label}: the connection ended before the answer to ${id}`);
    return (this.inbox.splice(at, 1)[0] as { el: El }).el;
  }

  async get(child: string, to?: string): Promise<El> {
    return this.result(await this.iq('get', child, to));
  }

  async set(child: string, to?: string): Promise<El> {
    return this.result(await this.iq('set', child, to));
  }

  private result(answer: El): El {
    if (answer.attr('type') !== 'result') throw dialogueError(`${this.label}: the request failed: ${answer}`);
    return answer;
  }

  /** A request that must fail in this way. */
  async fails(answer: Promise<El> | El, type: string, condition: string): Promise<El> {
    const el = await answer;
    const why = mismatch(
      one(`<_any type='error'><error type='${type}'><${condition} xmlns='${NS.stanzas}'/></error></_any>`),
      el,
    );
    if (why) throw dialogueError(`${this.label}: expected the error ${type}/${condition}: ${why}\n  received ${el}`);
    return el;
  }

  /** One round trip to the server: it has read all that was sent before. */
  async ping(): Promise<void> {
    await this.iq('get', `<ping xmlns='${NS.ping}'/>`, this.ports.domain);
  }

  /**
   * A headline to `to`: stanzas between two people keep their order (RFC 6120 10.1), so what was sent before has been
   * taken in when it arrives. If it is refused (they may block each other) a round trip of each has to do.
   */
  private async fence(to: Client): Promise<void> {
    const id = freshId('fence');
    this.send(x`<message type='headline' to='${to.jid}' id='${id}'/>`);
    const at = (c: Client) =>
      c.inbox.findIndex((i) => i.kind === 'element' && i.el.name === 'message' && i.el.attr('id') === id);
    await this.until(() => at(this) >= 0 || at(to) >= 0, `fence ${id}`, to);
    const refused = at(to) < 0;
    const where = refused ? this : to;
    where.inbox.splice(at(where), 1);
    if (refused) {
      await this.ping();
      await to.ping();
    }
  }

  /**
   * All that was sent by these others and by this client, and what the server answers for either, has arrived. Time
   * proves nothing, so each is asked: this client sends to the other (whose account has then seen all of it), the
   * other sends back, and a message to oneself must come, which may overtake nothing that waits for this recipient.
   */
  private async quiet(others: Client[]): Promise<void> {
    for (const other of others) {
      await this.fence(other);
      await other.fence(this);
    }
    await this.ping();
    await this.fence(this);
  }

  /** Nothing (more) arrives. */
  async receivesNothing(...others: Client[]): Promise<void> {
    await this.quiet(others);
    if (this.inbox.length > 0) throw dialogueError(`${this.label} expected nothing, got ${this.show()}`);
  }

  /** Takes what has arrived so far, after the same proof that nothing is on its way. */
  async settle(...others: Client[]): Promise<El[]> {
    await this.quiet(others);
    return this.inbox.splice(0).flatMap((i) => ('el' in i ? [i.el] : []));
  }

  private show(): string {
    return this.inbox.map((i) => ('el' in i ? String(i.el) : `[${i.kind}]`)).join('\n  ');
  }

  get bare(): string {
    return this.jid.split('/')[0]!;
  }

  get resource(): string {
    return this.jid.slice(this.bare.length + 1);
  }
}

function one(pattern: string): El {
  const [el, more] = parseLiteral(pattern);
  if (!el || more) throw new Error(`a pattern is one element: ${pattern}`);
  return el;
}
