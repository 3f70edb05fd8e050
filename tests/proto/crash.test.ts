// SIGKILL at full speed (promises 1 to 5): afterwards every acknowledged message is in both archives exactly once and in
// order, and so is every delivered one; and every file that was answered with 201 is there. CONFAB_ROUNDS says how often, CONFAB_SEED repeats a run.

import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { chance, everything, filesOf, NS, Persistent, type Slot, useServer } from './harness/index.ts';

const ROUNDS = Number(process.env.CONFAB_ROUNDS ?? process.env.CRASH_ROUNDS ?? 3);
const SEED = Number(process.env.CONFAB_SEED ?? randomInt(1, 2 ** 31));
const PAIRS = 3;

const UPLOADERS = 3;

const stage = useServer();
const { slot, request, put } = filesOf(stage);

/** Files that go up beside the messages until the server is killed; those of which 201 was heard. */
async function uploads(): Promise<{ stored: [Slot, Buffer][]; until: Promise<unknown> }> {
  const [carol] = await stage.cast('carol');
  const waiting: [Slot, Buffer][] = [];
  for (let i = 0; i < 60; i++) {
    const body = randomBytes([100, 5000, 90_000][i % 3]! + i);
    waiting.push([await slot(carol, `f${i}`, body.length), body]);
  }
  const stored: [Slot, Buffer][] = [];
  const uploader = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      try {
        if ((await put(next[0], next[1], undefined, false)).status === 201) stored.push(next);
      } catch {
        return; // killed
      }
    }
  };
  return { stored, until: Promise.all(Array.from({ length: UPLOADERS }, uploader)) };
}

test(
  `${ROUNDS} kills under load, seed ${SEED}`,
  async () => {
    const rng = chance(SEED);
    const everybody: Persistent[] = [];
    const pairs: [Persistent, Persistent][] = [];
    for (let i = 0; i < PAIRS; i++) {
      const [a, b] = await stage.accounts('alice', 'bob');
      const one = new Persistent(stage.server, a, b.jid, randomUUID());
      const two = new Persistent(stage.server, b, a.jid, randomUUID());
      pairs.push([one, two]);
      everybody.push(one, two);
    }
    await Promise.all(everybody.map((p) => p.start()));

    const total = () => everybody.reduce((n, p) => n + p.sent.length - p.client.sm!.unacked.length, 0);
    let filesStored = 0;
    for (let round = 0; round < ROUNDS; round++) {
      // The kill comes when so many more have been acknowledged and a file is stored, in the middle of everything.
      const goal = total() + 50 + Math.floor(rng() * 400);
      const files = await uploads();
      let killed = false;
      let killing: Promise<void> | undefined;
      const maybeKill = () => {
        if (!killed && total() >= goal && files.stored.length > 0) {
          killed = true;
          killing = stage.server.end('SIGKILL');
        }
        return false;
      };
      const stopped = await Promise.all(everybody.map((p) => p.chatter(maybeKill)));
      expect(stopped.every((s) => s === false)).toBe(true);
      await killing;
      await files.until;
      await stage.server.launch();
      for (const [s, body] of files.stored) {
        const got = await request(s.get, 'GET', {}, undefined, false);
        expect([got.status, got.body.equals(body)]).toEqual([200, true]);
      }
      filesStored += files.stored.length;
      await Promise.all(everybody.map((p) => p.comeBack()));
    }
    await Promise.all(everybody.map((p) => p.finish()));
    expect(filesStored).toBeGreaterThan(0);

    for (const pair of pairs) {
      for (const [sender, receiver] of [pair, [...pair].reverse() as [Persistent, Persistent]]) {
        const mine = await everything(sender.client, { max: 200 });
        const theirs = await everything(receiver.client, { max: 200 });
        const from = (list: typeof mine) =>
          list
            .filter((a) => a.message.attr('from')?.startsWith(sender.account.jid))
            .map((a) => a.message.child('origin-id', NS.sid)!.need('id'));
        expect(from(mine), `the archive of the sender ${sender.account.name}`).toEqual(sender.sent);
        expect(from(theirs), `the archive of the receiver ${receiver.account.name}`).toEqual(sender.sent);
        // What was shown to somebody is in the archive under the id that it was shown with, and was shown once.
        const ids = new Map(theirs.map((a) => [a.message.child('origin-id', NS.sid)!.need('id'), a.id]));
        for (const d of receiver.delivered) expect(d.archiveId, d.id).toBe(ids.get(d.id));
        const seen = new Set<string>();
        for (const d of receiver.delivered) {
          expect(seen.has(d.id), `${d.id} was delivered twice`).toBe(false);
          seen.add(d.id);
        }
      }
    }
    for (const p of everybody) p.client.kill();
  },
  300_000 + ROUNDS * 20_000,
);

test('without a kill, cuts of the network alone: each message arrives exactly once', async () => {
  const [a, b] = await stage.accounts('alice', 'bob');
  const one = new Persistent(stage.server, a, b.jid, randomUUID());
  const two = new Persistent(stage.server, b, a.jid, randomUUID());
  await Promise.all([one.start(), two.start()]);
  const rng = chance(SEED + 1);
  for (let round = 0; round < 6; round++) {
    const victim = round % 2 ? one : two;
    const goal = one.sent.length + two.sent.length + 60 + Math.floor(rng() * 100);
    const stop = () => one.sent.length + two.sent.length >= goal;
    await Promise.all([one.chatter(stop), two.chatter(stop)]);
    victim.client.kill();
    await victim.comeBack();
  }
  await Promise.all([one.finish(), two.finish()]);
  await one.client.ping();
  await two.client.until(() => {
    one.takeIn();
    two.takeIn();
    return two.delivered.length >= one.sent.length && one.delivered.length >= two.sent.length;
  }, 'everything to be delivered');
  expect(two.delivered.map((d) => d.id)).toEqual(one.sent);
  expect(one.delivered.map((d) => d.id)).toEqual(two.sent);
  expect(one.resumptions + two.resumptions).toBe(6);
  for (const p of [one, two]) p.client.kill();
});
