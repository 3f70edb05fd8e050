// What waits to be written: a long queue goes out over several turns and as the socket has room, in order, whatever comes in
// between and wherever the connection breaks; large messages for many sessions cost each of them its turn, not all of them one.

import { describe, expect, test } from 'vitest';
import { type Client, NS, resume, useServer } from './harness/index.ts';

const stage = useServer({
  limits: {
    sm_queue: '20000',
    sm_account: '40000',
    sm_queue_bytes: '16M',
    sm_account_bytes: '64M',
    output_high: '16384',
    output_max: '32M',
    rates: 'no',
  },
});

const ids = (c: Client) =>
  c.history.filter((el) => el.name === 'message' && el.child('body')).map((el) => el.need('id'));
const from = (first: number, count: number) => Array.from({ length: count }, (_, i) => `m${first + i}`);

function tell(sender: Client, to: string, first: number, count: number, text = 'x'): void {
  for (let i = first; i < first + count; i++)
    sender.sends`<message to='${to}' type='chat' id='m${i}'><body>${text}</body></message>`;
}

describe('a session with a long queue', () => {
  test('is resumed: all comes, once, in order, and before what is sent meanwhile', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const old = await stage.signIn(alice, { sm: true, presence: true, transport: 'tcp' });
    const sender = await stage.signIn(bob, { sm: true });
    old.kill();
    tell(sender, old.bare, 0, 10_000, 'y'.repeat(100));
    await sender.until(() => sender.sm!.acked >= 10_000, 'all to be stored');
    const c = stage.adopt(await resume(old, alice));
    tell(sender, old.bare, 10_000, 500);
    await c.until(() => ids(c).length >= 10_500, 'all messages');
    await c.settle(sender);
    expect(ids(c)).toEqual(from(0, 10_500));
  });

  test('breaks half-way, again and again: nothing is lost, nothing comes twice', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    let c = await stage.signIn(alice, { sm: true, presence: true, transport: 'tcp' });
    c.autoAck = false;
    const sender = await stage.signIn(bob, { sm: true });
    c.kill();
    const n = 3000;
    tell(sender, c.bare, 0, n, 'z'.repeat(1000));
    await sender.until(() => sender.sm!.acked >= n, 'all to be stored');
    const seen = ids(c);
    for (let rounds = 0; seen.length < n; rounds++) {
      expect(rounds).toBeLessThan(20);
      const next = stage.adopt(await resume(c, alice));
      next.autoAck = false; // it says what it has by resuming
      await next.until(() => ids(next).length >= 200 || seen.length + ids(next).length >= n, 'some more');
      next.kill();
      tell(sender, c.bare, n + rounds, 1);
      seen.push(...ids(next));
      c = next;
    }
    expect(seen.slice(0, n)).toEqual(from(0, n));
  });

  test('cannot acknowledge what was not written yet', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const slow = await stage.signIn(alice, { sm: true, presence: true, transport: 'tcp' });
    slow.autoAck = false;
    const sender = await stage.signIn(bob, { sm: true });
    slow.bytes.pause();
    const n = 3000;
    tell(sender, slow.bare, 0, n, 'z'.repeat(3000));
    await sender.until(() => sender.sm!.acked >= n, 'all to be stored');
    slow.sendRaw(`<a xmlns='${NS.sm}' h='${n}'/>`);
    await sender.ping();
    // The error stands behind all that the sockets held, and the server waits two seconds for us to read that: too little
    // for a busy machine to take megabytes apart, so the bytes are only looked at.
    let tail = '';
    slow.bytes.onData = (chunk) => {
      tail = (tail + chunk.toString('latin1')).slice(-4000);
    };
    slow.bytes.unpause();
    await slow.expectEnded();
    expect(tail).toContain('handled-count-too-high');
  });
});

describe('large messages', () => {
  test('to an account with twenty sessions: each has them all, in order with the small ones, with SM and without', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const sessions: Client[] = [];
    for (let i = 0; i < 20; i++)
      sessions.push(
        await stage.signIn(a, { resource: `r${i}`, sm: i % 2 === 0, presence: true, transport: i % 3 ? 'tcp' : 'ws' }),
      );
    const bob = await stage.signIn(b, { sm: true });
    const text = 'w'.repeat(200_000);
    for (let i = 0; i < 12; i++) tell(bob, a.jid, i, 1, i % 3 ? 'small' : text);
    for (const s of sessions) {
      await s.until(() => ids(s).length >= 12, 'all messages');
      expect(ids(s)).toEqual(from(0, 12));
    }
  });

  test('to who does not read and has no SM: what waits is kept in order, and when he reads he has it', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const slow = await stage.signIn(a, { presence: true, transport: 'tcp' });
    const bob = await stage.signIn(b, { sm: true });
    slow.bytes.pause();
    tell(bob, a.jid, 0, 1, 'w'.repeat(200_000));
    tell(bob, a.jid, 1, 2000, 'v'.repeat(5000)); // more than the sockets take
    await bob.until(() => bob.sm!.acked >= 2001, 'all to be stored');
    // Stream management from the middle of what waits: its place in the stream decides what counts.
    slow.sendRaw(`<enable xmlns='${NS.sm}' resume='true'/>`);
    // More comes when the server has it and before anything is read: so it stands in the middle, however slow the machine is.
    await expect.poll(() => stage.server.ctl(['sessions', a.jid])).toContain('sm=resumable');
    tell(bob, a.jid, 2001, 400, 'v'.repeat(5000));
    await bob.until(() => bob.sm!.acked >= 2401, 'the rest to be stored');
    slow.bytes.unpause();
    await slow.until(() => ids(slow).length >= 2401, 'all messages');
    expect(ids(slow)).toEqual(from(0, 2401));
    const behind = slow.history.slice(slow.history.findIndex((el) => el.name === 'enabled') + 1);
    const counted = behind.filter((el) => ['message', 'presence', 'iq'].includes(el.name)).length;
    expect(counted).toBeGreaterThan(0);
    slow.sendRaw(`<a xmlns='${NS.sm}' h='${counted}'/>`);
    await slow.ping();
    slow.sendRaw(`<a xmlns='${NS.sm}' h='${counted + 2}'/>`); // the answer to the ping counts, too
    await slow.expectClosed();
  });
});
