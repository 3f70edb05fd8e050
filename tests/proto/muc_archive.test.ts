// A room's archive (XEP-0313 section 5.1): who may read how much of it, and what it tells of people.

import { describe, expect, test } from 'vitest';
import {
  affiliate,
  ask,
  bodies,
  type Client,
  configuring,
  enter,
  everything,
  makeRoom,
  NS,
  page,
  ROOM_OWNER,
  roomInfo,
  roomName,
  say,
  submitting,
  USER,
  useServer,
  x,
} from './harness/index.ts';

const stage = useServer();

const refusedTo = async (c: Client, room: string, type: string, condition: string) =>
  c.fails(ask(c, { to: room }), type, condition);

describe('what was said', () => {
  test('is there, page by page, under the ids that it was told with; private messages and presence are not', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al');
    await enter(bob, room, 'Bob');
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) ids.push((await say(i % 2 ? bob : alice, room, `m${i}`)).at('stanza-id').need('id'));
    bob.send(x`<message type='chat' to='${`${room}/Al`}'><body>psst</body></message>`);
    await alice.pick(x`<message type='chat' from='${room}/Bob'/>`);
    expect(await roomInfo(alice, room)).toContain(NS.mam);
    const all = await everything(bob, { to: room, max: 3 });
    expect(bodies(all)).toEqual(['m0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6']);
    expect(all.map((a) => a.id)).toEqual(ids);
    expect(all.map((a) => a.message.attr('from'))).toEqual(ids.map((_, i) => `${room}/${i % 2 ? 'Bob' : 'Al'}`));
    const last = await page(bob, { to: room, before: '', max: 2 });
    expect(bodies(last.results)).toEqual(['m5', 'm6']);
    const named = await page(bob, { to: room, fields: { ids: [ids[2]!, ids[4]!] } });
    expect(bodies(named.results)).toEqual(['m2', 'm4']);
    const found = await page(bob, { to: room, fields: { '{urn:xmpp:fulltext:0}fulltext': 'm3' } });
    expect(bodies(found.results)).toEqual(['m3']);
    const metadata = (await bob.get(`<metadata xmlns='${NS.mam}'/>`, room)).at('metadata');
    expect([metadata.at('start').attr('id'), metadata.at('end').attr('id')]).toEqual([ids[0], ids[6]]);
    // Ids of one archive are none of another.
    const other = await makeRoom(alice, 'Al');
    await bob.fails(ask(bob, { to: other, after: ids[0]! }), 'cancel', 'item-not-found');
    // Nothing of it is in anybody's own.
    expect(await everything(bob)).toEqual([]);
  });

  test('does not tell who is behind a nick: not by its rows, nor by asking for one', async () => {
    const [alice, bob, carol] = await stage.cast('alice', 'bob', 'carol');
    const room = await makeRoom(alice, 'Al', { whois: 'anyone' });
    await enter(bob, room, 'Bob');
    await enter(carol, room, 'Carol');
    await say(bob, room, 'open');
    const jids = async (c: Client) =>
      (await everything(c, { to: room })).map((a) => a.message.child('x', USER)?.at('item').attr('jid'));
    expect(await jids(carol)).toEqual([bob.bare]);
    await alice.set(configuring({ whois: 'moderators' }), room);
    await say(bob, room, 'closed');
    expect(await jids(carol)).toEqual([undefined, undefined]);
    expect(await jids(alice)).toEqual([bob.bare, undefined]);
    await carol.fails(ask(carol, { to: room, with: bob.bare }), 'cancel', 'feature-not-implemented');
  });

  test('is for who may come in, and in a room for members for them', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const open = await makeRoom(alice, 'Al');
    await say(alice, open, 'hello');
    expect(bodies(await everything(bob, { to: open }))).toEqual(['hello']);
    await alice.set(affiliate(bob.bare, 'outcast'), open);
    await refusedTo(bob, open, 'auth', 'forbidden');
    const closed = await makeRoom(alice, 'Al', { membersonly: '1' });
    await refusedTo(bob, closed, 'auth', 'forbidden');
    await alice.set(affiliate(bob.bare, 'member'), closed);
    expect(await everything(bob, { to: closed })).toEqual([]);
    const secret = await makeRoom(alice, 'Al', { passwordprotectedroom: '1', roomsecret: 'x' });
    await refusedTo(bob, secret, 'auth', 'forbidden');
    await enter(bob, secret, 'Bob', '<password>x</password>');
    expect(await everything(bob, { to: secret })).toEqual([]);
    await bob.fails(ask(bob, { to: roomName(bob) }), 'cancel', 'item-not-found');
  });

  test('before one became a member stays unseen where the room says so, by page, by id and by metadata', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = roomName(alice);
    await enter(alice, room, 'Al');
    await alice.set(
      `<query xmlns='${ROOM_OWNER}'>${submitting({ 'muc#roomconfig_membersonly': '1', '{urn:confab:rooms:0}past': 'joined' })}</query>`,
      room,
    );
    const before = (await say(alice, room, 'before')).at('stanza-id').need('id');
    await alice.set(affiliate(bob.bare, 'member'), room);
    const after = (await say(alice, room, 'after')).at('stanza-id').need('id');
    expect(bodies(await everything(bob, { to: room }))).toEqual(['after']);
    expect(bodies((await page(bob, { to: room, before: after })).results)).toEqual([]);
    await bob.fails(ask(bob, { to: room, fields: { ids: [before] } }), 'cancel', 'item-not-found');
    expect((await bob.get(`<metadata xmlns='${NS.mam}'/>`, room)).at('metadata', 'start').attr('id')).toBe(after);
    expect(bodies(await everything(alice, { to: room }))).toEqual(['before', 'after']);
  });
});
