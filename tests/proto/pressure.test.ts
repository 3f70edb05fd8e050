// A disk that does not keep up: who produces too much is no longer read, others go on, and all is done in the end.

import { afterEach, expect, test } from 'vitest';
import { type Client, DEADLINE_MS, Lock, NS, useServer, x } from './harness/index.ts';

const KIB = 1024;
// What waits for a lock must not fail before the test lets it go, however slow the machine is.
const stage = useServer({ limits: { session_waiting: '64k', store_waiting: '256k' }, debug: { lock_time: '10m' } });

let lock: Lock | undefined;
afterEach(async () => {
  await lock?.release();
  lock = undefined;
});

async function waitingBytes(): Promise<number> {
  return Number(/waiting_bytes=(\d+)/.exec(await stage.server.ctl(['stats']))![1]);
}

/** How much waits when no more comes to it, more than so many bytes: the server has read all that it wants to. */
async function atRest(least: number): Promise<number> {
  let last = -1;
  const end = performance.now() + DEADLINE_MS;
  for (let same = 0; same < 5; ) {
    if (performance.now() > end)
      throw new Error(`no more than ${last} bytes wait, or their number does not stand still`);
    const now = await waitingBytes();
    same = now > least && now === last ? same + 1 : 0;
    last = now;
  }
  return last;
}

const text = (i: number) => `${i} ${'x'.repeat(2 * KIB)}`;

function chatter(from: Client, to: Client, count: number): void {
  for (let i = 0; i < count; i++)
    from.sends`<message to='${to.bare}' type='chat' id='m${i}'><body>${text(i)}</body></message>`;
}

async function hears(c: Client, from: Client, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await c.pick(x`<message type='chat' id='m${i}' from='${from}'/>`);
  const ids = c.history
    .filter((el) => el.name === 'message' && el.attr('from') === from.jid)
    .map((el) => el.attr('id'));
  expect(ids).toEqual(Array.from({ length: count }, (_, i) => `m${i}`));
}

const pinged = (c: Client) => c.history.some((el) => el.attr('id') === 'after');

test('one session has its share of what waits; others are read', async () => {
  const [alice, bob, carol] = await stage.castWith({ sm: true, presence: true }, 'alice', 'bob', 'carol');
  lock = await Lock.take(stage.server);
  chatter(alice, bob, 400);
  alice.sends`<iq type='get' id='after'><ping xmlns='${NS.ping}'/></iq>`;
  expect(await atRest(32 * KIB)).toBeLessThan(128 * KIB);
  await carol.ping();
  expect(pinged(alice)).toBe(false);
  await lock.release();
  await hears(bob, alice, 400);
  await alice.pick("<iq id='after' type='result'/>");
  await alice.allAcked();
});

test('all sessions together fill no more than the limit', async () => {
  const pairs = 20;
  const names = Array.from({ length: pairs }, (_, i) => `sender${i}`);
  const senders = await stage.castWith({ sm: true }, ...names);
  const [bob] = await stage.castWith({ presence: true }, 'bob');
  lock = await Lock.take(stage.server);
  for (const s of senders) chatter(s, bob, 40);
  expect(await atRest(128 * KIB)).toBeLessThan(
    600 * KIB,
  ); /* what was on its way when the mark was passed comes on top */
  await lock.release();
  for (const s of senders) await hears(bob, s, 40);
  for (const s of senders) await s.allAcked();
});

test('who has sent little goes on when others have filled what may wait', async () => {
  const names = Array.from({ length: 6 }, (_, i) => `greedy${i}`);
  const senders = await stage.castWith({ sm: true }, ...names);
  const [bob, carol] = await stage.castWith({ sm: true, presence: true }, 'bob', 'carol');
  lock = await Lock.take(stage.server);
  for (const s of senders) chatter(s, bob, 40);
  await atRest(256 * KIB);
  for (let i = 0; i < 3; i++) {
    carol.sends`<message to='${bob.bare}' type='chat' id='s${i}'><body>small</body></message>`;
    await carol.ping();
  }
  expect(carol.sm!.acked).toBeLessThan(3); // nothing is stored yet
  await lock.release();
  for (const s of senders) await hears(bob, s, 40);
  await carol.allAcked();
  for (const s of senders) await s.allAcked();
}, 30_000);

test('changes of the roster are counted too, and all are made', async () => {
  const [alice, carol] = await stage.castWith({ roster: true }, 'alice', 'carol');
  lock = await Lock.take(stage.server);
  for (let i = 0; i < 50; i++) {
    alice.sends`<iq type='set' id='r${i}'><query xmlns='${NS.roster}'><item jid='friend${i}@${stage.domain}'/></query></iq>`;
  }
  alice.sends`<iq type='get' id='after'><ping xmlns='${NS.ping}'/></iq>`;
  for (let i = 0; i < 20; i++) await carol.ping();
  expect(pinged(alice)).toBe(false);
  await lock.release();
  await alice.pick("<iq id='after' type='result'/>");
  for (let i = 0; i < 50; i++) await alice.pick(`<iq id='r${i}' type='result'/>`);
});

test('who does not count is slowed as well, and leaves in order', async () => {
  const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
  lock = await Lock.take(stage.server);
  chatter(alice, bob, 100);
  alice.sendClose();
  expect(await atRest(32 * KIB)).toBeLessThan(128 * KIB);
  await lock.release();
  await hears(bob, alice, 100);
  await alice.expectClosed();
});
