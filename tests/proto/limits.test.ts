// What is too much: each limit with its error, and nobody else notices.

import { describe, expect, test } from 'vitest';
import {
  bodies,
  type Client,
  Client as Connection,
  everything,
  inTime,
  NS,
  negotiate,
  resume,
  type Transport,
  useServer,
  Wire,
  x,
} from './harness/index.ts';

const LIMITS = {
  stanza_bytes: '10000',
  stanza_bytes_unauthenticated: '4096',
  depth: '8',
  attributes: '10',
  children: '100',
  roster_items: '10',
  blocked_items: '10',
  requests: '3',
  resources: '3',
  sm_queue: '10',
  output_high: '16384',
  output_max: '65536',
};

const stage = useServer({ limits: LIMITS });

async function two(): Promise<[Client, Client]> {
  const [a, b] = await stage.accounts('alice', 'bob');
  return [await stage.signIn(a, { presence: true, transport: 'tcp' }), await stage.signIn(b, { presence: true })];
}

const nested = (depth: number) => '<a xmlns="urn:x">'.repeat(depth) + '</a>'.repeat(depth);
const attributes = (n: number) => Array.from({ length: n }, (_, i) => `a${i}='x'`).join(' ');

describe('a stanza', () => {
  test('of just the allowed size passes, a bigger one ends the stream', async () => {
    const [alice, bob] = await two();
    const around = x`<message to='${bob}' type='chat'><body></body></message>`.length;
    alice.sendRaw(x`<message to='${bob}' type='chat'><body>${'x'.repeat(10_000 - around)}</body></message>`);
    await bob.receives`<message from='${alice}' type='chat'/>`;
    alice.sendRaw(x`<message to='${bob}' type='chat'><body>${'x'.repeat(10_001 - around)}</body></message>`);
    await alice.expectStreamError('policy-violation');
    await bob.ping();
  });

  test('that never ends is not waited for', async () => {
    const [alice, bob] = await two();
    alice.sendRaw('<message><body>');
    alice.sendRaw('x'.repeat(20_000));
    await alice.expectStreamError('policy-violation');
    await bob.ping();
  });

  test('white space between stanzas does not count', async () => {
    const [alice] = await two();
    for (let i = 0; i < 20; i++) alice.sendRaw(' '.repeat(1000));
    await alice.ping();
  });

  test.each([
    ['a tag that never ends', `<message to='${'x'.repeat(20_000)}`],
    ['a name that never ends', `<${'x'.repeat(20_000)}`],
  ])('%s', async (_name, bytes) => {
    const [alice] = await two();
    alice.sendRaw(bytes);
    await alice.expectStreamError(['policy-violation', 'not-well-formed']);
  });

  test('that is too deep', async () => {
    const [alice, bob] = await two();
    alice.send(x`<message to='${bob}' type='chat'><body>x</body>` + `${nested(6)}</message>`);
    await bob.receives`<message from='${alice}' type='chat'/>`;
    alice.sendRaw(`<message>${nested(20)}</message>`);
    await alice.expectStreamError('policy-violation');
  });

  test('with too many attributes', async () => {
    const [alice, bob] = await two();
    alice.sendRaw(x`<message to='${bob}' type='chat'><body>x</body><a xmlns='urn:x' ` + `${attributes(9)}/></message>`);
    await bob.receives`<message from='${alice}' type='chat'/>`;
    alice.sendRaw(`<message><a ${attributes(20)}/></message>`);
    await alice.expectStreamError('policy-violation');
  });

  test('with too many children', async () => {
    const [alice] = await two();
    alice.sendRaw(`<message><body>x</body>${'<a/>'.repeat(200)}</message>`);
    await alice.expectStreamError('policy-violation');
  });

  test('the limits are advertised (XEP-0478)', async () => {
    const c = await stage.connect('someone');
    const features = await negotiate(c);
    expect(features.child('limits', NS.limits)?.at('max-bytes').text).toBe(LIMITS.stanza_bytes_unauthenticated);
    const [alice] = await stage.cast('alice');
    expect(alice.features!.child('limits', NS.limits)?.at('max-bytes').text).toBe(LIMITS.stanza_bytes);
  });
});

describe('before sign-in', () => {
  test.each([
    ['a giant element', `<auth xmlns='${NS.sasl}' mechanism='SCRAM-SHA-256'>${'A'.repeat(8000)}</auth>`],
    ['a deep one', nested(200)],
    ['a header that never ends', undefined],
  ])('%s', async (_name, bytes) => {
    const c = await stage.connect('someone', 'tcp');
    if (bytes === undefined) {
      c.sendRaw(`<?xml version='1.0'?><stream:stream xmlns='${NS.client}' a='${'x'.repeat(10_000)}`);
      await c.expectStreamError(['policy-violation', 'not-well-formed']);
      return;
    }
    await negotiate(c);
    c.sendRaw(bytes);
    await c.expectStreamError(['policy-violation', 'not-authorized']);
  });
});

describe('an account', () => {
  test('has so many contacts and no more', async () => {
    const [alice] = await stage.cast('alice');
    for (let i = 0; i < 10; i++)
      await alice.set(x`<query xmlns='${NS.roster}'><item jid='c${i}@elsewhere.example'/></query>`);
    const got = await alice.iq('set', `<query xmlns='${NS.roster}'><item jid='c10@elsewhere.example'/></query>`);
    expect(got.attr('type')).toBe('error');
    expect(got.at('error').elements()[0]!.name).toMatch(
      /resource-constraint|policy-violation|not-allowed|not-acceptable/,
    );
    // Those that are there can still be changed.
    await alice.set(`<query xmlns='${NS.roster}'><item jid='c9@elsewhere.example' name='C'/></query>`);
  });

  test('blocks so many addresses and no more', async () => {
    const [alice] = await stage.cast('alice');
    const items = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => `<item jid='b${from + i}@elsewhere.example'/>`).join('');
    await alice.set(`<block xmlns='${NS.blocking}'>${items(0, 10)}</block>`);
    const got = await alice.iq('set', `<block xmlns='${NS.blocking}'>${items(10, 12)}</block>`);
    expect(got.attr('type')).toBe('error');
    const list = (await alice.get(`<blocklist xmlns='${NS.blocking}'/>`)).at('blocklist').all('item');
    expect(list.length).toBe(10);
  });

  test('has so many sessions and no more: the bind fails (RFC 6120 7.6.2.1)', async () => {
    const [a] = await stage.accounts('alice');
    const sessions = [];
    for (let i = 0; i < 3; i++) sessions.push(await stage.signIn(a, { resource: `r${i}` }));
    const more = await stage.signIn(a, { resource: 'r3' }).catch((e: Error) => e);
    expect(String(more)).toContain('resource-constraint');
    await sessions[0]!.close();
    await stage.signIn(a, { resource: 'r3' });
  });

  test('keeps so many requests of strangers and no more', async () => {
    const [a] = await stage.accounts('alice');
    for (const s of await stage.accounts('s', 's', 's', 's', 's')) {
      const c = await stage.signIn(s);
      c.sends`<presence type='subscribe' to='${a.jid}'/>`;
      await c.ping();
      await c.close();
    }
    const alice = await stage.signIn(a, { presence: true });
    for (let i = 0; i < 3; i++) await alice.pick("<presence type='subscribe'/>");
    alice.sends`<message to='${alice}' type='chat' id='end'><body>x</body></message>`;
    await alice.pick("<message type='chat' id='end'/>");
    expect((await alice.settle()).filter((e) => e.attr('type') === 'subscribe')).toEqual([]);
  });
});

describe('queues', () => {
  test('of a hibernated session are bounded, and nothing that was archived is lost', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const old = await stage.signIn(a, { sm: true, presence: true });
    const bob = await stage.signIn(b, { sm: true });
    old.kill();
    const n = 40;
    for (let i = 0; i < n; i++) bob.sends`<message to='${old}' type='chat' id='q${i}'><body>${i}</body></message>`;
    await bob.allAcked();
    // The session may be gone by now; the messages may not.
    const again = await resume(old, a).catch(() => undefined);
    if (again) stage.adopt(again);
    const alice = await stage.signIn(a, { resource: 'other' });
    expect(bodies(await everything(alice))).toEqual(Array.from({ length: n }, (_, i) => String(i)));
  });

  test('of a client that never acknowledges, too', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { sm: true, presence: true });
    alice.autoAck = false;
    const bob = await stage.signIn(b, { sm: true });
    const n = 40;
    for (let i = 0; i < n; i++) bob.sends`<message to='${alice}' type='chat' id='q${i}'><body>${i}</body></message>`;
    await bob.allAcked();
    const other = await stage.signIn(a, { resource: 'other' });
    expect(bodies(await everything(other))).toEqual(Array.from({ length: n }, (_, i) => String(i)));
  });

  test('of a client that does not read are bounded; who writes to it goes on', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { presence: true, transport: 'tcp' });
    const bob = await stage.signIn(b, { sm: true });
    alice.bytes.pause();
    const n = 1500;
    const text = 'x'.repeat(4000);
    for (let i = 0; i < n; i++)
      bob.send(x`<message to='${alice.bare}' type='chat' id='q${i}'><body>${text}</body></message>`);
    bob.sendRaw(`<r xmlns='${NS.sm}'/>`);
    await bob.until(() => bob.sm!.acked === n, 'all to be acknowledged');
    // Six megabytes cannot be in 64 KiB: the server has let go of the reader.
    alice.bytes.unpause();
    await alice.expectClosed();
    const [back] = [await stage.signIn(a, { resource: 'back' })];
    const all = await everything(back, { max: 200 });
    expect(all.length).toBe(n);
  });
});

describe('slow and silent ones', () => {
  const slow = useServer({ limits: { unauthenticated_time: '1s' }, auth: { registration: 'open' } });

  const negotiated = (label: string, transport: Transport) =>
    inTime(1000, async () => {
      const c = await slow.connect(label, transport);
      await negotiate(c);
      return c;
    });

  test('who does not sign in in time is sent away', async () => {
    const silent = await slow.connect('silent', 'tcp');
    const open = await negotiated('open', 'tcp');
    const half = new Connection('half', slow.ports, 'tls');
    half.attach(await Wire.tcp(slow.ports.c2sTls));
    half.bytes.write(Buffer.from([0x16, 0x03]));
    const web = slow.adopt(new Connection('web', slow.ports, 'ws'));
    web.attach(await Wire.tcp(slow.ports.http));
    web.bytes.write('GET /xmpp HTTP/1.1\r\nHost: x\r\n');
    await open.until(() => open.inbox.length > 0, 'the end');
    await open.expectStreamError('connection-timeout');
    for (const c of [silent, half, web]) await c.until(() => c.inbox.some((i) => i.kind === 'ended'), 'the end');
  });

  test('who fills in the form of a new account may take longer than that', async () => {
    const form = `<query xmlns='${NS.register}'/>`;
    const person = await inTime(1000, async () => {
      const c = await slow.connect('person', 'tls');
      await negotiate(c);
      await c.get(form);
      return c;
    });
    const program = await negotiated('program', 'tls');
    await program.until(() => program.inbox.length > 0, 'the end of one who came later');
    await program.expectStreamError('connection-timeout');
    await person.set(
      `<query xmlns='${NS.register}'><username>person</username><password>a good one</password></query>`,
    );
  });

  test('who drips bytes is not in time either', async () => {
    const c = await negotiated('slow', 'tcp');
    const timer = setInterval(() => c.bytes.write(' '), 100);
    try {
      await c.until(() => c.inbox.some((i) => i.kind === 'ended'), 'the end');
    } finally {
      clearInterval(timer);
    }
  });
});

describe('connections', () => {
  const small = useServer({ limits: { connections: '10' } });

  test('there are so many and no more, and room again when some leave', async () => {
    const open: Client[] = [];
    for (let i = 0; i < 10; i++) {
      const c = await small.connect(`c${i}`, 'tcp');
      await negotiate(c);
      open.push(c);
    }
    const more = await small.connect('one too many', 'tcp').catch(() => undefined);
    if (more) {
      more.open();
      await more.expectClosed();
    }
    await open[0]!.close();
    await open[1]!.close();
    // Two have gone when the server has seen the last of their sockets: until then it may still refuse, but not for ever.
    for (;;) {
      const again = await small.connect('again', 'tcp');
      if (await negotiate(again).catch(() => undefined)) break;
    }
  });
});
