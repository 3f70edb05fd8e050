// Messages for those who are away (RFC 6121 8.5.2.2, XEP-0160), on top of the archive.

import { describe, expect, test } from 'vitest';
import { bodies, type Client, enableSm, NS, page, resume, useServer, x } from './harness/index.ts';

const stage = useServer();

async function say(from: Client, to: string, ...texts: string[]): Promise<void> {
  if (!from.sm) await enableSm(from);
  for (const text of texts) from.sends`<message to='${to}' type='chat' id='${text}'><body>${text}</body></message>`;
  // Acknowledged is stored: nothing of it can come live later.
  await from.allAcked();
}

/** Bodies of the messages that an available session is given, up to one that it sends to itself: nothing live overtakes them. */
async function flood(c: Client, ...others: Client[]): Promise<string[]> {
  c.sends`<message to='${c}' type='chat' id='end'><body>end</body></message>`;
  await c.pick("<message type='chat' id='end'/>");
  const all = await c.settle(...others);
  return all.filter((e) => e.name === 'message').map((e) => e.child('body')?.text ?? '');
}

describe('an old client', () => {
  test('gets them once it is available, in order, with the time and their ids', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b);
    await say(bob, a.jid, 'one', 'two', 'three');
    const alice = await stage.signIn(a);
    await alice.receivesNothing(bob);
    alice.send('<presence/>');
    await alice.pick(x`<presence from='${alice}'/>`);
    for (const text of ['one', 'two', 'three']) {
      await alice.receives`<message from='${bob}' to='${a.jid}' type='chat' id='${text}'><body>${text}</body><stanza-id xmlns='${NS.sid}' by='${a.jid}'/></message>`;
    }
    const late = alice.history.filter((e) => e.name === 'message' && e.child('delay', NS.delay));
    expect(late.length).toBe(3);
    for (const m of late) expect(m.child('delay', NS.delay)!.need('stamp')).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    await alice.receivesNothing(bob);
  });

  test('gets them once only', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b);
    await say(bob, a.jid, 'one', 'two');
    const first = await stage.signIn(a, { presence: true });
    expect(await flood(first)).toEqual(['one', 'two']);
    await first.close();
    await say(bob, a.jid, 'three');
    const second = await stage.signIn(a, { presence: true });
    expect(await flood(second)).toEqual(['three']);
  });

  test('gets them at the first non-negative presence', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b);
    await say(bob, a.jid, 'one');
    const alice = await stage.signIn(a, { priority: -1 });
    expect(await flood(alice, bob)).toEqual([]);
    alice.send('<presence><priority>0</priority></presence>');
    await alice.pick(x`<message type='chat' id='one'/>`);
    alice.send('<presence><priority>1</priority></presence>');
    expect(await flood(alice)).toEqual([]);
  });

  test('with copies gets nothing before them, though it asked for copies before its presence', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b);
    await say(bob, a.jid, 'one', 'two');
    const alice = await stage.signIn(a);
    await alice.set(`<enable xmlns='${NS.carbons}'/>`);
    await say(bob, a.jid, 'three');
    await alice.receivesNothing(bob);
    alice.send('<presence/>');
    expect(await flood(alice)).toEqual(['one', 'two', 'three']);
  });

  test('that dies before it acknowledged them loses nothing', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b);
    await say(bob, a.jid, 'one', 'two', 'three');
    const first = await stage.signIn(a);
    await enableSm(first, false);
    first.autoAck = false;
    first.send('<presence/>');
    for (const text of ['one', 'two', 'three']) await first.pick(x`<message type='chat' id='${text}'/>`);
    // It has seen two; the third was only written.
    const upToTwo = first.history.findIndex((e) => e.attr('id') === 'two');
    const n = first.history
      .slice(0, upToTwo + 1)
      .filter((e) => ['message', 'presence', 'iq'].includes(e.name) && e.ns === NS.client).length;
    const before = first.history
      .slice(
        0,
        first.history.findIndex((e) => e.name === 'enabled'),
      )
      .filter((e) => ['message', 'presence', 'iq'].includes(e.name) && e.ns === NS.client).length;
    first.sendRaw(`<a xmlns='${NS.sm}' h='${n - before}'/>`);
    await first.ping();
    first.kill();
    const second = await stage.signIn(a);
    await stage.available(second);
    await second.pick(x`<message type='chat' id='three'><delay xmlns='${NS.delay}'/></message>`);
    const rest = await flood(second);
    // The mark moves over a prefix: what was acknowledged does not come again.
    expect(rest).toEqual([]);
  });

  test('that counts from now on has read what came before it counted', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b);
    // Who resumes knows the id, which came after it.
    const first = await stage.signIn(a);
    await say(bob, first.jid, 'early');
    await first.pick(`<message id='early' type='chat'/>`);
    await enableSm(first);
    first.kill();
    const again = stage.adopt(await resume(first, a));
    await stage.available(again);
    expect(await flood(again)).toEqual([]);
    await again.close();
    // Who acknowledges something later has read what was earlier.
    const second = await stage.signIn(a);
    await say(bob, second.jid, 'uncounted');
    await second.pick(`<message id='uncounted' type='chat'/>`);
    await enableSm(second, false);
    await say(bob, second.jid, 'counted');
    await second.pick(`<message id='counted' type='chat'/>`);
    second.sendRaw(x`<a xmlns='${NS.sm}' h='1'/>`);
    await second.ping();
    second.kill();
    const third = await stage.signIn(a);
    await stage.available(third);
    expect(await flood(third)).toEqual([]);
  });

  test('that has no stream management has them when they were written', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b);
    await say(bob, a.jid, 'one');
    const first = await stage.signIn(a, { presence: true });
    await first.pick(`<message id='one' type='chat'/>`);
    await first.close();
    const second = await stage.signIn(a, { presence: true });
    expect(await flood(second)).toEqual([]);
  });
});

describe('a modern client', () => {
  test('gets none of them by Bind 2: it reads the archive', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b);
    await say(bob, a.jid, 'one', 'two');
    const alice = await stage.signInModern(a);
    await stage.available(alice);
    expect(await flood(alice, bob)).toEqual([]);
    expect(bodies((await page(alice)).results)).toEqual(['one', 'two', 'end']);
    await alice.close();
    // The bind has moved the mark for the old client too.
    const old = await stage.signIn(a, { presence: true });
    expect(await flood(old)).toEqual([]);
  });

  test('an archive query before the presence moves the mark as well', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b);
    await say(bob, a.jid, 'one');
    const alice = await stage.signIn(a);
    expect(bodies((await page(alice)).results)).toEqual(['one']);
    await stage.available(alice);
    expect(await flood(alice)).toEqual([]);
  });
});

describe('kept for later', () => {
  test('nothing that is not archived: headlines, chat states, errors, no-store', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const bob = await stage.signIn(b, { presence: true });
    bob.sends`<message to='${a.jid}' type='headline'><body>news</body></message>`;
    bob.sends`<message to='${a.jid}' type='chat'><composing xmlns='${NS.chatstates}'/></message>`;
    bob.sends`<message to='${a.jid}' type='error'><body>x</body><error type='cancel'><gone xmlns='${NS.stanzas}'/></error></message>`;
    bob.sends`<message to='${a.jid}' type='chat' id='ns'><body>psst</body><no-store xmlns='${NS.hints}'/></message>`;
    await bob.ping();
    const alice = await stage.signIn(a, { presence: true });
    expect(await flood(alice, bob)).toEqual([]);
  });

  test('normal messages and those to a full JID that is gone', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b, { sm: true });
    bob.sends`<message to='${a.jid}' id='n'><body>normal</body></message>`;
    bob.sends`<message to='${a.jid}/gone' type='chat' id='g'><body>chat</body></message>`;
    await bob.allAcked();
    const alice = await stage.signIn(a, { presence: true });
    expect(await flood(alice, bob)).toEqual(['normal', 'chat']);
  });

  test('over a restart of the server', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b, { sm: true });
    await say(bob, a.jid, 'one', 'two');
    await bob.allAcked();
    await stage.server.restart('SIGKILL');
    const alice = await stage.signIn(a, { presence: true });
    expect(await flood(alice)).toEqual(['one', 'two']);
  });

  test('two sessions at once: each message to one of them, none lost', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b);
    await say(bob, a.jid, 'one', 'two', 'three');
    const one = await stage.signIn(a, { resource: 'one' });
    const two = await stage.signIn(a, { resource: 'two' });
    one.send('<presence/>');
    two.send('<presence/>');
    await one.pick(x`<presence from='${one}'/>`);
    await two.pick(x`<presence from='${two}'/>`);
    const got = [...(await flood(one, two)), ...(await flood(two, one))];
    expect([...new Set(got)].sort()).toEqual(['one', 'three', 'two']);
  });

  test.each(['another', 'oneself'])('what comes from %s while they come is neither lost nor early', async (whom) => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b, { sm: true });
    const n = 120;
    for (let i = 0; i < n; i++) bob.sends`<message to='${a.jid}' type='chat' id='n${i}'><body>${i}</body></message>`;
    await bob.allAcked();
    const alice = await stage.signIn(a);
    const sender = whom === 'oneself' ? alice : bob;
    alice.send('<presence/>');
    sender.sends`<message to='${alice}' type='chat' id='live'><body>live</body></message>`;
    await alice.until(() => alice.history.some((e) => e.attr('id') === 'live'), 'the live message');
    await alice.until(() => alice.history.filter((e) => e.name === 'message').length > n, 'all of them');
    const got = alice.history.filter((e) => e.name === 'message').map((e) => e.child('body')?.text);
    expect(got).toEqual([...Array.from({ length: n }, (_, i) => String(i)), 'live']);
  });

  test.each(['acknowledges', 'reads the archive'])(
    'what comes while they come is also for a device that takes long, when another one %s',
    async (what) => {
      const [a, b] = await stage.accounts('alice', 'bob');
      const bob = await stage.signIn(b, { sm: true });
      const n = 1000; // more than the sockets hold
      for (let i = 0; i < n; i++)
        bob.sends`<message to='${a.jid}' type='chat' id='n${i}'><body>${i} ${'w'.repeat(8000)}</body></message>`;
      await bob.allAcked();
      const slow = await stage.signIn(a, { resource: 'slow', sm: true, transport: 'tcp' });
      slow.bytes.pause();
      slow.send('<presence/>');
      const quick = await stage.signIn(a, { resource: 'quick', sm: true });
      await expect.poll(() => stage.server.ctl(['sessions', a.jid])).toMatch(/^\S*\/slow .*available=yes/m);
      quick.send('<presence/>');
      await quick.pick(x`<presence from='${quick}'/>`);
      await say(bob, a.jid, 'live');
      await quick.pick("<message type='chat' id='live'/>");
      quick.ack();
      await quick.ping();
      if (what === 'reads the archive') await page(quick, { before: '', max: 1 });
      slow.bytes.unpause();
      await slow.until(() => slow.history.some((e) => e.attr('id') === 'live'), 'the live message');
      const got = slow.history.filter((e) => e.name === 'message').map((e) => e.attr('id'));
      expect(got.at(-1)).toBe('live');
      expect(new Set(got).size).toBe(got.length);
    },
  );

  test('what was delivered to one session does not come to the next as news', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b, { sm: true });
    const one = await stage.signIn(a, { resource: 'one', presence: true, sm: true });
    await say(bob, a.jid, 'seen');
    await one.pick("<message type='chat' id='seen'/>");
    one.ack();
    await one.ping();
    const two = await stage.signIn(a, { resource: 'two', presence: true });
    expect(await flood(two, one)).toEqual([]);
  });

  test('many, more than a page of them, in order', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b, { sm: true });
    const n = 180;
    for (let i = 0; i < n; i++) bob.sends`<message to='${a.jid}' type='chat' id='n${i}'><body>${i}</body></message>`;
    await bob.allAcked();
    const alice = await stage.signIn(a, { presence: true });
    await alice.until(() => alice.history.filter((e) => e.name === 'message').length >= n, 'all of them');
    // A message that comes live in the middle must not overtake them.
    expect(await flood(alice)).toEqual(Array.from({ length: n }, (_, i) => String(i)));
  });
});
