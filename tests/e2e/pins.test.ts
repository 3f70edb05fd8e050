// Messages pinned in a chat: on all devices of the one who pinned them, also one that comes later, and on nobody else's.

import { expect, test } from 'vitest';
import type { Person } from './harness/person.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();

const pinned = (who: Person, text: string) => who.page.locator('.pin-bar', { hasText: text });

async function choose(who: Person, text: string, item: string): Promise<void> {
  await who.message(text).last().locator('.text').click({ button: 'right' });
  await who.page.getByRole('menuitem', { name: item, exact: true }).click();
}

test('a pinned message is in sight on my devices, leads back to itself, and goes when it is taken back', async () => {
  const [a, b] = await world.accounts('mia', 'noah');
  await world.befriend(a, b);
  const desk = await world.enter(a);
  const phone = await world.enter(a, { size: 'phone' });
  const noah = await world.enter(b);
  for (const [who, name] of [
    [desk, b.name],
    [phone, b.name],
    [noah, a.name],
  ] as const) {
    await who.go('People');
    await who.chatWith(name);
  }
  await noah.say('The key is under the third stone');
  await desk.sees('third stone');
  await desk.say('my own to remember');
  for (let i = 0; i < 25; i++) await noah.say(`and ${i}`);
  await desk.sees('and 24');
  await phone.sees('and 24');

  await desk.message('third stone').scrollIntoViewIfNeeded();
  await choose(desk, 'third stone', 'Pin');
  await pinned(desk, 'third stone').waitFor();
  await pinned(phone, 'third stone').waitFor();
  await phone.page.locator('.pin-go').click();
  await expect
    .poll(() => phone.page.evaluate(() => document.activeElement?.textContent ?? ''))
    .toContain('third stone');

  // In a tunnel: shown at once, told when there is a connection again.
  desk.link.breakDown();
  await choose(desk, 'my own', 'Pin');
  await pinned(desk, 'Pinned message 2 of 2').waitFor();
  desk.link.mend();
  await pinned(phone, 'of 2').waitFor();

  // Changed, it says what it says now.
  await choose(noah, 'third stone', 'Edit');
  await noah.composer.fill('The key is under the blue pot');
  await noah.composer.press('Enter');
  await desk.sees('blue pot');
  const late = await world.enter(a);
  await late.row(b.name).click();
  await late.page.locator('.pin-bar', { hasText: 'of 2' }).waitFor();
  await late.page.locator('.pin-go').click();
  await pinned(late, 'blue pot').waitFor();
  expect(await noah.page.locator('.pin-bar').count()).toBe(0);

  await choose(noah, 'blue pot', 'Delete');
  await noah.button('Delete for everyone').click();
  for (const who of [desk, phone, late]) {
    await pinned(who, 'my own').waitFor();
    await expect.poll(() => pinned(who, 'of 2').count()).toBe(0);
  }
  await desk.button('Pinned message: more').click();
  await desk.page.getByRole('menuitem', { name: 'Unpin' }).click();
  for (const who of [desk, phone, late]) await expect.poll(() => who.page.locator('.pin-bar').count()).toBe(0);
});
