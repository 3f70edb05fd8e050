// The arithmetic and the rules of files in the views; no browser needed.
import { describe, expect, test } from 'vitest';
import type { FileInfo, Message } from '../src/store/model';
import { albumAt, guess, isCaption, withWords } from '../src/ui/chat/shape';
import { boxOf, bytes, duration, kindOf, splitName, wordsOf } from '../src/ui/media/kinds';
import { moves, scaled } from '../src/ui/media/prepare';
import { squeeze, waveOf } from '../src/ui/media/wave';
import { FIT, held, zoomed } from '../src/ui/media/zoom';

const file = (type: string, name = 'a', more: Partial<FileInfo> = {}): FileInfo => ({
  url: 'https://a.example/a',
  name,
  type,
  ...more,
});
let serial = 0;
const message = (info: FileInfo | undefined, time: number, more: Partial<Message> = {}): Message => ({
  key: `k${++serial}`,
  chat: 'a@b',
  from: 'a@b',
  mine: false,
  time,
  body: info?.url ?? 'words',
  mark: 'sent',
  ...(info ? { file: info } : {}),
  ...more,
});

describe('what a file is', () => {
  test('by its type, and nothing that can carry a script is shown', () => {
    expect(kindOf(file('image/webp'))).toBe('image');
    expect(kindOf(file('image/svg+xml'))).toBe('file');
    expect(kindOf(file('text/html'))).toBe('file');
    expect(kindOf(file('audio/webm', 'x', { wave: [1] }))).toBe('voice');
    expect(kindOf(file('audio/mpeg', 'Song.mp3'))).toBe('audio');
    expect(kindOf(file('image/png', 'x', { attachment: true }))).toBe('file');
  });
  test('in words', () => {
    expect(wordsOf(message(file('image/jpeg'), 1))).toBe('Photo');
    expect(wordsOf(message(file('image/gif'), 1, { caption: 'look' }))).toBe('Animation: look');
    expect(wordsOf(message(file('audio/ogg', 'v', { wave: [1], length: 12_300 }), 1))).toBe('Voice message 0:12');
    expect(wordsOf(message(file('application/pdf', 'Bill.pdf'), 1))).toBe('Bill.pdf');
    expect(bytes(999)).toBe('999 bytes');
    expect(bytes(240_000)).toBe('240 kB');
    expect(bytes(7_310_000_000)).toBe('7.3 GB');
    expect(duration(3_723_000)).toBe('1:02:03');
    expect(splitName('archive.tar.gz')).toEqual(['archive.tar', '.gz']);
    expect(splitName('.profile')).toEqual(['.profile', '']);
  });
  test('and how large it is drawn', () => {
    expect(boxOf(file('image/png', 'a', { width: 1600, height: 1200 }))).toEqual({ width: 25, ratio: 4 / 3 });
    expect(boxOf(file('image/png', 'a', { width: 10, height: 10 }))).toEqual({ width: 9, ratio: 1, tiny: true });
    expect(boxOf(file('image/png', 'a', { width: 100, height: 9000 })).ratio).toBe(0.6);
    expect(boxOf(file('image/png', 'a', { width: 9000, height: 100 })).ratio).toBe(2.6);
  });
});

describe('albums', () => {
  const photo = (time: number, more: Partial<Message> = {}) => message(file('image/jpeg'), time, more);
  const base = new Date(2026, 5, 5, 12).getTime();
  test('are pictures of one sender, soon after each other, with nothing between', () => {
    const list = [
      photo(base),
      photo(base + 1000),
      message(undefined, base + 2000),
      photo(base + 3000),
      photo(base + 4e5),
    ];
    expect(albumAt(list, 0, undefined)).toEqual({ head: true, messages: list.slice(0, 2) });
    expect(albumAt(list, 1, undefined)?.head).toBe(false);
    for (const i of [2, 3, 4]) expect(albumAt(list, i, undefined)).toBeUndefined();
  });
  test('end where words, a failure, another sender or the line before what is new stands', () => {
    const two = (more: Partial<Message>) => [photo(base), photo(base + 1000, more)];
    for (const more of [{ caption: 'x' }, { mark: 'failed' as const }, { from: 'c@d' }, { opaque: true }])
      expect(albumAt(two(more), 0, undefined)).toBeUndefined();
    const list = two({});
    expect(albumAt(list, 0, list[1]!.key)).toBeUndefined();
    expect(albumAt(list, 0, list[0]!.key)?.head).toBe(true);
  });
  test('take no room twice', () => {
    const list = [photo(base), photo(base + 1000)];
    expect(guess(list, 1, 700, 16)).toBe(0);
    expect(guess(list, 0, 700, 16)).toBeGreaterThan(200);
  });
});

describe('words sent with a picture', () => {
  const base = new Date(2026, 5, 5, 12).getTime();
  const photo = (time: number, more: Partial<Message> = {}) => message(file('image/jpeg'), time, more);
  const words = (time: number, more: Partial<Message> = {}) => message(undefined, time, { body: 'look', ...more });
  test('stand in its bubble, or in that of its album, which has come as far as the last of them', () => {
    const one = [photo(base, { mark: 'read' }), words(base + 500, { mark: 'delivered' }), words(base + 600)];
    expect([0, 1, 2].map((i) => isCaption(one, i, undefined))).toEqual([false, true, false]);
    expect(withWords(one, 0, undefined, undefined)).toEqual({
      ...one[0],
      caption: 'look',
      time: base + 500,
      mark: 'delivered',
    });
    expect(guess(one, 1, 700, 16)).toBe(0);
    const album = [photo(base), photo(base + 1000), words(base + 1500)];
    const { messages } = albumAt(album, 0, undefined)!;
    expect(withWords(album, 0, messages, undefined)).toMatchObject({ key: album[0]!.key, caption: 'look' });
    expect(withWords(album, 0, [album[0]!], undefined)).toBe(album[0]);
  });
  test('but not what came later, from somebody else, failed, or is new', () => {
    const pair = (more: Partial<Message>, of: Partial<Message> = {}) => [photo(base, of), words(base + 500, more)];
    for (const more of [{ time: base + 5000 }, { from: 'c@d' }, { mark: 'failed' as const }, { body: '/me waves' }])
      expect(isCaption(pair(more), 1, undefined)).toBe(false);
    for (const of of [{ caption: 'x' }, { mark: 'failed' as const }, { opaque: true }])
      expect(isCaption(pair({}, of), 1, undefined)).toBe(false);
    const list = pair({});
    expect(isCaption(list, 1, list[1]!.key)).toBe(false);
    expect(isCaption([message(file('application/pdf'), base), words(base + 1)], 1, undefined)).toBe(false);
  });
});

describe('pictures before they are sent', () => {
  test('become smaller, never larger', () => {
    expect(scaled(4000, 3000)).toEqual({ width: 2048, height: 1536 });
    expect(scaled(300, 400)).toEqual({ width: 300, height: 400 });
    expect(scaled(100_000, 2)).toEqual({ width: 2048, height: 1 });
  });
  test('that move are known by their bytes', () => {
    const of = (...parts: (string | number[])[]) =>
      new Uint8Array(parts.flatMap((p) => (typeof p === 'string' ? [...p].map((c) => c.charCodeAt(0)) : p)));
    expect(moves(of('GIF89a'))).toBe(true);
    expect(moves(of('RIFF', [0, 0, 0, 0], 'WEBPVP8X', [10, 0, 0, 0, 2]))).toBe(true);
    expect(moves(of('RIFF', [0, 0, 0, 0], 'WEBPVP8X', [10, 0, 0, 0, 16]))).toBe(false);
    expect(moves(of([137], 'PNG....IHDR....acTL....IDAT'))).toBe(true);
    expect(moves(of([137], 'PNG....IHDR....IDAT....acTL'))).toBe(false);
    expect(moves(of([255, 216, 255]))).toBe(false);
  });
});

describe('the shape of a sound', () => {
  test('has few bars, the loudest at the top', () => {
    expect(squeeze([])).toEqual([]);
    expect(squeeze([0, 0])).toEqual([0, 0]);
    const wave = squeeze(
      Array.from({ length: 1000 }, (_, i) => i / 1000),
      10,
    );
    expect(wave.length).toBe(10);
    expect(wave.at(-1)).toBe(31);
    expect([...wave].sort((a, b) => a - b)).toEqual(wave);
    const tone = Float32Array.from({ length: 48_000 }, (_, i) => (i < 24_000 ? 0 : Math.sin(i)));
    const shape = waveOf(tone, 20);
    expect(shape.slice(0, 9).every((v) => v === 0)).toBe(true);
    expect(shape.slice(11).every((v) => v > 25)).toBe(true);
  });
});

describe('bringing a picture nearer', () => {
  const shown = { width: 400, height: 300 };
  const stage = { width: 500, height: 500 };
  test('keeps the point under the finger', () => {
    const at = { x: 100, y: -50 };
    const place = zoomed(FIT, 2, at);
    expect(place).toEqual({ scale: 2, x: -100, y: 50 });
    expect(zoomed(place, 0.5, at)).toEqual(FIT);
    expect(zoomed(FIT, 0.1, at)).toEqual(FIT);
  });
  test('never shows more of nothing than it has to', () => {
    expect(held({ scale: 1, x: 80, y: 3 }, shown, stage)).toEqual(FIT);
    expect(held({ scale: 2, x: 900, y: -900 }, shown, stage)).toEqual({ scale: 2, x: 150, y: -50 });
    expect(held({ scale: 99, x: 0, y: 0 }, shown, stage).scale).toBe(8);
  });
});
