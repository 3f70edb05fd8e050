// Acknowledgements of a server with much to acknowledge: each waits a moment for company (src/im/acks.c).

import { describe, expect, test } from 'vitest';
import { type Client, NS, useServer, x } from './harness/index.ts';

const stage = useServer({ limits: { acks_busy: '0' } });

const ROUNDS = 40;

/** The counts that the client was told, in order. */
const told = (c: Client) =>
  c.history.filter((el) => el.name === 'a' && el.ns === NS.sm).map((el) => Number(el.need('h')));

const is = (c: Client, h: number) => c.pick(`<a xmlns='${NS.sm}' h='${h}'/>`);

async function two(): Promise<[Client, Client]> {
  const [alice, bob] = await stage.accounts('alice', 'bob');
  const a = await stage.signIn(alice, { sm: true, presence: true });
  const b = await stage.signIn(bob, { sm: true, presence: true });
  a.autoAck = false; // the test looks at what it is told
  return [a, b];
}

async function say(from: Client, to: Client, id: string): Promise<void> {
  from.sends`<message to='${to.bare}' type='chat' id='${id}'><body>x</body></message>`;
  await to.pick(x`<message type='chat' id='${id}'/>`);
}

describe('an acknowledgement', () => {
  test('comes alone when nothing else does', async () => {
    const [a, b] = await two();
    await say(a, b, 'm1');
    await is(a, 2);
  });

  test('tells of more than one message', async () => {
    const [a, b] = await two();
    for (let i = 0; i < ROUNDS; i++) await say(a, b, `m${i}`);
    await is(a, ROUNDS + 1);
    expect(told(a).length).toBeLessThan(ROUNDS);
  });

  test('goes with what is sent to the same client', async () => {
    const [a, b] = await two();
    for (let i = 0; i < ROUNDS; i++) {
      await say(a, b, `m${i}`);
      await say(b, a, `n${i}`);
    }
    await is(a, ROUNDS + 1);
    expect(told(a).length).toBeGreaterThan(ROUNDS / 2);
  });

  test('answers each question, and no older one follows', async () => {
    const [a, b] = await two();
    for (let i = 0; i < ROUNDS; i++) {
      await say(a, b, `m${i}`);
      a.sends`<presence/>`; // decided at once, so the answer is newer than what waits to be told
      a.sendRaw(`<r xmlns='${NS.sm}'/>`);
    }
    await is(a, 2 * ROUNDS + 1);
    await say(a, b, 'last');
    await is(a, 2 * ROUNDS + 2);
    const counts = told(a);
    expect(counts).toEqual([...counts].sort((x, y) => x - y));
    expect(counts.length).toBeGreaterThanOrEqual(ROUNDS);
  });

  test('answers each of many questions that wait together, and none more than once', async () => {
    const [a, b] = await two();
    await say(a, b, 'm1');
    await is(a, 2);
    a.sendRaw(`<r xmlns='${NS.sm}'/>`.repeat(ROUNDS));
    for (let i = 0; i < ROUNDS; i++) await is(a, 2);
    a.sends`<iq type='get' id='behind'><ping xmlns='urn:xmpp:ping'/></iq>`;
    await a.pick(x`<iq type='result' id='behind'/>`);
    expect(told(a).filter((h) => h === 2).length).toBe(1 + ROUNDS);
  });

  test('answers a question also when there is no news', async () => {
    const [a, b] = await two();
    await say(a, b, 'm1');
    await is(a, 2);
    a.sendRaw(`<r xmlns='${NS.sm}'/>`);
    await is(a, 2);
  });

  test('is not told again at the end of the stream', async () => {
    const [a, b] = await two();
    await say(a, b, 'm1');
    await is(a, 2);
    a.sendClose();
    await a.expectClosed();
    expect(told(a).filter((h) => h === 2)).toEqual([2]);
  });

  test('comes before the end of the stream', async () => {
    const [a] = await two();
    a.sends`<presence/>`; // decided at once: of a message another home has to say that it is
    a.sendClose();
    await is(a, 2);
    await a.expectClosed();
  });
});
