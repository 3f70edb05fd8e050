// SASL and resource binding as RFC 6120 has them (sections 6 and 7).

import { describe, expect, test } from 'vitest';
import {
  authenticate,
  bindResource,
  type Client,
  loginLegacy,
  NS,
  negotiate,
  Scram,
  sasl1,
  useServer,
  x,
} from './harness/index.ts';

const stage = useServer();

async function opened(from?: string): Promise<Client> {
  const c = await stage.connect('someone');
  await negotiate(c, from === undefined ? {} : { from });
  return c;
}

describe('SASL', () => {
  test('offers SCRAM, and no PLAIN unless it was asked for', async () => {
    const c = await opened();
    const mechanisms = c
      .features!.at('mechanisms')
      .all('mechanism', NS.sasl)
      .map((m) => m.text);
    expect(mechanisms).toContain('SCRAM-SHA-256');
    expect(mechanisms).toContain('SCRAM-SHA-1');
    expect(mechanisms).not.toContain('PLAIN');
  });

  test.each(['SCRAM-SHA-256', 'SCRAM-SHA-1'] as const)('%s', async (mechanism) => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice');
    await loginLegacy(c, alice, 'desk', mechanism);
    expect(c.jid).toBe(`${alice.jid}/desk`);
    await c.ping();
  });

  test('after success: a new stream with a new id, whose features are those of someone known', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice');
    c.open();
    const first = await c.expectOpen();
    await c.expectFeatures();
    if (c.transport === 'starttls') return;
    expect((await sasl1(c, alice.name, alice.password)).name).toBe('success');
    c.open();
    const second = await c.expectOpen();
    expect(second.attr('id')).not.toBe(first.attr('id'));
    const features = await c.expectFeatures();
    expect(features.child('mechanisms')).toBeUndefined();
    expect(features.child('authentication')).toBeUndefined();
    expect(features.child('bind', NS.bind)).toBeDefined();
    expect(features.child('sm', NS.sm)).toBeDefined();
    expect(features.child('ver', NS.rosterver)).toBeDefined();
    expect(features.child('limits', NS.limits)).toBeDefined();
  });

  test('a wrong password, then the right one on the same stream', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    const outcome = await sasl1(c, alice.name, 'wrong');
    expect(outcome.name).toBe('failure');
    expect(outcome.child('not-authorized', NS.sasl)).toBeDefined();
    expect((await sasl1(c, alice.name, alice.password)).name).toBe('success');
  });

  test('an unknown user is told the same', async () => {
    const c = await opened();
    const outcome = await sasl1(c, stage.nobody().split('@')[0]!, 'x');
    expect(outcome.child('not-authorized', NS.sasl)).toBeDefined();
  });

  test.each(['bob@chat.example', 'bob'])('an authzid of somebody else (%s) fails', async (authzid) => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    const outcome = await sasl1(c, alice.name, alice.password, 'SCRAM-SHA-256', authzid);
    expect(outcome.name).toBe('failure');
  });

  test('a `from` of somebody else fails', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const c = await opened(bob.jid);
    expect((await sasl1(c, alice.name, alice.password)).name).toBe('failure');
  });

  test('abort', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    const scram = new Scram('SCRAM-SHA-256', alice.name, alice.password);
    c.sendRaw(x`<auth xmlns='${NS.sasl}' mechanism='SCRAM-SHA-256'>${scram.first()}</auth>`);
    await c.expect(`<challenge xmlns='${NS.sasl}'/>`);
    c.sendRaw(`<abort xmlns='${NS.sasl}'/>`);
    await c.expect(`<failure xmlns='${NS.sasl}'><aborted xmlns='${NS.sasl}'/></failure>`);
    expect((await sasl1(c, alice.name, alice.password)).name).toBe('success');
  });

  test.each([
    ['PLAIN', 'AGEAYg==', 'invalid-mechanism'],
    ['SCRAM-SHA-256-PLUS', 'biws', 'invalid-mechanism'],
    ['SCRAM-SHA-256', '!!!!', 'incorrect-encoding'],
    ['SCRAM-SHA-256', 'aGVsbG8=', 'malformed-request'],
  ])('%s with %s is %s', async (mechanism, data, condition) => {
    const c = await opened();
    c.sendRaw(`<auth xmlns='${NS.sasl}' mechanism='${mechanism}'>${data}</auth>`);
    await c.expect(`<failure xmlns='${NS.sasl}'><${condition} xmlns='${NS.sasl}'/></failure>`);
  });

  test('stanzas between success and the restart are not taken', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    expect((await sasl1(c, alice.name, alice.password)).name).toBe('success');
    c.expectNewStream();
    c.send('<presence/>');
    await c.expectClosed();
  });

  test('stanzas before the bind are not-authorized (7.1)', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice');
    await authenticate(c, alice);
    c.send(x`<message to='${alice.jid}'><body>early</body></message>`);
    const got = await c.nextElement();
    const text = String(got);
    expect(text).toContain('not-authorized');
  });
});

describe('salts', () => {
  const saltOf = async (name: string, mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-1') => {
    const c = await opened();
    c.sendRaw(x`<auth xmlns='${NS.sasl}' mechanism='${mechanism}'>${new Scram(mechanism, name, '').first()}</auth>`);
    const challenge = await c.expect(`<challenge xmlns='${NS.sasl}'/>`);
    c.kill();
    const { salt, iterations } = Scram.parse(challenge.text);
    return { salt: salt.toString('hex'), length: salt.length, iterations };
  };

  test.each(['SCRAM-SHA-256', 'SCRAM-SHA-1'] as const)(
    'an unknown user looks like a known one, always the same: %s',
    async (mechanism) => {
      const name = stage.nobody().split('@')[0]!;
      const known = `known${name}`;
      await stage.server.ctl(['user', 'add', `${known}@${stage.domain}`], 'secret\n');
      const real = await saltOf(known, mechanism);
      const once = await saltOf(name, mechanism);
      const twice = await saltOf(name.toUpperCase(), mechanism);
      const other = await saltOf(`${name}x`, mechanism);
      expect(once.length).toBe(real.length);
      expect(once.iterations).toBe(real.iterations);
      expect(twice).toEqual(once);
      expect(other.salt).not.toBe(once.salt);
    },
  );

  test('and after a restart', async () => {
    const name = stage.nobody().split('@')[0]!;
    const before = await saltOf(name, 'SCRAM-SHA-256');
    await stage.server.restart();
    expect(await saltOf(name, 'SCRAM-SHA-256')).toEqual(before);
  });
});

describe('binding', () => {
  test('a resource of the client', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice');
    await authenticate(c, alice);
    expect(await bindResource(c, 'Büro / 2')).toBe(`${alice.jid}/Büro / 2`);
    await c.ping();
  });

  test('a resource of the server', async () => {
    const [alice] = await stage.accounts('alice');
    const one = await stage.connect('alice');
    await loginLegacy(one, alice);
    const two = await stage.connect('alice');
    await loginLegacy(two, alice);
    expect(one.resource).not.toBe('');
    expect(one.jid).not.toBe(two.jid);
    await one.ping();
  });

  test.each([
    ['longer than 1023 bytes', 'x'.repeat(1024)],
    ['of a character that RFC 7622 forbids', '\u0378'],
  ])('a resource %s is a bad-request, and another may follow', async (_name, resource) => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice');
    await authenticate(c, alice);
    await c.fails(
      c.iq('set', `<bind xmlns='${NS.bind}'><resource>${resource}</resource></bind>`),
      'modify',
      'bad-request',
    );
    expect(await bindResource(c, 'better')).toBe(`${alice.jid}/better`);
  });

  test('the same resource again: the newer one wins, the older gets conflict', async () => {
    const [alice] = await stage.accounts('alice');
    const one = await stage.signIn(alice, { resource: 'desk' });
    const two = await stage.signIn(alice, { resource: 'desk' });
    if (two.resource === 'desk') {
      await one.expectStreamError('conflict');
    } else {
      await one.ping();
    }
    await two.ping();
  });

  test('a second bind on the stream fails', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice);
    const got = await c.iq('set', `<bind xmlns='${NS.bind}'><resource>other</resource></bind>`);
    expect(got.attr('type')).toBe('error');
    await c.ping();
  });

  test('the session of RFC 3921 is granted to those who still ask', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice);
    await c.set(`<session xmlns='${NS.session}'/>`);
  });
});
