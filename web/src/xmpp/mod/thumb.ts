// A miniature that came inside a message (XEP-0264 with a data: address). Few bytes can unfold into very many pixels, so
// it says how large it is before anything draws it. Miniatures that lie elsewhere (cid:, https:) are left alone: to
// fetch them would tell their sender when and from where one reads.

const BYTES_MAX = 24_000;
const SIDE_MAX = 512;
const FORM = /^data:image\/(jpeg|png|webp);base64,([A-Za-z0-9+/]+={0,2})$/;

type Size = [width: number, height: number];

const ascii = (b: Uint8Array, at: number, n: number) => String.fromCharCode(...b.subarray(at, at + n));
const big = (b: Uint8Array, at: number) => (b[at]! << 8) | b[at + 1]!;
const little = (b: Uint8Array, at: number) => b[at]! | (b[at + 1]! << 8);

function jpeg(b: Uint8Array): Size | undefined {
  if (big(b, 0) !== 0xffd8) return undefined;
  for (let at = 2; at + 9 < b.length && b[at] === 0xff; at += 2 + big(b, at + 2)) {
    const kind = b[at + 1]!;
    // A frame begins; the four others in this range are tables.
    if (kind >= 0xc0 && kind <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(kind)) return [big(b, at + 7), big(b, at + 5)];
  }
  return undefined;
}

function webp(b: Uint8Array): Size | undefined {
  if (ascii(b, 0, 4) !== 'RIFF' || ascii(b, 8, 4) !== 'WEBP') return undefined;
  const kind = ascii(b, 12, 4);
  if (kind === 'VP8X') return [1 + little(b, 24) + (b[26]! << 16), 1 + little(b, 27) + (b[29]! << 16)];
  if (kind === 'VP8 ') return [little(b, 26) & 0x3fff, little(b, 28) & 0x3fff];
  if (kind !== 'VP8L') return undefined;
  return [1 + (little(b, 21) & 0x3fff), 1 + ((b[22]! >> 6) | (b[23]! << 2) | ((b[24]! & 15) << 10))];
}

const SIZES: Record<string, (b: Uint8Array) => Size | undefined> = {
  jpeg,
  webp,
  png: (b) => (ascii(b, 1, 3) === 'PNG' && big(b, 16) === 0 && big(b, 20) === 0 ? [big(b, 18), big(b, 22)] : undefined),
};

/** The address, if what it holds may be drawn. */
export function safeThumb(uri: string): string | undefined {
  if (uri.length > BYTES_MAX) return undefined;
  const [, kind, data] = FORM.exec(uri) ?? [];
  if (!kind || !data) return undefined;
  try {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    if (bytes.length < 30) return undefined;
    const size = SIZES[kind]!(bytes);
    return size?.every((side) => side > 0 && side <= SIDE_MAX) ? uri : undefined;
  } catch {
    return undefined; // Not base64 after all.
  }
}
