// What the archive holds: the owner's preferences (XEP-0441), and what the sender asks for (XEP-0334).

import { describe, expect, test } from 'vitest';
import {
  type Account,
  ask,
  bodies,
  type Client,
  everything,
  NS,
  page,
  type Query,
  scene,
  useServer,
  x,
} from './harness/index.ts';

const stage = useServer({ limits: { archive_listed: '5' } });

const prefs = (policy: string, lists: { always?: string[]; never?: string[] } = {}) =>
  `<prefs xmlns='${NS.mam}' default='${policy}'>${(['always', 'never'] as const)
    .map((name) => `<${name}>${(lists[name] ?? []).map((jid) => x`<jid>${jid}</jid>`).join('')}</${name}>`)
    .join('')}</prefs>`;
const set = (c: Client, ...args: Parameters<typeof prefs>) => c.iq('set', prefs(...args));
async function get(c: Client): Promise<[string, string[], string[]]> {
  const el = (await c.get(`<prefs xmlns='${NS.mam}'/>`)).at('prefs');
  const list = (name: string) =>
    el
      .at(name)
      .all('jid')
      .map((j) => j.text);
  return [el.need('default'), list('always'), list('never')];
}
async function say(from: Client, to: Client, text: string, more = '', type = 'chat', address = to.bare) {
  from.send(x`<message to='${address}' type='${type}' id='${text}'><body>${text}</body>` + `${more}</message>`);
  return to.pick(x`<message type='${type}' id='${text}'/>`);
}
const archive = async (c: Client, q: Query = {}) => bodies(await everything(c, q));
const hint = (name: string) => `<${name} xmlns='${NS.hints}'/>`;

async function pair(): Promise<[Client, Client, Account, Account]> {
  const [a, b] = await stage.accounts('alice', 'bob');
  return [await stage.signIn(a, { presence: true }), await stage.signIn(b, { presence: true }), a, b];
}

describe('preferences', () => {
  test('unset: those of the server; set: what was set, also after a crash', async () => {
    const [alice, bob, a] = await pair();
    expect(await get(alice)).toEqual(['always', [], []]);
    const applied = await set(alice, 'roster', { always: [bob.bare], never: ['z@localhost/x', 'm@localhost'] });
    expect(applied.at('prefs').attr('default')).toBe('roster');
    const all: Awaited<ReturnType<typeof get>> = ['roster', [bob.bare], ['m@localhost', 'z@localhost/x']];
    expect(await get(alice)).toEqual(all);
    await stage.server.restart('SIGKILL');
    const again = await stage.signIn(a);
    expect(await get(again)).toEqual(all);
    expect((await set(again, 'never')).attr('type')).toBe('result');
    expect(await get(again)).toEqual(['never', [], []]);
  });

  test.each<[string, { always?: string[]; never?: string[] }, boolean]>([
    ['never', {}, false],
    ['roster', {}, false],
    ['always', { never: ['bob'] }, false],
    ['never', { always: ['bob'] }, true],
    ['always', { never: ['bob/elsewhere'] }, true],
    ['never', { always: ['bob/here'] }, true],
    ['always', { always: ['bob'], never: ['bob/here'] }, false],
  ])('%s %j: kept %s in this archive, always in the other', async (policy, lists, kept) => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { presence: true });
    const bob = await stage.signIn(b, { presence: true, resource: 'here' });
    const full = (names: string[] = []) => names.map((name) => name.replace('bob', bob.bare));
    await set(alice, policy, { always: full(lists.always), never: full(lists.never) });
    const got = await say(bob, alice, 'in');
    expect(got.child('stanza-id', NS.sid) !== undefined).toBe(kept);
    expect(await archive(alice)).toEqual(kept ? ['in'] : []);
    await say(alice, bob, 'out', '', 'chat', bob.jid);
    expect(await archive(alice)).toEqual(kept ? ['in', 'out'] : []);
    expect(await archive(bob)).toEqual(['in', 'out']);
  });

  test('of contacts: who is in the roster, and oneself', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const alice = await stage.signIn(a, { presence: true });
    const bob = await stage.signIn(b, { presence: true });
    await set(alice, 'roster');
    await say(bob, alice, 'friend');
    await say(alice, alice, 'note');
    expect(await archive(alice)).toEqual(['friend', 'note']);
  });

  test('a change is for what comes: nothing goes, nothing comes back', async () => {
    const { alice, bob } = await scene(stage);
    await set(alice, 'never');
    await say(bob, alice, 'hidden');
    expect((await page(alice)).results.length).toBe(8);
    await set(alice, 'always');
    expect((await page(alice)).results.length).toBe(8);
  });

  test('what was hidden waits for its reader, whatever is preferred meanwhile', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a);
    const bob = await stage.signIn(b, { sm: true });
    await set(alice, 'always', { never: [bob.bare] });
    bob.sends`<message to='${alice.bare}' type='chat' id='m'><body>psst</body></message>`;
    await bob.allAcked();
    await set(alice, 'always');
    expect((await page(alice)).results).toEqual(
      [],
    ); /* who reads the archive is not given the rest, but for what it lacks */
    await alice.close();
    await stage.server.restart('SIGKILL');
    const modern = await stage.signInModern(a);
    await stage.available(modern);
    const got = await modern.pick(x`<message id='m' type='chat'/>`);
    expect(got.child('stanza-id', NS.sid)).toBeUndefined();
    expect(await archive(modern)).toEqual([]);
  });

  test.each([
    ['a policy that is none', "default='sometimes'", '', 'modify', 'bad-request'],
    ['no policy', '', '', 'modify', 'bad-request'],
    ['an address that is none', "default='always'", '<never><jid>@@</jid></never>', 'modify', 'jid-malformed'],
    ['an empty address', "default='always'", '<never><jid/></never>', 'modify', 'jid-malformed'],
    [
      'one in both lists',
      "default='always'",
      '<always><jid>A@localhost</jid></always><never><jid>a@localhost</jid></never>',
      'modify',
      'bad-request',
    ],
    ['a list twice', "default='always'", '<never/><never/>', 'modify', 'bad-request'],
  ] as const)('%s is refused, and changes nothing', async (_, policy, lists, type, condition) => {
    const [alice] = await stage.cast('alice');
    await set(alice, 'roster');
    await alice.fails(alice.iq('set', `<prefs xmlns='${NS.mam}' ${policy}>${lists}</prefs>`), type, condition);
    expect(await get(alice)).toEqual(['roster', [], []]);
  });

  test('no more addresses than allowed; one that comes twice counts once', async () => {
    const [alice] = await stage.cast('alice');
    const names = ['a', 'b', 'c', 'd', 'e'].map((n) => `${n}@localhost`);
    await set(alice, 'always', { never: [...names, 'A@localhost'] });
    expect((await get(alice))[2]).toEqual(names);
    const more = set(alice, 'always', { never: names, always: ['f@localhost'] });
    await alice.fails(more, 'wait', 'resource-constraint');
    expect((await get(alice))[2]).toEqual(names);
  });

  test("nobody else's", async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    await bob.fails(bob.iq('set', prefs('never'), alice.bare), 'cancel', 'service-unavailable');
    await bob.fails(bob.iq('get', `<prefs xmlns='${NS.mam}'/>`, alice.bare), 'cancel', 'service-unavailable');
    expect((await ask(alice)).attr('type')).toBe('result');
  });
});

describe('hints', () => {
  test('the account knows them', async () => {
    const [alice] = await stage.cast('alice');
    const info = (await alice.get(`<query xmlns='${NS.info}'/>`, alice.bare)).at('query');
    expect(info.all('feature').map((f) => f.attr('var'))).toContain(NS.hints);
  });

  test('no-permanent-store: delivered to who is there, in no archive, without an id', async () => {
    const [alice, bob] = await pair();
    const got = await say(alice, bob, 'm', hint('no-permanent-store'));
    expect(got.child('stanza-id', NS.sid)).toBeUndefined();
    expect(await archive(alice)).toEqual([]);
    expect(await archive(bob)).toEqual([]);
  });

  test('no-permanent-store waits for who is not there; no-store does not', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { sm: true });
    for (const name of ['no-store', 'no-permanent-store'])
      alice.send(x`<message to='${b.jid}' type='chat' id='${name}'><body>1</body>` + `${hint(name)}</message>`);
    await alice.allAcked();
    await stage.server.restart('SIGKILL');
    const bob = await stage.signIn(b, { presence: true, sm: true });
    const got = await bob.pick(x`<message id='no-permanent-store' type='chat'/>`);
    expect(got.child('delay', NS.delay)).toBeDefined();
    expect(got.child('stanza-id', NS.sid)).toBeUndefined();
    expect(bob.history.some((el) => el.attr('id') === 'no-store')).toBe(false);
    expect(await archive(bob)).toEqual([]);
  });

  test('store: a headline too; it is archived, and waits for nobody', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { sm: true });
    alice.send(x`<message to='${b.jid}' type='headline' id='m'><body>news</body>` + `${hint('store')}</message>`);
    await alice.allAcked();
    const bob = await stage.signIn(b, { presence: true });
    expect(await archive(bob)).toEqual(['news']);
    await bob.receivesNothing(alice);
  });

  test('of two that differ, the one that stores less', async () => {
    const [alice, bob] = await pair();
    await say(alice, bob, 'm', hint('store') + hint('no-store'));
    await say(alice, bob, 'n', hint('store') + hint('no-permanent-store'));
    expect(await archive(bob)).toEqual([]);
  });
});
