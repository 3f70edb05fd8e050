// Messages that change, between two people and on a second device: edited, taken back, reacted to, answered.

import { expect, test } from 'vitest';
import type { Person } from './harness/person.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();

const bubble = (who: Person, text: string) => who.page.locator('.msg', { hasText: text }).last();

/** Chooses from the menu of a message. */
async function choose(who: Person, text: string, item: RegExp): Promise<void> {
  await bubble(who, text).locator('.text').last().click({ button: 'right' });
  await who.page.getByRole('menuitem', { name: item }).click();
}

/** Mia on two devices, Noah on one, all looking at their chat. */
async function three() {
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
  return { desk, phone, noah, a, b };
}

test('an edit shows everywhere, once, and says that it is one', async () => {
  const { desk, phone, noah } = await three();
  await desk.say('See you at sevn');
  await noah.sees('See you at sevn');
  await phone.sees('See you at sevn');
  await desk.composer.press('ArrowUp');
  await expect.poll(() => desk.composer.inputValue()).toBe('See you at sevn');
  // Escape leaves all as it was.
  await desk.composer.press('Escape');
  await expect.poll(() => desk.composer.inputValue()).toBe('');
  await desk.composer.press('ArrowUp');
  await desk.composer.fill('See you at seven');
  await desk.composer.press('Enter');
  for (const who of [desk, phone, noah]) {
    await who.sees('See you at seven');
    await bubble(who, 'See you at seven').getByText('edited').waitFor();
    await expect.poll(() => who.page.locator('.msg').count()).toBe(1);
  }
  await desk.mark('See you at seven', 'read');
  await choose(noah, 'See you at seven', /Edit history/);
  await noah.page.getByRole('dialog').getByText('See you at sevn').waitFor();
  await noah.page.keyboard.press('Escape');
  await expect.poll(() => noah.page.getByRole('dialog').count()).toBe(0);
});

test('taken back everywhere, or only from my view', async () => {
  const { desk, phone, noah, a, b } = await three();
  await desk.say('not for you');
  await desk.say('for you');
  await noah.sees('not for you');
  await noah.sees('for you');
  await phone.sees('for you');
  await choose(desk, 'not for you', /^Delete/);
  await desk.button('Delete for everyone').click();
  await desk.page.getByText('You deleted a message').waitFor();
  await phone.page.getByText('You deleted a message').waitFor();
  await noah.page
    .locator('.msg')
    .getByText(/deleted a message/)
    .waitFor();
  await expect.poll(() => noah.page.getByText('not for you').count()).toBe(0);

  await choose(noah, 'for you', /^Delete/);
  await noah.button('Delete for me').click();
  await expect.poll(() => noah.page.locator('.msg', { hasText: 'for you' }).count()).toBe(0);
  await noah.page.reload();
  await noah.online();
  await noah.page
    .locator('.msg')
    .getByText(/deleted a message/)
    .waitFor();
  await expect.poll(() => noah.page.locator('.msg', { hasText: 'for you' }).count()).toBe(0);
  await expect.poll(() => bubble(desk, 'for you').count()).toBe(1);

  // A device that comes later finds the same in the archive: the line, the new words, no trace of the old.
  await desk.composer.press('ArrowUp');
  await desk.composer.fill('for you, dear');
  await desk.composer.press('Enter');
  await bubble(phone, 'for you, dear').getByText('edited').waitFor();
  const late = await world.enter(a);
  await late.page.locator('.row-text', { hasText: 'for you, dear' }).waitFor();
  await late.chatWith(b.name);
  await late.page.locator('.msg').getByText('You deleted a message').waitFor();
  await bubble(late, 'for you, dear').getByText('edited').waitFor();
  await expect.poll(() => late.page.locator('.msg').count()).toBe(2);
  await expect.poll(() => late.page.getByText('not for you').count()).toBe(0);
});

test('reactions are one for each person, on all devices, also across a tunnel', async () => {
  const { desk, phone, noah } = await three();
  await noah.say('Cabin on the 12th');
  await desk.sees('Cabin on the 12th');
  await phone.sees('Cabin on the 12th');
  const give = async (who: Person, sign: string) => {
    await bubble(who, 'Cabin').locator('.text').click({ button: 'right' });
    await who.page.getByRole('button', { name: `React with ${sign}` }).click();
  };
  const given = (who: Person) => bubble(who, 'Cabin').locator('.reaction').allTextContents();
  await give(desk, '👍');
  for (const who of [desk, phone, noah]) await expect.poll(() => given(who)).toEqual(['👍1']);
  await give(noah, '👍');
  for (const who of [desk, phone, noah]) await expect.poll(() => given(who)).toEqual(['👍2']);
  await expect.poll(() => noah.page.locator('.reaction').getAttribute('aria-pressed')).toBe('true');

  desk.link.cut();
  await bubble(desk, 'Cabin').locator('.reaction').click();
  await give(desk, '❤️');
  await expect.poll(() => given(desk)).toEqual(['👍1', '❤️1']);
  desk.link.mend();
  for (const who of [desk, phone, noah]) await expect.poll(() => given(who)).toEqual(['👍1', '❤️1']);
  await expect.poll(() => noah.page.locator('.msg').count()).toBe(1);
  await expect.poll(() => desk.page.locator('.badge').count()).toBe(0);
});

test('an answer quotes, and leads to what it answers', async () => {
  const { desk, phone, noah } = await three();
  await noah.say('Shall I bring anything?');
  for (let i = 0; i < 25; i++) await noah.say(`and ${i}`);
  await desk.sees('and 24');
  await desk.page.locator('.log').evaluate((log) => {
    log.scrollTop = 0;
  });
  const asked = desk.page.locator('.msg', { hasText: 'Shall I bring' }).first();
  await asked.focus();
  await desk.page.keyboard.press('r');
  await desk.page.locator('.cbar', { hasText: 'Shall I bring anything?' }).waitFor();
  await expect.poll(() => desk.composer.evaluate((el) => el === document.activeElement)).toBe(true);
  await desk.say('Just yourself');
  for (const who of [desk, phone, noah]) {
    const quote = bubble(who, 'Just yourself').locator('.quote');
    await quote.getByText('Shall I bring anything?').waitFor();
    await expect.poll(() => bubble(who, 'Just yourself').locator('.text').textContent()).toMatch(/^Just yourself/);
  }
  await bubble(noah, 'Just yourself').locator('.quote').click();
  await expect
    .poll(() => noah.page.evaluate(() => document.activeElement?.textContent ?? ''))
    .toContain('Shall I bring anything?');
  // What is answered may change: the quote says what it says now.
  const back = noah.page.locator('.msg.own', { hasText: 'Shall I bring' }).first();
  await back.focus();
  await noah.page.keyboard.press('e');
  await noah.composer.fill('Shall I bring bread?');
  await noah.composer.press('Enter');
  await bubble(desk, 'Just yourself').locator('.quote').getByText('Shall I bring bread?').waitFor();
});
