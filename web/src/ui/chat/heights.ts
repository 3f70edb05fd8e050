// Heights of all rows of a log as a Fenwick tree: "how far down is row i" and "which row is at y" in log n,
// so that 100,000 messages scroll like ten. Heights are guesses until a row has been drawn and measured.

export class Heights {
  #tree: Float64Array;
  #value: Float64Array;
  #length: number;

  constructor(length: number, guess: (i: number) => number) {
    this.#length = length;
    const room = Math.max(64, Math.ceil(length * 1.25));
    this.#tree = new Float64Array(room + 1);
    this.#value = new Float64Array(room);
    for (let i = 0; i < length; i++) this.#value[i] = guess(i);
    this.#build();
  }

  #build(): void {
    const { length } = this.#value;
    this.#tree.fill(0);
    for (let i = 1; i <= length; i++) {
      this.#tree[i]! += this.#value[i - 1]!;
      const up = i + (i & -i);
      if (up <= length) this.#tree[up]! += this.#tree[i]!;
    }
  }

  get length(): number {
    return this.#length;
  }
  get total(): number {
    return this.sum(this.#length);
  }

  get(i: number): number {
    return this.#value[i] ?? 0;
  }

  set(i: number, height: number): void {
    const by = height - this.#value[i]!;
    if (by === 0) return;
    this.#value[i] = height;
    for (let at = i + 1; at < this.#tree.length; at += at & -at) this.#tree[at]! += by;
  }

  /** Adds a row at the end. */
  push(height: number): void {
    if (this.#length === this.#value.length) {
      const grown = new Float64Array(this.#length * 2);
      grown.set(this.#value);
      this.#value = grown;
      this.#tree = new Float64Array(grown.length + 1);
      this.#build();
    }
    this.set(this.#length++, height);
  }

  /** The height of the first `count` rows together: where row `count` begins. */
  sum(count: number): number {
    let sum = 0;
    for (let at = Math.min(count, this.#length); at > 0; at -= at & -at) sum += this.#tree[at]!;
    return sum;
  }

  /** The row at y; the last one below the end. */
  at(y: number): number {
    let found = 0;
    let rest = y;
    let step = 1 << (31 - Math.clz32(this.#tree.length - 1 || 1));
    for (; step > 0; step >>= 1) {
      const next = found + step;
      if (next <= this.#length && this.#tree[next]! <= rest) {
        found = next;
        rest -= this.#tree[next]!;
      }
    }
    return Math.max(0, Math.min(found, this.#length - 1));
  }
}
