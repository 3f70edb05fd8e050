// An account from its making in the app to its end, in the words that the app uses for it.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { useWorld } from './harness/world.ts';

const world = useWorld();

test('an account is made in the app, changes its password, signs out, and is deleted', async () => {
  const mia = await world.sit();
  await mia.register('mia', 'a first password');
  await mia.page.getByRole('heading', { name: 'Welcome, mia' }).waitFor();

  await mia.section('Account');
  await mia.page.getByRole('textbox', { name: 'Present password' }).fill('not this one');
  await mia.page.getByRole('textbox', { name: 'New password' }).fill('a second password');
  await mia.button('Change password').click();
  const old = mia.page.getByRole('textbox', { name: 'Present password' });
  await expect.poll(() => old.getAttribute('aria-invalid')).toBe('true');
  await old.fill('a first password');
  await mia.button('Change password').click();
  await mia.toast('Password changed');

  // The new one holds over a reload, and at the door the old one does not open any more.
  await mia.page.reload();
  await mia.online();
  await mia.section('.*mia@');
  await mia.button('Sign out').click();
  await mia.page.getByLabel('Address').waitFor();
  await mia.fillSignIn('mia', 'a first password');
  const field = mia.page.getByRole('textbox', { name: 'Password' });
  await expect.poll(() => field.getAttribute('aria-invalid')).toBe('true');
  await mia.page
    .getByText(/password/i)
    .first()
    .waitFor();
  await mia.signIn('mia@chat.example', 'a second password');

  await mia.section('Account');
  await mia.button('Delete…').click();
  await mia.page.getByLabel('Your password, to be sure it is you').fill('a second password');
  await mia.button('Delete account').click();
  await mia.toast('mia@chat.example was deleted');
  await mia.fillSignIn('mia', 'a second password');
  await expect.poll(() => field.getAttribute('aria-invalid')).toBe('true');
});

test('a copy of the account is saved; after its end nothing of it is in this browser', async () => {
  const [a, b] = await world.accounts('mia', 'noah');
  await world.befriend(a, b);
  const mia = await world.enter(a);
  await mia.go('People');
  await mia.chatWith(b.name);
  await mia.say('to be kept');
  await mia.mark('to be kept', 'sent');

  await mia.section('Account');
  const saved = mia.page.waitForEvent('download');
  await mia.button('Save a copy').click();
  const file = await saved;
  expect(file.suggestedFilename()).toBe(`${a.jid}.xml`);
  const text = readFileSync(await file.path(), 'utf8');
  expect(text).toContain('to be kept');
  expect(text).toContain(b.jid);
  expect(text).not.toMatch(/scram/i);
  await mia.toast('The copy is being saved');

  // Who finds the browser open cannot do it: the password is asked for, and has to be right.
  await mia.button('Delete…').click();
  const dialog = mia.page.getByRole('dialog');
  await dialog.getByText(`This deletes ${a.jid}`).waitFor();
  const password = dialog.getByLabel('Your password, to be sure it is you');
  await password.fill('not it');
  await mia.button('Delete account').click();
  await expect.poll(() => password.getAttribute('aria-invalid')).toBe('true');
  await password.fill(a.password);
  await mia.button('Delete account').click();
  await mia.page.getByLabel('Address').waitFor();
  await mia.toast(`${a.jid} was deleted`);
  const left = () => mia.page.evaluate(async () => (await indexedDB.databases()).map((it) => it.name));
  await expect.poll(left).toEqual(['confab']);
  await mia.page.reload();
  await mia.page.getByLabel('Address').waitFor();
  expect(await mia.page.getByText(a.jid).count()).toBe(0);
});

test('what cannot be an account is said at the field', async () => {
  const [taken] = await world.accounts('taken');
  const who = await world.sit();
  const password = who.page.getByRole('textbox', { name: 'Password' });
  await who.fillSignIn(taken.name, 'wrong');
  await expect.poll(() => password.getAttribute('aria-invalid')).toBe('true');
  const note = await password.getAttribute('aria-describedby');
  const words = await who.page.locator(`[id="${note?.split(' ')[0]}"]`).textContent();
  expect(words).toMatch(/password/i);
  expect(words).not.toMatch(/not-authorized|SASL|error/i);
  // Nobody is told which names exist.
  await who.fillSignIn('nobody-has-this', 'wrong');
  await expect.poll(() => password.getAttribute('aria-invalid')).toBe('true');
  await expect.poll(() => who.page.locator('.err-text').textContent()).toBe(words);

  await who.button('Create an account').click();
  const name = who.page.getByLabel('Your name on this server');
  await name.fill(taken.name);
  await password.fill('long enough');
  await who.button('Create account').click();
  await expect.poll(() => name.getAttribute('aria-invalid')).toBe('true');
  await who.page.locator('.err-text', { hasText: /taken/i }).waitFor();
  await name.fill('two words');
  await who.button('Create account').click();
  await who.page.locator('.err-text', { hasText: /space/i }).waitFor();
  await name.fill('admin');
  await who.button('Create account').click();
  await who.page.locator('.err-text').waitFor();
  await name.fill(world.name('fresh'));
  await password.fill('short');
  await who.button('Create account').click();
  await who.page.locator('.err-text', { hasText: /8 characters/ }).waitFor();
});
