// The inbox at full size: a device comes back after thirty days, 500 conversations and 50,000 messages; and what somebody hostile can make of it.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  type Client,
  eventually,
  fillMonth,
  friend,
  type Inbox,
  inbox,
  inboxXml,
  MONTH,
  readXml,
  sql,
  useServer,
} from './harness/index.ts';

const stage = useServer();
/** Of the server, in all its threads, in ms. */
function cpu(): number {
  const fields = readFileSync(`/proc/${stage.server.pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const friendOf = (c: number) => friend(stage.server, c);

test('a month away, 500 conversations, 50,000 messages: one round trip, at most 300 kB', async () => {
  const [m] = await stage.accounts('mia');
  await fillMonth(stage.server, m, MONTH);
  const expected = new Map(Array.from({ length: 500 }, (_, c) => [friendOf(c), 0]));
  for (let n = 0; n < 50_000; n++) {
    const who = friendOf(MONTH.writer(n));
    expected.set(who, expected.get(who)! + 1);
  }
  const news = [...expected.values()].filter((n) => n > 0).length;
  const right = (got: Inbox) => {
    expect([got.total, got.unread, got.allUnread, got.complete]).toEqual([500, news, 50_000, true]);
    expect(Object.fromEntries(got.entries.map((e) => [e.jid, e.unread]))).toEqual(Object.fromEntries(expected));
    for (const e of got.entries) expect([e.messages.length, e.first === undefined]).toEqual([1, e.unread === 0]);
  };

  const mia = await stage.signInModern(m);
  const [before, began] = [mia.bytes.bytesIn, cpu()];
  const got = await inbox(mia);
  const bytes = mia.bytes.bytesIn - before;
  console.info(`inbox: ${bytes} bytes, about ${cpu() - began} ms of CPU, ${got.entries.length} entries`);
  right(got);
  expect(sql(stage.server, 'SELECT min(length(stanza)) FROM messages WHERE in_account > 0;').trim()).toBe('300');
  expect(bytes).toBeLessThanOrEqual(300_000);

  // It was written down: the next one counts nothing again; and nothing has changed.
  const again = cpu();
  right(await inbox(mia));
  console.info(`again: about ${cpu() - again} ms of CPU`);
  const since = mia.bytes.bytesIn;
  expect((await inbox(mia, { after: got.state! })).entries).toEqual([]);
  expect(mia.bytes.bytesIn - since).toBeLessThan(1000);

  await stage.server.restart('SIGKILL');
  const back = await stage.signInModern(m);
  right(await inbox(back));
  // All of it read, one request for each, none of them waiting for the one before.
  const unread = got.entries.filter((e) => e.unread);
  for (const e of unread) back.send(`<iq type='set' id='r-${e.jid}'>${readXml(e.jid, e.id)}</iq>`);
  for (const e of unread) expect((await back.answer(`r-${e.jid}`)).at('read').attr('unread')).toBe('0');
  const empty = await inbox(back, { unreadOnly: true });
  expect([empty.entries.length, empty.allUnread, empty.total]).toEqual([0, 0, 500]);
});

test('10,000 conversations: page after page, each once', async () => {
  const [m] = await stage.accounts('mia');
  await fillMonth(stage.server, m, { contacts: 10_000, count: 3000, who: 'n * 3' });
  const mia = await stage.signIn(m);
  const seen = new Set<string>();
  let p = await inbox(mia, { messages: false });
  for (;;) {
    expect([p.total, p.unread, p.count]).toEqual([10_000, 3000, 10_000]);
    for (const e of p.entries) seen.add(e.jid);
    if (p.complete) break;
    p = await inbox(mia, { messages: false, page: p.entries.at(-1)!.id });
  }
  expect(seen.size).toBe(10_000);
});

test('a flood of queries: each is answered once, a few at a time, and others are served', async () => {
  const [m, n] = await stage.accounts('mia', 'noah');
  await fillMonth(stage.server, m, { contacts: 200, count: 5000, who: 'n % 200' });
  const mia = await stage.signIn(m);
  const noah = await stage.signIn(n);
  for (let i = 0; i < 100; i++) mia.send(`<iq type='get' id='q${i}'>${inboxXml({ messages: i % 2 === 0 })}</iq>`);
  await noah.ping();
  const answers: (string | undefined)[] = [];
  for (let i = 0; i < 100; i++) {
    const got = await mia.answer(`q${i}`);
    answers.push(
      got.attr('type') === 'result' ? got.at('fin').attr('all-unread') : String(got.at('error').elements()[0]!.name),
    );
  }
  expect(answers[0]).toBe('5000');
  expect(answers.filter((a) => a !== '5000' && a !== 'resource-constraint')).toEqual([]);
  expect(mia.history.filter((el) => el.name === 'iq' && /^q\d/.test(el.attr('id') ?? '')).length).toBe(100);
  expect((await inbox(mia)).allUnread).toBe(5000);
});

test('readers that do not read hold up nobody; what they asked ends with them', async () => {
  const [m, n] = await stage.accounts('mia', 'noah');
  await fillMonth(stage.server, m, { contacts: 500, count: 2000, who: 'n % 500' });
  const slow: Client[] = [];
  for (let i = 0; i < 3; i++) {
    const c = await stage.signIn(m, { resource: `slow${i}` });
    c.bytes.pause();
    for (let k = 0; k < 10; k++) c.send(`<iq type='get' id='s${k}'>${inboxXml()}</iq>`);
    slow.push(c);
  }
  const noah = await stage.signIn(n);
  await noah.ping();
  const mia = await stage.signIn(m, { resource: 'good' });
  for (const c of slow) c.kill();
  // Until the server has noticed that they are gone their queries count.
  await eventually(async () => (await mia.iq('get', inboxXml({ max: 0 }))).attr('type') === 'result');
  expect((await inbox(mia)).allUnread).toBe(2000);
});
