// One server, one browser, and people who sit before it. What the page complains about fails the test.

import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { Account } from '../../proto/harness/login.ts';
import { type Config, Server } from '../../proto/harness/server.ts';
import { launch, SIZES, type Size } from './browser.ts';
import { Link } from './link.ts';
import { Person } from './person.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const DIST = join(ROOT, 'web/dist');
const PICTURES = join(ROOT, 'build/test-logs/e2e');

export interface Seat {
  size?: Size;
  theme?: 'light' | 'dark';
  context?: BrowserContextOptions;
}

export class World {
  server!: Server;
  browser!: Browser;
  /** Errors and refusals that pages reported; a test that provokes some takes them out. */
  readonly complaints: string[] = [];
  private readonly people: Person[] = [];
  private serial = 0;

  async begin(config: Config = {}): Promise<void> {
    if (!existsSync(join(DIST, 'index.html'))) throw new Error('the app is not built: npm run build in web/');
    const base: Config = {
      server: { web_dir: DIST, shards: '2', gates: '1' },
      auth: { registration: 'open', iterations: '4096' },
    };
    for (const [name, options] of Object.entries(config)) base[name] = { ...base[name], ...options };
    base.auth = { plaintext: 'loopback', ...base.auth };
    this.server = await Server.start(base);
    this.browser = await launch();
  }

  async end(): Promise<void> {
    for (const person of this.people.splice(0)) await person.leave();
    await this.browser?.close();
    await this.server?.dispose();
  }

  /** Names that no other test of this world has. */
  name(base: string): string {
    return `${base}${++this.serial}`;
  }

  /** Accounts made from the server's side. */
  async accounts<N extends string[]>(...names: N): Promise<{ [K in keyof N]: Account }> {
    return (await this.server.addAccounts(names.map((n) => this.name(n)))) as { [K in keyof N]: Account };
  }

  async befriend(a: Account, b: Account): Promise<void> {
    await this.server.ctl(['contact', 'add', a.jid, b.jid]);
  }

  /** Somebody with a browser of their own (a context), on the page before sign-in. */
  async sit(seat: Seat = {}): Promise<Person> {
    const { size = 'desktop', theme = 'light' } = seat;
    const link = await Link.open(this.server.ports.http);
    const context = await this.browser.newContext({
      viewport: SIZES[size],
      colorScheme: theme,
      reducedMotion: 'reduce',
      locale: 'en-GB',
      ...(size === 'desktop' ? {} : { hasTouch: true, isMobile: true }),
      ...seat.context,
    });
    context.setDefaultTimeout(60_000); // it ends a hang and judges no speed
    const person = new Person(context, link, this.server.domain, size !== 'desktop', this.complaints);
    this.people.push(person);
    await person.open();
    return person;
  }

  /** Somebody who has signed in. */
  async enter(account: Account, seat: Seat = {}): Promise<Person> {
    const person = await this.sit(seat);
    await person.signIn(account.name, account.password);
    return person;
  }

  /** Two friends, each at a browser. */
  async pair(seat: Seat = {}): Promise<[Person, Person]> {
    const [a, b] = await this.accounts('mia', 'noah');
    await this.befriend(a, b);
    return [await this.enter(a, seat), await this.enter(b, seat)];
  }

  /** Mia at her PC and her phone, and Noah; all at their chat. */
  async three(): Promise<{ pc: Person; phone: Person; noah: Person; a: Account; b: Account }> {
    const [a, b] = await this.accounts('mia', 'noah');
    await this.befriend(a, b);
    const pc = await this.enter(a);
    const phone = await this.enter(a, { size: 'phone' });
    const noah = await this.enter(b);
    for (const [who, other] of [
      [pc, b],
      [phone, b],
      [noah, a],
    ] as const) {
      await who.go('People');
      await who.chatWith(other.name);
    }
    return { pc, phone, noah, a, b };
  }

  /** What everybody saw when a test failed: as pictures, and in a few words for who has only the report. */
  async photograph(test: string): Promise<string> {
    mkdirSync(PICTURES, { recursive: true });
    const words = [];
    for (const [i, { page, name }] of this.people.entries()) {
      const file = join(PICTURES, `${test}-${i}-${name}`.replace(/[^a-z0-9]+/gi, '-').slice(0, 90));
      await page.screenshot({ path: `${file}.png`, timeout: 10_000 }).catch(() => {});
      const look = () => {
        const brief = (it: Element | null) => it?.outerHTML.replace(/\s+/g, ' ').slice(0, 120);
        const over = [...document.querySelectorAll('dialog, .menu, .toast, .cbar, .notice')].map(brief);
        const last = document.querySelector('.log')?.textContent?.slice(-120);
        return JSON.stringify({ at: location.hash, focus: brief(document.activeElement), over, last });
      };
      const silent = new Promise<string>((done) => setTimeout(done, 5000, 'no answer'));
      words.push(`${i} ${name}: ${await Promise.race([page.evaluate(look).catch(String), silent])}`);
    }
    return words.join('\n');
  }

  async clear(): Promise<void> {
    for (const person of this.people.splice(0)) await person.leave();
  }
}

/** A world for the tests of this file; who came in a test leaves after it. */
export function useWorld(config: Config = {}): World {
  const world = new World();
  beforeAll(() => world.begin(config));
  afterEach(async ({ task }) => {
    const seen = task.result?.state === 'fail' ? await world.photograph(task.name) : undefined;
    await world.clear();
    world.server.checkAlive();
    expect(world.complaints.splice(0)).toEqual([]);
    if (seen) throw new Error(`What was to be seen:\n${seen}`);
  });
  afterAll(() => world.end());
  return world;
}
