// A window on one chat's history. It shows what the cache holds and grows upwards page by page; where the cache
// ends or has a gap it asks for more, and says so when there is none to be had.
import { batch, signal } from '@preact/signals';
import { firstUnreadAfter, pageBefore, toMessage } from '../db/messages';
import type { AccountDb, MessageRow } from '../db/schema';
import type { Change } from './changes';
import type { Address, Message, Timeline } from './model';
import { sameMessage } from './same';

export const PAGE = 50;
/** So many are loaded at once to reach the first unread message. */
const MOST_UNREAD = 2000;
/** As many messages at once, so many times, are fetched before the chat is shown or goes on. */
const FETCH = { max: 100, times: 10 };

export type Older = 'more' | 'start' | 'offline';

export interface TimelineSource {
  readonly db: AccountDb;
  /** Where history is missing below this time: only what is newer than the answer follows without a gap. Undefined: nothing is. */
  holeBelow(chat: Address, time: number): Promise<number | undefined>;
  /** Is everything before the cache's first message known not to exist? */
  isComplete(chat: Address): Promise<boolean>;
  /** Fetches older messages into the cache, or what is missing below this time. */
  fetchOlder(chat: Address, time: number, max?: number): Promise<Older>;
  /** Somebody looks at this chat now. */
  look(chat: Address): void;
  markRead(chat: Address, key: string): void;
  /** How far I have read. `counted`: that is not known, for some of the unread messages are missing here. */
  read(chat: Address): Promise<{ upTo: number; counted: boolean }>;
  listen(listener: (change: Change) => void): () => void;
  /** So long, in ms, one waits for what is missing before the newest is shown without it. */
  patience: number;
  report(e: unknown): void;
}

function compare(a: Message, b: Message): number {
  return a.time - b.time || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}

const pending = (m: Message) => m.mine && (m.mark === 'sending' || m.mark === 'failed');

export class ChatTimeline implements Timeline {
  readonly messages = signal<readonly Message[]>([]);
  readonly older = signal<'more' | 'loading' | 'start' | 'offline'>('loading');
  readonly cold = signal(true);
  readonly firstUnread = signal<string | undefined>(undefined);
  readonly fetching = signal(false);
  private readonly unlisten: () => void;
  private loading: Promise<void> | undefined;
  private newestSeen: Message | undefined;
  private closed = false;
  /** Something is missing between what is shown and what has come since. */
  private torn = false;
  /** Something came that is not shown for that reason. */
  private held = false;
  private mending = false;
  private gapNews = 0;
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
      .catch((e) => {
        if (!this.closed) source.report(e);
      })
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
    const messages = this.messages.peek();
    const message = messages.find((m) => m.key === key);
    // The archive may have moved the one before to an earlier time. What waits to be sent moves to a later one, past what has come.
    const before = this.newestSeen && messages.find((m) => m.key === this.newestSeen?.key);
    const upTo = Math.min(this.newestSeen?.time ?? 0, before?.time ?? Number.POSITIVE_INFINITY);
    if (!message || message.time <= upTo) return;
    this.newestSeen = message;
    this.source.markRead(this.chat, key);
  }

  close(): void {
    this.closed = true;
    this.unlisten();
  }

  private async open(): Promise<void> {
    const { db } = this.source;
    this.source.look(this.chat);
    let hole = await this.source.holeBelow(this.chat, Number.POSITIVE_INFINITY);
    let read = await this.source.read(this.chat);
    // What one has not read may begin in a gap.
    if (read.counted && hole !== undefined) {
      await this.fetch(async () => {
        hole = await this.source.holeBelow(this.chat, Number.POSITIVE_INFINITY);
        read = await this.source.read(this.chat);
        return !read.counted || hole === undefined;
      });
    }
    const unread = read.counted ? undefined : await firstUnreadAfter(db, this.chat, read.upTo);
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
    if (this.mending) return;
    if (rows.length === 0) await this.grow();
    else await this.settle();
  }

  /** Asks for what is missing at the end of the chat, until there is enough, or it takes too long. */
  private async fetch(enough: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + this.source.patience;
    this.fetching.value = true;
    for (let n = 0; n < FETCH.times && !this.closed && Date.now() < end; n++) {
      const late = new Promise<'offline'>((resolve) => setTimeout(() => resolve('offline'), end - Date.now()));
      const asked = this.source.fetchOlder(this.chat, Number.MAX_SAFE_INTEGER, FETCH.max);
      if ((await Promise.race([asked, late])) === 'offline' || (await enough())) break;
    }
    this.fetching.value = false;
  }

  /** There is a gap now between what is shown and what has come since: that waits until the gap is filled. */
  private async mend(): Promise<void> {
    if (this.mending) return;
    this.mending = true;
    try {
      for (let news = -1; news !== this.gapNews && !this.closed; ) {
        news = this.gapNews;
        if (!(await this.whole())) await this.fetch(() => this.whole());
        while (this.loading) await this.loading;
        const hole = await this.source.holeBelow(this.chat, Number.POSITIVE_INFINITY);
        const begin = (await this.whole()) ? this.messages.peek()[0]?.time : undefined;
        if (news !== this.gapNews) continue;
        this.torn = false;
        if (this.held || begin === undefined) await this.rebuild(hole, begin);
        else await this.settle();
        this.held = false;
      }
    } finally {
      this.mending = false;
    }
  }

  /** Is nothing missing behind what is shown? What has not been sent yet stands at the end whatever is missing. */
  private async whole(): Promise<boolean> {
    const hole = await this.source.holeBelow(this.chat, Number.POSITIVE_INFINITY);
    const last = this.messages.peek().findLast((m) => !pending(m));
    return hole === undefined || (last !== undefined && hole < last.time);
  }

  /** Everything from a time on, or else the newest page above the gap. */
  private async rebuild(hole: number | undefined, begin: number | undefined): Promise<void> {
    const fits = (r: MessageRow) => (hole === undefined || r.time > hole) && (begin === undefined || r.time >= begin);
    const rows: MessageRow[] = [];
    for (let more = true; more && (rows.length === 0 || begin !== undefined); ) {
      const page = await pageBefore(this.source.db, this.chat, PAGE, rows.at(-1));
      const good = page.filter(fits);
      rows.push(...good);
      more = page.length > 0 && good.length === page.length;
    }
    if (this.closed) return;
    const keys = new Set(rows.map((r) => r.key));
    batch(() => {
      // With a beginning what is shown stays: the reader may have gone further up meanwhile.
      if (begin === undefined) this.messages.value = this.messages.peek().filter((m) => keys.has(m.key) || pending(m));
      this.merge(rows.map(toMessage));
    });
    await this.settle();
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
      (await this.source.holeBelow(this.chat, oldest?.time ?? Number.POSITIVE_INFINITY)) !== undefined ||
      (oldest !== undefined && (await pageBefore(this.source.db, this.chat, 1, oldest)).length > 0);
    if (!this.closed) this.older.value = more ? 'more' : 'start';
  }

  private apply(change: Change): void {
    if (this.cold.peek()) {
      this.early.push(change);
      return;
    }
    if (change.kind === 'gap' && (change.chat === this.chat || change.chat === '')) {
      this.torn = true;
      this.gapNews++;
      void this.mend().catch((e) => !this.closed && this.source.report(e));
    } else if (change.kind === 'messages' && change.chat === this.chat) {
      const oldest = this.messages.peek()[0];
      // What is older than the window comes with loadOlder, in order.
      const known = new Set(this.messages.peek().map((m) => m.key));
      const fits = change.messages.filter((m) => {
        if (known.has(m.key) || pending(m)) return true;
        if (this.torn) this.held = true;
        return !this.torn && (!oldest || m.time >= oldest.time);
      });
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
      if (old && sameMessage(old, m)) continue;
      all.set(m.key, m);
      changed = true;
    }
    if (changed) this.messages.value = [...all.values()].sort(compare);
  }
}
