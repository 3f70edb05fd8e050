// Miniatures from strangers: small pictures of the usual kinds, whatever they call themselves.
import { describe, expect, it } from 'vitest';
import { readFile } from '../src/xmpp/mod/file';
import { safeThumb } from '../src/xmpp/mod/thumb';
import { NS } from '../src/xmpp/ns';
import { parse, write, x } from '../src/xmpp/xml';
import { png } from './png';

const uri = (type: string, bytes: Uint8Array) => `data:${type};base64,${Buffer.from(bytes).toString('base64')}`;
const u16 = (n: number) => [n >> 8, n & 255];
const pixels = (width: number, height: number) => png(width, height, () => [1, 2, 3]);
/** Heads of pictures, as far as they say how large they are. */
const jpeg = (w: number, h: number) =>
  Buffer.from([
    0xff,
    0xd8,
    0xff,
    0xe0,
    0,
    4,
    1,
    1,
    0xff,
    0xc4,
    0,
    3,
    9,
    0xff,
    0xc0,
    0,
    17,
    8,
    ...u16(h),
    ...u16(w),
    ...Array(20).fill(1),
  ]);
function webp(kind: 'VP8 ' | 'VP8L' | 'VP8X', w: number, h: number): Buffer {
  const bytes = Buffer.alloc(40);
  bytes.write(`RIFF....WEBP${kind}`, 0, 'latin1');
  if (kind === 'VP8 ') {
    bytes.writeUInt16LE(w, 26);
    bytes.writeUInt16LE(h, 28);
  } else if (kind === 'VP8L') {
    bytes[20] = 0x2f;
    bytes.writeUInt32LE(((w - 1) | ((h - 1) << 14)) >>> 0, 21);
  } else {
    bytes.writeUIntLE(w - 1, 24, 3);
    bytes.writeUIntLE(h - 1, 27, 3);
  }
  return bytes;
}

describe('a miniature', () => {
  it('of each kind is taken when it is small', () => {
    for (const good of [
      uri('image/png', pixels(28, 21)),
      uri('image/jpeg', jpeg(128, 300)),
      ...(['VP8 ', 'VP8L', 'VP8X'] as const).map((kind) => uri('image/webp', webp(kind, 512, 301))),
    ])
      expect(safeThumb(good), good).toBe(good);
  });

  it('that unfolds into very much, or is something else, is not', () => {
    const head = pixels(28, 21);
    head.writeUInt32BE(60_000, 16);
    for (const bad of [
      uri('image/png', head),
      uri('image/jpeg', jpeg(513, 1)),
      uri('image/jpeg', jpeg(0, 10)),
      ...(['VP8 ', 'VP8L', 'VP8X'] as const).map((kind) => uri('image/webp', webp(kind, 300, 9000))),
      uri('image/png', jpeg(10, 10)),
      uri('image/gif', Buffer.from('GIF89a')),
      uri('image/svg+xml', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')),
      uri('text/html', Buffer.from('<script>alert(1)</script>')),
      uri('image/png', Buffer.concat([pixels(28, 21), Buffer.alloc(20_000)])),
      'data:image/png;base64,!!!!',
      'data:image/png,plain',
      'https://elsewhere.example/thumb.png',
      'cid:sha1+8f35fef110ffc5df08d579a50083ff9308fb6242@bob.xmpp.org',
      'javascript:alert(1)',
      '',
    ])
      expect(safeThumb(bad), bad.slice(0, 60)).toBeUndefined();
  });

  it('that cannot be taken leaves the file, and the next one is looked at', () => {
    const url = 'https://a.example/a.jpg';
    const good = uri('image/png', pixels(4, 3));
    const thumb = (at: string) => x('thumbnail', { xmlns: NS.thumbs, uri: at, 'media-type': 'image/png' });
    const file = x('file', { xmlns: NS.fileMeta }, x('name', {}, 'a.jpg'), thumb('cid:x@bob.xmpp.org'), thumb(good));
    const share = x(
      'file-sharing',
      { xmlns: NS.sfs },
      file,
      x('sources', {}, x('url-data', { xmlns: NS.urlData, target: url })),
    );
    const message = parse(write(x('message', { xmlns: NS.client }, share)));
    expect(readFile(message, url)?.file).toMatchObject({ url, name: 'a.jpg', thumb: good });
  });
});
