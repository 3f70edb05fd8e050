// News of nodes: who is told, of what, from whom; capabilities; last items.

import { describe, expect, test } from 'vitest';
import { type Account, type Client, useServer, x } from './harness/index.ts';
import {
  asked,
  caps,
  configure,
  create,
  event,
  item,
  owner,
  presence,
  publish,
  retract,
  sets,
  subscribe,
  tell,
  wants,
} from './harness/pep.ts';

const stage = useServer({ limits: { rates: 'no', idle_accounts_time: '1s' } });
const MOOD = 'http://jabber.org/protocol/mood';

/** No event has come, nor does one come before the answer to a ping. */
async function silent(...clients: Client[]): Promise<void> {
  for (const c of clients) {
    const left = await c.settle(...clients.filter((other) => other !== c));
    expect(left.filter((el) => el.name === 'message')).toEqual([]);
  }
}

async function pair(): Promise<[Account, Client, Account, Client]> {
  const [a, b] = await stage.accounts('alice', 'bob');
  await stage.follow(b, a); // bob sees alice's presence
  return [a, await stage.signIn(a), b, await stage.signIn(b)];
}

describe('events', () => {
  test('reach own sessions and contacts that want them, from the bare address, and nobody else', async () => {
    const [a, alice, b, bob] = await pair();
    const [c] = await stage.accounts('carol');
    const other = await stage.signIn(a, { resource: 'two' });
    const deaf = await stage.signIn(b, { resource: 'deaf', presence: true });
    const stranger = await stage.signIn(c);
    await wants(alice, MOOD);
    await wants(other, MOOD);
    await wants(bob, MOOD, 'urn:other');
    await wants(stranger, MOOD);
    expect(await sets(alice, publish(MOOD, item('i', 'happy')))).toBe('ok');
    for (const who of [alice, other, bob]) expect(await event(who, a.jid, MOOD)).toBe('i=happy');
    await silent(alice, other, bob, deaf, stranger);
    // Nothing in it names a device.
    await alice.set(publish(MOOD, item('i', 'sad')));
    const el = await bob.pick(`<message type='headline' from='${a.jid}'/>`);
    expect(el.attr('to')).toBe(bob.jid);
    expect(el.toString()).not.toContain(`${a.jid}/`);
  });

  test('tell of retraction, emptying, deletion and new configuration', async () => {
    const [a, alice, , bob] = await pair();
    await wants(bob, 'n');
    await alice.set(create('n', { max_items: 'max', notify_config: '1' }));
    await alice.set(publish('n', item('a', '1') + item('b', '2')));
    expect(await event(bob, a.jid, 'n')).toBe('a=1 b=2');
    await alice.set(retract('n', ['a']));
    expect(await event(bob, a.jid, 'n')).toBe('-a');
    await alice.set(owner('purge', 'n'));
    expect(await event(bob, a.jid, 'n')).toBe('purge');
    await alice.set(configure('n', { deliver_payloads: '0', notify_retract: '0' }));
    expect(await event(bob, a.jid, 'n')).toBe('configuration');
    await alice.set(publish('n', item('c', '3')));
    expect(await event(bob, a.jid, 'n')).toBe('c=');
    await alice.set(retract('n', ['c']));
    await alice.set(publish('n', item('d', '4')));
    expect(await event(bob, a.jid, 'n')).toBe('d=');
    await alice.set(retract('n', ['d'], " notify='true'"));
    expect(await event(bob, a.jid, 'n')).toBe('-d');
    await alice.set(owner('delete', 'n'));
    expect(await event(bob, a.jid, 'n')).toBe('delete');
    await silent(bob);
  });

  test('keep to the access model as the roster is now', async () => {
    const [a, alice, b, bob] = await pair();
    await wants(bob, 'n');
    await alice.set(create('n', { access_model: 'whitelist' }));
    await alice.set(publish('n', item('i', '1')));
    await alice.set(owner('affiliations', 'n', `<affiliation jid='${b.jid}' affiliation='member'/>`));
    await alice.set(publish('n', item('i', '2')));
    expect(await event(bob, a.jid, 'n')).toBe('i=2');
    await alice.set(configure('n', { access_model: 'presence' }));
    await alice.set(owner('affiliations', 'n', `<affiliation jid='${b.jid}' affiliation='none'/>`));
    await alice.set(publish('n', item('i', '3')));
    expect(await event(bob, a.jid, 'n')).toBe('i=3');
    alice.sends`<presence type='unsubscribed' to='${b.jid}'/>`;
    await bob.pick(x`<presence type='unsubscribed' from='${a.jid}'/>`);
    await alice.set(publish('n', item('i', '4')));
    await silent(alice, bob);
  });

  test('nobody hears of whom they block, or of who blocks them', async () => {
    const [a, alice, b, bob] = await pair();
    await wants(bob, 'n');
    await bob.set(`<block xmlns='urn:xmpp:blocking'><item jid='${a.jid}'/></block>`);
    await alice.set(publish('n', item('i', '1')));
    await silent(alice, bob);
    await bob.set(`<unblock xmlns='urn:xmpp:blocking'/>`);
    expect(await event(bob, a.jid, 'n')).toBe('i=1'); // what it has become
    await alice.set(`<block xmlns='urn:xmpp:blocking'><item jid='${b.jid}'/></block>`);
    await alice.set(publish('n', item('i', '2')));
    await silent(alice, bob);
  });

  test('reach who has subscribed by name, whatever their program says, once', async () => {
    const [a, alice, b, bob] = await pair();
    await alice.set(create('n', { access_model: 'open' }));
    await alice.set(publish('n', item('i', '1')));
    bob.send('<presence/>');
    expect(await sets(bob, subscribe('subscribe', 'n', b.jid), a.jid)).toBe('ok');
    expect(await event(bob, a.jid, 'n')).toBe('i=1'); // the last one
    await alice.set(publish('n', item('i', '2')));
    expect(await event(bob, a.jid, 'n')).toBe('i=2');
    await wants(bob, 'n');
    expect(await event(bob, a.jid, 'n')).toBe('i=2'); // with presence
    await alice.set(publish('n', item('i', '3')));
    expect(await event(bob, a.jid, 'n')).toBe('i=3');
    await silent(alice, bob);
    await alice.set(configure('n', { access_model: 'whitelist' }));
    await alice.set(publish('n', item('i', '4')));
    await silent(alice, bob);
  });
});

describe('capabilities', () => {
  test('are asked for once, and the answer is kept', async () => {
    const [a, alice, b, bob] = await pair();
    const mine = await wants(bob, 'n');
    const two = await stage.signIn(b, { resource: 'two' });
    two.send(presence(mine));
    await two.ping();
    await alice.set(publish('n', item('i', '1')));
    expect(await event(bob, a.jid, 'n')).toBe('i=1');
    expect(await event(two, a.jid, 'n')).toBe('i=1');
    expect((await two.settle()).filter((el) => el.name === 'iq')).toEqual([]);
    // Later presence with others: only those count.
    bob.send('<presence><show>away</show></presence>');
    await bob.ping();
    await alice.set(publish('n', item('i', '2')));
    expect(await event(two, a.jid, 'n')).toBe('i=2');
    await silent(alice, bob);
  });

  test('while one is asked the others wait; who lies speaks for itself alone', async () => {
    const [a, alice, b, bob] = await pair();
    const two = await stage.signIn(b, { resource: 'two' });
    const mine = caps(['n'], 'lied about');
    bob.send(presence(mine));
    const question = await asked(bob, mine);
    two.send(presence(mine));
    await two.ping();
    tell(bob, question, ['urn:x+notify']);
    tell(two, await asked(two, mine), mine.features);
    await two.ping();
    await bob.ping();
    await alice.set(publish('n', item('i', '1')));
    expect(await event(two, a.jid, 'n')).toBe('i=1');
    await alice.set(publish('urn:x', item('i', '2')));
    expect(await event(bob, a.jid, 'urn:x')).toBe('i=2');
    await silent(alice, bob, two);
  });

  test('who goes before it answers leaves the question to the next', async () => {
    const [a, alice, b, bob] = await pair();
    const two = await stage.signIn(b, { resource: 'two' });
    const mine = caps(['n'], 'left');
    bob.send(presence(mine));
    await asked(bob, mine);
    two.send(presence(mine));
    await two.ping();
    await bob.close();
    tell(two, await asked(two, mine), mine.features);
    await two.ping();
    await alice.set(publish('n', item('i', '1')));
    expect(await event(two, a.jid, 'n')).toBe('i=1');
  });

  test('a client that cannot be verified is asked for itself', async () => {
    const [a, alice, , bob] = await pair();
    const mine = caps(['n'], 'old');
    bob.send(presence(mine, ''));
    tell(bob, await asked(bob, mine), mine.features);
    await bob.ping();
    await alice.set(publish('n', item('i', '1')));
    expect(await event(bob, a.jid, 'n')).toBe('i=1');
  });

  test('nobody else can answer for it', async () => {
    const [a, alice, b, bob] = await pair();
    const two = await stage.signIn(b, { resource: 'two', presence: true });
    const mine = caps(['n'], 'stolen');
    bob.send(presence(mine));
    const question = await asked(bob, mine);
    tell(two, question, mine.features);
    await two.ping();
    await alice.set(publish('n', item('i', '1')));
    await silent(alice, two, bob);
    tell(bob, question, mine.features);
    expect(await event(bob, a.jid, 'n')).toBe('i=1');
  });
});

describe('last items', () => {
  test("come with initial presence: one's own, and contacts' who are here or not; not with later presence", async () => {
    const [a, alice, b, bob] = await pair();
    await bob.close();
    await alice.set(create('n', { max_items: 'max' }));
    await alice.set(publish('n', item('i', '1')));
    await alice.set(publish('n', item('j', '2')));
    await alice.set(publish('private', item('i', 'x'), { access_model: 'whitelist' }));
    await alice.set(publish('never', item('i', 'x'), { send_last_published_item: 'never' }));
    await alice.set(publish('end', item('i', 'x'))); // made last, comes last
    const own = await stage.signIn(a, { resource: 'two' });
    await wants(own, 'n', 'private', 'never', 'end');
    expect(await event(own, a.jid, 'n')).toBe('j=2');
    expect(await event(own, a.jid, 'private')).toBe('i=x');
    expect(await event(own, a.jid, 'end')).toBe('i=x');
    await silent(own);
    for (const here of [true, false]) {
      if (!here) {
        await alice.close();
        await own.close();
      }
      const again = await stage.signIn(b, { resource: here ? 'one' : 'two' });
      const mine = await wants(again, 'n', 'private', 'never', 'nothing', 'end');
      expect(await event(again, a.jid, 'n')).toBe('j=2');
      expect(await event(again, a.jid, 'end')).toBe('i=x');
      again.send(presence(mine));
      again.send('<presence><show>away</show></presence>');
      await silent(again);
    }
  });

  test('say when they were published', async () => {
    const [a, alice, , bob] = await pair();
    await alice.set(publish('n', item('i', '1')));
    await wants(bob, 'n');
    await bob.pick(
      `<message type='headline' from='${a.jid}'><delay xmlns='urn:xmpp:delay' from='${a.jid}' stamp='*'/></message>`,
    );
  });

  test('of nodes that a program wants to hear of from now on', async () => {
    const [a, alice, b, bob] = await pair();
    await alice.set(publish('n', item('i', '1')));
    await alice.set(publish('m', item('i', '2')));
    await wants(bob, 'n');
    expect(await event(bob, a.jid, 'n')).toBe('i=1');
    const known = caps(['n', 'm'], 'both');
    const other = await stage.signIn(b, { resource: 'x' }); // of the same home
    other.send(presence(known));
    tell(other, await asked(other, known), known.features);
    await other.ping();
    bob.send(presence(known));
    expect(await event(bob, a.jid, 'm')).toBe('i=2');
    await silent(bob);
  });

  test('come when somebody becomes a contact', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { presence: true });
    const bob = await stage.signIn(b);
    await alice.set(publish('n', item('i', '1')));
    await wants(bob, 'n');
    bob.sends`<presence type='subscribe' to='${a.jid}'/>`;
    await alice.pick(x`<presence type='subscribe' from='${b.jid}'/>`);
    alice.sends`<presence type='subscribed' to='${b.jid}'/>`;
    expect(await event(bob, a.jid, 'n')).toBe('i=1');
  });

  test('are not sent to whom the owner blocks, or by its groups does not show them', async () => {
    const [a, alice, b, bob] = await pair();
    await alice.set(publish('n', item('i', '1')));
    await alice.set(create('groups', { access_model: 'roster', roster_groups_allowed: 'family' }));
    await alice.set(publish('groups', item('i', '2')));
    await alice.set(publish('end', item('i', 'x')));
    await wants(bob, 'groups', 'end');
    expect(await event(bob, a.jid, 'end')).toBe('i=x');
    await silent(bob);
    await alice.set(`<query xmlns='jabber:iq:roster'><item jid='${b.jid}'><group>family</group></item></query>`);
    const two = await stage.signIn(b, { resource: 'two' });
    await wants(two, 'groups');
    expect(await event(two, a.jid, 'groups')).toBe('i=2');
    await alice.set(`<block xmlns='urn:xmpp:blocking'><item jid='${b.jid}'/></block>`);
    await bob.set(publish('own', item('i', 'x'))); // made after them
    const three = await stage.signIn(b, { resource: 'three' });
    await wants(three, 'groups', 'n', 'own');
    expect(await event(three, b.jid, 'own')).toBe('i=x');
    await silent(three);
  });

  test('many and large ones come as the socket drains', async () => {
    const [a, alice, , bob] = await pair();
    const nodes = Array.from({ length: 90 }, (_, i) => `urn:n:${i}`);
    const payload = 'x'.repeat(30_000);
    for (const n of nodes) await alice.set(publish(n, item('i', payload)));
    await wants(bob, ...nodes);
    for (const n of nodes) expect((await event(bob, a.jid, n)).length).toBe(30_002);
  });
});
