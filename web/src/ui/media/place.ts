// Where a film or a picture was taken, as cameras write it into ISO media files (MP4, MOV, HEIC, AVIF): it is made blank
// where it stands, so that no other byte moves and no index has to change. Only the heads of the boxes and the few that
// say something about the whole are read, however large the file is.

interface Box {
  type: string;
  /** Bytes from the beginning of what is walked: the box, its content, its end. */
  at: number;
  body: number;
  end: number;
}

interface Patch {
  at: number;
  bytes: Uint8Array<ArrayBuffer>;
}

export interface Cleared {
  /** The same, or one of the same size without the place. */
  blob: Blob;
  /** Nothing is left that says where. False: it could not be judged. */
  sure: boolean;
}

const READ_MAX = 64 * 2 ** 20;
const BLANK_MAX = 16 * 2 ** 20;
const BOXES_MAX = 5000;
const FIRST = new Set(['ftyp', 'moov', 'mdat', 'wide', 'free', 'skip', 'pnot']);
const INSIDE = new Set(['moov', 'trak', 'udta', 'mdia', 'minf', 'stbl']);
/** Place in QuickTime's and in 3GPP's way; notes that may hold one. */
const PLACES = new Set(['\u00a9xyz', 'loci', 'XMP_', 'GPMF', 'GPS ', 'gps ']);
/** XMP, which may say anything. */
const XMP = 'be7acfcb97a942e89c71999491e3afac';

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const word = (bytes: Uint8Array, at: number, length = 4) => String.fromCharCode(...bytes.subarray(at, at + length));
const hex = (bytes: Uint8Array) => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

/** The box at a place; undefined where there is none. `left`: bytes up to the end of what may hold it. */
function boxAt(bytes: Uint8Array, at: number, left: number, base = 0): Box | undefined {
  if (at + 8 > bytes.length || left < 8) return undefined;
  let size = view(bytes).getUint32(at);
  let head = 8;
  if (size === 1) {
    if (at + 16 > bytes.length) return undefined;
    size = Number(view(bytes).getBigUint64(at + 8));
    head = 16;
  } else if (size === 0) size = left;
  if (size < head || size > left) return undefined;
  return { type: word(bytes, at + 4), at: base + at, body: base + at + head, end: base + at + size };
}

function boxesIn(bytes: Uint8Array, from: number, to: number): Box[] {
  const all: Box[] = [];
  for (let at = from; at < to; ) {
    const box = boxAt(bytes, at, to - at);
    if (!box) break;
    all.push(box);
    at = box.end;
  }
  return all;
}

/** What players skip, of the same length and with nothing in it. */
function blank(bytes: Uint8Array, box: Box): void {
  bytes.set([0x66, 0x72, 0x65, 0x65], box.at + 4);
  bytes.fill(0, box.body, box.end);
}

const isXmp = (bytes: Uint8Array, box: Box) =>
  box.type === 'uuid' && hex(bytes.subarray(box.body, box.body + 16)) === XMP;

/** Apple's way: names in one box, values by their number in another. */
function blankKeyed(bytes: Uint8Array, meta: Box): void {
  // In QuickTime the content begins at once, in MP4 after four bytes of version.
  const from = word(bytes, meta.body + 4) === 'hdlr' ? meta.body : meta.body + 4;
  const boxes = boxesIn(bytes, from, meta.end);
  const keys = boxes.find((b) => b.type === 'keys');
  const places = new Set<number>();
  if (keys) {
    let at = keys.body + 8;
    for (let n = 1; at + 8 <= keys.end; n++) {
      const size = view(bytes).getUint32(at);
      if (size < 8 || at + size > keys.end) break;
      if (/location|gps/i.test(word(bytes, at + 8, Math.min(size - 8, 200)))) places.add(n);
      at += size;
    }
  }
  for (const list of boxes.filter((b) => b.type === 'ilst'))
    for (const item of boxesIn(bytes, list.body, list.end))
      if (places.has(view(bytes).getUint32(item.at + 4)) || PLACES.has(item.type)) blank(bytes, item);
  for (const box of boxes) if (PLACES.has(box.type) || isXmp(bytes, box)) blank(bytes, box);
}

/** Makes the places in a `moov` blank. False: there is a track that may hold more, which is not touched. */
export function blankPlaces(bytes: Uint8Array): boolean {
  let sure = true;
  const walk = (from: number, to: number, depth: number) => {
    for (const box of boxesIn(bytes, from, to)) {
      if (PLACES.has(box.type) || isXmp(bytes, box)) blank(bytes, box);
      else if (box.type === 'meta') blankKeyed(bytes, box);
      else if (box.type === 'stsd') {
        // Tracks of an action camera's or a phone's sensors: a place for every second.
        const said = word(bytes, box.body, Math.min(box.end - box.body, 4096));
        if (/gpmd|camm|location|ISO6709/.test(said)) sure = false;
      } else if (INSIDE.has(box.type) && depth < 8) walk(box.body, box.end, depth + 1);
    }
  };
  walk(0, bytes.length, 0);
  return sure;
}

class Reader {
  private readonly data: DataView;
  constructor(
    bytes: Uint8Array,
    public at: number,
  ) {
    this.data = view(bytes);
  }
  number(size: number): number {
    const { at } = this;
    this.at += size;
    if (size === 0) return 0;
    if (size === 1) return this.data.getUint8(at);
    if (size === 2) return this.data.getUint16(at);
    if (size === 4) return this.data.getUint32(at);
    if (size === 8) return Number(this.data.getBigUint64(at));
    throw new RangeError(`a number of ${size} bytes`);
  }
}

/** The numbers of the items of a picture that hold notes: Exif, and XMP as `mime`. */
function noteItems(bytes: Uint8Array, iinf: Box): Set<number> {
  const version = bytes[iinf.body]!;
  const found = new Set<number>();
  for (const infe of boxesIn(bytes, iinf.body + (version === 0 ? 6 : 8), iinf.end)) {
    const read = new Reader(bytes, infe.body);
    const v = read.number(1);
    if (infe.type !== 'infe' || v < 2) throw new RangeError('items without a type');
    read.at += 3;
    const id = read.number(v === 2 ? 2 : 4);
    const type = word(bytes, read.at + 2);
    if (type === 'Exif' || type === 'mime') found.add(id);
  }
  return found;
}

/** Where the content of some items lies in the file: from, to. */
function extents(bytes: Uint8Array, iloc: Box, wanted: Set<number>, idat: number | undefined): [number, number][] {
  const read = new Reader(bytes, iloc.body);
  const version = read.number(1);
  read.at += 3;
  const sizes = read.number(2);
  const [offsetSize, lengthSize, baseSize] = [sizes >> 12, (sizes >> 8) & 15, (sizes >> 4) & 15];
  const indexSize = version > 0 ? sizes & 15 : 0;
  const found: [number, number][] = [];
  for (let n = read.number(version < 2 ? 2 : 4); n > 0; n--) {
    const id = read.number(version < 2 ? 2 : 4);
    const method = version > 0 ? read.number(2) & 15 : 0;
    const elsewhere = read.number(2);
    const base = read.number(baseSize);
    for (let k = read.number(2); k > 0; k--) {
      read.number(indexSize);
      const from = base + read.number(offsetSize);
      const length = read.number(lengthSize);
      if (!wanted.has(id)) continue;
      if (elsewhere !== 0 || length === 0 || method > 1 || (method === 1 && idat === undefined))
        throw new RangeError('content that cannot be found');
      const start = method === 1 ? idat! + from : from;
      found.push([start, start + length]);
    }
  }
  return found;
}

/** Notes that say nothing, in the form that they must have. */
function emptyNotes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  // No offset, then a TIFF without entries.
  if (length >= 18) bytes.set([0x4d, 0x4d, 0, 0x2a, 0, 0, 0, 8], 4);
  return bytes;
}

const read = async (blob: Blob, from: number, to: number) =>
  new Uint8Array(await blob.slice(from, to).arrayBuffer()) as Uint8Array<ArrayBuffer>;

async function topBoxes(blob: Blob): Promise<Box[] | undefined> {
  const all: Box[] = [];
  for (let at = 0; at < blob.size; ) {
    const box = boxAt(await read(blob, at, at + 16), 0, blob.size - at, at);
    if (!box || all.length > BOXES_MAX || (all.length === 0 && !FIRST.has(box.type))) return undefined;
    all.push(box);
    at = box.end;
  }
  return all;
}

async function patches(blob: Blob, boxes: readonly Box[]): Promise<{ found: Patch[]; sure: boolean } | undefined> {
  const found: Patch[] = [];
  let sure = false;
  let hidden = false;
  for (const box of boxes) {
    if (!['moov', 'meta', 'uuid'].includes(box.type)) continue;
    if (box.type === 'uuid' && hex(await read(blob, box.body, box.body + 16)) !== XMP) continue;
    if (box.end - box.at > READ_MAX) return undefined;
    const bytes = await read(blob, box.at, box.end);
    const own: Box = { ...box, at: 0, body: box.body - box.at, end: bytes.length };
    if (box.type === 'moov') {
      if (!blankPlaces(bytes)) hidden = true;
      sure = true;
    } else if (box.type === 'uuid') blank(bytes, own);
    else {
      blankKeyed(bytes, own);
      const inside = boxesIn(bytes, own.body + 4, own.end);
      const [iinf, iloc, idat] = ['iinf', 'iloc', 'idat'].map((type) => inside.find((b) => b.type === type));
      const notes = iinf ? noteItems(bytes, iinf) : new Set<number>();
      if (notes.size > 0) {
        if (!iloc) return undefined;
        for (const [from, to] of extents(bytes, iloc, notes, idat && box.at + idat.body)) {
          if (to > blob.size || to - from > BLANK_MAX) return undefined;
          const clean = emptyNotes(to - from);
          if (from >= box.at && to <= box.end) bytes.set(clean, from - box.at);
          else found.push({ at: from, bytes: clean });
        }
      }
      sure ||= iinf !== undefined;
    }
    found.push({ at: box.at, bytes });
  }
  return { found, sure: sure && !hidden };
}

/** A file that says nothing of where it was taken. */
export async function withoutPlace(blob: Blob): Promise<Cleared> {
  try {
    const boxes = await topBoxes(blob);
    const made = boxes && (await patches(blob, boxes));
    if (!made) return { blob, sure: false };
    const parts: BlobPart[] = [];
    let at = 0;
    for (const patch of made.found.sort((a, b) => a.at - b.at)) {
      if (patch.at < at) return { blob, sure: false };
      parts.push(blob.slice(at, patch.at), patch.bytes);
      at = patch.at + patch.bytes.length;
    }
    parts.push(blob.slice(at));
    return { blob: new Blob(parts, { type: blob.type }), sure: made.sure };
  } catch (e) {
    // Lies about its own lengths.
    if (e instanceof RangeError) return { blob, sure: false };
    throw e;
  }
}
