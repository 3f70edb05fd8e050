// The way between one browser and the server, as a test wants it: it can be cut, and it can swallow what is sent, as
// a train in a tunnel does. The browser opens the app through it, so nothing in the app knows of it.

import { once } from 'node:events';
import net from 'node:net';

/** A connection of the browser and ours to the server in its place. `live`: it has become a WebSocket. */
interface Pair {
  readonly browser: net.Socket;
  readonly server: net.Socket;
  live: boolean;
  /** Bytes of an upload that have gone by. */
  sent: number;
  /** What the browser sent and the link holds back. */
  waiting: Buffer[];
}

/** Cutting and holding concern the WebSocket only: the page itself can always be loaded. Uploads break on demand. */
export class Link {
  private held = false;
  private broken = false;
  private uploadsEnd: number | undefined;
  private readonly pairs = new Set<Pair>();

  private constructor(
    private readonly listener: net.Server,
    private readonly serverPort: number,
  ) {
    listener.on('connection', (browser) => this.join(browser));
  }

  static async open(serverPort: number): Promise<Link> {
    const listener = net.createServer();
    const link = new Link(listener, serverPort);
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    return link;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.listener.address() as net.AddressInfo).port}/`;
  }

  private join(browser: net.Socket): void {
    const server = net.connect(this.serverPort, '127.0.0.1');
    const pair: Pair = { browser, server, live: false, sent: 0, waiting: [] };
    this.pairs.add(pair);
    for (const socket of [browser, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.end(pair));
      socket.on('close', () => this.end(pair));
    }
    browser.on('data', (chunk) => {
      if (/^GET .*\r\n(.*\r\n)*upgrade: websocket\r\n/i.test(chunk.toString('latin1'))) pair.live = true;
      if (/^(PUT|PATCH) \/upload\//.test(chunk.toString('latin1', 0, 16))) pair.sent = 1;
      else if (pair.sent > 0) pair.sent += chunk.length;
      if (this.uploadsEnd !== undefined && pair.sent > this.uploadsEnd) {
        this.breaks++;
        server.end(chunk);
        browser.destroy();
      } else if (pair.live && this.broken) this.end(pair);
      else if (pair.live && this.held) pair.waiting.push(chunk);
      else server.write(chunk);
    });
    server.on('data', (chunk) => browser.write(chunk));
  }

  private end(pair: Pair): void {
    this.pairs.delete(pair);
    pair.browser.destroy();
    pair.server.destroy();
  }

  /** How often an upload has been broken. */
  breaks = 0;

  /** From now on each upload breaks after so many bytes; undefined: none does. */
  breakUploads(after: number | undefined): void {
    this.uploadsEnd = after;
  }

  /** Nothing that the browser sends arrives any more, and no connection tells it so. */
  hold(): void {
    this.held = true;
  }

  /** What was held goes on its way. */
  release(): void {
    this.held = false;
    for (const pair of this.pairs) for (const chunk of pair.waiting.splice(0)) pair.server.write(chunk);
  }

  /** Breaks the connection, without a word. */
  cut(): void {
    for (const pair of [...this.pairs]) if (pair.live) this.end(pair);
  }

  /** Cut, and nobody gets through until `mend`. */
  breakDown(): void {
    this.broken = true;
    this.cut();
  }

  mend(): void {
    this.broken = false;
  }

  async close(): Promise<void> {
    for (const pair of [...this.pairs]) this.end(pair);
    this.listener.close();
    await once(this.listener, 'close');
  }
}
