// What a sender says of a link, in the views on the made-up store.
import { expect, test } from 'vitest';
import { still } from './browser.ts';
import { audit, useSite } from './fixture-site.ts';

const site = useSite();

for (const theme of ['light', 'dark'] as const)
  test(`axe finds nothing on a preview, and it can be switched off by keys: ${theme}`, async () => {
    const page = await site.page('desktop', { colorScheme: theme });
    await page.goto(`${site.url}?#/chat/hana@example.org`, { waitUntil: 'domcontentloaded' });
    await page.locator('.link-card').waitFor();
    await still(page);
    expect(await audit(page, '.msg:has(.link-card)')).toEqual([]);
    expect(await page.locator('.link-card').getAttribute('rel')).toBe('noopener noreferrer nofollow');
    await page.goto(`${site.url}?#/settings/chats`);
    const previews = page.getByRole('switch', { name: 'Link previews' });
    await previews.focus();
    await page.keyboard.press('Space');
    await expect.poll(() => previews.getAttribute('aria-checked')).toBe('false');
    expect(await audit(page, '.page')).toEqual([]);
    await page.evaluate(() => {
      location.hash = '#/chat/hana@example.org';
    });
    await page.locator('.msg', { hasText: 'All of it, at last' }).waitFor();
    expect(await page.locator('.link-card').count()).toBe(0);
  });
