// XEP-0198 on the client's side. What we count as handled is a prefix: a stanza counts when it and all before
// it are processed (a message: written to the cache), so that nothing the server forgets can be lost here.
import { ProtocolError } from './errors';

/** What is needed to resume after a reload. The outgoing queue is not part of it: the outbox is. */
export interface SmSaved {
  id: string;
  /** The full address that the session is bound to. */
  jid: string;
  /** Stanzas handled here. */
  h: number;
}

export interface Unacked {
  frame: string;
  /** The id of a stanza somebody wants to hear about. */
  id: string | undefined;
}

const WRAP = 2 ** 32;

export class StreamManagement {
  id = '';
  jid = '';
  /** Stanzas handled, modulo 2^32. */
  h = 0;
  /** Sent and not yet acknowledged, oldest first. */
  queue: Unacked[] = [];
  /** How many of ours the server has acknowledged, modulo 2^32. */
  private acked = 0;
  private tail: Promise<void> = Promise.resolve();
  private pending = 0;
  /** After a reload the server's first count is taken as it comes, since the old queue is gone. */
  private trustNextCount = false;
  /** The connection of the session that a late completion belongs to. */
  private epoch = 0;

  /** A new session begins to count. */
  start(id: string, jid: string): void {
    this.id = id;
    this.jid = jid;
    this.h = 0;
    this.acked = 0;
    this.queue = [];
    this.pending = 0;
    this.tail = Promise.resolve();
    this.trustNextCount = false;
    this.epoch++;
  }

  restore(saved: SmSaved): void {
    this.start(saved.id, saved.jid);
    this.h = saved.h >>> 0;
    this.trustNextCount = true;
  }

  /** Forgets the session; returns what was never acknowledged. */
  drop(): Unacked[] {
    const left = this.queue;
    this.start('', '');
    return left;
  }

  /**
   * The session goes on over a new connection, and the server sends again all beyond the `h` that it was told. What of that is still being
   * processed must not count now and once more when it comes again: a count too high ends the session.
   */
  goOn(h: number): void {
    this.h = h;
    this.pending = 0;
    this.tail = Promise.resolve();
    this.epoch++;
  }

  get resumable(): boolean {
    return this.id !== '';
  }

  saved(): SmSaved {
    return { id: this.id, jid: this.jid, h: this.h };
  }

  sent(frame: string, id: string | undefined): void {
    this.queue.push({ frame, id });
  }

  /** A stanza came in; `done` settles when it is processed. What is returned settles when it counts. */
  received(done: Promise<unknown> | undefined): Promise<void> {
    if (!done && this.pending === 0) {
      this.h = (this.h + 1) % WRAP;
      return this.tail;
    }
    const epoch = this.epoch;
    this.pending++;
    this.tail = Promise.all([this.tail, Promise.resolve(done).catch(() => {})]).then(() => {
      if (epoch !== this.epoch) return;
      this.pending--;
      this.h = (this.h + 1) % WRAP;
    });
    return this.tail;
  }

  /** The server has handled `h` of ours; returns the ones newly acknowledged. Throws when it claims more than was sent. */
  ack(h: number): Unacked[] {
    if (!Number.isInteger(h) || h < 0 || h >= WRAP) throw new ProtocolError('malformed count');
    if (this.trustNextCount) {
      this.trustNextCount = false;
      this.acked = h;
      return [];
    }
    const fresh = (h - this.acked + WRAP) % WRAP;
    if (fresh > this.queue.length) throw new ProtocolError('server acknowledged more than was sent');
    this.acked = h;
    return this.queue.splice(0, fresh);
  }
}
