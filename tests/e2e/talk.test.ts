// Two people, from the request to the read mark.

import { expect, test } from 'vitest';
import { seed } from './harness/seed.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();

test('add, accept, and talk both ways', async () => {
  const [a, b] = await world.accounts('mia', 'noah');
  const mia = await world.enter(a);
  const noah = await world.enter(b);

  await mia.go('People');
  await mia.button('Add a contact').last().click();
  await mia.page.getByLabel('Address').fill(b.name);
  await mia.page.getByLabel('Name', { exact: true }).fill('Noah');
  await mia.button('Send request').click();
  await mia.toast('Request sent to Noah');
  await mia.page.getByText('has not answered your request yet').first().waitFor();

  const card = noah.page.getByRole('region', { name: `Contact request from ${a.name}` });
  await card.getByRole('button', { name: 'Accept' }).click();
  await card.waitFor({ state: 'detached' });
  await mia.page.locator('.chat-sub', { hasText: 'online' }).waitFor();

  await mia.say('Are you there?');
  await noah.chatWith(a.name);
  await noah.sees('Are you there?');
  await noah.say('I am. https://example.org/map and 🙂');
  await mia.sees('I am.');
  await expect.poll(() => mia.page.locator('.msg.in .text a').getAttribute('href')).toBe('https://example.org/map');
  await noah.say('/me waves');
  await mia.page
    .locator('.text.me', { hasText: `${b.name} waves` })
    .or(mia.page.locator('.text.me', { hasText: 'Noah waves' }))
    .waitFor();
  // An answer comes by itself only to those who may see one; nobody else hears a thing.
  await mia.mark('Are you there?', 'read');
});

test('a request that is refused goes away and is not asked again by itself', async () => {
  const [a, b] = await world.accounts('ivy', 'otto');
  const ivy = await world.enter(a);
  const otto = await world.enter(b);
  await ivy.go('People');
  await ivy.button('Add a contact').last().click();
  await ivy.page.getByLabel('Address').fill(b.jid);
  await ivy.button('Send request').click();
  const card = otto.page.getByRole('region', { name: /Contact request/ });
  await card.getByRole('button', { name: 'Not now' }).click();
  await otto.toast('declined');
  await otto.button('Dismiss').click();
  await ivy.page.getByText('has not answered your request yet').first().waitFor({ state: 'detached' });
  await otto.page.reload();
  await otto.online();
  await expect.poll(() => card.count()).toBe(0);
});

test('the mark tells how far a message has come', async () => {
  const [a, b] = await world.accounts('mia', 'noah');
  await world.befriend(a, b);
  const mia = await world.enter(a);
  await mia.go('People');
  await mia.chatWith(b.name);

  mia.link.hold();
  await mia.say('the whole way');
  await mia.mark('the whole way', 'sending');
  mia.link.release();
  await mia.mark('the whole way', 'sent');

  const noah = await world.enter(b);
  await mia.mark('the whole way', 'delivered');
  await noah.titled(/^\(1\)/);
  await noah.chatWith(a.name);
  await mia.mark('the whole way', 'read');
  await noah.titled(new RegExp(`^${a.name}`));

  // Who does not want it told, does not tell it.
  await noah.section('Privacy');
  await noah.page.getByRole('switch', { name: 'That you have read a message' }).click();
  await noah.go('Chats');
  await noah.chatWith(a.name);
  await mia.say('read in silence');
  await noah.sees('read in silence');
  await mia.mark('read in silence', 'delivered');
  await noah.say('an answer');
  await mia.sees('an answer');
  await mia.mark('read in silence', 'delivered');
});

test('typing, presence and status text', async () => {
  const [mia, noah] = await world.pair();
  await mia.go('People');
  await mia.chatWith(noah.name);
  await noah.go('People');
  await noah.chatWith(mia.name);

  await mia.composer.pressSequentially('I was just');
  await noah.page.locator('.chat-sub', { hasText: 'typing…' }).waitFor();
  await noah.page.getByText(`${mia.name} is typing…`).waitFor();
  await mia.composer.fill('');
  await noah.page.locator('.chat-sub', { hasText: 'typing…' }).waitFor({ state: 'detached' });

  await mia.button(/Change your status/).click();
  await mia.page.getByRole('menuitemradio', { name: 'Do not disturb' }).click();
  await noah.page.locator('.chat-sub', { hasText: 'do not disturb' }).waitFor();
  await mia.section('.*mia');
  await mia.page.getByLabel('Status text').fill('On the water until noon');
  await mia.page.getByRole('region', { name: 'Status' }).getByRole('button', { name: 'Save' }).click();
  await noah.page.locator('.chat-sub', { hasText: 'On the water until noon' }).waitFor();
  await noah.page.locator('.chat-bar .is-busy').waitFor();

  await mia.button('Sign out').click();
  await mia.page.getByLabel('Address').waitFor();
  await noah.page.locator('.chat-bar .is-busy').waitFor({ state: 'detached' });
});

test('unread counts in the row, the rail and the title, and the line before what is new', async () => {
  const [mia, noah] = await world.pair();
  await mia.go('People');
  await mia.chatWith(noah.name);
  for (const text of ['one', 'two', 'three']) await mia.say(text);
  await noah.titled(/^\(3\) Confab/);
  await expect.poll(() => noah.row(mia.name).locator('.badge').textContent()).toMatch(/3$/);
  await noah.chatWith(mia.name);
  await noah.page.locator('.new + .msg', { hasText: 'one' }).waitFor();
  await noah.titled(new RegExp(`^${mia.name}`));
  await expect.poll(() => noah.page.locator('.badge').count()).toBe(0);
  await mia.mark('three', 'read');
});

test('many unread messages: one begins where one stopped, and finds the way back there', async () => {
  const [a, b] = await world.accounts('mia', 'noah');
  await world.befriend(a, b);
  await seed(world, [{ from: a, to: b, body: 'read long ago' }]);
  const noah = await world.enter(b);
  await noah.chatWith(a.name);
  await noah.sees('read long ago');
  await noah.go('People');
  await noah.go('Chats');
  await noah.page.goto(`${noah.link.url}#/`);
  await seed(
    world,
    Array.from({ length: 90 }, (_, i) => ({ from: a, to: b, body: `unread ${i}.` })),
  );
  await noah.titled(/^\(90\)/);
  await noah.chatWith(a.name);
  const first = noah.page.locator('.new + .msg', { hasText: 'unread 0.' });
  const where = async () => (await first.boundingBox())?.y ?? Number.POSITIVE_INFINITY;
  await expect.poll(where).toBeLessThan(450);
  await noah.page.keyboard.press('Escape');
  await noah.sees('unread 89.');
  await noah.titled(new RegExp(`^${a.name}`));
  await noah.page.keyboard.press('Shift+PageUp');
  await expect
    .poll(async () => {
      const y = await where();
      return y > 60 && y < 450;
    })
    .toBe(true);
});

test('notes to oneself reach one’s other devices', async () => {
  const [a] = await world.accounts('mia');
  const desk = await world.enter(a);
  const phone = await world.enter(a, { size: 'phone' });
  await desk.page.keyboard.press('Control+k');
  await desk.page.locator('dialog input:focus').waitFor();
  await desk.page.keyboard.type('notes');
  await desk.page.keyboard.press('Enter');
  await desk.say('buy bread');
  await desk.mark('buy bread', 'sent');
  await phone.chatWith('Notes');
  await phone.sees('buy bread');
  await expect.poll(() => phone.page.title()).toBe('Notes · Confab');
});

test('two devices of one account show the same, at once', async () => {
  const [a, b] = await world.accounts('mia', 'noah');
  await world.befriend(a, b);
  const phone = await world.enter(a, { size: 'phone' });
  const pc = await world.enter(a);
  const noah = await world.enter(b);
  for (const device of [phone, pc]) {
    await device.go('People');
    await device.chatWith(b.name);
  }
  await noah.go('People');
  await noah.chatWith(a.name);

  await phone.say('from the phone');
  await pc.sees('from the phone');
  await pc.mark('from the phone', 'read');
  await noah.say('for both');
  await phone.sees('for both');
  await pc.sees('for both');
  await pc.say('from the desk');
  await phone.sees('from the desk');
  await phone.mark('from the desk', 'read');
  const all = ['from the phone', 'for both', 'from the desk'];
  for (const device of [phone, pc, noah]) expect(await device.texts()).toEqual(all);

  // And after a reload, from the archive.
  await pc.page.reload();
  await pc.online();
  await pc.sees('from the desk');
  expect(await pc.texts()).toEqual(all);
});
