// The words of a text as they are searched: without case, accents and punctuation. The server finds by the same rules
// (src/xmpp/terms.c).

export const TERM_BYTES_MAX = 64;
export const TERMS_MAX = 4000;

export interface Term {
  text: string;
  /** Where it begins in what was written, and for each unit of `text` where that one ends there. */
  start: number;
  ends: number[];
}

type Kind = 'nothing' | 'word' | 'run' | 'alone' | 'mark';

/** Han, kana, Thai, Lao, Myanmar, Khmer: pairs, for nobody writes spaces there. */
const NO_SPACES: readonly (readonly [number, number])[] = [
  [0x0e00, 0x0eff],
  [0x1000, 0x109f],
  [0x1780, 0x17ff],
  [0x3005, 0x3007],
  [0x3040, 0x30ff],
  [0x31f0, 0x31ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xf900, 0xfaff],
  [0xff66, 0xff9f],
  [0x20000, 0x3ffff],
];

function kindOf(sign: string): Kind {
  const code = sign.codePointAt(0)!;
  if (code < 0x80) return /[a-z0-9]/.test(sign) ? 'word' : 'nothing';
  if (/\p{M}/u.test(sign)) return 'mark';
  if (/[\p{L}\p{N}]/u.test(sign))
    return NO_SPACES.some(([first, last]) => code >= first && code <= last) ? 'run' : 'word';
  return /\p{So}/u.test(sign) ? 'alone' : 'nothing';
}

/** Caseless, compatibility forms apart. Up and down again is what folding case is, but for the Turkish i without a dot. */
function fold(sign: string): string {
  const apart = sign.normalize('NFKD');
  return apart === 'ı' ? apart : apart.toUpperCase().toLowerCase().normalize('NFKD');
}

const bytesOf = (code: number) => (code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);

class Reading {
  readonly terms: Term[] = [];
  private word: Term | undefined;
  private bytes = 0;
  /** The character of a run that has no pair yet. */
  private before: Term | undefined;

  put(sign: string, start: number, end: number): void {
    const kind = kindOf(sign);
    if (kind === 'mark') return;
    if (kind !== 'word') this.endWord();
    if (kind !== 'run') this.endRun();
    const one = () => ({ text: sign, start, ends: Array<number>(sign.length).fill(end) });
    if (kind === 'alone') this.add(one());
    else if (kind === 'word') {
      const size = bytesOf(sign.codePointAt(0)!);
      if (this.bytes + size > TERM_BYTES_MAX) return;
      this.bytes += size;
      this.word ??= { text: '', start, ends: [] };
      this.word.text += sign;
      for (let i = 0; i < sign.length; i++) this.word.ends.push(end);
    } else if (kind === 'run') {
      const { before } = this;
      this.before = one();
      if (before)
        this.add({
          text: before.text + sign,
          start: before.start,
          ends: [...before.ends, ...this.before.ends],
        });
    }
  }

  end(): Term[] {
    this.endWord();
    this.endRun();
    return this.terms;
  }

  private endWord(): void {
    if (this.word) this.add(this.word);
    this.word = undefined;
    this.bytes = 0;
  }

  private endRun(): void {
    if (this.before) this.add(this.before);
    this.before = undefined;
  }

  private add(term: Term): void {
    if (this.terms.length < TERMS_MAX) this.terms.push(term);
  }
}

/** In the order of the text, the same one as often as it stands there. */
export function termsOf(text: string): Term[] {
  const reading = new Reading();
  let at = 0;
  for (const sign of text) {
    if (reading.terms.length === TERMS_MAX) break;
    const end = at + sign.length;
    for (const folded of fold(sign)) reading.put(folded, at, end);
    at = end;
  }
  return reading.end();
}

/** Each of `wanted` begins some word of the text. */
export function termsMatch(text: readonly Term[], wanted: readonly Term[]): boolean {
  return wanted.every((it) => text.some((term) => term.text.startsWith(it.text)));
}

export interface Place {
  start: number;
  end: number;
}

/** Where words that were looked for stand, in order, none over another. */
export function placesOf(text: string, wanted: readonly Term[]): Place[] {
  const places: Place[] = [];
  for (const term of termsOf(text)) {
    const found = wanted.filter((it) => term.text.startsWith(it.text));
    if (found.length === 0) continue;
    const end = Math.max(...found.map((it) => term.ends[it.text.length - 1]!));
    const last = places.at(-1);
    if (last && last.end >= term.start) last.end = Math.max(last.end, end);
    else places.push({ start: term.start, end });
  }
  return places;
}
