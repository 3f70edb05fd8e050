// Messages from the server into the cache: text, receipts, markers, errors; without repeats, whichever way and
// however often they come.
import { byArchiveId, byIdent, byKey, identsOf, toMessage } from '../db/messages';
import type { AccountDb, MessageRow } from '../db/schema';
import type { IncomingMessage } from '../xmpp/mod/message';
import { Batch } from './batch';
import type { Change } from './changes';
import { messageFailure } from './failures';
import type { Message } from './model';

/**
 * Where a list of messages comes from. `live`: one that just arrived. `catchup`: what happened while we were away,
 * oldest first. `first`: the newest part of the archive, on a browser that has no cache. `history`: paging back.
 */
export type Source = 'live' | 'catchup' | 'first' | 'history';

export interface IngestContext {
  own: string;
  source: Source;
  /** May this person see my presence (and so learn what I have received)? */
  maySee: (address: string) => boolean;
  /** The last time given in each chat, kept over the pages of one run: archives may count in whole seconds only. */
  clock: Map<string, number>;
  now: number;
  newId: () => string;
}

export interface Ingested {
  changes: Change[];
  /** New ones from others that I have not read. */
  fresh: Message[];
  /** There is something new to send. */
  queued: boolean;
}

const OPAQUE_TEXT = 'This message is encrypted in a way that this app cannot read yet.';
const TICK = 0.001;

export async function ingest(
  db: AccountDb,
  messages: readonly IncomingMessage[],
  ctx: IngestContext,
): Promise<Ingested> {
  const times = spread(messages, ctx);
  let run: Ingest | undefined;
  const changes = await Batch.run(db, ctx.own, async (batch) => {
    run = new Ingest(batch, ctx);
    for (const [i, m] of messages.entries()) await run.one(m, times[i]);
    await run.receipts();
  });
  return { changes, fresh: run?.fresh.map(toMessage) ?? [], queued: run?.queued ?? false };
}

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
    if (m.body !== undefined || m.encrypted) ctx.clock.set(m.peer, time);
  }
  return times;
}

class Ingest {
  readonly fresh: MessageRow[] = [];
  queued = false;
  private readonly receiptsDue: MessageRow[] = [];

  constructor(
    private readonly batch: Batch,
    private readonly ctx: IngestContext,
  ) {}

  async one(m: IncomingMessage, time: number | undefined): Promise<void> {
    if (m.error) {
      // An error to what I wrote; its sender is whom I wrote to.
      if (m.id) await this.batch.failMessage(m.peer, m.id, messageFailure(m.error));
      return;
    }
    if (m.body !== undefined || m.encrypted) await this.text(m, time);
    if (m.mine) {
      // What I sent here and what my other devices sent: either way it has arrived at the server.
      if (m.id && m.archiveId) await this.batch.acknowledged(m.id);
      if (m.receiptFor) {
        await this.batch.dropReceipt(m.peer, m.receiptFor);
        // Newest first: the message that it is for comes later.
        if (this.ctx.source === 'first') await this.batch.remember(receiptMark(m.peer, m.receiptFor), 'delivered');
      }
      if (m.marker && m.marker.kind !== 'received') await this.batch.applyOwnRead(m.peer, m.marker.id);
      return;
    }
    if (m.receiptFor) await this.batch.applyMark(m.peer, m.receiptFor, 'delivered');
    if (m.marker) await this.batch.applyMark(m.peer, m.marker.id, m.marker.kind === 'received' ? 'delivered' : 'read');
  }

  private async text(m: IncomingMessage, time: number | undefined): Promise<void> {
    const known = await this.find(m);
    if (known) {
      await this.again(known, m, time);
      return;
    }
    const chat = await this.batch.chat(m.peer);
    const row = await this.makeRow(m, time ?? Math.max(this.ctx.now, (chat.last?.time ?? 0) + 1));
    const waiting = await this.batch.recall(row.idents);
    if (row.mine) {
      if (waiting) row.mark = waiting;
      if (row.time <= chat.peerReadTime) row.mark = 'read';
      chat.wrote = true;
    }
    const news = this.ctx.source === 'live' || this.ctx.source === 'catchup';
    if (news && !row.mine && row.file?.wave) row.unheard = true;
    await this.batch.add(row);
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

  /** Receipts go out once the whole list is known: another device may have sent them, or the message may be long read. */
  async receipts(): Promise<void> {
    for (const row of this.receiptsDue) {
      const chat = await this.batch.chat(row.chat);
      if (this.ctx.source === 'first' && row.time <= chat.readTime) continue;
      if (!this.ctx.maySee(row.chat) && !chat.wrote) continue;
      if ((await this.batch.recall([receiptMark(row.chat, row.id)])) !== undefined) continue;
      await this.batch.queue({ key: this.ctx.newId(), chat: row.chat, kind: 'receipt', payload: row.id });
      this.queued = true;
    }
  }

  /** The same message, if it is here already. */
  private async find(m: IncomingMessage): Promise<MessageRow | undefined> {
    const { tx } = this.batch;
    if (m.archiveId) {
      const row = await byArchiveId(tx, m.archiveId);
      if (row) return row;
    }
    for (const key of identsOf(m.peer, m.from, [m.originId, m.id])) {
      for (const row of await byIdent(tx, key)) if (isRepeat(row, m)) return row;
    }
    return undefined;
  }

  /** It came once more: learn what the server knows of it. */
  private async again(row: MessageRow, m: IncomingMessage, time: number | undefined): Promise<void> {
    const change: Partial<MessageRow> = {};
    if (m.archiveId && !row.archiveId) change.archiveId = m.archiveId;
    if (row.mine && (row.mark === 'sending' || row.mark === 'failed')) change.mark = 'sent';
    // The archive knows the time better than this device did.
    if (m.via === 'archive' && row.localTime && time !== undefined) {
      change.localTime = false;
      if (Math.abs(time - row.time) >= 1) change.time = time;
    }
    if (change.mark) await this.batch.dropOutbox(row.key);
    if (Object.keys(change).length === 0) return;
    const next = await this.batch.update(row, change);
    const chat = await this.batch.chat(row.chat);
    if (change.time === undefined) return;
    if (next.mine) this.batch.raiseReadTime(chat, next.time);
    else if (row.time <= chat.readTime && next.time > chat.readTime) this.batch.raiseReadTime(chat, next.time);
    else this.batch.countAgain(chat);
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
      body: m.encrypted ? OPAQUE_TEXT : m.body!,
      mark: 'sent',
      id: m.id,
      idents: identsOf(m.peer, m.from, [m.originId, m.id]),
    };
    if (m.originId) row.originId = m.originId;
    if (m.archiveId) row.archiveId = m.archiveId;
    if (m.encrypted) row.opaque = true;
    if (m.file) row.file = m.file;
    if (m.caption) row.caption = m.caption;
    if (m.markable) row.markable = true;
    if (m.time === undefined) row.localTime = true;
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
  if (row.body !== body) return false;
  const twoIds = row.archiveId !== undefined && m.archiveId !== undefined && row.archiveId !== m.archiveId;
  return !twoIds || (m.originId !== undefined && m.originId === row.originId);
}
