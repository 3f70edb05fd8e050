// What a sender says of a link is shown, and no other host is asked for it.

import { expect, test } from 'vitest';
import { x } from '../proto/harness/xml.ts';
import { rawClient } from './harness/seed.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();

test('another program’s preview is shown without a fetch, on both devices, and can be switched off', async () => {
  const [a, b] = await world.accounts('mia', 'noah');
  await world.befriend(a, b);
  const mia = await world.enter(a);
  const asked: string[] = [];
  mia.page.on('request', (request) => asked.push(request.url()));
  await mia.go('People');
  await mia.chatWith(b.name);
  const noah = await rawClient(world, b);
  const rdf = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#';
  noah.send(
    x`<message to='${a.jid}' type='chat' id='l1'><body>Read https://news.example/lake today</body><rdf:Description xmlns:rdf='${rdf}' xmlns:og='https://ogp.me/ns#' rdf:about='https://news.example/lake'><og:title>The lake is warm</og:title><og:description>Nineteen degrees since Sunday.</og:description><og:image>https://spy.example/seen.png</og:image></rdf:Description></message>`,
  );
  await noah.allAcked();
  const card = mia.page.locator('.link-card');
  await card.getByText('The lake is warm').waitFor();
  await card.getByText('news.example', { exact: true }).waitFor();
  expect(await card.getAttribute('href')).toBe('https://news.example/lake');

  // From the archive, on a device that comes later, it is the same.
  const phone = await world.enter(a, { size: 'phone' });
  await phone.chatWith(b.name);
  await phone.page.locator('.link-card', { hasText: 'Nineteen degrees' }).waitFor();

  // Something said of an address that nobody sees is not shown; the words are.
  noah.send(
    x`<message to='${a.jid}' type='chat' id='l2'><body>And this</body><rdf:Description xmlns:rdf='${rdf}' xmlns:og='https://ogp.me/ns#' rdf:about='https://bank.example/'><og:title>Your bank</og:title></rdf:Description></message>`,
  );
  await mia.sees('And this');
  expect(await mia.page.getByText('Your bank').count()).toBe(0);

  await mia.section('Chats');
  await mia.page.getByRole('switch', { name: 'Link previews' }).click();
  await mia.go('People');
  await mia.chatWith(b.name);
  await mia.sees('Read https://news.example/lake today');
  expect(await card.count()).toBe(0);
  expect(asked.filter((url) => /spy|news\.example/.test(url))).toEqual([]);
  await noah.close();
});

test('what a browser tells with a link that is pasted goes along, on all devices, unless one takes it out', async () => {
  const { phone, pc, noah } = await world.three();
  const paste = (person: typeof pc, kinds: Record<string, string>) =>
    person.composer.evaluate((field, data) => {
      const transfer = new DataTransfer();
      for (const [type, text] of Object.entries(data)) transfer.setData(type, text);
      field.focus();
      field.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true, cancelable: true }));
      document.execCommand('insertText', false, transfer.getData('text/plain'));
    }, kinds);
  const lake = 'https://news.example/lake';
  const fox = { 'text/plain': lake, 'text/x-moz-url': `${lake}\nThe lake is warm` };
  const safari = {
    'text/plain': lake,
    'text/html': `<meta charset=utf-8><a href="${lake}">Warm &amp; calm at <b>last</b></a>`,
  };
  const bar = pc.page.locator('.cbar', { hasText: 'news.example' });

  await paste(pc, fox);
  await bar.getByText('The lake is warm').waitFor();
  await pc.composer.press('Enter');
  for (const person of [pc, phone, noah])
    await person.message(lake).locator('.link-card', { hasText: 'The lake is warm' }).waitFor();
  await bar.waitFor({ state: 'detached' });

  // Changed: it stays with its link, and goes with it.
  await pc.composer.press('ArrowUp');
  await pc.composer.fill(`${lake} is worth it`);
  await pc.composer.press('Enter');
  await noah.message('is worth it').locator('.link-card', { hasText: 'The lake is warm' }).waitFor();
  await pc.composer.press('ArrowUp');
  await pc.composer.fill('never mind');
  await pc.composer.press('Enter');
  for (const person of [phone, noah])
    await person.message('never mind').locator('.link-card').waitFor({ state: 'detached' });

  // Taken out before it is sent; gone with the address; nothing where the browser tells no more than the address.
  await paste(pc, safari);
  await bar.getByText('Warm & calm at last').waitFor();
  await pc.button('Send without a preview').click();
  await bar.waitFor({ state: 'detached' });
  await pc.composer.press('Enter');
  await paste(pc, safari);
  await bar.waitFor();
  await pc.composer.fill('something else');
  await bar.waitFor({ state: 'detached' });
  await pc.composer.fill('');
  await paste(pc, { 'text/plain': lake, 'text/html': `<a href="${lake}">${lake}</a>` });
  await pc.composer.press('Enter');
  await pc.section('Chats');
  await pc.page.getByRole('switch', { name: 'Link previews' }).click();
  await pc.go('People');
  await pc.chatWith(noah.name);
  await paste(pc, fox);
  await pc.say('the end');
  await noah.sees('the end');
  expect(await noah.page.locator('.link-card').count()).toBe(0);
});

test('what another app of the device hands over goes where one says, also to one who has to sign in first', async () => {
  const [mia, noah] = await world.pair();
  await noah.go('People');
  await noah.chatWith(mia.name);
  const lake = 'https://news.example/lake';
  const params = new URLSearchParams({ 'share-title': 'The lake is warm', 'share-text': '', 'share-url': lake });
  const hand = (person: typeof mia) => person.page.goto(`${person.link.url}?${params}`);
  const send = async (person: typeof mia, to: string) => {
    const dialog = person.page.getByRole('dialog', { name: 'Send to' });
    await dialog.getByText('The lake is warm').waitFor();
    await dialog.getByRole('option', { name: new RegExp(to) }).click();
    await dialog.getByRole('button', { name: 'Send' }).click();
    await person.toast(`Sent to ${to}`);
  };
  await hand(mia);
  await send(mia, noah.name);
  await noah.message(lake).locator('.link-card', { hasText: 'The lake is warm' }).waitFor();
  expect(new URL(mia.page.url()).search).toBe('');
  await mia.page.reload();
  await mia.online();
  expect(await mia.page.getByRole('dialog').count()).toBe(0);

  const [z] = await world.accounts('zoe');
  const zoe = await world.sit();
  await hand(zoe);
  await zoe.signIn(z.name, z.password);
  await send(zoe, 'Notes');
});
