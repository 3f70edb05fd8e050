// What bytes that somebody sent as a picture really are. Judged by themselves: what was said of them may be a lie. No SVG:
// that is a document. And none with more pixels than a picture of a person needs: a few bytes can unpack to gigabytes.

/** Pixels of a side. */
const SIDE_MAX = 2048;

export interface PictureKind {
  type: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp';
  width: number;
  height: number;
}

const ascii = (b: Uint8Array, at: number, text: string) =>
  b.length >= at + text.length && [...text].every((c, i) => b[at + i] === c.charCodeAt(0));

function size(bytes: Uint8Array): PictureKind | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (ascii(bytes, 0, '\x89PNG\r\n\x1a\n') && ascii(bytes, 12, 'IHDR'))
    return { type: 'image/png', width: view.getUint32(16), height: view.getUint32(20) };
  if (ascii(bytes, 0, 'GIF87a') || ascii(bytes, 0, 'GIF89a'))
    return { type: 'image/gif', width: view.getUint16(6, true), height: view.getUint16(8, true) };
  if (ascii(bytes, 0, 'RIFF') && ascii(bytes, 8, 'WEBP')) return webp(bytes, view);
  if (view.getUint16(0) === 0xffd8) return jpeg(view);
  return undefined;
}

function webp(bytes: Uint8Array, view: DataView): PictureKind | undefined {
  const type = 'image/webp';
  if (ascii(bytes, 12, 'VP8X')) {
    const three = (at: number) => 1 + view.getUint16(at, true) + view.getUint8(at + 2) * 65536;
    return { type, width: three(24), height: three(27) };
  }
  if (ascii(bytes, 12, 'VP8L')) {
    const bits = view.getUint32(21, true);
    return { type, width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
  }
  if (!ascii(bytes, 12, 'VP8 ')) return undefined;
  return { type, width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
}

function jpeg(view: DataView): PictureKind | undefined {
  for (let at = 2; view.getUint8(at) === 0xff; at += 2 + view.getUint16(at + 2)) {
    const marker = view.getUint8(at + 1);
    // A frame begins with C0 to CF; but C4, C8 and CC are tables.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker))
      return { type: 'image/jpeg', width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
  }
  return undefined;
}

/** Undefined: no picture that is shown here. */
export function pictureKind(bytes: Uint8Array): PictureKind | undefined {
  try {
    const kind = size(bytes);
    const fits = (side: number) => side > 0 && side <= SIDE_MAX;
    return kind && fits(kind.width) && fits(kind.height) ? kind : undefined;
  } catch {
    return undefined; // It ends too early.
  }
}

export async function sha1(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const sum = new Uint8Array(await crypto.subtle.digest('SHA-1', bytes));
  return Array.from(sum, (b) => b.toString(16).padStart(2, '0')).join('');
}
