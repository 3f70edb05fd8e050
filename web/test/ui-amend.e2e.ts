// Messages that change, in the views on the made-up store: what floats has names, fingers reach it, and the words to a
// picture are reached as well as the picture.
import type { Locator, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { type Size, still } from './browser.ts';
import { audit, useSite } from './fixture-site.ts';

const site = useSite();

async function show(chat: string, size: Size = 'desktop', theme: 'light' | 'dark' = 'light'): Promise<Page> {
  const page = await site.page(size, { colorScheme: theme });
  await page.goto(`${site.url}?#/chat/${chat}`, { waitUntil: 'domcontentloaded' });
  await page.waitForSelector('.msg .bubble');
  await still(page);
  return page;
}

/** Nothing moves any more when it is asked for. */
async function menu(at: Locator): Promise<void> {
  await still(at.page());
  await at.click({ button: 'right' });
}
const item = (page: Page, name: RegExp) => page.getByRole('menuitem', { name });
const items = (page: Page) => page.locator('.menu-item .menu-label').allTextContents();

for (const theme of ['light', 'dark'] as const)
  test(`axe finds nothing on menus, bars, dialogs and chips: ${theme}`, async () => {
    const page = await show('mia@example.org', 'desktop', theme);
    const last = page.locator('.msg.in').last();
    await menu(last.locator('.text'));
    expect(await audit(page, '.ctx')).toEqual([]);
    await page.getByRole('button', { name: 'React with ❤️' }).click();
    await page.locator('.reaction[aria-pressed="true"]').waitFor();
    await menu(last.locator('.text'));
    await item(page, /^Reply/).click();
    expect(await audit(page, '.composer')).toEqual([]);
    await page.locator('.composer textarea').fill('Rye');
    await page.keyboard.press('Enter');
    await page.locator('.msg.own .quote').waitFor();
    await page.keyboard.press('ArrowUp');
    await expect.poll(() => page.locator('.composer textarea').inputValue()).toBe('Rye');
    expect(await audit(page, '.composer')).toEqual([]);
    await page.locator('.composer textarea').fill('Wheat');
    await page.keyboard.press('Enter');
    await page.getByText('edited').waitFor();
    await still(page);
    expect(await audit(page, '.log')).toEqual([]);
    const mine = page.locator('.msg.own', { hasText: 'Wheat' });
    await menu(mine.locator('.text'));
    await item(page, /Edit history/).click();
    expect(await audit(page, 'dialog')).toEqual([]);
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    await mine.focus();
    await page.keyboard.press('Delete');
    expect(await audit(page, 'dialog')).toEqual([]);
    await page.getByRole('button', { name: 'Delete for everyone' }).click();
    await page.getByText('You deleted a message').first().waitFor();
    await still(page);
    expect(await audit(page, '.log')).toEqual([]);
    await menu(last.locator('.text'));
    await page.getByRole('button', { name: 'More emoji' }).click();
    await page.locator('.react-dialog .emoji-grid button').first().waitFor();
    expect(await audit(page, '.react-dialog')).toEqual([]);
    await page.keyboard.type('tada');
    await page.locator('.react-dialog .emoji-grid button', { hasText: '🎉' }).waitFor();
    await still(page);
    await page.keyboard.press('Enter');
    await page.locator('.reaction', { hasText: '🎉' }).waitFor();
    await expect.poll(() => page.locator('dialog[open]').count()).toBe(0);
  });

test('a draft waits while a message is changed, and comes back', async () => {
  const page = await show('mia@example.org');
  const field = page.locator('.composer textarea');
  await field.fill('half a thought');
  await menu(page.locator('.msg.own .text').last());
  await item(page, /^Edit/).click();
  await expect.poll(() => field.inputValue()).not.toBe('half a thought');
  await page.getByRole('button', { name: 'Cancel editing' }).click();
  await expect.poll(() => field.inputValue()).toBe('half a thought');
  await menu(page.locator('.msg.own .text').last());
  await item(page, /^Edit/).click();
  await field.fill('changed');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('.msg.own', { hasText: 'changed' }).waitFor();
  await expect.poll(() => field.inputValue()).toBe('half a thought');
  // What is being changed by another way of leaving is no draft either.
  await menu(page.locator('.msg.own', { hasText: 'changed' }).locator('.text'));
  await item(page, /^Reply/).click();
  await page.locator('.cbar', { hasText: 'changed' }).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('.cbar').waitFor({ state: 'detached' });
  await expect.poll(() => field.inputValue()).toBe('half a thought');
});

test('the words to a picture are reached, and so is the picture', async () => {
  const page = await show('mia@example.org');
  const field = page.locator('.composer textarea');
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'Attach' }).click();
  await page.getByRole('menuitem', { name: 'Photo or video' }).click();
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
    'base64',
  );
  await (await chooser).setFiles([{ name: 'a.png', mimeType: 'image/png', buffer: png }]);
  await page.locator('.thumb').waitFor();
  await field.fill('From last year');
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  const both = page.locator('.msg.own', { hasText: 'From last year' });
  await both.locator('.pic').waitFor();
  await still(page);
  // The picture's menu changes the words and takes away both; the words' menu is about them alone.
  await menu(both.locator('.pic'));
  await expect.poll(() => items(page)).toEqual(expect.arrayContaining(['Reply', 'Edit', 'Delete']));
  await item(page, /^Edit/).click();
  await expect.poll(() => field.inputValue()).toBe('From last year');
  await field.fill('From this year');
  await field.press('Enter');
  const now = page.locator('.msg.own', { hasText: 'From this year' });
  await now.locator('.pic').waitFor();
  await menu(now.locator('.pic'));
  await page.getByRole('button', { name: 'React with 👍' }).click();
  await menu(now.locator('.text'));
  await page.getByRole('button', { name: 'React with 🙏' }).click();
  await expect.poll(() => now.locator('.reaction').allTextContents()).toEqual(['👍1', '🙏1']);
  await menu(now.locator('.text'));
  await item(page, /^Reply/).click();
  await page.locator('.cbar', { hasText: 'From this year' }).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('.cbar').waitFor({ state: 'detached' });
  await menu(now.locator('.pic'));
  await item(page, /^Reply/).click();
  await page.locator('.cbar', { hasText: 'Photo' }).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('.cbar').waitFor({ state: 'detached' });
  const before = await page.locator('.lrow').count();
  await menu(now.locator('.pic'));
  await item(page, /^Delete/).click();
  await page.getByText('Delete 2 messages?').waitFor();
  await page.getByRole('button', { name: 'Delete for me' }).click();
  await expect.poll(() => page.locator('.lrow').count()).toBe(before - 2);
});

test('a finger draws a message aside to answer it, and holds it for its sheet', async () => {
  const page = await show('mia@example.org', 'phone');
  const bubble = page.locator('.msg.in .bubble').last();
  const words = (await bubble.locator('.text').textContent())!.slice(0, 12);
  const finger = await page.context().newCDPSession(page);
  const box = (await bubble.boundingBox())!;
  const [x, y] = [box.x + 20, box.y + box.height / 2];
  const touch = (type: string, by: number, down = 0) =>
    finger.send('Input.dispatchTouchEvent', {
      type: type as 'touchStart',
      touchPoints: type === 'touchEnd' ? [] : [{ x: x + by, y: y + down }],
    });
  await touch('touchStart', 0);
  for (const by of [8, 16, 30, 50, 70]) await touch('touchMove', by);
  await touch('touchEnd', 70);
  await page.locator('.cbar', { hasText: words }).waitFor();
  await expect.poll(() => page.locator('.bubble-line[style*="translate"]').count()).toBe(0);
  await page.getByRole('button', { name: 'Cancel reply' }).click();
  // Not far enough, or down the page: nothing.
  await touch('touchStart', 0);
  for (const by of [8, 16, 30]) await touch('touchMove', by);
  await touch('touchEnd', 30);
  await still(page);
  await expect.poll(() => page.locator('.cbar').count()).toBe(0);
  await touch('touchStart', 0);
  await page.locator('.sheet .quick').waitFor();
  await touch('touchEnd', 0);
  await still(page);
  expect(await audit(page, 'dialog')).toEqual([]);
  // What the sheet lifts stands above it.
  const lifted = (await page.locator('.lifted').boundingBox())!;
  const sheet = (await page.locator('.sheet').boundingBox())!;
  expect(lifted.y + lifted.height).toBeLessThanOrEqual(sheet.y + 1);
});
