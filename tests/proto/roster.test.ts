// The roster (RFC 6121 section 2): reading, changing, pushes, versions, errors.

import { describe, expect, test } from 'vitest';
import { type Client, type El, NS, useServer, x } from './harness/index.ts';

const stage = useServer();

const query = (inner = '', attrs = '') => `<query xmlns='${NS.roster}'${attrs}>${inner}</query>`;
const items = (answer: El) =>
  (answer.child('query', NS.roster)?.all('item', NS.roster) ?? [])
    .map((i) => ({
      jid: i.need('jid'),
      name: i.attr('name'),
      subscription: i.attr('subscription') ?? 'none',
      ask: i.attr('ask'),
      groups: i
        .all('group')
        .map((g) => g.text)
        .sort(),
    }))
    .sort((a, b) => (a.jid < b.jid ? -1 : 1));
const roster = async (c: Client) => items(await c.get(query()));

describe('reading and changing', () => {
  test('an empty roster', async () => {
    const [alice] = await stage.cast('alice');
    const answer = await alice.get(query());
    expect(answer.child('query', NS.roster)).toBeDefined();
    expect(items(answer)).toEqual([]);
  });

  test('add, change, remove', async () => {
    const [alice] = await stage.cast('alice');
    const bob = stage.nobody();
    const answer = await alice.set(
      query(x`<item jid='${bob}' name='Bob &amp; Söhne'><group>Friends</group><group>Work</group></item>`),
    );
    expect(answer.elements()).toEqual([]);
    expect(await roster(alice)).toEqual([
      { jid: bob, name: 'Bob & Söhne', subscription: 'none', ask: undefined, groups: ['Friends', 'Work'] },
    ]);
    await alice.set(query(x`<item jid='${bob}' name='Robert'><group>Work</group></item>`));
    expect(await roster(alice)).toEqual([
      { jid: bob, name: 'Robert', subscription: 'none', ask: undefined, groups: ['Work'] },
    ]);
    await alice.set(query(x`<item jid='${bob}'/>`));
    expect(await roster(alice)).toEqual([
      { jid: bob, name: undefined, subscription: 'none', ask: undefined, groups: [] },
    ]);
    await alice.set(query(x`<item jid='${bob}' subscription='remove'/>`));
    expect(await roster(alice)).toEqual([]);
  });

  test('subscription and ask are not for the client to set (2.1.2.5)', async () => {
    const [alice] = await stage.cast('alice');
    const bob = stage.nobody();
    await alice.set(query(x`<item jid='${bob}' subscription='both' ask='subscribe' approved='true'/>`));
    expect(await roster(alice)).toMatchObject([{ subscription: 'none', ask: undefined }]);
  });

  test('JIDs are kept bare and normalised', async () => {
    const [alice] = await stage.cast('alice');
    const bob = stage.nobody();
    await alice.set(query(x`<item jid='${bob.toUpperCase()}'/>`));
    expect((await roster(alice)).map((i) => i.jid)).toEqual([bob]);
  });

  test('domains and contacts elsewhere can be in it', async () => {
    const [alice] = await stage.cast('alice');
    await alice.set(query("<item jid='juliet@elsewhere.example' name='J'/>"));
    await alice.set(query("<item jid='service.example'/>"));
    expect((await roster(alice)).map((i) => i.jid)).toEqual(['juliet@elsewhere.example', 'service.example']);
  });

  test('to the own bare JID is the same as to nobody', async () => {
    const [alice] = await stage.cast('alice');
    await alice.get(query(), alice.bare);
  });
});

describe('errors (2.3.3, 2.5.3)', () => {
  test.each([
    ['two items', "<item jid='a@b.example'/><item jid='c@d.example'/>", 'modify', 'bad-request'],
    ['no item', '', 'modify', 'bad-request'],
    ['no JID', '<item/>', 'modify', 'bad-request'],
    ['a JID that is none', "<item jid='@@'/>", 'modify', 'bad-request|jid-malformed'],
    [
      'the same group twice',
      "<item jid='a@b.example'><group>x</group><group>x</group></item>",
      'modify',
      'bad-request',
    ],
    ['an empty group', "<item jid='a@b.example'><group/></item>", 'modify', 'not-acceptable'],
    ['a name that is too long', `<item jid='a@b.example' name='${'n'.repeat(5000)}'/>`, 'modify', 'not-acceptable'],
    [
      'a group that is too long',
      `<item jid='a@b.example'><group>${'g'.repeat(5000)}</group></item>`,
      'modify',
      'not-acceptable',
    ],
  ])('%s', async (_name, inner, type, condition) => {
    const [alice] = await stage.cast('alice');
    const got = await alice.iq('set', query(inner));
    expect(got.attr('type')).toBe('error');
    expect(got.at('error').attr('type')).toBe(type);
    expect(got.at('error').elements()[0]!.name).toMatch(new RegExp(condition));
    expect(await roster(alice)).toEqual([]);
  });

  test('removing who is not there is item-not-found', async () => {
    const [alice] = await stage.cast('alice');
    await alice.fails(
      alice.iq('set', query(x`<item jid='${stage.nobody()}' subscription='remove'/>`)),
      'cancel',
      'item-not-found',
    );
  });

  test('the roster of somebody else is closed, and says nothing about them', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    for (const to of [bob.bare, stage.nobody()]) {
      for (const type of ['get', 'set'] as const) {
        const got = await alice.iq(type, query(type === 'set' ? x`<item jid='${alice.bare}'/>` : ''), to);
        expect(got.attr('type')).toBe('error');
        expect(got.at('error').elements()[0]!.name).toMatch(/forbidden|service-unavailable/);
      }
    }
    await bob.receivesNothing(alice);
  });
});

describe('pushes', () => {
  test('go to every session that asked for the roster, the changer too, and to no other', async () => {
    const [a] = await stage.accounts('alice');
    const one = await stage.signIn(a, { resource: 'one', roster: true });
    const two = await stage.signIn(a, { resource: 'two', roster: true });
    const three = await stage.signIn(a, { resource: 'three', presence: true });
    const bob = stage.nobody();
    await one.set(query(x`<item jid='${bob}' name='B'/>`));
    const push = x`<iq type='set' id='*'><query xmlns='${NS.roster}'><item jid='${bob}' name='B' subscription='none'/></query></iq>`;
    const ids = new Set<string>();
    for (const c of [one, two]) {
      const got = await c.pick(push);
      expect([undefined, a.jid]).toContain(got.attr('from'));
      expect([undefined, c.jid]).toContain(got.attr('to'));
      ids.add(got.need('id'));
      c.sends`<iq type='result' id='${got.need('id')}'/>`;
    }
    // Ids made by the server cannot be guessed; they need not differ between sessions, but they are long.
    for (const id of ids) expect(id.length).toBeGreaterThanOrEqual(8);
    const seen = await three.settle(one);
    expect(seen.filter((e) => e.name === 'iq')).toEqual([]);
  });

  test('a removal is pushed as such', async () => {
    const [a] = await stage.accounts('alice');
    const one = await stage.signIn(a, { roster: true });
    const bob = stage.nobody();
    await one.set(query(x`<item jid='${bob}'/>`));
    await one.pick(`<iq type='set'/>`);
    await one.set(query(x`<item jid='${bob}' subscription='remove'/>`));
    await one.receives`<iq type='set'><query xmlns='${NS.roster}'><item jid='${bob}' subscription='remove'/></query></iq>`;
  });

  test('answers to pushes are swallowed, also errors', async () => {
    const [a] = await stage.accounts('alice');
    const one = await stage.signIn(a, { roster: true });
    await one.set(query(x`<item jid='${stage.nobody()}'/>`));
    const push = await one.pick(`<iq type='set'/>`);
    one.sends`<iq type='error' id='${push.need('id')}'><error type='cancel'><service-unavailable xmlns='${NS.stanzas}'/></error></iq>`;
    await one.receivesNothing();
  });
});

describe('versions (2.6)', () => {
  test('an answer carries one, and an unchanged roster is not sent again', async () => {
    const [a] = await stage.accounts('alice');
    const c = await stage.signIn(a);
    await c.set(query(x`<item jid='${stage.nobody()}'/>`));
    const full = await c.get(query('', " ver=''"));
    const ver = full.at('query').need('ver');
    expect(items(full).length).toBe(1);
    const same = await c.get(query('', x` ver='${ver}'`));
    expect(same.elements()).toEqual([]);
  });

  test('what changed comes as pushes or as a whole', async () => {
    const [a] = await stage.accounts('alice');
    const c = await stage.signIn(a);
    const [one, two, three] = [stage.nobody(), stage.nobody(), stage.nobody()];
    await c.set(query(x`<item jid='${one}'/>`));
    await c.set(query(x`<item jid='${two}'/>`));
    const ver = (await c.get(query('', " ver=''"))).at('query').need('ver');
    await c.close();
    const other = await stage.signIn(a, { resource: 'other' });
    await other.set(query(x`<item jid='${three}'/>`));
    await other.set(query(x`<item jid='${one}' subscription='remove'/>`));
    const again = await stage.signIn(a, { resource: 'again' });
    const answer = await again.get(query('', x` ver='${ver}'`));
    const known = new Map([
      [one, 'none'],
      [two, 'none'],
    ]);
    if (answer.elements().length > 0) {
      known.clear();
      for (const i of items(answer)) known.set(i.jid, i.subscription);
    } else {
      for (const e of await again.settle()) {
        const item = e.child('query', NS.roster)?.child('item');
        if (!item) continue;
        if (item.attr('subscription') === 'remove') known.delete(item.need('jid'));
        else known.set(item.need('jid'), 'none');
        expect(e.at('query').attr('ver')).toBeDefined();
      }
    }
    expect([...known.keys()].sort()).toEqual([two, three].sort());
  });

  test('pushes carry the version, and it is the one that the server knows afterwards', async () => {
    const [a] = await stage.accounts('alice');
    const c = await stage.signIn(a);
    await c.get(query('', " ver=''"));
    await c.set(query(x`<item jid='${stage.nobody()}'/>`));
    const push = await c.pick(`<iq type='set'/>`);
    const ver = push.at('query').need('ver');
    expect((await c.get(query('', x` ver='${ver}'`))).elements()).toEqual([]);
  });

  test('an unknown version gets the whole', async () => {
    const [a] = await stage.accounts('alice');
    const c = await stage.signIn(a);
    await c.set(query(x`<item jid='${stage.nobody()}'/>`));
    expect(items(await c.get(query('', " ver='from another life'"))).length).toBe(1);
  });
});

test('the roster survives a restart', async () => {
  const [a] = await stage.accounts('alice');
  const c = await stage.signIn(a);
  const bob = stage.nobody();
  await c.set(query(x`<item jid='${bob}' name='B'><group>G</group></item>`));
  const ver = (await c.get(query('', " ver=''"))).at('query').need('ver');
  await stage.server.restart('SIGKILL');
  const again = await stage.signIn(a);
  expect(await roster(again)).toEqual([{ jid: bob, name: 'B', subscription: 'none', ask: undefined, groups: ['G'] }]);
  expect((await again.get(query('', x` ver='${ver}'`))).elements()).toEqual([]);
});
