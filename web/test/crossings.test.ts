// Messages that cross: what stands where is the archive's to say, and it is asked once.
import { beforeEach, expect, it } from 'vitest';
import { ConfabApp } from '../src/store/app';
import type { Timeline } from '../src/store/model';
import type { AccountSession } from '../src/store/session';
import { textMessage } from '../src/xmpp/mod/message';
import { NS } from '../src/xmpp/ns';
import { parse } from '../src/xmpp/xml';
import { FakeBrowser, turns, until } from './fake-env';
import { FakeServer } from './fake-server';

const MIA = 'mia@example.org';
const BEN = 'ben@example.org';

let server: FakeServer;
let browser: FakeBrowser;
let app: ConfabApp;

beforeEach(() => {
  server = new FakeServer({ carbons: true, inbox: true });
  for (const name of ['mia', 'ben']) server.addAccount(name);
  server.befriend(MIA, BEN);
  browser = new FakeBrowser(server);
});

let serial = 0;
const say = (body: string) =>
  server.routeMessage(`${BEN}/x`, textMessage({ to: MIA, id: `m${++serial}`, body, ask: true, chatState: false }));

/** Ben's words reach the server just before each of mine does. */
function cross(words: (mine: string) => string[]): void {
  const route = server.route.bind(server);
  server.route = (from, stanza) => {
    const mine = stanza.name === 'message' ? stanza.child('body')?.text() : undefined;
    if (mine !== undefined) for (const word of words(mine)) say(word);
    route(from, stanza);
  };
}

async function open(): Promise<{ session: AccountSession; t: Timeline }> {
  app = new ConfabApp(browser.env());
  await app.started;
  expect(await app.signIn({ address: 'mia', password: 'secret' })).toBeUndefined();
  await until(() => app.session.value?.connection.value.state === 'online', 'online');
  const session = app.session.value as AccountSession;
  await until(() => !session.firstStart.value);
  const t = session.timeline(BEN);
  await until(() => !t.cold.value && t.older.value !== 'loading', 'timeline');
  return { session, t };
}

const bodies = (t: Timeline) => t.messages.value.map((m) => m.body);
const archived = () => server.accounts.get(MIA)!.archive.flatMap((a) => a.message.child('body')?.text() ?? []);
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

it('what crossed stands where the archive has it', async () => {
  const { session, t } = await open();
  say('before');
  await until(() => bodies(t).length === 1);
  cross((mine) => [`before ${mine}`]);
  await session.send(BEN, 'mine');
  await until(() => t.messages.value.find((m) => m.body === 'mine')?.mark === 'sent', 'sent');
  await until(() => bodies(t).join() === archived().join(), 'in order');
  expect(bodies(t)).toEqual(['before', 'before mine', 'mine']);
  await app.close();
});

it('a flood that crosses is looked at a few times, not once for each, and the looks end', async () => {
  const { session, t } = await open();
  const asked = server.archiveQueries;
  cross((mine) => [`a ${mine}`, `b ${mine}`]);
  for (let i = 0; i < 15; i++) await session.send(BEN, `${i}`);
  await until(() => bodies(t).length === 45 && bodies(t).join() === archived().join(), 'in order');
  const looks = server.archiveQueries - asked;
  expect(looks).toBeGreaterThan(0);
  expect(looks).toBeLessThanOrEqual(4);
  await pause(2_500);
  await turns();
  expect(server.archiveQueries - asked).toBeLessThanOrEqual(looks + 1);
  const end = server.archiveQueries;
  await pause(2_500);
  expect(server.archiveQueries).toBe(end);
  await app.close();
});

it('nothing is asked when nothing crossed, however much the other side says', async () => {
  const { session, t } = await open();
  await session.send(BEN, 'mine');
  await until(() => t.messages.value.at(-1)?.mark === 'sent');
  await pause(1_100);
  const asked = server.archiveQueries;
  for (let i = 0; i < 40; i++) say(`${i}`);
  await until(() => bodies(t).length === 41);
  await pause(1_500);
  expect(server.archiveQueries).toBe(asked);
  await app.close();
});

it('what the archive has moved to an earlier time before it was seen is read all the same, and its sender hears it', async () => {
  server.now = Date.now() - 3600e3;
  const { session, t } = await open();
  const told = () =>
    server.received.flatMap((frame) => parse(frame).child('displayed', NS.markers)?.attr('id') ?? []).at(-1);
  const latest = () => t.messages.value.at(-1)!;
  say('seen as it came');
  await until(() => bodies(t).length === 1, 'the first');
  t.seen(latest().key);
  await until(() => told() === `m${serial}`, 'the first is told');
  cross(() => ['crossed']);
  await session.send(BEN, 'mine');
  await until(() => archived().includes('mine'), 'mine is stored');
  say('last');
  await until(() => latest().body === 'last' && latest().time < Date.now() - 1800e3, 'the archive has moved all');
  await until(() => session.chat(BEN).unread.value === 1, 'the last is not read yet');
  t.seen(latest().key);
  await until(() => told() === `m${serial}`, 'the last is told');
  await until(() => session.chat(BEN).unread.value === 0, 'read');
  await app.close();
});
