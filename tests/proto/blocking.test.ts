// Blocking (XEP-0191): before the archive, in both directions, for every kind of stanza.

import { describe, expect, test } from 'vitest';
import { type Client, type El, NS, page, useServer, x } from './harness/index.ts';

const stage = useServer();

const block = (...jids: string[]) =>
  `<block xmlns='${NS.blocking}'>${jids.map((j) => x`<item jid='${j}'/>`).join('')}</block>`;
const unblock = (...jids: string[]) =>
  `<unblock xmlns='${NS.blocking}'>${jids.map((j) => x`<item jid='${j}'/>`).join('')}</unblock>`;
const blocklist = async (c: Client) =>
  (await c.get(`<blocklist xmlns='${NS.blocking}'/>`))
    .at('blocklist')
    .all('item')
    .map((i) => i.need('jid'))
    .sort();
const presences = (got: El[]) => got.filter((e) => e.name === 'presence').map((e) => [e.attr('from'), e.attr('type')]);

async function friends(): Promise<[Client, Client]> {
  const [a, b] = await stage.accounts('alice', 'bob');
  await stage.befriend(a, b);
  const alice = await stage.signIn(a, { presence: true });
  const bob = await stage.signIn(b, { presence: true });
  await alice.pick(x`<presence from='${bob}'/>`);
  await alice.settle(bob);
  await bob.settle(alice);
  return [alice, bob];
}

describe('the list', () => {
  test('is empty at first, grows, shrinks', async () => {
    const [alice] = await stage.cast('alice');
    expect(await blocklist(alice)).toEqual([]);
    await alice.set(block('romeo@montague.example', 'iago@shakespeare.example'));
    await alice.set(block('spam.example'));
    expect(await blocklist(alice)).toEqual(['iago@shakespeare.example', 'romeo@montague.example', 'spam.example']);
    await alice.set(unblock('iago@shakespeare.example'));
    expect(await blocklist(alice)).toEqual(['romeo@montague.example', 'spam.example']);
    await alice.set(unblock());
    expect(await blocklist(alice)).toEqual([]);
  });

  test('twice is once; JIDs are normalised', async () => {
    const [alice] = await stage.cast('alice');
    await alice.set(block('Romeo@Montague.example'));
    await alice.set(block('romeo@montague.example'));
    expect(await blocklist(alice)).toEqual(['romeo@montague.example']);
    await alice.set(unblock('ROMEO@montague.example'));
    expect(await blocklist(alice)).toEqual([]);
  });

  test('changes are pushed to the sessions that asked for it', async () => {
    const [a] = await stage.accounts('alice');
    const one = await stage.signIn(a, { resource: 'one' });
    const two = await stage.signIn(a, { resource: 'two' });
    const three = await stage.signIn(a, { resource: 'three' });
    await blocklist(one);
    await blocklist(two);
    await one.set(block('romeo@montague.example'));
    await one.pick(`<iq type='set'><block xmlns='${NS.blocking}'><item jid='romeo@montague.example'/></block></iq>`);
    await two.pick(`<iq type='set'><block xmlns='${NS.blocking}'><item jid='romeo@montague.example'/></block></iq>`);
    await one.set(unblock('romeo@montague.example'));
    await two.pick(
      `<iq type='set'><unblock xmlns='${NS.blocking}'><item jid='romeo@montague.example'/></unblock></iq>`,
    );
    await one.set(block('romeo@montague.example'));
    await two.pick(`<iq type='set'><block xmlns='${NS.blocking}'/></iq>`);
    await one.set(unblock());
    const all = await two.pick(`<iq type='set'><unblock xmlns='${NS.blocking}'/></iq>`);
    expect(all.at('unblock').elements()).toEqual([]);
    await three.receivesNothing(one);
  });

  test.each([
    ['nothing', block(), 'bad-request'],
    ['an item without a JID', `<block xmlns='${NS.blocking}'><item/></block>`, 'bad-request|jid-malformed'],
    ['a JID that is none', block('@@'), 'jid-malformed|bad-request'],
  ])('blocking %s is an error', async (_name, xml, condition) => {
    const [alice] = await stage.cast('alice');
    const got = await alice.iq('set', xml);
    expect(got.attr('type')).toBe('error');
    expect(got.at('error').attr('type')).toBe('modify');
    expect(got.at('error').elements()[0]!.name).toMatch(new RegExp(condition));
    expect(await blocklist(alice)).toEqual([]);
  });

  test('of somebody else is closed', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const got = await alice.iq('get', `<blocklist xmlns='${NS.blocking}'/>`, bob.bare);
    expect(got.attr('type')).toBe('error');
  });

  test('is announced', async () => {
    const [alice] = await stage.cast('alice');
    const features = (await alice.get(`<query xmlns='${NS.info}'/>`, stage.domain))
      .at('query')
      .all('feature')
      .map((f) => f.attr('var'));
    expect(features).toContain(NS.blocking);
  });

  test('survives a crash', async () => {
    const [a] = await stage.accounts('alice');
    const alice = await stage.signIn(a);
    await alice.set(block('romeo@montague.example'));
    await stage.server.restart('SIGKILL');
    expect(await blocklist(await stage.signIn(a))).toEqual(['romeo@montague.example']);
  });
});

describe('what the blocked one sends', () => {
  test.each(['chat', 'normal', 'headline'])(
    'a message %s is refused, as by somebody who does not exist, and not archived',
    async (type) => {
      const [alice, bob] = await friends();
      await alice.set(block(bob.bare));
      await bob.settle(alice);
      for (const to of [alice.bare, alice.jid]) {
        bob.sends`<message to='${to}' type='${type}' id='m'><body>let me in</body></message>`;
        const back = (await bob.settle(alice)).filter((e) => e.name === 'message');
        if (type !== 'headline') {
          expect(back.length).toBe(1);
          await bob.fails(back[0]!, 'cancel', 'service-unavailable');
          // Nothing in it says that it was a block.
          expect(String(back[0])).not.toContain('block');
        }
      }
      await alice.receivesNothing(bob);
      expect((await page(alice)).results).toEqual([]);
    },
  );

  test('does not wait for the next sign-in', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a);
    await alice.set(block(b.jid));
    await alice.close();
    const bob = await stage.signIn(b);
    bob.sends`<message to='${a.jid}' type='chat' id='m'><body>x</body></message>`;
    await bob.fails(bob.nextElement(), 'cancel', 'service-unavailable');
    const back = await stage.signIn(a, { presence: true });
    expect((await back.settle(bob)).filter((e) => e.name === 'message')).toEqual([]);
  });

  test('receipts, states and errors vanish without an answer', async () => {
    const [alice, bob] = await friends();
    await alice.set(block(bob.bare));
    await bob.settle(alice);
    bob.sends`<message to='${alice}' type='error' id='e'><error type='cancel'><gone xmlns='${NS.stanzas}'/></error></message>`;
    await bob.receivesNothing(alice);
    await alice.receivesNothing(bob);
  });

  test('presence of every kind is dropped silently', async () => {
    const [alice, bob] = await friends();
    await alice.set(block(bob.bare));
    await alice.settle(bob);
    await bob.settle(alice);
    bob.send('<presence><show>away</show></presence>');
    await bob.pick(x`<presence from='${bob}'/>`);
    bob.sends`<presence to='${alice}'/>`;
    bob.sends`<presence to='${alice.bare}' type='subscribe'/>`;
    bob.sends`<presence to='${alice}' type='unavailable'/>`;
    expect(presences(await bob.settle(alice)).filter(([, t]) => t === 'error')).toEqual([]);
    await alice.receivesNothing(bob);
  });

  test('a probe shows nothing', async () => {
    const [alice, bob] = await friends();
    await alice.set(block(bob.bare));
    await bob.settle(alice);
    bob.sends`<presence type='probe' to='${alice.bare}'/>`;
    const got = presences(await bob.settle(alice));
    expect(got.filter(([, type]) => type === undefined)).toEqual([]);
    // Nor does a new session of the blocked one.
    const again = await stage.connect('bob');
    again.kill();
  });

  test.each(['the full JID', 'the bare JID'])('a request to %s: service-unavailable', async (where) => {
    const [alice, bob] = await friends();
    await alice.set(block(bob.bare));
    await bob.settle(alice);
    const to = where === 'the full JID' ? alice.jid : alice.bare;
    for (const child of [
      `<query xmlns='${NS.info}'/>`,
      `<ping xmlns='${NS.ping}'/>`,
      "<vCard xmlns='vcard-temp'/>",
      "<query xmlns='jabber:iq:last'/>",
    ]) {
      await bob.fails(bob.iq('get', child, to), 'cancel', 'service-unavailable');
    }
    await alice.receivesNothing(bob);
  });

  test('answers of IQ are dropped', async () => {
    const [alice, bob] = await friends();
    await alice.set(block(bob.bare));
    await bob.settle(alice);
    bob.sends`<iq type='result' id='r' to='${alice}'/>`;
    bob.sends`<iq type='error' id='r' to='${alice}'><error type='cancel'><gone xmlns='${NS.stanzas}'/></error></iq>`;
    await bob.receivesNothing(alice);
    await alice.receivesNothing(bob);
  });
});

describe('what goes to the blocked one', () => {
  test.each([
    ['a message', "<message type='chat' id='o' to='%'><body>x</body></message>"],
    ['directed presence', "<presence id='o' to='%'/>"],
    ['a request', "<iq type='get' id='o' to='%'><ping xmlns='urn:xmpp:ping'/></iq>"],
  ])('%s is not-acceptable, with <blocked/>', async (_name, xml) => {
    const [alice, bob] = await friends();
    await alice.set(block(bob.bare));
    await alice.settle(bob);
    await bob.settle(alice);
    alice.send(xml.replace('%', bob.jid));
    const got = await alice.nextElement();
    await alice.fails(got, 'cancel', 'not-acceptable');
    expect(got.at('error').child('blocked', NS.blockingErrors)).toBeDefined();
    await bob.receivesNothing(alice);
    expect((await page(alice)).results).toEqual([]);
  });

  test('broadcast passes it by', async () => {
    const [alice, bob] = await friends();
    await alice.set(block(bob.bare));
    await bob.settle(alice);
    alice.send('<presence><show>dnd</show></presence>');
    await alice.pick(x`<presence from='${alice}'><show>dnd</show></presence>`);
    await bob.receivesNothing(alice);
    await alice.close();
    await bob.receivesNothing();
  });
});

describe('what is seen of it', () => {
  test('the blocked contact sees us leave, and come back when unblocked', async () => {
    const [alice, bob] = await friends();
    await alice.set(block(bob.bare));
    await bob.receives`<presence from='${alice}' type='unavailable'/>`;
    await alice.set(unblock(bob.bare));
    await bob.receives`<presence from='${alice}'/>`;
    // And the subscription is as it was.
    bob.send('<presence><show>chat</show></presence>');
    await alice.pick(x`<presence from='${bob}'><show>chat</show></presence>`);
  });

  test('who unblocks sees on each device what the contact has become meanwhile', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const one = await stage.signIn(a, { resource: 'one', presence: true });
    const two = await stage.signIn(a, { resource: 'two', presence: true });
    const bob = await stage.signIn(b, { presence: true });
    await bob.settle(one, two);
    await one.set(block(bob.bare));
    bob.send('<presence><show>away</show></presence>');
    await bob.settle();
    await one.set(unblock(bob.bare));
    for (const device of [one, two]) await device.pick(x`<presence from='${bob}'><show>away</show></presence>`);
  });

  test('so does each contact of a blocked domain', async () => {
    const [alice, bob] = await friends();
    const [c] = await stage.accounts('carol');
    const carol = await stage.signIn(c, { presence: true });
    await alice.set(block(stage.domain));
    await bob.receives`<presence from='${alice}' type='unavailable'/>`;
    await alice.set(unblock());
    await bob.receives`<presence from='${alice}'/>`;
    await carol.receivesNothing(alice);
  });

  test('a blocked resource sees it, and no other one', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const alice = await stage.signIn(a, { presence: true });
    const bad = await stage.signIn(b, { resource: 'bad', presence: true });
    const good = await stage.signIn(b, { resource: 'good', presence: true });
    await bad.settle(alice, good);
    await good.settle(alice, bad);
    await alice.set(block(bad.jid));
    await bad.receives`<presence from='${alice}' to='${bad}' type='unavailable'/>`;
    await alice.set(unblock(bad.jid));
    await bad.receives`<presence from='${alice}' to='${bad}'/>`;
    await good.receivesNothing(alice);
  });

  test('a stranger whom we wrote our presence to sees us leave, once', async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    alice.sends`<presence to='${bob}'/>`;
    await bob.receives`<presence from='${alice}'/>`;
    await alice.set(block(bob.bare));
    await bob.receives`<presence from='${alice}' type='unavailable'/>`;
    await alice.set(unblock(bob.bare));
    await alice.close();
    await bob.receivesNothing();
  });

  test('strangers see nothing of either', async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    await alice.set(block(bob.bare));
    await alice.set(unblock(bob.bare));
    await bob.receivesNothing(alice);
  });
});

describe('who is meant', () => {
  test('a full JID blocks one resource', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { presence: true });
    const bad = await stage.signIn(b, { resource: 'bad' });
    const good = await stage.signIn(b, { resource: 'good' });
    await alice.set(block(bad.jid));
    bad.sends`<message to='${alice}' type='chat' id='m'><body>x</body></message>`;
    await bad.fails(bad.nextElement(), 'cancel', 'service-unavailable');
    good.sends`<message to='${alice}' type='chat' id='m'><body>x</body></message>`;
    await alice.receives`<message from='${good}' type='chat'/>`;
  });

  test('a bare JID blocks all of them, a domain everybody there but oneself', async () => {
    const [a, b, c] = await stage.accounts('alice', 'bob', 'alice');
    const alice = await stage.signIn(a, { presence: true });
    const bob = await stage.signIn(b);
    await alice.set(block(stage.domain));
    bob.sends`<message to='${alice}' type='chat' id='m'><body>x</body></message>`;
    await bob.fails(bob.nextElement(), 'cancel', 'service-unavailable');
    // Own sessions, the own account and the server itself go on.
    const second = await stage.signIn(a, { resource: 'two' });
    second.sends`<message to='${alice}' type='chat' id='own'><body>x</body></message>`;
    await alice.pick(x`<message from='${second}' type='chat' id='own'/>`);
    await alice.get(`<query xmlns='${NS.roster}'/>`);
    await alice.set(unblock());
    expect(c.jid).not.toBe(a.jid);
  });

  test('nobody can shut out oneself', async () => {
    const [a] = await stage.accounts('alice');
    const one = await stage.signIn(a, { resource: 'one', presence: true });
    const two = await stage.signIn(a, { resource: 'two', presence: true });
    await one.settle(two);
    // Refused, or kept and without effect between own resources.
    await one.iq('set', block(a.jid));
    await one.settle(two);
    two.sends`<message to='${one}' type='chat' id='own'><body>x</body></message>`;
    await one.receives`<message from='${two}' type='chat' id='own'/>`;
  });
});
