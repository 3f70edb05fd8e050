// Every address has its colour, the same in every client that follows XEP-0392: an angle from SHA-1 of the
// address. We show the nearest of our eight name colours, because those are readable in both themes.

/** The first 16 bits of SHA-1, little endian; WebCrypto would answer only later, and a row is drawn now. */
function sha1Start(text: string): number {
  const bytes = new TextEncoder().encode(text);
  const blocks = ((bytes.length + 8) >> 6) + 1;
  const words = new Uint32Array(blocks * 16);
  bytes.forEach((byte, i) => {
    words[i >> 2]! |= byte << (24 - 8 * (i & 3));
  });
  words[bytes.length >> 2]! |= 0x80 << (24 - 8 * (bytes.length & 3));
  words[blocks * 16 - 1] = bytes.length * 8;

  const rotate = (x: number, by: number) => (x << by) | (x >>> (32 - by));
  const w = new Int32Array(80);
  let h = [0x67452301, 0xefcdab89 | 0, 0x98badcfe | 0, 0x10325476, 0xc3d2e1f0 | 0];
  for (let start = 0; start < words.length; start += 16) {
    let [a, b, c, d, e] = h as [number, number, number, number, number];
    for (let i = 0; i < 80; i++) {
      w[i] = i < 16 ? words[start + i]! | 0 : rotate(w[i - 3]! ^ w[i - 8]! ^ w[i - 14]! ^ w[i - 16]!, 1);
      const round = Math.floor(i / 20);
      const f = round === 0 ? (b & c) | (~b & d) : round === 2 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
      const k = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6][round]!;
      const next = (rotate(a, 5) + f + e + k + w[i]!) | 0;
      [e, d, c, b, a] = [d, c, rotate(b, 30), a, next];
    }
    h = [(h[0]! + a) | 0, (h[1]! + b) | 0, (h[2]! + c) | 0, (h[3]! + d) | 0, (h[4]! + e) | 0];
  }
  const first = h[0]! >>> 0;
  return (first >>> 24) | ((first >>> 8) & 0xff00);
}

/** Where our eight colours lie on the HSLuv circle that the XEP speaks of. */
const ANGLES = [14, 35, 70, 130, 195, 255, 280, 340];
const known = new Map<string, number>();

export const hueAngle = (address: string) => (sha1Start(address) / 65536) * 360;

/** 1 to 8, for `--name-N`. */
export function hueOf(address: string): number {
  let found = known.get(address);
  if (found === undefined) {
    const angle = hueAngle(address);
    const distance = (to: number) => Math.min(Math.abs(angle - to), 360 - Math.abs(angle - to));
    found = 1 + ANGLES.reduce((best, to, i) => (distance(to) < distance(ANGLES[best]!) ? i : best), 0);
    known.set(address, found);
  }
  return found;
}

/** The colour of their name and of the bar at what they said. */
export const nameHue = (address: string) => ({ '--hue': `var(--name-${hueOf(address)})` });
