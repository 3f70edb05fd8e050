// Message styling (XEP-0393): blocks first, then the spans in their lines. One pass over the text, whatever it holds.
import { type Found, findLinks } from './links';

export type SpanKind = 'strong' | 'emphasis' | 'strike' | 'code';
export type Span = string | Found | { kind: SpanKind; sign: string; children: Span[] };
export type Block =
  | { kind: 'line'; text: string; spans: Span[] }
  | { kind: 'pre'; text: string }
  | { kind: 'quote'; children: Block[] };

const KINDS: Readonly<Record<string, SpanKind>> = { '*': 'strong', _: 'emphasis', '~': 'strike', '`': 'code' };
const FENCE = '```';
/** Quotes inside quotes beyond this are shown as they were written: each costs a pass over its lines. */
const DEPTH = 6;

const isSpace = (sign: string) => /[\p{White_Space}\p{Z}]/u.test(sign);

/** The spans of one line. */
class Line {
  private readonly links: Found[];
  /** Belongs to a link: no sign there is a directive. */
  private readonly taken: Uint8Array;
  /** For each directive: where it next may close, from each place on. */
  private readonly closers = new Map<string, Int32Array>();

  constructor(private readonly text: string) {
    this.links = findLinks(text);
    this.taken = new Uint8Array(text.length);
    for (const link of this.links) this.taken.fill(1, link.start, link.end);
    for (const sign of Object.keys(KINDS))
      if (text.indexOf(sign) !== text.lastIndexOf(sign)) this.closers.set(sign, this.closersOf(sign));
  }

  private closersOf(sign: string): Int32Array {
    const { text } = this;
    const next = new Int32Array(text.length + 1);
    let close = text.length;
    next[text.length] = close;
    for (let i = text.length - 1; i >= 0; i--) {
      if (text[i] === sign && i > 0 && !this.taken[i] && !isSpace(text[i - 1]!)) close = i;
      next[i] = close;
    }
    return next;
  }

  /** Where the span that opens at `i` closes; undefined: none does. */
  private close(i: number, from: number, to: number): number | undefined {
    const { text } = this;
    const next = this.closers.get(text[i]!);
    if (!next || this.taken[i] || i + 2 >= to || isSpace(text[i + 1]!)) return undefined;
    if (i !== from && !isSpace(text[i - 1]!)) return undefined;
    const close = next[i + 2]!;
    return close < to ? close : undefined;
  }

  /** A sign that closes a span cannot stand inside it once more, so this is at most four deep. */
  spans(from = 0, to = this.text.length): Span[] {
    const { text } = this;
    const spans: Span[] = [];
    let plain = from;
    const flush = (end: number) => {
      if (plain < end) spans.push(...this.linked(plain, end));
    };
    for (let i = from; i < to; i++) {
      const sign = text[i]!;
      const kind = KINDS[sign];
      if (!kind) continue;
      if (text[i + 1] === sign) {
        // Nothing between them: neither is one.
        i++;
        continue;
      }
      const close = this.close(i, from, to);
      if (close === undefined) continue;
      flush(i);
      const children = kind === 'code' ? [text.slice(i + 1, close)] : this.spans(i + 1, close);
      spans.push({ kind, sign, children });
      i = close;
      plain = close + 1;
    }
    flush(to);
    return spans;
  }

  private linked(from: number, to: number): Span[] {
    const spans: Span[] = [];
    let end = from;
    // The first link that may stand here: they are in order.
    let low = 0;
    for (let high = this.links.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (this.links[middle]!.start < from) low = middle + 1;
      else high = middle;
    }
    for (; low < this.links.length && this.links[low]!.end <= to; low++) {
      const link = this.links[low]!;
      if (end < link.start) spans.push(this.text.slice(end, link.start));
      spans.push(link);
      end = link.end;
    }
    if (end < to) spans.push(this.text.slice(end, to));
    return spans;
  }
}

export function spansOf(line: string): Span[] {
  return /[*_~`]/.test(line) ? new Line(line).spans() : plainSpans(line);
}

/** Of a text that is not styled: links only. */
export function plainSpans(text: string): Span[] {
  const spans: Span[] = [];
  let end = 0;
  for (const link of findLinks(text)) {
    if (end < link.start) spans.push(text.slice(end, link.start));
    spans.push(link);
    end = link.end;
  }
  if (end < text.length) spans.push(text.slice(end));
  return spans;
}

function blocks(lines: readonly string[], depth: number): Block[] {
  const found: Block[] = [];
  for (let i = 0; i < lines.length; ) {
    const line = lines[i]!;
    let end = i + 1;
    if (line.startsWith(FENCE)) {
      while (end < lines.length && lines[end] !== FENCE) end++;
      found.push({ kind: 'pre', text: lines.slice(i + 1, end).join('\n') });
      end++;
    } else if (line.startsWith('>') && depth < DEPTH) {
      while (end < lines.length && lines[end]!.startsWith('>')) end++;
      const inside = lines.slice(i, end).map((it) => it.slice(it.length > 1 && isSpace(it[1]!) ? 2 : 1));
      found.push({ kind: 'quote', children: blocks(inside, depth + 1) });
    } else found.push({ kind: 'line', text: line, spans: spansOf(line) });
    i = end;
  }
  return found;
}

export const blocksOf = (text: string): Block[] => blocks(text.split('\n'), 0);
