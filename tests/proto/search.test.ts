// Full-text search (XEP-0431): a field in queries of one's own archive. What is said is found at once, before it is indexed and after.

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ask, bodies, type Client, NS, page, type Query, useServer, x } from './harness/index.ts';

const stage = useServer({ limits: { mam_page: '20' } });
const FULLTEXT = '{urn:xmpp:fulltext:0}fulltext';

const find = (c: Client, words: string, q: Query = {}) =>
  page(c, { ...q, fields: { ...q.fields, [FULLTEXT]: words } });
const found = async (c: Client, words: string, q: Query = {}) => bodies((await find(c, words, q)).results);

async function say(from: Client, to: Client, text: string, extra = ''): Promise<void> {
  const id = `s${Math.random()}`;
  from.send(x`<message to='${to.bare}' type='chat' id='${id}'><body>${text}</body>` + `${extra}</message>`);
  await to.pick(x`<message type='chat' id='${id}'/>`);
}

const indexLine = async () => (await stage.server.ctl(['stats'])).split('\n').find((l) => l.startsWith('search '))!;
const number = (line: string, name: string) => Number(line.match(new RegExp(`${name}=(\\d+)`))![1]);

/** Until an index begun not before `rebuilds` has all that was in the archives when it last looked. */
async function indexed(rebuilds = 0): Promise<void> {
  for (;;) {
    const line = await indexLine();
    if (number(line, 'waiting') === 0 && number(line, 'indexed') > 0 && number(line, 'rebuilds') >= rebuilds) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Until all that is in the archives now is in the index, which is made anew for it. */
async function rebuilt(): Promise<void> {
  const rebuilds = number(await indexLine(), 'rebuilds');
  await stage.server.ctl(['search', 'rebuild']);
  await indexed(rebuilds + 1);
}

/** Before it is indexed, as a rule, and after. */
async function inBothStates(check: () => Promise<void>): Promise<void> {
  await check();
  await rebuilt();
  await check();
}

async function two(): Promise<[Client, Client]> {
  const [a, b] = await stage.accounts('alice', 'bob');
  return [await stage.signIn(a, { presence: true }), await stage.signIn(b, { presence: true })];
}

test('the account says so, and the form has the field', async () => {
  const [alice] = await stage.cast('alice');
  const info = (await alice.get(`<query xmlns='${NS.info}'/>`, alice.bare)).at('query');
  expect(info.all('feature').map((f) => f.attr('var'))).toContain('urn:xmpp:fulltext:0');
  const form = (await alice.get(`<query xmlns='${NS.mam}'/>`)).at('query', 'x');
  expect(form.all('field').find((f) => f.attr('var') === FULLTEXT)?.attr('type')).toBe('text-single');
});

describe('words', () => {
  test('each begins a word of the message, without case, accents and punctuation; on both sides', async () => {
    const [alice, bob] = await two();
    await say(alice, bob, 'Lunch at the Café Größe, tomorrow?');
    await say(bob, alice, 'No: launch day!');
    await say(alice, bob, '東京都 it is 🍕');
    await inBothStates(async () => {
      for (const one of [alice, bob]) {
        expect(await found(one, 'lunch')).toEqual(['Lunch at the Café Größe, tomorrow?']);
        expect(await found(one, 'l')).toEqual(['Lunch at the Café Größe, tomorrow?', 'No: launch day!']);
        expect(await found(one, 'TOMOR cafe')).toEqual(['Lunch at the Café Größe, tomorrow?']);
        expect(await found(one, 'grosse')).toHaveLength(1);
        expect(await found(one, '京')).toHaveLength(1);
        expect(await found(one, '東京')).toHaveLength(1);
        expect(await found(one, '🍕')).toHaveLength(1);
        expect(await found(one, 'unch')).toEqual([]);
        expect(await found(one, 'lunch day')).toEqual([]);
        expect(await found(one, '"lunch" OR * NEAR(')).toEqual([]);
        expect(await found(one, '"lunch*"')).toHaveLength(1);
      }
    });
  });

  test('nobody finds what others said; what is encrypted is not found by the note beside it', async () => {
    const [a, b, c] = await stage.accounts('alice', 'bob', 'carol');
    const alice = await stage.signIn(a, { presence: true });
    const bob = await stage.signIn(b, { presence: true });
    const carol = await stage.signIn(c, { presence: true });
    await say(alice, bob, 'the secret of two');
    await say(alice, carol, 'the secret of others');
    await say(alice, bob, 'this secret is encrypted', `<encrypted xmlns='eu.siacs.conversations.axolotl'/>`);
    await inBothStates(async () => {
      expect(await found(bob, 'secret')).toEqual(['the secret of two']);
      expect(await found(carol, 'secret')).toEqual(['the secret of others']);
      expect(await found(alice, 'secret')).toEqual(['the secret of two', 'the secret of others']);
      expect(await found(alice, 'secret', { with: carol.bare })).toEqual(['the secret of others']);
      await bob.fails(ask(bob, { to: alice.bare, fields: { [FULLTEXT]: 'secret' } }), 'cancel', 'service-unavailable');
    });
  });
});

test('pages, from either end, with a person and between two times', async () => {
  const [alice, bob] = await two();
  const said: string[] = [];
  for (let i = 0; i < 12; i++) {
    const text = i % 3 ? `word ${i}` : `nothing ${i}`;
    if (i % 3) said.push(text);
    await (i % 2 ? say(alice, bob, text) : say(bob, alice, text));
  }
  await inBothStates(async () => {
    const all = await find(alice, 'word');
    expect(bodies(all.results)).toEqual(said);
    expect(all.complete).toBe(true);
    const last = await find(alice, 'word', { max: 3, before: '' });
    expect(bodies(last.results)).toEqual(said.slice(-3));
    expect(last.complete).toBe(false);
    const before = await find(alice, 'word', { max: 5, before: last.first! });
    expect(bodies(before.results)).toEqual(said.slice(0, 5));
    expect(before.complete).toBe(true);
    const first = await find(alice, 'word', { max: 2, with: bob.bare });
    expect(bodies(first.results)).toEqual(said.slice(0, 2));
    const rest = await find(alice, 'word', { after: first.last!, end: all.results[5]!.stamp });
    expect(bodies(rest.results)).toEqual(said.slice(2, 6));
    expect(await found(alice, 'word', { with: `${bob.bare}/other` })).toEqual([]);
    expect(await found(alice, 'word', { fields: { ids: [all.results[0]!.id, all.results[3]!.id] } })).toEqual([
      said[0],
      said[3],
    ]);
    const none = await find(alice, 'word', { max: 0 });
    expect([none.results.length, none.complete]).toEqual([0, false]);
    expect((await find(alice, 'neverword', { max: 0 })).complete).toBe(true);
  });
});

test('questions that are none, or too much', async () => {
  const [alice] = await stage.cast('alice');
  const asked = (words: string) => ask(alice, { fields: { [FULLTEXT]: words } });
  expect((await find(alice, '')).complete).toBe(true);
  await alice.fails(asked(' ?! '), 'modify', 'bad-request');
  await alice.fails(asked('a '.repeat(13)), 'modify', 'policy-violation');
  await alice.fails(asked('a'.repeat(600)), 'modify', 'policy-violation');
  expect((await find(alice, 'a '.repeat(12))).complete).toBe(true);
  expect((await find(alice, 'é'.repeat(250))).complete).toBe(true);
});

test('a deleted account leaves the archives of others alone', async () => {
  const [a, b] = await stage.accounts('alice', 'bob');
  const alice = await stage.signIn(a, { presence: true });
  const bob = await stage.signIn(b, { presence: true });
  await say(alice, bob, 'farewell');
  await rebuilt();
  await stage.server.ctl(['user', 'delete', a.jid]);
  expect(await found(bob, 'farewell')).toEqual(['farewell']);
});

test('the index is gone, is damaged, is asked to be made anew: everything is found all the while', async () => {
  const [a, b] = await stage.accounts('alice', 'bob');
  const file = join(stage.server.dir, 'data', 'search.db');
  const alice = await stage.signIn(a, { presence: true });
  const bob = await stage.signIn(b, { presence: true });
  await say(alice, bob, 'needle in a haystack');
  await rebuilt();
  expect(existsSync(file)).toBe(true);
  const rebuilds = number(await indexLine(), 'rebuilds');
  await stage.server.ctl(['search', 'rebuild']);
  expect(await found(alice, 'needle')).toEqual(['needle in a haystack']);
  await indexed(rebuilds + 1);
  expect(await found(bob, 'needle')).toEqual(['needle in a haystack']);
  for (const harm of [() => writeFileSync(file, 'no database'), () => rmSync(file)]) {
    await stage.server.end();
    expect(existsSync(join(stage.server.dir, 'data', 'confab.db-wal'))).toBe(false); // the indexer let go of it before
    for (const more of ['-wal', '-shm']) rmSync(file + more, { force: true });
    harm();
    await stage.server.launch();
    const again = await stage.signIn(a, { presence: true });
    expect(await found(again, 'needle')).toEqual(['needle in a haystack']);
    await indexed();
    expect(await found(again, 'needle')).toEqual(['needle in a haystack']);
  }
});
