// Asking the archive (XEP-0313), with what every answer must obey: results carry the query's id, an id of their own,
// the time, the message; <fin/> comes after the last of them.

import { type Client, freshId } from './client.ts';
import type { Account } from './login.ts';
import type { Stage } from './stage.ts';
import { dialogueError } from './transcript.ts';
import { type El, NS, x } from './xml.ts';

export interface Query {
  with?: string;
  start?: string;
  end?: string;
  /** Fields by name, also those that nobody knows. */
  fields?: Record<string, string | readonly string[]>;
  max?: number;
  after?: string;
  before?: string;
  index?: number;
  node?: string;
  flip?: boolean;
  to?: string;
}

export interface Archived {
  readonly id: string;
  readonly stamp: string;
  readonly message: El;
}

export interface Page {
  readonly results: Archived[];
  readonly fin: El;
  readonly complete: boolean;
  readonly first: string | undefined;
  readonly last: string | undefined;
  readonly count: number | undefined;
}

function queryXml(q: Query, queryid: string): string {
  const fields = {
    ...(q.with ? { with: q.with } : {}),
    ...(q.start ? { start: q.start } : {}),
    ...(q.end ? { end: q.end } : {}),
    ...q.fields,
  };
  const form = Object.keys(fields).length
    ? `<x xmlns='${NS.data}' type='submit'><field var='FORM_TYPE' type='hidden'><value>${NS.mam}</value></field>${Object.entries(
        fields,
      )
        .map(
          ([k, v]) =>
            x`<field var='${k}'>` +
            [v]
              .flat()
              .map((one) => x`<value>${one}</value>`)
              .join('') +
            '</field>',
        )
        .join('')}</x>`
    : '';
  let set = '';
  if (q.max !== undefined) set += `<max>${q.max}</max>`;
  if (q.after !== undefined) set += x`<after>${q.after}</after>`;
  if (q.before !== undefined) set += x`<before>${q.before}</before>`;
  if (q.index !== undefined) set += `<index>${q.index}</index>`;
  const rsm = set ? `<set xmlns='${NS.rsm}'>${set}</set>` : '';
  const node = q.node ? x` node='${q.node}'` : '';
  return (
    x`<query xmlns='${NS.mam}' queryid='${queryid}'` + `${node}>${form}${rsm}${q.flip ? '<flip-page/>' : ''}</query>`
  );
}

/** The query as it is sent; the answer may be an error. */
export async function ask(c: Client, q: Query = {}): Promise<El> {
  return c.iq('set', queryXml(q, freshId('mam')), q.to);
}

/** One page. Other stanzas that come meanwhile stay in the inbox. */
export async function page(c: Client, q: Query = {}): Promise<Page> {
  const queryid = freshId('mam');
  const isResult = (el: El) => el.name === 'message' && el.child('result', NS.mam)?.attr('queryid') === queryid;
  const answer = await c.iq('set', queryXml(q, queryid), q.to);
  if (answer.attr('type') !== 'result') throw dialogueError(`${c.label}: the archive refused: ${answer}`);
  const order = c.history.filter((el) => isResult(el) || el === answer);
  if (order.at(-1) !== answer) throw dialogueError(`${c.label}: results after <fin/>`);
  const messages = order.slice(0, -1);
  // Out of the inbox with them.
  for (let i = c.inbox.length - 1; i >= 0; i--) {
    const item = c.inbox[i]!;
    if (item.kind === 'element' && isResult(item.el)) c.inbox.splice(i, 1);
  }
  const results = messages.map((m) => {
    const from = m.attr('from');
    if (from !== undefined && from !== (q.to ?? c.bare)) throw dialogueError(`${c.label}: a result from ${from}`);
    const result = m.at('result');
    const forwarded = result.child('forwarded', NS.forward);
    const delay = forwarded?.child('delay', NS.delay);
    const message = forwarded?.child('message', NS.client);
    if (!message || !delay) throw dialogueError(`${c.label}: not a result: ${m}`);
    return { id: result.need('id'), stamp: delay.need('stamp'), message };
  });
  const fin = answer.at('fin');
  const set = fin.child('set', NS.rsm);
  const first = set?.child('first')?.text;
  const last = set?.child('last')?.text;
  const count = set?.child('count')?.text;
  if (
    results.length > 0 &&
    (first !== (q.flip ? results.at(-1)!.id : results[0]!.id) ||
      last !== (q.flip ? results[0]!.id : results.at(-1)!.id))
  ) {
    throw dialogueError(`${c.label}: <first/> and <last/> are not those of the page: ${fin}`);
  }
  return {
    results,
    fin,
    complete: /^(true|1)$/.test(fin.attr('complete') ?? 'false'),
    first,
    last,
    count: count === undefined ? undefined : Number(count),
  };
}

/** The whole archive, page after page forward, as a client catches up. */
export async function everything(c: Client, q: Query = {}): Promise<Archived[]> {
  const all: Archived[] = [];
  let after = q.after;
  for (;;) {
    const p = await page(c, { max: 50, ...q, ...(after === undefined ? {} : { after }) });
    all.push(...p.results);
    if (p.complete) return all;
    if (p.last === undefined) throw dialogueError(`${c.label}: an empty page that is not complete`);
    after = p.last;
  }
}

export const bodies = (list: readonly Archived[]): string[] => list.map((a) => a.message.child('body')?.text ?? '');

export interface Scene {
  alice: Client;
  bob: Client;
  carol: Client;
  account: Account;
}

/** Alice has talked with Bob (5 messages) and Carol (3), both ways, in a known order. */
export async function scene(stage: Stage): Promise<Scene> {
  const [a, b, c] = await stage.accounts('alice', 'bob', 'carol');
  const alice = await stage.signIn(a, { presence: true });
  const bob = await stage.signIn(b, { presence: true });
  const carol = await stage.signIn(c, { presence: true });
  const say = async (from: Client, to: Client, text: string) => {
    from.sends`<message to='${to.bare}' type='chat' id='${text}'><body>${text}</body></message>`;
    await to.pick(x`<message type='chat' id='${text}'/>`);
  };
  await say(alice, bob, 'b1');
  await say(bob, alice, 'b2');
  await say(alice, carol, 'c1');
  await say(bob, alice, 'b3');
  await say(carol, alice, 'c2');
  await say(alice, bob, 'b4');
  await say(alice, carol, 'c3');
  await say(bob, alice, 'b5');
  return { alice, bob, carol, account: a };
}
