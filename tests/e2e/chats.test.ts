// What one wants of a chat is the same on all devices: pinned, muted, archived.

import { expect, test } from 'vitest';
import type { Person } from './harness/person.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();

/** Chooses from the menu of a chat in the list. */
async function choose(who: Person, name: string, item: RegExp | string): Promise<void> {
  await who.row(name).click({ button: 'right' });
  await who.page.getByRole('menuitem', { name: item, exact: typeof item === 'string' }).click();
}

/** The names in the list, from the top. */
const names = (who: Person) => who.page.locator('.rows-in .row .row-name').allTextContents();

/** Mia on two devices, looking at her list, and two who have written to her, Ivy last. */
async function four() {
  const [a, b, c] = await world.accounts('mia', 'noah', 'ivy');
  await world.befriend(a, b);
  await world.befriend(a, c);
  const desk = await world.enter(a);
  const tablet = await world.enter(a, { size: 'tablet' });
  const noah = await world.enter(b);
  const ivy = await world.enter(c);
  for (const who of [noah, ivy]) {
    await who.go('People');
    await who.chatWith(a.name);
    await who.say(`from ${who.name}`);
    await desk.page.locator('.row-text', { hasText: `from ${who.name}` }).waitFor();
  }
  for (const who of [desk, tablet]) await expect.poll(() => names(who)).toEqual([c.name, b.name]);
  return { desk, tablet, noah, ivy, a, b, c };
}

test('pinned and archived here is so there, across a tunnel, a reload and a new device', async () => {
  const { desk, tablet, noah, ivy, a, b, c } = await four();
  await choose(desk, b.name, 'Pin to the top');
  for (const who of [desk, tablet]) await expect.poll(() => names(who)).toEqual([b.name, c.name]);

  // In a tunnel: shown at once, told when it is over.
  desk.link.breakDown();
  await choose(desk, c.name, 'Archive chat');
  await expect.poll(() => names(desk)).toEqual(['Archived', b.name]);
  await desk.page.reload();
  await expect.poll(() => names(desk)).toEqual(['Archived', b.name]);
  await expect.poll(() => names(tablet)).toEqual([b.name, c.name]);
  desk.link.mend();
  await expect.poll(() => names(tablet)).toEqual(['Archived', b.name]);
  const late = await world.enter(a);
  await expect.poll(() => names(late)).toEqual(['Archived', b.name]);

  // It is there, and comes back with something new.
  await tablet.page.locator('.row', { hasText: 'Archived' }).click();
  await expect.poll(() => names(tablet)).toEqual([c.name]);
  await ivy.say('here again');
  for (const who of [desk, tablet, late]) await expect.poll(() => names(who)).toEqual([b.name, c.name]);
  await choose(late, b.name, 'Unpin');
  for (const who of [desk, tablet, late]) await expect.poll(() => names(who)).toEqual([c.name, b.name]);
  await noah.say('one more');
  for (const who of [desk, tablet, late]) await expect.poll(() => names(who)).toEqual([b.name, c.name]);
});

test('a muted chat is not counted, and stays where it was put', async () => {
  const { desk, tablet, ivy, c } = await four();
  for (const who of [desk, tablet]) await who.titled(/^\(2\)/);
  await choose(desk, c.name, 'Mute');
  await desk.page.getByRole('menuitem', { name: 'Until I unmute it' }).click();
  for (const who of [desk, tablet]) {
    await who.row(c.name).getByText('muted').waitFor({ state: 'attached' });
    await who.titled(/^\(1\)/);
  }
  await choose(tablet, c.name, 'Archive chat');
  await expect.poll(() => desk.row(c.name).locator('.row-name', { hasText: /^ivy/ }).count()).toBe(0);
  await ivy.say('are you there?');
  await desk.page.locator('.row-folder .badge', { hasText: '1' }).waitFor();
  await desk.page.locator('.row', { hasText: 'Archived' }).click();
  await desk.page.locator('.row-text', { hasText: 'are you there?' }).waitFor();
  await desk.titled(/^\(1\)/);
  // Unmuted it has something new, so it comes back.
  await choose(desk, c.name, 'Unmute');
  for (const who of [desk, tablet]) {
    await expect.poll(() => names(who).then((all) => all[0])).toBe(c.name);
    await who.titled(/^\(3\)/);
  }
});
