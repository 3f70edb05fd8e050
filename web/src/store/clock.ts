// The server's clock as far as this device knows it. What comes live or is written here has no time from the archive yet, and
// must find its place among what has one, also where this device's own clock is an hour off.
import { type AccountDb, setMeta } from '../db/schema';
import type { Client } from '../xmpp/client';
import { StanzaError } from '../xmpp/errors';
import { serverTime } from '../xmpp/mod/time';

export class Clock {
  constructor(
    private readonly db: AccountDb,
    private readonly client: Client,
    private readonly domain: string,
    /** So far, in ms, the server's clock is ahead of this device's, as last heard. */
    private ahead = 0,
  ) {}

  now(): number {
    return Date.now() + this.ahead;
  }

  /** Asks the server; a server that does not tell is believed to agree. */
  async set(): Promise<void> {
    const asked = Date.now();
    const theirs = await serverTime(this.client, this.domain).catch((e) => {
      if (e instanceof StanzaError) return Number.NaN;
      throw e;
    });
    const answered = Date.now();
    const ahead = Number.isNaN(theirs) ? 0 : theirs - (asked + answered) / 2;
    // The way there may be longer than the way back: within that nothing new was learned.
    if (Math.abs(ahead - this.ahead) <= (answered - asked) / 2) return;
    this.ahead = ahead;
    await setMeta(this.db, 'ahead', ahead);
  }
}
