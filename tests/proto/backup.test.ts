// Backups: made by the real tool while messages and files arrive, brought back, and served from; and what is no backup.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bodies, type Client, CONFABCTL, everything, filesOf, page, sql, useServer, x } from './harness/index.ts';

const stage = useServer();
const { slot, request, put } = filesOf(stage);

let serial = 0;
const fresh = () => join(stage.server.dir, `backup-${++serial}`);
const ctl = (...args: string[]) => stage.server.ctl(args);
const data = () => join(stage.server.dir, 'data');

/** Stops the server, makes its data what the backup has, and starts it again. */
async function bringBack(file: string): Promise<void> {
  await stage.server.end();
  await ctl('restore', file, '--force');
  await stage.server.launch();
}

/** Sends without a pause until told to stop; what was acknowledged so far is `c.sm.acked`. */
function talk(c: Client, to: string): { stop(): Promise<number> } {
  let going = true;
  const run = (async () => {
    let n = 0;
    while (going) {
      for (let i = 0; i < 10; i++, n++) c.sends`<message to='${to}' type='chat' id='t${n}'><body>${n}</body></message>`;
      await c.allAcked();
    }
    return n;
  })();
  return {
    stop: () => {
      going = false;
      return run;
    },
  };
}

test('made while messages and files arrive: all that was acknowledged before is there, and nothing half', async () => {
  const [a, b] = await stage.accounts('alice', 'bob');
  const alice = await stage.signIn(a, { sm: true });
  const bob = await stage.signIn(b, { presence: true });
  const body = randomBytes(200_000);
  const before = await slot(alice, 'before.bin', body.length);
  expect((await put(before, body)).status).toBe(201);
  const talking = talk(alice, b.jid);
  await alice.until(() => alice.sm!.acked >= 200, 'some messages');
  const known = alice.sm!.acked - 1; // of which one asked for the slot
  const file = fresh();
  const said = await ctl('backup', file, '--media');
  expect(said).toContain('1 files of 200000 bytes');
  const sent = await talking.stop();
  expect(sent).toBeGreaterThanOrEqual(known);
  const late = await slot(alice, 'late.bin', 10);
  expect((await put(late, randomBytes(10))).status).toBe(201);
  expect(await ctl('verify', file)).toBe(said);
  const early = (await page(bob, { max: 20 })).results;

  await bringBack(file);
  expect(sql(stage.server, 'PRAGMA integrity_check;').trim()).toBe('ok');
  // The same keys: certificates, passwords, ids.
  for (const account of [a, b]) {
    const c = await stage.signIn(account, { sm: true });
    const all = await everything(c);
    const numbers = bodies(all);
    expect(numbers.length).toBeGreaterThanOrEqual(known);
    expect(numbers.length).toBeLessThanOrEqual(sent);
    expect(numbers).toEqual(numbers.map((_, i) => String(i)));
  }
  const again = await stage.signIn(b);
  expect((await page(again, { max: 20 })).results.map((r) => r.id)).toEqual(early.map((r) => r.id));
  const on = await page(again, { max: 5, after: early.at(-1)!.id });
  expect(bodies(on.results)[0]).toBe('20');
  const got = await request(before.get);
  expect([got.status, got.body.equals(body)]).toEqual([200, true]);
  expect((await request(late.get)).status).toBe(404);
  // And it is a server like any other.
  const writer = await stage.signIn(a, { sm: true });
  writer.sends`<message to='${b.jid}' type='chat' id='new'><body>new</body></message>`;
  await writer.allAcked();
  expect(bodies(await everything(again)).at(-1)).toBe('new');
});

test('a roster that a client remembers is not taken for the one that came back', async () => {
  const [a] = await stage.accounts('alice');
  const alice = await stage.signIn(a, { roster: true });
  const add = (jid: string) => alice.set(x`<query xmlns='jabber:iq:roster'><item jid='${jid}'/></query>`);
  await add('one@elsewhere.example');
  const file = fresh();
  await ctl('backup', file);
  await add('two@elsewhere.example');
  const version = (await alice.get("<query xmlns='jabber:iq:roster' ver=''/>")).at('query').need('ver');
  await bringBack(file);
  const back = await stage.signIn(a, { roster: true });
  await back.set(x`<query xmlns='jabber:iq:roster'><item jid='three@elsewhere.example'/></query>`);
  const answer = await back.get(x`<query xmlns='jabber:iq:roster' ver='${version}'/>`);
  expect(
    answer
      .at('query')
      .all('item')
      .map((i) => i.need('jid')),
  ).toEqual(['one@elsewhere.example', 'three@elsewhere.example']);
});

test('nothing is written over, and what was planted is not followed', async () => {
  const file = fresh();
  writeFileSync(file, 'mine');
  await expect(ctl('backup', file)).rejects.toThrow(/exists/);
  expect(readFileSync(file, 'utf8')).toBe('mine');
  const link = fresh();
  symlinkSync(`${file}-target`, link);
  await expect(ctl('backup', link)).rejects.toThrow(/exists/);
  expect(existsSync(`${file}-target`)).toBe(false);
  const good = fresh();
  await ctl('backup', good);
  expect(statSync(good).mode & 0o777).toBe(0o600);
  // Not into a server that runs, nor over a database without being told.
  await expect(ctl('restore', good, '--force')).rejects.toThrow(/running/);
  await stage.server.end();
  await expect(ctl('restore', good)).rejects.toThrow(/already/);
  await stage.server.launch();
  expect(readdirSync(stage.server.dir).filter((f) => f.includes('partial'))).toEqual([]);
});

test('a backup of a server that stands still is the same thing', async () => {
  const [a] = await stage.accounts('alice');
  await stage.server.end();
  const file = fresh();
  await ctl('backup', file, '--media');
  const elsewhere = `${file}-data`;
  await ctl('restore', file, '--data-dir', elsewhere);
  await ctl('verify', file);
  expect(readdirSync(elsewhere).sort()).toEqual(
    readdirSync(data())
      .filter((f) => !/-wal|-shm|[.]old|^search[.]db$/.test(f)) // the index is made again
      .sort(),
  );
  await stage.server.launch();
  await stage.signIn(a);
});

test('what was cut or changed is none, and is not restored', async () => {
  const file = fresh();
  await ctl('backup', file);
  const length = statSync(file).size;
  const bad = fresh();
  for (const cut of [0, 1, 4096, length - 97, length - 96, length - 1]) {
    copyFileSync(file, bad);
    truncateSync(bad, cut);
    await expect(ctl('verify', bad), `cut to ${cut}`).rejects.toThrow(/no backup|damaged/);
  }
  const bytes = readFileSync(file);
  for (const at of [0, 100, 5000, Math.floor(length / 2), length - 200, length - 90, length - 60, length - 1]) {
    copyFileSync(file, bad);
    const fd = openSync(bad, 'r+');
    writeSync(fd, Buffer.from([bytes[at]! ^ 0x10]), 0, 1, at);
    closeSync(fd);
    await expect(ctl('verify', bad), `byte ${at}`).rejects.toThrow(/no backup|damaged|newer/);
  }
  await expect(ctl('restore', bad, '--data-dir', `${bad}-data`)).rejects.toThrow();
  expect(existsSync(join(`${bad}-data`, 'confab.db'))).toBe(false);
});

test('killed at any moment it leaves nothing under its name that is not whole', async () => {
  const file = fresh();
  for (let round = 0; round < 12; round++) {
    const child = spawn(CONFABCTL, ['--config', stage.server.configFile, 'backup', file], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    // Further into it each time: the moments are those of its own steps, not of a clock.
    for (let i = 0; i < round * 30 && child.exitCode === null; i++) await new Promise((r) => setImmediate(r));
    child.kill('SIGKILL');
    await ended;
    if (!existsSync(file)) continue;
    await ctl('verify', file);
    rmSync(file);
  }
  await ctl('backup', file);
});

test('a restore that was broken off keeps the server from starting', async () => {
  const file = fresh();
  await ctl('backup', file);
  await stage.server.end();
  writeFileSync(join(data(), 'confab.db.restoring'), 'half of it');
  await expect(stage.server.launch()).rejects.toThrow(/restore-unfinished/);
  await ctl('restore', file, '--force');
  await stage.server.launch();
});

test('the help names them', async () => {
  const help = await stage.server.ctl(['help']);
  for (const command of ['backup FILE', 'verify FILE', 'restore FILE']) expect(help).toContain(command);
});
