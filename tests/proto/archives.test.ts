// [archive] default = roster and never: what is not to be kept for good is still stored until it has been handed over,
// acknowledged only then, and not seen in the archive before or after.

import { describe, expect, test } from 'vitest';
import { type Account, type Client, bodies, everything, NS, type Stage, useServer, x } from './harness/index.ts';

const roster = useServer({ archive: { default: 'roster' } });
const never = useServer({ archive: { default: 'never' } });

const say = (from: Client, to: string, text: string) =>
  from.sends`<message to='${to}' type='chat' id='${text}'><body>${text}</body><origin-id xmlns='${NS.sid}' id='${text}'/></message>`;
const texts = (c: Client) => c.history.filter((el) => el.child('body')).map((el) => el.at('body').text);
const archive = async (c: Client) => bodies(await everything(c));

/** Each of them, signed in and not available: nothing is handed over to them. */
async function pair(stage: Stage, areFriends: boolean): Promise<[Account, Account]> {
  const [a, b] = await stage.accounts('alice', 'bob');
  if (areFriends) await stage.befriend(a, b);
  return [a, b];
}

describe.each([
  ['roster', () => roster, true, true],
  ['roster', () => roster, false, false],
  ['never', () => never, true, false],
  ['never', () => never, false, false],
] as const)('default = %s', (_, on, areFriends, isKept) => {
  const between = areFriends ? 'contacts' : 'strangers';
  const kept = (...list: string[]) => (isKept ? list : []);

  test(`between ${between}: delivered, acknowledged, ${isKept ? 'in both archives' : 'in no archive'}`, async () => {
    const [a, b] = await pair(on(), areFriends);
    const alice = await on().signIn(a, { sm: true, presence: true });
    const bob = await on().signIn(b, { sm: true, presence: true });
    say(alice, b.jid, 'one');
    say(alice, bob.jid, 'two');
    await alice.allAcked();
    await bob.until(() => texts(bob).length === 2, 'both');
    expect(texts(bob)).toEqual(['one', 'two']);
    expect(await archive(alice)).toEqual(kept('one', 'two'));
    expect(await archive(bob)).toEqual(kept('one', 'two'));
  });

  test(`between ${between}: waits for who is not there, across a crash, once`, async () => {
    const [a, b] = await pair(on(), areFriends);
    const alice = await on().signIn(a, { sm: true });
    say(alice, b.jid, 'one');
    say(alice, b.jid, 'two');
    await alice.allAcked();
    await on().server.restart('SIGKILL');
    const reader = await on().signIn(b, { resource: 'reader' });
    expect(await archive(reader)).toEqual(kept('one', 'two'));
    const bob = await on().signIn(b, { sm: true, presence: true });
    await bob.until(() => texts(bob).length === 2, 'both');
    expect(texts(bob)).toEqual(['one', 'two']);
    for (const el of bob.history.filter((m) => m.child('body'))) expect(el.child('delay', NS.delay)).toBeDefined();
    bob.ack();
    await bob.close();
    const next = await on().signIn(b, { resource: 'next', presence: true });
    await next.receivesNothing(reader);
    expect(await archive(next)).toEqual(kept('one', 'two'));
    expect(await archive(await on().signIn(a))).toEqual(kept('one', 'two'));
  });

  test(`between ${between}: sent again after a cut, it comes once`, async () => {
    const [a, b] = await pair(on(), areFriends);
    const alice = await on().signIn(a, { sm: true });
    say(alice, b.jid, 'one');
    await alice.allAcked();
    say(alice, b.jid, 'one');
    await alice.allAcked();
    const bob = await on().signIn(b, { presence: true });
    await bob.pick(x`<message id='one' type='chat'/>`);
    await bob.settle(alice);
    expect(texts(bob).filter((t) => t === 'one')).toHaveLength(1);
  });
});

test('a client that reads archives is handed over what they do not hold', async () => {
  const [a, b] = await pair(never, false);
  const alice = await never.signIn(a, { sm: true });
  say(alice, b.jid, 'one');
  await alice.allAcked();
  const bob = await never.signInModern(b);
  await never.available(bob);
  await bob.pick(x`<message id='one' type='chat'/>`);
  expect(await archive(bob)).toEqual([]);
});
