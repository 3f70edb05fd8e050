// Files in the views, on the made-up store: picked, pasted, dropped, shown, and not loaded from where nobody asked.
import type { BrowserContextOptions, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { type Size, still } from './browser.ts';
import { audit, useSite } from './fixture-site.ts';
import { png } from './png.ts';

const site = useSite();

async function show(
  query: string,
  chat: string,
  size: Size = 'desktop',
  options?: BrowserContextOptions,
  prepare: (page: Page) => Promise<unknown> = async () => {},
): Promise<Page> {
  const page = await site.page(size, options);
  await prepare(page);
  await page.goto(`${site.url}?${query}#/chat/${chat}`, { waitUntil: 'domcontentloaded' });
  await page.waitForSelector('.app');
  return page;
}

const sentFiles = (page: Page) => page.evaluate(() => window.fixture.sentFiles);
const photo = (width: number, height: number) =>
  png(width, height, (x, y) => [x & 255, y & 255, (x * y) & 255], [
    ['tEXt', Buffer.from('GPS\0here and nowhere else')],
  ]);
const file = (name: string, mimeType: string, buffer: Buffer) => ({ name, mimeType, buffer });

async function pick(page: Page, what: string, files: ReturnType<typeof file>[]): Promise<void> {
  await page.getByRole('button', { name: 'Attach' }).click();
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('menuitem', { name: what }).click();
  await (await chooser).setFiles(files);
}

for (const size of ['phone', 'desktop'] as const)
  test(`several at once, with a caption: ${size}`, async () => {
    const page = await show('', 'mia@example.org', size);
    await pick(page, 'Photo or video', [
      file('IMG_1.png', 'image/png', photo(3000, 1500)),
      file('IMG_2.png', 'image/png', photo(300, 400)),
    ]);
    await pick(page, 'File', [file('list.pdf', 'application/pdf', Buffer.from('%PDF-1.4'))]);
    await expect.poll(() => page.locator('.thumb').count()).toBe(3);
    expect(await audit(page, '.composer')).toEqual([]);
    await page.getByRole('button', { name: 'Remove IMG_2.png' }).click();
    await page.locator('.composer textarea').fill('From last year');
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.locator('.msg.own .pic').last().waitFor();
    await page.locator('.msg.own', { hasText: 'From last year' }).waitFor();
    await expect.poll(() => page.locator('.thumb').count()).toBe(0);
    await expect.poll(() => page.locator('.composer textarea').inputValue()).toBe('');
    const [first, second] = await sentFiles(page);
    expect(first!.info).toMatchObject({ width: 2048, height: 1024 });
    expect(first!.info.thumb).toMatch(/^data:image\/jpeg;base64,/);
    expect(first!.info.thumb!.length).toBeLessThan(2500);
    // What the camera noted stays here.
    expect(Buffer.from(first!.bytes).includes('GPS')).toBe(false);
    expect(second!.info).toMatchObject({ name: 'list.pdf', type: 'application/pdf' });
    // As high on screen as the picture is, at once.
    const box = (await page.locator('.msg.own .pic').last().boundingBox())!;
    expect(box.width / box.height).toBeCloseTo(2, 1);
  });

test('the original on request, and what moves as it is', async () => {
  const page = await show('', 'mia@example.org');
  const original = photo(2400, 100);
  await pick(page, 'Photo or video', [file('IMG_1.png', 'image/png', original)]);
  await page.getByLabel(/original size/).check();
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await expect.poll(async () => (await sentFiles(page)).length).toBe(1);
  expect((await sentFiles(page))[0]).toMatchObject({ size: original.length, info: { width: 2400, name: 'IMG_1.png' } });
  // The choice was for those.
  const gif = Buffer.from('R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs=', 'base64');
  await pick(page, 'Photo or video', [file('cat.gif', 'image/gif', gif)]);
  await page.locator('.thumb').waitFor();
  await expect.poll(() => page.getByLabel(/original size/).count()).toBe(0);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await expect.poll(async () => (await sentFiles(page)).length).toBe(2);
  expect((await sentFiles(page))[1]).toMatchObject({ size: gif.length, info: { type: 'image/gif', name: 'cat.gif' } });
});

test('a film goes without its place, unless it is wanted as it is; what cannot be judged is said before', async () => {
  const page = await show('', 'mia@example.org');
  const box = (type: string, body: Buffer) => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(body.length + 8);
    head.write(type, 4, 'latin1');
    return Buffer.concat([head, body]);
  };
  const place = '+48.8577+002.295/';
  const where = box('moov', box('udta', box('\u00a9xyz', Buffer.from(place))));
  const film = Buffer.concat([box('ftyp', Buffer.from('isom')), where]);
  await pick(page, 'Photo or video', [file('film.mp4', 'video/mp4', film)]);
  await page.getByText('Where they were taken is removed').waitFor();
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await expect.poll(async () => (await sentFiles(page)).length).toBe(1);
  await pick(page, 'Photo or video', [file('film.mp4', 'video/mp4', film)]);
  await page.getByLabel('Send videos unchanged').check();
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await expect.poll(async () => (await sentFiles(page)).length).toBe(2);
  const [clean, whole] = (await sentFiles(page)).map((it) => Buffer.from(it.bytes));
  expect(clean!.length).toBe(film.length);
  expect(clean!.includes(place)).toBe(false);
  expect(whole!.equals(film)).toBe(true);
  await pick(page, 'File', [file('scan.tiff', 'image/tiff', Buffer.from(`II*\0 ${place}`))]);
  await page.getByText('“scan.tiff” may say where it was taken.').waitFor();
  expect(await audit(page, '.composer')).toEqual([]);
});

test('pasted and dropped', async () => {
  const page = await show('', 'mia@example.org');
  const give = (kind: 'paste' | 'drop', name: string, text = '') =>
    page.evaluate(
      ([kind, name, text]) => {
        const data = new DataTransfer();
        data.items.add(new File(['some bytes'], name!, { type: 'application/zip' }));
        if (text) data.setData('text/plain', text);
        const target = document.querySelector(kind === 'paste' ? '.composer textarea' : '.log')!;
        const init = { bubbles: true, cancelable: true };
        if (kind === 'paste') target.dispatchEvent(new ClipboardEvent('paste', { ...init, clipboardData: data }));
        else
          for (const type of ['dragenter', 'dragover', 'drop'])
            target.dispatchEvent(new DragEvent(type, { ...init, dataTransfer: data }));
      },
      [kind, name, text],
    );
  await give('paste', 'pasted.zip');
  await give('drop', 'dropped.zip');
  // Copied text that brings a picture of itself is text.
  await give('paste', 'text.zip', 'hello');
  await expect
    .poll(() => page.locator('.thumb').allTextContents())
    .toEqual(['pasted.zip10 bytes', 'dropped.zip10 bytes']);
  await expect.poll(() => page.locator('.drop').count()).toBe(0);
  // They wait in their chat.
  await page.goto(`${site.url}#/chat/lena@example.org`);
  await page.locator('.chat-name', { hasText: 'Lena' }).waitFor();
  await expect.poll(() => page.locator('.thumb').count()).toBe(0);
});

test('the limit is said before anything is sent', async () => {
  const page = await show('max=1000', 'mia@example.org');
  await page.getByRole('button', { name: 'Attach' }).click();
  await page.getByText('Each file may have up to 1 kB.').waitFor();
  await page.keyboard.press('Escape');
  await pick(page, 'File', [file('big.zip', 'application/zip', Buffer.alloc(2400))]);
  await page
    .locator('.toast', { hasText: '“big.zip” is too large (2 kB). A file may have up to 1 kB here.' })
    .waitFor();
  await expect.poll(() => page.locator('.thumb').count()).toBe(0);
  const none = await show('max=0', 'mia@example.org');
  await none.getByRole('button', { name: 'Attach' }).click();
  await none.locator('.toast', { hasText: 'does not take files' }).waitFor();
});

test('an upload shows how far it is, and can be stopped', async () => {
  const page = await show('stuck=1', 'mia@example.org');
  await pick(page, 'File', [file('a.zip', 'application/zip', Buffer.alloc(3_000_000, 'x'))]);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await page.locator('.fsub', { hasText: '1 MB of 3 MB' }).waitFor();
  await page.locator('.msg.own .mark-sending').waitFor();
  await page.getByRole('button', { name: 'Cancel sending a.zip, 33 % done' }).click();
  await page.locator('.fsub', { hasText: '1 MB of 3 MB' }).waitFor({ state: 'detached' });
});

test('a stranger’s picture from elsewhere is loaded when one asks for it, never before', async () => {
  const asked: string[] = [];
  const page = await show('', 'unknown@elsewhere.example', 'desktop', {}, (page) =>
    page.route('https://elsewhere.example/**', (route) => {
      asked.push(route.request().url());
      expect(route.request().headers().referer).toBeUndefined();
      return route.fulfill({ contentType: 'image/png', body: photo(30, 20) });
    }),
  );
  const ask = page.locator('.msg').getByRole('button', { name: 'Load Photo, 310 kB' });
  await ask.waitFor();
  await still(page);
  // All that the views had to do is done: no picture stands there, and none was asked for.
  await expect.poll(() => page.locator('.msg img[src*="elsewhere.example"]').count()).toBe(0);
  expect(asked).toEqual([]);
  await ask.click();
  await page.locator('.msg .pic-full.on').waitFor();
  expect(asked).toEqual(['https://elsewhere.example/pictures/look.jpg']);
});

test('nothing moves while pictures load, and addresses are nowhere to be read', async () => {
  let letGo = () => {};
  const free = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const page = await show('', 'hana@example.org', 'phone', {}, (page) =>
    page.route('**/made/**', (route) => free.then(() => route.continue())),
  );
  await page.locator('.msg').first().waitFor();
  await still(page);
  const before = await page.locator('.log').evaluate((log) => log.scrollHeight);
  letGo();
  await expect.poll(() => page.locator('.pic-gone').count()).toBe(1);
  expect(await page.locator('.log').evaluate((log) => log.scrollHeight)).toBe(before);
  await expect.poll(() => page.locator('.app').textContent()).not.toMatch(/\/made\/|elsewhere\.example\/pic/);
  await page.locator('.log').evaluate((log) => log.scrollTo(0, 0));
  await page.locator('.album .pic-full.on').first().waitFor();
  await expect.poll(() => page.locator('.album .cell').count()).toBe(5);
  await expect.poll(() => page.locator('.album .more-n').textContent()).toBe('+2');
  expect(await audit(page, '.log')).toEqual([]);
});

test('a card holds together in very large text, and its name keeps its end when all else is mirrored', async () => {
  const large = await show('text=200', 'hana@example.org', 'phone');
  const facts = large.locator('.fsub', { hasText: 'ZIP' });
  // Four characters' worth at least: one line or two, not a column of letters.
  expect((await facts.boundingBox())!.height).toBeLessThan(100);
  const page = await show('dir=rtl', 'hana@example.org', 'phone');
  const [base, end] = await page.locator('.fname', { hasText: 'Cabin-house-rules' }).locator('span').all();
  expect((await base!.boundingBox())!.x).toBeLessThan((await end!.boundingBox())!.x);
});

test('arrow keys pass over what stands in an album', async () => {
  const page = await show('', 'hana@example.org');
  await page.locator('.log').evaluate((log) => log.scrollTo(0, 0));
  const album = page.locator('.msg', { has: page.locator('.album') });
  await album.focus();
  await page.keyboard.press('ArrowDown');
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toContain('Omar’s first solo');
  await page.keyboard.press('ArrowUp');
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label')))
    .toContain('7 photos');
});

const transform = (page: Page) => page.locator('.stage img').evaluate((img) => (img as HTMLElement).style.transform);
const where = (page: Page) => page.locator('.viewer [role=status]').last().textContent();

test('the viewer: one after another, nearer and back, and the focus where it was', async () => {
  const page = await show('', 'hana@example.org');
  await page.locator('.log').evaluate((log) => log.scrollTo(0, 0));
  const second = page.locator('.album .tile').nth(1);
  await second.focus();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Shift+Tab');
  // The ring lies over the picture: in its middle column, just within the edge, stands its colour.
  const edge = (await second.boundingBox())!;
  const clip = { x: edge.x + edge.width / 2, y: edge.y + 1, width: 1, height: 1 };
  const ringed = await page.screenshot({ clip });
  await page.evaluate(() => (document.activeElement as HTMLElement).blur());
  expect((await page.screenshot({ clip })).equals(ringed)).toBe(false);
  await second.focus();
  await page.keyboard.press('Enter');
  await page.locator('.stage img.on').waitFor();
  await expect.poll(() => where(page)).toBe('2 of 11');
  expect(await audit(page, '.viewer')).toEqual([]);
  await page.keyboard.press('ArrowRight');
  await expect.poll(() => where(page)).toBe('3 of 11');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  await expect.poll(() => where(page)).toBe('1 of 11');
  await expect.poll(() => page.getByRole('button', { name: 'Previous' }).count()).toBe(0);
  await page.locator('.stage img.on').waitFor();
  const box = (await page.locator('.stage').boundingBox())!;
  await page.mouse.move(box.x + box.width / 2 + 100, box.y + box.height / 2);
  await page.mouse.wheel(0, -400);
  await expect.poll(() => transform(page)).toMatch(/scale\(2\.2/);
  const before = await transform(page);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + 40, box.y + box.height / 2);
  await page.mouse.up();
  await expect.poll(() => transform(page)).not.toBe(before);
  await page.keyboard.press('0');
  await expect.poll(() => transform(page)).toBe('translate(0px, 0px) scale(1)');
  // Two clicks are a double click when they come soon enough after each other.
  await expect
    .poll(async () => {
      if (!(await transform(page)).includes('scale(2.5)'))
        await page.mouse.dblclick(box.x + box.width / 2, box.y + box.height / 2);
      return transform(page);
    })
    .toContain('scale(2.5)');
  const saving = page.waitForEvent('download');
  await page.locator('.viewer').getByRole('button', { name: 'Save' }).click();
  expect((await saving).suggestedFilename()).toBe('trail.jpg');
  await page.keyboard.press('Escape');
  await page.locator('.viewer').waitFor({ state: 'detached' });
  await expect
    .poll(() => page.evaluate(() => document.activeElement === document.querySelectorAll('.album .tile')[1]))
    .toBe(true);
});

test('the viewer under fingers: swipe, and two fingers', async () => {
  const page = await show('', 'hana@example.org', 'phone');
  await page.locator('.log').evaluate((log) => log.scrollTo(0, 0));
  // No tap: on a busy machine it lasts so long that the browser takes it for a long press.
  await page.locator('.album .tile').first().click();
  await page.locator('.stage img.on').waitFor();
  await expect.poll(() => where(page)).toBe('1 of 11');
  const touch = await page.context().newCDPSession(page);
  const move = async (steps: [x: number, y: number][][]) => {
    const points = (at: [number, number][]) => at.map(([x, y], id) => ({ x, y, id }));
    await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: points(steps[0]!) });
    for (const at of steps.slice(1))
      await touch.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: points(at) });
    await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  };
  await move([[[300, 400]], [[200, 402]], [[100, 404]]]);
  await expect.poll(() => where(page)).toBe('2 of 11');
  await page.locator('.stage img.on').waitFor();
  await move([
    [
      [180, 400],
      [210, 400],
    ],
    [
      [150, 400],
      [240, 400],
    ],
    [
      [120, 400],
      [270, 400],
    ],
  ]);
  await expect.poll(async () => Number(/scale\(([\d.]+)/.exec(await transform(page))?.[1])).toBeGreaterThan(3);
  // Nearer, a finger moves the picture and does not turn to the next.
  await move([[[300, 400]], [[200, 402]], [[100, 404]]]);
  await still(page);
  expect(await where(page)).toBe('2 of 11');
  await page.getByRole('button', { name: 'Fit to the window' }).click();
  await expect.poll(() => transform(page)).toBe('translate(0px, 0px) scale(1)');
  await move([[[200, 300]], [[200, 400]], [[202, 520]]]);
  await page.locator('.viewer').waitFor({ state: 'detached' });
});

test('a text is shown as text', async () => {
  const page = await show('', 'hana@example.org');
  await page.getByRole('button', { name: 'Open notes.txt' }).click();
  await page.locator('.reader pre', { hasText: '<b>not bold</b>' }).waitFor();
  expect(await audit(page, '.reader')).toEqual([]);
});

test('a voice message: recorded, listened to, gone on with, sent', async () => {
  const page = await show('', 'mia@example.org');
  await page.getByRole('button', { name: 'Record a voice message' }).click();
  const timer = page.getByRole('timer', { name: 'Recording' });
  await expect.poll(() => timer.textContent()).toMatch(/0:0[1-9]/);
  expect(await audit(page, '.composer')).toEqual([]);
  await page.getByRole('button', { name: 'Pause and listen' }).click();
  await page.getByRole('button', { name: 'Listen', exact: true }).click();
  await page.getByRole('button', { name: 'Stop listening' }).waitFor();
  await page.getByRole('button', { name: 'Go on recording' }).click();
  await expect.poll(() => timer.textContent()).toMatch(/0:0[2-9]/);
  await page.getByRole('button', { name: 'Send voice message' }).click();
  await page.locator('.msg.own .voice .go').waitFor();
  const [sent] = await sentFiles(page);
  expect(sent!.info.type).toMatch(/^audio\/(webm|ogg|mp4)$/);
  expect(sent!.info.length).toBeGreaterThanOrEqual(1500); // the timer rounds
  expect(sent!.info.wave!.length).toBeGreaterThan(20);
  expect(Math.max(...sent!.info.wave!)).toBe(31);
  expect(sent!.size).toBeGreaterThan(1000);
  // It plays, from here.
  const go = page.locator('.msg.own .voice .go').last();
  await go.click();
  // It passes: looked for in the page at every frame.
  await page.waitForFunction(() => document.querySelectorAll('.wave i.p').length > 3);
  await page.getByRole('button', { name: 'Speed: 1', exact: true }).last().click();
  await page.getByRole('button', { name: 'Speed: 1.5' }).last().waitFor();
  await page.getByRole('textbox', { name: /Message to/ }).waitFor();
});

test('a voice message held: let go it is sent, slid aside it is not, slid up it goes on', async () => {
  const page = await show('', 'mia@example.org');
  const mic = page.getByRole('button', { name: 'Record a voice message' });
  const hold = async () => {
    const box = (await mic.boundingBox())!;
    await page.mouse.move(box.x + 10, box.y + 10);
    await page.mouse.down();
    await expect.poll(() => page.getByRole('timer').textContent()).toMatch(/0:0[1-9]/);
    return box;
  };
  await hold();
  await page.mouse.up();
  await expect.poll(async () => (await sentFiles(page)).length).toBe(1);
  let box = await hold();
  await page.mouse.move(box.x - 120, box.y + 10, { steps: 4 });
  await page.mouse.up();
  await mic.waitFor();
  box = await hold();
  await page.mouse.move(box.x + 10, box.y - 100, { steps: 4 });
  await page.mouse.up();
  await page.getByRole('button', { name: 'Discard recording' }).click();
  await mic.waitFor();
  await still(page);
  expect((await sentFiles(page)).length).toBe(1);
});

test('without a microphone one is told so', async () => {
  const page = await show('', 'mia@example.org');
  await page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'));
  });
  await page.getByRole('button', { name: 'Record a voice message' }).click();
  await page.locator('.toast', { hasText: 'does not let this page use the microphone' }).waitFor();
  await page.getByRole('button', { name: 'Record a voice message' }).waitFor();
});

/** A second of a coloured square, as this browser records it. */
const film = async (page: Page): Promise<Buffer> =>
  Buffer.from(
    await page.evaluate(async () => {
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

test('a video has its size and first moment before it is sent, and plays in the viewer', async () => {
  const page = await show('', 'mia@example.org');
  await pick(page, 'Photo or video', [file('boat.webm', 'video/webm', await film(page))]);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await expect.poll(async () => (await sentFiles(page)).length).toBe(1);
  const [sent] = await sentFiles(page);
  expect(sent!.info).toMatchObject({ type: 'video/webm', width: 320, height: 180 });
  expect(sent!.info.thumb).toMatch(/^data:image\/jpeg/);
  await page.locator('.msg.own .mark-read').last().waitFor();
  await page.locator('.msg').getByRole('button', { name: 'Open Video' }).click();
  const video = page.locator('.viewer video');
  await video.waitFor();
  expect(await video.evaluate((it) => (it as HTMLVideoElement).controls)).toBe(true);
  await expect.poll(() => video.evaluate((it) => (it as HTMLVideoElement).currentTime)).toBeGreaterThan(0.1);
});

test('what a chat has shared, by kind', async () => {
  const page = await show('', 'hana@example.org');
  const shared = page.getByRole('region', { name: 'Shared in this chat' });
  await expect.poll(() => shared.locator('.tile').count()).toBe(11);
  expect(await audit(page, '.shared')).toEqual([]);
  await shared.getByRole('button', { name: 'Files' }).click();
  await expect.poll(() => shared.locator('.fname').allTextContents()).toContain('Cabin-house-rules.pdf');
  const opened = page.context().waitForEvent('page');
  await shared.getByRole('button', { name: 'Open Cabin-house-rules.pdf' }).click();
  expect(await (await opened).evaluate(() => window.opener)).toBeNull();
  await shared.getByRole('button', { name: 'Links' }).click();
  const link = shared.getByRole('link', { name: /example\.org\/map/ });
  await expect.poll(() => link.getAttribute('rel')).toContain('noopener');
  await shared.getByRole('button', { name: 'Voice' }).click();
  await expect.poll(() => shared.locator('.voice').count()).toBe(2);
});

test('what was shared long ago is looked for when one asks or scrolls on, to the end', async () => {
  const page = await show('earlier=4', 'hana@example.org');
  const shared = page.getByRole('region', { name: 'Shared in this chat' });
  await expect.poll(() => shared.locator('.tile').count()).toBe(11);
  const count = () => shared.locator('.tile').count();
  // Nobody has asked.
  await still(page);
  await expect.poll(() => count()).toBe(11);
  // Pressed where it stands: to scroll to it would be to ask already. That it looks is over soon, so the page notes it.
  await shared.getByRole('button', { name: 'Look for earlier ones' }).evaluate(
    (it) =>
      new Promise<void>((done) => {
        new MutationObserver((_, observer) => {
          if (!document.querySelector('.shared [role=status] .spin')) return;
          observer.disconnect();
          done();
        }).observe(document.body, { childList: true, subtree: true });
        (it as HTMLElement).click();
      }),
  );
  // The first page of the archive has only words; it goes on by itself.
  await expect.poll(count).toBe(51);
  const pane = page.locator('.details .scroll');
  await expect
    .poll(async () => {
      await pane.evaluate((it) => it.scrollTo(0, it.scrollHeight));
      return count();
    })
    .toBe(91);
  await shared.getByRole('status').filter({ hasText: 'Nothing was shared before that.' }).waitFor();
  expect(await audit(page, '.shared')).toEqual([]);
  const offline = await show('earlier=4&connection=offline', 'hana@example.org');
  await offline.getByRole('button', { name: 'Look for earlier ones' }).evaluate((it) => (it as HTMLElement).click());
  await offline.getByText('Earlier ones cannot be looked for while there is no connection.').waitFor();
});

test('a voice message that has not been played has a dot, which goes when it is', async () => {
  const page = await show('', 'hana@example.org');
  const dot = page.locator('.shared .unheard');
  await page.getByRole('region', { name: 'Shared in this chat' }).getByRole('button', { name: 'Voice' }).click();
  await expect.poll(() => dot.count()).toBe(1);
  await expect.poll(() => dot.textContent()).toBe('Not played yet');
  await page
    .locator('.shared .voice', { has: page.locator('.unheard') })
    .locator('.go')
    .click();
  await page.locator('.log .unheard').waitFor({ state: 'detached' });
});

test('a voice message plays on to the next, and one at a time', async () => {
  const page = await show('', 'hana@example.org', 'phone');
  const voices = page.locator('.msg .voice .go');
  await page.locator('.log').evaluate((log) => log.scrollTo(0, 0));
  await expect
    .poll(async () => {
      await page.locator('.log').evaluate((log) => log.scrollBy(0, 150));
      return voices.count();
    })
    .toBe(2);
  // Each plays for a moment only, so the page itself notes which of them do whenever that changes.
  await page.evaluate(() => {
    const noted: string[] = [];
    (window as unknown as { noted: string[] }).noted = noted;
    new MutationObserver(() => {
      const playing = [...document.querySelectorAll('.msg [aria-label^="Pause Voice message"]')];
      const now = playing.map((it) => (it.closest('.msg.own') ? 'mine' : 'theirs')).join(' and ');
      if (now !== (noted.at(-1) ?? '')) noted.push(now);
    }).observe(document, { subtree: true, childList: true, attributes: true });
  });
  await voices.first().click();
  const noted = () => page.evaluate(() => (window as unknown as { noted: string[] }).noted.filter((it) => it !== ''));
  await expect.poll(noted).toEqual(['theirs', 'mine']);
  await page
    .locator('.msg.own')
    .getByRole('button', { name: /^Play Voice message/ })
    .waitFor();
  expect(await noted()).toEqual(['theirs', 'mine']);
});
