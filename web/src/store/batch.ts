// One transaction over messages, chats, outbox and waiting marks. Everything that happens to messages goes
// through here, so that a chat's summary (last line, unread count) can never differ from its messages.
import {
  type BatchTx,
  byIdent,
  byKey,
  chatRow,
  countUnread,
  ident,
  newest,
  toMessage,
  unreadByPeer,
} from '../db/messages';
import { type AccountDb, type ChatRow, type MessageRow, type OutboxRow, withShared } from '../db/schema';
import { amendArrived, timeOf } from './amend';
import type { Change } from './changes';
import type { Failure, Mark, Message } from './model';

const RANK: Record<Mark, number> = { failed: 0, sending: 1, sent: 2, delivered: 3, read: 4 };

/** Marks only move forward. From `failed` anything true may follow, for example a late receipt. */
export function isForward(from: Mark, to: Mark): boolean {
  return RANK[to] > RANK[from];
}

export class Batch {
  private readonly chats = new Map<string, ChatRow>();
  private readonly dirty = new Set<string>();
  private readonly recount = new Set<string>();
  private readonly changed = new Map<string, MessageRow>();
  private readonly gone = new Map<string, string[]>();
  private readonly said = new Set<string>();
  private amends: boolean | undefined;

  private constructor(
    readonly tx: BatchTx,
    readonly own: string,
  ) {}

  /** Runs `work` in one transaction and resolves, after its commit, with what to show. `work` may await only the database. */
  static async run(db: AccountDb, own: string, work: (batch: Batch) => Promise<void>): Promise<Change[]> {
    const tx = db.transaction(
      ['messages', 'chats', 'outbox', 'marks', 'uploads', 'gaps', 'meta', 'amends', 'mirror'],
      'readwrite',
    );
    const batch = new Batch(tx, own);
    try {
      await work(batch);
      const changes = await batch.finish();
      await tx.done;
      return changes;
    } catch (e) {
      try {
        tx.abort();
      } catch {
        // Aborted already, by the error itself.
      }
      await tx.done.catch(() => {});
      throw e;
    }
  }

  /** The server's time, as far as this device knows it. */
  async now(): Promise<number> {
    return Date.now() + (((await this.tx.objectStore('meta').get('ahead')) as number | undefined) ?? 0);
  }

  async chat(address: string): Promise<ChatRow> {
    const known = this.chats.get(address);
    if (known) return known;
    const row = await chatRow(this.tx, address);
    this.chats.set(address, row);
    return row;
  }

  touch(chat: ChatRow): void {
    this.dirty.add(chat.address);
  }

  countAgain(chat: ChatRow): void {
    this.recount.add(chat.address);
    this.touch(chat);
  }

  /** I have read everything up to this time. */
  raiseReadTime(chat: ChatRow, time: number): void {
    if (time <= chat.readTime) return;
    chat.readTime = time;
    if (chat.counted && time > chat.counted.below) delete chat.counted;
    this.countAgain(chat);
  }

  /** Who wrote this has read what stands above it, once all that moves has moved. */
  hasSaid(row: MessageRow): void {
    this.said.add(row.key);
  }

  /** Writes a new message. */
  async add(row: MessageRow): Promise<void> {
    await this.tx.objectStore('messages').put(withShared(row));
    this.changed.set(row.key, row);
    const chat = await this.chat(row.chat);
    if (row.time > chat.activity) chat.activity = row.time;
    if (!chat.last || row.time >= chat.last.time) chat.last = toMessage(row);
    this.touch(chat);
  }

  /** Changes a message; its time is part of its key. */
  async update(row: MessageRow, change: Partial<MessageRow>): Promise<MessageRow> {
    return this.rewrite(row, { ...row, ...change });
  }

  /** The same with all that it shall be: what `next` does not have is gone. */
  async rewrite(row: MessageRow, next: MessageRow): Promise<MessageRow> {
    if (next.mark !== 'failed') delete next.failure;
    if (!next.unheard) delete next.unheard;
    const store = this.tx.objectStore('messages');
    if (next.time !== row.time) await store.delete([row.chat, row.time, row.key]);
    await store.put(withShared(next));
    this.changed.set(next.key, next);
    const chat = await this.chat(row.chat);
    if (next.time !== row.time) {
      if (next.time > chat.activity || chat.activity === row.time) chat.activity = next.time;
      const last = await newest(this.tx, row.chat);
      if (last) chat.last = toMessage(last);
      this.touch(chat);
    } else if (next.hidden && !row.hidden) {
      await this.showLast(chat);
      this.countAgain(chat);
    } else if (chat.last?.key === row.key) {
      chat.last = toMessage(next);
      this.touch(chat);
    }
    return next;
  }

  async remove(row: MessageRow): Promise<void> {
    await this.tx.objectStore('messages').delete([row.chat, row.time, row.key]);
    this.changed.delete(row.key);
    this.gone.set(row.chat, [...(this.gone.get(row.chat) ?? []), row.key]);
    const chat = await this.chat(row.chat);
    await this.showLast(chat);
    this.countAgain(chat);
  }

  private async showLast(chat: ChatRow): Promise<void> {
    const last = await newest(this.tx, chat.address);
    if (last) chat.last = toMessage(last);
    else delete chat.last;
    this.touch(chat);
  }

  /** Does anything wait for a message that is not here? Asked once: in a page without any nothing needs to be looked up. */
  async hasAmends(): Promise<boolean> {
    this.amends ??= (await this.tx.objectStore('amends').count()) > 0;
    return this.amends;
  }

  /** Something waits from now on. */
  noteAmends(): void {
    this.amends = true;
  }

  async raise(row: MessageRow, mark: Mark): Promise<MessageRow> {
    return isForward(row.mark, mark) ? this.update(row, { mark }) : row;
  }

  /** The other side says what became of a message of mine. */
  async applyMark(address: string, id: string, mark: 'delivered' | 'read'): Promise<void> {
    const rows = (await byIdent(this.tx, ident(address, this.own, id))).filter((r) => r.mine);
    if (rows.length === 0) {
      await this.remember(ident(address, this.own, id), mark);
      return;
    }
    for (const row of rows) {
      await this.dropOutbox(row.key); // it arrived, whatever the server has acknowledged so far
      const now = await this.raise(row, mark);
      if (mark === 'read') await this.peerReadUpTo(address, timeOf(now, id));
    }
  }

  /** Who has read one has read all before it. */
  async peerReadUpTo(address: string, time: number): Promise<void> {
    const chat = await this.chat(address);
    if (time > chat.peerReadTime) {
      chat.peerReadTime = time;
      this.touch(chat);
    }
    for (const row of await unreadByPeer(this.tx, address, time)) await this.update(row, { mark: 'read' });
  }

  /** Another device of mine has displayed a message of theirs. */
  async applyOwnRead(address: string, id: string): Promise<void> {
    const key = ident(address, address, id);
    const rows = await byIdent(this.tx, key);
    if (rows.length === 0) await this.remember(key, 'read');
    const chat = await this.chat(address);
    for (const row of rows) {
      const time = timeOf(row, id);
      this.raiseReadTime(chat, time);
      if (time > chat.markedTime) chat.markedTime = time;
    }
  }

  /** Keeps a mark whose message is not here yet: history comes newest first. */
  async remember(key: string, mark: 'delivered' | 'read'): Promise<void> {
    const store = this.tx.objectStore('marks');
    const old = await store.get(key);
    if (!old || isForward(old.mark, mark)) await store.put({ ident: key, mark });
  }

  /** The mark that waited for one of these ids, if any; it waits no more. */
  async recall(idents: string[]): Promise<'delivered' | 'read' | undefined> {
    const store = this.tx.objectStore('marks');
    let found: 'delivered' | 'read' | undefined;
    for (const key of idents) {
      const row = await store.get(key);
      if (!row) continue;
      if (found !== 'read') found = row.mark;
      await store.delete(key);
    }
    return found;
  }

  async failMessage(address: string, id: string, failure: Failure): Promise<void> {
    for (const row of await byIdent(this.tx, ident(address, this.own, id))) {
      if (!row.mine || row.mark === 'delivered' || row.mark === 'read') continue;
      await this.dropOutbox(row.key);
      await this.update(row, { mark: 'failed', failure });
    }
  }

  // --- outbox ---

  async queue(row: OutboxRow): Promise<void> {
    await this.tx.objectStore('outbox').add(row);
  }

  /** Only the last of these counts. */
  async queueRead(row: OutboxRow): Promise<void> {
    const store = this.tx.objectStore('outbox');
    for (const old of await store.getAll())
      if (old.kind === 'read' && old.chat === row.chat && old.seq !== undefined) await store.delete(old.seq);
    await this.queue(row);
  }

  async dropOutbox(key: string): Promise<OutboxRow | undefined> {
    const store = this.tx.objectStore('outbox');
    const row = await store.index('key').get(key);
    if (row?.seq !== undefined) await store.delete(row.seq);
    return row;
  }

  /** Another device has sent this receipt already. */
  async dropReceipt(address: string, id: string): Promise<void> {
    const store = this.tx.objectStore('outbox');
    for (const row of await store.getAll()) {
      if (row.kind === 'receipt' && row.chat === address && row.payload === id && row.seq !== undefined)
        await store.delete(row.seq);
    }
  }

  /** The server has stored what had this id. */
  async acknowledged(key: string): Promise<void> {
    const row = await this.dropOutbox(key);
    if (row?.kind === 'amend') await amendArrived(this, row);
    if (row?.kind !== 'message' && row?.kind !== 'file') return;
    const message = await byKey(this.tx, key);
    if (message?.mine) await this.raise(message, 'sent');
  }

  private async finish(): Promise<Change[]> {
    for (const key of this.said) {
      const row = this.changed.get(key);
      if (row) this.raiseReadTime(await this.chat(row.chat), row.time);
    }
    for (const address of this.recount) {
      const chat = await this.chat(address);
      const { counted, readTime } = chat;
      chat.unread = counted
        ? counted.unread + (await countUnread(this.tx, address, Math.max(readTime, counted.upTo)))
        : await countUnread(this.tx, address, readTime);
    }
    const changes: Change[] = [];
    for (const [chat, keys] of this.gone) changes.push({ kind: 'gone', chat, keys });
    const perChat = new Map<string, Message[]>();
    for (const row of this.changed.values()) {
      if (row.hidden) {
        changes.push({ kind: 'gone', chat: row.chat, keys: [row.key] });
        continue;
      }
      const list = perChat.get(row.chat) ?? [];
      list.push(toMessage(row));
      perChat.set(row.chat, list);
    }
    for (const [chat, messages] of perChat) changes.push({ kind: 'messages', chat, messages });
    for (const address of this.dirty) {
      const row = await this.chat(address);
      await this.tx.objectStore('chats').put(row);
      changes.push({ kind: 'chat', row });
    }
    return changes;
  }
}
