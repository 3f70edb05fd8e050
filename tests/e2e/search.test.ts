// Messages found by their words: on this device and on the server as one, and shown where they stand.
import { expect, test } from 'vitest';
import type { Person } from './harness/person.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();
const field = (who: Person) => who.page.locator('.search-field');
const hits = (who: Person) => who.page.locator('.hit');

test('what only the server has is found, and opened where it stands', async () => {
  const [a, b, c] = await world.accounts('mia', 'noah', 'olga');
  await world.befriend(a, b);
  await world.befriend(a, c);
  const desk = await world.enter(a);
  await desk.go('People');
  await desk.chatWith(b.name);
  await desk.say('The crème brûlée is at the lake');
  for (let i = 0; i < 120; i++) await desk.say(`number ${i}`);
  await desk.sees('number 119');
  await desk.go('People');
  await desk.chatWith(c.name);
  await desk.say('Another brulee');
  await desk.sees('Another brulee');

  // A new device: the old message is in no cache here.
  const other = await world.enter(a, { size: 'tablet' });
  await other.go('Chats');
  await field(other).fill('BRULEE');
  await expect.poll(() => hits(other).count()).toBe(2);
  await expect.poll(() => hits(other).locator('mark').allTextContents()).toEqual(['brulee', 'brûlée']);
  await hits(other).last().click();
  await other.page.locator('.msg:focus', { hasText: 'The crème brûlée' }).waitFor();
  await expect.poll(() => other.message('number 0').count()).toBe(1);

  // In one chat only, by keys.
  await other.composer.focus();
  await other.page.keyboard.press('Control+f');
  await other.button(new RegExp(`^In ${b.name}`)).waitFor();
  await expect.poll(() => hits(other).count()).toBe(1);
  await field(other).fill('numb 7');
  await other.page.locator('.hit', { hasText: 'number 7' }).last().waitFor();
  await field(other).press('ArrowDown');
  await other.page.locator('.hit:focus').waitFor();
  await other.page.keyboard.press('Enter');
  await other.page.locator('.msg:focus', { hasText: 'number 7' }).waitFor();

  // Without a connection it says what was searched.
  other.link.breakDown();
  await field(other).fill('crème');
  await other.page.getByText('Only what is on this device was searched.').waitFor();
  await expect.poll(() => hits(other).count()).toBe(1);
  await field(other).press('Escape');
  await expect.poll(() => field(other).inputValue()).toBe('');
  await field(other).press('Escape');
  await expect.poll(() => other.button(new RegExp(`^In ${b.name}`)).count()).toBe(0);
});
