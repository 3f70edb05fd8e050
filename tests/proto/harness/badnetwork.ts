// A bad network: a TCP proxy in front of the server's ports. Each connection gets a plan, made of chance alone: in which pieces
// and how late its bytes pass, and after how many of them, counted in one direction, its end comes and of which kind. The count
// falls anywhere: into TLS records, characters, stanzas, frames, the sign-in.

import { once } from 'node:events';
import net from 'node:net';
import type { Ports } from './client.ts';
import { between, type Chance, chance, oneOf } from './random.ts';

type Direction = 'up' | 'down';
/** How bytes are cut up: as they come; one by one for a while; in odd sizes; or what comes within a moment as one piece. */
type Pieces = 'whole' | 'bytes' | 'odd' | 'merged';

/** What happens when the count is reached. */
export const FATES = [
  'reset', // both sides hear of it at once
  'end', // both sides: FIN
  'unanswered', // what was sent arrives, what comes back does not; then a reset
  'deaf', // nothing arrives any more, what comes back does: half-open
  'dumb', // what is sent arrives, nothing comes back, and nobody is told: half-open
  'gone', // nothing passes any more and nobody is told: half-open
  'left', // the server is told, the client is not
  'dropped', // the client is told, the server is not
  'stall', // nothing passes for a while, then all of it, as if nothing had been
  'late', // what the client sends waits, and comes when the client has long given up
] as const;
export type Fate = (typeof FATES)[number];

interface Plan {
  readonly pieces: Record<Direction, Pieces>;
  readonly delayMs: Record<Direction, number>;
  readonly fate: Fate;
  readonly counted: Direction;
  readonly after: number;
  readonly forMs: number;
}

/** For how long a plan lets a connection live, in bytes of one direction. */
function lifetime(rng: Chance): number {
  const kind = rng();
  if (kind < 0.25) return between(rng, 1, 1_500); // it does not get through the sign-in, or just
  if (kind < 0.5) return between(rng, 1_500, 4_000); // it binds, resumes, reads the archive
  return between(rng, 4_000, 12_000);
}

function makePlan(rng: Chance): Plan {
  const pieces = (): Pieces => (rng() < 0.4 ? 'whole' : oneOf(rng, ['bytes', 'odd', 'merged'] as const));
  const delay = () => (rng() < 0.7 ? 0 : between(rng, 1, 30));
  return {
    pieces: { up: pieces(), down: pieces() },
    delayMs: { up: delay(), down: delay() },
    fate: oneOf(rng, FATES),
    counted: rng() < 0.5 ? 'up' : 'down',
    after: lifetime(rng),
    forMs: between(rng, 1, 400),
  };
}

const BYTE_BY_BYTE = 600; // that many, then odd sizes: else a connection would be nothing but system calls
const MERGE_MS = 15;

/** One direction of one connection: a queue that one loop empties, so that the order holds whatever is done to it. */
class Flow {
  private readonly queue: Buffer[] = [];
  private running = false;
  private single = BYTE_BY_BYTE;
  private wake: (() => void) | undefined;
  private finished = false;
  /** Bytes are kept, until told otherwise. */
  held = false;
  /** Bytes vanish. */
  lost = false;

  constructor(
    private readonly to: net.Socket,
    private readonly pieces: Pieces,
    private readonly delayMs: number,
    private readonly rng: Chance,
  ) {}

  push(bytes: Buffer): void {
    if (this.lost) return;
    this.queue.push(bytes);
    if (!this.running) void this.run();
  }

  /** The sender has ended: its receiver hears of it behind the last byte. */
  finish(): void {
    this.finished = true;
    if (!this.running) void this.run();
  }

  release(): void {
    this.held = false;
    this.wake?.();
  }

  /** Everything so far has been passed on. */
  get empty(): boolean {
    return !this.running && this.queue.length === 0;
  }

  private size(left: number): number {
    if (this.pieces === 'bytes' && this.single > 0) {
      this.single--;
      return 1;
    }
    if (this.pieces === 'bytes' || this.pieces === 'odd') return Math.min(left, between(this.rng, 1, 900));
    return left;
  }

  private async run(): Promise<void> {
    this.running = true;
    const pause = this.delayMs + (this.pieces === 'merged' ? MERGE_MS : 0);
    while (this.queue.length > 0) {
      if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
      const bytes = Buffer.concat(this.queue.splice(0));
      for (let at = 0; at < bytes.length; ) {
        await this.passable();
        if (this.lost || !this.to.writable) break;
        const n = this.size(bytes.length - at);
        this.to.write(bytes.subarray(at, at + n));
        at += n;
        // The next piece is one of its own only if the loop has turned.
        if (at < bytes.length) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await this.passable();
    this.running = false;
    if (this.queue.length > 0) return void this.run();
    if (this.finished && !this.lost) this.to.end();
  }

  private async passable(): Promise<void> {
    while (this.held) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}

class Link {
  private readonly flows: Record<Direction, Flow>;
  private readonly passed: Record<Direction, number> = { up: 0, down: 0 };
  /** What came in the counted direction after the count was reached, until the bytes before it have arrived. */
  private rest: Buffer[] | undefined;
  private decided = false;
  private closed = 0;

  constructor(
    private readonly network: BadNetwork,
    readonly client: net.Socket,
    readonly server: net.Socket,
    private plan: Plan | undefined,
    private readonly rng: Chance,
  ) {
    const flow = (to: net.Socket, d: Direction) => new Flow(to, plan?.pieces[d] ?? 'whole', plan?.delayMs[d] ?? 0, rng);
    this.flows = { up: flow(server, 'up'), down: flow(client, 'down') };
    this.read(client, 'up', 'down');
    this.read(server, 'down', 'up');
  }

  private read(from: net.Socket, d: Direction, back: Direction): void {
    const over = () => {
      this.flows[d].finish();
      // Where nothing comes back, nobody else would ever close it.
      if (this.flows[back].lost || this.flows[back].held) from.destroy();
    };
    from.setNoDelay(true);
    from.on('data', (bytes: Buffer) => this.bytes(d, bytes));
    from.on('error', () => {});
    from.on('end', over);
    from.on('close', () => {
      over();
      if (++this.closed === 2) this.network.links.delete(this);
    });
  }

  private bytes(d: Direction, bytes: Buffer): void {
    const { plan } = this;
    if (this.rest && plan!.counted === d) {
      this.rest.push(bytes);
      return;
    }
    const left = plan && !this.decided && plan.counted === d ? plan.after - this.passed[d] : Infinity;
    this.passed[d] += bytes.length;
    if (!plan || bytes.length < left) {
      this.flows[d].push(bytes);
      return;
    }
    this.decided = true;
    this.flows[d].push(bytes.subarray(0, left));
    this.rest = [bytes.subarray(left)];
    // What was let through arrives first.
    const arrived = () => {
      if (!this.flows[d].empty) return void setTimeout(arrived, 1);
      this.meet(plan);
      const rest = this.rest!;
      this.rest = undefined;
      for (const b of rest) if (b.length) this.flows[d].push(b);
    };
    arrived();
  }

  private meet({ fate, forMs }: Plan): void {
    const { up, down } = this.flows;
    const later = (f: () => void) => void setTimeout(f, forMs);
    this.network.met[fate]++;
    switch (fate) {
      case 'reset':
        this.destroy();
        break;
      case 'end':
        this.client.end();
        this.server.end();
        break;
      case 'unanswered':
        down.lost = true;
        later(() => this.destroy());
        break;
      case 'deaf':
        up.lost = true;
        break;
      case 'dumb':
        down.lost = true;
        break;
      case 'gone':
        up.lost = down.lost = true;
        break;
      case 'left':
        up.lost = down.lost = true;
        this.server.resetAndDestroy();
        break;
      case 'dropped':
        up.lost = down.lost = true;
        this.client.resetAndDestroy();
        break;
      case 'stall':
        up.held = down.held = true;
        later(() => {
          up.release();
          down.release();
          this.goOn();
        });
        break;
      case 'late':
        up.held = true;
        down.lost = true;
        setTimeout(() => up.release(), 10 * forMs);
        break;
    }
  }

  /** It has lived through its fate: there will be another. */
  private goOn(): void {
    const { counted, after, ...rest } = makePlan(this.rng);
    this.plan = this.network.calm ? undefined : { ...rest, counted, after: this.passed[counted] + after };
    this.decided = false;
  }

  destroy(): void {
    for (const flow of Object.values(this.flows)) {
      flow.lost = true;
      flow.release();
    }
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
  }
}

export class BadNetwork {
  /** How many connections met which end. */
  readonly met = Object.fromEntries(FATES.map((f) => [f, 0])) as Record<Fate, number>;
  readonly links = new Set<Link>();
  connections = 0;
  /** Good weather: new connections live, and nothing is done to their bytes. */
  calm = false;
  private readonly listeners: net.Server[] = [];

  private constructor(private readonly seed: number) {}

  /** The ports to use in the place of the server's are in `ports`. */
  static async before(target: Ports, seed: number): Promise<BadNetwork> {
    const network = new BadNetwork(seed);
    const at: number[] = [];
    for (const port of [target.c2s, target.c2sTls, target.http, target.https]) at.push(await network.listen(port));
    const [c2s, c2sTls, http, https] = at as [number, number, number, number];
    network.ports = { domain: target.domain, c2s, c2sTls, http, https };
    return network;
  }

  ports!: Ports;

  /** All that has been done to connections so far. */
  get cuts(): number {
    return Object.values(this.met).reduce((a, b) => a + b, 0);
  }

  private async listen(port: number): Promise<number> {
    const listener = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
      const rng = chance(this.seed * 1_000_003 + ++this.connections);
      const plan = this.calm ? undefined : makePlan(rng);
      const server = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      this.links.add(new Link(this, client, server, plan, rng));
      client.resume();
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    this.listeners.push(listener);
    return (listener.address() as net.AddressInfo).port;
  }

  /** Everything that still hangs between the two comes to its end. */
  clear(): void {
    for (const link of this.links) link.destroy();
    this.links.clear();
  }

  close(): void {
    this.clear();
    for (const l of this.listeners) l.close();
  }
}
