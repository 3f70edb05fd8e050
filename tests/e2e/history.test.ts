// Months of messages: what is above comes while one scrolls, and nothing that one reads moves.

import { expect, test } from 'vitest';
import type { Person } from './harness/person.ts';
import { seed } from './harness/seed.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();
const COUNT = 230;

/** Scrolls up and watches for some frames the message that one would be reading. Resolves to how far it strayed. */
const scrollUp = (person: Person, by: number) =>
  person.page.evaluate(async (pixels) => {
    const log = document.querySelector<HTMLElement>('.log')!;
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    log.scrollTop -= pixels;
    await frame();
    await frame();
    const top = log.getBoundingClientRect().top;
    const read = () => [...log.querySelectorAll<HTMLElement>('.lrow')];
    const row = read().find((it) => it.getBoundingClientRect().top >= top + 100);
    const { key } = row!.dataset;
    const at = row!.getBoundingClientRect().top;
    let strayed = 0;
    for (let i = 0; i < 20; i++) {
      await frame();
      const now = read()
        .find((it) => it.dataset.key === key)
        ?.getBoundingClientRect().top;
      strayed = Math.max(strayed, now === undefined ? 9999 : Math.abs(now - at));
    }
    return strayed;
  }, by);

test('older messages come while scrolling, in order, and nothing jumps', async () => {
  const [a, b] = await world.accounts('mia', 'noah');
  await world.befriend(a, b);
  const lines = Array.from({ length: COUNT }, (_, i) => ({
    from: i % 5 < 3 ? a : b,
    to: i % 5 < 3 ? b : a,
    body: i % 11 === 0 ? `message ${i}: ${'a longer thought, over several lines. '.repeat(5)}` : `message ${i}`,
  }));
  await seed(world, lines);

  const mia = await world.enter(a);
  await mia.chatWith(b.name);
  await mia.sees(`message ${COUNT - 1}`);
  // Only the newest are there at first.
  await expect.poll(() => mia.page.locator('.lrow').count()).toBeLessThan(120);

  const seen = new Map<string, number>();
  const note = async () => {
    for (const text of await mia.texts()) {
      const number = Number(/^message (\d+)/.exec(text)?.[1]);
      seen.set(text, number);
    }
  };
  await note();
  const begin = mia.page.getByText('This is the beginning of your conversation');
  for (;;) {
    expect(await scrollUp(mia, 500)).toBeLessThan(1.5);
    await note();
    const drawn = (await mia.texts()).map((text) => Number(/^message (\d+)/.exec(text)?.[1]));
    expect(drawn).toEqual([...drawn].sort((p, q) => p - q));
    expect(new Set(drawn).size).toBe(drawn.length);
    if ((await begin.count()) > 0 && (await mia.log.evaluate((log) => log.scrollTop)) < 1) break;
  }
  await begin.waitFor();
  expect(seen.size).toBe(COUNT);

  // A message that comes now does not pull the reader down.
  const noah = await world.enter(b);
  await noah.chatWith(a.name);
  await noah.say('just now');
  await mia.page.getByRole('button', { name: /newest message, 1 new/ }).waitFor();
  expect(await mia.log.evaluate((log) => log.scrollTop)).toBeLessThan(2);
  await mia.page.getByRole('button', { name: /newest message/ }).click();
  await mia.sees('just now');

  // The next start shows it from the cache, without the server.
  mia.link.breakDown();
  await mia.page.reload();
  await mia.sees('just now');
  await mia.page.locator('.app.away').waitFor();
});
