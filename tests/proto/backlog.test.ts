// What clients do not acknowledge (XEP-0198): bounded for a session and for all sessions of an account together.
// Who is too far behind ends, alone; what is archived waits for whoever comes.

import { expect, test } from 'vitest';
import { type Account, type Client, everything, NS, resume, useServer } from './harness/index.ts';

const stage = useServer({ limits: { sm_queue: '30', sm_account: '75' } });

/** A session that takes everything and acknowledges nothing. */
async function mute(account: Account, resource: string): Promise<Client> {
  const c = await stage.signIn(account, { resource, sm: true, presence: true });
  c.autoAck = false;
  return c;
}

async function tell(from: Client, to: string, first: number, count: number): Promise<void> {
  for (let i = first; i < first + count; i++)
    from.sends`<message to='${to}' type='chat' id='m${i}'><body>${i}</body></message>`;
  await from.ping();
}

const ids = (c: Client) => c.history.filter((el) => el.child('body')).map((el) => el.need('id'));
const from = (first: number, count: number) => Array.from({ length: count }, (_, i) => `m${first + i}`);

test('who acknowledges nothing ends alone; another session has all, and so has the archive', async () => {
  const [a, b] = await stage.accounts('alice', 'bob');
  const bob = await stage.signIn(b, { sm: true });
  const good = await stage.signIn(a, { resource: 'good', sm: true, presence: true });
  const bad = await mute(a, 'bad');
  for (let i = 0; i < 40; i += 10) {
    await tell(bob, a.jid, i, 10);
    await good.until(() => ids(good).length === i + 10, 'these messages');
  }
  await bad.until(() => bad.inbox.some((i) => i.kind === 'ended'), 'the end');
  expect(bad.history.some((el) => el.name === 'error' && el.child('resource-constraint', NS.streams))).toBe(true);
  expect(ids(good)).toEqual(from(0, 40));
  await bob.allAcked();
  expect((await everything(good)).map((e) => e.message.attr('id'))).toEqual(from(0, 40));
});

test('nobody else there: what was lost with it waits for the next, in order, once', async () => {
  const [a, b] = await stage.accounts('alice', 'bob');
  const bob = await stage.signIn(b);
  const bad = await mute(a, 'bad');
  await tell(bob, a.jid, 0, 40);
  await bad.until(() => bad.inbox.some((i) => i.kind === 'ended'), 'the end');
  await bob.ping();
  const next = await stage.signIn(a, { resource: 'next', presence: true });
  await next.until(() => ids(next).length >= 40, 'what waited');
  await next.settle(bob);
  expect(ids(next)).toEqual(from(0, 40));
});

test('many sessions without a connection: the account as a whole is bounded, and who is connected stays', async () => {
  const [a, b] = await stage.accounts('alice', 'bob');
  const bob = await stage.signIn(b);
  const asleep = [];
  for (const name of ['one', 'two', 'three', 'four']) {
    const c = await mute(a, name);
    asleep.push(c);
  }
  const awake = await stage.signIn(a, { resource: 'awake', sm: true, presence: true });
  for (const c of asleep) c.kill();
  const sessions = async () =>
    (await stage.server.ctl(['sessions', a.jid])).split('\n').filter((l) => l.includes(a.jid));
  await expect.poll(async () => (await sessions()).filter((l) => l.includes('hibernating')).length).toBe(4);
  await tell(bob, a.jid, 0, 15); // four times 15 is more than 75, with the presences
  await awake.until(() => ids(awake).length === 15, 'all messages');
  await awake.ping();
  const left = await sessions();
  expect(left.some((line) => line.includes('/awake'))).toBe(true);
  expect(left.length).toBeGreaterThan(1);
  expect(left.length).toBeLessThan(5);
  // One of those that were kept goes on as if nothing had been.
  const kept = asleep.find((c) => left.some((line) => line.includes(c.jid)))!;
  const again = stage.adopt(await resume(kept, a));
  await again.until(() => ids(again).length === 15, 'all messages');
  expect(ids(again)).toEqual(from(0, 15));
});

test('a hand-over whose connection broke goes on when the session is resumed', async () => {
  const [a, b] = await stage.accounts('alice', 'bob');
  const bob = await stage.signIn(b, { sm: true });
  await tell(bob, a.jid, 0, 40);
  await bob.allAcked(); // they wait: what comes live does not stop half-way
  const old = await stage.signIn(a, { resource: 'old', sm: true });
  old.autoAck = false; // so that the server stops half-way
  old.send('<presence/>');
  await old.until(() => ids(old).length >= 10, 'the first messages');
  old.kill();
  const again = stage.adopt(await resume(old, a));
  await again.until(() => ids(old).length + ids(again).length >= 40, 'the rest');
  await again.settle(bob);
  expect([...ids(old), ...ids(again)]).toEqual(from(0, 40));
});
