// What is archived and what is not, the ids that say so (XEP-0359), and messages that are sent twice.

import { describe, expect, test } from 'vitest';
import { bodies, NS, page, useServer, x } from './harness/index.ts';

const stage = useServer();

const ENCRYPTED =
  "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>cGF5bG9hZA==</payload></encrypted>";

const KEPT: [string, string, string][] = [
  ['a chat message with a body', 'chat', '<body>hi</body>'],
  ['a normal message with a body', 'normal', '<body>hi</body>'],
  ['a message encrypted by OMEMO', 'chat', `${ENCRYPTED}<store xmlns='${NS.hints}'/>`],
  ['a message encrypted by OMEMO, without a hint', 'chat', ENCRYPTED],
  ['a receipt (0184)', 'chat', `<received xmlns='${NS.receipts}' id='m'/>`],
  ['a marker (0333)', 'chat', `<displayed xmlns='${NS.markers}' id='m'/>`],
  ['a reaction (0444)', 'chat', "<reactions xmlns='urn:xmpp:reactions:0' id='m'><reaction>👍</reaction></reactions>"],
  ['a retraction (0424)', 'chat', "<retract xmlns='urn:xmpp:message-retract:1' id='m'/>"],
  ['a correction (0308)', 'chat', "<body>better</body><replace xmlns='urn:xmpp:message-correct:0' id='m'/>"],
  ['anything that asks for it (0334)', 'chat', `<gone xmlns='${NS.chatstates}'/><store xmlns='${NS.hints}'/>`],
];

const NOT_KEPT: [string, string, string][] = [
  ['a lone chat state', 'chat', `<composing xmlns='${NS.chatstates}'/>`],
  ['a headline', 'headline', '<body>news</body>'],
  ['what asks for it (0334)', 'chat', `<body>psst</body><no-store xmlns='${NS.hints}'/>`],
  ['nothing at all', 'chat', ''],
  ['a subject alone', 'normal', "<x xmlns='urn:example:unknown'/>"],
  [
    'an error',
    'error',
    "<body>hi</body><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
  ],
];

describe('kept, in both archives', () => {
  test.each(KEPT)('%s', async (_name, type, payload) => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const alice = await stage.signIn(a, { presence: true });
    const bob = await stage.signIn(b, { presence: true });
    alice.send(x`<message to='${bob}' type='${type}' id='m1'>` + `${payload}</message>`);
    const live = await bob.pick(x`<message type='${type}' id='m1' from='${alice}'/>`);
    const sid = live.child('stanza-id', NS.sid)!;
    expect(sid.attr('by')).toBe(bob.bare);
    const mine = await page(alice);
    const theirs = await page(bob);
    expect(mine.results.length).toBe(1);
    expect(theirs.results.map((r) => r.id)).toEqual([sid.attr('id')]);
    for (const list of [mine, theirs]) {
      const m = list.results[0]!.message;
      expect(m.attr('from')).toBe(alice.jid);
      expect(m.attr('type') ?? 'normal').toBe(type);
    }
    expect(mine.results[0]!.id).not.toBe(theirs.results[0]!.id);
  });
});

describe('not kept, and without an id', () => {
  test.each(NOT_KEPT)('%s', async (_name, type, payload) => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const alice = await stage.signIn(a, { presence: true });
    const bob = await stage.signIn(b, { presence: true });
    alice.send(x`<message to='${bob}' type='${type}' id='m1'>` + `${payload}</message>`);
    const live = await bob.pick(x`<message type='${type}' id='m1' from='${alice}'/>`);
    expect(live.child('stanza-id', NS.sid)).toBeUndefined();
    expect((await page(alice)).results).toEqual([]);
    expect((await page(bob)).results).toEqual([]);
  });
});

test('a message to oneself is kept once', async () => {
  const [alice] = await stage.castWith({ presence: true }, 'alice');
  alice.sends`<message to='${alice.bare}' type='chat' id='n'><body>buy milk</body></message>`;
  await alice.receives`<message type='chat' id='n' from='${alice}'><body>buy milk</body><stanza-id xmlns='${NS.sid}' by='${alice.bare}'/></message>`;
  expect(bodies((await page(alice)).results)).toEqual(['buy milk']);
});

test('a message to nobody is in no archive but the sender may see it failed', async () => {
  const [alice] = await stage.castWith({ presence: true }, 'alice');
  const nobody = stage.nobody();
  alice.sends`<message to='${nobody}' type='chat' id='lost'><body>hello?</body></message>`;
  await alice.fails(alice.nextElement(), 'cancel', 'service-unavailable');
  await alice.receivesNothing();
});

describe('stanza-id', () => {
  test('forged ones are removed, those of others stay', async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    alice.sends`<message to='${bob}' type='chat' id='m'><body>x</body><stanza-id xmlns='${NS.sid}' id='forged' by='${bob.bare}'/><stanza-id xmlns='${NS.sid}' id='theirs' by='room@elsewhere.example'/><origin-id xmlns='${NS.sid}' id='mine'/></message>`;
    const got = await bob.receives`<message from='${alice}' type='chat' id='m'/>`;
    const ids = got.all('stanza-id', NS.sid);
    const ours = ids.filter((i) => i.attr('by') === bob.bare);
    expect(ours.length).toBe(1);
    expect(ours[0]!.attr('id')).not.toBe('forged');
    expect(got.child('origin-id', NS.sid)!.attr('id')).toBe('mine');
    const stored = (await page(bob)).results[0]!;
    expect(stored.id).toBe(ours[0]!.attr('id'));
    expect(String(stored.message)).not.toContain('forged');
  });

  test("forged ones of the sender's archive are removed as well: only the receiver's may speak", async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    for (const by of [alice.bare, stage.domain, bob.jid]) {
      alice.sends`<message to='${bob}' type='chat'><body>x</body><stanza-id xmlns='${NS.sid}' id='forged' by='${by}'/></message>`;
      const got = await bob.receives`<message from='${alice}' type='chat'/>`;
      const own = got.all('stanza-id', NS.sid).filter((i) => i.attr('by') !== bob.bare);
      // Ours to vouch for are the addresses of this server.
      expect(own).toEqual([]);
    }
  });

  test('forged on a message that is not kept: removed, none added', async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    alice.sends`<message to='${bob}' type='headline'><body>x</body><stanza-id xmlns='${NS.sid}' id='forged' by='${bob.bare}'/></message>`;
    await bob.receives`<message from='${alice}' type='headline' _without='stanza-id'/>`;
  });

  test('ids rise in the order of the archive', async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    const live: string[] = [];
    for (let i = 0; i < 30; i++) alice.sends`<message to='${bob}' type='chat' id='r${i}'><body>${i}</body></message>`;
    for (let i = 0; i < 30; i++)
      live.push((await bob.receives`<message type='chat' id='r${i}'/>`).at('stanza-id').need('id'));
    expect((await page(bob, { max: 50 })).results.map((r) => r.id)).toEqual(live);
  });
});

describe('sent twice with the same origin-id', () => {
  const message = (to: string, origin: string, body: string) =>
    x`<message to='${to}' type='chat' id='${origin}'><body>${body}</body><origin-id xmlns='${NS.sid}' id='${origin}'/></message>`;

  test('is acknowledged, and stored and delivered once', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { sm: true, presence: true });
    const bob = await stage.signIn(b, { presence: true });
    alice.send(message(bob.bare, 'o1', 'once'));
    await bob.receives`<message type='chat' id='o1'/>`;
    alice.send(message(bob.bare, 'o1', 'once'));
    await alice.allAcked();
    await bob.receivesNothing(alice);
    expect(bodies((await page(alice)).results)).toEqual(['once']);
    expect(bodies((await page(bob)).results)).toEqual(['once']);
  });

  test('also by another session of the account, after a cut', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { presence: true });
    const bob = await stage.signIn(b, { presence: true });
    alice.send(message(bob.bare, 'o1', 'once'));
    await bob.receives`<message type='chat' id='o1'/>`;
    alice.kill();
    const again = await stage.signInModern(a);
    again.send(message(bob.bare, 'o1', 'once'));
    await again.allAcked();
    await bob.receivesNothing(again);
    expect((await page(again)).results.length).toBe(1);
  });

  test('both at once, before the first is stored', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { sm: true });
    const bob = await stage.signIn(b, { presence: true });
    alice.send(message(bob.bare, 'o1', 'once') + message(bob.bare, 'o1', 'once'));
    await alice.allAcked();
    await bob.receives`<message type='chat' id='o1'/>`;
    await bob.receivesNothing(alice);
    expect((await page(bob)).results.length).toBe(1);
  });

  test('to another recipient, or by another account, it is another message', async () => {
    const [alice, bob, carol] = await stage.castWith({ presence: true }, 'alice', 'bob', 'carol');
    alice.send(message(bob.bare, 'o1', 'to bob'));
    carol.send(message(bob.bare, 'o1', 'from carol'));
    await bob.expectAll(x`<message type='chat' from='${alice}'/>`, x`<message type='chat' from='${carol}'/>`);
  });
});
