// The main screens with real content, at three widths, light and dark: nothing overflows, axe finds nothing, and all of
// it can be done without a mouse.

import AxeBuilder from '@axe-core/playwright';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Account } from '../proto/harness/login.ts';
import { SIZES, type Size } from './harness/browser.ts';
import type { Person } from './harness/person.ts';
import { type Line, seed } from './harness/seed.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();
let mia: Account;
let noah: Account;

beforeAll(async () => {
  const [a, b, lena, stranger] = await world.accounts(
    'mia',
    'noah',
    'lena-marie.hohenstein-wittelsbach-of-the-long-names',
    'ask',
  );
  mia = a;
  noah = b;
  await world.befriend(mia, noah);
  await world.befriend(mia, lena);
  const line = (from: Account, to: Account, body: string): Line => ({ from, to, body });
  await seed(world, [
    line(lena, mia, 'שלום, מתי נפגשים?'),
    line(noah, mia, 'Did you see the forecast? https://example.org/a-rather-long-address/that-goes-on?and=on'),
    line(mia, noah, 'Sunny until four.\nThen we should be off the water.'),
    line(noah, mia, '/me packs the bread'),
    line(mia, noah, '🥖🧀'),
    line(noah, mia, 'Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverleihungsurkunde'.repeat(2)),
    ...Array.from({ length: 30 }, (_, i) =>
      line(i % 3 ? mia : noah, i % 3 ? noah : mia, `and another thing, number ${i}`),
    ),
  ]);
  const asks = await world.enter(stranger);
  await asks.go('People');
  await asks.button('Add a contact').last().click();
  await asks.page.getByLabel('Address').fill(mia.name);
  await asks.button('Send request').click();
  await asks.toast('Request sent');
  await world.clear();
});

/** The panes that are wider inside than outside, or stick out of the window. */
const overflow = (person: Person) =>
  person.page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('.list, .main, .details, .signin, .log, .page-scroll')]
      .filter((pane) => pane.offsetParent !== null)
      .filter((pane) => pane.scrollWidth > pane.clientWidth + 1 || pane.getBoundingClientRect().right > innerWidth + 1)
      .map((pane) => pane.className),
  );

/** Which panes one sees side by side. */
const panes = (person: Person) =>
  person.page.evaluate(() =>
    ['list', 'main', 'details'].filter((pane) => {
      const el = document.querySelector<HTMLElement>(`.${pane}`);
      return el !== null && el.offsetParent !== null;
    }),
  );

async function audit(person: Person): Promise<void> {
  const { violations } = await new AxeBuilder({ page: person.page })
    .setLegacyMode(true) // no frames here, so no page of its own
    .withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'])
    .analyze();
  expect(violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html.slice(0, 120)).slice(0, 2)}`)).toEqual(
    [],
  );
  expect(await overflow(person)).toEqual([]);
}

const SEEN: Record<Size, { list: string[]; chat: string[] }> = {
  phone: { list: ['list'], chat: ['main'] },
  tablet: { list: ['list', 'main'], chat: ['list', 'main'] },
  desktop: { list: ['list', 'main'], chat: ['list', 'main', 'details'] },
};

describe.each([
  ['phone', 'light'],
  ['tablet', 'dark'],
  ['desktop', 'light'],
] as const)('%s, %s', (size, theme) => {
  test('the main screens', async () => {
    const person = await world.sit({ size, theme });
    await audit(person);
    await person.signIn(mia.name, mia.password);
    await person.row(noah.name).waitFor();
    await person.page.getByRole('region', { name: /Contact request/ }).waitFor();
    await expect.poll(() => panes(person)).toEqual(SEEN[size].list);
    await audit(person);

    await person.chatWith(noah.name);
    await person.sees('number 29');
    await expect.poll(() => panes(person)).toEqual(SEEN[size].chat);
    await audit(person);
    // The other theme: the same page, other colours, still in order.
    const ground = () => person.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const before = await ground();
    await person.page.emulateMedia({ colorScheme: theme === 'light' ? 'dark' : 'light' });
    await expect.poll(ground).not.toBe(before);
    await audit(person);

    if (size !== 'desktop') {
      await person.button(`${noah.name}: details`).click();
      await person.button('Close details').waitFor();
      await audit(person);
      await person.button('Close details').click();
      // Where one was reading, with all that stood there.
      await person.sees('number 29');
      const drawn = () =>
        person.page.locator('.log').evaluate((log) => {
          const box = log.getBoundingClientRect();
          const rows = [...log.querySelectorAll('.lrow')].map((row) => row.getBoundingClientRect());
          return Math.min(...rows.map((row) => row.top)) - box.top;
        });
      await expect.poll(drawn).toBeLessThan(0);
    }
    if (size === 'phone') {
      await person.page.getByRole('link', { name: 'Back to the list' }).click();
      await expect.poll(() => panes(person)).toEqual(['list']);
    }
    await person.section(size === 'tablet' ? 'Privacy' : 'Account');
    await audit(person);
    const { width, height } = SIZES[size];
    // On its side, or in half a window, nothing breaks either.
    await person.page.setViewportSize({ width: Math.round(width * 0.8), height: Math.round(height * 0.6) });
    await expect.poll(() => overflow(person)).toEqual([]);
  });
});

test('without a mouse: from the door to a sent message, and to what one has not read', async () => {
  const [a, b] = await world.accounts('ann', 'ben');
  await world.befriend(a, b);
  await seed(world, [{ from: b, to: a, body: 'press a key' }]);
  const ann = await world.sit();
  const { keyboard } = ann.page;
  const focus = () =>
    ann.page.evaluate(() => {
      const el = document.activeElement as HTMLElement;
      return (
        el.getAttribute('aria-label') ?? document.querySelector(`label[for="${el.id}"]`)?.textContent ?? el.textContent
      );
    });
  await expect.poll(focus).toBe('Address');
  await keyboard.type(a.name);
  await keyboard.press('Tab');
  await expect.poll(focus).toBe('Password');
  await keyboard.type(a.password);
  await keyboard.press('Enter');
  await ann.signedIn(a.name);
  await ann.row(b.name).locator('.badge').waitFor();

  // From a field that holds something, and as fast as fingers can be.
  await ann.page.getByLabel('Search chats, people and messages').focus();
  await keyboard.press('Control+k');
  await ann.page.locator('dialog input:focus').waitFor();
  await keyboard.type(b.name);
  await keyboard.press('Enter');
  await ann.sees('press a key');
  await expect.poll(focus).toBe(`Message to ${b.name}`);
  await keyboard.type('pressed :rocket');
  await ann.page.locator('.complete').waitFor();
  await keyboard.press('Tab');
  await keyboard.press('Shift+Enter');
  await keyboard.type('two of them');
  await keyboard.press('Enter');
  await ann.mark('two of them', 'sent');
  expect((await ann.texts()).at(-1)).toMatch(/^pressed 🚀 ?\ntwo of them$/);

  // Up into the messages, and the menu of one of them.
  await keyboard.press('F6');
  for (let i = 0; i < 5 && !/^Messages with/.test((await focus()) ?? ''); i++) await keyboard.press('F6');
  await keyboard.press('ArrowUp');
  await expect.poll(focus).toMatch(/^You, .*On the server$/);
  await keyboard.press('ArrowUp');
  await expect.poll(focus).toMatch(new RegExp(`^${b.name}, `));
  await keyboard.press('Enter');
  await ann.page.getByRole('menuitem', { name: 'Copy text' }).waitFor();
  await keyboard.press('Escape');
  await ann.page.getByRole('menu').waitFor({ state: 'detached' });
  await keyboard.press('Escape');
  await expect.poll(focus).toBe(`Message to ${b.name}`);
});
