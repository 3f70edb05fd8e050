// Selecting messages and sending them on, in the views on the made-up store: by keys alone, with fingers, and by name.
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { type Size, still } from './browser.ts';
import { audit, useSite } from './fixture-site.ts';

const site = useSite();

async function show(chat: string, size: Size = 'desktop', theme: 'light' | 'dark' = 'light'): Promise<Page> {
  const page = await site.page(size, { colorScheme: theme, permissions: ['clipboard-read', 'clipboard-write'] });
  await page.goto(`${site.url}?#/chat/${chat}`, { waitUntil: 'domcontentloaded' });
  await page.waitForSelector('.msg .bubble');
  await still(page);
  return page;
}

const count = (page: Page, n: number) => page.getByText(`${n} selected`, { exact: true }).waitFor();
const bar = (page: Page) => page.locator('.select-bar');
const clipboard = (page: Page) => page.evaluate(() => navigator.clipboard.readText());

for (const theme of ['light', 'dark'] as const)
  test(`axe finds nothing on selected messages and on the chooser: ${theme}`, async () => {
    const page = await show('mia@example.org', 'desktop', theme);
    await page.locator('.msg.in .text').last().click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Select' }).click();
    await count(page, 1);
    await page.locator('.msg.own .text').last().click();
    await count(page, 2);
    await still(page);
    expect(await audit(page, '.main')).toEqual([]);
    await page.getByRole('button', { name: 'Forward' }).click();
    await page.getByRole('combobox').waitFor();
    await page.getByRole('option').first().click();
    await still(page);
    expect(await audit(page, 'dialog')).toEqual([]);
  });

test('by keys alone: selected, more with Shift, copied with names and times, and left', async () => {
  const page = await show('mia@example.org');
  const last = page.locator('.msg').last();
  await last.focus();
  await page.keyboard.press('Space');
  await count(page, 1);
  await page.keyboard.press('Shift+ArrowUp');
  await count(page, 2);
  await page.keyboard.press('Shift+ArrowUp');
  await count(page, 3);
  // Back over one: it stays, Enter takes it out.
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await count(page, 2);
  await page.keyboard.press('Control+c');
  await page.locator('.toast', { hasText: '2 messages copied' }).waitFor();
  await expect.poll(() => bar(page).count()).toBe(0);
  const lines = (await clipboard(page)).split('\n');
  expect(lines).toHaveLength(2);
  for (const line of lines) expect(line).toMatch(/^\[\d{1,2} \p{L}+ \d{4}, \d\d:\d\d\] (?:Mia|alex|Alex): ./u);
  // Escape leaves the selection and nothing else; the focus is where it was.
  await last.focus();
  await page.keyboard.press('Space');
  await count(page, 1);
  await page.keyboard.press('Escape');
  await expect.poll(() => bar(page).count()).toBe(0);
  expect(await last.evaluate((el) => el === document.activeElement)).toBe(true);
  await page.keyboard.press('f');
  await page.getByRole('combobox').waitFor();
  await page.keyboard.type('noah');
  await page.getByRole('option', { name: /Noah/ }).waitFor();
  await page.keyboard.press('Enter');
  await page.locator('.option, [role="option"][aria-selected="true"]').waitFor();
  await page.keyboard.press('Control+Enter');
  await page.locator('.toast', { hasText: 'Forwarded to Noah' }).waitFor();
});

test('clicks: a range with Shift, no link is followed, the other chat begins without one', async () => {
  const page = await show('mia@example.org');
  const all = page.locator('.msg');
  const n = await all.count();
  await all.nth(n - 4).focus();
  await page.keyboard.press('Space');
  await count(page, 1);
  await all.nth(n - 1).click({ modifiers: ['Shift'] });
  await expect.poll(() => page.locator('.lrow.chosen').count()).toBe(4);
  await all.nth(n - 2).click();
  await expect.poll(() => page.locator('.lrow.chosen').count()).toBe(3);
  await page.locator('.list .row', { hasText: 'Noah' }).click();
  await page.locator('.chat-name', { hasText: 'Noah' }).waitFor();
  await expect.poll(() => bar(page).count()).toBe(0);
});

test('a picture is part of what is selected, and does not open', async () => {
  const page = await show('hana@example.org');
  const picture = page.locator('.lrow', { has: page.locator('.pic') }).last();
  await picture.locator('.msg').focus();
  await page.keyboard.press('Space');
  await count(page, 1);
  await picture.locator('.pic').click();
  await expect.poll(() => bar(page).count()).toBe(0);
  expect(await page.locator('dialog[open]').count()).toBe(0);
  await picture.locator('.msg').focus();
  await page.keyboard.press('Space');
  await count(page, 1);
  await page.getByRole('button', { name: 'Copy', exact: true }).click();
  await page.locator('.toast', { hasText: 'Message copied' }).waitFor();
  expect(await clipboard(page)).toMatch(/^(?:Photo|Video): http/);
});

test('several are deleted with one question, and nothing is chosen by accident', async () => {
  const page = await show('mia@example.org');
  const before = await page.locator('.msg').count();
  await page.locator('.msg.own').last().focus();
  await page.keyboard.press('Space');
  await count(page, 1);
  await page.locator('.msg.own').nth(-2).click();
  await count(page, 2);
  await page.keyboard.press('Delete');
  await page.getByText('Delete 2 messages?').waitFor();
  // All are mine: they can go everywhere. Escape closes the question and leaves the selection.
  await page.getByRole('button', { name: 'Delete for everyone' }).waitFor();
  await page.keyboard.press('Escape');
  await expect.poll(() => page.locator('dialog[open]').count()).toBe(0);
  await count(page, 2);
  await page.locator('.msg.in').last().click();
  await count(page, 3);
  await bar(page).getByRole('button', { name: 'Delete' }).click();
  await page.getByText('Delete 3 messages?').waitFor();
  expect(await page.getByRole('button', { name: 'Delete for everyone' }).count()).toBe(0);
  await page.getByRole('button', { name: 'Delete for me' }).click();
  await expect.poll(() => page.locator('.msg').count()).toBe(before - 3);
  await expect.poll(() => bar(page).count()).toBe(0);
});

test('with fingers: hold, choose Select, then tap', async () => {
  const page = await show('mia@example.org', 'phone');
  const bubble = page.locator('.msg.in .bubble').last();
  const finger = await page.context().newCDPSession(page);
  const box = (await bubble.boundingBox())!;
  const point = { x: box.x + 20, y: box.y + box.height / 2 };
  await finger.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [point] });
  await page.getByRole('menuitem', { name: 'Select' }).waitFor();
  await finger.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  await still(page);
  await page.getByRole('menuitem', { name: 'Select' }).tap();
  await count(page, 1);
  await expect.poll(() => page.locator('dialog[open]').count()).toBe(0);
  await page.locator('.msg.own').last().tap();
  await count(page, 2);
  await page.locator('.msg.own').last().tap();
  await count(page, 1);
  await page.getByRole('button', { name: 'Stop selecting' }).tap();
  await expect.poll(() => bar(page).count()).toBe(0);
});
