// Names and pictures of people: what is taken, what is kept, what is fetched.
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAccountDb } from '../src/db/schema';
import { ConfabApp } from '../src/store/app';
import { pictureKind, sha1 } from '../src/store/picture-kind';
import { keepPicture, readPicture } from '../src/store/pictures';
import type { AccountSession } from '../src/store/session';
import { covering, squareOf } from '../src/ui/settings/crop-place';
import { toBase64 } from '../src/xmpp/bytes';
import { readMetadata, readName } from '../src/xmpp/mod/face';
import { NS } from '../src/xmpp/ns';
import { parse, write, x } from '../src/xmpp/xml';
import { FakeBrowser, turns, until } from './fake-env';
import { FakeServer } from './fake-server';
import { png } from './png';

const MIA = 'mia@example.org';
const BEN = 'ben@example.org';
const ZOE = 'zoe@example.org';

const picture = (seed: number, side = 8) => new Uint8Array(png(side, side, (i, j) => [seed, i, j]));
const hash = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex');
const metadata = (bytes: Uint8Array, more = {}) =>
  x(
    'metadata',
    { xmlns: NS.avatarMetadata },
    x('info', { id: hash(bytes), bytes: bytes.length, type: 'image/png', ...more }),
  );

describe('what a picture is', () => {
  const head = (...bytes: (number | string)[]) => {
    const out = bytes.flatMap((b) => (typeof b === 'string' ? [...b].map((c) => c.charCodeAt(0)) : [b]));
    return new Uint8Array([...out, ...new Array(40).fill(0)]);
  };
  it('is judged by its bytes', () => {
    expect(pictureKind(picture(1, 9))).toEqual({ type: 'image/png', width: 9, height: 9 });
    expect(pictureKind(head('GIF89a', 5, 0, 6, 0))).toEqual({ type: 'image/gif', width: 5, height: 6 });
    expect(pictureKind(head('RIFF', 0, 0, 0, 0, 'WEBPVP8X', 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 19, 0, 0))).toEqual({
      type: 'image/webp',
      width: 10,
      height: 20,
    });
    const jpeg = head(0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 1, 0xff, 0xc4, 0, 2, 0xff, 0xc2, 0, 17, 8, 0, 7, 0, 6);
    expect(pictureKind(jpeg)).toEqual({ type: 'image/jpeg', width: 6, height: 7 });
  });
  it('is nothing else, and not huge', () => {
    expect(pictureKind(new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg"/>'))).toBeUndefined();
    expect(pictureKind(new Uint8Array())).toBeUndefined();
    expect(pictureKind(picture(1).subarray(0, 18))).toBeUndefined();
    const bomb = picture(1);
    new DataView(bomb.buffer).setUint32(16, 60_000);
    expect(pictureKind(bomb)).toBeUndefined();
    expect(pictureKind(head('GIF89a', 0, 0, 6, 0))).toBeUndefined();
    // Markers that lead nowhere end.
    expect(pictureKind(new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 0, 0, 0xff, 0xe0, 0, 0]))).toBeUndefined();
  });
  it('has the hash that others have', async () => {
    expect(await sha1(picture(3))).toBe(hash(picture(3)));
  });
});

describe('what is said of it', () => {
  it('names one that the data node has', () => {
    const one = picture(1);
    expect(readMetadata(parse(write(metadata(one))))).toBe(hash(one));
    expect(readMetadata(parse(write(metadata(one, { url: 'https://elsewhere.example/a.png' }))))).toBe('');
    expect(readMetadata(parse(write(metadata(one, { bytes: 5_000_000 }))))).toBe('');
    expect(readMetadata(parse(write(metadata(one, { id: '../../x' }))))).toBe('');
    expect(readMetadata(parse(`<metadata xmlns='${NS.avatarMetadata}'/>`))).toBe('');
  });
  it('takes of a name what fits on a line', () => {
    expect(readName('  Mia \n\t Berg ')).toBe('Mia Berg');
    expect(readName('\u202eaiM\u2066')).toBe('aiM');
    expect([...readName('x'.repeat(500))].length).toBe(100);
    expect(readName(undefined)).toBe('');
  });
});

describe('the part of a picture', () => {
  const wide = { width: 400, height: 200 };
  it('covers the window', () => {
    expect(covering(wide, 100)).toEqual({ width: 200, height: 100 });
    expect(squareOf(wide, 100, { scale: 1, x: 0, y: 0 })).toEqual({ x: 100, y: 0, side: 200 });
  });
  it('moves and grows as it is seen', () => {
    // The picture's left edge stands at the window's.
    expect(squareOf(wide, 100, { scale: 1, x: 50, y: 0 })).toEqual({ x: 0, y: 0, side: 200 });
    expect(squareOf(wide, 100, { scale: 2, x: 0, y: 0 })).toEqual({ x: 150, y: 50, side: 100 });
    expect(squareOf(wide, 100, { scale: 2, x: -50, y: 50 })).toEqual({ x: 200, y: 0, side: 100 });
  });
  it('never leaves the picture', () => {
    expect(squareOf(wide, 100, { scale: 1, x: 900, y: -900 })).toEqual({ x: 0, y: 0, side: 200 });
    expect(squareOf({ width: 3, height: 5000 }, 100, { scale: 1, x: 0, y: -1e9 })).toEqual({ x: 0, y: 4997, side: 3 });
  });
});

describe('the cache', () => {
  it('is bounded in bytes; what was shown longest ago goes', async () => {
    new FakeBrowser(new FakeServer({}));
    const db = await openAccountDb('cache@example.org');
    const keep = async (name: string, size: number, used: number, max = 100) => {
      await keepPicture(db, { hash: name, type: 'image/png', bytes: new Uint8Array(size) }, max);
      const row = (await db.get('pictures', name))!;
      await db.put('pictures', { ...row, used });
    };
    await keep('old', 40, 1);
    await keep('middle', 40, 2);
    await readPicture(db, 'old'); // now it is the newest
    await keep('new', 40, Date.now());
    expect((await db.getAllKeys('pictures')).sort()).toEqual(['new', 'old']);
    await keep('larger than all', 500, Date.now());
    expect(await db.getAllKeys('pictures')).toEqual(['larger than all']);
    db.close();
  });
});

describe('with a server', () => {
  let server: FakeServer;
  let browser: FakeBrowser;
  let app: ConfabApp;
  let session: AccountSession;
  /** Data nodes and cards, by address. */
  const shown = new Map<string, Uint8Array>();
  const cards = new Map<string, Uint8Array>();

  beforeEach(() => {
    shown.clear();
    cards.clear();
    URL.createObjectURL = () => `blob:made/${Math.random()}`;
    URL.revokeObjectURL = () => {};
    server = new FakeServer({ carbons: true, inbox: true });
    for (const name of ['mia', 'ben', 'zoe']) server.addAccount(name);
    server.befriend(MIA, BEN);
    server.nodes = (to, payload) => {
      if (payload.is('vCard', NS.vcard)) {
        const bytes = cards.get(to);
        return x(
          'vCard',
          { xmlns: NS.vcard },
          bytes && x('PHOTO', {}, x('TYPE', {}, 'image/png'), x('BINVAL', {}, toBase64(bytes))),
        );
      }
      const items = payload.child('items');
      const id = items?.child('item')?.attr('id');
      const bytes = shown.get(to);
      if (items?.attr('node') !== NS.avatarData || !id || !bytes) return undefined;
      const data = x('data', { xmlns: NS.avatarData }, toBase64(bytes));
      return x('pubsub', { xmlns: NS.pubsub }, x('items', { node: NS.avatarData }, x('item', { id }, data)));
    };
    browser = new FakeBrowser(server);
  });
  afterEach(() => app.close());

  async function open(): Promise<void> {
    app = new ConfabApp(browser.env());
    await app.started;
    if (!app.session.value) expect(await app.signIn({ address: 'mia', password: 'secret' })).toBeUndefined();
    await until(() => app.session.value?.connection.value.state === 'online', 'online');
    session = app.session.value as AccountSession;
    await until(() => !session.firstStart.value);
    await session.settled();
  }
  /** News of one of their nodes, as their server sends them. */
  const tell = (from: string, node: string, payload: ReturnType<typeof x>) =>
    server.toAll(
      MIA,
      x(
        'message',
        { xmlns: NS.client, from, type: 'headline' },
        x('event', { xmlns: NS.pubsubEvent }, x('items', { node }, x('item', { id: 'i' }, payload))),
      ),
    );
  const asked = (what: string) => server.received.filter((line) => line.includes(what)).length;
  const src = (address: string) => session.portraits.src(session.portraits.of(address).value);
  const look = (address: string) => session.portraits.hold(address, session.portraits.of(address).value);

  it('names: mine goes before theirs, theirs before the address', async () => {
    await open();
    const name = session.chat(BEN).name;
    expect(name.value).toBe('ben');
    tell(BEN, NS.nick, x('nick', { xmlns: NS.nick }, 'Benedict'));
    await until(() => name.value === 'Benedict');
    expect(session.contact(BEN)?.name).toBe('Benedict');
    await session.renameContact(BEN, 'Ben from work');
    await until(() => name.value === 'Ben from work');
    await session.renameContact(BEN, '');
    await until(() => name.value === 'Benedict');
    // Of a stranger nothing is taken.
    tell(ZOE, NS.nick, x('nick', { xmlns: NS.nick }, 'Ben from work'));
    tell(ZOE, NS.avatarMetadata, metadata(picture(1)));
    tell(BEN, NS.nick, x('nick', { xmlns: NS.nick }));
    await until(() => name.value === 'ben');
    expect(session.chat(ZOE).name.value).toBe('zoe');
    expect(session.portraits.of(ZOE).value).toBe('');
  });

  it('a picture is fetched when it is looked at, once, and then it is here', async () => {
    await open();
    const one = picture(1);
    shown.set(BEN, one);
    tell(BEN, NS.avatarMetadata, metadata(one));
    await until(() => session.portraits.of(BEN).value === hash(one));
    await turns();
    expect(asked(NS.avatarData)).toBe(0);
    const first = look(BEN);
    look(BEN)();
    await until(() => src(BEN) !== undefined);
    first();
    expect(asked(NS.avatarData)).toBe(1);
    await app.close();
    await open();
    look(BEN);
    await until(() => src(BEN) !== undefined);
    expect(asked(NS.avatarData)).toBe(1);
    tell(BEN, NS.avatarMetadata, x('metadata', { xmlns: NS.avatarMetadata }));
    await until(() => session.portraits.of(BEN).value === '');
  });

  it('one that is not what it says it is, is not shown', async () => {
    await open();
    const one = picture(1);
    shown.set(BEN, picture(2));
    tell(BEN, NS.avatarMetadata, metadata(one));
    await until(() => session.portraits.of(BEN).value === hash(one));
    look(BEN);
    await until(() => asked(NS.avatarData) === 1);
    await turns();
    look(BEN);
    await turns();
    expect(src(BEN)).toBeUndefined();
    expect(asked(NS.avatarData)).toBe(1);
  });

  it('of who is blocked there is none', async () => {
    await open();
    const one = picture(1);
    shown.set(BEN, one);
    tell(BEN, NS.avatarMetadata, metadata(one));
    await until(() => session.portraits.of(BEN).value !== '');
    await session.setBlocked(BEN, true);
    await until(() => session.portraits.of(BEN).value === '');
    session.portraits.hold(BEN, hash(one));
    await turns();
    expect(asked(NS.avatarData)).toBe(0);
  });

  it('of who knows no nodes, the card', async () => {
    await open();
    const one = picture(4);
    cards.set(BEN, one);
    const says = (text: string) =>
      server.toAll(
        MIA,
        x(
          'presence',
          { xmlns: NS.client, from: `${BEN}/old` },
          x('x', { xmlns: NS.vcardUpdate }, x('photo', {}, text)),
        ),
      );
    says(hash(one));
    await until(() => session.portraits.of(BEN).value === hash(one));
    look(BEN);
    await until(() => src(BEN) !== undefined);
    expect(asked(NS.vcard)).toBe(1);
    expect(asked(NS.avatarData)).toBe(0);
    says('');
    await until(() => session.portraits.of(BEN).value === '');
  });

  it('few at a time', async () => {
    const many = Array.from({ length: 30 }, (_, i) => `p${i}@example.org`);
    for (const [i, address] of many.entries()) {
      server.addAccount(`p${i}`);
      server.befriend(MIA, address);
      shown.set(address, picture(i));
    }
    await open();
    const answer = server.nodes;
    // The server is slow: it answers none.
    server.nodes = () => 'later';
    for (const [i, address] of many.entries()) tell(address, NS.avatarMetadata, metadata(picture(i)));
    await until(() => many.every((a) => session.portraits.of(a).value !== ''));
    await turns();
    expect(asked(NS.avatarData)).toBe(0);
    for (const address of many) look(address);
    await until(() => asked(NS.avatarData) > 0);
    await turns();
    expect(asked(NS.avatarData)).toBe(3);
    server.nodes = answer;
  });
});
