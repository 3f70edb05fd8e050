// Messages pinned in a chat: on all devices of the one who pinned them, also one that comes later, and on nobody else's.

import { expect, test } from 'vitest';
import type { Person } from './harness/person.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();

const pinned = (who: Person, text: string) => who.page.locator('.pin-bar', { hasText: text });

test('a pinned message is in sight on my devices, leads back to itself, and goes when it is taken back', async () => {
  const { pc, phone, noah, a, b } = await world.three();
  await noah.say('The key is under the third stone');
  await pc.sees('third stone');
  await pc.say('my own to remember');
  for (let i = 0; i < 25; i++) await noah.say(`and ${i}`);
  await pc.sees('and 24');
  await phone.sees('and 24');

  await pc.message('third stone').scrollIntoViewIfNeeded();
  await pc.choose('third stone', 'Pin');
  await pinned(pc, 'third stone').waitFor();
  await pinned(phone, 'third stone').waitFor();
  await phone.page.locator('.pin-go').click();
  await expect
    .poll(() => phone.page.evaluate(() => document.activeElement?.textContent ?? ''))
    .toContain('third stone');

  // In a tunnel: shown at once, told when there is a connection again.
  pc.link.breakDown();
  await pc.choose('my own', 'Pin');
  await pinned(pc, 'Pinned message 2 of 2').waitFor();
  pc.link.mend();
  await pinned(phone, 'of 2').waitFor();

  // Changed, it says what it says now.
  await noah.choose('third stone', 'Edit');
  await noah.composer.fill('The key is under the blue pot');
  await noah.composer.press('Enter');
  await pc.sees('blue pot');
  const late = await world.enter(a);
  await late.row(b.name).click();
  await late.page.locator('.pin-bar', { hasText: 'of 2' }).waitFor();
  await late.page.locator('.pin-go').click();
  await pinned(late, 'blue pot').waitFor();
  expect(await noah.page.locator('.pin-bar').count()).toBe(0);

  await noah.choose('blue pot', 'Delete');
  await noah.button('Delete for everyone').click();
  for (const who of [pc, phone, late]) {
    await pinned(who, 'my own').waitFor();
    await expect.poll(() => pinned(who, 'of 2').count()).toBe(0);
  }
  await pc.button('Pinned message: more').click();
  await pc.page.getByRole('menuitem', { name: 'Unpin' }).click();
  for (const who of [pc, phone, late]) await expect.poll(() => who.page.locator('.pin-bar').count()).toBe(0);
});
