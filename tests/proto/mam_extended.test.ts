// The rest of the archive (XEP-0313, #extended): by id, flipped pages, where it begins and ends.

import { describe, expect, test } from 'vitest';
import { ask, bodies, type Client, NS, page, scene, useServer, x } from './harness/index.ts';

const stage = useServer({ limits: { mam_page: '20' } });
const ALL = ['b1', 'b2', 'c1', 'b3', 'c2', 'b4', 'c3', 'b5'];

const idsOf = async (c: Client) => (await page(c)).results.map((r) => r.id);
const metadata = async (c: Client, to?: string) => (await c.get(`<metadata xmlns='${NS.mam}'/>`, to)).at('metadata');

test('the account says so, and the form lists its fields', async () => {
  const [alice] = await stage.cast('alice');
  const info = (await alice.get(`<query xmlns='${NS.info}'/>`, alice.bare)).at('query');
  expect(info.all('feature').map((f) => f.attr('var'))).toContain('urn:xmpp:mam:2#extended');
  const form = (await alice.get(`<query xmlns='${NS.mam}'/>`)).at('query', 'x');
  const types = Object.fromEntries(form.all('field').map((f) => [f.attr('var'), f.attr('type')]));
  expect(types).toEqual({
    FORM_TYPE: 'hidden',
    with: 'jid-single',
    start: 'text-single',
    end: 'text-single',
    'before-id': 'text-single',
    'after-id': 'text-single',
    ids: 'list-multi',
    '{urn:xmpp:fulltext:0}fulltext': 'text-single',
  });
  const ids = form.all('field').find((f) => f.attr('var') === 'ids')!;
  expect(ids.at('validate').child('open')).toBeDefined();
  expect(ids.all('option')).toEqual([]);
  expect(form.all('field').some((f) => f.child('required'))).toBe(false);
});

describe('before-id and after-id', () => {
  test('what lies between, forward unless the page says otherwise', async () => {
    const { alice } = await scene(stage);
    const ids = await idsOf(alice);
    const after = { 'after-id': ids[1]! };
    const between = { ...after, 'before-id': ids[6]! };
    expect(bodies((await page(alice, { fields: after })).results)).toEqual(ALL.slice(2));
    expect(bodies((await page(alice, { fields: { 'before-id': ids[2]! } })).results)).toEqual(['b1', 'b2']);
    const first = await page(alice, { fields: between, max: 2 });
    expect(bodies(first.results)).toEqual(['c1', 'b3']);
    expect(first.complete).toBe(false);
    const rest = await page(alice, { fields: between, max: 2, after: first.last! });
    expect(bodies(rest.results)).toEqual(['c2', 'b4']);
    expect(rest.complete).toBe(true);
    const last = await page(alice, { fields: between, max: 3, before: '' });
    expect(bodies(last.results)).toEqual(['b3', 'c2', 'b4']);
    expect(last.complete).toBe(false);
  });

  test('the nearer bound counts, whichever it is', async () => {
    const { alice } = await scene(stage);
    const ids = await idsOf(alice);
    expect(bodies((await page(alice, { fields: { 'after-id': ids[4]! }, after: ids[1]! })).results)).toEqual(
      ALL.slice(5),
    );
    expect(bodies((await page(alice, { fields: { 'after-id': ids[1]! }, after: ids[4]! })).results)).toEqual(
      ALL.slice(5),
    );
    expect(bodies((await page(alice, { fields: { 'before-id': ids[1]! }, before: ids[4]! })).results)).toEqual(['b1']);
  });

  test('nothing between two neighbours, and that is complete', async () => {
    const { alice } = await scene(stage);
    const ids = await idsOf(alice);
    const p = await page(alice, { fields: { 'after-id': ids[1]!, 'before-id': ids[2]! } });
    expect(p.results).toEqual([]);
    expect(p.complete).toBe(true);
    expect(p.first).toBeUndefined();
  });
});

describe('ids', () => {
  test('these and no others, in the order of the archive, each once', async () => {
    const { alice } = await scene(stage);
    const ids = await idsOf(alice);
    const p = await page(alice, { fields: { ids: [ids[5]!, ids[0]!, ids[5]!, ids[3]!] } });
    expect(bodies(p.results)).toEqual(['b1', 'b3', 'b4']);
    expect(p.complete).toBe(true);
  });

  test('with other filters and pages', async () => {
    const { alice, bob } = await scene(stage);
    const ids = await idsOf(alice);
    expect(bodies((await page(alice, { with: bob.bare, fields: { ids } })).results)).toEqual([
      'b1',
      'b2',
      'b3',
      'b4',
      'b5',
    ]);
    const last = await page(alice, { fields: { ids }, max: 3, before: '' });
    expect(bodies(last.results)).toEqual(['b4', 'c3', 'b5']);
    expect(last.complete).toBe(false);
    const counted = await page(alice, { fields: { ids: ids.slice(2) }, max: 0 });
    expect(counted.count).toBe(6);
  });

  test('one that is not there refuses all; so does somebody else’s', async () => {
    const { alice, bob } = await scene(stage);
    const [mine] = await idsOf(alice);
    const [theirs] = await idsOf(bob);
    for (const other of ['no-such-id', '', theirs!, 'A'.repeat(22), `${mine!}A`]) {
      for (const field of ['ids', 'after-id', 'before-id']) {
        const ids = field === 'ids' ? [mine!, other] : other;
        await alice.fails(ask(alice, { fields: { [field]: ids } }), 'cancel', 'item-not-found');
      }
    }
  });

  test('no more than fit a page', async () => {
    const { alice } = await scene(stage);
    const [id] = await idsOf(alice);
    await alice.fails(ask(alice, { fields: { ids: Array(21).fill(id) } }), 'modify', 'policy-violation');
    expect((await page(alice, { fields: { ids: Array(20).fill(id) } })).results.length).toBe(1);
  });
});

describe('strictness', () => {
  test('a field that comes twice, and two forms, are bad requests', async () => {
    const [alice] = await stage.cast('alice');
    const form = (fields: string) =>
      `<x xmlns='${NS.data}' type='submit'><field var='FORM_TYPE' type='hidden'><value>${NS.mam}</value></field>${fields}</x>`;
    const start = "<field var='start'><value>2020-01-01T00:00:00Z</value></field>";
    for (const forms of [form(start + start), form('') + form(start)])
      await alice.fails(alice.iq('set', `<query xmlns='${NS.mam}'>${forms}</query>`), 'modify', 'bad-request');
  });

  test('an end in 1970 is an end', async () => {
    const { alice } = await scene(stage);
    expect((await page(alice, { end: '1970-01-01T00:00:00Z' })).results).toEqual([]);
  });

  test('an unknown field is refused, whatever else is asked for; a node is not there', async () => {
    const [alice] = await stage.cast('alice');
    const fields = { 'include-groupchat': 'false', ids: 'no-such-id' };
    await alice.fails(ask(alice, { fields }), 'cancel', 'feature-not-implemented');
    await alice.fails(ask(alice, { node: 'urn:example' }), 'cancel', 'item-not-found');
  });
});

describe('flipped pages', () => {
  test('the page is turned round, and only the page', async () => {
    const { alice } = await scene(stage);
    const p = await page(alice, { max: 3, flip: true });
    expect(bodies(p.results)).toEqual(['c1', 'b2', 'b1']);
    expect(p.first).toBe(p.results[2]!.id);
    expect(p.complete).toBe(false);
    const next = await page(alice, { max: 3, flip: true, after: p.last! });
    expect(bodies(next.results)).toEqual(['b4', 'c2', 'b3']);
  });

  test('from the end', async () => {
    const { alice } = await scene(stage);
    const last = await page(alice, { max: 3, before: '', flip: true });
    expect(bodies(last.results)).toEqual(['b5', 'c3', 'b4']);
    const earlier = await page(alice, { max: 10, before: last.first!, flip: true });
    expect(bodies(earlier.results)).toEqual(['c2', 'b3', 'c1', 'b2', 'b1']);
    expect(earlier.complete).toBe(true);
  });
});

describe('metadata', () => {
  test('the first and the last', async () => {
    const { alice } = await scene(stage);
    const all = (await page(alice)).results;
    for (const to of [undefined, alice.bare]) {
      const m = await metadata(alice, to);
      const [first, last] = [all[0]!, all.at(-1)!];
      expect([m.at('start').attr('id'), m.at('start').attr('timestamp')]).toEqual([first.id, first.stamp]);
      expect([m.at('end').attr('id'), m.at('end').attr('timestamp')]).toEqual([last.id, last.stamp]);
    }
  });

  test('of one message, and of none', async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    expect((await metadata(alice)).elements()).toEqual([]);
    bob.sends`<message to='${alice.bare}' type='chat' id='m'><body>1</body></message>`;
    await alice.pick(x`<message type='chat' id='m'/>`);
    const m = await metadata(alice);
    expect(m.at('start').attr('id')).toBe(m.at('end').attr('id'));
  });

  test('only for its owner', async () => {
    const { alice, bob } = await scene(stage);
    await bob.fails(bob.iq('get', `<metadata xmlns='${NS.mam}'/>`, alice.bare), 'cancel', 'service-unavailable');
  });
});

describe('with a full address', () => {
  test('of oneself: what that device has noted', async () => {
    const { alice, account } = await scene(stage);
    const other = await stage.signIn(account, { resource: 'other' });
    for (const [from, text] of [
      [alice, 'n1'],
      [other, 'n2'],
    ] as const) {
      from.sends`<message to='${from.bare}' type='chat' id='${text}'><body>${text}</body></message>`;
      await alice.pick(x`<message type='chat' id='${text}'/>`);
    }
    expect(bodies((await page(alice, { with: alice.bare })).results)).toEqual(['n1', 'n2']);
    expect(bodies((await page(alice, { with: other.jid })).results)).toEqual(['n2']);
  });
});

test('a page that its bytes make short misses nothing, in either direction', async () => {
  const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
  const long = 'x'.repeat(200_000);
  const said = Array.from({ length: 8 }, (_, i) => `m${i}`);
  for (const id of said) {
    alice.sends`<message to='${bob.bare}' type='chat' id='${id}'><body>${long}</body></message>`;
    await bob.pick(x`<message id='${id}' type='chat'/>`);
  }
  const names = (list: readonly { message: { attr(name: string): string | undefined } }[]) =>
    list.map((r) => r.message.attr('id'));
  const back: unknown[] = [];
  let before = '';
  for (;;) {
    const p = await page(bob, { max: 20, before });
    back.unshift(...names(p.results));
    if (p.complete) break;
    expect(p.results.length).toBeLessThan(8);
    before = p.first!;
  }
  expect(back).toEqual(said);
  const forward: unknown[] = [];
  let after: string | undefined;
  for (;;) {
    const p = await page(bob, { max: 20, ...(after ? { after } : {}) });
    forward.push(...names(p.results));
    if (p.complete) break;
    after = p.last!;
  }
  expect(forward).toEqual(said);
});
