// The whole delivery table of RFC 6121 section 8: kind x type x what is there at the address.

import { describe, expect, test } from 'vitest';
import { type Account, type Client, type El, NS, useServer, x } from './harness/index.ts';

const stage = useServer();

const TYPES = ['normal', 'chat', 'groupchat', 'headline', 'error'] as const;
type MessageType = (typeof TYPES)[number];

const ERROR = `<error type='cancel'><feature-not-implemented xmlns='${NS.stanzas}'/></error>`;

function message(type: MessageType, to: string): string {
  return (
    x`<message type='${type}' to='${to}' id='it'><body>${type}</body>` + `${type === 'error' ? ERROR : ''}</message>`
  );
}

const messages = (got: El[]) => got.filter((e) => e.name === 'message' && e.attr('id') === 'it');
const delivered = (got: El[], from: string) => messages(got).filter((e) => e.attr('from') === from).length;
const bounced = (got: El[]) =>
  messages(got)
    .find((e) => e.attr('type') === 'error' && e.child('error'))
    ?.at('error')
    .elements()[0]?.name;

interface Cast {
  sender: Client;
  account: Account;
  resources: Client[];
}

/** A recipient with one session for each entry: a priority, or null for one that is not available. */
async function recipient(...priorities: (number | null)[]): Promise<Cast> {
  const [s, account] = await stage.accounts('sender', 'recipient');
  const sender = await stage.signIn(s, { presence: true });
  const resources: Client[] = [];
  for (const [i, priority] of priorities.entries()) {
    resources.push(await stage.signIn(account, { resource: `r${i}`, ...(priority === null ? {} : { priority }) }));
  }
  for (const r of resources) await r.settle(...resources);
  return { sender, account, resources };
}

/** Sends and collects what everybody got. */
async function outcome(cast: Cast, xml: string): Promise<{ got: El[][]; back: El[] }> {
  cast.sender.send(xml);
  await cast.sender.ping();
  const got: El[][] = [];
  for (const r of cast.resources) got.push(await r.settle(cast.sender));
  return { got, back: await cast.sender.settle(...cast.resources) };
}

const countsOf = (got: El[][], from: string) => got.map((g) => delivered(g, from));

describe('to a bare JID with available resources (8.5.2.1)', () => {
  test.each(['normal', 'chat'] as const)('%s: to one resource', async (type) => {
    const cast = await recipient(0);
    const { got, back } = await outcome(cast, message(type, cast.account.jid));
    expect(countsOf(got, cast.sender.jid)).toEqual([1]);
    expect(back).toEqual([]);
    expect(messages(got[0]!)[0]!.need('to').split('/')[0]).toBe(cast.account.jid);
  });

  test.each(['normal', 'chat'] as const)(
    '%s: never to negative, always to the most available, never twice',
    async (type) => {
      const cast = await recipient(5, 1, -1, null);
      const { got, back } = await outcome(cast, message(type, cast.account.jid));
      const [high, low, negative, silent] = countsOf(got, cast.sender.jid);
      expect(high).toBe(1);
      expect(low).toBeLessThanOrEqual(1);
      expect(negative).toBe(0);
      expect(silent).toBe(0);
      expect(back).toEqual([]);
    },
  );

  test('chat: equals are all served, or one of them (8.5.2.1.1)', async () => {
    const cast = await recipient(1, 1);
    const { got } = await outcome(cast, message('chat', cast.account.jid));
    expect(countsOf(got, cast.sender.jid).reduce((a, b) => a + b)).toBeGreaterThanOrEqual(1);
  });

  test('headline: to all of non-negative priority', async () => {
    const cast = await recipient(5, 0, -1, null);
    const { got, back } = await outcome(cast, message('headline', cast.account.jid));
    expect(countsOf(got, cast.sender.jid)).toEqual([1, 1, 0, 0]);
    expect(back).toEqual([]);
  });

  test('groupchat: to nobody, an error', async () => {
    const cast = await recipient(0, 1);
    const { got, back } = await outcome(cast, message('groupchat', cast.account.jid));
    expect(countsOf(got, cast.sender.jid)).toEqual([0, 0]);
    expect(bounced(back)).toBe('service-unavailable');
  });

  test('error: to nobody, no answer', async () => {
    const cast = await recipient(0, 1);
    const { got, back } = await outcome(cast, message('error', cast.account.jid));
    expect(countsOf(got, cast.sender.jid)).toEqual([0, 0]);
    expect(back).toEqual([]);
  });

  test('an unknown type is a normal one (5.2.2)', async () => {
    const cast = await recipient(0);
    cast.sender.send(x`<message type='telegram' to='${cast.account.jid}' id='it'><body>stop</body></message>`);
    const got = await cast.resources[0]!.settle(cast.sender);
    const back = await cast.sender.settle();
    // Delivered as normal, or refused as a bad request: the RFC leaves only the first to receivers.
    if (messages(got).length === 0) expect(bounced(back)).toBe('bad-request');
  });

  test('presence available and unavailable: to all available resources', async () => {
    const cast = await recipient(5, -1, null);
    const { got } = await outcome(cast, x`<presence to='${cast.account.jid}' id='p'/>`);
    expect(got.map((g) => g.filter((e) => e.name === 'presence' && e.attr('id') === 'p').length)).toEqual([1, 1, 0]);
    const after = await outcome(cast, x`<presence type='unavailable' to='${cast.account.jid}' id='p'/>`);
    expect(after.got.map((g) => g.filter((e) => e.name === 'presence' && e.attr('id') === 'p').length)).toEqual([
      1, 1, 0,
    ]);
  });

  test.each(['get', 'set'])('iq %s: the server answers, the client never sees it', async (type) => {
    const cast = await recipient(0);
    const { got, back } = await outcome(
      cast,
      x`<iq type='${type}' id='q' to='${cast.account.jid}'><query xmlns='urn:example:unknown'/></iq>`,
    );
    expect(got).toEqual([[]]);
    expect(back.map((e) => [e.name, e.attr('type'), e.attr('id'), e.attr('from')])).toEqual([
      ['iq', 'error', 'q', cast.account.jid],
    ]);
    expect(back[0]!.at('error').elements()[0]!.name).toBe('service-unavailable');
  });

  test.each(['result', 'error'])('iq %s: to nobody, no answer', async (type) => {
    const cast = await recipient(0);
    const { got, back } = await outcome(
      cast,
      x`<iq type='${type}' id='q' to='${cast.account.jid}'>` + `${type === 'error' ? ERROR : ''}</iq>`,
    );
    expect(got).toEqual([[]]);
    expect(back).toEqual([]);
  });
});

describe.each([
  ['none signed in', []],
  ['connected, not available', [null]],
  ['negative priorities only', [-1, -128]],
] as [string, (number | null)[]][])('to a bare JID without available resources: %s (8.5.2.2)', (_name, priorities) => {
  test.each(['normal', 'chat'] as const)('%s is kept for later', async (type) => {
    const cast = await recipient(...priorities);
    const { got, back } = await outcome(cast, message(type, cast.account.jid));
    expect(countsOf(got, cast.sender.jid)).toEqual(priorities.map(() => 0));
    expect(back).toEqual([]);
    const later = await stage.signIn(cast.account, { resource: 'later', priority: 0 });
    await later.pick(x`<message type='${type}' id='it'><body>${type}</body><delay xmlns='${NS.delay}'/></message>`);
  });

  test('groupchat: an error', async () => {
    const cast = await recipient(...priorities);
    cast.sender.send(message('groupchat', cast.account.jid));
    // With nobody signed in the account may have to be loaded first: the error is awaited, a fence would be too early.
    const back = await cast.sender.pick(x`<message type='error' from='${cast.account.jid}'/>`);
    expect(bounced([back])).toBe('service-unavailable');
    for (const r of cast.resources) await r.receivesNothing(cast.sender);
  });

  test.each(['headline', 'error'] as const)('%s: gone', async (type) => {
    const cast = await recipient(...priorities);
    const { got, back } = await outcome(cast, message(type, cast.account.jid));
    expect(countsOf(got, cast.sender.jid)).toEqual(priorities.map(() => 0));
    expect(back).toEqual([]);
    const later = await stage.signIn(cast.account, { resource: 'later', priority: 0 });
    expect(messages(await later.settle())).toEqual([]);
  });

  test('iq: service-unavailable', async () => {
    const { sender, account, resources } = await recipient(...priorities);
    await sender.fails(
      sender.iq('get', "<query xmlns='urn:example:unknown'/>", account.jid),
      'cancel',
      'service-unavailable',
    );
    for (const r of resources) await r.receivesNothing(sender);
  });
});

describe('to a full JID that is there (8.5.3.1)', () => {
  test.each(TYPES)('message %s: to that resource alone, whatever its priority', async (type) => {
    const cast = await recipient(5, -1);
    const { got, back } = await outcome(cast, message(type, cast.resources[1]!.jid));
    expect(countsOf(got, cast.sender.jid)).toEqual([0, 1]);
    expect(back).toEqual([]);
    expect(messages(got[1]!)[0]!.attr('to')).toBe(cast.resources[1]!.jid);
  });

  test.each(TYPES)('message %s: also to one that is only connected', async (type) => {
    const cast = await recipient(5, null);
    const { got } = await outcome(cast, message(type, cast.resources[1]!.jid));
    expect(countsOf(got, cast.sender.jid)).toEqual([0, 1]);
  });

  test('presence: also to one that is only connected', async () => {
    const cast = await recipient(0, null);
    const { got } = await outcome(cast, x`<presence to='${cast.resources[1]!}' id='p'/>`);
    expect(got.map((g) => g.filter((e) => e.name === 'presence' && e.attr('id') === 'p').length)).toEqual([0, 1]);
  });

  test.each([undefined, 'unavailable'])('presence %s', async (type) => {
    const cast = await recipient(0, 0);
    const { got } = await outcome(
      cast,
      x`<presence to='${cast.resources[0]!}' id='p'` + (type ? ` type='${type}'/>` : '/>'),
    );
    expect(got.map((g) => g.filter((e) => e.name === 'presence' && e.attr('id') === 'p').length)).toEqual([1, 0]);
  });

  test('iq request: to that resource, and its answer comes back once', async () => {
    const [a, b] = await stage.accounts('sender', 'recipient');
    await stage.befriend(a, b);
    const sender = await stage.signIn(a, { presence: true });
    const there = await stage.signIn(b, { presence: true });
    await sender.settle(there);
    await there.settle(sender);
    sender.sends`<iq type='get' id='q1' to='${there}'><query xmlns='urn:example:hello'/></iq>`;
    await there.receives`<iq type='get' id='q1' from='${sender}' to='${there}'><query xmlns='urn:example:hello'/></iq>`;
    there.sends`<iq type='result' id='q1' to='${sender}'><query xmlns='urn:example:hello'>hi</query></iq>`;
    await sender.receives`<iq type='result' id='q1' from='${there}' to='${sender}'><query xmlns='urn:example:hello'>hi</query></iq>`;
    await sender.receivesNothing(there);
  });

  test('iq answers nobody asked for are not passed on to strangers as news, and never answered', async () => {
    const [sender, there] = await stage.castWith({ presence: true }, 'sender', 'there');
    sender.sends`<iq type='result' id='unasked' to='${there}'/>`;
    sender.sends`<iq type='error' id='unasked2' to='${there}'><error type='cancel'><gone xmlns='${NS.stanzas}'/></error></iq>`;
    await sender.receivesNothing(there);
  });
});

describe('to a full JID that is gone (8.5.3.2)', () => {
  test('chat: as if to the bare JID', async () => {
    const cast = await recipient(0, -1);
    const { got, back } = await outcome(cast, message('chat', `${cast.account.jid}/gone`));
    expect(countsOf(got, cast.sender.jid)).toEqual([1, 0]);
    expect(back).toEqual([]);
  });

  test('normal: not to another resource unless as to the bare JID', async () => {
    const cast = await recipient(0, -1);
    const { got, back } = await outcome(cast, message('normal', `${cast.account.jid}/gone`));
    const [high, negative] = countsOf(got, cast.sender.jid);
    expect(negative).toBe(0);
    // Ignored, answered, or (RFC 6121 errata and practice) treated as to the bare JID; never both.
    expect(high! + (bounced(back) ? 1 : 0)).toBeLessThanOrEqual(1);
  });

  test.each(['groupchat', 'headline'] as const)('%s: ignored or an error', async (type) => {
    const cast = await recipient(0);
    const { got, back } = await outcome(cast, message(type, `${cast.account.jid}/gone`));
    expect(countsOf(got, cast.sender.jid)).toEqual([0]);
    if (back.length > 0) expect(bounced(back)).toBe('service-unavailable');
  });

  test('error: ignored', async () => {
    const cast = await recipient(0);
    const { got, back } = await outcome(cast, message('error', `${cast.account.jid}/gone`));
    expect(countsOf(got, cast.sender.jid)).toEqual([0]);
    expect(back).toEqual([]);
  });

  test.each(['', " type='unavailable'"])('presence%s: ignored', async (type) => {
    const cast = await recipient(0);
    const { got, back } = await outcome(cast, x`<presence to='${cast.account.jid}/gone' id='p'` + `${type}/>`);
    expect(got[0]!.filter((e) => e.attr('id') === 'p')).toEqual([]);
    expect(back).toEqual([]);
  });

  test('iq request: service-unavailable', async () => {
    const cast = await recipient(0);
    const { got, back } = await outcome(
      cast,
      x`<iq type='get' id='q' to='${cast.account.jid}/gone'><query xmlns='urn:example:unknown'/></iq>`,
    );
    expect(got).toEqual([[]]);
    expect(back.length).toBe(1);
    await cast.sender.fails(back[0]!, 'cancel', 'service-unavailable');
    expect(back[0]!.attr('from')).toBe(`${cast.account.jid}/gone`);
  });
});

describe('to nobody (8.5.1)', () => {
  /** Looking a name up takes its time; a request to the same name, which must be answered, cannot overtake. */
  const sendTo = async (sender: Client, to: string, xml: string): Promise<El[]> => {
    sender.send(xml);
    await sender.iq('get', "<query xmlns='urn:example:fence'/>", to);
    return sender.settle();
  };

  test.each(['normal', 'chat', 'groupchat', 'headline'] as const)(
    'message %s: ignored or service-unavailable',
    async (type) => {
      const { sender } = await recipient();
      const nobody = stage.nobody();
      for (const to of [nobody, `${nobody}/there`]) {
        const back = await sendTo(sender, to, message(type, to));
        // People want to know that nobody reads what they write.
        if (type === 'chat' || type === 'normal') expect(bounced(back)).toBe('service-unavailable');
        expect(back.length).toBeLessThanOrEqual(1);
        if (back.length > 0) {
          expect(bounced(back)).toBe('service-unavailable');
          expect(back[0]!.attr('from')).toBe(to);
        }
      }
    },
  );

  test('message error, presence: ignored', async () => {
    const { sender } = await recipient();
    const nobody = stage.nobody();
    expect(await sendTo(sender, nobody, message('error', nobody))).toEqual([]);
    expect(await sendTo(sender, nobody, x`<presence to='${nobody}'/>`)).toEqual([]);
    expect(await sendTo(sender, nobody, x`<presence to='${nobody}' type='unavailable'/>`)).toEqual([]);
  });

  test('iq request: service-unavailable, as for somebody who is away', async () => {
    const { sender, account } = await recipient();
    const ask = async (to: string) => {
      const answer = await sender.iq('get', "<query xmlns='urn:example:unknown'/>", to);
      return String(answer)
        .replaceAll(to, 'X')
        .replaceAll(/ id='[^']*'/g, '');
    };
    const unknown = await ask(stage.nobody());
    expect(unknown).toContain('service-unavailable');
    // Nothing in it tells the two apart.
    expect(unknown).toBe(await ask(account.jid));
  });
});

describe('to the server and to nobody in particular (8.1, 8.2)', () => {
  test('a message without an address is to oneself (8.1.1.1)', async () => {
    const [alice] = await stage.castWith({ presence: true }, 'alice');
    alice.send("<message type='chat' id='self'><body>note</body></message>");
    await alice.receives`<message type='chat' id='self' from='${alice}'><body>note</body></message>`;
  });

  test.each(TYPES)('a message %s to the domain is not delivered to anybody', async (type) => {
    const [alice] = await stage.castWith({ presence: true }, 'alice');
    alice.send(message(type, stage.domain));
    const back = await alice.settle();
    if (type === 'error') expect(back).toEqual([]);
    for (const e of back) expect(e.attr('type')).toBe('error');
  });

  test('presence to the domain does no harm', async () => {
    const [alice] = await stage.castWith({ presence: true }, 'alice');
    alice.sends`<presence to='${stage.domain}'/>`;
    alice.sends`<presence to='${stage.domain}' type='unavailable'/>`;
    await alice.ping();
  });

  test.each(['', '/resource'])('an unknown request to the domain%s: service-unavailable', async (resource) => {
    const [alice] = await stage.castWith({ presence: true }, 'alice');
    const got = await alice.iq('get', "<query xmlns='urn:example:unknown'/>", stage.domain + resource);
    await alice.fails(got, 'cancel', 'service-unavailable');
    expect(got.attr('from')).toBe(stage.domain + resource);
  });

  test('an unknown request without an address: service-unavailable', async () => {
    const [alice] = await stage.castWith({ presence: true }, 'alice');
    await alice.fails(alice.iq('set', "<query xmlns='urn:example:unknown'/>"), 'cancel', 'service-unavailable');
  });
});

test('order between two people is kept, whatever the kinds', async () => {
  const [a, b] = await stage.accounts('alice', 'bob');
  await stage.befriend(a, b);
  const alice = await stage.signIn(a, { presence: true });
  const bob = await stage.signIn(b, { presence: true });
  await bob.settle(alice);
  const n = 60;
  for (let i = 0; i < n; i++) {
    if (i % 3 === 0) alice.sends`<message to='${bob}' type='chat' id='o${i}'><body>${i}</body></message>`;
    if (i % 3 === 1) alice.sends`<message to='${bob}' type='headline' id='o${i}'/>`;
    if (i % 3 === 2) alice.sends`<presence to='${bob}' id='o${i}'/>`;
  }
  const got: string[] = [];
  while (got.length < n) got.push((await bob.nextElement('the next of the row')).need('id'));
  expect(got).toEqual(Array.from({ length: n }, (_, i) => `o${i}`));
});

test.each(['subscribe', 'unsubscribe'])(
  'a presence %s is not overtaken by what was sent after it (RFC 6120 10.1)',
  async (kind) => {
    const [a, b] = await stage.accounts('alice', 'bob');
    if (kind === 'unsubscribe') await stage.follow(a, b);
    const alice = await stage.signIn(a, { presence: true });
    const bob = await stage.signIn(b, { presence: true });
    await bob.settle(alice);
    alice.sends`<presence type='${kind}' to='${b.jid}'/><message type='headline' to='${bob}' id='after'/>`;
    await bob.receives`<presence type='${kind}' from='${a.jid}'/>`;
    await bob.pick(`<message type='headline' id='after'/>`);
  },
);
