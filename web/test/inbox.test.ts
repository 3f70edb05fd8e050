// A device that comes back: the list at once, and never a hole that does not show.
import { beforeEach, describe, expect, it } from 'vitest';
import { openAccountDb } from '../src/db/schema';
import { ConfabApp } from '../src/store/app';
import type { Timeline } from '../src/store/model';
import type { AccountSession } from '../src/store/session';
import { textMessage } from '../src/xmpp/mod/message';
import { NS } from '../src/xmpp/ns';
import { parse, x } from '../src/xmpp/xml';
import { FakeBrowser, turns, until } from './fake-env';
import { FakeServer, type ServerOptions } from './fake-server';

const MIA = 'mia@example.org';
const BEN = 'ben@example.org';
const ZOE = 'zoe@example.org';

let server: FakeServer;
let browser: FakeBrowser;
let app: ConfabApp;

function fresh(options: ServerOptions = {}): void {
  server = new FakeServer({ carbons: true, inbox: true, ...options });
  for (const name of ['mia', 'ben', 'zoe']) server.addAccount(name);
  server.befriend(MIA, BEN);
  server.befriend(MIA, ZOE);
  browser = new FakeBrowser(server);
}

beforeEach(() => fresh());

let serial = 0;
function say(from: string, to: string, body: string, id = `m${++serial}`): string {
  server.routeMessage(`${from}/x`, textMessage({ to, id, body, ask: true, chatState: false }));
  return id;
}

/** A marker or receipt. */
function mark(from: string, to: string, kind: 'received' | 'displayed', id: string): void {
  const ns = kind === 'received' ? NS.receipts : NS.markers;
  server.routeMessage(
    `${from}/x`,
    x(
      'message',
      { xmlns: NS.client, to, type: 'chat', id: `k${++serial}` },
      x(kind, { xmlns: ns, id }),
      x('store', { xmlns: NS.hints }),
    ),
  );
}

const say100 = (peer: string, from: number, to: number) => {
  for (let i = from; i <= to; i++) say(peer, MIA, `${i}`);
};
const count = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `${from + i}`);

async function settle(session: AccountSession): Promise<void> {
  for (let i = 0; i < 12; i++) {
    await turns(20);
    await session.settled();
  }
}

async function open(): Promise<AccountSession> {
  app = new ConfabApp(browser.env());
  await app.started;
  if (!app.session.value) expect(await app.signIn({ address: 'mia', password: 'secret' })).toBeUndefined();
  await until(() => app.session.value?.connection.value.state === 'online', 'online');
  const session = app.session.value as AccountSession;
  await until(() => !session.firstStart.value);
  await settle(session);
  return session;
}

async function away(): Promise<void> {
  await app.close();
  server.restart();
}

async function opened(session: AccountSession, chat = BEN): Promise<Timeline> {
  const t = session.timeline(chat);
  await until(() => !t.cold.value && t.older.value !== 'loading', 'timeline');
  return t;
}

async function all(t: Timeline): Promise<string[]> {
  for (let i = 0; i < 100 && t.older.value !== 'start'; i++) await t.loadOlder();
  return t.messages.value.map((m) => m.body);
}

const bodies = (t: Timeline) => t.messages.value.map((m) => m.body);

/** What is shown has no hole: numbers follow each other. */
function unbroken(t: Timeline): void {
  const numbers = bodies(t).map(Number);
  expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i));
}

async function gaps(): Promise<number> {
  const db = await openAccountDb(MIA);
  const n = await db.count('gaps');
  db.close();
  return n;
}

describe('the first time in a browser', () => {
  it('shows every chat, its last message and what is unread after one question', async () => {
    const names = Array.from({ length: 120 }, (_, i) => server.addAccount(`p${i}`));
    for (const [i, name] of names.entries()) {
      for (let n = 0; n <= i % 3; n++) say(name, MIA, `${n} of ${i}`);
      if (i % 4 === 0) say(MIA, name, `answer to ${i}`);
    }
    const session = await open();
    expect(server.inboxQueries).toBe(1);
    expect(session.chatOrder.value).toEqual([...names].reverse());
    for (const [i, name] of names.entries()) {
      expect(session.chat(name).unread.value).toBe(i % 4 === 0 ? 0 : (i % 3) + 1);
      expect(session.chat(name).last.value?.body).toBe(i % 4 === 0 ? `answer to ${i}` : `${i % 3} of ${i}`);
    }
    const t = await opened(session, names[5]);
    expect(await all(t)).toEqual(['0 of 5', '1 of 5', '2 of 5']);
    expect(t.messages.value.find((m) => m.key === t.firstUnread.value)?.body).toBe('0 of 5');
    await app.close();
  });

  it('knows how far mine have come, and that all is read', async () => {
    say(BEN, MIA, 'hello');
    mark(BEN, MIA, 'displayed', say(MIA, BEN, 'read'));
    mark(ZOE, MIA, 'received', say(MIA, ZOE, 'delivered'));
    const session = await open();
    expect(session.chat(BEN).last.value?.mark).toBe('read');
    expect(session.chat(ZOE).last.value?.mark).toBe('delivered');
    expect(session.unread.value).toBe(0);
    const t = await opened(session);
    expect(t.firstUnread.value).toBeUndefined();
    expect(await all(t)).toEqual(['hello', 'read']);
    await app.close();
  });

  it('opens at the first unread message, and where that is far above, at the newest', async () => {
    say100(BEN, 1, 40);
    mark(MIA, BEN, 'displayed', `m${serial - 30}`);
    say100(ZOE, 1, 1500);
    const session = await open();
    expect(session.chat(BEN).unread.value).toBe(30);
    const t = await opened(session);
    expect(t.messages.value.find((m) => m.key === t.firstUnread.value)?.body).toBe('11');
    unbroken(t);
    const z = await opened(session, ZOE);
    expect(z.firstUnread.value).toBeUndefined();
    expect(session.chat(ZOE).unread.value).toBe(1500);
    unbroken(z);
    z.seen(z.messages.value.at(-1)!.key);
    await until(() => session.chat(ZOE).unread.value === 0);
    await app.close();
  });
});

describe('coming back', () => {
  it('after a short time has everything, and no gap is left', async () => {
    say100(BEN, 1, 5);
    await open();
    await away();
    say100(BEN, 6, 150);
    say(MIA, ZOE, 'from my phone');
    const session = await open();
    expect(session.chat(BEN).unread.value).toBe(150);
    expect(session.chat(ZOE).last.value).toMatchObject({ body: 'from my phone', mark: 'sent' });
    expect(await gaps()).toBe(0);
    const asked = server.archiveQueries;
    expect(await all(await opened(session))).toEqual(count(1, 150));
    expect(server.archiveQueries).toBeLessThanOrEqual(asked + 1);
    await app.close();
  });

  it('after a month: the list is right before the archive is asked; each chat shows its gap until it is filled', async () => {
    say100(BEN, 1, 5);
    say100(ZOE, 1, 5);
    const session = await open();
    const t = await opened(session);
    t.seen(t.messages.value.at(-1)!.key);
    await settle(session);
    await away();
    say100(BEN, 6, 700);
    say100(ZOE, 6, 300);
    const asked = server.archiveQueries;
    app = new ConfabApp(browser.env());
    await until(() => app.session.value?.chat(ZOE).last.value?.body === '300', 'the list');
    const again = app.session.value as AccountSession;
    expect(server.archiveQueries).toBe(asked);
    expect(again.chat(BEN).unread.value).toBe(695);
    expect(again.chat(ZOE).unread.value).toBe(300);
    await settle(again);
    const b = await opened(again);
    unbroken(b);
    // Across the gap, to the first of them.
    expect(b.messages.value.find((m) => m.key === b.firstUnread.value)?.body).toBe('6');
    expect(again.chat(BEN).unread.value).toBe(695);
    expect(await all(b)).toEqual(count(1, 700));
    expect(again.chat(BEN).unread.value).toBe(695);
    b.seen(b.messages.value.find((m) => m.body === '600')!.key);
    await until(() => again.chat(BEN).unread.value === 100, 'read up to there');
    await app.close();
  });

  it('a chat that is open gets nothing across the hole', async () => {
    say100(BEN, 1, 5);
    const session = await open();
    const t = await opened(session);
    const shown: string[][] = [];
    const stop = t.messages.subscribe((list) => shown.push(list.map((m) => m.body)));
    for (const more of [20, 900]) {
      server.restart();
      server.down = true;
      const from = Number(bodies(t).at(-1)) + 1;
      say100(BEN, from, from + more);
      server.down = false;
      session.reconnect();
      await until(() => bodies(t).at(-1) === `${from + more}`, `shown to its end after ${more}`);
      await settle(session);
      unbroken(t);
    }
    stop();
    for (const list of shown) expect(list).toEqual(list.map((_, i) => `${Number(list[0]) + i}`));
    expect(await all(t)).toEqual(count(1, 927));
    await app.close();
  });

  it('what I wrote without a connection stands behind what came meanwhile, and goes out once', async () => {
    say100(BEN, 1, 5);
    const session = await open();
    const t = await opened(session);
    server.restart();
    server.down = true;
    await until(() => session.connection.value.state !== 'online');
    await session.send(BEN, 'mine');
    t.seen(t.messages.value.at(-1)!.key);
    // The server's clock goes ahead of ours.
    server.now = Date.now() + 3_600_000;
    say100(BEN, 6, 21);
    server.down = false;
    session.reconnect();
    await until(() => t.messages.value.at(-1)?.mark === 'sent');
    await settle(session);
    expect(bodies(t)).toEqual([...count(1, 21), 'mine']);
    // Nobody has seen these; who looks now has.
    expect(session.chat(BEN).unread.value).toBe(16);
    t.seen(t.messages.value.at(-1)!.key);
    await until(() => session.chat(BEN).unread.value === 0);
    expect(server.accounts.get(BEN)!.archive.filter((a) => a.message.child('body')?.text() === 'mine').length).toBe(1);
    await app.close();
  });

  it('a gap that nobody looked at for long is filled from where it is, not from the end of the archive', async () => {
    say100(BEN, 1, 30);
    const first = Date.now();
    // What is read ahead is refused, for now.
    server.archiveBusy = 1000;
    const session = await open();
    expect(await gaps()).toBe(1);
    server.archiveBusy = 0;
    // Far more than a page: words that come live, and receipts and marks for them.
    server.now = first + 60_000;
    say100(BEN, 31, 400);
    await until(() => session.chat(BEN).last.value?.body === '400');
    for (let i = 0; i < 300; i++) mark(BEN, MIA, 'displayed', `m${i}`);
    const t = await opened(session);
    expect(await all(t)).toEqual(count(1, 400));
    unbroken(t);
    await app.close();
  });

  it('what was read elsewhere is read here: by marker, by an answer, or in silence', async () => {
    const session = await open();
    say(BEN, MIA, 'a', 'a1');
    say(ZOE, MIA, 'b', 'b1');
    await until(() => session.unread.value === 2);
    await away();
    mark(MIA, BEN, 'displayed', 'a1');
    const account = server.accounts.get(MIA)!;
    account.reads.push({ peer: ZOE, id: account.archive.find((a) => a.with === ZOE)!.id, at: server.nextId() });
    const again = await open();
    expect(again.unread.value).toBe(0);

    // And while one looks: the other device tells nobody but us.
    say(ZOE, MIA, 'c', 'c1');
    await until(() => again.unread.value === 1);
    const read = x('read', { xmlns: NS.inbox, jid: ZOE, id: account.archive.at(-1)!.id });
    for (const s of server.online(MIA)) s.deliver(x('message', { xmlns: NS.client, from: ZOE }, read));
    await settle(again);
    expect(again.unread.value).toBe(1);
    for (const s of server.online(MIA)) s.deliver(x('message', { xmlns: NS.client, from: MIA }, read));
    await until(() => again.unread.value === 0);
    await app.close();
  });

  it('who reads in silence tells the own devices only', async () => {
    const session = await open();
    session.setChoices({ sendRead: false });
    say(BEN, MIA, 'psst', 's1');
    await until(() => session.unread.value === 1);
    const t = await opened(session);
    t.seen(t.messages.value.at(-1)!.key);
    await until(() => server.accounts.get(MIA)!.reads.length === 1, 'told');
    expect(server.received.filter((f) => parse(f).child('displayed', NS.markers))).toEqual([]);
    await app.close();
    browser = new FakeBrowser(server, 'c');
    server.restart();
    expect((await open()).unread.value).toBe(0);
    await app.close();
  });

  it('cut while the inbox is read begins again, and what came live meanwhile hides no hole', async () => {
    say100(BEN, 1, 5);
    await open();
    await away();
    say100(BEN, 6, 500);
    const asked = server.inboxQueries;
    server.options.inbox = false;
    app = new ConfabApp(browser.env());
    await until(() => {
      if (!server.received.slice(-8).some((f) => f.includes('confab:inbox'))) return false;
      server.deaf = true;
      return true;
    }, 'the inbox is asked for');
    say100(BEN, 501, 501);
    server.options.inbox = true;
    server.deaf = false;
    server.restart();
    const session = app.session.value as AccountSession;
    session.reconnect();
    await until(() => session.chat(BEN).last.value?.body === '501', 'caught up');
    await settle(session);
    expect(server.inboxQueries).toBeGreaterThan(asked);
    const t = await opened(session);
    unbroken(t);
    expect(await all(t)).toEqual(count(1, 501));
    await app.close();
  });

  it('offline, a chat with a gap shows its newest part and says that there is more', async () => {
    say100(BEN, 1, 5);
    await open();
    await away();
    const names = Array.from({ length: 80 }, (_, i) => server.addAccount(`p${i}`));
    say100(BEN, 6, 90);
    for (const name of names) say(name, MIA, 'hello');
    const session = await open();
    server.down = true;
    server.restart();
    await until(() => session.connection.value.state !== 'online');
    const t = await opened(session);
    expect(bodies(t)).toEqual(['90']);
    await t.loadOlder();
    expect(t.older.value).toBe('offline');
    server.down = false;
    session.reconnect();
    await until(() => t.older.value === 'more');
    expect(await all(t)).toEqual(count(1, 90));
    await app.close();
  });

  it('ticks that moved while one was away are there when one looks', async () => {
    say(BEN, MIA, '1');
    const session = await open();
    await session.send(BEN, '2');
    await until(() => session.chat(BEN).last.value?.mark === 'sent');
    const id = (await opened(session)).messages.value.at(-1)!.key;
    await away();
    mark(BEN, MIA, 'received', id);
    say(BEN, MIA, '3');
    mark(BEN, MIA, 'displayed', id);
    // So much else that nobody reads it all.
    say100(ZOE, 1, 600);
    const again = await open();
    const t = await opened(again);
    await until(() => t.messages.value.find((m) => m.body === '2')?.mark === 'read', 'read');
    expect(bodies(t)).toEqual(['1', '2', '3']);
    await app.close();
  });
});
