// Which rows of the log are drawn, and where the reader's eye stays while they change. Bottom-anchored: a reader
// at the end stays at the end; any other reader keeps the topmost visible message exactly where it is, whatever
// is loaded above, measured, or written below. No framework in here: the DOM is measured, the scroll is set.
import { signal } from '@preact/signals';
import type { Message } from '../../store/model';
import { Heights } from './heights';
import { guess } from './shape';

/** Pixels drawn beyond each edge of what is visible. */
const OVER = 700;
/** So near to the end counts as at the end. */
const NEAR = 24;

export interface Parts {
  scroller: HTMLElement;
  above: HTMLElement;
  below: HTMLElement;
  rows: HTMLElement;
}

export class LogWindow {
  /** From, to (exclusive): the rows to draw. */
  readonly range = signal<readonly [number, number]>([0, 0]);
  /** Whether the end is in sight, for the jump button. */
  readonly away = signal(false);
  /** First row in sight, and the last one whose end is in sight. */
  readonly topRow = signal(0);
  lastSeen = -1;
  onSettled: () => void = () => {};
  /** The reader scrolled (not we). */
  onScrolled: () => void = () => {};

  #messages: readonly Message[] = [];
  #heights = new Heights(0, () => 0);
  #measured = new Map<string, number>();
  #parts: Parts | undefined;
  #stick = true;
  #anchor: { row: number; key: string; offset: number } | undefined;
  #scrollTop = 0;
  #width = 0;
  #height = 0;
  #rem = 16;

  attach(parts: Parts, rem: number): () => void {
    this.#parts = parts;
    this.#rem = rem;
    this.#width = parts.rows.clientWidth;
    const observer = new ResizeObserver(() => this.#resized());
    observer.observe(parts.scroller);
    observer.observe(parts.rows.parentElement!);
    const onScroll = () => this.#scrolled();
    parts.scroller.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      observer.disconnect();
      parts.scroller.removeEventListener('scroll', onScroll);
      this.#parts = undefined;
    };
  }

  get messages(): readonly Message[] {
    return this.#messages;
  }
  get atEnd(): boolean {
    return this.#stick;
  }

  /** New content. Cheap when messages were appended or changed; a new tree when older ones came before. */
  update(messages: readonly Message[]): void {
    const old = this.#messages;
    if (messages === old) return;
    const grown = messages.length - old.length;
    const tail = old.length - 1;
    const appended =
      tail >= 0 && grown >= 0 && messages[0]!.key === old[0]!.key && messages[tail]!.key === old[tail]!.key;
    this.#follow();
    this.#messages = messages;
    if (appended) {
      for (let i = old.length; i < messages.length; i++) this.#heights.push(this.#guess(i));
    } else {
      this.#heights = new Heights(messages.length, (i) => this.#guess(i));
    }
    if (!appended && this.#anchor) {
      const row = this.#find(this.#anchor.key, this.#anchor.row, grown);
      if (row < 0) this.#anchor = undefined;
      else this.#anchor.row = row;
    }
    const seen = old[this.lastSeen];
    if (!appended && seen) {
      const row = this.#find(seen.key, this.lastSeen, grown);
      this.lastSeen = row < 0 ? Math.min(this.lastSeen, messages.length - 1) : row;
    }
    this.#choose();
  }

  #guess(i: number): number {
    return this.#measured.get(this.#messages[i]!.key) ?? guess(this.#messages, i, this.#width, this.#rem);
  }

  #find(key: string, was: number, grown: number): number {
    for (const i of [was, was + grown]) if (this.#messages[i]?.key === key) return i;
    return this.#messages.findIndex((message) => message.key === key);
  }

  /** After the rows of the range have been drawn: measure them, put the scroll right, look again. */
  settle(): void {
    const parts = this.#parts;
    // Hidden (a phone shows the details instead), every row would measure nothing.
    if (!parts || parts.scroller.clientHeight === 0) return;
    this.#height = parts.scroller.clientHeight;
    const [from] = this.range.peek();
    const drawn = parts.rows.children;
    let off = 0;
    for (let k = 0; k < drawn.length; k++) {
      const row = from + k;
      const height = drawn[k]!.getBoundingClientRect().height;
      const message = this.#messages[row];
      if (!message) continue;
      // Every fraction counts: fifty rows that are each guessed a little wrong are a jump.
      if (Math.abs(height - this.#heights.get(row)) > 0.4) off++;
      this.#heights.set(row, height);
      this.#measured.set(message.key, height);
    }
    const to = from + drawn.length;
    parts.above.style.height = `${this.#heights.sum(from)}px`;
    parts.below.style.height = `${this.#heights.total - this.#heights.sum(to)}px`;
    this.#place();
    if (off > 0) this.#choose();
    this.#look();
  }

  #place(): void {
    const { scroller, rows } = this.#parts!;
    if (this.#stick) {
      if (scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop > 0.5)
        scroller.scrollTop = scroller.scrollHeight;
    } else if (this.#anchor) {
      const el = rows.children[this.#anchor.row - this.range.peek()[0]];
      if (el) {
        const by = el.getBoundingClientRect().top - scroller.getBoundingClientRect().top - this.#anchor.offset;
        if (Math.abs(by) > 0.4) scroller.scrollTop += by;
        // Now that heights are known and not guessed, another row may be the first that begins in sight.
        this.#scrollTop = scroller.scrollTop;
        this.#mark();
      }
    }
    this.#scrollTop = scroller.scrollTop;
  }

  /** The reader may have scrolled since we last looked; then the anchor goes with them. */
  #follow(): void {
    if (!this.#parts || !this.#anchor) return;
    const by = this.#parts.scroller.scrollTop - this.#scrollTop;
    this.#anchor.offset -= by;
    this.#scrollTop += by;
  }

  #scrolled(): void {
    const { scroller } = this.#parts!;
    if (Math.abs(scroller.scrollTop - this.#scrollTop) < 0.5) return;
    // The pane got another height (a draft grew) and this came first: not the reader's doing, #resized() puts it right.
    if (this.#stick && scroller.clientHeight !== this.#height) return;
    this.#scrollTop = scroller.scrollTop;
    this.#stick = scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop < NEAR;
    this.#mark();
    this.#choose();
    this.#look();
    this.onScrolled();
  }

  #resized(): void {
    const width = this.#parts?.rows.clientWidth ?? 0;
    if (width === 0) return;
    if (width !== this.#width) {
      this.#width = width;
      this.#measured.clear();
    }
    this.settle();
  }

  /** Where row 0 begins inside the scrolled content. */
  #base(): number {
    const { scroller, above } = this.#parts!;
    return above.getBoundingClientRect().top - scroller.getBoundingClientRect().top + scroller.scrollTop;
  }

  /** Remembers a row at the top and where it is. */
  #mark(): void {
    const { scroller } = this.#parts!;
    const y = scroller.scrollTop - this.#base();
    let row = this.#heights.at(Math.max(0, y));
    // The first row that begins in sight: one that begins above would push the others when it is laid out anew.
    const next = this.#heights.sum(row + 1) - y;
    if (this.#heights.sum(row) < y && row + 1 < this.#messages.length && next < scroller.clientHeight / 2) row++;
    const message = this.#messages[row];
    if (message) this.#anchor = { row, key: message.key, offset: this.#heights.sum(row) - y };
  }

  /** Decides what is drawn. While the eye's place is settled it depends on nothing but that place. */
  #choose(): void {
    const count = this.#messages.length;
    const height = this.#parts?.scroller.clientHeight || 800;
    let top: number;
    if (this.#stick || !this.#anchor) top = this.#heights.total - height;
    else top = this.#heights.sum(this.#anchor.row) - this.#anchor.offset;
    const from = count === 0 ? 0 : this.#heights.at(Math.max(0, top - OVER));
    const to = count === 0 ? 0 : this.#heights.at(Math.max(0, top + height + OVER)) + 1;
    const [a, b] = this.range.peek();
    // A little slack, so that not every pixel of scrolling draws a row.
    const covers = a <= from && b >= to && b <= count && b - a <= (to - from) * 2 + 20;
    if (!covers) this.range.value = [Math.max(0, from - 4), Math.min(count, to + 4)];
  }

  #look(): void {
    const parts = this.#parts;
    if (!parts || this.#messages.length === 0 || parts.scroller.clientHeight === 0) return;
    const { scroller } = parts;
    const y = scroller.scrollTop - this.#base();
    const end = y + scroller.clientHeight;
    this.topRow.value = this.#heights.at(Math.max(0, y));
    const bottom = this.#heights.at(end);
    const whole = this.#heights.sum(bottom + 1) <= end + 8;
    const last = whole ? bottom : bottom - 1;
    if (last > this.lastSeen) this.lastSeen = last;
    this.away.value = !this.#stick && this.#heights.total - end > scroller.clientHeight * 0.4;
    this.onSettled();
  }

  /** How many pixels are loaded above what is visible. */
  get above(): number {
    return this.#parts ? this.#parts.scroller.scrollTop - this.#base() : Number.POSITIVE_INFINITY;
  }

  toEnd(): void {
    this.#stick = true;
    this.#choose();
    this.settle();
  }

  /** Brings a row to a place in the window, `offset` pixels under its top edge. */
  toRow(row: number, offset = 0): void {
    const message = this.#messages[row];
    if (!message) return;
    this.#stick = false;
    this.#anchor = { row, key: message.key, offset };
    this.#choose();
    this.settle();
  }

  /** For opening at the first unread: true if everything from there on fits, so that the end is the right place. */
  fitsFrom(row: number): boolean {
    const height = this.#parts?.scroller.clientHeight ?? 0;
    return this.#heights.total - this.#heights.sum(row) < height * 0.8;
  }

  rowElement(row: number): HTMLElement | undefined {
    return this.#parts?.rows.children[row - this.range.peek()[0]] as HTMLElement | undefined;
  }
}
