// SASL upgrade tasks (XEP-0480): keys of fewer iterations than new passwords get, or none of the better hash, are stored anew with the
// client's help; only behind a proof of the password, and never to something weaker.

import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type Account,
  type Client,
  type El,
  fast,
  getToken,
  Lock,
  loginModern,
  NS,
  negotiate,
  requestToken,
  type ScramName,
  type Stage,
  saltedPassword,
  sasl1,
  sasl2,
  sql,
  takeSuccess,
  useServer,
} from './harness/index.ts';

const NEW = 6000; // the accounts of dialogues have 4096
const stage = useServer({
  auth: { iterations: String(NEW), sasl_plain: 'yes', plaintext: 'loopback' },
  debug: { lock_time: '1s' },
});

const asks = (...tasks: string[]) =>
  tasks.map((t) => `<upgrade xmlns='${NS.saslUpgrade}'>UPGR-${t}</upgrade>`).join('');
const [SHA1, SHA256] = ['SCRAM-SHA-1', 'SCRAM-SHA-256'] as const;

async function opened(on: Stage = stage): Promise<Client> {
  const c = await on.connect('someone');
  await negotiate(c);
  return c;
}

/** Iterations of both hashes, and the generation. */
function stored(account: Account): { sha1: number; sha256: number; generation: number } {
  const row = sql(
    stage.server,
    `SELECT sha1_iterations, sha256_iterations, generation FROM accounts WHERE jid = '${account.jid}'`,
  );
  const [sha1, sha256, generation] = row.trim().split('|').map(Number);
  return { sha1: sha1!, sha256: sha256!, generation: generation! };
}

/** As it comes from a server that had one hash. */
function imported(account: Account, without: 'sha1' | 'sha256'): void {
  sql(
    stage.server,
    `UPDATE accounts SET ${without}_iterations = 0, ${without}_keys = NULL WHERE jid = '${account.jid}'`,
  );
}

const taskOf = (el: El) =>
  el
    .at('tasks')
    .all('task')
    .map((t) => t.text);

/** <next/>, and the salt that comes. */
async function begins(c: Client, task: string): Promise<{ salt: Buffer; iterations: number }> {
  c.sendRaw(`<next xmlns='${NS.sasl2}' task='UPGR-${task}'/>`);
  const data = await c.nextElement('the data of the task');
  expect([data.name, data.ns]).toEqual(['task-data', NS.sasl2]);
  const salt = data.child('salt', NS.scramUpgrade)!;
  return { salt: Buffer.from(salt.text, 'base64'), iterations: Number(salt.need('iterations')) };
}

function answers(c: Client, hash: string): Promise<El> {
  c.sendRaw(`<task-data xmlns='${NS.sasl2}'><hash xmlns='${NS.scramUpgrade}'>${hash}</hash></task-data>`);
  return c.nextElement('the outcome of the task');
}

async function does(c: Client, account: Account, task: ScramName): Promise<El> {
  const { salt, iterations } = await begins(c, task);
  expect([salt.length, iterations]).toEqual([16, NEW]);
  return answers(c, saltedPassword(task, account.password, salt, iterations).toString('base64'));
}

async function signsIn(account: Account, mechanism: ScramName): Promise<string> {
  const outcome = await sasl2(await opened(), account, { mechanism });
  return outcome.name;
}

const condition = (failure: El) => failure.elements()[0]!.name;

describe('an upgrade', () => {
  test('is offered to everybody alike', async () => {
    const [alice] = await stage.accounts('alice');
    imported(alice, 'sha256');
    for (const from of [undefined, alice.jid, `nobody@${alice.jid.split('@')[1]}`]) {
      const c = await stage.connect('someone');
      const features = await negotiate(c, from === undefined ? {} : { from });
      const names = features.at('authentication').all('upgrade', NS.saslUpgrade);
      expect(names.map((n) => n.text)).toEqual(['UPGR-SCRAM-SHA-256', 'UPGR-SCRAM-SHA-1']);
    }
  });

  test('adds the better hash to an account that has only SHA-1, and the sign-in goes on as it was asked for', async () => {
    const [alice] = await stage.accounts('alice');
    imported(alice, 'sha256');
    expect(await signsIn(alice, SHA256)).toBe('failure');
    const before = stored(alice);
    const c = await opened();
    const first = await sasl2(c, alice, { mechanism: SHA1, inline: asks(SHA256), tag: 'desk' });
    expect([first.name, taskOf(first)]).toEqual(['continue', ['UPGR-SCRAM-SHA-256']]);
    const success = await does(c, alice, SHA256);
    expect(success.child('additional-data')).toBeUndefined(); // it came with <continue/>
    takeSuccess(c, success);
    expect(success.child('bound', NS.bind2)).toBeDefined();
    await c.expectFeatures();
    await c.ping();
    expect(stored(alice)).toEqual({ ...before, sha256: NEW });
    expect(await signsIn(alice, SHA256)).toBe('success');
    expect(await signsIn(alice, SHA1)).toBe('success');
  });

  test('raises the iterations of both, one task after the other, and nobody is signed out by it', async () => {
    const [alice] = await stage.accounts('alice');
    const agentId = randomUUID();
    const phone = await opened();
    const token = await getToken(phone, alice, agentId);
    const desk = await stage.signInModern(alice);
    const c = await opened();
    const first = await sasl2(c, alice, { inline: asks('SCRAM-SHA-512', SHA1, SHA256), tag: 'x' });
    expect(taskOf(first)).toEqual(['UPGR-SCRAM-SHA-256']);
    const second = await does(c, alice, SHA256);
    expect([second.name, taskOf(second)]).toEqual(['continue', ['UPGR-SCRAM-SHA-1']]);
    expect(second.child('additional-data')).toBeUndefined();
    expect(stored(alice)).toMatchObject({ sha1: 4096, sha256: 4096 }); // together, when all is there
    const success = await does(c, alice, SHA1);
    takeSuccess(c, success);
    expect(stored(alice)).toMatchObject({ sha1: NEW, sha256: NEW, generation: 1 });
    expect(await signsIn(alice, SHA256)).toBe('success');
    expect(await signsIn(alice, SHA1)).toBe('success');
    expect((await fast(await opened(), alice, token, { agentId })).name).toBe('success');
    await desk.ping();
  });

  test('is not asked for again when it is done, nor when nothing was asked for', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const c = await opened();
    await sasl2(c, alice, { inline: asks(SHA256) });
    expect((await does(c, alice, SHA256)).name).toBe('success');
    const again = await sasl2(await opened(), alice, { inline: asks(SHA256) });
    expect(again.name).toBe('success');
    expect((await sasl2(await opened(), bob)).name).toBe('success');
    expect((await sasl2(await opened(), bob, { inline: asks('SCRAM-SHA-512', 'PLAIN') })).name).toBe('success');
    expect(stored(bob)).toMatchObject({ sha1: 4096, sha256: 4096 });
  });

  test('never adds the weaker hash', async () => {
    const [alice] = await stage.accounts('alice');
    imported(alice, 'sha1');
    const c = await opened();
    const first = await sasl2(c, alice, { inline: asks(SHA1, SHA256) });
    expect(taskOf(first)).toEqual(['UPGR-SCRAM-SHA-256']);
    expect((await does(c, alice, SHA256)).name).toBe('success');
    expect(stored(alice)).toMatchObject({ sha1: 0, sha256: NEW });
  });

  test('never lowers what has more iterations than new passwords get', async () => {
    const [alice] = await stage.accounts('alice');
    sql(stage.server, `UPDATE accounts SET sha1_iterations = ${NEW} WHERE jid = '${alice.jid}'`);
    const c = await opened();
    const first = await sasl2(c, alice, { inline: asks(SHA1) });
    expect(first.name).toBe('success');
  });
});

describe('what is no proof of the password is no reason to upgrade', () => {
  test('a wrong one', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    const outcome = await sasl2(c, alice, { password: 'wrong', inline: asks(SHA256, SHA1) });
    expect([outcome.name, condition(outcome)]).toEqual(['failure', 'not-authorized']);
    c.sendRaw(`<next xmlns='${NS.sasl2}' task='UPGR-SCRAM-SHA-256'/>`);
    await c.expectStreamError('policy-violation');
  });

  test('a token', async () => {
    const [alice] = await stage.accounts('alice');
    const agentId = randomUUID();
    const token = await getToken(await opened(), alice, agentId);
    const outcome = await fast(await opened(), alice, token, { agentId, inline: asks(SHA256, SHA1) });
    expect(outcome.name).toBe('success');
    expect(stored(alice)).toMatchObject({ sha1: 4096, sha256: 4096 });
  });

  test('RFC 6120 has no tasks', async () => {
    const [alice] = await stage.accounts('alice');
    expect((await sasl1(await opened(), alice.name, alice.password)).name).toBe('success');
    expect(stored(alice)).toMatchObject({ sha1: 4096, sha256: 4096 });
  });

  test('a device that was signed out is told so first', async () => {
    const [alice] = await stage.accounts('alice');
    const agentId = randomUUID();
    const lost = await stage.connect('lost');
    await loginModern(lost, alice, { agentId, inline: requestToken() });
    const desk = await stage.signInModern(alice);
    const list = await desk.get(`<list xmlns='${NS.cam}'/>`);
    const other = list
      .at('clients')
      .all('client')
      .find((e) => !e.child('this'))!;
    await desk.set(`<revoke xmlns='${NS.cam}' id='${other.attr('id')}'/>`);
    const c = await opened();
    const outcome = await sasl2(c, alice, { agentId, inline: asks(SHA256) });
    expect(condition(outcome)).toBe('credentials-expired');
  });
});

describe('a task that goes wrong', () => {
  async function under(mechanism: ScramName = SHA256): Promise<{ alice: Account; c: Client }> {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    expect((await sasl2(c, alice, { mechanism, inline: asks(SHA256) })).name).toBe('continue');
    return { alice, c };
  }

  test.each([
    ['no base64', 'incorrect-encoding'],
    ['', 'malformed-request'],
    [Buffer.alloc(31).toString('base64'), 'malformed-request'],
    [Buffer.alloc(33).toString('base64'), 'malformed-request'],
    [Buffer.alloc(20).toString('base64'), 'malformed-request'],
  ])(
    'with the hash %s: nothing is stored, nobody is signed in, and the stream may try again',
    async (hash, expected) => {
      const { alice, c } = await under();
      await begins(c, SHA256);
      const outcome = await answers(c, hash);
      expect([outcome.name, condition(outcome)]).toEqual(['failure', expected]);
      expect(stored(alice)).toMatchObject({ sha1: 4096, sha256: 4096 });
      expect((await sasl2(c, alice)).name).toBe('success');
    },
  );

  test('without a hash', async () => {
    const { c } = await under();
    await begins(c, SHA256);
    c.sendRaw(`<task-data xmlns='${NS.sasl2}'/>`);
    expect(condition(await c.nextElement('a failure'))).toBe('malformed-request');
  });

  test.each(['UPGR-SCRAM-SHA-1', 'UPGR-SCRAM-SHA-512', 'SCRAM-SHA-256', ''])('another one: %s', async (task) => {
    const { alice, c } = await under();
    c.sendRaw(`<next xmlns='${NS.sasl2}' task='${task}'/>`);
    const outcome = await c.nextElement('a failure');
    expect([outcome.name, condition(outcome)]).toEqual(['failure', 'invalid-mechanism']);
    expect(stored(alice)).toMatchObject({ sha1: 4096, sha256: 4096 });
  });

  test.each([0, 1])('aborted (%i)', async (begun) => {
    const { alice, c } = await under();
    if (begun) await begins(c, SHA256);
    c.sendRaw(`<abort xmlns='${NS.sasl2}'/>`);
    expect(condition(await c.nextElement('a failure'))).toBe('aborted');
    expect(stored(alice)).toMatchObject({ sha1: 4096, sha256: 4096 });
    expect((await sasl2(c, alice)).name).toBe('success');
  });

  test.each([
    ['data before it has begun', `<task-data xmlns='${NS.sasl2}'/>`],
    ['a response', `<response xmlns='${NS.sasl2}'/>`],
    ['another sign-in', `<authenticate xmlns='${NS.sasl2}' mechanism='SCRAM-SHA-1'/>`],
  ])('%s ends the stream', async (_, sent) => {
    const { c } = await under();
    c.sendRaw(sent);
    await c.expectStreamError('policy-violation');
  });

  test('a stanza in its place: nobody is signed in yet', async () => {
    const { c } = await under();
    c.sendRaw(`<message xmlns='jabber:client' to='x@${'chat.example'}'/>`);
    await c.expectStreamError('not-authorized');
  });

  test('begun twice', async () => {
    const { c } = await under();
    await begins(c, SHA256);
    c.sendRaw(`<next xmlns='${NS.sasl2}' task='UPGR-SCRAM-SHA-256'/>`);
    await c.expectStreamError('policy-violation');
  });

  test('when the password is changed meanwhile: the new one stays', async () => {
    const { alice, c } = await under();
    const { salt, iterations } = await begins(c, SHA256);
    await stage.server.ctl(['user', 'passwd', alice.jid, '--iterations', '4096'], 'another secret\n');
    const outcome = await answers(c, saltedPassword(SHA256, alice.password, salt, iterations).toString('base64'));
    expect(condition(outcome)).toBe('not-authorized');
    expect(await signsIn({ ...alice, password: 'another secret' }, SHA256)).toBe('success');
    expect(await signsIn(alice, SHA256)).toBe('failure');
  });

  test('when another device was faster: what that one stored stays', async () => {
    const { alice, c } = await under();
    const { salt, iterations } = await begins(c, SHA256);
    const faster = await opened();
    await sasl2(faster, alice, { inline: asks(SHA256) });
    expect((await does(faster, alice, SHA256)).name).toBe('success');
    const hash = saltedPassword(SHA256, 'something else', salt, iterations).toString('base64');
    expect((await answers(c, hash)).name).toBe('success');
    expect(await signsIn(alice, SHA256)).toBe('success');
  });

  test('when it cannot be stored: a failure that says so', async () => {
    const { alice, c } = await under();
    const lock = await Lock.take(stage.server);
    const outcome = await does(c, alice, SHA256);
    await lock.release();
    expect([outcome.name, condition(outcome)]).toEqual(['failure', 'temporary-auth-failure']);
    expect((await sasl2(c, alice)).name).toBe('success');
  });
});

describe('PLAIN', () => {
  const says = async (account: Account, password = account.password) => {
    const c = await stage.connect('someone', 'tls');
    await negotiate(c);
    return (await sasl2(c, { ...account, password }, { mechanism: 'PLAIN' })).name;
  };

  test('shows the password: what is needed is stored without a task', async () => {
    const [alice] = await stage.accounts('alice');
    imported(alice, 'sha256');
    expect(await says(alice, 'wrong')).toBe('failure');
    expect(stored(alice)).toMatchObject({ sha1: 4096, sha256: 0 });
    expect(await says(alice)).toBe('success');
    expect(stored(alice)).toEqual({ sha1: NEW, sha256: NEW, generation: 1 });
    expect(await signsIn(alice, SHA256)).toBe('success');
    expect(await signsIn(alice, SHA1)).toBe('success');
    expect(await says(alice)).toBe('success');
  });

  test('signs in all the same when it cannot be stored', async () => {
    const [alice] = await stage.accounts('alice');
    const lock = await Lock.take(stage.server);
    expect(await says(alice)).toBe('success');
    await lock.release();
    expect(stored(alice)).toMatchObject({ sha1: 4096, sha256: 4096 });
  });
});
