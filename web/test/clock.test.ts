// A device whose own clock is wrong.
import { expect, it } from 'vitest';
import { ConfabApp } from '../src/store/app';
import type { AccountSession } from '../src/store/session';
import { textMessage } from '../src/xmpp/mod/message';
import { FakeBrowser, turns, until } from './fake-env';
import { FakeServer } from './fake-server';

const MIA = 'mia@example.org';
const BEN = 'ben@example.org';
const HOUR = 3600e3;

it.each([
  ['ahead of', -HOUR],
  ['behind', HOUR],
])('what comes live stands where the archive has it, with a clock %s the server’s', async (_, skew) => {
  const server = new FakeServer({ time: true, carbons: true });
  server.now = Date.now() + skew;
  server.addAccount('mia');
  server.addAccount('ben');
  server.befriend(MIA, BEN);
  const browser = new FakeBrowser(server);
  const fromBen = (body: string) =>
    server.routeMessage(`${BEN}/x`, textMessage({ to: MIA, id: body, body, ask: false, chatState: false }));
  const online = async () => {
    await until(() => app.session.value?.connection.value.state === 'online', 'online');
    const session = app.session.value as AccountSession;
    await turns(30);
    await session.settled();
    return session;
  };

  let app = new ConfabApp(browser.env());
  await app.signIn({ address: 'Mia', password: 'secret' });
  let session = await online();
  const chat = () => session.chat(BEN);
  fromBen('read at once');
  await until(() => chat().unread.value === 1, 'the first');
  const timeline = session.timeline(BEN);
  await until(() => timeline.messages.value.length === 1, 'the first is shown');
  timeline.seen(timeline.messages.value[0]!.key);
  await until(() => chat().unread.value === 0, 'the first is read');
  await session.send(BEN, 'answer');
  timeline.close();
  await session.settled();
  await app.close();

  server.restart();
  server.now += 60e3;
  fromBen('while away');
  app = new ConfabApp(browser.env());
  session = await online();
  await until(() => chat().unread.value === 1, 'what came meanwhile is news');
  const again = session.timeline(BEN);
  await until(() => again.messages.value.length === 3, 'all are shown');
  expect(again.messages.value.map((m) => m.body)).toEqual(['read at once', 'answer', 'while away']);
  for (const m of again.messages.value) expect(Math.abs(m.time - server.now)).toBeLessThan(10 * 60e3);
  again.close();
  await app.close();
});
