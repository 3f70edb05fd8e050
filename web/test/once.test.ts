// Nothing comes twice and nothing is lost, whichever ways a message takes: live, as a copy, from the inbox, while catching up, out of a
// gap, by paging back, sent again after a crash. Random interleavings; ONCE_SEED=n npx vitest run test/once replays one, ONCE_RUNS=n runs so many.
import { expect, it } from 'vitest';
import { openAccountDb } from '../src/db/schema';
import { ConfabApp } from '../src/store/app';
import type { Timeline } from '../src/store/model';
import type { AccountSession } from '../src/store/session';
import { textMessage } from '../src/xmpp/mod/message';
import { FakeBrowser, turns, until } from './fake-env';
import { FakeServer } from './fake-server';

const MIA = 'mia@example.org';
const BEN = 'ben@example.org';
const ZOE = 'zoe@example.org';
const SKEW = 5000;
const PEERS = [BEN, ZOE];

/** mulberry32. */
function chance(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Run {
  readonly server: FakeServer;
  private readonly browser: FakeBrowser;
  private app!: ConfabApp;
  private serial = 0;
  /** By so much the server's clock is ahead of the device's. */
  private readonly skew: number;
  private readonly random: () => number;
  private readonly open = new Map<string, Timeline>();
  readonly steps: string[] = [];

  constructor(seed: number, inbox: boolean) {
    this.random = chance(seed);
    this.server = new FakeServer({ carbons: true, inbox });
    this.skew = [0, -SKEW, SKEW][this.below(3)]!;
    this.server.now = Date.now() + this.skew;
    for (const name of ['mia', 'ben', 'zoe']) this.server.addAccount(name);
    for (const peer of PEERS) this.server.befriend(MIA, peer);
    this.browser = new FakeBrowser(this.server);
  }

  private below = (n: number) => Math.floor(this.random() * n);
  private peer = () => PEERS[this.below(PEERS.length)]!;

  get session(): AccountSession {
    return this.app.session.peek() as AccountSession;
  }

  async start(): Promise<void> {
    this.app = new ConfabApp(this.browser.env());
    await this.app.started;
    if (!this.app.session.peek()) await this.app.signIn({ address: 'mia', password: 'secret' });
    await this.session.opened;
  }

  async step(): Promise<void> {
    const { server } = this;
    const peer = this.peer();
    const write = (from: string, to: string) => {
      const id = `w${++this.serial}`;
      // Each message has a millisecond of its own.
      server.now = Math.max(server.now - 9, Date.now() + this.skew - 10);
      server.routeMessage(`${from}/x`, textMessage({ to, id, body: id, ask: true, chatState: false }));
    };
    const doings: [number, string, () => unknown][] = [
      [6, 'they write', () => write(peer, MIA)],
      [3, 'my phone writes', () => write(MIA, peer)],
      [4, 'I write', () => this.session.send(peer, `mine${++this.serial}`)],
      [1, 'much is written', () => Array.from({ length: 40 + this.below(300) }, () => write(this.peer(), MIA))],
      [2, 'cut', () => server.cut()],
      [1, 'the server restarts', () => server.restart()],
      [
        1,
        'what is sent is lost',
        () => {
          server.deaf = true;
        },
      ],
      [3, 'back', () => this.back()],
      [2, 'the page is loaded anew', () => this.reload()],
      [2, 'a chat is opened', () => this.show(peer)],
      [2, 'older ones', () => this.open.get(peer)?.loadOlder()],
      [1, 'one reads', () => this.open.get(peer)?.seen(this.open.get(peer)!.messages.peek().at(-1)?.key ?? '')],
      [3, 'a while', () => turns(this.below(40))],
    ];
    let at = this.below(doings.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, name, run] of doings) {
      at -= weight;
      if (at >= 0) continue;
      this.steps.push(name);
      // Not waited for: that is what makes the ways cross.
      void Promise.resolve(run()).catch((e) => this.steps.push(`${name}: ${e}`));
      if (name === 'the page is loaded anew') await this.reloading;
      await turns(this.below(6));
      return;
    }
  }

  private back(): void {
    const { server } = this;
    if (server.deaf) server.cut();
    server.deaf = false;
    this.session.reconnect();
  }

  private reloading: Promise<void> | undefined;
  private reload(): Promise<void> {
    this.reloading = (async () => {
      for (const t of this.open.values()) t.close();
      this.open.clear();
      await this.app.close();
      await this.start();
    })();
    return this.reloading;
  }

  private show(peer: string): void {
    this.open.get(peer)?.close();
    this.open.set(peer, this.session.timeline(peer));
  }

  /** All is calm: then every chat, to its first message, is what the archive says. */
  async judge(): Promise<void> {
    const { server } = this;
    this.back();
    const idle = async () => {
      for (let i = 0; i < 8; i++) {
        await turns(20);
        await this.session.settled();
      }
    };
    await until(() => this.session.connection.value.state === 'online', 'online again');
    await until(async () => {
      await idle();
      const db = await openAccountDb(MIA);
      const left = (await db.getAll('outbox')).length;
      db.close();
      return left === 0;
    }, 'all sent');
    const mine = server.accounts.get(MIA)!.archive;
    for (const peer of PEERS) {
      const kept = mine
        .filter((a) => a.with === peer && a.message.child('body'))
        .map((a) => a.message.child('body')!.text());
      expect(new Set(kept).size, 'the archive has each once').toBe(kept.length);
      this.open.get(peer)?.close();
      const t = this.session.timeline(peer);
      await until(() => !t.cold.value && t.older.value !== 'loading', 'opened');
      for (let i = 0; i < 200 && t.older.value !== 'start'; i++) await t.loadOlder();
      const shown = t.messages.value.map((m) => m.body);
      expect([...shown].sort(), `the chat with ${peer}`).toEqual([...kept].sort());
      // How what I wrote and what came crossed is looked at later (crossings.test).
      for (const who of ['w', 'mine']) {
        const by = (list: string[]) => list.filter((body) => body.startsWith(who));
        expect(by(shown), `in order, with ${peer}`).toEqual(by(kept));
      }
      expect(t.messages.value.filter((m) => m.mine && m.mark === 'sending')).toEqual([]);
      t.close();
    }
    const db = await openAccountDb(MIA);
    const idents = (await db.getAll('messages')).flatMap((m) => m.idents);
    db.close();
    expect(new Set(idents).size, 'no message twice in the cache').toBe(idents.length);
    await this.app.close();
  }
}

const first = process.env.ONCE_SEED ? Number(process.env.ONCE_SEED) : Math.floor(Math.random() * 1e9);
const runs = Number(process.env.ONCE_RUNS ?? (process.env.ONCE_SEED ? 1 : 6));

it(`each message once and in order, seeds from ${first}`, async () => {
  for (let n = 0; n < runs; n++) {
    const seed = first + n;
    // Every fourth server has no inbox.
    const run = new Run(seed, seed % 4 !== 0);
    try {
      await run.start();
      for (let i = 0; i < 40; i++) await run.step();
      await run.judge();
    } catch (e) {
      console.log(`ONCE_SEED=${seed} npx vitest run test/once\n${run.steps.join(', ')}`);
      throw e;
    }
  }
}, 1_200_000);
