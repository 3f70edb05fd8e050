// The app does the server's upgrade tasks (XEP-0480; the dialogues are in ../upgrade.test.ts) when a person has typed the password.

import { expect, test } from 'vitest';
import { negotiate, prove } from '../../../web/src/xmpp/negotiate';
import type { Credentials } from '../../../web/src/xmpp/scram';
import { Stream } from '../../../web/src/xmpp/stream';
import { type Account, sql, useServer } from '../harness/index.ts';
import { openSocketTo } from './app_device.ts';

const NEW = 6000; // the accounts of dialogues have 4096
const stage = useServer({ auth: { iterations: String(NEW), plaintext: 'loopback' } });
const userAgent = { id: 'd4565fa7-4d72-4749-b3d3-740edbf87770', software: 'Confab', device: 'Test' };

async function opened() {
  const { ports } = stage;
  return Stream.open(
    openSocketTo(() => ports, false),
    'ws:',
    ports.domain,
  );
}

async function proves(account: Account, credentials: Credentials) {
  const { stream, features } = await opened();
  const keys = await prove(stream, features, { address: account.jid, credentials, userAgent });
  stream.abort();
  return keys!;
}

const stored = (account: Account) =>
  sql(stage.server, `SELECT sha1_iterations, sha256_iterations FROM accounts WHERE jid = '${account.jid}'`).trim();

test('from a typed password, and keeps the keys that are good from then on', async () => {
  const [alice] = await stage.accounts('alice');
  const keys = await proves(alice, { password: alice.password });
  expect(keys).toMatchObject({ mechanism: 'SCRAM-SHA-256', iterations: NEW });
  expect(stored(alice)).toBe(`${NEW}|${NEW}`);
  expect(await proves(alice, { keys })).toEqual(keys);
  expect(await proves(alice, { password: alice.password })).toEqual(keys); // nothing is left to do
});

test('within a sign-in that binds', async () => {
  const [alice] = await stage.accounts('alice');
  const { stream, features } = await opened();
  const wishes = { address: alice.jid, credentials: { password: alice.password }, userAgent };
  const outcome = await negotiate(stream, features, wishes);
  stream.abort();
  expect(outcome.jid).toMatch(`${alice.jid}/`);
  expect(outcome.smId).toBeTruthy();
  expect(outcome.keys?.iterations).toBe(NEW);
  expect(stored(alice)).toBe(`${NEW}|${NEW}`);
});

test('not from keys: it does not know the password', async () => {
  const [alice] = await stage.accounts('alice');
  const row = `WHERE jid = '${alice.jid}'`;
  const keys = await proves(alice, { password: alice.password });
  sql(stage.server, `UPDATE accounts SET sha1_iterations = 4096 ${row}`);
  expect(await proves(alice, { keys })).toEqual(keys);
  expect(stored(alice)).toBe(`4096|${NEW}`);
});
