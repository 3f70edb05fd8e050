// A phone, a PC and somebody to talk to: whatever happens on one device of an account shows on the other.

import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { png } from '../../web/test/png.ts';
import type { Person } from './harness/person.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();

/** What the log says, from top to bottom: days, texts, files and how many pictures of them are drawn, marks, why it failed. */
const logOf = ({ page }: Person) =>
  page.locator('.log .lrow').evaluateAll((rows) =>
    rows.map((row) => {
      const text = row.querySelector('.text');
      const words = [...(text?.childNodes ?? [])].filter(
        (it) => !(it instanceof Element && it.classList.contains('meta')),
      );
      return [
        row.querySelector('.day h3')?.textContent ?? '',
        row.querySelector('.msg')?.className.match(/\b(own|in)\b/)?.[0] ?? '',
        words.map((it) => it.textContent).join(''),
        row.querySelector('.fname')?.textContent ?? '',
        row.querySelectorAll('.pic-full.on').length,
        row
          .querySelector('.meta svg')
          ?.getAttribute('class')
          ?.match(/mark-\w+/)?.[0] ?? '',
        row.querySelector('.failline span')?.textContent ?? '',
      ].join('|');
    }),
  );

/** What the list says, from top to bottom. */
const listOf = ({ page }: Person) =>
  page.locator('.list .row').evaluateAll((rows) =>
    rows.map((row) =>
      ['.row-name', '.row-text', '.badge', '.row-time']
        .map((part) => row.querySelector(part)?.textContent ?? '')
        .concat(
          row
            .querySelector('[class*=mark-]')
            ?.getAttribute('class')
            ?.match(/mark-\w+/)?.[0] ?? '',
        )
        .join('|'),
    ),
  );

async function sameLog(one: Person, other: Person): Promise<void> {
  await expect.poll(async () => (await logOf(one)).join('\n') === (await logOf(other)).join('\n')).toBe(true);
}

async function sameList(phone: Person, pc: Person): Promise<void> {
  await expect
    .poll(async () => ({ phone: await listOf(phone), pc: await listOf(pc) }))
    .toSatisfy(({ phone: p, pc: q }) => p.length > 0 && p.join('\n') === q.join('\n'));
}

const back = ({ page, link }: Person) => page.goto(`${link.url}#/`);

/** What a browser does that shows another tab; Chromium without a screen shows all of them. */
const show = (page: Page, visible: boolean) =>
  page.evaluate((on) => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => (on ? 'visible' : 'hidden') });
    document.dispatchEvent(new Event('visibilitychange'));
  }, visible);

test('what is sent, delivered, read and answered on one device is so on the other', async () => {
  const { phone, pc, noah, a, b } = await world.three();
  await phone.say('from the phone');
  await pc.sees('from the phone');
  await pc.say('from the PC');
  for (const device of [phone, pc]) {
    await device.mark('from the phone', 'read');
    await device.mark('from the PC', 'read');
  }
  await sameLog(phone, pc);

  // In the order of the archive, also when both write at once.
  const texts = (who: string) => Array.from({ length: 8 }, (_, i) => `${who} ${i}.`);
  const write = async (person: Person, who: string) => {
    for (const text of texts(who)) await person.say(text);
  };
  await Promise.all([write(phone, 'phone'), write(pc, 'PC'), write(noah, 'noah')]);
  for (const device of [phone, pc]) {
    for (const text of ['phone 7.', 'PC 7.']) await device.mark(text, 'read');
    await device.sees('noah 7.');
    const drawn = await device.texts();
    for (const who of ['phone', 'PC', 'noah']) expect(drawn.filter((text) => text.startsWith(who))).toEqual(texts(who));
  }
  await noah.sees('PC 7.');

  // What crossed stands where the archive of its owner has it, without a reload: so it does on a device that is new.
  await sameLog(phone, pc);
  for (const [old, account, peer] of [
    [noah, b, a],
    [pc, a, b],
  ] as const) {
    const fresh = await world.enter(account);
    await fresh.go('People');
    await fresh.chatWith(peer.name);
    await sameLog(old, fresh);
    await fresh.page.goto('about:blank');
  }
  await sameLog(phone, pc);

  // Ticks that move while one of the two is away.
  await noah.page.goto('about:blank');
  pc.link.breakDown();
  await phone.say('while the PC is away');
  await phone.mark('while the PC is away', 'sent');
  await noah.page.goto(`${noah.link.url}#/chat/${a.jid}`);
  await phone.mark('while the PC is away', 'read');
  pc.link.mend();
  await pc.mark('while the PC is away', 'read');
  await sameLog(phone, pc);
});

test('what is read on one device is read on the other; so is what waits in the composer', async () => {
  const { phone, pc, noah } = await world.three();
  for (const device of [phone, pc]) await device.page.goto(`${device.link.url}#/`);
  for (const text of ['one', 'two', 'three']) await noah.say(text);
  for (const device of [phone, pc]) await device.titled(/^\(3\)/);
  await sameList(phone, pc);
  await pc.chatWith(noah.name);
  await noah.mark('three', 'read');
  await phone.titled(/^Confab/);
  await expect.poll(() => phone.page.locator('.badge').count()).toBe(0);

  await pc.composer.fill('half a thought');
  await phone.row(noah.name).getByText('Draft: half a thought').waitFor();
  await phone.chatWith(noah.name);
  await expect.poll(() => phone.composer.inputValue()).toBe('half a thought');
  await phone.composer.fill('half a thought, and more');
  await expect.poll(() => pc.composer.inputValue()).toBe('half a thought, and more');
  await pc.composer.press('Enter');
  await noah.sees('half a thought, and more');
  await expect.poll(() => phone.composer.inputValue()).toBe('');

  // Away, and the other one reads: so it is when one is back, in a new session too.
  await phone.page.goto('about:blank');
  await pc.page.goto(`${pc.link.url}#/`);
  await noah.say('four');
  await pc.titled(/^\(1\)/);
  await pc.chatWith(noah.name);
  await noah.mark('four', 'read');
  await phone.page.goto(phone.link.url);
  await phone.online();
  await expect.poll(async () => (await listOf(phone))[0]).toContain('four');
  await phone.titled(/^Confab/);

  // And answering is reading.
  await phone.page.goto('about:blank');
  await pc.page.goto(`${pc.link.url}#/`);
  await noah.say('five');
  await pc.titled(/^\(1\)/);
  await phone.page.goto(phone.link.url);
  await phone.chatWith(noah.name);
  await phone.say('an answer');
  await pc.titled(/^Confab/);
  await pc.chatWith(noah.name);
  await sameLog(phone, pc);
});

test('a message that failed on one device failed on the other, and can be sent again from there', async () => {
  const { phone, pc, noah, a } = await world.three();
  await noah.block(a.name, true);
  await phone.say('are you angry?');
  for (const device of [phone, pc]) await device.mark('are you angry?', 'failed');
  await sameLog(phone, pc);
  await noah.block(a.name, false);
  await pc.button('Send again').click();
  for (const device of [phone, pc]) await device.mark('are you angry?', 'read');
  await sameLog(phone, pc);

  // One of the two is in a tunnel while it fails, and when it is sent again.
  await noah.block(a.name, true);
  pc.link.breakDown();
  await phone.say('still angry?');
  await phone.mark('still angry?', 'failed');
  pc.link.mend();
  await pc.mark('still angry?', 'failed');
  await sameLog(phone, pc);
  await noah.block(a.name, false);
  phone.link.breakDown();
  await pc.button('Send again').click();
  await pc.mark('still angry?', 'read');
  phone.link.mend();
  await phone.mark('still angry?', 'read');
  await sameLog(phone, pc);
  expect(await noah.texts()).toEqual(['are you angry?', 'still angry?']);

  // What waits on one for a connection goes to the other when it has one.
  pc.link.breakDown();
  await pc.say('written in the tunnel');
  await phone.say('written outside');
  await phone.mark('written outside', 'read');
  pc.link.mend();
  for (const device of [phone, pc]) await device.mark('written in the tunnel', 'read');
  await sameLog(phone, pc);
  expect((await noah.texts()).slice(2)).toEqual(['written outside', 'written in the tunnel']);
});

test('notes to oneself and files are the same on both, also on one that was away', async () => {
  const { phone, pc, noah, a, b } = await world.three();
  const notes = (device: Person) => device.page.goto(`${device.link.url}#/chat/${a.jid}`);
  const chat = (device: Person) => device.page.goto(`${device.link.url}#/chat/${b.jid}`);
  for (const device of [phone, pc]) await notes(device);
  await phone.say('buy milk');
  await pc.sees('buy milk');
  await pc.say('and bread');
  await phone.sees('and bread');
  await pc.page.goto('about:blank');
  await phone.say('and tea');
  await pc.page.goto(`${pc.link.url}#/chat/${a.jid}`);
  await pc.sees('and tea');
  await sameLog(phone, pc);
  expect(await pc.texts()).toEqual(['buy milk', 'and bread', 'and tea']);

  for (const device of [phone, pc]) await chat(device);
  const square = (n: number) => ({ name: `${n}.png`, mimeType: 'image/png', buffer: png(64, 64, () => [n, n, 0]) });
  await phone.sendFiles('Photo or video', [square(50), square(90)], 'two squares');
  await pc.sees('two squares');
  await pc.sendFiles('File', [{ name: 'list.txt', mimeType: 'text/plain', buffer: Buffer.from('milk, bread, tea') }]);
  await phone.log.locator('.fname', { hasText: 'list.txt' }).waitFor();
  await pc.page.goto('about:blank');
  await noah.sendFiles('Photo or video', [square(130)], 'mine is greener');
  await phone.sees('mine is greener');
  await chat(pc);
  await pc.sees('mine is greener');
  for (const device of [phone, pc]) await expect.poll(() => device.log.locator('.pic-full.on').count()).toBe(3);
  await expect.poll(() => phone.page.locator('.msg.own .mark-read').count()).toBeGreaterThan(1);
  await sameLog(phone, pc);

  // And in the lists: notes are never unread.
  await back(phone);
  await pc.go('Chats');
  await sameList(phone, pc);
  await expect.poll(async () => (await listOf(pc)).length).toBe(2);
  for (const device of [phone, pc]) await device.titled(/^(?!\()/);
});

test('contacts, names and blocks are the same on both', async () => {
  const { phone, pc, noah } = await world.three();
  const [c] = await world.accounts('zoe');
  const zoe = await world.enter(c);
  await noah.say('hello');
  for (const device of [phone, pc]) await device.sees('hello');

  // A new name.
  await pc.button('Rename').click();
  await pc.page.getByLabel('Name', { exact: true }).fill('Captain Noah');
  await pc.button('Save').click();
  await phone.page.locator('.chat-bar', { hasText: 'Captain Noah' }).waitFor();
  await back(phone);
  await pc.go('Chats');
  await sameList(phone, pc);

  // A request that is answered on one is gone on the other.
  await zoe.go('People');
  await zoe.button('Add a contact').last().click();
  await zoe.page.getByLabel('Address').fill(phone.jid);
  await zoe.button('Send request').click();
  const card = (device: Person) => device.page.getByRole('region', { name: `Contact request from ${c.name}` });
  await card(pc).waitFor();
  await card(phone).getByRole('button', { name: 'Accept' }).click();
  for (const device of [phone, pc]) {
    await card(device).waitFor({ state: 'detached' });
    await device.go('People');
    await device.row(c.name).waitFor();
  }

  // Blocked on one is blocked on the other.
  await pc.go('Chats');
  await pc.chatWith('Captain Noah');
  await pc.block('Captain Noah', true);
  await phone.go('Chats');
  await sameList(phone, pc);
  await phone.row('Captain Noah').click();
  const said = 'You blocked Captain Noah.';
  for (const device of [phone, pc]) await device.page.getByText(said).first().waitFor();
  await pc.block('Captain Noah', false);
  for (const device of [phone, pc]) await device.page.getByText(said).first().waitFor({ state: 'detached' });

  // Taken out of the contacts on one, while the other is away.
  pc.link.breakDown();
  await back(phone);
  await phone.go('People');
  await phone.row(c.name).click();
  await phone.button(`${c.name}: details`).click();
  await phone.button(new RegExp(`^Remove ${c.name}`)).click();
  await phone.toast(/removed from your contacts/);
  await phone.row(c.name).waitFor({ state: 'detached' });
  pc.link.mend();
  await pc.go('People');
  await pc.row(c.name).waitFor({ state: 'detached' });
  await sameList(phone, pc);
});

test('what is chosen on one is chosen on both, and on a device that is new before anybody hears of it', async () => {
  const { phone, pc, noah, a } = await world.three();
  const receipts = (device: Person) => device.page.getByRole('switch', { name: 'That you have read a message' });
  const isOn = (device: Person, on: boolean) =>
    expect.poll(() => receipts(device).getAttribute('aria-checked')).toBe(String(on));
  for (const device of [phone, pc]) {
    await device.page.goto(`${device.link.url}#/settings/privacy`);
    await isOn(device, true);
  }
  pc.link.breakDown();
  await receipts(phone).click();
  await isOn(phone, false);
  pc.link.mend();
  await isOn(pc, false);
  await noah.say('do you read this?');
  await phone.titled(/^\(1\)/);
  const third = await world.enter(a, { size: 'tablet' });
  await third.chatWith(noah.name);
  await third.sees('do you read this?');
  await phone.titled(/^Confab/);
  await noah.mark('do you read this?', 'delivered');
  await receipts(pc).click();
  await isOn(phone, true);
  await noah.say('and this?');
  await noah.mark('and this?', 'read');
});

test('the devices are the same on both, and one that is signed out is gone from both', async () => {
  const { phone, pc, a } = await world.three();
  const third = await world.enter(a, { size: 'tablet' });
  for (const device of [phone, pc]) await device.page.goto(`${device.link.url}#/settings/devices`);
  const ids = async (device: Person) =>
    (await device.page.locator('.page .set.ico b').allTextContents()).map((it) => it.trim()).sort();
  for (const device of [phone, pc]) await expect.poll(async () => (await ids(device)).length).toBe(3);
  expect(await ids(phone)).toEqual(await ids(pc));
  await pc.page
    .getByRole('region', { name: 'Other devices' })
    .getByRole('button', { name: 'Sign out all other devices' })
    .click();
  await pc.page.getByText('You are signed in nowhere else.').waitFor();
  for (const device of [phone, third])
    await device.page
      .getByText(/signed out/)
      .first()
      .waitFor();
  // A password lets one in again, and then both know of two.
  await phone.page.getByRole('textbox', { name: 'Password' }).fill(a.password);
  await phone.page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click();
  await phone.online();
  await pc.go('Chats');
  await pc.section('Devices');
  for (const device of [phone, pc]) await expect.poll(async () => (await ids(device)).length).toBe(2);
});

test('a device that nobody looks at says so, and is woken by words alone', async () => {
  const { phone, pc, noah } = await world.three();
  const sent: string[] = [];
  const got: string[] = [];
  phone.page.on('websocket', (socket) => {
    socket.on('framesent', ({ payload }) => sent.push(payload.toString().slice(0, 200)));
    socket.on('framereceived', ({ payload }) => got.push(payload.toString().slice(0, 4000)));
  });
  // Its frames are seen from a new connection on.
  await phone.page.reload();
  await phone.online();
  const said = () => sent.flatMap((frame) => /^<(active|inactive) xmlns=.urn:xmpp:csi:0/.exec(frame)?.[1] ?? []);
  await show(phone.page, false);
  await expect.poll(said).toEqual(['inactive']);
  got.length = 0;
  await noah.composer.pressSequentially('I was just about to');
  await noah.button(/Change your status/).click();
  await noah.page.getByRole('menuitemradio', { name: 'Do not disturb' }).click();
  await pc.page.locator('.chat-sub', { hasText: 'typing' }).waitFor({ state: 'detached' });
  await pc.page.locator('.chat-bar .is-busy').waitFor();
  expect(got.filter((frame) => frame.startsWith('<presence') || frame.includes('composing'))).toEqual([]);
  await noah.say('say something');
  await phone.sees('say something');
  // What was held back comes before what woke it.
  await phone.page.locator('.chat-bar .is-busy').waitFor();
  await show(phone.page, true);
  await expect.poll(said).toEqual(['inactive', 'active']);

  // Two tabs: one in sight is enough, and one that died is none.
  const first = phone.page;
  await phone.open();
  await phone.online();
  await show(first, false);
  await show(phone.page, false);
  await expect.poll(said).toEqual(['inactive', 'active', 'inactive']);
  await show(phone.page, true);
  await expect.poll(() => said().length).toBe(4);
  await phone.page.close();
  await expect.poll(() => said().length).toBe(5);
  expect(said().at(-1)).toBe('inactive');
  phone.page = first;
});
