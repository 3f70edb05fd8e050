// What one wants of a chat, in the views on the made-up store: by mouse, by keys, by finger; and the folder of what is archived.
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { type Size, still } from './browser.ts';
import { audit, useSite } from './fixture-site.ts';

const site = useSite();

async function show(query: string, size: Size = 'desktop', theme: 'light' | 'dark' = 'light'): Promise<Page> {
  const page = await site.page(size, { colorScheme: theme });
  await page.goto(`${site.url}?${query}#/`, { waitUntil: 'domcontentloaded' });
  await page.waitForSelector('.rows-in .row');
  await still(page);
  return page;
}

const row = (page: Page, name: string) => page.locator('.rows-in .row', { hasText: name });
const item = (page: Page, name: string) => page.getByRole('menuitem', { name, exact: true });
const names = (page: Page) => page.locator('.rows-in .row .row-name').allTextContents();
const focused = (page: Page) => page.evaluate(() => document.activeElement?.textContent ?? '');

for (const theme of ['light', 'dark'] as const)
  test(`axe finds nothing on menus, signs and the archive: ${theme}`, async () => {
    const page = await show('kept=1', 'desktop', theme);
    await row(page, 'Lena').click({ button: 'right' });
    expect(await audit(page, '.menu')).toEqual([]);
    await item(page, 'Unmute').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('menu').waitFor({ state: 'detached' });
    await row(page, 'Mia').click({ button: 'right' });
    await item(page, 'Mute').click();
    await item(page, 'For an hour').waitFor();
    expect(await audit(page, '.menu')).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('menu').waitFor({ state: 'detached' });
    expect(await audit(page, '.list')).toEqual([]);
    await row(page, 'Archived').click();
    await page.getByRole('heading', { name: 'Archived' }).waitFor();
    await expect.poll(() => page.locator('.rows-in .row').count()).toBe(2);
    expect(await audit(page, '.list')).toEqual([]);
  });

test('by keys: the menu of a row, its choice, and back to the row', async () => {
  const page = await show('');
  await row(page, 'Sofia').focus();
  await page.keyboard.press('Shift+F10');
  await expect.poll(() => focused(page)).toBe('Pin to the top');
  await page.keyboard.press('Enter');
  await expect.poll(() => names(page).then((all) => all[0])).toBe('Sofia');
  await expect.poll(() => focused(page)).toContain('Sofia');
  await page.keyboard.press('Shift+F10');
  await item(page, 'Mute').waitFor();
  await page.keyboard.press('m');
  await expect.poll(() => focused(page)).toBe('Mute');
  await page.keyboard.press('Enter');
  await expect.poll(() => focused(page)).toBe('For an hour');
  await page.keyboard.press('Enter');
  await row(page, 'Sofia').getByText('muted').waitFor({ state: 'attached' });
  // What is archived goes, and comes back by the toast.
  await page.keyboard.press('Shift+F10');
  await item(page, 'Archive chat').click();
  await expect.poll(() => names(page).then((all) => all[0])).toBe('Archived');
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect.poll(() => names(page).then((all) => all[0])).toBe('Sofia');
});

test('a finger that rests on a row asks for its sheet, and opens no chat', async () => {
  const page = await show('', 'phone');
  const finger = await page.context().newCDPSession(page);
  const box = (await row(page, 'Sofia').boundingBox())!;
  const [x, y] = [box.x + 60, box.y + box.height / 2];
  await finger.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x, y }] });
  await page.locator('.sheet').getByText('Pin to the top').waitFor();
  await finger.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  await still(page);
  expect(await audit(page, 'dialog')).toEqual([]);
  await item(page, 'Pin to the top').click();
  await expect.poll(() => names(page).then((all) => all[0])).toBe('Sofia');
  expect(new URL(page.url()).hash).toBe('#/');
});
