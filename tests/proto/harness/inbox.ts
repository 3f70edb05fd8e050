// Asking for the inbox (docs/decisions/007-inbox.md), with what every answer must obey: entries come before the <fin/>, newest first, each once,
// and <first/> and <last/> are theirs.

import { type Client, freshId } from './client.ts';
import { dialogueError } from './transcript.ts';
import { type El, NS, x } from './xml.ts';

export const INBOX = 'urn:confab:inbox:0';

export interface InboxQuery {
  after?: string;
  unreadOnly?: boolean;
  messages?: boolean;
  max?: number;
  page?: string;
}

export interface Entry {
  readonly jid: string;
  readonly id: string;
  readonly stamp: string;
  readonly unread: number;
  readonly first: string | undefined;
  readonly read: string | undefined;
  readonly peer: string | undefined;
  /** The last message, and what changes it. */
  readonly messages: El[];
  readonly body: string | undefined;
}

export interface Inbox {
  readonly entries: Entry[];
  readonly byJid: Map<string, Entry>;
  readonly fin: El;
  readonly complete: boolean;
  readonly total: number;
  readonly unread: number;
  readonly allUnread: number;
  readonly count: number;
  readonly state: string | undefined;
  readonly archive: string | undefined;
}

export function inboxXml(q: InboxQuery = {}, queryid = freshId('inbox')): string {
  let attrs = x` queryid='${queryid}'`;
  if (q.after !== undefined) attrs += x` after='${q.after}'`;
  if (q.unreadOnly !== undefined) attrs += ` unread-only='${q.unreadOnly}'`;
  if (q.messages !== undefined) attrs += ` messages='${q.messages}'`;
  let set = '';
  if (q.max !== undefined) set += `<max>${q.max}</max>`;
  if (q.page !== undefined) set += x`<after>${q.page}</after>`;
  return `<inbox xmlns='${INBOX}'${attrs}>${set ? `<set xmlns='${NS.rsm}'>${set}</set>` : ''}</inbox>`;
}

function entryOf(el: El): Entry {
  const messages = el.all('message', NS.client);
  return {
    jid: el.need('jid'),
    id: el.need('id'),
    stamp: el.need('stamp'),
    unread: Number(el.attr('unread') ?? 0),
    first: el.attr('first'),
    read: el.attr('read'),
    peer: el.attr('peer'),
    messages,
    body: messages[0]?.child('body')?.text,
  };
}

/** One page. Other stanzas that come meanwhile stay in the client's inbox. */
export async function inbox(c: Client, q: InboxQuery = {}): Promise<Inbox> {
  const queryid = freshId('inbox');
  const isMine = (el: El) => el.name === 'message' && el.child('inbox', INBOX)?.attr('queryid') === queryid;
  const answer = await c.iq('get', inboxXml(q, queryid));
  if (answer.attr('type') !== 'result') throw dialogueError(`${c.label}: the inbox was refused: ${answer}`);
  const order = c.history.filter((el) => isMine(el) || el === answer);
  if (order.at(-1) !== answer) throw dialogueError(`${c.label}: entries after <fin/>`);
  for (let i = c.inbox.length - 1; i >= 0; i--) {
    const item = c.inbox[i]!;
    if (item.kind === 'element' && isMine(item.el)) c.inbox.splice(i, 1);
  }
  const entries = order.slice(0, -1).flatMap((m) => {
    if (m.attr('from') !== c.bare) throw dialogueError(`${c.label}: entries from ${m.attr('from')}`);
    return m.at('inbox').all('entry').map(entryOf);
  });
  const fin = answer.at('fin');
  const set = fin.at('set');
  const byJid = new Map(entries.map((e) => [e.jid, e]));
  const stamps = entries.map((e) => Date.parse(e.stamp));
  if (byJid.size !== entries.length) throw dialogueError(`${c.label}: a conversation twice`);
  if (stamps.some((t, i) => i > 0 && t > stamps[i - 1]!)) throw dialogueError(`${c.label}: not newest first`);
  if (set.child('first')?.text !== entries[0]?.id || set.child('last')?.text !== entries.at(-1)?.id)
    throw dialogueError(`${c.label}: <first/> and <last/> are not those of the page: ${fin}`);
  return {
    entries,
    byJid,
    fin,
    complete: fin.attr('complete') === 'true',
    total: Number(fin.need('total')),
    unread: Number(fin.need('unread')),
    allUnread: Number(fin.need('all-unread')),
    count: Number(set.at('count').text),
    state: fin.attr('state'),
    archive: fin.attr('archive'),
  };
}

export const readXml = (jid: string, id: string): string => x`<read xmlns='${INBOX}' jid='${jid}' id='${id}'/>`;
