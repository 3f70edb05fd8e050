// The app opens without its server, and a new version of it comes whole or not at all (web/src/sw.ts).

import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, expect, test } from 'vitest';
import { useWorld } from './harness/world.ts';

const BUILT = join(dirname(fileURLToPath(import.meta.url)), '../../web/dist');
const site = mkdtempSync(join(tmpdir(), 'confab-site-'));
cpSync(BUILT, site, { recursive: true, filter: (path) => !/\.(br|gz)$/.test(path) });
afterAll(() => rmSync(site, { recursive: true }));

const world = useWorld({ server: { web_dir: site } });

const shells = (page: Page) => page.evaluate(() => caches.keys());
const kept = (page: Page) => expect.poll(() => page.evaluate(() => !!navigator.serviceWorker.controller)).toBe(true);

/** The same app under other names, as the next version would be. */
function renew(): void {
  const script = readdirSync(join(site, 'assets')).find((name) => /^index-.*\.js$/.test(name))!;
  renameSync(join(site, 'assets', script), join(site, 'assets', 'index-next.js'));
  for (const name of ['index.html', 'sw.js', ...readdirSync(join(site, 'assets')).map((n) => join('assets', n))]) {
    if (!['.html', '.js'].includes(extname(name))) continue;
    const text = readFileSync(join(site, name), 'utf8').replaceAll(script, 'index-next.js');
    // Only the worker's: others say which version of XMPP they speak.
    const next = name === 'sw.js' ? text.replace(/("?version"?:["'`])\w+/, '$1next') : text;
    writeFileSync(join(site, name), next);
  }
}

/** What the page was made of. */
const scripts = (page: Page) =>
  page.evaluate(() => [...document.querySelectorAll('script')].map((s) => new URL(s.src).pathname));

test('the server is away: the app opens with its chats, takes what is written, and sends it later', async () => {
  const [mia, noah] = await world.pair();
  await mia.go('People');
  await mia.chatWith(noah.name);
  await mia.say('while it was there');
  await mia.mark('while it was there', 'delivered');
  await kept(mia.page);
  await world.server.end('SIGTERM');
  await mia.page.reload();
  await mia.sees('while it was there');
  await mia.say('while it was away');
  await mia.mark('while it was away', 'sending');
  await mia.page.goto(mia.link.url); // a new start, not only a reload
  await mia.row(noah.name).waitFor();
  await world.server.launch();
  await mia.chatWith(noah.name);
  await mia.mark('while it was away', 'delivered');
  await noah.go('Chats');
  await noah.chatWith(mia.name);
  expect(await noah.texts()).toEqual(['while it was there', 'while it was away']);
});

test('a new version is fetched behind the old one and is there at the next start', async () => {
  const [mia] = await world.pair();
  await kept(mia.page);
  const before = await shells(mia.page);
  await world.server.end('SIGTERM');
  renew();
  await world.server.launch();
  await mia.page.reload();
  expect(await scripts(mia.page)).not.toContain('/assets/index-next.js');
  await mia.online();
  await expect.poll(() => shells(mia.page)).toEqual([...before, 'shell-next']);
  const settled = async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    return !registration?.installing && !registration?.waiting && registration?.active?.state === 'activated';
  };
  await expect.poll(() => mia.page.evaluate(settled)).toBe(true);
  await mia.page.reload();
  expect(await scripts(mia.page)).toContain('/assets/index-next.js');
  await mia.online();
});

test('nothing but the shell is kept', async () => {
  const [mia] = await world.pair();
  await kept(mia.page);
  await mia.page.evaluate(() => fetch('/.well-known/host-meta.json'));
  const paths = await mia.page.evaluate(async () => {
    const all: string[] = [];
    for (const name of await caches.keys())
      for (const { url } of await (await caches.open(name)).keys()) all.push(new URL(url).pathname);
    return all;
  });
  expect(paths).toContain('/');
  expect(
    paths.filter((p) => !/^\/(assets\/[^/]+|boot\.js|favicon\.svg|logo\.svg|manifest\.webmanifest)?$/.test(p)),
  ).toEqual([]);
});
