// Running it: confabctl, signals, the configuration file, the log.

import { describe, expect, test } from 'vitest';
import { loginLegacy, NS, negotiate, sasl1, useServer, x } from './harness/index.ts';

const stage = useServer();

async function passes(name: string, password: string): Promise<boolean> {
  const c = await stage.connect(name);
  await negotiate(c);
  return (await sasl1(c, name, password)).name === 'success';
}

describe('confabctl', () => {
  test('adds, lists, changes the password of, and deletes a user', async () => {
    const jid = stage.nobody();
    const name = jid.split('@')[0]!;
    await stage.server.ctl(['user', 'add', jid], 'first secret\n');
    expect(await stage.server.ctl(['user', 'list'])).toContain(jid);
    expect(await passes(name, 'first secret')).toBe(true);
    await expect(stage.server.ctl(['user', 'add', jid], 'again\n')).rejects.toThrow();
    await stage.server.ctl(['user', 'passwd', jid], 'second secret\n');
    expect(await passes(name, 'first secret')).toBe(false);
    expect(await passes(name, 'second secret')).toBe(true);
    await stage.server.ctl(['user', 'delete', jid]);
    expect(await passes(name, 'second secret')).toBe(false);
    // The name stays reserved.
    await expect(stage.server.ctl(['user', 'add', jid], 'third\n')).rejects.toThrow();
  });

  test('a new password ends the sessions of the old one', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice);
    await stage.server.ctl(['user', 'passwd', alice.jid], 'another secret\n');
    await c.expectClosed();
  });

  test('deleting ends the sessions, and messages bounce', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const c = await stage.signIn(alice, { presence: true });
    const other = await stage.signIn(bob);
    await stage.server.ctl(['user', 'delete', alice.jid]);
    await c.expectClosed();
    other.sends`<message to='${alice.jid}' type='chat' id='late'><body>x</body></message>`;
    await other.fails(other.nextElement(), 'cancel', 'service-unavailable');
  });

  test.each(['@@', 'nobody@elsewhere.example', ''])('refuses the address "%s"', async (jid) => {
    await expect(stage.server.ctl(['user', 'add', jid], 'secret\n')).rejects.toThrow();
  });

  test('refuses an empty password', async () => {
    await expect(stage.server.ctl(['user', 'add', stage.nobody()], '\n')).rejects.toThrow();
  });

  test('shows sessions and numbers', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice, { resource: 'seen' });
    expect(await stage.server.ctl(['sessions'])).toContain(c.jid);
    expect((await stage.server.ctl(['stats'])).length).toBeGreaterThan(0);
    expect(await stage.server.ctl(['metrics'])).toMatch(/^# (HELP|TYPE) \w+/m);
    expect((await stage.server.ctl(['hooks'])).length).toBeGreaterThan(0);
  });

  test('traces one account and not the others, and no passwords', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    await stage.server.ctl(['trace', alice.jid, 'on']);
    const a = await stage.signIn(alice);
    const b = await stage.signIn(bob);
    a.send(x`<message to='${a.jid}' type='headline' id='shown'/>`);
    b.send(x`<message to='${b.jid}' type='headline' id='untraced'/>`);
    await a.pick("<message type='headline' id='shown'/>");
    await b.pick("<message type='headline' id='untraced'/>");
    await stage.server.ctl(['trace', alice.jid, 'off']);
    await a.ping();
    // The log is read as it comes: what was logged before this has come with it.
    await stage.server.ctl(['trace', bob.jid, 'on']);
    b.send(x`<message to='${b.jid}' type='headline' id='after'/>`);
    await expect.poll(() => stage.server.log).toMatch(/event=trace .*after/);
    expect(stage.server.log).toContain('shown');
    expect(stage.server.log).not.toContain('untraced');
    expect(stage.server.log).not.toContain(alice.password);
  });

  test('changes the level of the log', async () => {
    await stage.server.ctl(['log', 'debug']);
    await stage.server.ctl(['log', 'info']);
    await expect(stage.server.ctl(['log', 'loud'])).rejects.toThrow();
  });

  test('does not know what it does not know', async () => {
    await expect(stage.server.ctl(['make', 'coffee'])).rejects.toThrow();
  });
});

describe('the end', () => {
  test('SIGTERM tells every client, and ends with status 0', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const tcp = await stage.signIn(alice, { transport: 'tcp' });
    const ws = await stage.signIn(bob, { transport: 'ws' });
    const visitor = await stage.connect('visitor', 'tcp');
    await negotiate(visitor);
    const ended = stage.server.end('SIGTERM');
    await tcp.expectStreamError('system-shutdown');
    await ws.expectStreamError('system-shutdown');
    await visitor.expectClosed();
    await ended;
    await stage.server.launch();
  });

  test('what was acknowledged before it is there after it', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const c = await stage.signIn(alice, { sm: true });
    for (let i = 0; i < 30; i++) c.sends`<message to='${bob.jid}' type='chat' id='m${i}'><body>${i}</body></message>`;
    await c.allAcked();
    await stage.server.restart('SIGTERM');
    const later = await stage.signIn(bob, { presence: true });
    for (let i = 0; i < 30; i++) await later.pick(x`<message type='chat' id='m${i}'/>`);
  });

  test('confabctl stop is the same', async () => {
    await stage.server.ctl(['stop']);
    await stage.server.end('SIGTERM');
    await stage.server.launch();
    const [alice] = await stage.accounts('alice');
    await loginLegacy(await stage.connect('alice'), alice);
  });
});

describe('the configuration', () => {
  const off = useServer({ limits: { rates: 'off' } });

  test('knows "rates = off"', async () => {
    const c = await off.connect('someone');
    await negotiate(c);
  });
});

describe('SASL PLAIN', () => {
  const permissive = useServer({ auth: { sasl_plain: 'yes', plaintext: 'loopback' } });

  test('is offered under TLS where the operator wants it, and never without', async () => {
    const [alice] = await permissive.accounts('alice');
    const secure = await permissive.connect('alice', 'tls');
    const features = await negotiate(secure);
    expect(
      features
        .at('mechanisms')
        .all('mechanism')
        .map((m) => m.text),
    ).toContain('PLAIN');
    expect((await sasl1(secure, alice.name, alice.password, 'PLAIN')).name).toBe('success');
    const wrong = await permissive.connect('alice', 'tls');
    await negotiate(wrong);
    expect((await sasl1(wrong, alice.name, 'wrong', 'PLAIN')).child('not-authorized', NS.sasl)).toBeDefined();
    const open = await permissive.connect('alice', 'tcp');
    const plainly = await negotiate(open);
    expect(
      plainly
        .child('mechanisms')
        ?.all('mechanism')
        .map((m) => m.text) ?? [],
    ).not.toContain('PLAIN');
  });
});
