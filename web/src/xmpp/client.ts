// What the store talks to: requests with answers, messages and presences as plain objects.
import { capsElement, capsInfo, IDENTITY } from './caps';
import { Connection, type ConnectionOptions } from './connection';
import { DisconnectedError, StanzaError, TimeoutError } from './errors';
import { bare, domainOf } from './jid';
import { Inbox } from './mod/inbox';
import { Archive } from './mod/mam';
import { type IncomingMessage, parseMessage } from './mod/message';
import { type PepEvent, parsePepEvent } from './mod/pep';
import { type IncomingPresence, parsePresence } from './mod/presence';
import { NS } from './ns';
import { type El, x } from './xml';

interface Pending {
  to: string;
  resolve: (payload: El | undefined) => void;
  reject: (e: Error) => void;
  timer: ReturnType<typeof setTimeout>;
}

export interface IqRequest {
  type: 'get' | 'set';
  to?: string;
  payload: El;
  timeoutMs?: number;
}

type IqHandler = (payload: El, from: string) => El | undefined | Promise<El | undefined>;

const IQ_TIMEOUT_MS = 30_000;

export class Client {
  readonly connection: Connection;
  readonly archive: Archive;
  readonly inbox: Inbox;
  /** Set by the store. The promise settles when the message is in the cache. */
  onMessage: (message: IncomingMessage) => Promise<unknown> | undefined = () => undefined;
  /** News of nodes (publish-subscribe); the promise as above. */
  onNode: (event: PepEvent) => Promise<unknown> | undefined = () => undefined;
  onPresence: (presence: IncomingPresence) => void = () => {};
  /** Whether a stranger asks: only those who may see our presence learn that we are here at all. */
  mayKnow: (address: string) => boolean = () => false;
  private readonly pending = new Map<string, Pending>();
  private readonly handlers = new Map<string, IqHandler>();
  private serial = 0;
  /** Ids differ between page loads too: after a resume an answer to an old question may still come. */
  private readonly prefix = Math.random().toString(36).slice(2, 8);

  constructor(
    private readonly address: string,
    options: ConnectionOptions,
  ) {
    this.connection = new Connection(options);
    this.connection.handler = (stanza) => this.receive(stanza);
    this.connection.on('lost', () => this.dropPending());
    this.connection.on('state', (s) => {
      if (s.name === 'ended' || s.name === 'stopped') this.dropPending();
    });
    this.archive = new Archive(this, address);
    this.inbox = new Inbox(this, address);
    this.handle('get', 'ping', NS.ping, () => undefined);
    this.handle('get', 'query', NS.discoInfo, (query) => capsInfo(query.attr('node')));
    this.handle('get', 'query', NS.version, () => x('query', { xmlns: NS.version }, x('name', {}, IDENTITY.name)));
  }

  get online(): boolean {
    return this.connection.state.name === 'online';
  }

  /** Asks and resolves with the answer's payload (undefined when the answer is empty). */
  iq(request: IqRequest): Promise<El | undefined> {
    const id = `${this.prefix}${++this.serial}`;
    const { type, to, payload } = request;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.pending.delete(id);
        reject(new TimeoutError());
      }, request.timeoutMs ?? IQ_TIMEOUT_MS);
      this.pending.set(id, { to: to ?? '', resolve, reject, timer });
      try {
        this.connection.send(x('iq', { xmlns: NS.client, type, id, to }, payload));
      } catch (e) {
        clearTimeout(timer);
        this.pending.delete(id);
        reject(e);
      }
    });
  }

  /** Sends a message or presence. With `notify` the connection's `acked` event will name its id. */
  send(stanza: El, notify = false): void {
    this.connection.send(stanza, notify);
  }

  /** Answers requests of one kind; the payload returned is the result, a StanzaError thrown is the error. */
  handle(type: 'get' | 'set', name: string, ns: string, handler: IqHandler): void {
    this.handlers.set(`${type} ${name} ${ns}`, handler);
  }

  /** Initial or changed presence, with capabilities. */
  async sendPresence(show: string | undefined, status: string): Promise<void> {
    const caps = await capsElement();
    this.send(
      x(
        'presence',
        { xmlns: NS.client },
        show ? x('show', {}, show) : undefined,
        status ? x('status', {}, status) : undefined,
        caps,
      ),
    );
  }

  private receive(stanza: El): Promise<unknown> | undefined {
    if (stanza.name === 'iq') {
      this.receiveIq(stanza);
      return undefined;
    }
    if (stanza.name === 'presence') {
      const presence = parsePresence(stanza, this.address);
      if (presence) this.onPresence(presence);
      return undefined;
    }
    if (this.archive.collect(stanza) || this.inbox.collect(stanza)) return undefined;
    const news = parsePepEvent(stanza);
    if (news) return this.onNode(news);
    const message = parseMessage(stanza, this.address);
    return message ? this.onMessage(message) : undefined;
  }

  private receiveIq(iq: El): void {
    const type = iq.attr('type');
    const id = iq.attr('id') ?? '';
    const from = iq.attr('from') ?? '';
    if (type === 'get' || type === 'set') {
      void this.answer(iq, type, id, from);
      return;
    }
    const waiting = this.pending.get(id);
    // An answer counts only from whom we asked: else anyone who guesses an id could answer for the server.
    if (!waiting || !this.fromAsked(waiting.to, from)) return;
    this.pending.delete(id);
    clearTimeout(waiting.timer);
    if (type === 'result') waiting.resolve(iq.elements()[0]);
    else waiting.reject(StanzaError.from(iq));
  }

  private fromAsked(to: string, from: string): boolean {
    if (to === from) return true;
    // Questions to one's own account may be answered without a from, or by the account or the server.
    const own = to === '' || to === this.address;
    return own && (from === '' || bare(from) === this.address || from === domainOf(this.address));
  }

  private async answer(iq: El, type: 'get' | 'set', id: string, from: string): Promise<void> {
    const payload = iq.elements()[0];
    const reply = (kind: 'result' | 'error', child?: El) => {
      try {
        this.send(x('iq', { xmlns: NS.client, type: kind, id, to: from || undefined }, child));
      } catch {
        // Gone meanwhile: nobody waits any more.
      }
    };
    const sender = bare(from);
    const known = from === '' || sender === this.address || sender === domainOf(this.address) || this.mayKnow(sender);
    const handler = payload && known ? this.handlers.get(`${type} ${payload.name} ${payload.ns}`) : undefined;
    if (!payload || !handler) {
      reply('error', errorElement('cancel', 'service-unavailable'));
      return;
    }
    try {
      reply('result', await handler(payload, from));
    } catch (e) {
      if (e instanceof StanzaError) reply('error', errorElement(e.type, e.condition));
      else {
        console.error(e);
        reply('error', errorElement('cancel', 'internal-server-error'));
      }
    }
  }

  private dropPending(): void {
    for (const [id, waiting] of [...this.pending]) {
      clearTimeout(waiting.timer);
      this.pending.delete(id);
      waiting.reject(new DisconnectedError());
    }
    this.archive.reset();
    this.inbox.reset();
  }
}

function errorElement(type: string, condition: string): El {
  return x('error', { type }, x(condition, { xmlns: NS.stanzaErrors }));
}
