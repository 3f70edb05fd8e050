// docs/screenshot.png: the real app at the real server, two people on a Sunday morning. Not a test of anything; it is
// made by hand (npm run picture) when the look has changed.

import { mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Account } from '../proto/harness/login.ts';
import { type Line, seed } from './harness/seed.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();
const FILE = join(dirname(fileURLToPath(import.meta.url)), '../../docs/screenshot.png');

test('the picture', async () => {
  const names = ['mia', 'noah', 'lena', 'kofi', 'sofia', 'paul', 'ines'];
  const people = await world.server.addAccounts(names);
  const [mia, noah, lena, kofi, sofia, paul, ines] = people as [
    Account,
    Account,
    Account,
    Account,
    Account,
    Account,
    Account,
  ];
  for (const friend of [noah, lena, kofi, sofia, paul, ines]) await world.befriend(mia, friend);
  const line = (from: Account, to: Account, body: string): Line => ({ from, to, body });
  await seed(world, [
    line(mia, mia, 'Bread, lemons, the blue paint for the boat'),
    line(paul, mia, 'The choir meets at seven from next week on.'),
    line(mia, ines, 'Happy birthday! 🎉'),
    line(ines, mia, 'Thank you, dear. Come by for cake'),
    line(mia, sofia, 'The keys are under the third stone'),
    line(kofi, mia, 'I will bring the small tent'),
    line(lena, mia, 'Who has the map?'),
    line(noah, mia, 'Are you awake?'),
    line(mia, noah, 'Since five. The lake was like glass, you should have seen it'),
    line(mia, noah, 'Not a soul out there'),
    line(noah, mia, 'You should have woken me'),
    line(mia, noah, 'I knocked. Twice 😄'),
    line(noah, mia, 'Then I owe you breakfast. What shall I get?'),
    line(
      mia,
      noah,
      'Just yourself. And maybe that bread from the mill, if they still have some: https://mill.example/bakery',
    ),
    line(
      noah,
      mia,
      'They do. Lena and Kofi want to come along too, is that all right? They would bring a tent and stay until tomorrow.',
    ),
    line(mia, noah, 'The more the better. There is room for four on the jetty'),
  ]);

  const rename = async (who: (typeof it)[number], address: string, name: string) => {
    await who.page.goto(`${who.link.url}#/chat/${address}`);
    await who.button('Rename').click();
    await who.page.getByLabel('Name', { exact: true }).fill(name);
    await who.button('Save').click();
    await who.page.locator('.chat-name', { hasText: name }).waitFor();
  };
  const it = [await world.enter(mia), await world.enter(noah)] as const;
  const [me, other] = it;
  for (const [account, name] of [
    [sofia, 'Sofia Almeida'],
    [paul, 'Paul from the choir'],
    [ines, 'Aunt Ines'],
    [kofi, 'Kofi Mensah'],
    [lena, 'Lena'],
    [noah, 'Noah Lindqvist'],
  ] as const)
    await rename(me, account.jid, name);
  for (const [friend, status] of [
    [noah, 'On the water until noon'],
    [sofia, 'At the studio'],
  ] as const) {
    const person = friend === noah ? other : await world.enter(friend);
    await person.section(`.*${friend.name}@`);
    await person.page.getByLabel('Status text').fill(status);
    await person.page.keyboard.press('Enter');
  }
  await other.page.goto(`${other.link.url}#/chat/${mia.jid}`);
  await other.sees('The more the better');
  await other.message('The more the better').locator('.text').click({ button: 'right' });
  await other.button('React with ❤️').click();
  await me.message('The more the better').locator('.reaction').waitFor();
  await other.say('Then we are four. Back at eleven, with bread');
  await me.sees('Then we are four');
  await me.say('I will put the kettle on');
  await me.mark('I will put the kettle on', 'read');
  // Two more come in while one talks.
  await seed(world, [
    line(lena, mia, 'Found it. It was in the boat all along'),
    line(kofi, mia, 'And the stove, of course'),
  ]);
  await me.row('Kofi').locator('.badge').waitFor();
  await me.page.locator('.chat-sub', { hasText: 'On the water' }).waitFor();
  await other.composer.pressSequentially('Make it');
  await me.page.getByText('is typing…').first().waitFor();
  await me.page.mouse.move(720, 20);
  mkdirSync(dirname(FILE), { recursive: true });
  await me.page.screenshot({ path: FILE });
  expect(statSync(FILE).size).toBeLessThan(300_000);
});
