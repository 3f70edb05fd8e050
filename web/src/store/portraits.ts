// Pictures of people as this tab shows them: read from the cache when a view wants them, fetched by the leading tab when
// they are not there.
import { type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { PictureRow } from '../db/schema';
import type { Change } from './changes';
import type { Address, Portraits } from './model';
import type { State } from './state';

/** So many that nobody looks at stay at hand. */
const IDLE = 200;

interface Shown {
  src: Signal<string | undefined>;
  users: number;
  reading: boolean;
  of: Address;
}

export class TabPortraits implements Portraits {
  private readonly shown = new Map<string, Shown>();
  private closed = false;

  constructor(
    private readonly state: State,
    private readonly read: (hash: string) => Promise<PictureRow | undefined>,
    /** Asks the leading tab to fetch somebody's. */
    private readonly ask: (address: Address) => void,
  ) {
    state.listeners.add((change) => this.changed(change));
  }

  of(address: Address): ReadonlySignal<string> {
    return this.state.pictureOf(address);
  }

  src(hash: string): string | undefined {
    return this.shown.get(hash)?.src.value ?? this.entry(hash, '').src.value;
  }

  hold(address: Address, hash: string): () => void {
    const entry = this.entry(hash, address);
    entry.users++;
    entry.of = address;
    void this.load(hash, entry, true);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      entry.users--;
      this.tidy();
    };
  }

  close(): void {
    this.closed = true;
    for (const { src } of this.shown.values()) if (src.peek()) URL.revokeObjectURL(src.peek()!);
    this.shown.clear();
  }

  private entry(hash: string, of: Address): Shown {
    let entry = this.shown.get(hash);
    if (!entry) {
      entry = { src: signal(undefined), users: 0, reading: false, of };
      this.shown.set(hash, entry);
    }
    return entry;
  }

  private async load(hash: string, entry: Shown, ask: boolean): Promise<void> {
    if (entry.src.peek() || entry.reading || this.closed) return;
    entry.reading = true;
    const row = await this.read(hash).catch(() => undefined);
    entry.reading = false;
    if (this.closed || this.shown.get(hash) !== entry) return;
    if (row) entry.src.value = URL.createObjectURL(new Blob([row.bytes], { type: row.type }));
    else if (ask && entry.users > 0) this.ask(entry.of);
  }

  private changed(change: Change): void {
    if (change.kind !== 'picture') return;
    const entry = this.shown.get(change.hash);
    if (entry && entry.users > 0) void this.load(change.hash, entry, false);
  }

  private tidy(): void {
    const idle = [...this.shown].filter(([, entry]) => entry.users === 0);
    for (const [hash, { src }] of idle.slice(0, Math.max(0, idle.length - IDLE))) {
      this.shown.delete(hash);
      if (src.peek()) URL.revokeObjectURL(src.peek()!);
    }
  }
}
