// How long to wait before the next attempt: doubling, with jitter so that a server that comes back is not
// met by everybody at once.

const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;

export class Backoff {
  private failures = 0;
  constructor(private readonly random: () => number = Math.random) {}

  next(): number {
    const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.failures);
    this.failures++;
    return Math.round(ceiling * (0.5 + this.random() / 2));
  }

  reset(): void {
    this.failures = 0;
  }
}
