// The archive and the cache. After every new session: the inbox, where the server has one, so that the list is right at
// once; then what happened while we were away, oldest first, if that is not much. After a long absence: the newest, and a
// record of each gap, which is filled when somebody looks. While scrolling: one chat, page by page. The cursor never
// jumps over anything that is neither in the cache nor in a gap record.
import { newestArchived, oldestArchived } from '../db/messages';
import { type AccountDb, type Cursor, type GapRow, getMeta, setMeta } from '../db/schema';
import type { Client } from '../xmpp/client';
import { StanzaError } from '../xmpp/errors';
import type { InboxAnswer, InboxEntry } from '../xmpp/mod/inbox';
import type { ArchivePage, ArchiveQuery } from '../xmpp/mod/mam';
import type { IncomingMessage } from '../xmpp/mod/message';
import { Batch } from './batch';
import type { Change } from './changes';
import { gapBelow, isTicks, settleCount, shrink, ticksOf } from './gaps';
import type { Source } from './ingest';
import { TICK } from './order';
import { type Older, PAGE } from './timeline';

const CATCHUP_PAGE = 100;
/** More pages than this and the newest come first. */
const CATCHUP_PAGES = 5;
/** So many live messages, and the archive is looked at again, which keeps the next catch-up short. */
const LIVE_MAX = 80;
/** More conversations or unread messages than this in the inbox and nobody waits for all that lies between. */
const NEWS_MAX = { chats: 60, unread: 300 };
/** So many conversations get one page for the reader without a connection. */
const AHEAD = 10;
/** How much a browser without a cache fetches to begin with. */
const FIRST_PAGES = 2;
/** Pages in a row that may hold nothing to show (receipts only) before the reader is asked to scroll again. */
const OLDER_TRIES = 20;

export interface HistoryHooks {
  ingest(
    messages: readonly IncomingMessage[],
    source: Source,
    clock: Map<string, number>,
    until?: number,
  ): Promise<void>;
  /** The last message of each conversation and what is unread, before anything that comes live. */
  inbox(entries: readonly InboxEntry[], fromScratch: boolean): Promise<void>;
  emit(changes: readonly Change[]): void;
}

function isGone(e: unknown): boolean {
  return e instanceof StanzaError && e.condition === 'item-not-found';
}

export class History {
  /** Live messages since the archive was last looked at. */
  private liveCount = 0;
  private running: Promise<void> | undefined;
  private filling: Promise<void> | undefined;
  private chats: Promise<void> = Promise.resolve();
  /** It is known in this session what live messages stand behind. */
  private sound = false;
  private loose = false;

  constructor(
    private readonly db: AccountDb,
    private readonly own: string,
    private readonly client: Client,
    private readonly hooks: HistoryHooks,
  ) {}

  /**
   * A live message is in the cache. Live ids never move the cursor: something before them may be missing (what other
   * devices sent, where the server gives no copies), and their time was this device's. Looking again now and then does.
   */
  live(): boolean {
    if (!this.sound && !this.loose) {
      this.loose = true;
      void setMeta(this.db, 'loose', true).catch(() => {}); // closed: a page that has gone takes nothing more
    }
    this.liveCount++;
    return this.liveCount >= LIVE_MAX;
  }

  /** Fetches what is new in the archive; several callers share one run. */
  catchUp(): Promise<void> {
    this.running ??= this.look().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  /** A look that begins now: one that is under way may have passed by already. */
  async lookAgain(): Promise<void> {
    await this.running?.catch(() => {});
    await this.lookOn();
  }

  /** In the middle of a session: what is new, and if that was too much for one look, what lies between as well. */
  async lookOn(): Promise<void> {
    await this.catchUp();
    await this.fillGaps();
  }

  /**
   * The same at the beginning of a session, through the inbox. `listen` is called as soon as live messages may be taken:
   * what they stand behind is known then.
   */
  async begin(listen: () => void): Promise<void> {
    await this.running?.catch(() => {}); // of a session that is over
    this.sound = false;
    this.running = this.open(listen).finally(() => {
      listen();
      this.running = undefined;
    });
    await this.running;
  }

  private async open(listen: () => void): Promise<void> {
    const answer = await this.askInbox();
    if (!answer) {
      listen();
      await this.look();
      return;
    }
    // Only the archive itself tells what stands between messages that came unasked and what was known.
    const loose = this.loose || ((await getMeta(this.db, 'loose')) ?? false);
    const cursor = await getMeta(this.db, 'cursor');
    const { entries, archive } = answer;
    const few = entries.length <= NEWS_MAX.chats && (await this.newUnread(entries)) <= NEWS_MAX.unread;
    await this.hooks.inbox(entries, !cursor);
    this.sound = true;
    this.liveCount = 0;
    const newest = Math.max(cursor?.time ?? 0, ...entries.map((entry) => entry.time ?? 0));
    // With much missing nobody waits for it. With little, what is under way in the stream already comes in its place.
    if (!(cursor && few)) listen();
    if (cursor && loose) await this.forward(cursor);
    else if (!(cursor && few && (await this.pages(cursor))))
      await this.moveCursor({ id: archive ?? cursor?.id ?? '', time: newest });
    await this.closeOpen();
    await this.tight();
    listen();
    // What of mine has arrived already gets its place before the rest is sent.
    const waiting = (await this.db.getAll('outbox')).filter((row) => row.kind === 'message' || row.kind === 'file');
    for (const chat of new Set(waiting.map((row) => row.chat))) await this.fillNewest(chat, CATCHUP_PAGE);
    await setMeta(this.db, 'inbox', { state: answer.state });
    if (!cursor || !few) void this.ahead(entries.slice(0, AHEAD)).catch(() => {});
  }

  /** How many unread messages there are that there were not when this browser last looked. */
  private async newUnread(entries: readonly InboxEntry[]): Promise<number> {
    const known = new Map((await this.db.getAll('chats')).map((chat) => [chat.address, chat.unread]));
    return entries.reduce((sum, { peer, unread }) => sum + Math.max(0, unread - (known.get(peer) ?? 0)), 0);
  }

  private async askInbox(): Promise<InboxAnswer | undefined> {
    const state = (await getMeta(this.db, 'inbox'))?.state;
    try {
      return await this.client.inbox.changes(state);
    } catch (e) {
      if (!isGone(e) || state === undefined) throw e;
      return this.client.inbox.changes(undefined);
    }
  }

  /** Over what is not here: each conversation has a record of it, which stays. */
  private async moveCursor(cursor: Cursor): Promise<void> {
    const tx = this.db.transaction(['gaps', 'meta'], 'readwrite');
    const gaps = tx.objectStore('gaps');
    for (const { open, ...gap } of await gaps.getAll()) if (open) await gaps.put(gap);
    await tx.objectStore('meta').put(cursor, 'cursor');
    await tx.done;
  }

  /** The catch-up got to its end: what lay above the cursor is here. */
  private async closeOpen(): Promise<void> {
    const open = (await this.db.getAll('gaps')).filter((gap) => gap.open);
    if (open.length === 0) return;
    const changes = await Batch.run(this.db, this.own, async (batch) => {
      for (const { id } of open) if (id !== undefined) await batch.tx.objectStore('gaps').delete(id);
      for (const chat of new Set(open.map((gap) => gap.chat))) await settleCount(batch, await batch.chat(chat));
    });
    this.hooks.emit([...changes, ...open.map((gap): Change => ({ kind: 'gap', chat: gap.chat }))]);
  }

  /** A page of each for the reader who will have no connection. */
  private async ahead(entries: readonly InboxEntry[]): Promise<void> {
    for (const { peer } of entries) await this.fillNewest(peer, PAGE);
  }

  private async fillNewest(chat: string, max: number): Promise<void> {
    const gap = await gapBelow(this.db, chat, Number.POSITIVE_INFINITY);
    if (gap?.id !== undefined && gap.chat !== '') await this.fillChat(gap.id, max);
  }

  private async look(): Promise<void> {
    this.liveCount = 0;
    const cursor = await getMeta(this.db, 'cursor');
    if (cursor) await this.forward(cursor);
    else await this.first();
    this.sound = true;
    await this.tight();
  }

  private async tight(): Promise<void> {
    if (!this.loose && !(await getMeta(this.db, 'loose'))) return;
    this.loose = false;
    await setMeta(this.db, 'loose', undefined);
  }

  private async forward(cursor: Cursor): Promise<void> {
    if (!(await this.pages(cursor))) await this.jump((await getMeta(this.db, 'cursor')) ?? cursor);
  }

  /** Goes on from the cursor for some pages; false: there is more. */
  private async pages(cursor: Cursor): Promise<boolean> {
    const clock = new Map<string, number>();
    let at = cursor;
    for (let pages = 0; pages < CATCHUP_PAGES; pages++) {
      const page = await this.pageAfter(at, cursor);
      await this.hooks.ingest(page.messages, 'catchup', clock);
      if (page.last) {
        at = { id: page.last, time: page.lastTime ?? at.time };
        await setMeta(this.db, 'cursor', at);
      }
      if (page.complete) return true;
    }
    return false;
  }

  /** One page after a place in the archive. When its id is no longer there, its time says where to go on. */
  private async pageAfter(at: Cursor, begin: Cursor, extra: Partial<ArchiveQuery> = {}): Promise<ArchivePage> {
    const query = { ...extra, max: CATCHUP_PAGE };
    if (at.id === '') return this.client.archive.page(query);
    try {
      return await this.client.archive.page({ ...query, after: at.id });
    } catch (e) {
      if (!isGone(e)) throw e;
      return this.client.archive.page({ ...query, start: Math.max(at.time, begin.time) });
    }
  }

  /** Too much to wait for: take the newest page now and note what is missing. */
  private async jump(at: Cursor): Promise<void> {
    const page = await this.client.archive.page({ before: '', max: CATCHUP_PAGE });
    if (!page.first || !page.last) return;
    const overlaps = page.messages.some((m) => m.archiveId === at.id) || (page.firstTime ?? 0) < at.time;
    if (!overlaps) {
      const beforeTime = page.firstTime ?? Date.now();
      await this.db.add('gaps', { chat: '', after: at.id, afterTime: at.time, before: page.first, beforeTime });
      this.hooks.emit([{ kind: 'gap', chat: '' }]);
    }
    await this.hooks.ingest(page.messages, 'catchup', new Map());
    await setMeta(this.db, 'cursor', { id: page.last, time: page.lastTime ?? Date.now() });
  }

  /** A browser that knows nothing: the newest part, enough for the list and the first screens. */
  private async first(): Promise<void> {
    const clock = new Map<string, number>();
    let before = '';
    for (let pages = 0; pages < FIRST_PAGES; pages++) {
      // What stands here already is older than the end of the archive; of the next page one cannot say so.
      const until = pages === 0 ? await this.newestTime() : undefined;
      const page = await this.client.archive.page({ before, max: CATCHUP_PAGE });
      await this.hooks.ingest(page.messages, 'first', clock, until);
      if (pages === 0) {
        const cursor = page.last ? { id: page.last, time: page.lastTime ?? Date.now() } : { id: '', time: 0 };
        await setMeta(this.db, 'cursor', cursor);
      }
      if (page.complete || !page.first) {
        await this.allComplete();
        break;
      }
      before = page.first;
      if (pages + 1 === FIRST_PAGES) await this.noteBelow(before, clock);
    }
    await this.settleUnread();
  }

  /** What came live before the archive was asked may stand far below what it gave. */
  private async noteBelow(before: string, first: ReadonlyMap<string, number>): Promise<void> {
    const changes = await Batch.run(this.db, this.own, async (batch) => {
      for (const chat of await batch.tx.objectStore('chats').getAllKeys()) {
        const from = first.get(chat);
        const row = await newestArchived(batch.tx, chat, from === undefined ? Number.POSITIVE_INFINITY : from - TICK);
        if (!row?.archiveId) continue;
        const ends = { after: row.archiveId, afterTime: row.time, before, beforeTime: from ?? row.time + TICK };
        await batch.tx.objectStore('gaps').add({ chat, ...ends });
        batch.touch(await batch.chat(chat));
      }
    });
    this.hooks.emit(changes);
  }

  /** Nothing stands higher here. */
  private async newestTime(): Promise<number | undefined> {
    const times = (await this.db.getAll('chats')).flatMap((chat) => chat.last?.time ?? []);
    return times.length === 0 ? undefined : Math.max(...times) + TICK;
  }

  /** The whole archive is in the cache. */
  private async allComplete(): Promise<void> {
    const addresses = await this.db.getAllKeys('chats');
    await this.patchChats(addresses, (chat) => {
      chat.complete = true;
    });
  }

  /** Whatever is paged in later, below what was just fetched, is old and not unread. */
  private async settleUnread(): Promise<void> {
    const floor = new Map<string, number>();
    for (const address of await this.db.getAllKeys('chats')) {
      const oldest = await oldestArchived(this.db, address);
      if (oldest) floor.set(address, oldest.time - 1);
    }
    await this.patchChats([...floor.keys()], (chat) => {
      chat.readTime = Math.max(chat.readTime, floor.get(chat.address) ?? 0);
    });
  }

  private async patchChats(
    addresses: readonly string[],
    patch: (chat: Awaited<ReturnType<Batch['chat']>>) => void,
  ): Promise<void> {
    const changes = await Batch.run(this.db, this.own, async (batch) => {
      for (const address of addresses) {
        const chat = await batch.chat(address);
        patch(chat);
        batch.touch(chat);
      }
    });
    this.hooks.emit(changes);
  }

  // --- gaps ---

  /** Fills all gaps of the whole archive, newest first; several callers share one run. */
  fillGaps(): Promise<void> {
    this.filling ??= this.fillAll().finally(() => {
      this.filling = undefined;
    });
    return this.filling;
  }

  private async fillAll(): Promise<void> {
    for (;;) {
      const gaps = await this.db.getAllFromIndex('gaps', 'chat', '');
      const gap = gaps.sort((a, b) => b.beforeTime - a.beforeTime)[0];
      if (!gap) return;
      await this.fill(gap);
    }
  }

  private async fill(gap: GapRow): Promise<void> {
    const clock = new Map<string, number>();
    const row = { ...gap };
    for (;;) {
      const at = { id: row.after, time: row.afterTime };
      const page = await this.pageAfter(at, at);
      await this.hooks.ingest(page.messages, 'catchup', clock);
      const met = page.last === gap.before || page.messages.some((m) => m.archiveId === gap.before);
      const past = page.firstTime !== undefined && page.firstTime > gap.beforeTime;
      if (met || past || page.complete || !page.last || page.last === row.after) break;
      row.after = page.last;
      row.afterTime = page.lastTime ?? row.afterTime;
      await this.db.put('gaps', row);
    }
    if (gap.id !== undefined) await this.db.delete('gaps', gap.id);
    this.hooks.emit([{ kind: 'gap', chat: '' }]);
  }

  /** One page of what is missing in one conversation, newest first. Two that want the same wait for each other. */
  private fillChat(id: number, max: number): Promise<void> {
    const done = this.chats.then(() => this.fillPage(id, max));
    this.chats = done.catch(() => {});
    return done;
  }

  private async fillPage(id: number, max: number): Promise<void> {
    const gap = await this.db.get('gaps', id);
    if (!gap) return;
    const { chat } = gap;
    const page = await this.pageOf(gap, max);
    // By now the end of the archive may lie far above: what stands there is not next to what is known here.
    const far = gap.tail && !page.complete && page.firstTime !== undefined && page.firstTime > gap.beforeTime;
    if (far) {
      await this.fillTail(gap, max);
      return;
    }
    const clock = gap.tail ? new Map<string, number>() : new Map([[chat, gap.beforeTime]]);
    await this.hooks.ingest(page.messages, 'gap', clock, gap.tail ? undefined : gap.beforeTime);
    const met = gap.after !== '' && page.messages.some((m) => m.archiveId === gap.after);
    const done = met || page.complete || !page.first;
    const beforeTime = Math.min(gap.beforeTime, clock.get(chat) ?? gap.beforeTime);
    await this.shrink(gap, done || isTicks(gap) ? undefined : { before: page.first!, beforeTime });
  }

  /** Only the receipts and marks right behind the last message: the rest of the gap comes next time. */
  private async fillTail(gap: GapRow, max: number): Promise<void> {
    const page = await this.client.archive.page({ with: gap.chat, max, after: gap.before }).catch((e) => {
      if (!isGone(e)) throw e;
    });
    if (page) await this.hooks.ingest(page.messages, 'gap', new Map());
    await this.shrink(gap, { before: gap.before, beforeTime: gap.beforeTime });
  }

  private async shrink({ id, chat }: GapRow, rest: Pick<GapRow, 'before' | 'beforeTime'> | undefined): Promise<void> {
    const changes = await Batch.run(this.db, this.own, async (batch) => {
      // Meanwhile a catch-up may have come by.
      const now = id === undefined ? undefined : await batch.tx.objectStore('gaps').get(id);
      if (now) await shrink(batch, now, rest);
    });
    this.hooks.emit([...changes, { kind: 'gap', chat }]);
  }

  private async pageOf(gap: GapRow, max: number): Promise<ArchivePage> {
    const query = { with: gap.chat, max };
    try {
      if (isTicks(gap)) return await this.client.archive.page({ ...query, after: gap.after });
      return await this.client.archive.page({ ...query, before: gap.tail ? '' : gap.before });
    } catch (e) {
      if (!isGone(e)) throw e;
      // The archive no longer has that message; its time still says where to go on.
      return this.client.archive.page({ ...query, before: '', end: gap.beforeTime });
    }
  }

  /** Somebody looks at a conversation: what has become of my messages there? */
  async ticks(chat: string): Promise<void> {
    const gap = await ticksOf(this.db, chat);
    if (gap?.id === undefined || !this.client.online) return;
    // Cut off or refused: the gap is still there when somebody looks again.
    await this.fillChat(gap.id, CATCHUP_PAGE).catch(() => {});
  }

  // --- paging back ---

  /** Fetches something older than `time` of one chat into the cache, at most `max` messages at once. */
  async older(chat: string, time: number, max = PAGE): Promise<Older> {
    if (!this.client.online) return 'offline';
    try {
      let gap = await gapBelow(this.db, chat, time);
      // What the catch-up may be about to bring is not asked for twice.
      if (gap?.open && this.running) {
        await this.running.catch(() => {});
        gap = await gapBelow(this.db, chat, time);
      }
      if (gap?.id !== undefined) {
        if (gap.chat === '') await this.fillGaps();
        else await this.fillChat(gap.id, max);
        return 'more';
      }
      return await this.pageBack(chat, max);
    } catch (e) {
      // A server without an archive: what the cache has is all there is.
      if (e instanceof StanzaError && /not-implemented|unavailable/.test(e.condition)) {
        await this.patchChats([chat], (row) => {
          row.complete = true;
        });
        return 'start';
      }
      return 'offline';
    }
  }

  private async pageBack(chat: string, max: number): Promise<Older> {
    const clock = new Map<string, number>();
    const oldest = await oldestArchived(this.db, chat);
    if (oldest) clock.set(chat, oldest.time);
    let before = (await this.db.get('chats', chat))?.back ?? oldest?.archiveId ?? '';
    for (let tries = 0; tries < OLDER_TRIES; tries++) {
      const query = { with: chat, max };
      let page: ArchivePage;
      try {
        page = await this.client.archive.page({ ...query, before });
      } catch (e) {
        if (!isGone(e) || before === '') throw e;
        // The archive no longer has that message; its time still says where to go on.
        page = await this.client.archive.page({ ...query, before: '', ...(oldest ? { end: oldest.time } : {}) });
      }
      const count = await this.db.countFromIndex('messages', 'archiveId');
      await this.hooks.ingest(page.messages, 'history', clock);
      const grown = (await this.db.countFromIndex('messages', 'archiveId')) > count;
      await this.patchChats([chat], (row) => {
        if (page.first) row.back = page.first;
        if (page.complete || !page.first) row.complete = true;
      });
      if (page.complete || !page.first) return 'start';
      if (grown) return 'more';
      before = page.first;
    }
    return 'more';
  }
}
