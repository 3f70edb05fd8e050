import { beforeEach, describe, expect, it } from 'vitest';
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

let server: FakeServer;
let browser: FakeBrowser;
let app: ConfabApp;

function fresh(options: ServerOptions = {}): void {
  server = new FakeServer(options);
  server.addAccount('mia');
  server.addAccount('ben');
  server.addAccount('zoe');
  server.befriend(MIA, BEN);
  browser = new FakeBrowser(server);
}

beforeEach(() => fresh());

let serial = 0;
function say(from: string, to: string, body: string): string {
  const id = `m${++serial}`;
  server.routeMessage(`${from}/x`, textMessage({ to, id, body, ask: true, chatState: false }));
  return id;
}

const talk = (from: number, to: number) => {
  for (let i = from; i <= to; i++) say(i % 3 ? BEN : MIA, i % 3 ? MIA : BEN, `${i}`);
};

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

async function settle(session: AccountSession): Promise<void> {
  for (let i = 0; i < 12; i++) {
    await turns(20);
    await session.settled();
  }
}

async function opened(session: AccountSession, chat = BEN): Promise<Timeline> {
  const t = session.timeline(chat);
  await until(() => !t.cold.value && t.older.value !== 'loading');
  return t;
}

async function all(t: Timeline): Promise<string[]> {
  for (let i = 0; i < 100 && t.older.value !== 'start'; i++) {
    const before = t.messages.value;
    await t.loadOlder();
    const after = t.messages.value;
    // Nothing that stood there moves.
    expect(after.slice(after.length - before.length).map((m) => m.key)).toEqual(before.map((m) => m.key));
  }
  return t.messages.value.map((m) => m.body);
}

const count = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `${from + i}`);

describe('the first time in a browser', () => {
  it('shows the newest, pages back to the very start, and says so', async () => {
    talk(1, 420);
    const session = await open();
    const t = await opened(session);
    expect(t.messages.value.at(-1)?.body).toBe('420');
    expect(t.older.value).toBe('more');
    expect(await all(t)).toEqual(count(1, 420));
    expect(t.older.value).toBe('start');
    await app.close();
  });

  it('an empty archive is complete at once', async () => {
    const session = await open();
    const t = await opened(session);
    expect(t.older.value).toBe('start');
    await app.close();
  });

  it('counts as unread only what came after I was last active, and sends receipts only for that', async () => {
    talk(1, 7); // 3 and 6 are mine
    const session = await open();
    expect(session.unread.value).toBe(1);
    const receipts = server.received.filter((f) => parse(f).child('received', NS.receipts));
    expect(receipts.length).toBe(1);
    await app.close();
  });

  it('finds everything that was shared, back to the start, and says when that is all', async () => {
    say(BEN, MIA, 'first of all: https://example.org/first');
    talk(1, 900);
    say(BEN, MIA, 'https://example.org/last');
    const session = await open();
    const links = async () => (await session.shared(BEN)).messages.map((m) => m.body);
    expect(await links()).toEqual(['https://example.org/last']);
    expect((await session.shared(BEN)).complete).toBe(false);
    let pages = 0;
    while ((await session.sharedOlder(BEN)) === 'more') expect(++pages).toBeLessThan(8);
    expect(await links()).toEqual(['https://example.org/last', 'first of all: https://example.org/first']);
    expect((await session.shared(BEN)).complete).toBe(true);
    const asked = server.archiveQueries;
    expect(await session.sharedOlder(BEN)).toBe('start');
    expect(server.archiveQueries).toBe(asked);
    // What the window on the chat shows is not out of order for it.
    expect((await all(await opened(session))).length).toBe(902);
    await app.close();
  });

  it('says when what was shared earlier cannot be looked for', async () => {
    talk(1, 420);
    const session = await open();
    server.down = true;
    server.cut();
    await until(() => session.connection.value.state !== 'online');
    expect(await session.sharedOlder(BEN)).toBe('offline');
    expect((await session.shared(BEN)).complete).toBe(false);
    server.down = false;
    await app.close();
  });

  it('pages back a chat that is not among the newest messages', async () => {
    for (let i = 1; i <= 60; i++) say('zoe@example.org', MIA, `z${i}`);
    talk(1, 300);
    const session = await open();
    const t = await opened(session, 'zoe@example.org');
    expect((await all(t)).length).toBe(60);
    expect(session.chat('zoe@example.org').unread.value).toBe(0);
    await app.close();
  });
});

describe('coming back', () => {
  it('catches up with what was missed, in order, and counts it', async () => {
    talk(1, 6);
    await open();
    await app.close();
    server.restart();
    for (let i = 7; i <= 207; i++) say(BEN, MIA, `${i}`);
    const session = await open();
    expect(session.unread.value).toBe(201);
    const t = await opened(session);
    expect(t.firstUnread.value).toBeDefined();
    expect(await all(t)).toEqual(count(1, 207));
    await app.close();
  });

  it('asks again when the server has too much to do', async () => {
    talk(1, 6);
    await open();
    await app.close();
    server.restart();
    for (let i = 7; i <= 12; i++) say(BEN, MIA, `${i}`);
    server.archiveBusy = 1;
    const session = await open();
    await until(() => session.unread.value === 6, 'what was missed');
    await app.close();
  });

  it('after a very long time shows the newest first and fills the gap', async () => {
    talk(1, 6);
    await open();
    await app.close();
    server.restart();
    talk(7, 900);
    const session = await open();
    const t = await opened(session);
    expect(t.messages.value.at(-1)?.body).toBe('900');
    expect(await all(t)).toEqual(count(1, 900));
    expect(session.unread.value).toBe(0); // the last one is mine
    await app.close();
  });

  it('cut while the gap is filled shows nothing across it, and fills it later', async () => {
    talk(1, 6);
    await open();
    await app.close();
    server.restart();
    talk(7, 900);
    // Die at the seventh question: five pages of catching up, the newest page, then the gap.
    const asked = server.archiveQueries;
    app = new ConfabApp(browser.env());
    await until(() => {
      if (server.archiveQueries - asked >= 7) {
        server.deaf = true;
        return true;
      }
      return false;
    }, 'the gap is being filled');
    server.down = true;
    server.restart();
    const session = app.session.value as AccountSession;
    await settle(session);
    const t = await opened(session);
    await t.loadOlder();
    await t.loadOlder();
    await t.loadOlder();
    expect(t.older.value).toBe('offline');
    const shown = t.messages.value.map((m) => m.body);
    expect(shown).toEqual(count(900 - shown.length + 1, 900));
    server.down = server.deaf = false;
    session.reconnect();
    await until(() => session.connection.value.state === 'online');
    await settle(session);
    expect(await all(t)).toEqual(count(1, 900));
    await app.close();
  });

  it('finds its place again when the archive has forgotten it', async () => {
    talk(1, 12);
    await open();
    await app.close();
    server.restart();
    talk(13, 30);
    const archive = server.accounts.get(MIA)!.archive;
    archive.splice(
      0,
      archive.findIndex((a) => a.message.child('body')?.text() === '13'),
    );
    const session = await open();
    const t = await opened(session);
    expect(t.messages.value.map((m) => m.body)).toEqual(count(1, 30));
    await app.close();
  });

  it('learns receipts and read marks from the archive, whatever the order of the pages', async () => {
    const id = say(MIA, BEN, 'mine');
    const mark = (el: string, ns: string) =>
      server.routeMessage(
        `${BEN}/x`,
        x(
          'message',
          { xmlns: NS.client, to: MIA, type: 'chat', id: `k${++serial}` },
          x(el, { xmlns: ns, id }),
          x('store', { xmlns: NS.hints }),
        ),
      );
    mark('received', NS.receipts);
    // The mark and its message are on different pages.
    for (let i = 0; i < 240; i++) say(BEN, MIA, `${i}`);
    mark('displayed', NS.markers);
    const session = await open();
    const t = await opened(session);
    await all(t);
    expect(t.messages.value[0]).toMatchObject({ body: 'mine', mark: 'read' });
    await app.close();
  });

  it('what other devices wrote is not missed, with copies of it or without, and stands in the order of the archive', async () => {
    for (const carbons of [true, false]) {
      fresh({ carbons });
      talk(1, 3);
      const session = await open();
      say(BEN, MIA, 'live');
      await until(() => session.chat(BEN).last.value?.body === 'live');
      await settle(session);
      say(MIA, BEN, 'from my phone');
      await settle(session);
      expect(session.chat(BEN).last.value?.body).toBe(carbons ? 'from my phone' : 'live');
      await app.close();
      server.restart();
      const again = await open();
      expect(again.chat(BEN).last.value?.body).toBe('from my phone');
      const t = await opened(again);
      expect(t.messages.value.map((m) => m.body)).toEqual(['1', '2', '3', 'live', 'from my phone']);
      await app.close();
    }
  });

  it('keeps the order when the archive counts in whole seconds', async () => {
    const route = server.routeMessage.bind(server);
    server.routeMessage = (full, stanza) => {
      server.now = Math.floor(server.now / 1000) * 1000 - 10;
      route(full, stanza);
    };
    talk(1, 260);
    const session = await open();
    expect(await all(await opened(session))).toEqual(count(1, 260));
    await app.close();
  });

  it('says that there is more when offline', async () => {
    talk(1, 420);
    const session = await open();
    server.down = true;
    server.cut();
    const t = await opened(session);
    for (let i = 0; i < 12; i++) await t.loadOlder();
    expect(t.older.value).toBe('offline');
    server.down = false;
    session.reconnect();
    await until(() => t.older.value === 'more');
    expect(await all(t)).toEqual(count(1, 420));
    await app.close();
  });
});
