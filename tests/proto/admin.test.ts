// What an admin does by confabctl, and what the people concerned see of it.

import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { everything, loginLegacy, NS, sql, useServer, x } from './harness/index.ts';

const stage = useServer();
const ctl = (...args: string[]) => stage.server.ctl(args);
const withInput = (input: string, ...args: string[]) => stage.server.ctl(args, input);
/** NAME=NUMBER, all of a line. */
const numbers = (line: string) =>
  Object.fromEntries([...line.matchAll(/(\w+)=(\d+)/g)].map((m) => [m[1]!, Number(m[2])]));

describe('accounts', () => {
  test('a batch says which lines were wrong, and does the others', async () => {
    const lines = [
      `first@${stage.domain} a password with spaces`,
      'nobody@elsewhere.example pw',
      'no-password',
      `first@${stage.domain} again`,
    ];
    const failed = withInput(`${lines.join('\n')}\n`, 'user', 'add', '--batch', '--iterations', '4096');
    await expect(failed).rejects.toThrow(/line 2: .*line 4: |line 4: .*line 2: |line 3/s);
    const c = await stage.connect('first');
    await loginLegacy(c, { name: 'first', jid: `first@${stage.domain}`, password: 'a password with spaces' });
  });

  test.each([
    ['user', 'add', '@chat.example'],
    ['user', 'add', 'chat.example'],
    ['user', 'add', 'a@chat.example/phone'],
    ['user', 'add', 'a@elsewhere.example'],
    ['user', 'add', 'a b@chat.example'],
    ['user', 'delete', 'nobody-at-all@chat.example'],
    ['user', 'passwd', 'nobody-at-all@chat.example'],
    ['contact', 'add', 'nobody-at-all@chat.example', 'nor-she@chat.example'],
    ['trace', 'nobody-at-all@chat.example', 'on'],
    ['log', 'loud'],
    ['user'],
    ['dance'],
  ])('%s %s %s is refused', async (...args) => {
    await expect(withInput('a password\n', ...args)).rejects.toThrow(/status [12]/);
  });

  test('an empty password is none', async () => {
    await expect(withInput('\n', 'user', 'add', 'empty@chat.example')).rejects.toThrow(/password/);
  });

  test('are listed', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    await ctl('user', 'delete', bob.jid);
    const all = (await ctl('user', 'list')).trim().split('\n');
    expect(all).toContain(alice.jid);
    expect(all).not.toContain(bob.jid);
  });

  test('a new password ends the sessions of the old one', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice);
    await withInput('another secret\n', 'user', 'passwd', alice.jid, '--iterations', '4096');
    await c.expectStreamError('reset');
    const again = await stage.connect('alice');
    await loginLegacy(again, { ...alice, password: 'another secret' });
    const old = await stage.connect('alice');
    await expect(loginLegacy(old, alice)).rejects.toThrow();
  });

  test('a deleted account leaves its friends in order', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    await stage.befriend(alice, bob);
    const friend = await stage.signIn(bob, { roster: true, presence: true });
    const gone = await stage.signIn(alice, { presence: true });
    await friend.pick(x`<presence from='${gone}'/>`);
    await gone.settle(friend);
    await ctl('user', 'delete', alice.jid);
    await gone.expectStreamError('not-authorized');
    await friend.pick(x`<presence from='${gone}' type='unavailable'/>`);
    await friend.pick(x`<presence from='${alice.jid}' type='unsubscribed'/>`);
    await friend.pick(x`<presence from='${alice.jid}' type='unsubscribe'/>`);
    const item = (await friend.get(`<query xmlns='${NS.roster}'/>`)).at('query').child('item');
    expect(item?.attr('subscription') ?? 'none').toBe('none');
    await expect(withInput('pw\n', 'user', 'add', alice.jid)).rejects.toThrow(/reserved/);
  });
});

test('the archive of a deleted account goes, piece by piece, and nobody else loses anything', async () => {
  const [a, b] = await stage.accounts('alice', 'bob');
  const alice = await stage.signIn(a);
  const bob = await stage.signIn(b, { presence: true });
  const count = 450; // more than two pieces
  for (let i = 0; i < count; i++)
    alice.sends`<message to='${b.jid}' type='chat' id='m${i}'><body>${i}</body></message>`;
  await bob.until(() => bob.history.filter((el) => el.child('body')).length === count, 'all messages');
  const number = sql(stage.server, `SELECT id FROM accounts WHERE jid = '${a.jid}'`).trim();
  const left = () =>
    sql(
      stage.server,
      `SELECT (SELECT count(*) FROM archive_rows WHERE account = ${number}),
              (SELECT count(*) FROM archive_origins WHERE account = ${number}),
              (SELECT deleted FROM accounts WHERE id = ${number})`,
    ).trim();
  await ctl('user', 'delete', a.jid);
  await expect.poll(left).toBe('0|0|1');
  expect((await everything(bob)).map((e) => e.message.attr('id'))).toEqual(
    [...Array(count).keys()].map((i) => `m${i}`),
  );
  await ctl('user', 'delete', b.jid);
  await expect.poll(() => sql(stage.server, 'SELECT count(*) FROM messages').trim()).toBe('0');
});

test('contacts made by an admin see each other at once, and after the next sign-in', async () => {
  const [alice, bob] = await stage.accounts('alice', 'bob');
  const one = await stage.signIn(alice, { roster: true, presence: true });
  const two = await stage.signIn(bob, { roster: true, presence: true });
  await ctl('contact', 'add', alice.jid, bob.jid);
  await one.pick(
    x`<iq type='set'><query xmlns='${NS.roster}'><item jid='${bob.jid}' subscription='both'/></query></iq>`,
  );
  await two.pick(
    x`<iq type='set'><query xmlns='${NS.roster}'><item jid='${alice.jid}' subscription='both'/></query></iq>`,
  );
  await one.pick(x`<presence from='${two}'/>`);
  await two.pick(x`<presence from='${one}'/>`);
  const later = await stage.signIn(alice, { resource: 'later', presence: true });
  await later.pick(x`<presence from='${two}'/>`);
});

describe('looking', () => {
  test('sessions', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice, { resource: 'desk', presence: true, priority: 7, sm: true });
    const line = (await ctl('sessions', alice.jid)).trim();
    expect(line).toMatch(new RegExp(`^${c.jid} .*priority=7 .*available=yes sm=resumable .*from=127.0.0.1`));
    expect((await ctl('sessions')).split('\n')).toContainEqual(expect.stringContaining(c.jid));
    c.kill();
    await expect.poll(() => ctl('sessions', alice.jid)).toContain('hibernating');
  });

  test('stats and metrics', async () => {
    const before = await ctl('stats');
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice);
    await c.ping();
    const sum = (text: string, of: string) =>
      text
        .split('\n')
        .filter((l) => l.startsWith('shard '))
        .reduce((n, l) => n + numbers(l)[of]!, 0);
    const after = await ctl('stats');
    expect(sum(after, 'logins') - sum(before, 'logins')).toBe(1);
    expect(sum(after, 'stanzas_in')).toBeGreaterThan(sum(before, 'stanzas_in'));
    expect(numbers(after.split('\n')[0]!)).toMatchObject({
      connections: expect.any(Number),
      longest_turn_us: expect.any(Number),
    });
    const metrics = await ctl('metrics');
    expect(metrics).toMatch(/^# TYPE confab_connections gauge\nconfab_connections \d+$/m);
    for (const l of metrics.trim().split('\n'))
      expect(l).toMatch(/^(# (HELP|TYPE) confab_\w+ .+|confab_\w+(\{[^}]*\})? [\d.]+)$/);
  });

  test('hooks', async () => {
    expect(await ctl('hooks')).toMatch(/^in +message +account +DELIVER /m);
  });

  test('a trace shows one account, and stops', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const one = await stage.signIn(alice);
    const two = await stage.signIn(bob);
    await ctl('trace', alice.jid, 'on');
    await one.get(`<ping xmlns='${NS.ping}'/>`, stage.domain);
    await two.ping();
    const traced = () => stage.server.log.split('\n').filter((l) => l.includes('event=trace'));
    await expect.poll(() => traced().length).toBeGreaterThanOrEqual(2);
    for (const line of traced()) expect(line).toContain(alice.jid);
    await ctl('trace', alice.jid, 'off');
    await one.iq('get', `<query xmlns='urn:example:not-traced'/>`, stage.domain);
    // The log is read as it comes: what was logged before this has come with it.
    await ctl('trace', bob.jid, 'on');
    await two.ping();
    await expect.poll(() => traced().filter((l) => l.includes(bob.jid)).length).toBeGreaterThan(0);
    expect(stage.server.log).not.toContain('not-traced');
  });
});

test('the socket is for the owner alone, and strange input does it no harm', async () => {
  const path = join(stage.server.dir, 'data', 'admin.sock');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const talk = (input: string | Buffer, want: RegExp) =>
    new Promise<void>((resolve, reject) => {
      let got = '';
      const s = net.connect(path, () => s.write(input));
      s.on('data', (d) => {
        got += d;
        if (want.test(got)) {
          s.destroy();
          resolve();
        }
      });
      s.on('error', reject);
      s.on('close', () => (want.test(got) ? resolve() : reject(new Error(`got ${got}`))));
    });
  await talk('stats\n', /^0 error /);
  await talk('1 "user list\n', /^0 error /);
  await talk('1 user\u0000 list\n', /^0 error /);
  await talk('x'.repeat(20_000), /^0 error The line is too long/);
  await talk('1 user list\n2 user list\n', /2 ok/);
  await talk(Array.from({ length: 2000 }, (_, i) => `${i} hooks\n`).join(''), /^1999 ok/m);
  const dead = net.connect(path);
  dead.end(Array.from({ length: 500 }, (_, i) => `${i} sessions\n`).join(''));
  await ctl('stats');
});

test('without a server confabctl says so', async () => {
  const dir = mkdtempSync(join(stage.server.dir, 'other-'));
  writeFileSync(join(dir, 'c.ini'), `[server]\ndata_dir = ${dir}\n`);
  await expect(stage.server.ctl(['--config', join(dir, 'c.ini'), 'stats'])).rejects.toThrow(/not running/);
  rmSync(dir, { recursive: true });
});
