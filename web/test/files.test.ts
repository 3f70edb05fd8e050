// Files from the composer's side of the store to the wire and back: what is written, what is understood, and what
// becomes of an upload when the network, the server or the page breaks.
import { beforeEach, describe, expect, it } from 'vitest';
import { sharedIn } from '../src/db/messages';
import { accountDbName, openAccountDb } from '../src/db/schema';
import { ConfabApp } from '../src/store/app';
import { holeBelow } from '../src/store/gaps';
import type { Message, OutgoingFile, Timeline } from '../src/store/model';
import type { AccountSession } from '../src/store/session';
import { cleanName, fileElements, httpAddress, readFile, type SharedFile } from '../src/xmpp/mod/file';
import { parseMessage } from '../src/xmpp/mod/message';
import { NS } from '../src/xmpp/ns';
import { parse, write, x } from '../src/xmpp/xml';
import { FakeBrowser, turns, until } from './fake-env';
import { FakeServer } from './fake-server';

const MIA = 'mia@example.org';
const BEN = 'ben@example.org';
// One black pixel.
const THUMB =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

const full: SharedFile = {
  url: 'https://files.example/files/a/lake.jpg',
  name: 'lake.jpg',
  type: 'image/jpeg',
  size: 4000,
  width: 2048,
  height: 1536,
  hash: `${'A'.repeat(43)}=`,
  thumb: THUMB,
};

function messageWith(body: string, ...children: ReturnType<typeof x>[]) {
  const el = x(
    'message',
    { xmlns: NS.client, from: `${BEN}/x`, to: MIA, type: 'chat', id: 'i' },
    x('body', {}, body),
    ...children,
  );
  return parse(write(el));
}

describe('a file in a message', () => {
  it('is read as it was written', () => {
    for (const file of [
      full,
      {
        url: 'https://a.example/v',
        name: 'Voice.webm',
        type: 'audio/webm',
        size: 9,
        length: 12_345,
        wave: [0, 15, 31, 7],
      },
      { url: 'http://a.example/x', name: 'x.zip', type: 'application/zip', attachment: true },
    ]) {
      const m = parseMessage(messageWith(file.url, ...fileElements(file)), MIA);
      expect(m?.file).toEqual(file);
      expect(m?.caption).toBe('');
      expect(m?.body).toBe(file.url);
    }
  });

  it('is a bare address when an older client sends one, and only then', () => {
    const url = 'https://up.example/ab/IMG%201.JPG';
    const oob = (at: string) => x('x', { xmlns: NS.oob }, x('url', {}, at));
    expect(readFile(messageWith(url, oob(url)), url)?.file).toEqual({ url, name: 'IMG 1.JPG', type: 'image/jpeg' });
    expect(readFile(messageWith(`look: ${url}`, oob(url)), `look: ${url}`)).toBeUndefined();
    expect(readFile(messageWith(url), url)).toBeUndefined();
    for (const bad of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'https://me:pw@a.example/x'])
      expect(readFile(messageWith(bad, oob(bad)), bad)).toBeUndefined();
  });

  it('has words when the fallback covers only a part of the body', () => {
    const body = `😀 Look ${full.url}`;
    const elements = fileElements(full).filter((el) => el.ns !== NS.fallback && el.ns !== NS.oob);
    const points = [...body].length;
    const mark = x('fallback', { xmlns: NS.fallback, for: NS.sfs }, x('body', { start: 7, end: points }));
    expect(parseMessage(messageWith(body, ...elements, mark), MIA)?.caption).toBe('😀 Look');
    expect(parseMessage(messageWith(body, ...elements), MIA)?.caption).toBe(body);
  });

  it('keeps nothing that its sender made up badly', () => {
    const evil = fileElements({
      ...full,
      name: '../../etc/\u202egpj.exe',
      width: -4,
      height: 1e9,
      size: 1.5,
      hash: 'no',
      thumb: 'data:image/svg+xml;base64,AAAA',
      type: 'text/html; x="<script>"',
      wave: [1],
    });
    const file = parseMessage(messageWith(full.url, ...evil), MIA)?.file;
    expect(file).toEqual({ url: full.url, name: 'gpj.exe', type: 'text/html' });
    const js = fileElements({ ...full, url: 'javascript:alert(1)' });
    expect(parseMessage(messageWith('hello', ...js), MIA)?.file).toBeUndefined();
    expect(cleanName(`${'a'.repeat(400)}.jpeg`)).toMatch(/^a{250}\.jpeg$/);
    expect(httpAddress('https://')).toBeUndefined();
  });
});

let server: FakeServer;
let browser: FakeBrowser;
let app: ConfabApp;

beforeEach(() => {
  server = new FakeServer({ upload: 1000 });
  server.addAccount('mia');
  server.addAccount('ben');
  server.befriend(MIA, BEN);
  browser = new FakeBrowser(server);
});

async function online(): Promise<AccountSession> {
  await until(() => app.session.value?.connection.value.state === 'online', 'online');
  const session = app.session.value as AccountSession;
  await turns(30);
  await session.settled();
  return session;
}
async function signIn(): Promise<AccountSession> {
  app = new ConfabApp(browser.env());
  expect(await app.signIn({ address: 'Mia', password: 'secret' })).toBeUndefined();
  return online();
}
async function openTimeline(session: AccountSession): Promise<Timeline> {
  const timeline = session.timeline(BEN);
  await until(() => !timeline.cold.value && timeline.older.value !== 'loading', 'timeline');
  return timeline;
}
const outgoing = (text: string, name = 'notes.txt'): OutgoingFile => ({
  blob: new Blob([text]),
  info: { name, type: 'text/plain' },
});
const marks = (t: Timeline) => t.messages.value.map((m: Message) => m.mark);
const archived = () => server.accounts.get(BEN)!.archive.map((a) => a.message);
const heldBytes = () => [...server.files.slots.values()].map((s) => new TextDecoder().decode(s.held));

describe('an upload', () => {
  it('goes first, then its message, then what was written after it', async () => {
    const session = await signIn();
    expect(session.uploadMax.value).toBe(1000);
    const t = await openTimeline(session);
    let open = () => {};
    server.files.hold = new Promise((resolve) => {
      open = resolve;
    });
    await session.sendFiles(BEN, [outgoing('one', 'a b.txt'), outgoing('two', 'b.txt')], 'both of them');
    await session.send(BEN, 'and this');
    const key = t.messages.value[0]!.key;
    await until(() => session.upload(key).value?.state === 'running', 'upload');
    expect(marks(t)).toEqual(['sending', 'sending', 'sending', 'sending']);
    expect(await (await session.localFile(key))?.text()).toBe('one');
    expect(archived()).toEqual([]);
    // One at a time.
    expect(server.files.asked).toEqual(['PUT']);
    open();
    await until(() => marks(t).every((m) => m === 'sent'), 'all sent');
    expect(archived().map((m) => m.child('body', NS.client)?.text())).toEqual([
      'https://files.example/files/s1/a%20b.txt',
      'https://files.example/files/s2/b.txt',
      'both of them',
      'and this',
    ]);
    const told = parseMessage(archived()[0]!, BEN)?.file;
    expect(told).toMatchObject({ name: 'a b.txt', type: 'text/plain', size: 3 });
    // echo -n one | openssl dgst -sha256 -binary | base64
    expect(told?.hash).toBe('dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z/0Me0=');
    expect(t.messages.value[0]!.file?.url).toBe('https://files.example/files/s1/a%20b.txt');
    expect(session.upload(key).value).toBeUndefined();
    expect(heldBytes()).toEqual(['one', 'two']);
    expect(session.chat(BEN).last.value?.body).toBe('and this');
  });

  it('goes on where it broke, in this page and after a reload', async () => {
    let session = await signIn();
    server.files.breaks = [4, 2];
    await session.sendFiles(BEN, [outgoing('0123456789')], '');
    let t = await openTimeline(session);
    await until(() => marks(t)[0] === 'sent', 'sent');
    expect(server.files.asked).toEqual(['PUT', 'HEAD', 'PATCH 4', 'HEAD', 'PATCH 6']);
    expect(heldBytes()).toEqual(['0123456789']);

    server.files.asked.length = 0;
    server.files.breaks = [3];
    let held = () => {};
    await session.sendFiles(BEN, [outgoing('abcdefghij')], '');
    await until(() => server.files.asked.includes('HEAD') || heldBytes()[1] === 'abc', 'broken');
    server.files.hold = new Promise((resolve) => {
      held = resolve;
    });
    server.files.down = true;
    const closing = app.close();
    held();
    await closing;
    server.files.hold = undefined;
    server.files.down = false;
    server.files.asked.length = 0;
    app = new ConfabApp(browser.env());
    session = await online();
    t = await openTimeline(session);
    await until(() => marks(t)[1] === 'sent', 'sent after reload');
    expect(heldBytes()[1]).toBe('abcdefghij');
    expect(server.files.asked).not.toContain('PUT');
  });

  it('starts again where a server cannot say what it has', async () => {
    const session = await signIn();
    server.files.plain = true;
    server.files.breaks = [4];
    await session.sendFiles(BEN, [outgoing('0123456789')], '');
    const t = await openTimeline(session);
    await until(() => marks(t)[0] === 'sent', 'sent');
    expect(server.files.asked).toEqual(['PUT', 'HEAD', 'PUT']);
  });

  it('asks for a new place when the old one is gone', async () => {
    const session = await signIn();
    server.files.breaks = [4];
    const answer = server.files.answer.bind(server.files);
    server.files.answer = async (request) => {
      if (request.method === 'HEAD') server.files.slots.clear();
      return answer(request);
    };
    await session.sendFiles(BEN, [outgoing('0123456789')], '');
    const t = await openTimeline(session);
    await until(() => marks(t)[0] === 'sent', 'sent');
    expect(server.files.asked).toEqual(['PUT', 'HEAD', 'PUT']);
  });

  it('fails with a reason, holds nothing else up, and can be tried again', async () => {
    const session = await signIn();
    const t = await openTimeline(session);
    server.files.down = true;
    await session.sendFiles(BEN, [outgoing('0123456789')], '');
    await session.send(BEN, 'meanwhile');
    await until(() => marks(t)[0] === 'failed', 'failed');
    expect(t.messages.value[0]!.failure?.text).toMatch(/no connection/);
    await until(() => marks(t)[1] === 'sent', 'text sent');
    server.files.down = false;
    await session.retry(t.messages.value[0]!.key);
    await until(() => marks(t)[0] === 'sent', 'sent');
    expect(heldBytes()).toEqual(['0123456789']);

    server.files.full = true;
    await session.sendFiles(BEN, [outgoing('x')], '');
    await until(() => marks(t).at(-1) === 'failed', 'refused');
    expect(t.messages.value.at(-1)!.failure?.code).toBe('full');
    await session.discard(t.messages.value.at(-1)!.key);
    expect(t.messages.value.length).toBe(2);
    await session.sendFiles(BEN, [outgoing('x'.repeat(1001))], '');
    await until(() => marks(t).at(-1) === 'failed', 'too large');
    expect(t.messages.value.at(-1)!.failure?.code).toBe('too-large');
  });

  it('is given up when the user says so, also by the server', async () => {
    const session = await signIn();
    const t = await openTimeline(session);
    server.files.hold = new Promise(() => {});
    await session.sendFiles(BEN, [outgoing('0123456789')], '');
    await session.send(BEN, 'after it');
    await until(() => server.files.asked.length > 0, 'begun');
    server.files.answer = async (request) => {
      server.files.asked.push(request.method);
      return { status: 204, header: () => null };
    };
    await session.discard(t.messages.value[0]!.key);
    expect(t.messages.value.length).toBe(1);
    expect(server.files.asked).toEqual(['PUT', 'DELETE']);
    await until(() => marks(t)[0] === 'sent', 'text sent');
    expect(archived().length).toBe(1);
  });

  it('waits for the connection, and survives a reload without one', async () => {
    let session = await signIn();
    server.down = true;
    server.cut();
    await until(() => session.connection.value.state !== 'online', 'cut');
    await session.sendFiles(BEN, [outgoing('later')], '');
    await turns();
    expect(server.files.asked).toEqual([]);
    await app.close();
    server.down = false;
    app = new ConfabApp(browser.env());
    session = await online();
    const t = await openTimeline(session);
    await until(() => marks(t)[0] === 'sent', 'sent');
    expect(heldBytes()).toEqual(['later']);
  });
});

describe('a voice message', () => {
  const voice = (n: number) => {
    const file: SharedFile = { url: `https://a.example/${n}`, name: 'v.webm', type: 'audio/webm', wave: [1, 2, 3] };
    const children = [x('body', {}, file.url), x('store', { xmlns: NS.hints }), ...fileElements(file)];
    server.routeMessage(
      `${BEN}/x`,
      x('message', { xmlns: NS.client, to: MIA, type: 'chat', id: `v${n}` }, ...children),
    );
  };

  it('is unheard until it is played here, whether it came now or meanwhile, but not when it is history', async () => {
    voice(1);
    let session = await signIn();
    voice(2);
    await until(() => session.chat(BEN).last.value?.file?.url === 'https://a.example/2');
    await app.close();
    server.restart();
    voice(3);
    app = new ConfabApp(browser.env());
    session = await online();
    const t = await openTimeline(session);
    const unheard = () => t.messages.value.map((m) => m.unheard ?? false);
    expect(unheard()).toEqual([false, true, true]);
    session.heard(t.messages.value[1]!.key);
    await until(() => !unheard()[1], 'heard');
    await app.close();
    app = new ConfabApp(browser.env());
    session = await online();
    const again = await openTimeline(session);
    expect(again.messages.value.map((m) => m.unheard ?? false)).toEqual([false, false, true]);
  });
});

describe('the cache of an older version', () => {
  it('keeps what it has and can take files', async () => {
    const { openDB } = await import('idb');
    browser.use();
    const old = await openDB(accountDbName(MIA), 1, {
      upgrade(db) {
        const messages = db.createObjectStore('messages', { keyPath: ['chat', 'time', 'key'] });
        messages.createIndex('key', 'key');
        db.createObjectStore('gaps', { keyPath: 'id', autoIncrement: true });
        db.createObjectStore('meta');
      },
    });
    await old.put('messages', { chat: BEN, time: 1, key: 'k', body: 'old' });
    await old.put('messages', { chat: BEN, time: 2, key: 'l', body: 'https://example.org' });
    await old.put('gaps', { after: 'a', afterTime: 1, before: 'b', beforeTime: 2 });
    old.close();
    const db = await openAccountDb(MIA);
    expect((await db.getFromIndex('messages', 'key', 'k'))?.body).toBe('old');
    // What was shared before there was an index of that is in it.
    expect((await sharedIn(db, BEN)).map((m) => m.key)).toEqual(['l']);
    // What was missing was missing everywhere, and still is.
    expect(await holeBelow(db, BEN, 9)).toBe(1);
    await db.put('uploads', { key: 'k', chat: BEN, blob: new Blob(['x']), name: 'x', type: 'x/y' });
    expect(await db.count('uploads')).toBe(1);
    db.close();
  });
});
