// The archive and the cache. After every new session: what happened while we were away, oldest first. After a long
// absence: the newest first, and a record of the gap, which is then filled. While scrolling: one chat, page by page.
// The cursor never jumps over anything that is neither in the cache nor in a gap record.
import { oldestArchived } from '../db/messages';
import { type AccountDb, type Cursor, type GapRow, getMeta, setMeta } from '../db/schema';
import type { Client } from '../xmpp/client';
import { StanzaError } from '../xmpp/errors';
import type { ArchivePage, ArchiveQuery } from '../xmpp/mod/mam';
import type { IncomingMessage } from '../xmpp/mod/message';
import { Batch } from './batch';
import type { Change } from './changes';
import type { Source } from './ingest';
import { type Older, PAGE } from './timeline';

const CATCHUP_PAGE = 100;
/** More pages than this and the newest come first. */
const CATCHUP_PAGES = 5;
/** So many live messages, and the archive is looked at again, which keeps the next catch-up short. */
const LIVE_MAX = 80;
/** How much a browser without a cache fetches to begin with. */
const FIRST_PAGES = 2;
/** Pages in a row that may hold nothing to show (receipts only) before the reader is asked to scroll again. */
const OLDER_TRIES = 20;

export interface HistoryHooks {
  ingest(messages: readonly IncomingMessage[], source: Source, clock: Map<string, number>): Promise<void>;
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

  private async look(): Promise<void> {
    this.liveCount = 0;
    const cursor = await getMeta(this.db, 'cursor');
    if (cursor) await this.forward(cursor);
    else await this.first();
  }

  private async forward(cursor: Cursor): Promise<void> {
    const clock = new Map<string, number>();
    let at = cursor;
    for (let pages = 0; pages < CATCHUP_PAGES; pages++) {
      const page = await this.pageAfter(at, cursor);
      await this.hooks.ingest(page.messages, 'catchup', clock);
      if (page.last) {
        at = { id: page.last, time: page.lastTime ?? at.time };
        await setMeta(this.db, 'cursor', at);
      }
      if (page.complete) return;
    }
    await this.jump(at);
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
      await this.db.add('gaps', { after: at.id, afterTime: at.time, before: page.first, beforeTime });
    }
    await this.hooks.ingest(page.messages, 'catchup', new Map());
    await setMeta(this.db, 'cursor', { id: page.last, time: page.lastTime ?? Date.now() });
  }

  /** A browser that knows nothing: the newest part, enough for the list and the first screens. */
  private async first(): Promise<void> {
    const clock = new Map<string, number>();
    let before = '';
    for (let pages = 0; pages < FIRST_PAGES; pages++) {
      const page = await this.client.archive.page({ before, max: CATCHUP_PAGE });
      await this.hooks.ingest(page.messages, 'first', clock);
      if (pages === 0) {
        const cursor = page.last ? { id: page.last, time: page.lastTime ?? Date.now() } : { id: '', time: 0 };
        await setMeta(this.db, 'cursor', cursor);
      }
      if (page.complete || !page.first) {
        await this.allComplete();
        break;
      }
      before = page.first;
    }
    await this.settleUnread();
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

  /** Fills all gaps, newest first; several callers share one run. */
  fillGaps(): Promise<void> {
    this.filling ??= this.fillAll().finally(() => {
      this.filling = undefined;
    });
    return this.filling;
  }

  private async fillAll(): Promise<void> {
    for (;;) {
      const gaps = await this.db.getAll('gaps');
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
  }

  // --- paging back ---

  /** Fetches something older than `time` of one chat into the cache, at most `max` messages at once. */
  async older(chat: string, time: number, max = PAGE): Promise<Older> {
    if (!this.client.online) return 'offline';
    try {
      if ((await holeBelow(this.db, time)) !== undefined) {
        await this.fillGaps();
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

/** The lower end of the nearest gap below a time: what is older may not be shown next to what is newer. */
export async function holeBelow(db: AccountDb, time: number): Promise<number | undefined> {
  let hole: number | undefined;
  for (const gap of await db.getAll('gaps')) {
    if (gap.afterTime < time && (hole === undefined || gap.afterTime > hole)) hole = gap.afterTime;
  }
  return hole;
}
