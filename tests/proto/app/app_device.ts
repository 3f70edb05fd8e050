// The real app, all but its views, as a device on a bad network. Its core decides when a connection is dead and what to do then; a
// person who looks at the screen now and then, and a network that comes back, are told to it as browsers tell them.

import type { OpenSocket, SocketLike } from '../../../web/src/xmpp/stream';
import { Phone } from '../../../web/test/phone';
import {
  type Account,
  between,
  type Chance,
  type Judged,
  OP,
  oneOf,
  type Ports,
  WebSocketWire,
  Wire,
} from '../harness/index.ts';

/** A browser's WebSocket over the sockets of the dialogues. */
export function openSocketTo(ports: () => Ports, secure: boolean): OpenSocket {
  return () => {
    let ws: WebSocketWire | undefined;
    let closed = false;
    const socket: SocketLike = {
      protocol: '',
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (data) => ws?.send(OP.text, data),
      close() {
        if (closed) return;
        closed = true;
        ws?.send(OP.close, '');
        // As long as a browser waits for the answer, or so.
        setTimeout(() => ws?.wire.destroy(), 500);
      },
    };
    const over = () => {
      if (!closed) socket.onclose?.();
      closed = true;
    };
    void (async () => {
      const { http, https, domain } = ports();
      const wire = secure ? await Wire.tls(https, { servername: domain }) : await Wire.tcp(http);
      ws = new WebSocketWire(wire);
      let parts: Buffer[] = [];
      ws.onFrame = ({ opcode, fin, payload }) => {
        if (opcode === OP.ping) ws!.send(OP.pong, payload);
        if (opcode === OP.close) {
          over();
          wire.destroy();
        }
        if (opcode >= 8) return;
        parts.push(payload);
        if (!fin) return;
        const data = Buffer.concat(parts).toString('utf8');
        parts = [];
        if (!closed) socket.onmessage?.({ data });
      };
      ws.onEnd = over;
      if (closed) return wire.destroy();
      const { status, headers } = await ws.upgrade('/xmpp', { 'Sec-WebSocket-Protocol': 'xmpp' });
      if (closed) return wire.destroy();
      if (status !== 101) throw new Error(`refused with ${status}`);
      socket.protocol = headers.get('sec-websocket-protocol') ?? '';
      socket.onopen?.();
    })().catch(over);
    return socket;
  };
}

export interface AppDeviceOptions {
  readonly account: Account;
  readonly name: string;
  /** Where it signs in for the first time, and where it lives afterwards. */
  readonly first: Ports;
  readonly ports: Ports;
  readonly secure: boolean;
  readonly peers: readonly string[];
  readonly rng: Chance;
}

export class AppDevice implements Judged {
  readonly copies = true;
  readonly name: string;
  readonly sent = new Map<string, string[]>();
  readonly views = new Map<string, string[]>();
  readonly asked: string[] = [];
  readonly receipted = new Set<string>();
  /** Marks that should not be there at the end. */
  readonly unsent: string[] = [];
  reloads = 0;
  writes: (peer: string) => boolean = () => false;
  private readonly phone: Phone;
  private ports: Ports;
  private serial = 0;
  private over = false;
  private begun = 0;

  constructor(readonly o: AppDeviceOptions) {
    this.name = `${o.account.name}.${o.name}`;
    this.ports = o.first;
    this.phone = new Phone(
      o.first.domain,
      `id of ${this.name}`,
      openSocketTo(() => this.ports, o.secure),
    );
    for (const p of o.peers) {
      this.sent.set(p, []);
      this.views.set(p, []);
    }
  }

  /** One after the other: see Phone.start. */
  async start(): Promise<void> {
    await this.phone.start(this.o.account.jid, this.o.account.password);
    this.ports = this.o.ports;
  }

  /** Its person writes, looks, walks about. */
  async run(): Promise<void> {
    const { rng } = this.o;
    while (!this.over) {
      await new Promise((resolve) => setTimeout(resolve, between(rng, 5, 60)));
      if (this.phone.connection === 'ended') throw new Error(`${this.name} has given up: ${this.phone.connection}`);
      for (let n = between(rng, 0, 2); n > 0; n--) await this.write(oneOf(rng, this.o.peers));
      if (performance.now() < this.begun) continue;
      this.begun = performance.now() + between(rng, 100, 600);
      this.phone.wake(rng() < 0.5 ? 'online' : 'visible');
    }
  }

  private async write(peer: string): Promise<void> {
    if (this.over || !this.writes(peer)) return;
    const id = `${this.name}-${++this.serial}`;
    this.sent.get(peer)!.push(id);
    this.asked.push(id);
    await this.phone.write(peer, `${id} Grüße ☃ 𝄞 ${'<&>'.repeat(between(this.o.rng, 0, 20))}`);
  }

  get written(): number {
    return this.serial;
  }

  get seen(): number {
    let n = this.receipted.size;
    for (const v of this.views.values()) n += v.length;
    return n;
  }

  get settled(): boolean {
    return this.phone.connection === 'online' && this.unsent.length === 0;
  }

  /** The screen as it is now. */
  async look(): Promise<void> {
    this.unsent.length = 0;
    for (const peer of this.o.peers) {
      const lines = await this.phone.lines(peer);
      const word = (body: string) => body.split(' ')[0]!;
      this.views.set(
        peer,
        lines.map((l) => word(l.body)),
      );
      for (const { mine, mark, body } of lines.filter((l) => l.mine)) {
        if (mark === 'delivered' || mark === 'read') this.receipted.add(word(body));
        else if (mine && mark !== 'sent') this.unsent.push(`${word(body)}: ${mark}`);
      }
    }
  }

  stopWriting(): void {
    this.writes = () => false;
  }

  /** Signs out in order: no session stays. */
  async leaveForGood(): Promise<void> {
    await this.stop();
  }

  async stop(): Promise<void> {
    if (this.over) return;
    this.over = true;
    await this.phone.signOut();
  }
}
