// One browser, several tabs, several accounts.

import { expect, test } from 'vitest';
import { useWorld } from './harness/world.ts';

const world = useWorld();

const sessionsOf = async (jid: string) => (await world.server.ctl(['sessions', jid])).split(jid).length - 1;

test('a second tab follows the first and takes over when that one closes', async () => {
  const [mia, noah] = await world.pair();
  await mia.go('People');
  await mia.chatWith(noah.name);
  await noah.go('People');
  await noah.chatWith(mia.name);

  const first = mia.page;
  const second = await mia.open(`#/chat/${noah.jid}`);
  await mia.online();
  expect(await sessionsOf(mia.jid)).toBe(1);
  await mia.say('from the second tab');
  await mia.mark('from the second tab', 'read');
  await first.locator('.msg', { hasText: 'from the second tab' }).locator('.mark-read').waitFor();
  await noah.say('to both');
  await mia.sees('to both');
  await first.locator('.msg', { hasText: 'to both' }).waitFor();

  await first.close();
  await mia.online();
  await mia.say('after the first has gone');
  await mia.mark('after the first has gone', 'read');
  await noah.say('still there');
  await mia.sees('still there');
  expect(await sessionsOf(mia.jid)).toBe(1);
  expect(await mia.texts()).toEqual(['from the second tab', 'to both', 'after the first has gone', 'still there']);

  // Signing out in one tab is signing out.
  const third = await mia.open();
  await mia.online();
  await mia.section('.*mia');
  await mia.button('Sign out').click();
  await third.getByLabel('Address').waitFor();
  await second.getByLabel('Address').waitFor();
});

test('two accounts in one browser, apart from each other', async () => {
  const [work, home, friend] = await world.accounts('work', 'home', 'friend');
  await world.befriend(home, friend);
  const me = await world.enter(work);
  const noah = await world.enter(friend);
  await me.button(/Change your status/).click();
  await me.page.getByRole('menuitem', { name: 'Add an account' }).click();
  await me.signIn(home.name, home.password);
  await me.go('People');
  await me.row(friend.name).waitFor();

  await me.button(/Change your status/).click();
  await me.page.getByRole('menuitem', { name: work.jid }).click();
  await me.page.getByRole('heading', { name: `Welcome, ${work.name}` }).waitFor();
  await me.go('People');
  await expect.poll(() => me.row(friend.name).count()).toBe(0);

  // What comes for the other one is told here.
  await noah.go('People');
  await noah.chatWith(home.name);
  await noah.say('for you at home');
  await me.titled(/^\(1\)/);
  await noah.mark('for you at home', 'delivered');
  await me.page.reload();
  await me.online();
  await me.button(/Change your status/).click();
  await me.page.getByRole('menuitem', { name: home.jid }).click();
  await me.chatWith(friend.name);
  await me.sees('for you at home');
  await noah.mark('for you at home', 'read');

  // One goes, the other stays.
  await me.section('.*home');
  await me.button('Sign out').click();
  await me.page.getByRole('heading', { name: `Welcome, ${work.name}` }).waitFor();
  await expect
    .poll(() => me.page.evaluate(async () => (await indexedDB.databases()).map((it) => it.name).join()))
    .not.toContain('home');
});
