// A thin line and one that goes away in the middle: of sending, of catching up, of paging back. The app opens from its
// cache, takes what one writes, says how it stands, and in the end everything is there once, in order.

import type { CDPSession } from 'playwright-core';
import { expect, test } from 'vitest';
import type { Person } from './harness/person.ts';
import { seed } from './harness/seed.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();

/** The line of one page, as the browser's own tools make it. */
class Line {
  private constructor(private readonly cdp: CDPSession) {}

  static async of(person: Person): Promise<Line> {
    const cdp = await person.context.newCDPSession(person.page);
    await cdp.send('Network.enable');
    return new Line(cdp);
  }

  private async set(offline: boolean, latency: number, bytes: number): Promise<void> {
    const speed = { downloadThroughput: bytes, uploadThroughput: bytes };
    await this.cdp.send('Network.emulateNetworkConditions', { offline, latency, ...speed });
  }

  /** What is left of a mobile network at the edge of a village. */
  slow = () => this.set(false, 300, 30_000);
  gone = () => this.set(true, 0, -1);
  good = () => this.set(false, 0, -1);
}

const offlineLine = (person: Person) => person.page.getByText('Offline. Messages go out when you are back.');

/** The browser is told at once, its sockets may live on: the link ends them, as a network that goes does. */
async function lose(person: Person, line: Line): Promise<void> {
  await line.gone();
  person.link.breakDown();
}

async function find(person: Person, line: Line): Promise<void> {
  person.link.mend();
  await line.good();
}

const number = (text: string) => Number(/\d+/.exec(text)?.[0]);

test('the line goes in the middle of sending: all of it arrives once, in order', async () => {
  const [mia, noah] = await world.pair();
  for (const [who, whom] of [
    [mia, noah],
    [noah, mia],
  ] as const) {
    await who.go('People');
    await who.chatWith(whom.name);
  }
  const line = await Line.of(mia);
  await line.slow();
  const texts = Array.from({ length: 12 }, (_, i) => `${i}.`);
  for (const text of texts.slice(0, 6)) await mia.say(text);
  await mia.message('0.').locator('.mark-sent, .mark-delivered, .mark-read').waitFor();
  await lose(mia, line);
  await offlineLine(mia).waitFor();
  for (const text of texts.slice(6)) await mia.say(text);
  await mia.mark('11.', 'sending');
  await noah.say('are you there?');
  await find(mia, line);
  await offlineLine(mia).waitFor({ state: 'detached' });
  await mia.sees('are you there?');
  await noah.sees('11.');
  await mia.mark('11.', 'read');
  for (const person of [mia, noah]) {
    expect((await person.texts()).filter((text) => /^\d/.test(text))).toEqual(texts);
    expect((await person.texts()).length).toBe(13);
  }
});

test('the line goes while one catches up and while one pages back: nothing is missing, nothing twice', async () => {
  const COUNT = 700;
  const [a, b] = await world.accounts('mia', 'noah');
  await world.befriend(a, b);
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => ({ from: b, to: a, body: `message ${from + i}.` }));
  await seed(world, lines(0, 200));
  const mia = await world.enter(a);
  await mia.chatWith(b.name);
  await mia.button(/newest message/).click();
  await mia.sees('message 199.');
  await mia.page.goto('about:blank');
  await seed(world, lines(200, COUNT));

  // It opens from its cache at once, over a slow line, and is cut as soon as something has come.
  const line = await Line.of(mia);
  await line.slow();
  const came = new Promise<void>((resolve) => {
    mia.page.on('websocket', (socket) => {
      socket.on('framereceived', ({ payload }) => /<result [^>]*urn:xmpp:mam:2/.test(payload.toString()) && resolve());
    });
  });
  await mia.page.goto(`${mia.link.url}#/chat/${b.jid}`);
  await mia.page.locator('.list .row', { hasText: b.name }).waitFor();
  await came;
  await lose(mia, line);
  await offlineLine(mia).waitFor();
  // Without a line one reads, looks for somebody and writes.
  await mia.page.getByRole('searchbox').fill(b.name);
  await mia.row(b.name).waitFor();
  await mia.page.getByRole('searchbox').fill('');
  await expect.poll(async () => (await mia.texts()).length).toBeGreaterThan(0);
  await mia.say('I was in a tunnel.');
  await mia.mark('I was in a tunnel.', 'sending');
  await find(mia, line);
  await mia.message('I was in a tunnel.').locator('.mark-sent, .mark-delivered, .mark-read').waitFor();

  // To the very beginning; on the way the line goes while a page is asked for.
  await expect
    .poll(async () => {
      await mia.log.evaluate((log) => log.scrollTo(0, 1e9));
      return mia.texts();
    })
    .toContain(`message ${COUNT - 1}.`);
  const seen = new Set<number>();
  let cuts = 0;
  for (;;) {
    const drawn = (await mia.texts()).filter((text) => text.startsWith('message')).map(number);
    expect(drawn).toEqual([...new Set(drawn)].sort((p, q) => p - q));
    for (const n of drawn) seen.add(n);
    if ((await mia.page.getByText('This is the beginning of your conversation').count()) > 0 && seen.has(0)) break;
    await mia.log.evaluate((log) => {
      log.scrollTop -= 500;
    });
    if (cuts < 2 && (await mia.page.getByText('Loading older messages…').count()) > 0) {
      cuts++;
      await lose(mia, line);
      await offlineLine(mia).waitFor();
      await find(mia, line);
      await mia.online();
    }
  }
  expect([...seen].sort((p, q) => p - q)).toEqual(Array.from({ length: COUNT }, (_, i) => i));
  await mia.page.reload();
  await mia.sees('I was in a tunnel.');
  expect((await mia.texts()).filter((text) => text === 'I was in a tunnel.').length).toBe(1);
});

test('it opens from its cache while the line is slow or the server does not answer', async () => {
  const [a, b] = await world.accounts('mia', 'noah');
  await world.befriend(a, b);
  await seed(world, [{ from: b, to: a, body: 'from yesterday' }]);
  const mia = await world.enter(a);
  await mia.chatWith(b.name);
  await mia.sees('from yesterday');
  const line = await Line.of(mia);
  await line.slow();
  mia.link.breakDown();
  await mia.page.reload();
  await mia.sees('from yesterday');
  await mia.say('written before it answered');
  await mia.mark('written before it answered', 'sending');
  await mia.page.locator('.banner', { hasText: /Reconnecting/ }).waitFor();
  await mia.page.reload();
  await mia.mark('written before it answered', 'sending');
  mia.link.mend();
  await mia.message('written before it answered').locator('.mark-sent').waitFor();
  expect(await mia.texts()).toEqual(['from yesterday', 'written before it answered']);
});
