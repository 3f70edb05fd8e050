// The inbox (docs/decisions/007-inbox.md): what counts as unread, what reads it, what a returning client learns in one round trip.

import { describe, expect, test } from 'vitest';
import {
  type Account,
  type Client,
  eventually,
  everything,
  INBOX,
  inbox,
  inboxXml,
  NS,
  page,
  raw,
  readXml,
  sql,
  useServer,
  x,
} from './harness/index.ts';

const stage = useServer();

/** From one to the other, stored when it returns. */
async function say(from: Client, to: string, id: string, inner = x`<body>${id}</body>`): Promise<void> {
  from.sends`<message to='${to}' type='chat' id='${id}'>${raw(inner)}</message>`;
  await stored(from);
}

/** Asking one's archive waits for all that one has in flight. */
async function stored(c: Client): Promise<void> {
  await page(c, { max: 0 });
}

const displayed = (id: string) => x`<displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/>`;
const received = (id: string) => x`<received xmlns='urn:xmpp:receipts' id='${id}'/>`;

/** The archive ids of a conversation by the messages' own ids. */
async function ids(c: Client, jid: string): Promise<Record<string, string>> {
  const all = await everything(c, { with: jid });
  return Object.fromEntries(all.map((a) => [a.message.attr('id') ?? '', a.id]));
}

/** Mia knows the other two: markers and receipts go only to those who may see one's presence. */
async function three(): Promise<{ mia: Client; noah: Client; zoe: Client; account: Account }> {
  const [m, n, z] = await stage.accounts('mia', 'noah', 'zoe');
  await stage.befriend(m, n);
  await stage.befriend(m, z);
  return { mia: await stage.signIn(m), noah: await stage.signIn(n), zoe: await stage.signIn(z), account: m };
}

describe('the list', () => {
  test('an empty archive: nothing, and no place in it', async () => {
    const [mia] = await stage.cast('mia');
    const got = await inbox(mia);
    expect(got.entries).toEqual([]);
    expect([got.total, got.unread, got.allUnread, got.count, got.complete]).toEqual([0, 0, 0, 0, true]);
    expect([got.state, got.archive]).toEqual([undefined, undefined]);
  });

  test('newest first, with the last message, its id and time as the archive has them, and the totals', async () => {
    const { mia, noah, zoe } = await three();
    await say(noah, mia.bare, 'n1');
    await say(noah, mia.bare, 'n2');
    await say(zoe, mia.bare, 'z1');
    await say(mia, noah.bare, 'm1');
    await say(noah, mia.bare, 'n3');
    const got = await inbox(mia);
    expect(got.entries.map((e) => [e.jid, e.body, e.unread])).toEqual([
      [noah.bare, 'n3', 1],
      [zoe.bare, 'z1', 1],
    ]);
    expect([got.total, got.unread, got.allUnread, got.count, got.complete]).toEqual([2, 2, 2, 2, true]);
    const all = await everything(mia);
    const last = all.at(-1)!;
    const entry = got.entries[0]!;
    expect([entry.id, entry.stamp, entry.first]).toEqual([last.id, last.stamp, last.id]);
    expect(entry.read).toBe(all.find((a) => a.message.attr('id') === 'm1')!.id);
    expect(entry.messages[0]!.attr('from')).toBe(noah.jid);
    expect([got.archive, got.state]).toEqual([last.id, last.id]);
    expect(got.entries[1]!.read).toBeUndefined();
    // Nothing falls between: what comes after the answer stands behind its place.
    await say(zoe, mia.bare, 'z2');
    expect((await page(mia, { after: got.archive! })).results.map((r) => r.message.attr('id'))).toEqual(['z2']);
  });

  test('without messages; only what is unread', async () => {
    const { mia, noah, zoe } = await three();
    await say(noah, mia.bare, 'n1');
    await say(zoe, mia.bare, 'z1');
    await say(mia, zoe.bare, 'm1');
    const bare = await inbox(mia, { messages: false });
    expect(bare.entries.map((e) => [e.jid, e.messages.length])).toEqual([
      [zoe.bare, 0],
      [noah.bare, 0],
    ]);
    const unread = await inbox(mia, { unreadOnly: true });
    expect(unread.entries.map((e) => e.jid)).toEqual([noah.bare]);
    expect([unread.total, unread.count]).toEqual([2, 1]);
  });

  test('pages by activity; max 0 is the totals alone', async () => {
    const [m, ...others] = await stage.accounts('mia', 'p', 'p', 'p', 'p', 'p');
    const mia = await stage.signIn(m);
    for (const o of others) {
      const c = await stage.signIn(o);
      await say(c, mia.bare, o.name);
      await c.close();
    }
    const seen: string[] = [];
    let p = await inbox(mia, { max: 2 });
    expect(p.complete).toBe(false);
    for (;;) {
      seen.push(...p.entries.map((e) => e.jid));
      expect([p.count, p.total]).toEqual([5, 5]);
      if (p.complete) break;
      p = await inbox(mia, { max: 2, page: p.entries.at(-1)!.id });
    }
    expect(seen).toEqual(others.map((o) => o.jid).reverse());
    const none = await inbox(mia, { max: 0 });
    expect([none.entries.length, none.total, none.allUnread]).toEqual([0, 5, 5]);
  });

  test('what was sent before the question is in the answer', async () => {
    const { mia, noah } = await three();
    for (let i = 0; i < 50; i++)
      mia.sends`<message to='${noah.bare}' type='chat' id='m${i}'><body>${i}</body></message>`;
    expect((await inbox(mia)).entries.map((e) => e.body)).toEqual(['49']);
  });
});

describe('what counts', () => {
  test('bodies and encrypted payloads do; receipts, markers, states, reactions, corrections and retractions do not', async () => {
    const { mia, noah } = await three();
    await say(noah, mia.bare, 'n1');
    await say(noah, mia.bare, 'n2', `<encrypted xmlns='urn:xmpp:omemo:2'><payload>AA==</payload></encrypted>`);
    await say(noah, mia.bare, 'n3', received('m1'));
    await say(noah, mia.bare, 'n4', displayed('m1'));
    await say(noah, mia.bare, 'n5', `<composing xmlns='${NS.chatstates}'/>`);
    await say(
      noah,
      mia.bare,
      'n6',
      `<reactions xmlns='urn:xmpp:reactions:0' id='n1'><reaction>+</reaction></reactions>`,
    );
    await say(noah, mia.bare, 'n7', `<body>new</body><replace xmlns='urn:xmpp:message-correct:0' id='n1'/>`);
    await say(noah, mia.bare, 'n8', `<body>gone</body><retract xmlns='urn:xmpp:message-retract:1' id='n1'/>`);
    await say(noah, mia.bare, 'n9', `<body>unseen</body><no-store xmlns='urn:xmpp:hints'/>`);
    const [entry] = (await inbox(mia)).entries;
    expect([entry!.unread, entry!.messages[0]!.attr('id')]).toEqual([2, 'n2']);
    expect(entry!.first).toBe((await ids(mia, noah.bare)).n1);
  });

  test('who has only sent markers is no conversation', async () => {
    const { mia, noah } = await three();
    await say(noah, mia.bare, 'n1', displayed('m1'));
    const got = await inbox(mia);
    expect([got.total, got.entries.length]).toEqual([0, 0]);
    expect(got.archive).toBeDefined();
  });

  test('notes to oneself are never unread', async () => {
    const [mia] = await stage.cast('mia');
    await say(mia, mia.bare, 'note');
    const got = await inbox(mia);
    expect(got.entries.map((e) => [e.jid, e.body, e.unread])).toEqual([[mia.bare, 'note', 0]]);
    expect(got.allUnread).toBe(0);
  });

  test('blocking somebody reads nothing and hides nothing; what it refuses does not count', async () => {
    const { mia, noah } = await three();
    await say(noah, mia.bare, 'n1');
    await mia.set(x`<block xmlns='${NS.blocking}'><item jid='${noah.bare}'/></block>`);
    await say(noah, mia.bare, 'n2');
    expect((await inbox(mia)).entries.map((e) => [e.body, e.unread])).toEqual([['n1', 1]]);
  });
});

describe('what reads', () => {
  test('a message of one’s own reads all before it', async () => {
    const { mia, noah } = await three();
    await say(noah, mia.bare, 'n1');
    await say(noah, mia.bare, 'n2');
    await say(mia, noah.bare, 'm1');
    const one = (await inbox(mia)).entries[0]!;
    expect([one.unread, one.first, one.read]).toEqual([0, undefined, one.id]);
    await say(noah, mia.bare, 'n3');
    expect((await inbox(mia)).entries[0]!.unread).toBe(1);
  });

  test('a displayed marker reads up to what it names; never back', async () => {
    const { mia, noah } = await three();
    for (const id of ['n1', 'n2', 'n3', 'n4']) await say(noah, mia.bare, id);
    const at = await ids(mia, noah.bare);
    await say(mia, noah.bare, 'k1', displayed('n2'));
    let [e] = (await inbox(mia)).entries;
    expect([e!.unread, e!.first, e!.read, e!.body]).toEqual([2, at.n3, at.n2, 'n4']);
    await say(mia, noah.bare, 'k2', displayed('n1'));
    [e] = (await inbox(mia)).entries;
    expect([e!.unread, e!.read]).toEqual([2, at.n2]);
    await say(mia, noah.bare, 'k3', displayed('n4'));
    [e] = (await inbox(mia)).entries;
    expect([e!.unread, e!.first, e!.read]).toEqual([0, undefined, at.n4]);
    await say(noah, mia.bare, 'n5');
    expect((await inbox(mia)).entries[0]!.unread).toBe(1);
  });

  test('a marker that is received reads nothing; nor does one that names a message of somebody else, of oneself, or none', async () => {
    const { mia, noah, zoe } = await three();
    await say(mia, noah.bare, 'm0');
    await say(noah, mia.bare, 'n1');
    await say(zoe, mia.bare, 'z1');
    for (const [i, id] of ['z1', 'm0', 'nothing', ''].entries()) await say(mia, noah.bare, `k${i}`, displayed(id));
    await say(noah, mia.bare, 'n2', displayed('n1'));
    const got = await inbox(mia);
    expect(got.byJid.get(noah.bare)!.unread).toBe(1);
    expect(got.byJid.get(zoe.bare)!.unread).toBe(1);
  });

  test('a marker may name a correction', async () => {
    const { mia, noah } = await three();
    await say(noah, mia.bare, 'n1');
    await say(noah, mia.bare, 'n2');
    await say(noah, mia.bare, 'c1', `<body>n1</body><replace xmlns='urn:xmpp:message-correct:0' id='n1'/>`);
    await say(noah, mia.bare, 'n3');
    await say(mia, noah.bare, 'k1', displayed('c1'));
    const [e] = (await inbox(mia)).entries;
    const at = await ids(mia, noah.bare);
    expect([e!.unread, e!.first, e!.read]).toEqual([1, at.n3, at.n2]);
  });

  test('an acknowledged marker reads like a displayed one; a received one does not, and what is not stored does not', async () => {
    const { mia, noah } = await three();
    await say(noah, mia.bare, 'n1');
    await say(mia, noah.bare, 'k1', x`<received xmlns='urn:xmpp:chat-markers:0' id='n1'/>`);
    await say(mia, noah.bare, 'k2', `${displayed('n1')}<no-store xmlns='urn:xmpp:hints'/>`);
    expect((await inbox(mia)).allUnread).toBe(1);
    await say(mia, noah.bare, 'k3', x`<acknowledged xmlns='urn:xmpp:chat-markers:0' id='n1'/>`);
    expect((await inbox(mia)).allUnread).toBe(0);
  });

  test('a marker for somebody who may not know is swallowed and reads nothing: <read/> does', async () => {
    const [mia, noah] = await stage.cast('mia', 'noah');
    await say(noah, mia.bare, 'n1');
    await say(mia, noah.bare, 'k1', displayed('n1'));
    expect((await inbox(mia)).allUnread).toBe(1);
    await mia.set(readXml(noah.bare, (await ids(mia, noah.bare)).n1!));
    expect((await inbox(mia)).allUnread).toBe(0);
    await noah.receivesNothing(mia);
  });

  test('<read/> moves the mark, says where it is, tells the other sessions that asked, and nobody else', async () => {
    const { mia, noah, account } = await three();
    const phone = await stage.signIn(account, { resource: 'phone' });
    const old = await stage.signIn(account, { resource: 'old' });
    await inbox(phone);
    for (const id of ['n1', 'n2', 'n3']) await say(noah, mia.bare, id);
    const at = await ids(mia, noah.bare);
    const answer = await mia.set(readXml(noah.bare, at.n2!));
    expect(String(answer.at('read'))).toContain(`unread='1'`);
    expect([answer.at('read').attr('jid'), answer.at('read').attr('id')]).toEqual([noah.bare, at.n2]);
    await phone.pick(
      x`<message from='${mia.bare}'><read xmlns='${INBOX}' jid='${noah.bare}' id='${at.n2!}' unread='1'/></message>`,
    );
    await old.receivesNothing(mia, noah);
    const [e] = (await inbox(mia)).entries;
    expect([e!.unread, e!.first, e!.read]).toEqual([1, at.n3, at.n2]);
    // Back: nothing moves, nobody is told; the answer says where it is.
    const back = await mia.set(readXml(noah.bare, at.n1!));
    expect([back.at('read').attr('id'), back.at('read').attr('unread')]).toEqual([at.n2, '1']);
    await phone.receivesNothing(mia);
  });

  test('<read/> of the last, of a row that does not count, and of one’s own', async () => {
    const { mia, noah } = await three();
    await say(noah, mia.bare, 'n1');
    await say(noah, mia.bare, 'n2', displayed('x'));
    const at = await ids(mia, noah.bare);
    const got = await mia.set(readXml(noah.bare, at.n2!));
    expect([got.at('read').attr('id'), got.at('read').attr('unread')]).toEqual([at.n2, '0']);
    await say(mia, noah.bare, 'm1');
    await say(noah, mia.bare, 'n3');
    const own = (await ids(mia, noah.bare)).m1!;
    expect((await mia.set(readXml(noah.bare, own))).at('read').attr('unread')).toBe('1');
  });

  test('<read/> refuses what is no row of that conversation', async () => {
    const { mia, noah, zoe } = await three();
    await say(noah, mia.bare, 'n1');
    await say(zoe, mia.bare, 'z1');
    const at = await ids(mia, noah.bare);
    const theirs = (await ids(noah, mia.bare)).n1!;
    for (const id of [theirs, 'nonsense', 'A'.repeat(22), ''])
      await mia.fails(mia.iq('set', readXml(noah.bare, id)), 'cancel', 'item-not-found');
    await mia.fails(mia.iq('set', readXml(zoe.bare, at.n1!)), 'cancel', 'item-not-found');
    await mia.fails(mia.iq('set', readXml('@', at.n1!)), 'modify', 'jid-malformed');
    await mia.fails(mia.iq('set', `<read xmlns='${INBOX}'/>`), 'modify', 'bad-request');
    expect((await inbox(mia)).allUnread).toBe(2);
  });

  test('it is the account’s own business', async () => {
    const { mia, noah } = await three();
    await noah.fails(noah.iq('get', inboxXml(), mia.bare), 'cancel', 'service-unavailable');
    await noah.fails(noah.iq('set', readXml(noah.bare, 'A'.repeat(22)), mia.bare), 'cancel', 'service-unavailable');
  });
});

describe('ticks and changes of the last message', () => {
  test('received and displayed, of the last message alone', async () => {
    const { mia, noah } = await three();
    const tick = async () => (await inbox(mia)).entries[0]!.peer;
    await say(mia, noah.bare, 'm1');
    expect(await tick()).toBeUndefined();
    await say(noah, mia.bare, 'n1', received('m1'));
    expect(await tick()).toBe('received');
    await say(noah, mia.bare, 'n2', displayed('m1'));
    await say(noah, mia.bare, 'n3', received('m1'));
    expect(await tick()).toBe('displayed');
    await say(mia, noah.bare, 'm2');
    expect(await tick()).toBeUndefined();
    // One's own marker says nothing of it.
    await say(mia, noah.bare, 'k1', displayed('m2'));
    expect(await tick()).toBeUndefined();
  });

  test('who has seen a correction has seen the message', async () => {
    const { mia, noah } = await three();
    await say(mia, noah.bare, 'm1');
    await say(mia, noah.bare, 'c1', `<body>m2</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>`);
    await say(noah, mia.bare, 'n1', displayed('c1'));
    const [e] = (await inbox(mia)).entries;
    expect([e!.peer, e!.messages.map((m) => m.attr('id'))]).toEqual(['displayed', ['m1', 'c1']]);
  });

  test('a correction and a retraction come with what they change; only from its author', async () => {
    const { mia, noah } = await three();
    const corrects = (id: string, text: string) =>
      x`<body>${text}</body><replace xmlns='urn:xmpp:message-correct:0' id='${id}'/>`;
    await say(noah, mia.bare, 'n1');
    await say(noah, mia.bare, 'n2');
    await say(noah, mia.bare, 'c1', corrects('n1', 'other'));
    await say(mia, noah.bare, 'c2', corrects('n2', 'forged'));
    const shown = async () => (await inbox(mia)).entries[0]!.messages.map((m) => m.attr('id'));
    expect(await shown()).toEqual(['n2']);
    await say(noah, mia.bare, 'c3', corrects('n2', 'first'));
    await say(noah, mia.bare, 'c4', corrects('n2', 'second'));
    expect(await shown()).toEqual(['n2', 'c4']);
    await say(noah, mia.bare, 'r1', `<retract xmlns='urn:xmpp:message-retract:1' id='n2'/>`);
    expect(await shown()).toEqual(['n2', 'r1']);
  });
});

describe('since a state', () => {
  test('only what has changed: a message, a receipt, a marker, a <read/>', async () => {
    const { mia, noah, zoe } = await three();
    await say(noah, mia.bare, 'n1');
    await say(zoe, mia.bare, 'z1');
    const since = async (after: string) => {
      const got = await inbox(mia, { after });
      expect(got.total).toBe(2);
      return [got.entries.map((e) => e.jid), got.state!] as const;
    };
    let state = (await inbox(mia)).state!;
    expect((await since(state))[0]).toEqual([]);
    const steps: [() => Promise<unknown>, string][] = [
      [() => say(noah, mia.bare, 'n2'), noah.bare],
      [() => say(zoe, mia.bare, 'z2', received('x')), zoe.bare],
      [() => say(mia, noah.bare, 'k1', displayed('n1')), noah.bare],
      [async () => mia.set(readXml(zoe.bare, (await ids(mia, zoe.bare)).z1!)), zoe.bare],
    ];
    for (const [step, jid] of steps) {
      await step();
      const [changed, next] = await since(state);
      expect(changed).toEqual([jid]);
      state = next;
      expect((await since(state))[0]).toEqual([]);
    }
  });

  test('any id of the archive does; others are not found', async () => {
    const { mia, noah } = await three();
    await say(noah, mia.bare, 'n1');
    const first = (await ids(mia, noah.bare)).n1!;
    await say(noah, mia.bare, 'n2');
    expect((await inbox(mia, { after: first })).entries.length).toBe(1);
    const theirs = (await ids(noah, mia.bare)).n2!;
    for (const after of [theirs, '', 'nonsense', 'A'.repeat(22)]) {
      await mia.fails(mia.iq('get', inboxXml({ after })), 'cancel', 'item-not-found');
      await mia.fails(mia.iq('get', inboxXml({ page: after || 'x' })), 'cancel', 'item-not-found');
    }
  });

  test('it holds over a kill, and so do marks', async () => {
    const { mia, noah, account } = await three();
    for (const id of ['n1', 'n2', 'n3']) await say(noah, mia.bare, id);
    const at = await ids(mia, noah.bare);
    const before = await inbox(mia);
    await mia.set(readXml(noah.bare, at.n2!));
    await stage.server.restart('SIGKILL');
    const again = await stage.signIn(account);
    const got = await inbox(again, { after: before.state! });
    expect(got.entries.map((e) => [e.unread, e.read, e.first])).toEqual([[1, at.n2, at.n3]]);
    expect((await inbox(again, { after: got.state! })).entries).toEqual([]);
    expect(got.state).not.toBe(got.archive);
  });
});

describe('what is sent wrong', () => {
  test.each([
    [`<inbox xmlns='${INBOX}'><set xmlns='${NS.rsm}'><max>-1</max></set></inbox>`, 'modify', 'bad-request'],
    [`<inbox xmlns='${INBOX}'><set xmlns='${NS.rsm}'><max>x</max></set></inbox>`, 'modify', 'bad-request'],
    [`<inbox xmlns='${INBOX}' messages='maybe'/>`, 'modify', 'bad-request'],
    [`<inbox xmlns='${INBOX}'><set xmlns='${NS.rsm}'><before/></set></inbox>`, 'cancel', 'feature-not-implemented'],
    [
      `<inbox xmlns='${INBOX}'><set xmlns='${NS.rsm}'><index>3</index></set></inbox>`,
      'cancel',
      'feature-not-implemented',
    ],
  ])('%s', async (request, type, condition) => {
    const [mia] = await stage.cast('mia');
    await mia.fails(mia.iq('get', request), type, condition);
  });

  test('the largest page that can be asked for is the server’s', async () => {
    const { mia, noah } = await three();
    await say(noah, mia.bare, 'n1');
    expect((await inbox(mia, { max: 4294967295 })).entries.length).toBe(1);
  });
});

test('it is announced by the account, and a client that does not ask sees nothing of it', async () => {
  const { mia, noah } = await three();
  const info = await mia.get(`<query xmlns='http://jabber.org/protocol/disco#info'/>`, mia.bare);
  expect(
    info
      .at('query')
      .all('feature')
      .map((f) => f.attr('var')),
  ).toContain(INBOX);
  await say(noah, mia.bare, 'n1');
  await noah.ping();
  expect(mia.history.filter((el) => String(el).includes(INBOX) && el.name === 'message')).toEqual([]);
});

test('an account that goes takes its inbox with it', async () => {
  const { mia, noah, account } = await three();
  await say(noah, mia.bare, 'n1');
  await mia.set(readXml(noah.bare, (await ids(mia, noah.bare)).n1!));
  const id = sql(stage.server, `SELECT id FROM accounts WHERE jid = '${account.jid}';`).trim();
  const rows = () =>
    sql(
      stage.server,
      `SELECT (SELECT count(*) FROM inbox WHERE account = ${id}) + (SELECT count(*) FROM inbox_accounts WHERE account = ${id});`,
    ).trim();
  expect(rows()).toBe('2');
  await stage.server.ctl(['user', 'delete', account.jid]);
  await eventually(() => rows() === '0');
});
