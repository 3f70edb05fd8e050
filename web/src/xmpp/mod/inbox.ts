// The inbox (urn:confab:inbox:0): every conversation that has news, its last message and what of it is unread, in one round trip.
import type { Client } from '../client';
import { StanzaError } from '../errors';
import { bare } from '../jid';
import { NS } from '../ns';
import { type El, x } from '../xml';
import { patiently } from './mam';
import { type IncomingMessage, parseStamp, readArchived } from './message';

export interface InboxEntry {
  /** Bare address of the conversation. */
  peer: string;
  /** Archive id of its last message that counts; its time in ms. */
  id: string;
  time: number | undefined;
  /** Undefined when it is of a kind that means nothing to us. */
  message: IncomingMessage | undefined;
  /** What corrects or takes back that message. */
  changer?: IncomingMessage;
  unread: number;
  /** Archive id of the oldest unread message. */
  first: string | undefined;
  /** Archive id of what was read last, on whichever device. */
  read: string | undefined;
  /** How far the last message, one of mine, has come on the other side. */
  peerMark: 'delivered' | 'read' | undefined;
}

export interface InboxAnswer {
  entries: InboxEntry[];
  /** For `after` of the next time. */
  state: string | undefined;
  /** The newest row of the archive that the answer covers. */
  archive: string | undefined;
}

const TIMEOUT_MS = 60_000;
const PAGE = 500;
/** No account has more pages than this; a server that never ends is not believed. */
const PAGES = 200;

export class Inbox {
  private serial = 0;
  private readonly collecting = new Map<string, InboxEntry[]>();
  /** The mark of a conversation was moved by another device that tells nobody else. */
  onRead: (peer: string, id: string) => void = () => {};

  constructor(
    private readonly client: Client,
    private readonly own: string,
  ) {}

  /** What has changed since a `state`; everything without one. Undefined: this server has no inbox. */
  async changes(after: string | undefined): Promise<InboxAnswer | undefined> {
    const all: InboxEntry[] = [];
    let begin: Pick<InboxAnswer, 'state' | 'archive'> | undefined;
    let last: string | undefined;
    for (let pages = 0; pages < PAGES; pages++) {
      const page = await patiently(() => this.page(after, last));
      if (!page) return undefined;
      all.push(...page.entries);
      // What changes while one reads several pages stands behind the first one's state.
      begin ??= page;
      if (page.complete || !page.last || page.last === last) break;
      last = page.last;
    }
    return { entries: all, state: begin?.state, archive: begin?.archive };
  }

  private async page(after: string | undefined, from: string | undefined) {
    const queryid = `i${++this.serial}`;
    const entries: InboxEntry[] = [];
    this.collecting.set(queryid, entries);
    try {
      const fin = await this.client.iq({
        type: 'get',
        timeoutMs: TIMEOUT_MS,
        payload: x(
          'inbox',
          { xmlns: NS.inbox, queryid, after },
          x('set', { xmlns: NS.rsm }, x('max', {}, String(PAGE)), from !== undefined && x('after', {}, from)),
        ),
      });
      if (!fin?.is('fin', NS.inbox)) return undefined;
      return {
        entries,
        state: fin.attr('state'),
        archive: fin.attr('archive'),
        last: fin.child('set', NS.rsm)?.child('last')?.text(),
        complete: fin.attr('complete') === 'true' || entries.length === 0,
      };
    } catch (e) {
      if (e instanceof StanzaError && /service-unavailable|not-implemented/.test(e.condition)) return undefined;
      throw e;
    } finally {
      this.collecting.delete(queryid);
    }
  }

  /** Moves the mark without telling the other side. */
  async read(peer: string, id: string): Promise<void> {
    await this.client.iq({ type: 'set', payload: x('read', { xmlns: NS.inbox, jid: peer, id }) });
  }

  /** Takes what belongs to the inbox; false when the stanza is something else. */
  collect(stanza: El): boolean {
    const inbox = stanza.child('inbox', NS.inbox);
    const read = stanza.child('read', NS.inbox);
    if (!inbox && !read) return false;
    // Only our own account may say what stands in our archive.
    const from = stanza.attr('from') ?? '';
    if (from !== '' && bare(from) !== this.own) return true;
    const list = inbox && this.collecting.get(inbox.attr('queryid') ?? '');
    if (list) for (const el of inbox.elements('entry')) list.push(...this.entry(el));
    const peer = bare(read?.attr('jid'));
    const id = read?.attr('id');
    if (peer && id) this.onRead(peer, id);
    return true;
  }

  private entry(el: El): InboxEntry[] {
    const peer = bare(el.attr('jid'));
    const id = el.attr('id');
    if (!peer || !id) return [];
    const time = parseStamp(el.attr('stamp'));
    const [stanza, second] = el.elements('message', NS.client);
    const message = stanza && readArchived(stanza, this.own, id, time);
    // Of this one the answer says neither id nor time: the archive will.
    const changer = second && readArchived(second, this.own, '', undefined);
    const unread = Number(el.attr('unread') ?? 0);
    const told = el.attr('peer');
    return [
      {
        peer,
        id,
        time,
        // A conversation shows its own messages only, whatever the stanza says.
        message: message?.peer === peer ? message : undefined,
        ...(changer?.about && changer.peer === peer && { changer: { ...changer, via: 'live' } }),
        unread: Number.isSafeInteger(unread) && unread > 0 ? unread : 0,
        first: el.attr('first'),
        read: el.attr('read'),
        peerMark: told === 'displayed' ? 'read' : told === 'received' ? 'delivered' : undefined,
      },
    ];
  }

  reset(): void {
    this.collecting.clear();
  }
}
