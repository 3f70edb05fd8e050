// One WebSocket carrying one XMPP stream (RFC 7395): every frame is one element with its own namespaces.
// While the stream is negotiated, elements are pulled with next(); afterwards attach() pushes them.
import { DisconnectedError, ProtocolError, StreamError, TimeoutError } from './errors';
import { NS } from './ns';
import { type El, parse, write, XmlError, x } from './xml';

/** The part of WebSocket that is used; tests bring their own. */
export interface SocketLike {
  protocol: string;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  onerror: (() => void) | null;
  send(data: string): void;
  close(): void;
}

export type OpenSocket = (url: string) => SocketLike;

export const openWebSocket: OpenSocket = (url) => new WebSocket(url, 'xmpp') as SocketLike;

/** Frames beyond this are not parsed: no honest server sends them. */
const FRAME_MAX = 4 * 1024 * 1024;

/** Is this element a stanza, that is, does it count for stream management? */
export function isStanza(el: El): boolean {
  return el.ns === NS.client && (el.name === 'message' || el.name === 'presence' || el.name === 'iq');
}

export class Stream {
  /** What the server calls itself. */
  from = '';
  /** When anything last arrived. */
  heardAt = Date.now();
  private queue: El[] = [];
  private waiting: { resolve: (el: El) => void; reject: (e: Error) => void } | undefined;
  private handler: ((el: El) => void) | undefined;
  private ended: Error | undefined;
  private closing = false;
  /** Called once, with the reason. */
  onEnd: ((reason: Error) => void) | undefined;

  private constructor(
    private readonly socket: SocketLike,
    private readonly domain: string,
  ) {
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = () => this.end(new DisconnectedError());
    socket.onerror = () => this.end(new DisconnectedError());
  }

  /** Opens socket and stream, and resolves with the first features. */
  static async open(
    openSocket: OpenSocket,
    url: string,
    domain: string,
    signal?: AbortSignal,
  ): Promise<{ stream: Stream; features: El }> {
    const socket = openSocket(url);
    const stream = new Stream(socket, domain);
    signal?.addEventListener('abort', () => stream.abort(new TimeoutError()), { once: true });
    await new Promise<void>((resolve, reject) => {
      socket.onopen = resolve;
      stream.waiting = { resolve: () => reject(new ProtocolError('spoke too early')), reject };
      if (stream.ended) reject(stream.ended);
    });
    stream.waiting = undefined;
    try {
      if (socket.protocol !== 'xmpp') throw new ProtocolError('not an XMPP WebSocket');
      return { stream, features: await stream.restart() };
    } catch (e) {
      // The caller may want to know who answered, for example with host-unknown.
      if (e instanceof StreamError) Object.assign(e, { from: stream.from });
      stream.abort(e as Error);
      throw e;
    }
  }

  /** Sends <open/> (again, after SASL 1) and waits for the features. */
  async restart(): Promise<El> {
    this.send(x('open', { xmlns: NS.framing, to: this.domain, version: '1.0', 'xml:lang': lang() }));
    const open = await this.next();
    if (!open.is('open', NS.framing)) throw new ProtocolError('<open/> expected');
    this.from = open.attr('from') ?? this.domain;
    const features = await this.next();
    if (!features.is('features', NS.streams)) throw new ProtocolError('features expected');
    return features;
  }

  /** The next element during negotiation. */
  next(): Promise<El> {
    const el = this.queue.shift();
    if (el) return Promise.resolve(el);
    if (this.ended) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
    });
  }

  /** From now on elements go to the handler, those already here first. */
  attach(handler: (el: El) => void): void {
    this.handler = handler;
    for (const el of this.queue.splice(0)) handler(el);
  }

  get open(): boolean {
    return !this.ended;
  }

  send(el: El): void {
    this.sendRaw(write(el));
  }

  /** An element already written, with its own xmlns. */
  sendRaw(frame: string): void {
    if (this.ended) return;
    try {
      this.socket.send(frame);
    } catch {
      this.end(new DisconnectedError());
    }
  }

  /** Ends the stream in order: the server must not keep the session for us. */
  close(): void {
    if (this.ended || this.closing) return;
    this.closing = true;
    this.send(x('close', { xmlns: NS.framing }));
    // Whatever is still queued in the socket goes out before its closing handshake.
    this.socket.close();
    this.end(new DisconnectedError());
  }

  /** Drops the socket without a word: the server keeps the session for a resume. */
  abort(reason: Error = new DisconnectedError()): void {
    this.end(reason);
  }

  private receive(data: unknown): void {
    if (this.ended) return;
    this.heardAt = Date.now();
    let el: El;
    try {
      if (typeof data !== 'string') throw new ProtocolError('binary frame');
      if (data.length > FRAME_MAX) throw new ProtocolError('frame too large');
      el = parse(data);
    } catch (e) {
      if (e instanceof XmlError) e.message = `bad XML: ${e.message}`;
      this.end(e as Error);
      return;
    }
    if (el.is('error', NS.streams)) {
      this.end(StreamError.from(el));
    } else if (el.is('close', NS.framing)) {
      this.send(x('close', { xmlns: NS.framing }));
      this.end(new StreamError('closed'));
    } else if (this.handler) {
      this.handler(el);
    } else if (this.waiting) {
      const { resolve } = this.waiting;
      this.waiting = undefined;
      resolve(el);
    } else this.queue.push(el);
  }

  private end(reason: Error): void {
    if (this.ended) return;
    this.ended = reason;
    this.socket.onmessage = this.socket.onclose = this.socket.onerror = this.socket.onopen = null;
    try {
      this.socket.close();
    } catch {
      // Already closed.
    }
    this.waiting?.reject(reason);
    this.waiting = undefined;
    this.onEnd?.(reason);
  }
}

function lang(): string {
  return globalThis.navigator?.language ?? 'en';
}
