// Messages that are selected, written down and sent on: into several chats, on two devices, with their files.

import { expect, test } from 'vitest';
import { useWorld } from './harness/world.ts';

const world = useWorld();

test('words and a picture are forwarded into two chats; who gets them can open them, and so can my phone', async () => {
  const [a, b, c] = await world.accounts('mia', 'noah', 'lena');
  await world.befriend(a, b);
  await world.befriend(a, c);
  const mia = await world.enter(a);
  const phone = await world.enter(a, { size: 'phone' });
  const noah = await world.enter(b);
  const lena = await world.enter(c);
  await mia.go('People');
  await mia.chatWith(b.name);
  await noah.go('People');
  await noah.chatWith(a.name);
  await noah.say('Boats 3 and 4');
  await mia.sees('Boats 3 and 4');
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
    'base64',
  );
  await noah.sendFiles('File', [{ name: 'boats.png', mimeType: 'image/png', buffer: png }]);
  await mia.page.locator('.msg .filecard, .msg .pic').first().waitFor();
  // A file sent by itself, and an answer to it: words right behind a picture would be taken for its caption.
  await mia.say('not this one');
  await noah.sees('not this one');

  await mia.message('Boats 3').focus();
  await mia.page.keyboard.press('Space');
  await mia.page.getByText('1 selected').waitFor();
  await mia.page.keyboard.press('Shift+ArrowDown');
  await mia.page.getByText('2 selected').waitFor();
  await mia.button('Forward').click();
  await mia.page.getByRole('combobox').fill(c.name);
  await mia.page.getByRole('option', { name: new RegExp(c.name) }).click();
  await mia.page.getByRole('combobox').fill('notes');
  await mia.page.getByRole('option', { name: /Notes/ }).click();
  await mia.page.getByRole('dialog').getByRole('button', { name: 'Send' }).click();
  await mia.toast('Forwarded to 2 chats');
  await expect.poll(() => mia.page.locator('.select-bar').count()).toBe(0);

  await lena.chatWith(a.name);
  await lena.sees('Boats 3 and 4');
  await lena.page.locator('.msg .filecard, .msg .pic').first().waitFor();
  expect(await lena.page.locator('.msg').count()).toBe(2);
  expect(await lena.message('not this one').count()).toBe(0);
  // The file is there for her, who has nothing to do with the one who uploaded it.
  const got = lena.page.waitForEvent('download');
  await lena.page.locator('.msg .filecard, .msg .pic').first().click({ button: 'right' });
  await lena.page.getByRole('menuitem', { name: /^Save/ }).click();
  expect((await got).suggestedFilename()).toBe('boats.png');

  await phone.row(c.name).waitFor();
  await phone.chatWith(c.name);
  await phone.sees('Boats 3 and 4');
});

test('several of mine are deleted for everyone, with one question', async () => {
  const [mia, noah] = await world.pair();
  await mia.go('People');
  await mia.chatWith(noah.name);
  await noah.go('People');
  await noah.chatWith(mia.name);
  for (const text of ['one', 'two', 'three']) await mia.say(text);
  await noah.sees('three');
  await mia.mark('three', 'read');
  await mia.message('one').focus();
  await mia.page.keyboard.press('Space');
  await mia.page.getByText('1 selected').waitFor();
  await mia.message('two').click({ modifiers: ['Shift'] });
  await mia.page.getByText('2 selected').waitFor();
  await mia.page.keyboard.press('Delete');
  await mia.button('Delete for everyone').click();
  for (const who of [mia, noah]) {
    await expect.poll(() => who.page.getByText(/deleted a message/).count()).toBeGreaterThanOrEqual(2);
    await who.sees('three');
    await expect.poll(() => who.message('one').count()).toBe(0);
  }
  await expect.poll(() => mia.page.locator('.select-bar').count()).toBe(0);
});
