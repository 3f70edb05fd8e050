// How one shows oneself: picture, name and a few words, set here and seen there; and what other programs show.

import AxeBuilder from '@axe-core/playwright';
import type { Locator, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { png } from '../../web/test/png.ts';
import type { Person } from './harness/person.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();

/** Left half red, right half blue. */
const photo = (width: number, height: number) =>
  png(width, height, (x) => (x < width / 2 ? [200, 30, 30] : [30, 60, 200]));
const file = (buffer: Buffer, name = 'me.png', mimeType = 'image/png') => ({ name, mimeType, buffer });

async function choose(person: Person, button: string | RegExp, what = file(photo(1200, 800))): Promise<void> {
  const chooser = person.page.waitForEvent('filechooser');
  await person.button(button).click();
  await (await chooser).setFiles(what);
}

const crop = (person: Person) => person.page.getByRole('dialog', { name: 'Your picture' });

async function you(person: Person): Promise<void> {
  await person.go('Settings');
  await person.page.getByRole('navigation', { name: 'Sections of the settings' }).getByRole('link').first().click();
}

async function setPicture(person: Person): Promise<void> {
  await choose(person, /a picture$|^Change picture/);
  await crop(person).locator('.crop img.on').waitFor();
  await person.button('Use this picture').click();
  await crop(person).waitFor({ state: 'detached' });
}

/** The red part of what is shown, from 0 to 1. */
const redness = (picture: Locator): Promise<number> =>
  picture.evaluate(async (img: HTMLImageElement) => {
    await img.decode();
    const canvas = new OffscreenCanvas(32, 32);
    const context = canvas.getContext('2d')!;
    context.drawImage(img, 0, 0, 32, 32);
    const { data } = context.getImageData(0, 0, 32, 32);
    let red = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i]! > data[i + 2]!) red++;
    return red / 1024;
  });

/** How often the page asks for bytes of pictures from now on. */
function countFetches(page: Page): { n: number } {
  const count = { n: 0 };
  page.on('websocket', (socket) => {
    socket.on('framesent', ({ payload }) => {
      const text = String(payload);
      if (text.includes('urn:xmpp:avatar:data') || text.includes('vcard-temp')) count.n++;
    });
  });
  return count;
}

async function accessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .setLegacyMode(true) // no frames here, so no page of its own
    .withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'])
    .analyze();
  expect(violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html.slice(0, 120)).slice(0, 2)}`)).toEqual(
    [],
  );
}

test('picture, name and words: set by one, seen by the other, still there after a reload, and gone again', async () => {
  const [mia, noah] = await world.pair();
  await noah.go('People');
  await noah.chatWith(mia.name);
  const header = noah.page.locator('.chat-bar .avatar img');
  const row = noah.page.locator('.list .row .avatar img');

  await you(mia);
  await setPicture(mia);
  await mia.page.locator('.me-card .avatar img').waitFor();
  await header.waitFor();
  await row.waitFor();
  expect(await redness(header)).toBeCloseTo(0.5, 1);

  await mia.page.getByLabel('Name', { exact: true }).fill('Mia Berg');
  await mia.page.getByLabel('About you').fill('Boats and bread.\nMost days.');
  await mia.button('Save').first().click();
  await mia.toast('Saved');
  await noah.page.locator('.chat-name', { hasText: 'Mia Berg' }).waitFor();
  await noah.row('Mia Berg').waitFor();
  await accessible(mia.page);

  // The details ask when they are opened.
  await noah.page.reload();
  await noah.online();
  await noah.page.locator('.hero-about', { hasText: 'Boats and bread.' }).waitFor();
  const fetches = countFetches(noah.page);
  await noah.page.reload();
  await noah.online();
  await header.waitFor();
  await noah.page.locator('.hero img').waitFor();
  await accessible(noah.page);

  await noah.button('Show the picture of Mia Berg').click();
  await noah.page.locator('.viewer .stage img.on').waitFor();
  await noah.page.keyboard.press('Escape');
  await noah.page.locator('.viewer').waitFor({ state: 'detached' });

  // What I call somebody stays mine.
  await noah.button('Rename').click();
  await noah.page.getByLabel('Name', { exact: true }).fill('Mia from the lake');
  await noah.button('Save').click();
  await noah.row('Mia from the lake').waitFor();
  await noah.page.getByText('Calls themselves Mia Berg').waitFor();
  expect(fetches.n).toBe(0);

  await mia.button('Remove picture').click();
  await mia.toast('Your picture is removed');
  await header.waitFor({ state: 'detached' });
  await row.waitFor({ state: 'detached' });
  await mia.page.getByLabel('Name', { exact: true }).fill('');
  await mia.page.getByLabel('About you').fill('');
  await mia.button('Save').first().click();
  await noah.page.getByText('Calls themselves').waitFor({ state: 'detached' });
  await noah.page.reload();
  await noah.online();
  await noah.page.locator('.hero-about').waitFor({ state: 'detached' });
});

test('who is blocked has no picture, and a new one takes the place of the old', async () => {
  const [mia, noah] = await world.pair();
  await noah.go('People');
  await noah.chatWith(mia.name);
  await you(mia);
  await setPicture(mia);
  const header = noah.page.locator('.chat-bar .avatar img');
  await header.waitFor();
  await noah.button(/^Block /).click();
  await header.waitFor({ state: 'detached' });
  await noah.button(/^Unblock /).click();
  await header.waitFor();
  // Another picture comes in the place of the first.
  await choose(mia, 'Change picture', file(png(300, 300, () => [220, 20, 20])));
  await crop(mia).locator('.crop img.on').waitFor();
  await mia.button('Use this picture').click();
  await expect.poll(() => redness(header)).toBeGreaterThan(0.95);
});

test('by keys alone, and what is no picture is refused', async () => {
  const [mia] = await world.accounts('mia');
  const person = await world.enter(mia, { size: 'phone' });
  await you(person);
  await choose(
    person,
    'Choose a picture',
    file(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'a.svg', 'image/svg+xml'),
  );
  await person.toast('cannot be read here');
  await choose(person, 'Choose a picture', file(Buffer.from('no picture at all'), 'a.jpg', 'image/jpeg'));
  await crop(person).getByRole('alert').waitFor();
  await person.page.keyboard.press('Escape');
  await crop(person).waitFor({ state: 'detached' });

  await choose(person, 'Choose a picture');
  await crop(person).locator('.crop img.on').waitFor();
  await accessible(person.page);
  const stage = crop(person).getByRole('group');
  await expect.poll(() => stage.evaluate((it) => it === document.activeElement)).toBe(true);
  // To the left end: only red.
  for (let i = 0; i < 12; i++) await person.page.keyboard.press('ArrowRight');
  for (let i = 0; i < 6; i++) await person.page.keyboard.press('+');
  await expect.poll(() => crop(person).getByRole('slider').inputValue()).toBe('300');
  for (let i = 0; i < 40; i++) await person.page.keyboard.press('ArrowRight');
  await person.page.keyboard.press('Enter');
  await person.button('Use this picture').focus();
  await person.page.keyboard.press('Enter');
  await crop(person).waitFor({ state: 'detached' });
  const mine = person.page.locator('.me-card .avatar img');
  await mine.waitFor();
  expect(await redness(mine)).toBe(1);
});

test('without a connection it says so, and keeps what was typed', async () => {
  const [mia] = await world.pair();
  await you(mia);
  const name = mia.page.getByLabel('Name', { exact: true });
  await name.fill('Mia Berg');
  mia.link.breakDown();
  await mia.page.locator('.app.away').waitFor();
  await mia.button('Save').first().click();
  await mia.page.getByRole('alert').waitFor();
  await expect.poll(() => name.inputValue()).toBe('Mia Berg');
  mia.link.mend();
  await mia.online();
  await mia.button('Save').first().click();
  await mia.toast('Saved');
});
