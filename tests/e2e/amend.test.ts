// Messages that change, between two people and on a second device: edited, taken back, reacted to, answered.

import { expect, test } from 'vitest';
import type { Person } from './harness/person.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();

const bubble = (who: Person, text: string) => who.page.locator('.msg', { hasText: text }).last();

test('an edit shows everywhere, once, and says that it is one', async () => {
  const { pc, phone, noah } = await world.three();
  await pc.say('See you at sevn');
  await noah.sees('See you at sevn');
  await phone.sees('See you at sevn');
  await pc.composer.press('ArrowUp');
  await expect.poll(() => pc.composer.inputValue()).toBe('See you at sevn');
  // Escape leaves all as it was.
  await pc.composer.press('Escape');
  await expect.poll(() => pc.composer.inputValue()).toBe('');
  await pc.composer.press('ArrowUp');
  await pc.composer.fill('See you at seven');
  await pc.composer.press('Enter');
  for (const who of [pc, phone, noah]) {
    await who.sees('See you at seven');
    await bubble(who, 'See you at seven').getByText('edited').waitFor();
    await expect.poll(() => who.page.locator('.msg').count()).toBe(1);
  }
  await pc.mark('See you at seven', 'read');
  await noah.choose('See you at seven', /Edit history/);
  await noah.page.getByRole('dialog').getByText('See you at sevn').waitFor();
  await noah.page.keyboard.press('Escape');
  await expect.poll(() => noah.page.getByRole('dialog').count()).toBe(0);
});

test('taken back everywhere, or only from my view', async () => {
  const { pc, phone, noah, a, b } = await world.three();
  await pc.say('not for you');
  await pc.say('for you');
  await noah.sees('not for you');
  await noah.sees('for you');
  await phone.sees('for you');
  await pc.choose('not for you', /^Delete/);
  await pc.button('Delete for everyone').click();
  await pc.page.getByText('You deleted a message').waitFor();
  await phone.page.getByText('You deleted a message').waitFor();
  await noah.page
    .locator('.msg')
    .getByText(/deleted a message/)
    .waitFor();
  await expect.poll(() => noah.page.getByText('not for you').count()).toBe(0);

  await noah.choose('for you', /^Delete/);
  await noah.button('Delete for me').click();
  await expect.poll(() => noah.page.locator('.msg', { hasText: 'for you' }).count()).toBe(0);
  await noah.page.reload();
  await noah.online();
  await noah.page
    .locator('.msg')
    .getByText(/deleted a message/)
    .waitFor();
  await expect.poll(() => noah.page.locator('.msg', { hasText: 'for you' }).count()).toBe(0);
  await expect.poll(() => bubble(pc, 'for you').count()).toBe(1);

  // A device that comes later finds the same in the archive: the line, the new words, no trace of the old.
  await pc.composer.press('ArrowUp');
  await pc.composer.fill('for you, dear');
  await pc.composer.press('Enter');
  await bubble(phone, 'for you, dear').getByText('edited').waitFor();
  const late = await world.enter(a);
  await late.page.locator('.row-text', { hasText: 'for you, dear' }).waitFor();
  await late.chatWith(b.name);
  await late.page.locator('.msg').getByText('You deleted a message').waitFor();
  await bubble(late, 'for you, dear').getByText('edited').waitFor();
  await expect.poll(() => late.page.locator('.msg').count()).toBe(2);
  await expect.poll(() => late.page.getByText('not for you').count()).toBe(0);
});

test('deleted for me is deleted on all my devices, also on one that comes later, and on nobody else’s', async () => {
  const { pc, phone, noah, a, b } = await world.three();
  await noah.say('the old address');
  await noah.say('the new address');
  for (const who of [pc, phone]) await who.sees('the new address');
  // In a tunnel: gone here at once, there when this one is back.
  pc.link.breakDown();
  await pc.choose('the old address', /^Delete/);
  await pc.button('Delete for me').click();
  await expect.poll(() => pc.message('the old address').count()).toBe(0);
  await phone.sees('the old address');
  pc.link.mend();
  await expect.poll(() => phone.message('the old address').count()).toBe(0);
  await pc.choose('the new address', /^Delete/);
  await pc.button('Delete for me').click();
  await expect.poll(() => phone.message('the new address').count()).toBe(0);
  await pc.say('thank you');
  await noah.sees('thank you');
  await noah.sees('the old address');
  await noah.sees('the new address');

  const late = await world.enter(a);
  await late.page.locator('.row-text', { hasText: 'thank you' }).waitFor();
  await late.chatWith(b.name);
  await late.sees('thank you');
  await expect.poll(() => late.page.locator('.msg').count()).toBe(1);
});

test('reactions are one for each person, on all devices, also across a tunnel', async () => {
  const { pc, phone, noah } = await world.three();
  await noah.say('Cabin on the 12th');
  await pc.sees('Cabin on the 12th');
  await phone.sees('Cabin on the 12th');
  const give = async (who: Person, sign: string) => {
    await bubble(who, 'Cabin').locator('.text').click({ button: 'right' });
    await who.page.getByRole('button', { name: `React with ${sign}` }).click();
  };
  const given = (who: Person) => bubble(who, 'Cabin').locator('.reaction').allTextContents();
  await give(pc, '👍');
  for (const who of [pc, phone, noah]) await expect.poll(() => given(who)).toEqual(['👍1']);
  await give(noah, '👍');
  for (const who of [pc, phone, noah]) await expect.poll(() => given(who)).toEqual(['👍2']);
  await expect.poll(() => noah.page.locator('.reaction').getAttribute('aria-pressed')).toBe('true');

  pc.link.cut();
  await bubble(pc, 'Cabin').locator('.reaction').click();
  await give(pc, '❤️');
  await expect.poll(() => given(pc)).toEqual(['👍1', '❤️1']);
  pc.link.mend();
  for (const who of [pc, phone, noah]) await expect.poll(() => given(who)).toEqual(['👍1', '❤️1']);
  await expect.poll(() => noah.page.locator('.msg').count()).toBe(1);
  await expect.poll(() => pc.page.locator('.badge').count()).toBe(0);
});

test('an answer quotes, and leads to what it answers', async () => {
  const { pc, phone, noah } = await world.three();
  await noah.say('Shall I bring anything?');
  for (let i = 0; i < 25; i++) await noah.say(`and ${i}`);
  await pc.sees('and 24');
  await pc.page.locator('.log').evaluate((log) => {
    log.scrollTop = 0;
  });
  const asked = pc.page.locator('.msg', { hasText: 'Shall I bring' }).first();
  await asked.focus();
  await pc.page.keyboard.press('r');
  await pc.page.locator('.cbar', { hasText: 'Shall I bring anything?' }).waitFor();
  await expect.poll(() => pc.composer.evaluate((el) => el === document.activeElement)).toBe(true);
  await pc.say('Just yourself');
  for (const who of [pc, phone, noah]) {
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
  await bubble(pc, 'Just yourself').locator('.quote').getByText('Shall I bring bread?').waitFor();
});
