// Reading the archive (XEP-0313 with XEP-0059).

import { describe, expect, test } from 'vitest';
import { ask, bodies, everything, NS, page, scene, useServer } from './harness/index.ts';

const stage = useServer();

/** Date.parse() drops what is finer than a millisecond; the archive does not. */
function micros(stamp: string): number {
  const [, seconds, fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(stamp)!;
  return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}

const ALL = ['b1', 'b2', 'c1', 'b3', 'c2', 'b4', 'c3', 'b5'];

describe('the whole', () => {
  test('in order, each with an id and a time, complete', async () => {
    const { alice } = await scene(stage);
    const p = await page(alice);
    expect(bodies(p.results)).toEqual(ALL);
    expect(p.complete).toBe(true);
    expect(new Set(p.results.map((r) => r.id)).size).toBe(8);
    for (const r of p.results) expect(r.stamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
    const stamps = p.results.map((r) => Date.parse(r.stamp));
    expect(stamps).toEqual([...stamps].sort((m, n) => m - n));
    if (p.count !== undefined) expect(p.count).toBe(8);
  });

  test('both archives hold the conversation', async () => {
    const { alice, bob } = await scene(stage);
    expect(bodies((await page(alice, { with: bob.bare })).results)).toEqual(['b1', 'b2', 'b3', 'b4', 'b5']);
    expect(bodies((await page(bob)).results)).toEqual(['b1', 'b2', 'b3', 'b4', 'b5']);
  });

  test('results keep from, to, type, id and children', async () => {
    const { alice, bob } = await scene(stage);
    const [first, second] = (await page(alice)).results;
    expect(first!.message.attr('from')).toBe(alice.jid);
    expect(first!.message.attr('to')).toBe(bob.bare);
    expect(second!.message.attr('from')).toBe(bob.jid);
    expect(second!.message.attr('type')).toBe('chat');
    expect(second!.message.attr('id')).toBe('b2');
  });

  test('an empty archive', async () => {
    const [a] = await stage.cast('alice');
    const p = await page(a);
    expect(p.results).toEqual([]);
    expect(p.complete).toBe(true);
    expect(p.first).toBeUndefined();
    expect(p.last).toBeUndefined();
  });

  test('asked of the own bare JID is the same', async () => {
    const { alice } = await scene(stage);
    expect(bodies((await page(alice, { to: alice.bare })).results)).toEqual(ALL);
  });

  test('ids cannot be guessed from one another', async () => {
    const { alice } = await scene(stage);
    const ids = (await page(alice)).results.map((r) => r.id);
    for (const id of ids) expect(id.length).toBeGreaterThanOrEqual(8);
    for (let i = 1; i < ids.length; i++) expect(Number(ids[i]) - Number(ids[i - 1])).not.toBe(1);
  });
});

describe('filters', () => {
  test('with: bare JID, full JID, nobody', async () => {
    const { alice, bob, carol } = await scene(stage);
    expect(bodies((await page(alice, { with: carol.bare })).results)).toEqual(['c1', 'c2', 'c3']);
    expect(
      bodies(
        (
          await page(alice, {
            with: carol.bare.toUpperCase().replace(/@.*/, '') + carol.bare.slice(carol.bare.indexOf('@')),
          })
        ).results,
      ),
    ).toEqual(['c1', 'c2', 'c3']);
    expect(bodies((await page(alice, { with: bob.jid })).results)).toEqual(['b2', 'b3', 'b5']);
    const none = await page(alice, { with: stage.nobody() });
    expect(none.results).toEqual([]);
    expect(none.complete).toBe(true);
  });

  test('with oneself: the notes only', async () => {
    const { alice } = await scene(stage);
    alice.sends`<message to='${alice.bare}' type='chat' id='n1'><body>n1</body></message>`;
    await alice.pick(`<message type='chat' id='n1'/>`);
    expect(bodies((await page(alice, { with: alice.bare })).results)).toEqual(['n1']);
  });

  test('start and end, both inclusive', async () => {
    const { alice } = await scene(stage);
    const all = (await page(alice)).results;
    const at = (i: number) => all[i]!.stamp;
    const within = (from: number, to: number) =>
      ALL.filter((_, i) => micros(at(i)) >= micros(at(from)) && micros(at(i)) <= micros(at(to)));
    expect(bodies((await page(alice, { start: at(3) })).results)).toEqual(within(3, 7));
    expect(bodies((await page(alice, { end: at(3) })).results)).toEqual(within(0, 3));
    expect(bodies((await page(alice, { start: at(2), end: at(5) })).results)).toEqual(within(2, 5));
    expect((await page(alice, { start: '2100-01-01T00:00:00Z' })).results).toEqual([]);
    expect((await page(alice, { end: '2001-01-01T00:00:00Z' })).results).toEqual([]);
  });

  test('times may have a zone and fractions (XEP-0082)', async () => {
    const { alice } = await scene(stage);
    expect((await page(alice, { start: '2001-01-01T00:00:00.123456+02:00' })).results.length).toBe(8);
  });

  test('together', async () => {
    const { alice, bob } = await scene(stage);
    const all = (await page(alice)).results;
    const got = await page(alice, { with: bob.bare, start: all[3]!.stamp, max: 1 });
    expect(bodies(got.results)).toEqual(['b3']);
    expect(got.complete).toBe(false);
  });

  test.each([
    [{ start: 'yesterday' }, 'modify', 'bad-request'],
    [{ end: '2020-13-41T00:00:00Z' }, 'modify', 'bad-request'],
    [{ with: '@@@' }, 'modify', 'bad-request|jid-malformed'],
  ])('%j is refused', async (q, _type, condition) => {
    const [alice] = await stage.cast('alice');
    const got = await ask(alice, q);
    expect(got.attr('type')).toBe('error');
    expect(got.at('error').elements()[0]!.name).toMatch(new RegExp(condition));
  });

  test('a field that nobody knows is feature-not-implemented', async () => {
    const [alice] = await stage.cast('alice');
    await alice.fails(ask(alice, { fields: { '{urn:example}colour': 'green' } }), 'cancel', 'feature-not-implemented');
  });

  test('the form says which fields there are', async () => {
    const [alice] = await stage.cast('alice');
    const form = (await alice.get(`<query xmlns='${NS.mam}'/>`)).at('query', 'x');
    const vars = form.all('field').map((f) => f.attr('var'));
    expect(vars).toEqual(['FORM_TYPE', 'with', 'start', 'end', 'before-id', 'after-id', 'ids', '{urn:xmpp:fulltext:0}fulltext']);
  });
});

describe('pages', () => {
  test('forward by <after/>', async () => {
    const { alice } = await scene(stage);
    const one = await page(alice, { max: 3 });
    expect(bodies(one.results)).toEqual(['b1', 'b2', 'c1']);
    expect(one.complete).toBe(false);
    const two = await page(alice, { max: 3, after: one.last! });
    expect(bodies(two.results)).toEqual(['b3', 'c2', 'b4']);
    expect(two.complete).toBe(false);
    const three = await page(alice, { max: 3, after: two.last! });
    expect(bodies(three.results)).toEqual(['c3', 'b5']);
    expect(three.complete).toBe(true);
    const four = await page(alice, { max: 3, after: three.last! });
    expect(four.results).toEqual([]);
    expect(four.complete).toBe(true);
  });

  test('complete is exact when the page is just full', async () => {
    const { alice } = await scene(stage);
    expect((await page(alice, { max: 8 })).complete).toBe(true);
    expect((await page(alice, { max: 7 })).complete).toBe(false);
    expect((await page(alice, { max: 8, before: '' })).complete).toBe(true);
    expect((await page(alice, { max: 7, before: '' })).complete).toBe(false);
  });

  test('the last page by an empty <before/>, then backward', async () => {
    const { alice } = await scene(stage);
    const last = await page(alice, { max: 3, before: '' });
    expect(bodies(last.results)).toEqual(['b4', 'c3', 'b5']);
    expect(last.complete).toBe(false);
    const earlier = await page(alice, { max: 3, before: last.first! });
    expect(bodies(earlier.results)).toEqual(['b2', 'c1', 'b3'].slice(0, 0).concat(['c1', 'b3', 'c2']));
    const first = await page(alice, { max: 3, before: earlier.first! });
    expect(bodies(first.results)).toEqual(['b1', 'b2']);
    expect(first.complete).toBe(true);
  });

  test('within a filter', async () => {
    const { alice, bob } = await scene(stage);
    const one = await page(alice, { with: bob.bare, max: 2, before: '' });
    expect(bodies(one.results)).toEqual(['b4', 'b5']);
    const two = await page(alice, { with: bob.bare, max: 10, before: one.first! });
    expect(bodies(two.results)).toEqual(['b1', 'b2', 'b3']);
    expect(two.complete).toBe(true);
  });

  test('max 0 only counts', async () => {
    const { alice } = await scene(stage);
    const p = await page(alice, { max: 0 });
    expect(p.results).toEqual([]);
    expect(p.count).toBe(8);
  });

  test('both ends at once: <after/> and <before/>', async () => {
    const { alice } = await scene(stage);
    const ids = (await page(alice)).results.map((r) => r.id);
    const got = await ask(alice, { after: ids[1]!, before: ids[5]!, max: 10 });
    // RFC-wise undefined: an answer in between, or a clear refusal.
    if (got.attr('type') === 'error')
      expect(got.at('error').elements()[0]!.name).toMatch(/bad-request|feature-not-implemented/);
  });

  test.each(['after', 'before'] as const)('an unknown id is item-not-found: %s', async (where) => {
    const { alice } = await scene(stage);
    await alice.fails(ask(alice, { [where]: 'no-such-id' }), 'cancel', 'item-not-found');
  });

  test("somebody else's id is unknown", async () => {
    const { alice, bob } = await scene(stage);
    const theirs = (await page(bob)).results[0]!.id;
    await alice.fails(ask(alice, { after: theirs }), 'cancel', 'item-not-found');
  });

  test('a max that is no number is refused', async () => {
    const [alice] = await stage.cast('alice');
    const got = await alice.iq('set', `<query xmlns='${NS.mam}'><set xmlns='${NS.rsm}'><max>lots</max></set></query>`);
    await alice.fails(got, 'modify', 'bad-request');
  });

  test('a long history page by page', async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    const n = 620;
    for (let i = 0; i < n; i++)
      alice.sends`<message to='${bob.bare}' type='chat' id='l${i}'><body>${i}</body></message>`;
    await bob.until(() => bob.inbox.length === n, 'all messages');
    const all = await everything(bob);
    expect(bodies(all)).toEqual(Array.from({ length: n }, (_, i) => String(i)));
    const big = await page(bob, { max: 100_000 });
    expect(big.results.length).toBeLessThanOrEqual(n);
    expect(big.complete).toBe(big.results.length === n);
  });
});

describe('rights', () => {
  test.each(['bob', 'domain'])('the archive of somebody else (%s) is closed', async (whose) => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const got = await ask(alice, { to: whose === 'bob' ? bob.bare : stage.domain });
    expect(got.attr('type')).toBe('error');
    expect(got.at('error').elements()[0]!.name).toMatch(
      /forbidden|service-unavailable|item-not-found|not-allowed|feature-not-implemented/,
    );
  });

  test('the account says that it has one', async () => {
    const [alice] = await stage.cast('alice');
    const features = (await alice.get(`<query xmlns='${NS.info}'/>`, alice.bare))
      .at('query')
      .all('feature')
      .map((f) => f.attr('var'));
    expect(features).toContain(NS.mam);
    expect(features).toContain(NS.sid);
  });

  test('Profanity finds it: it asks the server only, and for its next page without a <set/>', async () => {
    const { alice } = await scene(stage);
    const features = (await alice.get(`<query xmlns='${NS.info}'/>`, stage.domain)).at('query').all('feature');
    expect(features.map((f) => f.attr('var'))).toContain(NS.mam);
    const all = await page(alice);
    const id = all.results.at(-2)!.id;
    const found = await alice.iq('set', `<query xmlns='${NS.mam}' queryid='p'><after>${id}</after></query>`);
    expect(found.at('fin').attr('complete')).toBe('true');
    expect(found.at('fin', 'set', 'first').text).toBe(all.last);
    expect(found.at('fin', 'set', 'last').text).toBe(all.last);
    const wrong = await alice.iq('set', `<query xmlns='${NS.mam}' queryid='q'><after>nothing</after></query>`);
    expect(wrong.at('error', 'item-not-found').name).toBe('item-not-found');
  });
});
