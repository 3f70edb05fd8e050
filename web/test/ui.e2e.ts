// The views in a real browser, on the made-up store, under the policy of the real server.
import type { BrowserContextOptions, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { SCREENS, SIZES, type Size, still } from './browser.ts';
import { audit, useSite } from './fixture-site.ts';

const site = useSite();

/** Most tests want the same window; making one costs more than what many of them do in it. */
let usual: Page | undefined;

async function newPage(size: Size = 'desktop', options?: BrowserContextOptions): Promise<Page> {
  if (size !== 'desktop' || options) return site.page(size, options);
  usual ??= await site.page(size, {}, true);
  await usual.setViewportSize(SIZES.desktop);
  return usual;
}

async function show(page: Page, query: string, hash: string): Promise<void> {
  await page.goto('about:blank');
  await page.goto(`${site.url}?${query}${hash}`);
  await page.waitForSelector('.app, .signin');
  await still(page);
}

async function focused(page: Page): Promise<string> {
  await still(page);
  return page.evaluate(() => {
    const el = document.activeElement as HTMLElement;
    return el.getAttribute('aria-label') ?? el.textContent?.slice(0, 60) ?? el.tagName;
  });
}
/** A toast goes by itself, unless one points at it: then it stays for as long as a slow machine takes to look at it. */
const holdToast = (page: Page) => page.locator('.toast').last().dispatchEvent('pointerenter');
/** Where a message stands on screen. */
const topOf = (page: Page, key: string) =>
  page.locator(`.lrow[data-key="${key}"]`).evaluate((row) => row.getBoundingClientRect().top);
/** The first message that begins in sight: the one that must not move. */
const firstVisible = (page: Page) =>
  page.locator('.log').evaluate((log) => {
    const { top } = log.getBoundingClientRect();
    const rows = [...log.querySelectorAll<HTMLElement>('.lrow')];
    return rows.find((row) => row.getBoundingClientRect().top >= top)!.dataset.key!;
  });

/** What was just done is on the screen; what it sets going may still be to come. */
const drawn = (page: Page) =>
  page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

/** Those that differ most between a phone in the light and a desktop in the dark: seen in both, the others in one. */
const BOTH = new Set(['signin', 'list', 'chat', 'chat-states', 'people', 'profile']);

describe('accessibility', () => {
  for (const [nth, [size, colorScheme]] of (
    [
      ['phone', 'light'],
      ['desktop', 'dark'],
    ] as const
  ).entries()) {
    test(`axe finds nothing on the screens: ${size}, ${colorScheme}`, async () => {
      const page = await newPage(size, { colorScheme });
      const found: string[] = [];
      for (const [i, [name, query, hash]] of SCREENS.entries()) {
        if (!BOTH.has(name) && i % 2 !== nth) continue;
        await show(page, query, hash);
        for (const it of await audit(page)) found.push(`${name}: ${it}`);
      }
      expect(found).toEqual([]);
    });
  }

  test('axe finds nothing on what floats', async () => {
    const page = await newPage();
    await show(page, '', '#/chat/mia@example.org');
    await page.locator('.msg.own .bubble').first().click({ button: 'right' });
    expect(await audit(page, '.menu')).toEqual([]);
    await page.keyboard.press('Escape');
    await page.locator('.emoji-button').click();
    await page.waitForSelector('.emoji-grid button');
    expect(await audit(page, '.emoji')).toEqual([]);
    await page.keyboard.press('Escape');
    await page.locator('.emoji').waitFor({ state: 'detached' });
    await still(page);
    await page.keyboard.type(':smi');
    await page.waitForSelector('.complete');
    expect(await audit(page, '.composer')).toEqual([]);
    await page.keyboard.press('Control+k');
    expect(await audit(page, 'dialog')).toEqual([]);
    await page.keyboard.press('Escape');
    await page.locator('dialog[open]').waitFor({ state: 'detached' });
    await page.keyboard.press('Control+/');
    expect(await audit(page, 'dialog')).toEqual([]);
    await page.keyboard.press('Escape');
    await page.locator('dialog[open]').waitFor({ state: 'detached' });
    await page.locator('.rail-me').click();
    expect(await audit(page, '.menu')).toEqual([]);
  });
});

describe('the log', () => {
  test('opens at the end, and stays there when a message comes', async () => {
    const page = await newPage();
    await show(page, 'content=full', '#/chat/person0@example.org');
    const atEnd = () => page.locator('.log').evaluate((log) => log.scrollHeight - log.clientHeight - log.scrollTop);
    expect(await atEnd()).toBeLessThan(2);
    await page.evaluate(() => window.fixture.receive('person0@example.org', 'one more'));
    await page.locator('.lrow', { hasText: 'one more' }).waitFor();
    await still(page);
    expect(await atEnd()).toBeLessThan(2);
    await expect.poll(() => page.locator('.lrow').last().textContent()).toContain('one more');
  });

  test('stays at the end while a draft grows, is written on, and goes', async () => {
    const page = await newPage();
    await show(page, '', '#/chat/mia@example.org');
    const field = page.locator('.composer textarea');
    const atEnd = () =>
      page.waitForFunction(() => {
        const log = document.querySelector('.log')!;
        return log.scrollHeight - log.clientHeight - log.scrollTop < 1.5;
      });
    await field.focus();
    const before = await page.locator('.log').evaluate((log) => log.clientHeight);
    await page.keyboard.insertText('a line\n'.repeat(30));
    await page.waitForFunction((was) => document.querySelector('.log')!.clientHeight < was - 200, before);
    await still(page);
    await atEnd();
    await page.keyboard.type('more');
    await still(page);
    await atEnd();
    await field.fill('');
    await page.waitForFunction((was) => document.querySelector('.log')!.clientHeight === was, before);
    await atEnd();
  });

  test('of 100,000 messages draws only what is in sight', async () => {
    const page = await newPage();
    await show(page, 'content=full', '#/chat/person0@example.org');
    await expect.poll(() => page.locator('.lrow').count()).toBeLessThan(120);
    for (const part of [0.5, 0.1, 0.9, 0]) {
      await page.locator('.log').evaluate((log, to) => {
        log.scrollTop = log.scrollHeight * to;
      }, part);
      await still(page);
      await expect.poll(() => page.locator('.lrow').count()).toBeLessThan(160);
      const covered = await page.locator('.log').evaluate((log) => {
        const box = log.getBoundingClientRect();
        const rows = [...log.querySelectorAll('.lrow')].map((row) => row.getBoundingClientRect());
        return {
          top: Math.min(...rows.map((it) => it.top)) - box.top,
          bottom: Math.max(...rows.map((it) => it.bottom)) - box.bottom,
        };
      });
      if (part > 0) expect(covered.top).toBeLessThanOrEqual(0);
      expect(covered.bottom).toBeGreaterThanOrEqual(0);
    }
  });

  test('loads older messages without a jump', async () => {
    const page = await newPage();
    await show(page, 'content=full', '#/chat/person1@example.org');
    const total = () => page.evaluate(() => Number(document.querySelector('.log')!.scrollHeight));
    for (let i = 0; i < 6; i++) {
      await page.locator('.log').evaluate((log) => {
        log.scrollTop = Math.max(30, log.scrollTop - 900);
      });
      await drawn(page);
      const key = await firstVisible(page);
      const before = await topOf(page, key);
      const height = await total();
      await still(page);
      expect(Math.abs((await topOf(page, key)) - before)).toBeLessThan(1.5);
      if (i === 5) expect(height).toBeGreaterThan(4000);
    }
  });

  test('does not pull a reader down, counts what came, and goes there', async () => {
    const page = await newPage();
    await show(page, 'content=full', '#/chat/person0@example.org');
    await page.locator('.log').evaluate((log) => {
      log.scrollTop -= 3000;
    });
    await still(page);
    const key = await firstVisible(page);
    const before = await topOf(page, key);
    await page.evaluate(() => {
      for (let i = 0; i < 3; i++) window.fixture.receive('person0@example.org', `new ${i}`);
    });
    await still(page);
    expect(Math.abs((await topOf(page, key)) - before)).toBeLessThan(1);
    const jump = page.getByRole('button', { name: /newest message, \d+ new/ });
    await jump.click();
    await still(page);
    await expect.poll(() => page.locator('.lrow').last().textContent()).toContain('new 2');
    await expect.poll(() => page.locator('.jump').count()).toBe(0);
  });

  test('opens at the first unread message and tells what has been seen', async () => {
    const page = await newPage();
    await show(page, 'content=full', '#/chat/person2@example.org');
    await page.bringToFront();
    const line = page.locator('.new');
    const box = (await line.boundingBox())!;
    expect(box.y).toBeGreaterThan(60);
    expect(box.y).toBeLessThan(500);
    const seen = await page.evaluate(() => window.fixture.seen.length);
    expect(seen).toBeGreaterThan(0);
    await page.keyboard.press('Escape');
    await still(page);
    expect(await page.evaluate(() => window.fixture.seen.length)).toBeGreaterThan(seen);
    await expect.poll(() => page.locator('.rail-item .badge').first().textContent()).toBeTruthy();
  });

  test('keeps in sight where one stopped reading when nobody looks', async () => {
    const page = await newPage();
    await show(page, '', '#/chat/mia@example.org');
    await page.evaluate(() => {
      document.hasFocus = () => false;
      const seen = window.fixture.seen.length;
      for (let i = 0; i < 40; i++) window.fixture.receive('mia@example.org', `while away ${i}`);
      if (window.fixture.seen.length > seen) throw new Error('said to be seen');
    });
    await still(page);
    expect(await page.title()).toMatch(/^\(42\) Mia/);
    const line = await page.locator('.new').boundingBox();
    expect(line!.y).toBeGreaterThan(60);
    expect(line!.y).toBeLessThan(400);
    await expect.poll(() => page.locator('.new + .msg').textContent()).toContain('while away 0');
  });

  test('keeps its place while the pane changes its width', async () => {
    const page = await newPage('desktop');
    await show(page, 'content=full', '#/chat/person0@example.org');
    await page.locator('.log').evaluate((log) => {
      log.scrollTop -= 5000;
    });
    await still(page);
    const key = await firstVisible(page);
    const before = await topOf(page, key);
    await page.setViewportSize({ width: 700, height: 900 });
    await still(page);
    expect(Math.abs((await topOf(page, key)) - before)).toBeLessThan(2);
  });
});

describe('keyboard only', () => {
  test('finds a person, writes, completes an emoji, sends', async () => {
    const page = await newPage();
    await show(page, '', '#/');
    await page.keyboard.press('Control+k');
    await page.locator('dialog input:focus').waitFor();
    await page.keyboard.type('len');
    await still(page);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.composer textarea');
    await page.keyboard.type('On my way :rocke');
    await page.waitForSelector('.complete');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('Save me a seat');
    await page.keyboard.press('Enter');
    await expect
      .poll(() => page.evaluate(() => window.fixture.sent))
      .toEqual([{ chat: 'lena@example.org', body: 'On my way 🚀 \nSave me a seat' }]);
    await expect.poll(() => page.locator('.composer textarea').inputValue()).toBe('');
    await page.waitForSelector('.lrow:last-child .mark-read');
  });

  test('walks the list by arrows, in and out of a chat', async () => {
    const page = await newPage();
    await show(page, '', '#/');
    await page.locator('.rows-in a').first().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await expect.poll(() => focused(page)).toContain('Lena');
    await page.keyboard.press('End');
    await expect.poll(() => focused(page)).toContain('Paul');
    await page.keyboard.press('Home');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.log');
    await expect.poll(() => focused(page)).toBe('Message to Mia');
    await page.keyboard.press('Alt+ArrowDown');
    await page.waitForFunction(() => location.hash.includes('sofia'));
    await page.keyboard.press('Alt+Shift+ArrowDown');
    await page.waitForFunction(() => location.hash.includes('lena'));
  });

  test('reaches 10,000 people: End, Home and typing', async () => {
    const page = await newPage();
    await show(page, 'content=full', '#/people');
    await expect.poll(() => page.locator('.rows-in li').count()).toBeLessThan(60);
    await page.locator('.rows-in a').first().focus();
    await page.keyboard.press('End');
    await still(page);
    await expect.poll(() => focused(page)).toMatch(/Unblock|Kofi/);
    await page.keyboard.press('p');
    await page.keyboard.type('erson 09999');
    await still(page);
    await expect.poll(() => page.locator('.rows-in a').first().textContent()).toContain('Person 09999');
  });

  test('walks the messages, opens the menu of one, and comes back', async () => {
    const page = await newPage();
    await show(page, '', '#/chat/mia@example.org');
    await page.locator('.log').focus();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await expect.poll(() => focused(page)).toBe('You, 06:43, Delivered');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[role="menu"]');
    await expect.poll(() => focused(page)).toContain('Reply');
    // The row of reactions stands over it.
    await page.keyboard.press('ArrowUp');
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label')))
      .toBe('React with 👍');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowDown');
    await expect.poll(() => focused(page)).toContain('Reply');
    await page.keyboard.press('Escape');
    await expect.poll(() => focused(page)).toBe('You, 06:43, Delivered');
    await page.keyboard.press('Escape');
    await expect.poll(() => focused(page)).toBe('Message to Mia');
  });

  test('F6 goes round the areas, and no field is a trap', async () => {
    const page = await newPage();
    await show(page, '', '#/chat/mia@example.org');
    const places: string[] = [];
    for (let i = 0; i < 6; i++) {
      await page.keyboard.press('F6');
      await still(page);
      places.push(
        await page.evaluate(
          () => document.activeElement!.closest('.rail, .list, .log, .composer, .details')?.className ?? '',
        ),
      );
    }
    expect(new Set(places).size).toBe(5);
    await page.locator('.composer textarea').focus();
    await page.keyboard.press('Tab');
    await expect.poll(() => focused(page)).toBe('Emoji');
  });
});

describe('nothing that was typed is lost', () => {
  test('drafts stay with their chats', async () => {
    const page = await newPage();
    await show(page, '', '#/chat/mia@example.org');
    await page.keyboard.type('half a thought');
    await page.keyboard.press('Alt+ArrowDown');
    await page.waitForFunction(() => location.hash.includes('sofia'));
    await still(page);
    await expect.poll(() => page.locator('.composer textarea').inputValue()).toBe('');
    await expect.poll(() => page.locator('.rows-in').textContent()).toContain('Draft: half a thought');
    await page.keyboard.press('Alt+ArrowUp');
    await page.waitForFunction(() => location.hash.includes('mia'));
    await still(page);
    await expect.poll(() => page.locator('.composer textarea').inputValue()).toBe('half a thought');
  });

  test('a message that the store refuses comes back', async () => {
    const page = await newPage();
    await show(page, '', '#/chat/mia@example.org');
    await page.evaluate(() => {
      window.fixture.session.value!.send = () => Promise.reject(new Error('full'));
    });
    await page.keyboard.type('keep me');
    await page.keyboard.press('Enter');
    await page.locator('.toast').waitFor();
    await expect.poll(() => page.locator('.composer textarea').inputValue()).toBe('keep me');
  });
});

describe('the connection', () => {
  test.each([
    ['offline', 'Offline'],
    ['ended', 'Signed out'],
  ])('%s: the list says so, and nobody is shown as there, oneself neither', async (state, title) => {
    const page = await newPage();
    await show(page, `connection=${state}`, '#/chat/mia@example.org');
    await expect.poll(() => page.locator('.list h2').textContent()).toBe(title);
    await expect.poll(() => page.locator('.presence').count()).toBe(0);
    await expect.poll(() => page.locator('.rail-me').getAttribute('aria-label')).toContain('offline');
  });
});

describe('on a phone', () => {
  test.each(['offline', 'waiting', 'ended'])(
    'the word about the connection covers nothing that one uses: %s',
    async (state) => {
      const page = await newPage('phone');
      await show(page, `connection=${state}`, '#/');
      if (state === 'ended') await page.getByRole('button', { name: 'Close' }).click();
      await still(page);
      const pill = (await page.locator('.banner').boundingBox())!;
      for (const of of ['.list .search', '.list .bar', '.rail']) {
        const it = (await page.locator(of).first().boundingBox())!;
        expect([of, pill.y >= it.y + it.height || pill.y + pill.height <= it.y]).toEqual([of, true]);
      }
    },
  );

  test('a choice of the settings stands under the words that it belongs to', async () => {
    const page = await newPage('phone');
    await show(page, '', '#/settings/chats');
    const words = (await page.locator('.set.stack-sm b').first().boundingBox())!;
    const choice = (await page.locator('.set.stack-sm select').first().boundingBox())!;
    expect(Math.abs(choice.x - words.x)).toBeLessThan(1);
  });
});

describe('toasts', () => {
  test.each(['phone', 'tablet', 'desktop'] as const)('do not cover what one writes: %s', async (size) => {
    const page = await newPage(size);
    await show(page, '', '#/chat/mia@example.org');
    if (size === 'phone') await page.getByRole('button', { name: /: details$/ }).click();
    else if (size === 'tablet') await page.getByRole('button', { name: 'Show details' }).click();
    await page.getByRole('button', { name: 'Block Mia' }).click();
    const toast = page.locator('.toast');
    await toast.waitFor();
    await holdToast(page);
    await page.evaluate(() => {
      location.hash = '#/chat/sofia@example.net';
    });
    await page.locator('.composer .box').waitFor();
    await still(page);
    const above = (await toast.boundingBox())!;
    const field = (await page.locator('.composer .box').boundingBox())!;
    const apart =
      above.x + above.width <= field.x || above.y + above.height <= field.y || above.x >= field.x + field.width;
    expect(apart).toBe(true);
    expect(above.x >= 0 && above.x + above.width <= SIZES[size].width).toBe(true);
  });

  test('what only says that something was done goes when one sends; what can be undone stays', async () => {
    const page = await newPage();
    await show(page, '', '#/chat/mia@example.org');
    await page.getByRole('button', { name: 'Remove Mia' }).click();
    await page.getByRole('button', { name: 'Undo' }).waitFor();
    await holdToast(page);
    await page.getByRole('link', { name: 'People' }).click();
    await page.getByRole('button', { name: 'Add a contact' }).click();
    await page.getByLabel('Address').fill('new@example.org');
    await page.getByRole('button', { name: 'Send request' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.toast').length === 2);
    await page.locator('.composer textarea').fill('and on');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelectorAll('.toast').length === 1);
    await page.getByRole('button', { name: 'Undo' }).waitFor();
  });
});

describe('people', () => {
  test('the details keep their width, however little they say', async () => {
    const page = await newPage();
    await show(page, '', '#/chat/mia@example.org');
    const edge = () =>
      page.evaluate(() => [
        document.querySelector('.main')!.getBoundingClientRect().right,
        document.querySelector('.details')!.getBoundingClientRect().left,
      ]);
    const [end, begin] = await edge();
    expect(begin).toBe(end);
    await page.getByRole('button', { name: 'Block Mia' }).click();
    await page.getByRole('button', { name: 'Unblock Mia' }).waitFor();
    await still(page);
    expect(await edge()).toEqual([end, end]);
  });

  test('an answered request says where the person is, and the focus stays in the list', async () => {
    const page = await newPage();
    await show(page, '', '#/');
    const card = page.locator('.list .request').first();
    const name = (await card.locator('bdi').textContent())!;
    await card.getByRole('button', { name: 'Accept' }).focus();
    await page.keyboard.press('Enter');
    await page.locator('.toast', { hasText: `${name} is now among your contacts` }).waitFor();
    await holdToast(page);
    await page.waitForFunction(() => document.activeElement?.closest('.list'));
    await page.getByRole('button', { name: 'Write' }).click();
    await page.locator('.composer textarea').waitFor();
    await expect.poll(() => page.locator('.chat-name').textContent()).toBe(name);
  });

  test('removing can be undone', async () => {
    const page = await newPage();
    await show(page, '', '#/chat/mia@example.org');
    await page.getByRole('button', { name: 'Remove Mia' }).click();
    await page.getByRole('button', { name: 'Undo' }).waitFor();
    await holdToast(page);
    await page.getByRole('link', { name: 'People' }).click();
    await still(page);
    await expect.poll(() => page.locator('.rows-in').textContent()).not.toContain('Mia');
    await page.getByRole('button', { name: 'Undo' }).click();
    await expect.poll(() => page.locator('.rows-in').textContent()).toContain('Mia');
  });

  test('errors stand at the field', async () => {
    const page = await newPage('phone');
    await show(page, 'signedin=0', '');
    await page.getByLabel('Address').fill('mia');
    await page.getByRole('textbox', { name: 'Password' }).fill('wrong');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.err-text');
    const field = page.getByRole('textbox', { name: 'Password' });
    await expect.poll(() => field.getAttribute('aria-invalid')).toBe('true');
    const note = await field.getAttribute('aria-describedby');
    await expect.poll(() => page.locator(`[id="${note}"]`).textContent()).toContain('does not fit');
  });
});

describe('three widths', () => {
  test('phone: Back leads from details to chat to list', async () => {
    const page = await newPage('phone');
    await show(page, '', '#/');
    await page.getByRole('link', { name: /Mia/ }).click();
    await page.getByRole('button', { name: 'Mia: details' }).click();
    await still(page);
    await expect.poll(() => page.locator('.details').isVisible()).toBe(true);
    await expect.poll(() => page.locator('.main').isVisible()).toBe(false);
    await page.goBack();
    await still(page);
    await expect.poll(() => page.locator('.main').isVisible()).toBe(true);
    await page.getByRole('link', { name: 'Back to the list' }).click();
    await page.waitForFunction(() => document.querySelector('.app')?.getAttribute('data-view') === 'list');
    await expect.poll(() => page.locator('.list').isVisible()).toBe(true);
    await expect.poll(() => focused(page)).toContain('Mia');
  });

  test('text of 200 % is a smaller window, and nothing overflows sideways', async () => {
    const page = await newPage('tablet');
    await show(page, 'text=200', '#/chat/mia@example.org');
    await expect.poll(() => page.locator('.list').isVisible()).toBe(false);
    for (const [name, query, hash] of SCREENS) {
      // The settings are one page in six variants; the longest words are in these.
      if (/^(appearance|chats-settings|keyboard|text200.*)$/.test(name)) continue;
      await show(page, `${query}&text=200`, hash);
      const wide = await page.evaluate(() =>
        [...document.querySelectorAll('.list, .main, .details, .signin')]
          .filter((pane) => pane.scrollWidth > pane.clientWidth + 1)
          .map((pane) => pane.className),
      );
      expect(wide, name).toEqual([]);
    }
  });
});

test('the theme is there before the first paint', async () => {
  const page = await newPage('desktop', {});
  await show(page, '', '#/settings/appearance');
  await page.getByText('Dark', { exact: true }).click();
  await page.waitForFunction(() => document.documentElement.dataset.theme === 'dark');
  const kept = () => page.evaluate(() => JSON.parse(localStorage.getItem('confab:look') ?? '{}').theme as string);
  await expect.poll(kept).toBe('dark');
  // The next page has no stored settings of its own; what boot.js reads is enough.
  await page.route('**/assets/*.js', (route) => route.abort());
  await page.goto(`${site.url}?`);
  expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark');
  // The script that we cut off is the one complaint to expect.
  expect(site.errors.splice(0).every((line) => line.includes('ERR_FAILED'))).toBe(true);
});

test('a dialog that is opened for the first time takes the keys that are pressed in that moment', async () => {
  const page = await site.page('desktop');
  const fetched: string[] = [];
  page.on('response', (response) => fetched.push(response.url()));
  await page.goto(`${site.url}?#/people`, { waitUntil: 'domcontentloaded' });
  await expect.poll(() => fetched.some((url) => url.includes('add-form'))).toBe(true);
  await page.waitForLoadState('networkidle');
  await page.getByRole('button', { name: 'Add a contact' }).first().focus();
  await page.evaluate(() => {
    (document.activeElement as HTMLElement).click();
  });
  await page.keyboard.type('zoe@example.org', { delay: 0 });
  expect(await page.getByLabel('Address').inputValue()).toBe('zoe@example.org');
});
