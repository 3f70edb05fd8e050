// The whole subscription state machine: every state of RFC 6121 appendix A, every stanza, both directions.
//
// The tables are the RFC's. User and contact live on this server, so the contact's state mirrors the user's; a stanza
// that the user's side routes meets the inbound table of the mirrored state. Rows of the inbound table that this never
// reaches are those a sound server cannot send; that it does not send them is what the "must not route" rows check.

import { describe, expect, test } from 'vitest';
import { type Account, type Client, type El, NS, useServer, x } from './harness/index.ts';

const stage = useServer();

const STATES = ['none', 'none+out', 'none+in', 'none+out+in', 'to', 'to+in', 'from', 'from+out', 'both'] as const;
type State = (typeof STATES)[number];
const KINDS = ['subscribe', 'unsubscribe', 'subscribed', 'unsubscribed'] as const;
type Kind = (typeof KINDS)[number];

const MIRROR: Record<State, State> = {
  none: 'none',
  'none+out': 'none+in',
  'none+in': 'none+out',
  'none+out+in': 'none+out+in',
  to: 'from',
  'to+in': 'from+out',
  from: 'to',
  'from+out': 'to+in',
  both: 'both',
};

/** State -> [routed (A.2) or delivered (A.3)?, new state]. A missing row: no, and no change. */
type Table = Record<Kind, Partial<Record<State, [boolean, State]>>>;

// A.2.1 to A.2.4
const OUTBOUND: Table = {
  subscribe: {
    none: [true, 'none+out'],
    'none+out': [true, 'none+out'],
    'none+in': [true, 'none+out+in'],
    'none+out+in': [true, 'none+out+in'],
    to: [true, 'to'],
    'to+in': [true, 'to+in'],
    from: [true, 'from+out'],
    'from+out': [true, 'from+out'],
    both: [true, 'both'],
  },
  unsubscribe: {
    none: [true, 'none'],
    'none+out': [true, 'none'],
    'none+in': [true, 'none+in'],
    'none+out+in': [true, 'none+in'],
    to: [true, 'none'],
    'to+in': [true, 'none+in'],
    from: [true, 'from'],
    'from+out': [true, 'from'],
    both: [true, 'from'],
  },
  subscribed: {
    'none+in': [true, 'from'],
    'none+out+in': [true, 'from+out'],
    'to+in': [true, 'both'],
  },
  unsubscribed: {
    'none+in': [true, 'none'],
    'none+out+in': [true, 'none+out'],
    'to+in': [true, 'to'],
    from: [true, 'none'],
    'from+out': [true, 'none+out'],
    both: [true, 'to'],
  },
};

// A.3.1 to A.3.4
const INBOUND: Table = {
  subscribe: {
    none: [true, 'none+in'],
    'none+out': [true, 'none+out+in'],
    to: [true, 'to+in'],
  },
  unsubscribe: {
    'none+in': [true, 'none'],
    'none+out+in': [true, 'none+out'],
    'to+in': [true, 'to'],
    from: [true, 'none'],
    'from+out': [true, 'none+out'],
    both: [true, 'to'],
  },
  subscribed: {
    'none+out': [true, 'to'],
    'none+out+in': [true, 'to+in'],
    'from+out': [true, 'both'],
  },
  unsubscribed: {
    'none+out': [true, 'none'],
    'none+out+in': [true, 'none+in'],
    to: [true, 'none'],
    'to+in': [true, 'none+in'],
    'from+out': [true, 'from'],
    both: [true, 'from'],
  },
};

const look = (table: Table, kind: Kind, state: State): [boolean, State] => table[kind][state] ?? [false, state];

/** What a roster shows of a state; the pending-in part is hidden (2.1.2.2). */
function visible(state: State): string {
  const [subscription] = state.split('+');
  return state.includes('+out') ? `${subscription} ask` : subscription!;
}

function shown(item: El | undefined): string {
  if (!item) return 'none';
  return (item.attr('subscription') ?? 'none') + (item.attr('ask') === 'subscribe' ? ' ask' : '');
}

interface Pair {
  user: Client;
  contact: Client;
  userAccount: Account;
  contactAccount: Account;
}

async function say(from: Client, kind: Kind, to: Client): Promise<void> {
  from.sends`<presence type='${kind}' to='${to.bare}'/>`;
  await quiet(from, to);
}

/**
 * All that follows from what was sent is done, answers of the server of the other included. A subscription is written
 * down on both sides before it is seen, so the fences are messages that are written down, too: the first proves that
 * the sender's side is done, the second that the other's is. (delivery.test.ts asks for the order itself.)
 */
async function quiet(a: Client, b: Client): Promise<El[][]> {
  for (const [from, to] of [
    [a, b],
    [b, a],
    [a, b],
  ] as const) {
    for (let i = 0; i < 2; i++) {
      from.sends`<message to='${to}' type='chat' id='fence'><body>fence</body></message>`;
      await to.pick("<message type='chat' id='fence'/>");
    }
  }
  const aGot = await a.settle();
  return [aGot, await b.settle()];
}

/** Brings a fresh pair into the state, seen from the user. */
async function reach(state: State): Promise<Pair> {
  const [userAccount, contactAccount] = await stage.accounts('user', 'contact');
  const user = await stage.signIn(userAccount, { roster: true, presence: true });
  const contact = await stage.signIn(contactAccount, { roster: true, presence: true });
  const to = ['to', 'to+in', 'both'].includes(state);
  const from = ['from', 'from+out', 'both'].includes(state);
  if (to) {
    await say(user, 'subscribe', contact);
    await say(contact, 'subscribed', user);
  }
  if (from) {
    await say(contact, 'subscribe', user);
    await say(user, 'subscribed', contact);
  }
  if (state.includes('+out')) await say(user, 'subscribe', contact);
  if (state.includes('+in')) await say(contact, 'subscribe', user);
  await quiet(user, contact);
  return { user, contact, userAccount, contactAccount };
}

async function rosterItem(c: Client, jid: string): Promise<El | undefined> {
  const answer = await c.get(`<query xmlns='${NS.roster}'/>`);
  return answer
    .at('query')
    .all('item')
    .find((i) => i.attr('jid') === jid);
}

const subscriptionStanzas = (got: El[], from: string) =>
  got.filter(
    (e) =>
      e.name === 'presence' && (KINDS as readonly string[]).includes(e.attr('type') ?? '') && e.attr('from') === from,
  );

const pushes = (got: El[], jid: string) =>
  got.flatMap((e) => {
    const item = e.name === 'iq' && e.attr('type') === 'set' ? e.child('query', NS.roster)?.child('item') : undefined;
    return item?.attr('jid') === jid ? [item] : [];
  });

/** A request that waits is delivered again to a session that becomes available (3.1.3), and only then. */
async function checkState(c: Client, account: Account, other: string, state: State): Promise<void> {
  const item = await rosterItem(c, other);
  expect(shown(item)).toBe(visible(state));
  // "None + Pending In" alone makes no entry that anybody sees.
  const probe = await stage.signIn(account, { resource: 'probe' });
  probe.send('<presence/>');
  await probe.pick(x`<presence from='${probe}'/>`);
  const waits = state.includes('+in');
  if (waits) await probe.pick(x`<presence type='subscribe' from='${other}'/>`);
  expect(subscriptionStanzas(await probe.settle(), other)).toEqual([]);
  await probe.close();
}

test('the tables agree with themselves: both sides end in mirrored states', () => {
  for (const kind of KINDS) {
    for (const state of STATES) {
      const [routed, next] = look(OUTBOUND, kind, state);
      const other = MIRROR[state];
      const contactNext = routed ? look(INBOUND, kind, other)[1] : other;
      expect(MIRROR[next], `${kind} in ${state}`).toBe(contactNext);
    }
  }
});

describe.each(KINDS)('%s', (kind) => {
  test.each(STATES)('in the state %s', async (state) => {
    const { user, contact, userAccount, contactAccount } = await reach(state);
    const [routed, userNext] = look(OUTBOUND, kind, state);
    const mirrored = MIRROR[state];
    const [delivered, contactNext] = routed ? look(INBOUND, kind, mirrored) : [false, mirrored];

    user.sends`<presence type='${kind}' to='${contact.bare}' id='the-one'><status>${kind} with words</status></presence>`;
    const [userGot, contactGot] = (await quiet(user, contact)) as [El[], El[]];

    // The contact gets the stanza, stamped with the bare JID, if the tables say so.
    const arrived = subscriptionStanzas(contactGot, user.bare);
    expect(arrived.map((e) => e.attr('type'))).toEqual(delivered ? [kind] : []);
    for (const e of arrived) expect(e.need('to').split('/')[0]).toBe(contact.bare);

    // A subscribe to who has approved already is answered by the contact's server (A.3.1 note 2).
    const answers = subscriptionStanzas(userGot, contact.bare).map((e) => e.attr('type'));
    const auto = kind === 'subscribe' && routed && ['from', 'from+out', 'both'].includes(mirrored);
    // In "to" the user knows that already: the answer is not delivered (A.3.3).
    const expectAnswer = auto && look(INBOUND, 'subscribed', userNext)[0];
    expect(answers).toEqual(expectAnswer ? ['subscribed'] : []);

    // Pushes tell what changed, and the last one tells the truth.
    const userPushes = pushes(userGot, contact.bare);
    const contactPushes = pushes(contactGot, user.bare);
    if (visible(state) !== visible(userNext)) expect(shown(userPushes.at(-1))).toBe(visible(userNext));
    else expect(userPushes.map(shown).filter((s) => s !== visible(state))).toEqual([]);
    if (visible(mirrored) !== visible(contactNext)) expect(shown(contactPushes.at(-1))).toBe(visible(contactNext));
    else expect(contactPushes.map(shown).filter((s) => s !== visible(mirrored))).toEqual([]);

    await checkState(user, userAccount, contact.bare, userNext);
    await checkState(contact, contactAccount, user.bare, contactNext);
  });
});

describe('what comes with it', () => {
  test('approval shows the presence of every resource; the other way round nothing is seen', async () => {
    const { user, contact } = await reach('none+out');
    contact.sends`<presence type='subscribed' to='${user.bare}'/>`;
    const [userGot, contactGot] = (await quiet(user, contact)) as [El[], El[]];
    expect(
      userGot.filter((e) => e.name === 'presence' && e.attr('type') === undefined).map((e) => e.attr('from')),
    ).toEqual([contact.jid]);
    // First the approval, then the presence.
    const order = userGot.filter((e) => e.name === 'presence').map((e) => e.attr('type') ?? 'available');
    expect(order).toEqual(['subscribed', 'available']);
    expect(contactGot.filter((e) => e.name === 'presence')).toEqual([]);
  });

  test.each([
    ['the contact ends it', 'unsubscribed'],
    ['the user ends it', 'unsubscribe'],
  ] as const)('%s: the user sees unavailable', async (_name, kind) => {
    const { user, contact } = await reach('to');
    if (kind === 'unsubscribed') contact.sends`<presence type='unsubscribed' to='${user.bare}'/>`;
    else user.sends`<presence type='unsubscribe' to='${contact.bare}'/>`;
    const [userGot] = (await quiet(user, contact)) as [El[], El[]];
    expect(
      userGot.some((e) => e.name === 'presence' && e.attr('type') === 'unavailable' && e.attr('from') === contact.jid),
    ).toBe(true);
    contact.send('<presence><show>away</show></presence>');
    await contact.pick(x`<presence from='${contact}'><show>away</show></presence>`);
    await user.receivesNothing(contact);
  });

  test('removing a contact ends both directions (2.5.2)', async () => {
    const { user, contact } = await reach('both');
    await user.set(x`<query xmlns='${NS.roster}'><item jid='${contact.bare}' subscription='remove'/></query>`);
    const [userGot, contactGot] = (await quiet(user, contact)) as [El[], El[]];
    expect(pushes(userGot, contact.bare).at(-1)?.attr('subscription')).toBe('remove');
    expect(
      subscriptionStanzas(contactGot, user.bare)
        .map((e) => e.attr('type'))
        .sort(),
    ).toEqual(['unsubscribe', 'unsubscribed']);
    expect(shown(pushes(contactGot, user.bare).at(-1))).toBe('none');
    expect(await rosterItem(user, contact.bare)).toBeUndefined();
    expect(shown(await rosterItem(contact, user.bare))).toBe('none');
  });

  test('the stanza may name a full JID: the bare one is meant (3.1.2)', async () => {
    const { user, contact } = await reach('none');
    user.sends`<presence type='subscribe' to='${contact}'/>`;
    const got = await contact.pick(x`<presence type='subscribe' from='${user.bare}'/>`);
    expect(got.need('to').split('/')[0]).toBe(contact.bare);
  });

  test('asking nobody is refused or ignored, and leaves the request open', async () => {
    const [a] = await stage.accounts('user');
    const user = await stage.signIn(a, { roster: true, presence: true });
    const nobody = stage.nobody();
    user.sends`<presence type='subscribe' to='${nobody}'/>`;
    const got = await user.settle();
    const answers = got.filter((e) => e.name === 'presence').map((e) => e.attr('type'));
    // 8.5.1: ignored; a server may say unsubscribed at once, as 3.1.3 allows.
    expect([[], ['unsubscribed']]).toContainEqual(answers);
  });

  test('nobody can subscribe to oneself', async () => {
    const [a] = await stage.accounts('user');
    const user = await stage.signIn(a, { roster: true, presence: true });
    user.sends`<presence type='subscribe' to='${user.bare}'/>`;
    const got = await user.settle();
    expect(pushes(got, user.bare)).toEqual([]);
    expect(await rosterItem(user, user.bare)).toBeUndefined();
  });

  test.each(KINDS)('%s without an address is to oneself: nothing comes of it', async (kind) => {
    const [a] = await stage.accounts('user');
    const user = await stage.signIn(a, { roster: true, presence: true });
    user.sends`<presence type='${kind}'/>`;
    const got = await user.settle();
    expect(got.filter((e) => e.name !== 'iq' || e.attr('type') === 'set')).toEqual([]);
  });
});

describe('requests that wait', () => {
  test('are kept with all they contain, and delivered at each sign-in until they are answered', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { presence: true });
    alice.sends`<presence type='subscribe' to='${b.jid}' id='r1'><status>it is me, from the café</status><nick xmlns='http://jabber.org/protocol/nick'>Ally</nick></presence>`;
    await alice.ping();
    for (let i = 0; i < 2; i++) {
      const bob = await stage.signIn(b, { presence: true });
      await bob.pick(
        x`<presence type='subscribe' from='${a.jid}' to='${b.jid}'><status>it is me, from the café</status><nick xmlns='http://jabber.org/protocol/nick'>Ally</nick></presence>`,
      );
      await bob.close();
    }
    const bob = await stage.signIn(b, { presence: true });
    bob.sends`<presence type='unsubscribed' to='${a.jid}'/>`;
    await bob.ping();
    await bob.close();
    const again = await stage.signIn(b, { presence: true });
    expect(subscriptionStanzas(await again.settle(), a.jid)).toEqual([]);
  });

  test('go to every available resource', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a);
    const one = await stage.signIn(b, { resource: 'one', presence: true });
    const two = await stage.signIn(b, { resource: 'two', presence: true });
    const silent = await stage.signIn(b, { resource: 'silent' });
    alice.sends`<presence type='subscribe' to='${b.jid}'/>`;
    await one.pick(x`<presence type='subscribe' from='${a.jid}'/>`);
    await two.pick(x`<presence type='subscribe' from='${a.jid}'/>`);
    await silent.receivesNothing(alice);
  });

  test('outlive a crash', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { sm: true });
    alice.sends`<presence type='subscribe' to='${b.jid}'><status>still there?</status></presence>`;
    await alice.allAcked();
    await stage.server.restart('SIGKILL');
    const bob = await stage.signIn(b, { presence: true });
    await bob.pick(x`<presence type='subscribe' from='${a.jid}'><status>still there?</status></presence>`);
    const back = await stage.signIn(a);
    expect(shown(await rosterItem(back, b.jid))).toBe('none ask');
  });
});
