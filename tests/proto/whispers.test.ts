// Typing, receipts and markers say that somebody is there. They go only to those who may see that anyway: whoever is
// subscribed to the presence of the one who sends them, or was sent directed presence.

import { describe, expect, test } from 'vitest';
import { type Client, NS, page, useServer, x } from './harness/index.ts';

const stage = useServer();

const WHISPERS: [string, string][] = [
  ['typing', `<composing xmlns='${NS.chatstates}'/>`],
  ['a pause', `<paused xmlns='${NS.chatstates}'/>`],
  ['going away', `<gone xmlns='${NS.chatstates}'/>`],
  ['a receipt', `<received xmlns='${NS.receipts}' id='m1'/>`],
  ['a marker that it was received', `<received xmlns='${NS.markers}' id='m1'/>`],
  ['a marker that it was read', `<displayed xmlns='${NS.markers}' id='m1'/>`],
];

const whisper = (to: string, payload: string) => x`<message to='${to}' type='chat' id='w'>` + `${payload}</message>`;

/** A stranger has written; now the answer that tells on us. */
async function written(from: Client, to: Client): Promise<void> {
  from.sends`<message to='${to.bare}' type='chat' id='m1'><body>anybody there?</body><request xmlns='${NS.receipts}'/><markable xmlns='${NS.markers}'/></message>`;
  await to.receives`<message from='${from}' type='chat' id='m1'/>`;
}

describe.each(WHISPERS)('%s', (_name, payload) => {
  test('reaches who may see the presence', async () => {
    const [a, s] = await stage.accounts('alice', 'friend');
    await stage.follow(s, a);
    const alice = await stage.signIn(a, { presence: true });
    const friend = await stage.signIn(s, { presence: true });
    await friend.settle(alice);
    await written(friend, alice);
    alice.send(whisper(friend.jid, payload));
    await friend.receives`<message from='${alice}' type='chat' id='w'/>`;
  });

  test('does not reach a stranger, and the sender is not bothered', async () => {
    const [alice, stranger] = await stage.castWith({ presence: true }, 'alice', 'stranger');
    await written(stranger, alice);
    alice.send(whisper(stranger.jid, payload));
    alice.send(whisper(stranger.bare, payload));
    await stranger.receivesNothing(alice);
    await alice.receivesNothing(stranger);
    // Nor does it wait for the stranger in the archive.
    expect((await page(stranger)).results.length).toBe(1);
  });

  test('does not reach someone whom only we see', async () => {
    const [a, s] = await stage.accounts('alice', 'watched');
    await stage.follow(a, s);
    const alice = await stage.signIn(a, { presence: true });
    const watched = await stage.signIn(s, { presence: true });
    await alice.settle(watched);
    await written(watched, alice);
    alice.send(whisper(watched.jid, payload));
    await watched.receivesNothing(alice);
  });
});

test('directed presence opens the way for its time', async () => {
  const [alice, stranger] = await stage.castWith({ presence: true }, 'alice', 'stranger');
  const payload = WHISPERS[0]![1];
  alice.sends`<presence to='${stranger}'/>`;
  await stranger.receives`<presence from='${alice}'/>`;
  alice.send(whisper(stranger.jid, payload));
  await stranger.receives`<message from='${alice}' type='chat' id='w'/>`;
  alice.sends`<presence to='${stranger}' type='unavailable'/>`;
  await stranger.receives`<presence from='${alice}' type='unavailable'/>`;
  alice.send(whisper(stranger.jid, payload));
  await stranger.receivesNothing(alice);
});

test('what is said in words passes, whoever it is for', async () => {
  const [alice, stranger] = await stage.castWith({ presence: true }, 'alice', 'stranger');
  alice.sends`<message to='${stranger}' type='chat' id='b'><body>hello</body><active xmlns='${NS.chatstates}'/><request xmlns='${NS.receipts}'/></message>`;
  await stranger.receives`<message from='${alice}' type='chat' id='b'><body>hello</body></message>`;
});

test('between own resources it passes', async () => {
  const [a] = await stage.accounts('alice');
  const one = await stage.signIn(a, { resource: 'one', presence: true });
  const two = await stage.signIn(a, { resource: 'two', presence: true });
  await one.settle(two);
  two.send(whisper(one.jid, WHISPERS[5]![1]));
  await one.receives`<message from='${two}' type='chat' id='w'/>`;
});
