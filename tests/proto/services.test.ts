// Small services: last activity, vcard-temp, private storage, time, approval in advance. What strangers may not know looks like nobody.

import { describe, expect, test } from 'vitest';
import { type Client, type El, freshId, NS, sql, useServer, x } from './harness/index.ts';

const LAST = "<query xmlns='jabber:iq:last'/>";
const VCARD = "<vCard xmlns='vcard-temp'/>";
const stage = useServer({ limits: { rates: 'no', vcard_size: '2000', private_size: '1000', private_items: '3', idle_accounts_time: '1s' } });

/** The condition of an error, or what the answer contains. */
async function answer(c: Client, type: 'get' | 'set', xml: string, to?: string): Promise<string> {
  const el = await c.iq(type, xml, to);
  if (el.attr('type') === 'result') return el.elements()[0]?.toString() ?? 'empty';
  const error = el.at('error');
  return error.elements().find((e) => e.ns === NS.stanzas && e.name !== 'text')!.name;
}

/** What two errors differ in besides the addresses. */
const shape = (el: El): string => el.at('error').toString();

describe('last activity (XEP-0012)', () => {
  test('of the server is how long it runs', async () => {
    const [alice] = await stage.cast('alice');
    const el = await alice.get(LAST, stage.domain);
    const seconds = Number(el.at('query').need('seconds'));
    expect(seconds).toBeGreaterThanOrEqual(0);
    expect(seconds).toBeLessThan(3600);
  });

  test('of a contact: now, or since when', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.follow(a, b); // alice sees bob, and not the other way round
    const alice = await stage.signIn(a);
    const bob = await stage.signIn(b, { presence: true });
    expect((await alice.get(LAST, b.jid)).at('query').attr('seconds')).toBe('0');
    await bob.close();
    await expect.poll(async () => Number((await alice.get(LAST, b.jid)).at('query').attr('seconds'))).toBeLessThan(60);
    // The row is what it says: an hour back, an hour more.
    const of = `kind = 3 AND account = (SELECT id FROM accounts WHERE jid = '${b.jid}')`;
    const stored = () => Number(sql(stage.server, `SELECT count(*) FROM documents WHERE ${of};`));
    await expect.poll(stored, { timeout: 30_000 }).toBeGreaterThan(0);
    sql(
      stage.server,
      `UPDATE documents SET changed_us = changed_us - 3600000000 WHERE ${of};`,
    );
    const seconds = Number((await alice.get(LAST, b.jid)).at('query').need('seconds'));
    expect(seconds).toBeGreaterThanOrEqual(3600);
    expect(seconds).toBeLessThan(7200);
    // bob does not see alice.
    const again = await stage.signIn(b);
    expect(await answer(again, 'get', LAST, a.jid)).toBe('forbidden');
    expect(await answer(again, 'get', LAST, b.jid)).toContain("seconds='0'");
  });

  test('one who was never here has no such time', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { presence: true });
    const bob = await stage.signIn(b); // connected, and not available: nobody is told
    bob.sends`<presence type='subscribed' to='${a.jid}'/>`; // in advance
    await bob.ping();
    alice.sends`<presence type='subscribe' to='${b.jid}'/>`;
    await alice.pick(x`<presence type='subscribed' from='${b.jid}'/>`);
    expect(await answer(alice, 'get', LAST, b.jid)).toBe('item-not-found');
  });

  test('a client answers for itself', async () => {
    const [a] = await stage.accounts('alice');
    const one = await stage.signIn(a, { resource: 'one' });
    const two = await stage.signIn(a, { resource: 'two' });
    const asked = one.iq('get', LAST, two.jid);
    const request = await two.pick("<iq type='get'><query xmlns='jabber:iq:last'/></iq>");
    two.sends`<iq type='result' id='${request.need('id')}' to='${one}'><query xmlns='jabber:iq:last' seconds='7'/></iq>`;
    expect((await asked).at('query').attr('seconds')).toBe('7');
  });

  test('strangers learn nothing: not here, here, deleted, nobody', async () => {
    const [a, b, c, d] = await stage.accounts('alice', 'here', 'away', 'gone');
    const alice = await stage.signIn(a);
    await stage.signIn(b, { presence: true });
    const number = sql(stage.server, `SELECT id FROM accounts WHERE jid = '${d.jid}';`).trim();
    const gone = await stage.signIn(d, { presence: true });
    await stage.server.ctl(['user', 'delete', d.jid]);
    await gone.expectClosed();
    const shapes = new Set<string>();
    for (const jid of [b.jid, c.jid, d.jid, stage.nobody()]) shapes.add(shape(await alice.iq('get', LAST, jid)));
    expect(shapes.size).toBe(1);
    expect([...shapes][0]).toContain('forbidden');
    // The end of its session left nothing behind.
    await stage.server.restart();
    expect(sql(stage.server, `SELECT count(*) FROM documents WHERE account = ${number};`).trim()).toBe('0');
  });

  test('who is blocked is told what nobody would say (XEP-0191)', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const alice = await stage.signIn(a);
    const bob = await stage.signIn(b);
    await bob.set(x`<block xmlns='${NS.blocking}'><item jid='${a.jid}'/></block>`);
    expect(await answer(alice, 'get', LAST, b.jid)).toBe('service-unavailable');
  });
});

describe('vcard-temp (XEP-0054)', () => {
  const card = (name: string) =>
    x`<vCard xmlns='vcard-temp'><FN>${name}</FN><NICKNAME>it's "${name}" &amp; co</NICKNAME></vCard>`;

  test('is set by its owner and read by anybody, whether they are here or not', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a);
    const bob = await stage.signIn(b);
    await alice.set(card('Alice'));
    expect((await alice.get(VCARD)).at('vCard').child('FN')?.text).toBe('Alice');
    expect((await bob.get(VCARD, a.jid)).at('vCard').child('NICKNAME')?.text).toBe('it\'s "Alice" & co');
    await alice.close();
    expect((await bob.get(VCARD, a.jid)).at('vCard').child('FN')?.text).toBe('Alice');
    await stage.server.restart('SIGKILL');
    const later = await stage.signIn(b);
    expect((await later.get(VCARD, a.jid)).at('vCard').child('FN')?.text).toBe('Alice');
  });

  test('the last one set counts, in order; an empty one is none', async () => {
    const [alice] = await stage.cast('alice');
    for (let i = 0; i < 20; i++) alice.send(`<iq type='set' id='${freshId()}'>${card(`n${i}`)}</iq>`);
    expect((await alice.get(VCARD)).at('vCard').child('FN')?.text).toBe('n19');
    await alice.set(VCARD);
    expect((await alice.get(VCARD)).at('vCard').elements()).toEqual([]);
    expect(sql(stage.server, "SELECT count(*) FROM documents WHERE kind = 1 AND xml LIKE '%n19%';").trim()).toBe('0');
  });

  test('without a card, deleted, nobody: one answer, also to who would set it', async () => {
    const [a, b, c] = await stage.accounts('alice', 'bob', 'gone');
    const alice = await stage.signIn(a);
    const gone = await stage.signIn(c);
    await gone.set(card('Gone'));
    await stage.server.ctl(['user', 'delete', c.jid]);
    const jids = [b.jid, c.jid, stage.nobody()];
    const got = new Set<string>();
    const set = new Set<string>();
    for (const jid of jids) {
      got.add(shape(await alice.iq('get', VCARD, jid)));
      set.add(shape(await alice.iq('set', card('Mallory'), jid)));
    }
    expect([got.size, set.size]).toEqual([1, 1]);
    expect([...got][0]).toContain('service-unavailable');
    expect([...set][0]).toContain('forbidden');
    // With the account its card goes.
    expect(sql(stage.server, "SELECT count(*) FROM documents WHERE xml LIKE '%Gone%';").trim()).toBe('0');
  });

  test('who is blocked sees none; one that is too large is not taken', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a);
    const bob = await stage.signIn(b);
    await bob.set(card('Bob'));
    expect(await answer(bob, 'set', card('x'.repeat(2000)))).toBe('not-acceptable');
    expect((await alice.get(VCARD, b.jid)).at('vCard').child('FN')?.text).toBe('Bob');
    await bob.set(x`<block xmlns='${NS.blocking}'><item jid='${a.jid}'/></block>`);
    expect(await answer(alice, 'get', VCARD, b.jid)).toBe('service-unavailable');
  });
});

describe('private storage (XEP-0049)', () => {
  const query = (inner: string) => `<query xmlns='jabber:iq:private'>${inner}</query>`;
  const notes = (text: string) => x`<notes xmlns='storage:notes' v='1'><n>${text}</n></notes>`;

  test('an element by name and namespace; what was never set is empty', async () => {
    const [a] = await stage.accounts('alice');
    const one = await stage.signIn(a, { resource: 'one' });
    const two = await stage.signIn(a, { resource: 'two' });
    const empty = (await one.get(query("<notes xmlns='storage:notes'/>"))).at('query').at('notes');
    expect([empty.ns, empty.elements().length]).toEqual(['storage:notes', 0]);
    await one.set(query(notes('hi <there>')));
    const back = (await two.get(query("<notes xmlns='storage:notes'/>"))).at('query').at('notes');
    expect([back.attr('v'), back.child('n')?.text]).toEqual(['1', 'hi <there>']);
    // Another name, another namespace: other things.
    expect((await two.get(query("<notes xmlns='storage:other'/>"))).at('query').at('notes').elements()).toEqual([]);
    expect((await two.get(query("<other xmlns='storage:notes'/>"))).at('query').at('other').elements()).toEqual([]);
    await two.set(query("<notes xmlns='storage:notes'/>"));
    expect((await one.get(query("<notes xmlns='storage:notes'/>"))).at('query').at('notes').elements()).toEqual([]);
  });

  test('is its owner’s alone', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const alice = await stage.signIn(a);
    const bob = await stage.signIn(b);
    await bob.set(query(notes('secret')));
    const shapes = new Set<string>();
    for (const jid of [b.jid, stage.nobody()]) {
      shapes.add(shape(await alice.iq('get', query("<notes xmlns='storage:notes'/>"), jid)));
      shapes.add(shape(await alice.iq('set', query(notes('mine')), jid)));
    }
    expect(shapes.size).toBe(1);
    expect([...shapes][0]).toContain('forbidden');
    expect((await bob.get(query("<notes xmlns='storage:notes'/>"))).toString()).toContain('secret');
    await stage.server.ctl(['user', 'delete', b.jid]);
    expect(sql(stage.server, "SELECT count(*) FROM documents WHERE xml LIKE '%secret%';").trim()).toBe('0');
  });

  test.each([
    ['nothing', '', 'bad-request'],
    ['two things', `${notes('a')}<b xmlns='storage:b'/>`, 'bad-request'],
    ['a reserved namespace', "<query xmlns='jabber:iq:roster'/>", 'not-acceptable'],
    ['a reserved namespace', "<x xmlns='http://jabber.org/protocol/muc'/>", 'not-acceptable'],
    ['the namespace of cards', VCARD, 'not-acceptable'],
    ['no namespace', "<x xmlns=''/>", 'not-acceptable'],
    ['something too large', notes('x'.repeat(1000)), 'not-acceptable'],
    ['a name without end', `<${'x'.repeat(1025)} xmlns='storage:y'/>`, 'not-acceptable'],
  ])('%s is refused', async (_what, inner, condition) => {
    const [alice] = await stage.cast('alice');
    expect(await answer(alice, 'set', query(inner))).toBe(condition);
  });

  test('there are so many and no more, and room again when one goes', async () => {
    const [alice] = await stage.cast('alice');
    const thing = (i: number, inner: string) => query(`<t xmlns='storage:${i}'>${inner}</t>`);
    for (let i = 0; i < 3; i++) await alice.set(thing(i, '<a/>'));
    expect(await answer(alice, 'set', thing(3, '<a/>'))).toBe('resource-constraint');
    await alice.set(thing(1, '<b/>')); // in the place of one
    await alice.set(query("<t xmlns='storage:0'/>"));
    await alice.set(thing(3, '<a/>'));
  });
});

test('the time of the server (XEP-0202)', async () => {
  const [alice] = await stage.cast('alice');
  const before = Date.now();
  const time = (await alice.get("<time xmlns='urn:xmpp:time'/>", stage.domain)).at('time');
  const utc = time.child('utc')!.text;
  expect(time.child('tzo')?.text).toBe('+00:00');
  expect(utc).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z$/);
  expect(Math.abs(Date.parse(utc) - before)).toBeLessThan(600_000);
});

describe('approval in advance (RFC 6121 3.4)', () => {
  const items = async (c: Client) => (await c.get(`<query xmlns='${NS.roster}'/>`)).at('query').all('item');

  test('is offered, remembered, and answers the request for its owner, who may be away', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b, { roster: true });
    const features = bob.history.filter((e) => e.name === 'features').at(-1)!;
    expect(features.child('sub', 'urn:xmpp:features:pre-approval')).toBeDefined();
    bob.sends`<presence type='subscribed' to='${a.jid}'/>`;
    await bob.pick(
      x`<iq type='set'><query xmlns='${NS.roster}'><item jid='${a.jid}' subscription='none' approved='true'/></query></iq>`,
    );
    await bob.close();
    const alice = await stage.signIn(a, { roster: true, presence: true });
    await alice.receivesNothing(alice); // she was told nothing of it
    alice.sends`<presence type='subscribe' to='${b.jid}'/>`;
    await alice.pick(x`<presence type='subscribed' from='${b.jid}'/>`);
    const again = await stage.signIn(b, { presence: true });
    expect((await items(again)).map((i) => [i.attr('jid'), i.attr('subscription')])).toEqual([[a.jid, 'from']]);
    expect(again.history.some((e) => e.name === 'presence' && e.attr('type') === 'subscribe')).toBe(false);
  });

  test('can be taken back before it was used', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b, { roster: true, presence: true });
    const alice = await stage.signIn(a, { roster: true, presence: true });
    bob.sends`<presence type='subscribed' to='${a.jid}'/>`;
    await bob.pick(x`<iq type='set'><query xmlns='${NS.roster}'><item jid='${a.jid}' approved='true'/></query></iq>`);
    bob.sends`<presence type='unsubscribed' to='${a.jid}'/>`;
    const push = await bob.pick(
      x`<iq type='set'><query xmlns='${NS.roster}'><item jid='${a.jid}' subscription='none'/></query></iq>`,
    );
    expect(push.at('query').at('item').attr('approved')).toBeUndefined();
    alice.sends`<presence type='subscribe' to='${b.jid}'/>`;
    await bob.pick(x`<presence type='subscribe' from='${a.jid}'/>`);
    expect(alice.history.some((e) => e.name === 'presence' && e.attr('type') === 'unsubscribed')).toBe(false);
  });

  test('of who sees one already it changes nothing; a new name keeps it; removing the contact ends it', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b, { roster: true, presence: true });
    const alice = await stage.signIn(a, { roster: true, presence: true });
    bob.sends`<presence type='subscribed' to='${a.jid}'/>`;
    await bob.set(x`<query xmlns='${NS.roster}'><item jid='${a.jid}' name='Al'/></query>`);
    expect((await items(bob)).map((i) => [i.attr('name'), i.attr('approved')])).toEqual([['Al', 'true']]);
    await bob.set(x`<query xmlns='${NS.roster}'><item jid='${a.jid}' subscription='remove'/></query>`);
    alice.sends`<presence type='subscribe' to='${b.jid}'/>`;
    await bob.pick(x`<presence type='subscribe' from='${a.jid}'/>`);
    bob.sends`<presence type='subscribed' to='${a.jid}'/>`;
    await alice.pick(x`<presence type='subscribed' from='${b.jid}'/>`);
    bob.sends`<presence type='subscribed' to='${a.jid}'/>`;
    expect((await items(bob)).map((i) => [i.attr('subscription'), i.attr('approved')])).toEqual([['from', undefined]]);
  });
});
