// What the inbox says, into the cache: the last message of each conversation, what is unread, how far mine have come,
// and a gap wherever something may stand between what is known and the last message.
import { byArchiveId, newestArchived, rowsBetween } from '../db/messages';
import type { AccountDb, GapRow, MessageRow } from '../db/schema';
import type { InboxEntry } from '../xmpp/mod/inbox';
import { Batch } from './batch';
import type { Change } from './changes';
import { isTicks, settleCount } from './gaps';
import { archiveMark, findRow, type IngestContext, type Ingested, ingestInto } from './ingest';
import { TICK } from './order';

/** So many conversations go into one transaction: the list fills from its top. */
const STEP = 100;

/** `fromScratch`: nothing of this account was known in this browser. */
export async function applyInbox(
  db: AccountDb,
  entries: readonly InboxEntry[],
  ctx: Omit<IngestContext, 'source' | 'clock'>,
  fromScratch: boolean,
  show: (done: Ingested) => void,
): Promise<void> {
  for (let i = 0; i < entries.length; i += STEP) {
    const done: Ingested = { changes: [], fresh: [], queued: false, crossed: [] };
    const gaps: Change[] = [];
    const changes = await Batch.run(db, ctx.own, async (batch) => {
      for (const entry of entries.slice(i, i + STEP)) {
        const one = new Entry(batch, entry, { ...ctx, source: 'inbox', clock: new Map() }, fromScratch);
        const result = await one.apply();
        done.fresh.push(...result.fresh);
        done.queued ||= result.queued;
        if (one.gap && !isTicks(one.gap)) gaps.push({ kind: 'gap', chat: entry.peer });
      }
    });
    // That something is missing is known before what stands behind it.
    show({ ...done, changes: [...gaps, ...changes] });
  }
}

class Entry {
  gap: GapRow | undefined;

  constructor(
    private readonly batch: Batch,
    private readonly entry: InboxEntry,
    private readonly ctx: IngestContext,
    private readonly fromScratch: boolean,
  ) {}

  async apply(): Promise<Pick<Ingested, 'fresh' | 'queued'>> {
    const { batch, entry } = this;
    const { tx } = batch;
    const top = await newestArchived(tx, entry.peer, entry.time ?? Number.POSITIVE_INFINITY);
    const known = await byArchiveId(tx, entry.id);
    const here = known ?? (entry.message && (await findRow(batch, entry.message)));
    // What has a tick was stored while we listened: nothing can stand between it and what came before.
    const stored = here?.mine === true && here.mark !== 'sending' && here.mark !== 'failed';
    // What is read is read before receipts are thought of.
    await this.applyRead(top);
    // It is newer than all else that is stored: live messages are held back still.
    const ctx = { ...this.ctx, until: Number.POSITIVE_INFINITY };
    const done = entry.message ? await ingestInto(batch, [entry.message], ctx) : { fresh: [], queued: false };
    if (entry.changer) await ingestInto(batch, [entry.changer], { ...ctx, source: 'live' });
    const last = await byArchiveId(tx, entry.id);
    const time = last?.time ?? entry.time ?? this.ctx.now;
    if (!known && !stored) {
      await this.addGap({ after: top?.archiveId ?? '', afterTime: top?.time ?? 0, before: entry.id, beforeTime: time });
    } else if (known) {
      // Only receipts, marks and what changes other messages may have come behind it: they are looked at when somebody looks, or by the catch-up.
      await this.addGap({ after: entry.id, afterTime: time - TICK, before: '', beforeTime: time });
    }
    await this.applyPeer(last);
    await this.applyUnread(time);
    return done;
  }

  private async addGap(ends: Pick<GapRow, 'after' | 'afterTime' | 'before' | 'beforeTime'>): Promise<void> {
    const store = this.batch.tx.objectStore('gaps');
    const same = (await store.index('chat').getAll(this.entry.peer)).find((gap) => gap.before === ends.before);
    this.gap = { chat: this.entry.peer, ...ends, tail: 1 };
    if (!this.fromScratch) this.gap.open = 1;
    // The answer is applied again after a crash; of looks for receipts one is enough.
    if (!same) await store.add(this.gap);
    else if (ends.before === '') await store.put({ ...same, ...ends });
  }

  /** How far I have read, on whichever device. Never back: here one may have read in silence. */
  private async applyRead(top: MessageRow | undefined): Promise<void> {
    const { batch, entry } = this;
    const { tx } = batch;
    const chat = await batch.chat(entry.peer);
    const read = entry.read === undefined ? undefined : await byArchiveId(tx, entry.read);
    if (read) batch.raiseReadTime(chat, read.time);
    else if (entry.read !== undefined) await batch.remember(archiveMark(entry.read), 'read');
    if (entry.unread === 0) {
      // All of it, up to the last message, which may not be here yet.
      if (entry.time !== undefined) batch.raiseReadTime(chat, Math.max(entry.time, top?.time ?? 0));
      return;
    }
    const first = entry.first === undefined ? undefined : await byArchiveId(tx, entry.first);
    if (first) batch.raiseReadTime(chat, first.time - TICK / 2);
    // It is in the gap, for what is here has been read to some place.
    else if (entry.first !== undefined && top && chat.readTime > 0 && read === undefined && entry.first !== entry.id)
      await this.raiseToTop(top);
  }

  private async raiseToTop(top: MessageRow): Promise<void> {
    const chat = await this.batch.chat(this.entry.peer);
    const [oldest] = await rowsBetween(this.batch.tx, this.entry.peer, 0, Number.POSITIVE_INFINITY, 1);
    if (oldest && oldest.time <= chat.readTime) this.batch.raiseReadTime(chat, top.time);
  }

  private async applyPeer(last: MessageRow | undefined): Promise<void> {
    const { batch, entry } = this;
    if (!last?.mine || !entry.peerMark) return;
    const row = await batch.raise(last, entry.peerMark);
    if (entry.peerMark === 'read') await batch.peerReadUpTo(entry.peer, row.time);
  }

  private async applyUnread(time: number): Promise<void> {
    const { batch, entry } = this;
    const chat = await batch.chat(entry.peer);
    if (entry.unread === 0) {
      delete chat.counted;
      batch.raiseReadTime(chat, time);
      batch.countAgain(chat);
      return;
    }
    chat.counted = { unread: entry.unread, upTo: time, below: 0 };
    await settleCount(batch, chat);
  }
}
