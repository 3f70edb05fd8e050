// Files from one person to another through the real server: each kind, at a phone and at a desk, and what happens when
// the way breaks.

import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { png } from '../../web/test/png.ts';
import { slotXml } from '../proto/harness/files.ts';
import { x } from '../proto/harness/xml.ts';
import type { Person } from './harness/person.ts';
import { rawClient } from './harness/seed.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();

const photo = (width: number, height: number) => png(width, height, (x, y) => [x & 255, y & 255, (x * y) & 255]);
const sha = (data: Buffer) => createHash('sha256').update(data).digest('hex');

async function facing(a: Person, b: Person): Promise<void> {
  for (const [who, whom] of [
    [a, b],
    [b, a],
  ] as const) {
    await who.go('People');
    await who.chatWith(whom.name);
  }
}

/** What the other side gets when they save it. */
async function saved(person: Person, name: string): Promise<{ data: Buffer; name: string }> {
  const download = person.page.waitForEvent('download');
  await person.page
    .locator('.filecard .ring', { has: person.page.locator('svg') })
    .last()
    .click();
  const file = await download;
  expect(file.suggestedFilename()).toBe(name);
  return { data: await readFile(await file.path()), name };
}

for (const size of ['phone', 'desktop'] as const)
  test(`photos with a caption, a file and a voice message: ${size}`, async () => {
    const [mia, noah] = await world.pair({ size });
    await mia.go('People');
    await mia.chatWith(noah.name);
    await mia.sendFiles(
      'Photo or video',
      ['a', 'b', 'c'].map((n) => ({ name: `${n}.png`, mimeType: 'image/png', buffer: photo(800, 600) })),
      'Three of them',
    );
    await mia.mark('Three of them', 'delivered');
    await noah.row(mia.name).waitFor();
    await expect.poll(() => noah.row(mia.name).textContent()).toContain('Three of them');
    await noah.chatWith(mia.name);
    await noah.page.locator('.album .pic-full.on').nth(2).waitFor();
    await noah.sees('Three of them');
    await noah.page.locator('.album .tile').first().click();
    await noah.page.locator('.stage img.on').waitFor();
    expect(await noah.page.locator('.stage img').evaluate((img) => (img as HTMLImageElement).naturalWidth)).toBe(800);
    await noah.button('Close').click();

    const bytes = randomBytes(300_000);
    await mia.sendFiles('File', [{ name: 'Übersicht (1).zip', mimeType: 'application/zip', buffer: bytes }]);
    await noah.log.locator('.fname', { hasText: 'Übersicht (1)' }).waitFor();
    expect(sha((await saved(noah, 'Übersicht (1).zip')).data)).toBe(sha(bytes));

    await mia.button('Record a voice message').click();
    await expect.poll(() => mia.page.getByRole('timer').textContent()).toMatch(/0:0[1-9]/);
    await mia.button('Send voice message').click();
    const go = noah.page.locator('.msg.in .voice .go');
    await go.waitFor();
    await go.click();
    // It passes: looked for in the page at every frame.
    await noah.page.waitForFunction(() => document.querySelectorAll('.msg.in .wave i.p').length > 3);
    // What stands in the list is words, not an address.
    if (size === 'phone')
      await noah
        .button('Back')
        .or(noah.page.getByRole('link', { name: /^Back/ }))
        .first()
        .click();
    await noah
      .row(mia.name)
      .locator('.row-text', { hasText: /^Voice message 0:0\d$/ })
      .waitFor();
    await expect.poll(() => noah.page.locator('.app').textContent()).not.toMatch(/\/files\//);
  });

/** A second of a coloured square, as a browser records it. */
const film = async (person: Person): Promise<Buffer> =>
  Buffer.from(
    await person.page.evaluate(async () => {
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [320, 180];
      const context = canvas.getContext('2d')!;
      const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: 'video/webm' });
      const chunks: Blob[] = [];
      recorder.ondataavailable = (event) => chunks.push(event.data);
      const stopped = new Promise((resolve) => {
        recorder.onstop = resolve;
      });
      recorder.start();
      for (let i = 0; i < 20; i++) {
        context.fillStyle = `hsl(${i * 18} 80% 50%)`;
        context.fillRect(0, 0, 320, 180);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      recorder.stop();
      await stopped;
      return [...new Uint8Array(await new Blob(chunks).arrayBuffer())];
    }),
  );

for (const size of ['phone', 'desktop'] as const)
  test(`a video and an animation: ${size}`, async () => {
    const [mia, noah] = await world.pair({ size });
    await facing(mia, noah);
    const gif = Buffer.from('R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs=', 'base64');
    await mia.sendFiles('Photo or video', [{ name: 'cat.gif', mimeType: 'image/gif', buffer: gif }]);
    await noah.page.locator('.msg.in .pic-full.on').waitFor();
    await mia.sendFiles('Photo or video', [{ name: 'boat.webm', mimeType: 'video/webm', buffer: await film(mia) }]);
    await noah.page.locator('.msg.in').getByRole('button', { name: 'Open Video' }).click();
    const video = noah.page.locator('.viewer video');
    await expect.poll(() => video.evaluate((it) => (it as HTMLVideoElement).currentTime)).toBeGreaterThan(0.1);
    await noah.button('Previous').or(noah.page.locator('.strip button').first()).first().click();
    await noah.page.locator('.stage img.on').waitFor();
  });

test('an upload that breaks goes on where it broke, also after a reload', async () => {
  const [mia, noah] = await world.pair();
  await facing(mia, noah);
  const bytes = randomBytes(3_000_000);
  mia.link.breakUploads(1_000_000);
  await mia.sendFiles('File', [{ name: 'film.bin', mimeType: 'application/octet-stream', buffer: bytes }]);
  await expect.poll(() => mia.link.breaks).toBeGreaterThan(0);
  await mia.page.reload();
  await mia.online();
  mia.link.breakUploads(undefined);
  await noah.log.locator('.fname', { hasText: 'film' }).waitFor();
  expect(sha((await saved(noah, 'film.bin')).data)).toBe(sha(bytes));
  await mia.page.locator('.msg.own .mark-read').waitFor();
});

/** What a browser keeps of the last message with a file. */
const lastFile = (person: Person) =>
  person.page.evaluate(
    (name) =>
      new Promise<{ hash?: string; size?: number } | undefined>((resolve, reject) => {
        const opening = indexedDB.open(name);
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const all = opening.result.transaction('messages').objectStore('messages').getAll();
          all.onsuccess = () => {
            opening.result.close();
            resolve(all.result.findLast((it) => it.file)?.file);
          };
        };
      }),
    `confab:${person.jid}`,
  );

test('a large file has its sum, which a worker makes under the rules of the real page', async () => {
  const [mia, noah] = await world.pair();
  await facing(mia, noah);
  const bytes = randomBytes(34_000_000);
  const folder = await mkdtemp(join(tmpdir(), 'confab-film-'));
  await writeFile(join(folder, 'film.bin'), bytes);
  await mia.sendFiles('File', [join(folder, 'film.bin')]);
  await noah.log.locator('.fname', { hasText: 'film' }).waitFor();
  await rm(folder, { recursive: true });
  const told = await lastFile(noah);
  expect(told?.hash).toBe(createHash('sha256').update(bytes).digest('base64'));
  expect(sha((await saved(noah, 'film.bin')).data)).toBe(sha(bytes));
});

test('files wait while offline, keep their order, and can be given up', async () => {
  const [mia, noah] = await world.pair();
  await facing(mia, noah);
  mia.link.breakDown();
  const text = (n: string) => ({ name: `${n}.txt`, mimeType: 'text/plain', buffer: Buffer.from(`text ${n}`) });
  await mia.sendFiles('File', [text('one'), text('two')], 'and words');
  await mia.log.locator('.fsub', { hasText: 'Waiting' }).nth(1).waitFor();
  await mia.page.getByRole('button', { name: /^Cancel sending two/ }).click();
  await mia.log.locator('.fname', { hasText: 'two' }).waitFor({ state: 'detached' });
  mia.link.mend();
  await mia.mark('and words', 'read');
  const order = await noah.log.locator('.fname, .text').allTextContents();
  expect(order.map((it) => it.replace(/\d\d:\d\d.*$/, '').trim())).toEqual(['one.txt', 'and words']);
  await noah.log.getByRole('button', { name: 'Open one.txt' }).click();
  await noah.page.locator('.reader pre', { hasText: 'text one' }).waitFor();
});

test('what an older client sends looks like ours, and nothing moves when more of it is known', {
  timeout: 60_000,
}, async () => {
  const [a, b] = await world.accounts('mia', 'omar');
  await world.befriend(a, b);
  const mia = await world.enter(a, { size: 'phone' });
  const omar = await rawClient(world, b);
  const send = async (name: string, type: string, bytes: Buffer) => {
    const slot = (await omar.get(slotXml(name, bytes.length, type), world.server.domain)).at('slot');
    const path = (el: string, secure: string) => new URL(slot.at(el).need(secure)).pathname;
    const at = `http://127.0.0.1:${world.server.ports.http}${path('put', 'url')}`;
    const answer = await fetch(at, { method: 'PUT', headers: { 'Content-Type': type }, body: new Uint8Array(bytes) });
    expect(answer.status).toBe(201);
    const url = slot.at('get').need('url');
    // No metadata, only the address: so do Profanity, Gajim and Dino.
    omar.send(
      x`<message to='${a.jid}' type='chat' id='${name}'><body>${url}</body><x xmlns='jabber:x:oob'><url>${url}</url></x></message>`,
    );
  };
  await send('list.pdf', 'application/pdf', Buffer.alloc(12_345, 'x'));
  await send('square.png', 'image/png', photo(600, 600));
  await mia.row(b.name).click();
  await mia.log.locator('.fsub', { hasText: 'PDF · 12 kB' }).waitFor();
  const pic = mia.log.locator('.pic');
  await pic.waitFor();
  const before = (await pic.boundingBox())!;
  await mia.log.locator('.pic-full.on').waitFor();
  expect(await pic.boundingBox()).toEqual(before);
  expect(before.width / before.height).toBeCloseTo(4 / 3, 1);
  await expect.poll(() => lastFile(mia)).toMatchObject({ width: 600, height: 600 });
  await mia.page.reload();
  await mia.log.locator('.pic-full.on').waitFor();
  const after = (await pic.boundingBox())!;
  expect(after.width / after.height).toBeCloseTo(1, 1);
  await omar.close();
});
