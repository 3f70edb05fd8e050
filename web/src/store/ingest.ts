// Messages from the server into the cache: text, receipts, markers, errors; without repeats, whichever way and
// however often they come.
import { byArchiveId, byIdent, byKey, identsOf, newest, toMessage } from '../db/messages';
import type { AccountDb, MessageRow } from '../db/schema';
import type { IncomingMessage } from '../xmpp/mod/message';
import { NS } from '../xmpp/ns';
import { amend, amendFailed, erased, OPAQUE_TEXT, recall, shownOf, takeAbout } from './amend';
import { Batch } from './batch';
import type { Change } from './changes';
import { isWritten, SOON_MS } from './crossings';
import { messageFailure } from './failures';
import type { Message } from './model';
import { itemsFor } from './named';
import { hasCome, keepOut, moved, type Stretch, TICK } from './order';

/**
 * Where a list of messages comes from. `live`: one that just arrived. `catchup`: what happened while we were away,
 * oldest first. `first`: the newest part of the archive, on a browser that has no cache. `inbox`: the last message of a
 * conversation. `gap`: what is missing below something known, newest first. `history`: paging back.
 */
export type Source = 'live' | 'catchup' | 'first' | 'inbox' | 'gap' | 'history';

/** One reads them in that order, but receipts and marks stand behind what they are for. */
const NEWEST_FIRST: ReadonlySet<Source> = new Set(['first', 'inbox', 'gap']);

export interface IngestContext {
  own: string;
  source: Source;
  /** May this person see my presence (and so learn what I have received)? */
  maySee: (address: string) => boolean;
  /** The last time given in each chat, kept over the pages of one run: archives may count in whole seconds only. */
  clock: Map<string, number>;
  /** What is stored, stands before this time and is not in the list is older than the list. */
  until?: number;
  now: number;
  newId: () => string;
}

export interface Ingested {
  changes: Change[];
  /** New ones from others that I have not read. */
  fresh: Message[];
  /** There is something new to send. */
  queued: boolean;
  /** Chats in which something got its place while a message of mine was under way there. */
  crossed: string[];
}

export async function ingest(
  db: AccountDb,
  messages: readonly IncomingMessage[],
  ctx: IngestContext,
): Promise<Ingested> {
  let done: Omit<Ingested, 'changes'> | undefined;
  const changes = await Batch.run(db, ctx.own, async (batch) => {
    done = await ingestInto(batch, messages, ctx);
  });
  return { changes, fresh: [], queued: false, crossed: [], ...done };
}

/** The same inside a transaction that does more. */
export async function ingestInto(
  batch: Batch,
  messages: readonly IncomingMessage[],
  ctx: IngestContext,
): Promise<Omit<Ingested, 'changes'>> {
  const times = spread(messages, ctx);
  const run = new Ingest(batch, ctx);
  for (const [i, m] of messages.entries()) await run.one(m, times[i]);
  await run.order();
  await run.receipts();
  return { fresh: run.fresh.map(toMessage), queued: run.queued, crossed: await run.crossed() };
}

/** The row of the same message, if it is here already. */
export async function findRow(batch: Batch, m: IncomingMessage): Promise<MessageRow | undefined> {
  const { tx } = batch;
  if (m.archiveId) {
    const row = await byArchiveId(tx, m.archiveId);
    if (row) return row;
  }
  for (const key of identsOf(m.peer, m.from, [m.originId, m.id])) {
    for (const row of await byIdent(tx, key)) if (isRepeat(row, m)) return row;
  }
  return undefined;
}

/** Under this a mark waits for a message of theirs that is known by its archive id only. */
export const archiveMark = (id: string) => `archive\n${id}`;

/** Strictly rising times within each chat, in the archive's order. Pages that come newest first are spread from their end. */
function spread(messages: readonly IncomingMessage[], ctx: IngestContext): (number | undefined)[] {
  const times: (number | undefined)[] = messages.map((m) => m.time);
  if (ctx.source === 'live') return times;
  const back = ctx.source !== 'catchup';
  for (let n = 0; n < messages.length; n++) {
    const i = back ? messages.length - 1 - n : n;
    const m = messages[i]!;
    const limit = ctx.clock.get(m.peer);
    let time = m.time ?? ctx.now;
    if (limit !== undefined) time = back ? Math.min(time, limit - TICK) : Math.max(time, limit + TICK);
    times[i] = time;
    if (isShown(m)) ctx.clock.set(m.peer, time);
  }
  return times;
}

/** It has a place of its own in its chat. */
const isShown = (m: IncomingMessage) => m.body !== undefined || m.encrypted || m.tombstone;

class Ingest {
  readonly fresh: MessageRow[] = [];
  queued = false;
  private readonly receiptsDue: MessageRow[] = [];
  private readonly placed = new Set<string>();
  private readonly answered = new Set<string>();
  private readonly stretches = new Map<string, Stretch>();

  constructor(
    private readonly batch: Batch,
    private readonly ctx: IngestContext,
  ) {}

  async one(m: IncomingMessage, time: number | undefined): Promise<void> {
    if (m.error) {
      // An error to what I wrote; its sender is whom I wrote to.
      const failure = messageFailure(m.error);
      if (m.id && !(await amendFailed(this.batch, m.peer, m.id, failure)))
        await this.batch.failMessage(m.peer, m.id, failure);
      return;
    }
    if (isShown(m)) await this.text(m, time);
    if (m.about) {
      await takeAbout(this.batch, m, time);
      if (this.ctx.source === 'live') this.placed.add(m.peer);
    }
    if (m.mine) {
      // What I sent here and what my other devices sent: either way it has arrived at the server.
      if (m.id && m.archiveId) await this.batch.acknowledged(m.id);
      if (m.receiptFor) {
        await this.batch.dropReceipt(m.peer, m.receiptFor);
        // Newest first: the message that it is for comes later.
        if (NEWEST_FIRST.has(this.ctx.source))
          await this.batch.remember(receiptMark(m.peer, m.receiptFor), 'delivered');
      }
      if (m.marker && m.marker.kind !== 'received') await this.batch.applyOwnRead(m.peer, m.marker.id);
      return;
    }
    if (m.receiptFor) await this.batch.applyMark(m.peer, m.receiptFor, 'delivered');
    if (m.marker) await this.batch.applyMark(m.peer, m.marker.id, m.marker.kind === 'received' ? 'delivered' : 'read');
  }

  private async text(m: IncomingMessage, time: number | undefined): Promise<void> {
    const known = await findRow(this.batch, m);
    if (known) {
      this.told(await this.again(known, m, time), known);
      return;
    }
    const chat = await this.batch.chat(m.peer);
    const row = await this.makeRow(m, time ?? Math.max(this.ctx.now, (chat.last?.time ?? 0) + 1));
    // What a resumed stream brings late is newer than what it brought before; the archive will tell by how much.
    const last =
      this.ctx.source === 'live' && m.archiveId && time !== undefined ? await newest(this.batch.tx, m.peer) : undefined;
    if (last?.localTime && last.time >= row.time) {
      row.time = last.time + TICK;
      row.localTime = true;
    }
    const byId = !row.mine && row.archiveId ? [archiveMark(row.archiveId)] : [];
    const waiting = await this.batch.recall([...row.idents, ...byId]);
    if (row.mine) {
      if (waiting) row.mark = waiting;
      if (row.time <= chat.peerReadTime) row.mark = 'read';
      chat.wrote = true;
    }
    // Not for ever after, where the archive's clock is ahead of this device's.
    if (this.ctx.source === 'live' && chat.last?.mine && Math.abs(this.ctx.now - chat.last.time) < SOON_MS)
      this.answered.add(m.peer);
    this.placed.add(m.peer);
    const news = this.ctx.source !== 'history' && this.ctx.source !== 'first';
    if (news && row.time > chat.readTime && !row.mine && row.file?.wave) row.unheard = true;
    await this.batch.add(row);
    if (await this.isHidden(row)) {
      this.told(await this.batch.rewrite(row, { ...erased(row), hidden: true }));
      return;
    }
    if (row.answers) await this.answers(row, row.answers);
    await recall(this.batch, row);
    this.told(row);
    if (row.mine) {
      // Who answers from another device has read what stands above.
      this.batch.raiseReadTime(chat, row.time);
      if (waiting === 'read') await this.batch.peerReadUpTo(m.peer, row.time);
      return;
    }
    if (waiting) this.batch.raiseReadTime(chat, row.time);
    if (this.ctx.source !== 'history' && m.wantsReceipt && m.id && !waiting) this.receiptsDue.push(row);
    if (this.ctx.source === 'history') {
      // Old news: never counted, never rung for.
      if (chat.readTime < row.time && chat.unread === 0) {
        chat.readTime = row.time;
        this.batch.touch(chat);
      }
    } else if (row.time > chat.readTime) {
      this.batch.countAgain(chat);
      this.fresh.push(row);
    }
  }

  /** Deleted for me on another device, before it was here. */
  private async isHidden(row: MessageRow): Promise<boolean> {
    const store = this.batch.tx.objectStore('mirror');
    for (const id of itemsFor(row)) if ((await store.get([NS.hidden, id]))?.xml) return true;
    return false;
  }

  /** Which message it answers: known now, or when that comes. */
  private async answers(row: MessageRow, { id, to }: NonNullable<MessageRow['answers']>): Promise<void> {
    const what = { kind: 'answer', key: row.key } as const;
    // Who says whom he answers is believed only if that is one of the two.
    const from = to === this.ctx.own ? row.chat : this.ctx.own;
    await amend(this.batch, row.chat, id, { id: row.key, from, time: row.time, what });
  }

  /** Receipts go out once the whole list is known: another device may have sent them, or the message may be long read. */
  async receipts(): Promise<void> {
    for (const row of this.receiptsDue) {
      const chat = await this.batch.chat(row.chat);
      if (NEWEST_FIRST.has(this.ctx.source) && row.time <= chat.readTime) continue;
      if (!this.ctx.maySee(row.chat) && !chat.wrote) continue;
      if ((await this.batch.recall([receiptMark(row.chat, row.id)])) !== undefined) continue;
      await this.batch.queue({ key: this.ctx.newId(), chat: row.chat, kind: 'receipt', payload: row.id });
      this.queued = true;
    }
  }

  /** What was acknowledged a moment ago may have crossed as well: what comes has its own way through the server. */
  async crossed(): Promise<string[]> {
    if (this.placed.size === 0 || (this.ctx.source !== 'live' && this.ctx.source !== 'catchup')) return [];
    const crossed = new Set(this.answered);
    for (const row of await this.batch.tx.objectStore('outbox').getAll())
      if (isWritten(row) && this.placed.has(row.chat)) crossed.add(row.chat);
    return [...crossed];
  }

  /** It came once more: learn what the server knows of it. */
  private async again(row: MessageRow, m: IncomingMessage, time: number | undefined): Promise<MessageRow> {
    const change: Partial<MessageRow> = {};
    if (m.archiveId && !row.archiveId) change.archiveId = m.archiveId;
    if (row.mine && (row.mark === 'sending' || row.mark === 'failed')) change.mark = 'sent';
    // The archive knows the time better than this device did.
    if (m.via === 'archive' && row.localTime && time !== undefined) {
      change.localTime = false;
      if (time !== row.time) change.time = time;
    }
    if (change.mark) await this.batch.dropOutbox(row.key);
    const next = Object.keys(change).length === 0 ? row : await this.batch.update(row, change);
    if (change.time !== undefined) {
      this.placed.add(row.chat);
      await moved(this.batch, row, next);
    }
    if (!m.tombstone || next.retracted) return next;
    return this.batch.rewrite(next, { ...erased(next), retracted: true });
  }

  /** A message in its place, and what was known of it before. */
  private told({ chat, key, time }: MessageRow, before?: MessageRow): void {
    const { source } = this.ctx;
    // Paging back begins where nothing is known.
    if (source === 'live' || source === 'history') return;
    const s: Stretch = this.stretches.get(chat) ?? { keys: new Set(), from: time, to: time, until: new Map() };
    s.keys.add(key);
    s.from = Math.min(s.from, time);
    s.to = Math.max(s.to, time);
    if (before && before.mark !== 'sending') {
      const came = hasCome(before);
      s.until.set(came, Math.min(s.until.get(came) ?? before.time, before.time));
    }
    this.stretches.set(chat, s);
  }

  async order(): Promise<void> {
    const { until } = this.ctx;
    for (const [chat, stretch] of this.stretches) {
      if (until !== undefined)
        for (const came of [false, true]) stretch.until.set(came, Math.max(stretch.until.get(came) ?? until, until));
      await keepOut(this.batch, chat, stretch);
    }
  }

  private async makeRow(m: IncomingMessage, time: number): Promise<MessageRow> {
    const own = m.mine ? m.originId : undefined;
    let key = own ?? m.archiveId ?? this.ctx.newId();
    if (await byKey(this.batch.tx, key)) key = this.ctx.newId();
    const row: MessageRow = {
      key,
      chat: m.peer,
      from: m.from,
      mine: m.mine,
      time,
      ...shownOf(m),
      mark: 'sent',
      id: m.id,
      idents: identsOf(m.peer, m.from, [m.originId, m.id]),
    };
    if (m.originId) row.originId = m.originId;
    if (m.archiveId) row.archiveId = m.archiveId;
    if (m.tombstone) row.retracted = true;
    if (m.reply) {
      const { to, quote } = m.reply;
      row.reply = { from: to === m.peer || to === this.ctx.own ? to : undefined, quote };
      row.answers = { id: m.reply.id, to };
    }
    if (m.markable) row.markable = true;
    if (m.via !== 'archive') row.localTime = true;
    return row;
  }
}

function receiptMark(chat: string, id: string): string {
  return `receipt\n${chat}\n${id}`;
}

/**
 * Is `m` the message in `row` (which has the same sender and an id in common)? Some clients count their ids from 1 in
 * every session, so an id alone does not say so; an origin-id does, but only together with the same text, lest a sender
 * make one message vanish behind another.
 */
function isRepeat(row: MessageRow, m: IncomingMessage): boolean {
  if (row.mine && m.originId === row.key) return true;
  const body = m.encrypted ? OPAQUE_TEXT : m.body;
  // Of what has been taken back nothing is left to compare; of what has been corrected, what it said at first.
  if (row.retracted || row.hidden) return m.originId !== undefined && m.originId === row.originId;
  if (!m.tombstone && (row.first ?? row).body !== body) return false;
  const twoIds = row.archiveId !== undefined && m.archiveId !== undefined && row.archiveId !== m.archiveId;
  return !twoIds || (m.originId !== undefined && m.originId === row.originId);
}
