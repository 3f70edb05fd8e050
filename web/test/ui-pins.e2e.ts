// Pinned messages in the views on the made-up store: by keys alone, several of them, and what axe says.
import { expect, test } from 'vitest';
import { still } from './browser.ts';
import { audit, useSite } from './fixture-site.ts';

const site = useSite();

for (const theme of ['light', 'dark'] as const)
  test(`by keys alone: pinned, gone to, one after another, and unpinned: ${theme}`, async () => {
    const page = await site.page('desktop', { colorScheme: theme });
    await page.goto(`${site.url}?#/chat/mia@example.org`, { waitUntil: 'domcontentloaded' });
    await page.waitForSelector('.msg .bubble');
    await still(page);
    const pin = async (i: number) => {
      await page.locator('.msg').nth(i).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('menuitem', { name: 'Pin', exact: true }).waitFor();
      await page.keyboard.type('p');
      await page.keyboard.press('Enter');
    };
    const go = page.locator('.pin-go');
    await pin(1);
    await go.getByText('Pinned message', { exact: true }).waitFor();
    await pin(3);
    await go.getByText('Pinned message 2 of 2').waitFor();
    await still(page);
    expect(await audit(page, '.main')).toEqual([]);
    const words = await page.locator('.msg').nth(3).locator('.text').textContent();
    await go.focus();
    await page.keyboard.press('Enter');
    const focused = () => page.evaluate(() => document.activeElement?.querySelector('.text')?.textContent);
    await expect.poll(focused).toBe(words);
    await go.getByText('Pinned message 1 of 2').waitFor();
    await page.getByRole('button', { name: 'Pinned message: more' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('menuitem', { name: 'Unpin', exact: true }).click();
    await page.locator('.toast', { hasText: 'Message unpinned' }).waitFor();
    await go.getByText('Pinned message', { exact: true }).waitFor();
    await page.locator('.msg').nth(3).locator('.bubble').click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Unpin', exact: true }).click();
    await expect.poll(() => page.locator('.pin-bar').count()).toBe(0);
  });
