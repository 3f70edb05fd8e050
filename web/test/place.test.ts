// Where a film or a picture was taken goes from the file, and nothing else does.
import { describe, expect, it } from 'vitest';
import { mayHavePlace } from '../src/mime';
import { blankPlaces, withoutPlace } from '../src/ui/media/place';

const u32 = (n: number) => Buffer.from([n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]);
const u16 = (n: number) => Buffer.from([n >> 8, n & 255]);
const box = (type: string, ...parts: (Buffer | string)[]) => {
  const body = Buffer.concat(parts.map((p) => (typeof p === 'string' ? Buffer.from(p, 'latin1') : p)));
  return Buffer.concat([u32(body.length + 8), Buffer.from(type, 'latin1'), body]);
};
const large = (type: string, body: Buffer) =>
  Buffer.concat([u32(1), Buffer.from(type), u32(0), u32(body.length + 16), body]);
const ZERO = u32(0);
const PLACE = '+48.8577+002.295/';
const NAME = 'com.apple.quicktime.location.ISO6709';
const XMP = Buffer.from('be7acfcb97a942e89c71999491e3afac', 'hex');
const ftyp = box('ftyp', 'isom', ZERO, 'mp42');
const key = (name: string) => Buffer.concat([u32(name.length + 8), Buffer.from(`mdta${name}`)]);
const value = (n: number, text: string) => box(u32(n).toString('latin1'), box('data', u32(1), ZERO, text));
const apple = (...before: Buffer[]) =>
  box(
    'meta',
    ...before,
    box('hdlr', ZERO, ZERO, 'mdta', ZERO),
    box('keys', ZERO, u32(2), key('com.apple.quicktime.make'), key(NAME)),
    box('ilst', value(1, 'Apple'), value(2, PLACE)),
  );
const moov = (...more: Buffer[]) =>
  box(
    'moov',
    box('mvhd', Buffer.alloc(100, 7)),
    box(
      'udta',
      box('\u00a9xyz', u16(PLACE.length), u16(0x15c7), PLACE),
      box('name', 'A film'),
      box('loci', PLACE),
      ZERO,
    ),
    box('trak', box('tkhd', Buffer.alloc(84, 3)), box('udta', box('\u00a9xyz', PLACE))),
    apple(),
    ...more,
  );
const mdat = Buffer.alloc(5000, `data ${PLACE.slice(0, 3)}`);
const blobOf = (...parts: Buffer[]) =>
  new Blob(
    parts.map((p) => new Uint8Array(p)),
    { type: 'video/mp4' },
  );
const bytesOf = async (blob: Blob) => Buffer.from(await blob.arrayBuffer());

describe('a film', () => {
  for (const [what, parts] of [
    ['with its index first', [ftyp, moov(), box('mdat', mdat)]],
    ['with its index last, and lengths of 64 bits', [ftyp, box('wide'), large('mdat', mdat), moov()]],
    ['in the way of MP4', [ftyp, box('mdat', mdat), box('moov', box('udta', apple(ZERO)))]],
    ['with XMP', [ftyp, moov(), box('uuid', XMP, PLACE), box('mdat', mdat)]],
  ] as const)
    it(`loses the place: ${what}`, async () => {
      const before = Buffer.concat(parts);
      expect(before.includes(PLACE)).toBe(true);
      const { blob, sure } = await withoutPlace(blobOf(...parts));
      const after = await bytesOf(blob);
      expect(sure).toBe(true);
      expect(blob.type).toBe('video/mp4');
      expect(after.length).toBe(before.length);
      expect(after.includes(PLACE)).toBe(false);
      // What plays stands where it stood.
      expect(after.indexOf(mdat)).toBe(before.indexOf(mdat));
      expect(after.includes('Apple') && after.includes(NAME)).toBe(true);
      if (before.includes('A film')) expect(after.includes('A film')).toBe(true);
    });

  it('keeps the form of the boxes', () => {
    const bytes = new Uint8Array(moov());
    expect(blankPlaces(bytes)).toBe(true);
    const text = Buffer.from(bytes).toString('latin1');
    expect(text).not.toMatch(/xyz|loci/);
    expect(text.match(/free/g)?.length).toBe(4);
  });

  it('is not read where it plays', async () => {
    const blob = blobOf(ftyp, box('mdat', Buffer.alloc(3_000_000)), moov());
    let read = 0;
    const slice = blob.slice.bind(blob);
    blob.slice = (from, to, type) => {
      const part = slice(from, to, type);
      const whole = part.arrayBuffer.bind(part);
      part.arrayBuffer = () => {
        read += part.size;
        return whole();
      };
      return part;
    };
    expect((await withoutPlace(blob)).sure).toBe(true);
    expect(read).toBeLessThan(3000);
  });

  it('with a track of places is not called clean, but loses what can be taken', async () => {
    const stsd = box('stsd', ZERO, u32(1), box('gpmd', ZERO));
    const track = box('trak', box('mdia', box('minf', box('stbl', stsd))));
    const { blob, sure } = await withoutPlace(blobOf(ftyp, moov(track), box('mdat', mdat)));
    expect(sure).toBe(false);
    expect((await bytesOf(blob)).includes(PLACE)).toBe(false);
  });
});

const infe = (id: number, type: string) => box('infe', Buffer.from([2, 0, 0, 0]), u16(id), u16(0), type, '\0');
function heic(method: 0 | 1): Buffer {
  const exif = Buffer.concat([u32(6), Buffer.from('Exif\0\0'), Buffer.from(`MM\0*....${PLACE}`)]);
  const brand = box('ftyp', 'heic', ZERO, 'mif1');
  const make = (offset: number) =>
    box(
      'meta',
      ZERO,
      box('hdlr', ZERO, ZERO, 'pict', ZERO),
      box('iinf', ZERO, u16(2), infe(1, 'hvc1'), infe(2, 'Exif')),
      box(
        'iloc',
        Buffer.from([1, 0, 0, 0, 0x44, 0x00]),
        u16(2),
        ...[1, 2].map((id) =>
          Buffer.concat([
            u16(id),
            u16(id === 2 ? method : 0),
            u16(0),
            u16(1),
            u32(id === 2 ? offset : 9000),
            u32(id === 2 ? exif.length : 10),
          ]),
        ),
      ),
      ...(method === 1 ? [box('idat', exif)] : []),
    );
  if (method === 1) return Buffer.concat([brand, make(0), box('mdat', mdat)]);
  const head = brand.length + make(0).length;
  return Buffer.concat([brand, make(head + 8 + mdat.length), box('mdat', mdat, exif)]);
}

describe('a picture that this browser cannot draw', () => {
  for (const method of [0, 1] as const)
    it(`loses its notes, kept in way ${method}`, async () => {
      const before = heic(method);
      const { blob, sure } = await withoutPlace(blobOf(before));
      const after = await bytesOf(blob);
      expect(sure).toBe(true);
      expect(after.length).toBe(before.length);
      expect(after.includes(PLACE)).toBe(false);
      expect(after.indexOf(mdat)).toBe(before.indexOf(mdat));
      expect(after.includes(Buffer.from('MM\0*\0\0\0\x08\0\0'))).toBe(true);
    });
});

describe('what cannot be judged', () => {
  it('is left as it is, and said so', async () => {
    for (const bytes of [
      Buffer.from(`II*\0 a TIFF ${PLACE}`),
      Buffer.from(''),
      Buffer.concat([ftyp, box('mdat', mdat)]),
      Buffer.concat([ftyp, u32(99_999), Buffer.from('moov')]),
    ]) {
      const { blob, sure } = await withoutPlace(blobOf(bytes));
      expect(sure).toBe(false);
      expect((await bytesOf(blob)).equals(bytes)).toBe(true);
    }
  });

  it('survives any lie, and keeps the length', async () => {
    let seed = 7;
    const random = (n: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((seed / 2 ** 32) * n);
    };
    for (const whole of [Buffer.concat([ftyp, moov(), box('mdat', mdat)]), heic(0), heic(1)])
      for (let round = 0; round < 300; round++) {
        const bytes = Buffer.from(whole);
        for (let k = 0; k < 4; k++) bytes[random(Math.min(bytes.length, 700))] = random(256);
        expect((await withoutPlace(blobOf(bytes))).blob.size, `round ${round}`).toBe(bytes.length);
      }
  });

  it('is asked of films and photos only', () => {
    expect(['video/mp4', 'video/quicktime', 'image/heic', 'image/tiff', 'audio/mp4'].every(mayHavePlace)).toBe(true);
    expect(['video/webm', 'image/gif', 'audio/ogg', 'application/zip', 'image/svg+xml'].some(mayHavePlace)).toBe(false);
  });
});
