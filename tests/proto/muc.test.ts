// Rooms (XEP-0045): what one does as an occupant (sections 6 and 7).

import { describe, expect, test } from 'vitest';
import {
  type Client,
  codes,
  type El,

  configuring,
  enter,
  entering,
  giveRole,
  affiliate,
  MUC,
  makeRoom,
  NS,
  ROOM_OWNER,
  roomInfo,
  roomIsSilent,
  roomItem,
  roomName,
  roomSettled,
  say,
  says,
  standing,
  submitting,
  USER,
  useServer,
  x,
} from './harness/index.ts';
import { PUBSUB } from './harness/pep.ts';

const stage = useServer();

/** Refused at the door. */
async function refused(c: Client, room: string, type: string, condition: string): Promise<void> {
  const el = await c.pick(x`<presence type='error' from='~${room}(/.*)?'/>`);
  await c.fails(el, type, condition);
}

/** What a message is refused with. */
async function messageRefused(c: Client, type: string, condition: string): Promise<void> {
  await c.fails(await c.pick(x`<message type='error'/>`), type, condition);
}

describe('making a room (10.1)', () => {
  test('the first who enters makes it; until it says what it shall be nobody else comes in', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = roomName(alice);
    const { self, others, history, subject } = await enter(alice, room, 'Al');
    expect(codes(self).sort()).toEqual(['110', '201']);
    expect(standing(self)).toBe(`owner/moderator ${alice.jid}`);
    expect(others).toEqual([]);
    expect(history).toEqual([]);
    expect(subject.at('subject').text).toBe('');
    bob.send(entering(room, 'Bob'));
    await refused(bob, room, 'cancel', 'item-not-found');
    await alice.set(`<query xmlns='${ROOM_OWNER}'><x xmlns='jabber:x:data' type='submit'/></query>`, room);
    const came = await enter(bob, room, 'Bob');
    expect(came.others.map(standing)).toEqual(['owner/moderator']);
    expect(standing(came.self)).toBe(`none/participant ${bob.jid}`);
    const seen = await alice.receives`<presence from='${room}/Bob'/>`;
    expect(standing(seen)).toBe(`none/participant ${bob.jid}`);
  });

  test('cancelled, it never was; left before it was made, neither', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = roomName(alice);
    await enter(alice, room, 'Al');
    await alice.set(`<query xmlns='${ROOM_OWNER}'><x xmlns='jabber:x:data' type='cancel'/></query>`, room);
    await alice.receives`<presence type='unavailable' from='${room}/Al'/>`;
    await enter(alice, room, 'Al');
    alice.sends`<presence type='unavailable' to='${room}/Al'/>`;
    await alice.receives`<presence type='unavailable' from='${room}/Al'/>`;
    const { self } = await enter(bob, room, 'Bob');
    expect(standing(self)).toBe(`owner/moderator ${bob.jid}`);
  });

  test('with settings (10.1.3), which are what it says it is (6.4)', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = roomName(alice);
    await enter(alice, room, 'Al');
    const form = (await alice.get(`<query xmlns='${ROOM_OWNER}'/>`, room)).at('query', 'x');
    const vars = form.elements().map((f) => f.attr('var'));
    for (const v of ['roomname', 'membersonly', 'moderatedroom', 'whois', 'publicroom', 'presencebroadcast'])
      expect(vars).toContain(`muc#roomconfig_${v}`);
    await alice.fails(alice.iq('set', configuring({ whois: 'nobody' }), room), 'modify', 'not-acceptable');
    await alice.set(configuring({ roomname: 'Tea & biscuits', publicroom: '1', moderatedroom: '1', whois: 'anyone' }), room);
    const features = await roomInfo(bob, room);
    for (const f of [MUC, 'muc_public', 'muc_moderated', 'muc_open', 'muc_persistent', 'muc_nonanonymous'])
      expect(features).toContain(f);
    const info = (await bob.get(`<query xmlns='${NS.info}'/>`, room)).at('query');
    expect(info.at('identity').attr('name')).toBe('Tea & biscuits');
    const list = (await bob.get(`<query xmlns='${NS.items}'/>`, `groups.${stage.domain}`)).at('query');
    expect(list.elements().map((i) => `${i.attr('jid')} ${i.attr('name')}`)).toContain(`${room} Tea & biscuits`);
    await bob.fails(bob.iq('set', configuring({ publicroom: '0' }), room), 'auth', 'forbidden');
  });
});

describe('entering (7.2)', () => {
  test('who is not an admin does not see addresses where the room keeps them; others do', async () => {
    const [alice, bob, carol] = await stage.cast('alice', 'bob', 'carol');
    const room = await makeRoom(alice, 'Al');
    await enter(bob, room, 'Bob');
    const { others } = await enter(carol, room, 'Carol');
    expect(others.map(standing).sort()).toEqual(['none/participant', 'owner/moderator']);
    await bob.receives`<presence from='${room}/Carol'><occupant-id xmlns='urn:xmpp:occupant-id:0' id='*'/></presence>`;
    const open = await makeRoom(alice, 'Al', { whois: 'anyone' });
    const { self } = await enter(bob, open, 'Bob');
    expect(codes(self)).toContain('100');
    const { others: seen } = await enter(carol, open, 'Carol');
    expect(seen.map(standing).sort()).toEqual([`none/participant ${bob.jid}`, `owner/moderator ${alice.jid}`]);
  });

  test('without a nick, without being there, to what is not there', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al');
    bob.send(x`<presence to='${room}'><x xmlns='${MUC}'/></presence>`);
    await refused(bob, room, 'modify', 'jid-malformed');
    bob.sends`<presence to='${room}/Bob'/>`;
    await refused(bob, room, 'modify', 'not-acceptable');
    bob.send(says(room, 'hello?'));
    await messageRefused(bob, 'modify', 'not-acceptable');
    bob.send(says(roomName(bob), 'hello?'));
    await messageRefused(bob, 'cancel', 'item-not-found');
    await bob.fails(bob.iq('get', `<query xmlns='${NS.info}'/>`, roomName(bob)), 'cancel', 'item-not-found');
  });

  test('a nick that somebody else has (7.2.8), or has reserved (7.10)', async () => {
    const [alice, bob, carol] = await stage.cast('alice', 'bob', 'carol');
    const room = await makeRoom(alice, 'Al');
    bob.send(entering(room, 'Al'));
    await refused(bob, room, 'cancel', 'conflict');
    await enter(bob, room, 'Bob');
    await bob.set(
      `<query xmlns='jabber:iq:register'>${submitting({ 'muc#register_roomnick': 'Bobby' }, `${MUC}#register`)}</query>`,
      room,
    );
    carol.send(entering(room, 'Bobby'));
    await refused(carol, room, 'cancel', 'conflict');
    const got = (await bob.get("<query xmlns='jabber:iq:register'/>", room)).at('query');
    expect(got.at('username').text).toBe('Bobby');
  });

  test('a room for members (7.2.6), with a password (7.2.5), that is full (7.2.9), that has banned one (7.2.7)', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const closed = await makeRoom(alice, 'Al', { membersonly: '1' });
    bob.send(entering(closed, 'Bob'));
    await refused(bob, closed, 'auth', 'registration-required');
    const secret = await makeRoom(alice, 'Al', { passwordprotectedroom: '1', roomsecret: 'cauldron' });
    bob.send(entering(secret, 'Bob'));
    await refused(bob, secret, 'auth', 'not-authorized');
    bob.send(entering(secret, 'Bob', '<password>wrong</password>'));
    await refused(bob, secret, 'auth', 'not-authorized');
    await enter(bob, secret, 'Bob', '<password>cauldron</password>');
    const small = await makeRoom(alice, 'Al', { maxusers: '1' });
    bob.send(entering(small, 'Bob'));
    await refused(bob, small, 'cancel', 'service-unavailable');
    const hostile = await makeRoom(alice, 'Al');
    await alice.set(affiliate(bob.bare, 'outcast'), hostile);
    bob.send(entering(hostile, 'Bob'));
    await refused(bob, hostile, 'auth', 'forbidden');
  });

  test('on a second device: one occupant, one nick, and both get everything', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a);
    const desk = await stage.signIn(b, { resource: 'desk' });
    const phone = await stage.signIn(b, { resource: 'phone' });
    const room = await makeRoom(alice, 'Al');
    await enter(desk, room, 'Bob');
    await alice.receives`<presence from='${room}/Bob'/>`;
    const { self } = await enter(phone, room, 'Robert');
    expect(self.attr('from')).toBe(`${room}/Bob`);
    expect(codes(self)).toContain('210');
    await say(alice, room, 'hello');
    for (const c of [desk, phone]) await c.receives`<message type='groupchat' from='${room}/Al'><body>hello</body></message>`;
    desk.sends`<presence type='unavailable' to='${room}/Bob'/>`;
    await desk.receives`<presence type='unavailable' from='${room}/Bob'/>`;
    await roomSettled(desk, room);
    await roomIsSilent(alice, room);
    await phone.close();
    await alice.receives`<presence type='unavailable' from='${room}/Bob'/>`;
  });

  test('history: as much as one asks for (7.2.14), each with its time; the subject behind it', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al');
    for (const text of ['one', 'two', 'three']) await say(alice, room, text);
    alice.send(x`<message type='groupchat' to='${room}'><subject>Tea</subject></message>`);
    await alice.pick(x`<message type='groupchat'><subject>Tea</subject></message>`);
    const all = await enter(bob, room, 'Bob');
    expect(all.history.map((m) => m.at('body').text)).toEqual(['one', 'two', 'three']);
    for (const m of all.history) expect(m.child('delay', NS.delay)?.attr('stamp')).toBeTruthy();
    expect(all.subject.at('subject').text).toBe('Tea');
    expect(all.subject.attr('from')).toBe(`${room}/Al`);
    bob.sends`<presence type='unavailable' to='${room}/Bob'/>`;
    await bob.receives`<presence type='unavailable' from='${room}/Bob'/>`;
    const two = await enter(bob, room, 'Bob', "<history maxstanzas='2'/>");
    expect(two.history.map((m) => m.at('body').text)).toEqual(['two', 'three']);
    bob.sends`<presence type='unavailable' to='${room}/Bob'/>`;
    await bob.receives`<presence type='unavailable' from='${room}/Bob'/>`;
    expect((await enter(bob, room, 'Bob', "<history maxchars='0'/>")).history).toEqual([]);
  });
});

describe('talking (7.4)', () => {
  test('to all, in one order, with an id', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al');
    await enter(bob, room, 'Bob');
    await alice.receives`<presence from='${room}/Bob'/>`;
    const own = await say(alice, room, 'hello');
    const got = await bob.receives`<message type='groupchat' from='${room}/Al'><body>hello</body><stanza-id xmlns='urn:xmpp:sid:0' by='${room}' id='*'/></message>`;
    expect(got.at('stanza-id').need('id')).toBe(own.at('stanza-id').need('id'));
    for (let i = 0; i < 20; i++) {
      alice.send(says(room, `a${i}`));
      bob.send(says(room, `b${i}`));
    }
    const heard = async (c: Client) => {
      const list: string[] = [];
      for (let i = 0; i < 40; i++) list.push((await c.receives`<message type='groupchat'><body>*</body></message>`).at('body').text);
      return list;
    };
    const [one, two] = [await heard(alice), await heard(bob)];
    expect(one).toEqual(two);
    expect(one.filter((t) => t.startsWith('a'))).toEqual(Array.from({ length: 20 }, (_, i) => `a${i}`));
  });

  test('what only a room may say is taken out', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al');
    await enter(bob, room, 'Bob', '', `<x xmlns='${USER}'><item affiliation='owner'/></x>`);
    const seen = await alice.receives`<presence from='${room}/Bob'/>`;
    expect(seen.elements().filter((c) => c.ns === USER)).toHaveLength(1);
    expect(roomItem(seen).attr('affiliation')).toBe('none');
    bob.send(
      says(
        room,
        'forged',
        `<stanza-id xmlns='urn:xmpp:sid:0' by='${room}' id='1'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='2'/><delay xmlns='urn:xmpp:delay' stamp='2000-01-01T00:00:00Z'/><x xmlns='${USER}'><status code='104'/></x>`,
      ),
    );
    const got = await alice.receives`<message type='groupchat' _without='delay x'><body>forged</body></message>`;
    expect(got.elements().filter((c) => c.name === 'stanza-id')).toHaveLength(1);
    expect(got.elements().filter((c) => c.name === 'occupant-id')).toHaveLength(1);
    expect(got.at('occupant-id').need('id')).not.toBe('2');
  });

  test('privately (7.5), if the room lets one', async () => {
    const [alice, bob, carol] = await stage.cast('alice', 'bob', 'carol');
    const room = await makeRoom(alice, 'Al');
    await enter(bob, room, 'Bob');
    await enter(carol, room, 'Carol');
    bob.send(x`<message type='chat' to='${`${room}/Carol`}'><body>psst</body></message>`);
    await carol.receives`<message type='chat' from='${room}/Bob'><body>psst</body><x xmlns='${USER}'/></message>`;
    bob.send(x`<message type='chat' to='${`${room}/Nobody`}'><body>psst</body></message>`);
    await messageRefused(bob, 'cancel', 'item-not-found');
    await alice.set(configuring({ allowpm: 'none' }), room);
    bob.send(x`<message type='chat' to='${`${room}/Carol`}'><body>psst</body></message>`);
    await messageRefused(bob, 'auth', 'forbidden');
  });

  test('again after the connection was cut: said once, acknowledged', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { sm: true });
    const bob = await stage.signIn(b);
    const room = await makeRoom(bob, 'Bob');
    await enter(alice, room, 'Al');
    await bob.receives`<presence from='${room}/Al'/>`;
    const once = says(room, 'once', "<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>");
    alice.send(once);
    await bob.receives`<message type='groupchat'><body>once</body></message>`;
    alice.send(once);
    await alice.allAcked();
    await roomIsSilent(bob, room);
  });
});

describe('changing (7.6, 7.7), asking (6.5), leaving (7.14)', () => {
  test('another nick: gone as one, there as the other', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al');
    await enter(bob, room, 'Bob');
    await alice.receives`<presence from='${room}/Bob'/>`;
    bob.sends`<presence to='${room}/Robert'/>`;
    for (const c of [alice, bob]) {
      const gone = await c.receives`<presence type='unavailable' from='${room}/Bob'/>`;
      expect(codes(gone)).toContain('303');
      expect(roomItem(gone).attr('nick')).toBe('Robert');
      await c.receives`<presence from='${room}/Robert'/>`;
    }
    bob.sends`<presence to='${room}/Al'/>`;
    await refused(bob, room, 'cancel', 'conflict');
  });

  test('availability is for all to see; so is the end of a session', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al');
    await enter(bob, room, 'Bob');
    await alice.receives`<presence from='${room}/Bob'/>`;
    bob.sends`<presence to='${room}/Bob'><show>xa</show><status>tea</status></presence>`;
    await alice.receives`<presence from='${room}/Bob'><show>xa</show><status>tea</status></presence>`;
    bob.kill();
    await alice.receives`<presence type='unavailable' from='${room}/Bob'/>`;
  });

  test('am I still there (XEP-0410)?', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al');
    const ping = "<ping xmlns='urn:xmpp:ping'/>";
    await alice.get(ping, `${room}/Al`);
    await bob.fails(bob.iq('get', ping, `${room}/Bob`), 'modify', 'not-acceptable');
    expect(await roomInfo(alice, room)).toContain(`${MUC}#self-ping-optimization`);
  });

  test('who is there is said to who is there, in pages', async () => {
    const [alice, bob, carol] = await stage.cast('alice', 'bob', 'carol');
    const room = await makeRoom(alice, 'Al');
    const nicks = async (c: Client, set = '') =>
      (await c.get(`<query xmlns='${NS.items}'>${set}</query>`, room))
        .at('query')
        .elements()
        .filter((i) => i.name === 'item')
        .map((i) => i.need('jid').split('/')[1]);
    await enter(bob, room, 'Bob');
    expect(await nicks(carol)).toEqual([]);
    await enter(carol, room, 'Carol');
    expect(await nicks(carol)).toEqual(['Al', 'Bob', 'Carol']);
    const rsm = (inside: string) => `<set xmlns='http://jabber.org/protocol/rsm'>${inside}</set>`;
    expect(await nicks(carol, rsm('<max>2</max>'))).toEqual(['Al', 'Bob']);
    expect(await nicks(carol, rsm('<max>2</max><after>Bob</after>'))).toEqual(['Carol']);
  });
});

describe('being brought in (7.8)', () => {
  test('a mediated invitation; it waits for who is away; declining', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a);
    const room = await makeRoom(alice, 'Al');
    const invite = x`<message to='${room}'><x xmlns='${USER}'><invite to='${b.jid}'><reason>Tea?</reason></invite></x></message>`;
    alice.send(invite);
    await roomSettled(alice, room);
    const bob = await stage.signIn(b, { presence: true });
    await bob.pick(
      x`<message from='${room}'><body>${`${a.jid} invites you to the group ${room}`}</body><x xmlns='${USER}'><invite from='${a.jid}'><reason>Tea?</reason></invite></x><x xmlns='jabber:x:conference' jid='${room}'/></message>`,
    );
    bob.send(x`<message to='${room}'><x xmlns='${USER}'><decline to='${a.jid}'><reason>No</reason></decline></x></message>`);
    await alice.pick(x`<message from='${room}'><x xmlns='${USER}'><decline from='${b.jid}'><reason>No</reason></decline></x></message>`);
  });

  test('into a room for members: the invited becomes one, and may come in', async () => {
    const [alice, bob, carol] = await stage.cast('alice', 'bob', 'carol');
    const room = await makeRoom(alice, 'Al', { membersonly: '1' });
    alice.send(x`<message to='${room}'><x xmlns='${USER}'><invite to='${bob.bare}'/></x></message>`);
    await roomSettled(alice, room);
    expect(standing((await enter(bob, room, 'Bob')).self)).toBe(`member/participant ${bob.jid}`);
    bob.send(x`<message to='${room}'><x xmlns='${USER}'><invite to='${carol.bare}'/></x></message>`);
    await messageRefused(bob, 'auth', 'forbidden');
  });
});

describe('a voice (7.13, 8.6)', () => {
  test('asked for, and given', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al', { moderatedroom: '1' });
    expect(standing((await enter(bob, room, 'Bob')).self)).toMatch(/^none\/visitor/);
    await alice.receives`<presence from='${room}/Bob'/>`;
    bob.send(says(room, 'may I?'));
    await messageRefused(bob, 'auth', 'forbidden');
    bob.send(x`<message to='${room}'>` + submitting({ 'muc#role': 'participant' }, `${MUC}#request`) + '</message>');
    await alice.receives`<message from='${room}'><x xmlns='jabber:x:data' type='form'/></message>`;
    alice.send(
      x`<message to='${room}'>` +
        submitting({ 'muc#role': 'participant', 'muc#roomnick': 'Bob', 'muc#request_allow': 'true' }, `${MUC}#request`) +
        '</message>',
    );
    for (const c of [alice, bob]) expect(roomItem(await c.receives`<presence from='${room}/Bob'/>`).attr('role')).toBe('participant');
    bob.send(says(room, 'thanks'));
    await alice.receives`<message type='groupchat' from='${room}/Bob'><body>thanks</body></message>`;
  });
});

describe('what one is not given', () => {
  test('a voice by registering in a moderated room; the subject of a room that is for others', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al', { moderatedroom: '1' });
    await enter(bob, room, 'Bob');
    const register = `<query xmlns='jabber:iq:register'>${submitting({ 'muc#register_roomnick': 'Bob' }, `${MUC}#register`)}</query>`;
    await bob.set(register, room);
    bob.send(says(room, 'hm'));
    await messageRefused(bob, 'auth', 'forbidden');
    const closed = await makeRoom(alice, 'Al', { membersonly: '1' });
    alice.send(x`<message type='groupchat' to='${closed}'><subject>Secret</subject></message>`);
    await alice.pick(x`<message type='groupchat' from='${closed}/Al'><subject>Secret</subject></message>`);
    expect(String(await bob.get(`<query xmlns='${NS.info}'/>`, closed))).not.toContain('Secret');
    expect(String(await alice.get(`<query xmlns='${NS.info}'/>`, closed))).toContain('Secret');
  });
});

describe('limits', () => {
  test('invitations: a hundred at once, not more', async () => {
    const [alice] = await stage.cast('alice');
    const room = await makeRoom(alice, 'Al');
    const invites = Array.from({ length: 101 }, (_, i) => x`<invite to='${`nobody${i}@${stage.domain}`}'/>`).join('');
    alice.send(x`<message to='${room}'><x xmlns='${USER}'>` + `${invites}</x></message>`);
    await messageRefused(alice, 'modify', 'policy-violation');
  });

  test('a presence that is too large for a room; a reason that is; history within its bytes', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al');
    bob.send(entering(room, 'Bob', '', `<status>${'x'.repeat(9000)}</status>`));
    await refused(bob, room, 'modify', 'policy-violation');
    await enter(bob, room, 'Bob');
    await alice.set(giveRole('Bob', 'none', `<reason>${'ä'.repeat(700)}</reason>`), room);
    expect(roomItem(await bob.pick(x`<presence type='unavailable' from='${room}/Bob'/>`)).child('reason')).toBeUndefined();
    alice.send(x`<message type='groupchat' to='${room}'><subject>${'s'.repeat(5000)}</subject></message>`);
    await messageRefused(alice, 'modify', 'policy-violation');
    for (let i = 0; i < 4; i++) await say(alice, room, `${i}${'y'.repeat(100_000)}`);
    const { history } = await enter(bob, room, 'Bob');
    expect(history.map((m) => m.at('body').text[0])).toEqual(['2', '3']);
  });
});

describe('moderating (8)', () => {
  test('the subject (8.1): by moderators, or by all where the room says so', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al');
    await enter(bob, room, 'Bob');
    const subject = x`<message type='groupchat' to='${room}'><subject>Mine</subject></message>`;
    bob.send(subject);
    await messageRefused(bob, 'auth', 'forbidden');
    await alice.set(configuring({ changesubject: '1' }), room);
    bob.send(subject);
    await bob.pick(x`<message type='groupchat' from='${room}/Bob'><subject>Mine</subject></message>`);
  });

  test('kicking (8.2): out, with why and by whom; not one who is more than oneself', async () => {
    const [alice, bob, carol] = await stage.cast('alice', 'bob', 'carol');
    const room = await makeRoom(alice, 'Al');
    await enter(bob, room, 'Bob');
    await enter(carol, room, 'Carol');
    await carol.fails(carol.iq('set', giveRole('Bob', 'none'), room), 'auth', 'forbidden');
    await alice.set(giveRole('Carol', 'moderator'), room);
    await carol.fails(carol.iq('set', giveRole('Al', 'none'), room), 'cancel', 'not-allowed');
    await alice.set(giveRole('Bob', 'none', '<reason>Enough</reason>'), room);
    const out = await bob.pick(x`<presence type='unavailable' from='${room}/Bob'/>`);
    expect(codes(out).sort()).toEqual(['110', '307']);
    expect(roomItem(out).at('reason').text).toBe('Enough');
    expect(roomItem(out).at('actor').attr('nick')).toBe('Al');
    const seen = await carol.pick(x`<presence type='unavailable' from='${room}/Bob'/>`);
    expect(codes(seen)).toEqual(['307']);
    bob.send(says(room, 'still here'));
    await messageRefused(bob, 'modify', 'not-acceptable');
  });

  test('voices (8.3, 8.4)', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al');
    await enter(bob, room, 'Bob');
    await alice.set(giveRole('Bob', 'visitor'), room);
    expect(roomItem(await bob.receives`<presence from='${room}/Bob'/>`).attr('role')).toBe('visitor');
    bob.send(says(room, 'hm'));
    await messageRefused(bob, 'auth', 'forbidden');
    await alice.set(giveRole('Bob', 'participant'), room);
    await bob.receives`<presence from='${room}/Bob'/>`;
    const list = (await alice.get(`<query xmlns='${MUC}#admin'><item role='participant'/></query>`, room)).at('query');
    expect(list.elements().map((i) => `${i.attr('nick')} ${i.attr('jid')}`)).toEqual([`Bob ${bob.bare}`]);
  });
});

describe('administering (9) and owning (10)', () => {
  test('a ban (9.1), of a domain too; the list (9.2); lifting it', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al');
    await enter(bob, room, 'Bob');
    await alice.set(affiliate(bob.bare, 'outcast', '<reason>Spam</reason>'), room);
    const out = await bob.receives`<presence type='unavailable' from='${room}/Bob'/>`;
    expect(codes(out)).toContain('301');
    const list = (await alice.get(`<query xmlns='${MUC}#admin'><item affiliation='outcast'/></query>`, room)).at('query');
    expect(list.elements().map((i) => `${i.attr('jid')} ${i.at('reason').text}`)).toEqual([`${bob.bare} Spam`]);
    await bob.fails(bob.iq('get', `<query xmlns='${MUC}#admin'><item affiliation='outcast'/></query>`, room), 'auth', 'forbidden');
    await alice.set(affiliate(bob.bare, 'none'), room);
    await enter(bob, room, 'Bob');
    await alice.set(affiliate(stage.domain, 'outcast'), room);
    await bob.pick(x`<presence type='unavailable' from='${room}/Bob'/>`);
    bob.send(entering(room, 'Bob'));
    await refused(bob, room, 'auth', 'forbidden');
  });

  test('members (9.3 to 9.5), moderators and admins (9.6 to 10.8): who is brought in, raised, lowered', async () => {
    const [alice, bob, carol] = await stage.cast('alice', 'bob', 'carol');
    const room = await makeRoom(alice, 'Al');
    await enter(bob, room, 'Bob');
    await alice.set(affiliate(bob.bare, 'admin'), room);
    expect(standing(await bob.receives`<presence from='${room}/Bob'/>`)).toMatch(/^admin\/moderator/);
    await bob.set(affiliate(carol.bare, 'member'), room);
    await bob.receives`<message from='${room}'><x xmlns='${USER}'><item jid='${carol.bare}' affiliation='member'/></x></message>`;
    await bob.fails(bob.iq('set', affiliate(carol.bare, 'admin'), room), 'cancel', 'not-allowed');
    await bob.fails(bob.iq('set', affiliate(alice.bare, 'none'), room), 'cancel', 'not-allowed');
    await alice.set(affiliate(bob.bare, 'none'), room);
    expect(standing(await bob.receives`<presence from='${room}/Bob'/>`)).toMatch(/^none\/participant/);
  });

  test('the last owner stays', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al');
    await alice.fails(alice.iq('set', affiliate(alice.bare, 'admin'), room), 'cancel', 'conflict');
    await alice.set(affiliate(bob.bare, 'owner'), room);
    await alice.set(affiliate(alice.bare, 'none'), room);
    await bob.fails(bob.iq('set', affiliate(bob.bare, 'none'), room), 'cancel', 'conflict');
  });

  test('nobody is named twice in one request: so no owner is counted who is none in the end', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al');
    const items = (...list: [string, string][]) =>
      `<query xmlns='${MUC}#admin'>${list.map(([jid, a]) => x`<item jid='${jid}' affiliation='${a}'/>`).join('')}</query>`;
    const trick = items([bob.bare, 'owner'], [bob.bare, 'none'], [alice.bare, 'none']);
    await alice.fails(alice.iq('set', trick, room), 'modify', 'bad-request');
    const nicks = `<query xmlns='${MUC}#admin'>${[alice, bob].map((c) => x`<item jid='${c.bare}' affiliation='owner' nick='Same'/>`).join('')}</query>`;
    await alice.fails(alice.iq('set', nicks, room), 'modify', 'bad-request');
    const long = x`<item jid='${bob.bare}' affiliation='member' nick='${'n'.repeat(70_000)}'/>`;
    await alice.fails(alice.iq('set', `<query xmlns='${MUC}#admin'>${long}</query>`, room), 'modify', 'bad-request');
    await alice.set(items([bob.bare, 'owner'], [alice.bare, 'none']), room);
    expect(standing((await enter(bob, room, 'Bob')).self)).toMatch(/^owner/);
  });

  test('settings that change who may be there (10.2): told, and strangers go', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al');
    await enter(bob, room, 'Bob');
    await alice.set(configuring({ whois: 'anyone' }), room);
    expect(codes(await bob.pick(x`<message type='groupchat' from='${room}'/>`))).toEqual(['104', '172']);
    await alice.set(configuring({ membersonly: '1' }), room);
    expect(codes(await bob.pick(x`<presence type='unavailable' from='${room}/Bob'/>`))).toContain('322');
  });

  test('the end (10.9): told with where to go; the name is free, nothing is left', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al');
    await enter(bob, room, 'Bob');
    await say(alice, room, 'last words');
    await bob.pick(x`<message type='groupchat'><body>last words</body></message>`);
    const destroy = `<query xmlns='${ROOM_OWNER}'><destroy jid='elsewhere@groups.${stage.domain}'><reason>Moved</reason></destroy></query>`;
    await bob.fails(bob.iq('set', destroy, room), 'auth', 'forbidden');
    await alice.set(destroy, room);
    const end = await bob.pick(x`<presence type='unavailable' from='${room}/Bob'><x xmlns='${USER}'><destroy jid='elsewhere@groups.${stage.domain}'><reason>Moved</reason></destroy></x></presence>`);
    expect(standing(end)).toBe(`none/none ${bob.jid}`);
    const anew = await enter(bob, room, 'Bob');
    expect(standing(anew.self)).toMatch(/^owner/);
    expect(anew.history).toEqual([]);
  });
});

describe('what lasts', () => {
  test('a restart loses nothing: settings, people, what was said', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    let alice = await stage.signIn(a);
    const room = await makeRoom(alice, 'Al', { roomname: 'Lasting', membersonly: '1' });
    await alice.set(affiliate(b.jid, 'member'), room);
    await say(alice, room, 'kept');
    alice.send(x`<message type='groupchat' to='${room}'><subject>Still</subject></message>`);
    await alice.pick(x`<message type='groupchat'><subject>Still</subject></message>`);
    await stage.server.restart();
    const bob = await stage.signIn(b);
    const { self, history, subject } = await enter(bob, room, 'Bob');
    expect(standing(self)).toMatch(/^member/);
    expect(history.map((m) => m.at('body').text)).toEqual(['kept']);
    expect(subject.at('subject').text).toBe('Still');
    alice = await stage.signIn(a);
    expect(standing((await enter(alice, room, 'Al')).self)).toMatch(/^owner/);
  });

  test('a room that is not to stay goes with the last who leaves', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = await makeRoom(alice, 'Al', { persistentroom: '0' });
    alice.sends`<presence type='unavailable' to='${room}/Al'/>`;
    await alice.receives`<presence type='unavailable' from='${room}/Al'/>`;
    expect(standing((await enter(bob, room, 'Bob')).self)).toMatch(/^owner/);
  });
});

describe('groups (decision 019)', () => {
  const bookmarks = async (c: Client): Promise<El[]> => {
    const got = await c.iq('get', `<pubsub xmlns='${PUBSUB}'><items node='urn:xmpp:bookmarks:1'/></pubsub>`);
    return got.attr('type') === 'error' ? [] : got.at('pubsub', 'items').elements();
  };
  /** The bookmark comes (or goes) by itself, some time after its cause. */
  async function listed(c: Client, ...rooms: string[]): Promise<El[]> {
    for (;;) {
      const list = await bookmarks(c);
      if (list.map((i) => i.need('id')).join() === rooms.join()) return list;
      await c.ping();
    }
  }

  test('who belongs to one has it in the bookmarks, brought in by a contact; not who left, nor when it is gone', async () => {
    const [a, b, m] = await stage.accounts('alice', 'bob', 'mallory');
    await stage.befriend(a, b);
    const [alice, bob, mallory] = [await stage.signIn(a), await stage.signIn(b, { presence: true }), await stage.signIn(m)];
    const room = await makeRoom(alice, 'Al', { membersonly: '1', roomname: 'Family' });
    await listed(alice, room);
    await alice.set(affiliate(bob.bare, 'member'), room);
    const [item] = await listed(bob, room);
    const conference = item!.at('conference');
    expect([conference.attr('name'), conference.attr('autojoin')]).toEqual(['Family', 'true']);
    // Of a stranger it is an invitation.
    const theirs = await makeRoom(mallory, 'M', { membersonly: '1' });
    await mallory.set(affiliate(bob.bare, 'member'), theirs);
    await bob.pick(x`<message from='${theirs}'><x xmlns='${USER}'><invite from='${mallory.bare}'/></x></message>`);
    await listed(bob, room);
    await bob.set("<query xmlns='jabber:iq:register'><remove/></query>", room);
    await listed(bob);
    await alice.set(affiliate(bob.bare, 'member'), room);
    await listed(bob, room);
    await alice.set(`<query xmlns='${ROOM_OWNER}'><destroy/></query>`, room);
    await listed(bob);
    await listed(alice);
  });

  test('new members may be kept from the past', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const room = roomName(alice);
    await enter(alice, room, 'Al');
    await alice.set(
      `<query xmlns='${ROOM_OWNER}'>${submitting({ 'muc#roomconfig_membersonly': '1', '{urn:confab:rooms:0}past': 'joined' })}</query>`,
      room,
    );
    await say(alice, room, 'before');
    await alice.set(affiliate(bob.bare, 'member'), room);
    await say(alice, room, 'after');
    expect((await enter(bob, room, 'Bob')).history.map((h) => h.at('body').text)).toEqual(['after']);
  });
});
