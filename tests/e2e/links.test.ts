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
