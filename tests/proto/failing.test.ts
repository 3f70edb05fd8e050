// A database that fails for a while: clear errors, nothing acknowledged is lost, and what is owed is made good when it works.

import { afterEach, describe, expect, test } from 'vitest';
import { authenticate, Lock, loginLegacy, NS, negotiate, sasl1, sql, useServer, x } from './harness/index.ts';

const stage = useServer({ limits: { idle_accounts_time: '1s' }, debug: { lock_time: '10m' } });

let undo = '';
let lock: Lock | undefined;

/** Nothing can be added to that table. */
function failWrites(table: string): void {
  undo = 'DROP TRIGGER failing;';
  sql(stage.server, `CREATE TRIGGER failing BEFORE INSERT ON ${table} BEGIN SELECT RAISE(ABORT, 'failing'); END;`);
}

/** Whoever reads a row of the list of blocked addresses gets an error. */
function failReads(): void {
  undo = 'DROP VIEW blocked; ALTER TABLE blocked_away RENAME TO blocked;';
  sql(
    stage.server,
    'ALTER TABLE blocked RENAME TO blocked_away; ' +
      'CREATE VIEW blocked AS SELECT id AS account, abs(id - id - 9223372036854775807 - 1) AS jid FROM accounts;',
  );
}

function repair(): void {
  if (undo) sql(stage.server, undo);
  undo = '';
}

afterEach(async () => {
  repair();
  await lock?.release();
  lock = undefined;
});

const rows = (table: string, where = '1') => Number(sql(stage.server, `SELECT count(*) FROM ${table} WHERE ${where};`));

describe('contacts', () => {
  test('who cannot be put into the list is refused, and so is a subscription', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { roster: true, presence: true, sm: true });
    const bob = await stage.signIn(b, { presence: true });
    failWrites('roster');
    const item = x`<query xmlns='${NS.roster}'><item jid='${b.jid}'/></query>`;
    expect((await alice.iq('set', item)).attr('type')).toBe('error');
    alice.sends`<presence type='subscribe' to='${b.jid}' id='s1'/>`;
    const refused = await alice.pick(x`<presence type='error' from='${b.jid}' id='s1'/>`);
    expect(refused.child('error')).toBeDefined();
    await alice.allAcked();
    repair();
    await bob.receivesNothing(alice);
    alice.sends`<presence type='subscribe' to='${b.jid}' id='s2'/>`;
    await bob.pick(x`<presence type='subscribe' from='${a.jid}'/>`);
  });

  test('an end of a subscription that fails leaves it as it was', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const alice = await stage.signIn(a, { presence: true });
    const bob = await stage.signIn(b, { presence: true });
    await bob.pick(x`<presence from='${alice}'/>`);
    failWrites('owed');
    alice.sends`<presence type='unsubscribed' to='${b.jid}'/>`;
    await alice.pick(x`<presence type='error' from='${b.jid}'/>`);
    repair();
    await bob.pick(x`<presence from='${alice}' type='unavailable'/>`);
    await bob.pick(x`<presence from='${alice}'/>`);
  });

  test('a block that fails shows the contact what it was to see no more', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const alice = await stage.signIn(a, { presence: true });
    const bob = await stage.signIn(b, { presence: true });
    await bob.pick(x`<presence from='${alice}'/>`);
    failWrites('blocked');
    const answer = await alice.iq('set', x`<block xmlns='${NS.blocking}'><item jid='${b.jid}'/></block>`);
    expect(answer.attr('type')).toBe('error');
    await bob.pick(x`<presence from='${alice}' type='unavailable'/>`);
    await bob.pick(x`<presence from='${alice}'/>`);
  });

  test('what the other side cannot write is tried again, in order', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { presence: true });
    const bob = await stage.signIn(b, { presence: true });
    failWrites('requests');
    alice.sends`<presence type='subscribe' to='${b.jid}'/>`;
    alice.sends`<presence type='unsubscribe' to='${b.jid}'/>`;
    alice.sends`<presence type='subscribe' to='${b.jid}'><status>please</status></presence>`;
    await alice.ping();
    await bob.receivesNothing(alice);
    expect(rows('owed')).toBe(3);
    repair();
    const got = [];
    for (let i = 0; i < 3; i++) got.push(await bob.nextElement('a presence'));
    expect(got.map((el) => el.attr('type'))).toEqual(['subscribe', 'unsubscribe', 'subscribe']);
    expect(got[2]!.child('status')?.text).toBe('please');
    await bob.settle(alice);
    expect([rows('requests', `jid = '${a.jid}'`), rows('owed')]).toEqual([1, 0]);
  });

  test('a request counts as handled when it is stored, not before', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { sm: true });
    const witness = await stage.signIn(b);
    const again = await stage.connect('alice');
    await authenticate(again, a);
    lock = await Lock.take(stage.server);
    alice.sends`<presence type='subscribe' to='${b.jid}'/>`;
    await witness.ping();
    alice.kill();
    again.resuming = alice;
    again.sendRaw(x`<resume xmlns='${NS.sm}' h='0' previd='${alice.sm!.id!}'/>`);
    for (let i = 0; i < 10; i++) await witness.ping();
    expect(again.inbox).toEqual([]);
    await lock.release();
    await again.expect(x`<resumed xmlns='${NS.sm}' previd='${alice.sm!.id!}' h='1'/>`);
    await stage.server.restart('SIGKILL');
    const bob = await stage.signIn(b, { presence: true });
    await bob.pick(x`<presence type='subscribe' from='${a.jid}'/>`);
  });
});

describe('an account that cannot be loaded', () => {
  test('cannot sign in now; what is sent to it is refused for now; later all is well', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { presence: true, sm: true });
    alice.sends`<message to='${b.jid}' type='chat' id='m1'><body>before</body></message>`;
    await alice.allAcked();
    await stage.server.restart();
    const again = await stage.signIn(a, { presence: true, sm: true });
    failReads();
    const c = await stage.connect('bob');
    await negotiate(c);
    const failure = await sasl1(c, b.name, b.password);
    expect(failure.child('temporary-auth-failure', NS.sasl)).toBeDefined();
    again.sends`<message to='${b.jid}' type='chat' id='m2'><body>meanwhile</body></message>`;
    const refused = await again.pick(x`<message type='error' id='m2' from='${b.jid}'/>`);
    expect(refused.at('error').attr('type')).toBe('wait');
    again.sends`<iq type='get' to='${b.jid}' id='q1'><query xmlns='${NS.info}'/></iq>`;
    await again.pick(x`<iq type='error' id='q1' from='${b.jid}'/>`);
    again.sends`<presence type='subscribe' to='${b.jid}'/>`;
    await again.allAcked();
    repair();
    again.sends`<message to='${b.jid}' type='chat' id='m3'><body>after</body></message>`;
    await again.allAcked();
    const bob = await stage.connect('bob');
    await loginLegacy(bob, b);
    await stage.available(bob);
    for (const id of ['m1', 'm3']) await bob.pick(x`<message type='chat' id='${id}'/>`);
    await bob.pick(x`<presence type='subscribe' from='${a.jid}'/>`);
    const rest = await bob.settle(again);
    expect(rest.filter((el) => el.name === 'message')).toEqual([]);
  });
});
