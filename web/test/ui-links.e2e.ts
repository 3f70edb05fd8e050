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

for (const [size, theme] of [
  ['phone', 'light'],
  ['desktop', 'dark'],
] as const)
  test(`axe finds nothing on what goes along with a link, and the keyboard takes it out: ${size}, ${theme}`, async () => {
    const page = await site.page(size, { colorScheme: theme });
    await page.goto(`${site.url}?#/chat/hana@example.org`, { waitUntil: 'domcontentloaded' });
    const field = page.locator('.composer textarea');
    await field.waitFor();
    await field.evaluate((el: HTMLTextAreaElement) => {
      const data = new DataTransfer();
      data.setData('text/plain', 'https://news.example/lake');
      data.setData('text/x-moz-url', `https://news.example/lake\nThe lake is warm, ${'and deep, '.repeat(20)}`);
      el.focus();
      el.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
      document.execCommand('insertText', false, 'https://news.example/lake');
    });
    const bar = page.locator('.composer .cbar');
    await bar.getByText('The lake is warm').waitFor();
    await still(page);
    expect(await audit(page, '.composer')).toEqual([]);
    if (process.env.CONFAB_SHOTS) await page.screenshot({ path: `${process.env.CONFAB_SHOTS}/link-${size}.png` });
    await page.getByRole('button', { name: 'Send without a preview' }).focus();
    await page.keyboard.press('Enter');
    await bar.waitFor({ state: 'detached' });
    await expect.poll(() => field.evaluate((el) => el === document.activeElement)).toBe(true);
    expect(await field.inputValue()).toBe('https://news.example/lake');
  });
