// Message styling: both sides see the same, and nothing of it is markup.
import { expect, test } from 'vitest';
import { useWorld } from './harness/world.ts';

const world = useWorld();

test('what is written with signs is styled on both sides', async () => {
  const [a, b] = await world.accounts('mia', 'noah');
  await world.befriend(a, b);
  const [mia, noah] = [await world.enter(a), await world.enter(b)];
  await mia.go('People');
  await mia.chatWith(b.name);
  await noah.go('People');
  await noah.chatWith(a.name);
  const words = 'This is *very* _nice_ ~not~ `a *b*` <b>no</b> *https://a.example/_x_/y*';
  await mia.say(words);
  await noah.say('> she said\nand I say\n```\nlet *x*;\n```');
  await mia.sees('and I say');
  for (const who of [mia, noah]) {
    await who.sees(words);
    const text = who.page.locator('.msg .text').first();
    await expect.poll(() => text.locator('strong').first().textContent()).toBe('*very*');
    await expect.poll(() => text.locator('em').textContent()).toBe('_nice_');
    await expect.poll(() => text.locator('s').textContent()).toBe('~not~');
    await expect.poll(() => text.locator('code').textContent()).toBe('`a *b*`');
    await expect.poll(() => text.locator('strong a').getAttribute('href')).toBe('https://a.example/_x_/y');
    await expect.poll(() => text.locator('b').count()).toBe(0);
    const answer = who.page.locator('.msg .text').last();
    await expect.poll(() => answer.locator('blockquote').textContent()).toBe('she said');
    await expect.poll(() => answer.locator('pre').textContent()).toBe('let *x*;');
  }
});
