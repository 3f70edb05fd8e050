// Rates: who is too fast is slowed, never cut off or locked out, and nothing of what they sent is lost.

import { describe, expect, test } from 'vitest';
import { Client, loginLegacy, NS, negotiate, sasl1, useServer, Wire, x } from './harness/index.ts';

describe('a sender', () => {
  const stage = useServer({
    limits: {
      rates: 'yes',
      stanzas_per_second: '20',
      stanzas_burst: '10',
      bytes_per_second: '20000',
      bytes_burst: '10000',
    },
  });

  test('of many stanzas is slowed; all arrive, in order', async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    const n = 60;
    const start = performance.now();
    for (let i = 0; i < n; i++) alice.sends`<message to='${bob}' type='chat' id='t${i}'><body>${i}</body></message>`;
    for (let i = 0; i < n; i++) await bob.receives`<message from='${alice}' type='chat' id='t${i}'/>`;
    // 60 at 20 a second, 10 of them free: a lower bound, so that a slow machine changes nothing.
    expect(performance.now() - start).toBeGreaterThan(1500);
  });

  test('of many bytes is slowed', async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    const start = performance.now();
    for (let i = 0; i < 8; i++)
      alice.sends`<message to='${bob}' type='chat' id='t${i}'><body>${'x'.repeat(8000)}</body></message>`;
    for (let i = 0; i < 8; i++) await bob.pick(x`<message from='${alice}' type='chat' id='t${i}'/>`);
    expect(performance.now() - start).toBeGreaterThan(1500);
  });

  test('gets nothing new by signing in anew, nor by a second session', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b, { presence: true });
    const start = performance.now();
    // Each sign-in alone would have ten free.
    for (let round = 0; round < 6; round++) {
      const alice = await stage.signIn(a, { resource: `r${round}` });
      for (let i = 0; i < 10; i++)
        alice.sends`<message to='${bob}' type='chat' id='s${round}-${i}'><body>${i}</body></message>`;
      await alice.ping();
      if (round % 2) await alice.close();
    }
    for (let round = 0; round < 6; round++)
      for (let i = 0; i < 10; i++) await bob.pick(x`<message type='chat' id='s${round}-${i}'/>`);
    // More than 60 at 20 a second, 10 of them free.
    expect(performance.now() - start).toBeGreaterThan(2000);
  });

  test('does not slow others', async () => {
    const [alice, bob, carol] = await stage.castWith({ presence: true }, 'alice', 'bob', 'carol');
    for (let i = 0; i < 100; i++) alice.sends`<message to='${bob}' type='chat' id='t${i}'><body>${i}</body></message>`;
    carol.sends`<message to='${bob}' type='chat' id='polite'><body>x</body></message>`;
    await bob.pick(x`<message from='${carol}' type='chat' id='polite'/>`);
    expect(bob.history.filter((e) => e.name === 'message').findIndex((e) => e.attr('id') === 'polite')).toBeLessThan(
      100,
    );
  });
});

describe('failed sign-ins', () => {
  const stage = useServer({
    server: { gates: '1' },
    limits: { rates: 'yes', failures_per_minute: '3' },
    auth: { plaintext: 'loopback' },
  });

  async function from(address: string, label: string): Promise<Client> {
    const c = stage.adopt(new Client(label, stage.ports, 'tls'));
    c.attach(
      await Wire.tls(stage.ports.c2sTls, {
        servername: stage.domain,
        ALPNProtocols: ['xmpp-client'],
        localAddress: address,
      }),
    );
    return c;
  }

  test('are slowed, and the owner is never locked out', async () => {
    const [alice] = await stage.accounts('alice');
    const times: number[] = [];
    const guess = async (i: number) => {
      const c = await from('127.0.0.1', 'guesser');
      await negotiate(c);
      const start = performance.now();
      const outcome = await sasl1(c, alice.name, `guess ${i}`).catch(() => undefined);
      times.push(performance.now() - start);
      if (outcome) expect(outcome.name).not.toBe('success');
      c.kill();
    };
    for (let i = 0; i < 6; i++) await guess(i);
    expect(Math.max(...times.slice(3))).toBeGreaterThan(Math.min(...times) + 100);
    // From elsewhere the right password works.
    const owner = await from('127.77.0.1', 'owner');
    await loginLegacy(owner, alice);
    // And from the very same address it works, too, if late.
    const late = await from('127.0.0.1', 'late');
    await negotiate(late);
    const deadline = performance.now() + 120_000;
    for (;;) {
      const outcome = await sasl1(late, alice.name, alice.password).catch(() => undefined);
      if (outcome?.name === 'success') break;
      expect(performance.now()).toBeLessThan(deadline);
    }
  });
});

// Whichever gate a connection comes to, the count is that of the server.
describe.each(['1', '4'])('registration, %s gates', (gates) => {
  const stage = useServer({
    server: { gates },
    limits: { rates: 'yes', registrations_per_hour: '2' },
    auth: { registration: 'open' },
  });

  async function register(address: string, name: string): Promise<string> {
    const c = stage.adopt(new Client('visitor', stage.ports, 'tls'));
    c.attach(
      await Wire.tls(stage.ports.c2sTls, {
        servername: stage.domain,
        ALPNProtocols: ['xmpp-client'],
        localAddress: address,
      }),
    );
    await negotiate(c);
    const got = await c.iq(
      'set',
      x`<query xmlns='${NS.register}'><username>${name}</username><password>a good password</password></query>`,
    );
    return got.attr('type') === 'result' ? 'ok' : got.at('error').elements()[0]!.name;
  }

  test('is limited by address', async () => {
    const outcomes: string[] = [];
    for (let i = 0; i < 6; i++) outcomes.push(await register('127.0.0.1', `name${i}`));
    expect(outcomes.filter((o) => o === 'ok').length).toBe(2);
    for (const o of outcomes) expect(o).toMatch(/^(ok|resource-constraint|policy-violation|not-allowed)$/);
    expect(await register('127.0.5.1', 'elsewhere')).toBe('ok');
  });
});

describe('registration that is closed', () => {
  const stage = useServer();

  test('is not offered and not possible', async () => {
    const c = await stage.connect('visitor', 'tls');
    const features = await negotiate(c);
    expect(features.child('register', 'http://jabber.org/features/iq-register')).toBeUndefined();
    c.send(
      x`<iq type='set' id='r'><query xmlns='${NS.register}'><username>newcomer</username><password>a good password</password></query></iq>`,
    );
    const got = await c.nextElement();
    if (got.name === 'iq') expect(got.attr('type')).toBe('error');
    else expect(got.child('not-authorized', NS.streams)).toBeDefined();
  });

  test('leaves owners their password', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice', 'tls');
    await loginLegacy(c, alice);
    await c.set(
      x`<query xmlns='${NS.register}'><username>${alice.name}</username><password>changed</password></query>`,
      stage.domain,
    );
    const again = await stage.connect('alice', 'tls');
    await loginLegacy(again, { ...alice, password: 'changed' });
  });

  test('is not possible without TLS either', async () => {
    const c = await stage.connect('visitor', 'tcp');
    await negotiate(c);
    c.send(x`<iq type='get' id='r'><query xmlns='${NS.register}'/></iq>`);
    const got = await c.nextElement();
    if (got.name === 'iq') expect(got.attr('type')).toBe('error');
    else expect(got.name).toBe('error');
  });
});
