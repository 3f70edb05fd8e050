// A window on one chat's history. It shows what the cache holds and grows upwards page by page; where the cache
// ends or has a gap it asks for more, and says so when there is none to be had.
import { batch, signal } from '@preact/signals';
import { firstUnreadAfter, pageBefore, toMessage } from '../db/messages';
import type { AccountDb } from '../db/schema';
import type { Change } from './changes';
import type { Address, Message, Timeline } from './model';

export const PAGE = 50;
/** So many are loaded at once to reach the first unread message. */
const MOST_UNREAD = 2000;

export type Older = 'more' | 'start' | 'offline';

export interface TimelineSource {
  readonly db: AccountDb;
  /** Where history is missing just below this message (or at the end of the chat): `hole` in a gap's time, or undefined. */
  holeBelow(chat: Address, time: number): Promise<number | undefined>;
  /** Is everything before the cache's first message known not to exist? */
  isComplete(chat: Address): Promise<boolean>;
  /** Fetches older messages into the cache. */
  fetchOlder(chat: Address, time: number): Promise<Older>;
  markRead(chat: Address, key: string): void;
  readTime(chat: Address): Promise<number>;
  listen(listener: (change: Change) => void): () => void;
}

function compare(a: Message, b: Message): number {
  return a.time - b.time || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}

function same(a: Message, b: Message): boolean {
  return (
    a.mark === b.mark &&
    a.time === b.time &&
    a.body === b.body &&
    a.failure?.text === b.failure?.text &&
    a.file?.url === b.file?.url &&
    a.unheard === b.unheard
  );
}

export class ChatTimeline implements Timeline {
  readonly messages = signal<readonly Message[]>([]);
  readonly older = signal<'more' | 'loading' | 'start' | 'offline'>('loading');
  readonly cold = signal(true);
  readonly firstUnread = signal<string | undefined>(undefined);
  private readonly unlisten: () => void;
  private loading: Promise<void> | undefined;
  private seenTime = 0;
  private closed = false;
  /** What happened while the cache was being read. */
  private early: Change[] = [];

  constructor(
    readonly chat: Address,
    private readonly source: TimelineSource,
    /** When the cache can be asked. */
    ready: Promise<void> = Promise.resolve(),
  ) {
    this.unlisten = source.listen((change) => this.apply(change));
    this.loading = ready
      .then(() => this.open())
      .finally(() => {
        this.loading = undefined;
      });
  }

  /** Resolves when the cache has answered. */
  get opened(): Promise<void> {
    return this.loading ?? Promise.resolve();
  }

  async loadOlder(): Promise<void> {
    if (this.closed || this.older.value === 'start') return;
    this.loading ??= this.grow().finally(() => {
      this.loading = undefined;
    });
    await this.loading;
  }

  seen(key: string): void {
    const message = this.messages.peek().find((m) => m.key === key);
    if (!message || message.time <= this.seenTime) return;
    this.seenTime = message.time;
    this.source.markRead(this.chat, key);
  }

  close(): void {
    this.closed = true;
    this.unlisten();
  }

  private async open(): Promise<void> {
    const { db } = this.source;
    const readTime = await this.source.readTime(this.chat);
    const hole = await this.source.holeBelow(this.chat, Number.POSITIVE_INFINITY);
    const unread = await firstUnreadAfter(db, this.chat, readTime);
    let rows = (await pageBefore(db, this.chat, PAGE)).filter((r) => hole === undefined || r.time > hole);
    // Newest first. One begins to read where one stopped, also when that is several pages up.
    for (let oldest = rows.at(-1); unread && oldest && oldest.time > unread.time && rows.length < MOST_UNREAD; ) {
      const more = (await pageBefore(db, this.chat, PAGE, oldest)).filter((r) => hole === undefined || r.time > hole);
      rows = [...rows, ...more];
      oldest = more.at(-1);
    }
    if (this.closed) return;
    batch(() => {
      this.firstUnread.value = unread?.key;
      this.merge(rows.map(toMessage));
      this.cold.value = false;
      for (const change of this.early.splice(0)) this.apply(change);
    });
    if (rows.length === 0) await this.grow();
    else await this.settle();
  }

  /** One page more: from the cache as long as nothing is missing there, else from the server. */
  private async grow(): Promise<void> {
    this.older.value = 'loading';
    const oldest = this.messages.peek()[0];
    const time = oldest?.time ?? Number.POSITIVE_INFINITY;
    const hole = await this.source.holeBelow(this.chat, time);
    // Only what lies above the hole may be shown; below it something is missing in between.
    let rows = (await pageBefore(this.source.db, this.chat, PAGE, oldest)).filter(
      (r) => hole === undefined || r.time > hole,
    );
    if (rows.length === 0 && (hole !== undefined || !(await this.source.isComplete(this.chat)))) {
      const answer = await this.source.fetchOlder(this.chat, time);
      if (this.closed) return;
      if (answer === 'offline') {
        this.older.value = 'offline';
        return;
      }
      const rest = await this.source.holeBelow(this.chat, time);
      rows = (await pageBefore(this.source.db, this.chat, PAGE, oldest)).filter(
        (r) => rest === undefined || r.time > rest,
      );
    }
    if (this.closed) return;
    this.merge(rows.map(toMessage));
    await this.settle();
  }

  private async settle(): Promise<void> {
    const oldest = this.messages.peek()[0];
    const more =
      !(await this.source.isComplete(this.chat)) ||
      (oldest !== undefined && (await pageBefore(this.source.db, this.chat, 1, oldest)).length > 0);
    if (!this.closed) this.older.value = more ? 'more' : 'start';
  }

  private apply(change: Change): void {
    if (this.cold.peek()) {
      this.early.push(change);
      return;
    }
    if (change.kind === 'messages' && change.chat === this.chat) {
      const oldest = this.messages.peek()[0];
      // What is older than the window comes with loadOlder, in order.
      const known = new Set(this.messages.peek().map((m) => m.key));
      const fits = change.messages.filter((m) => !oldest || m.time >= oldest.time || known.has(m.key));
      if (fits.length) this.merge(fits);
    } else if (change.kind === 'gone' && change.chat === this.chat) {
      this.messages.value = this.messages.peek().filter((m) => !change.keys.includes(m.key));
    } else if (
      change.kind === 'connection' &&
      change.connection.state === 'online' &&
      this.older.peek() === 'offline'
    ) {
      this.older.value = 'more';
    }
  }

  /** Puts messages at their places; those that did not change keep their identity. */
  private merge(fresh: readonly Message[]): void {
    if (fresh.length === 0) return;
    const all = new Map(this.messages.peek().map((m) => [m.key, m]));
    let changed = false;
    for (const m of fresh) {
      const old = all.get(m.key);
      if (old && same(old, m)) continue;
      all.set(m.key, m);
      changed = true;
    }
    if (changed) this.messages.value = [...all.values()].sort(compare);
  }
}
