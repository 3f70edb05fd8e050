// What the server says about itself: discovery (XEP-0030), version (XEP-0092), contacts (XEP-0157), limits (XEP-0478).

import { describe, expect, test } from 'vitest';
import { type El, NS, useServer, x } from './harness/index.ts';

const stage = useServer({ server: { contact: 'mailto:abuse@chat.example xmpp:help@chat.example' } });

const INFO = `<query xmlns='${NS.info}'/>`;
const ITEMS = `<query xmlns='${NS.items}'/>`;
const features = (answer: El) =>
  answer
    .at('query')
    .all('feature')
    .map((f) => f.need('var'));
const identities = (answer: El) =>
  answer
    .at('query')
    .all('identity')
    .map((i) => `${i.attr('category')}/${i.attr('type')}`);

describe('the server', () => {
  test('is an IM server with these features, each once', async () => {
    const [alice] = await stage.cast('alice');
    const info = await alice.get(INFO, stage.domain);
    expect(identities(info)).toContain('server/im');
    const list = features(info);
    expect(list).toEqual(expect.arrayContaining([NS.info, NS.items, NS.ping, NS.version, NS.blocking]));
    expect(new Set(list).size).toBe(list.length);
  });

  test('says whom to turn to', async () => {
    const [alice] = await stage.cast('alice');
    const forms = (await alice.get(INFO, stage.domain)).at('query').all('x', NS.data);
    const contact = forms.find((f) =>
      f
        .all('field')
        .some(
          (g) => g.attr('var') === 'FORM_TYPE' && g.child('value')?.text === 'http://jabber.org/network/serverinfo',
        ),
    )!;
    expect(contact.attr('type')).toBe('result');
    const values = contact
      .all('field')
      .filter((f) => f.attr('var') !== 'FORM_TYPE')
      .flatMap((f) => f.all('value').map((v) => v.text));
    expect(values).toEqual(expect.arrayContaining(['mailto:abuse@chat.example', 'xmpp:help@chat.example']));
  });

  test('lists what it hosts', async () => {
    const [alice] = await stage.cast('alice');
    const items = (await alice.get(ITEMS, stage.domain)).at('query').all('item');
    // Accounts are nobody's business.
    expect(items.map((i) => i.attr('jid')).filter((j) => j?.includes('@'))).toEqual([]);
  });

  test('an unknown node is item-not-found', async () => {
    const [alice] = await stage.cast('alice');
    await alice.fails(
      alice.iq('get', `<query xmlns='${NS.info}' node='nothing'/>`, stage.domain),
      'cancel',
      'item-not-found',
    );
  });

  test('cannot be set', async () => {
    const [alice] = await stage.cast('alice');
    expect((await alice.iq('set', INFO, stage.domain)).attr('type')).toBe('error');
  });

  test('has a version', async () => {
    const [alice] = await stage.cast('alice');
    const query = (await alice.get(`<query xmlns='${NS.version}'/>`, stage.domain)).at('query');
    expect(query.at('name').text).toMatch(/confab/i);
    expect(query.at('version').text).not.toBe('');
  });

  test('advertises its limits in the features of the stream', async () => {
    const [alice] = await stage.cast('alice');
    const limits = alice.features!.child('limits', NS.limits)!;
    expect(Number(limits.at('max-bytes').text)).toBeGreaterThanOrEqual(10_000);
  });
});

describe('the own account', () => {
  test('is a registered one', async () => {
    const [alice] = await stage.cast('alice');
    const info = await alice.get(INFO, alice.bare);
    expect(identities(info)).toContain('account/registered');
    expect(features(info)).toContain(NS.mam);
    const self = await alice.get(INFO);
    expect(identities(self).length).toBeGreaterThan(0);
  });

  test('lists the own resources', async () => {
    const [a] = await stage.accounts('alice');
    const one = await stage.signIn(a, { resource: 'one', presence: true });
    await stage.signIn(a, { resource: 'two', presence: true });
    const answer = await one.iq('get', ITEMS, a.jid);
    expect(answer.attr('type')).toBe('result');
  });
});

describe('other accounts', () => {
  test('say nothing to strangers, no more than those that do not exist', async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    const ask = async (to: string, q: string) =>
      String(await alice.iq('get', q, to))
        .replaceAll(to, 'X')
        .replaceAll(/ id='[^']*'/g, '');
    for (const [q, condition] of [
      [INFO, 'service-unavailable'],
      [ITEMS, 'service-unavailable'],
      [`<query xmlns='${NS.version}'/>`, 'service-unavailable'],
      ["<query xmlns='jabber:iq:last'/>", 'forbidden'], // XEP-0012 section 4
    ] as const) {
      const real = await ask(bob.bare, q);
      expect(real).toBe(await ask(stage.nobody(), q));
      expect(real).toContain(condition);
    }
    await bob.receivesNothing(alice);
  });

  test('are visible to those who may see their presence', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const alice = await stage.signIn(a);
    const info = await alice.get(INFO, b.jid);
    expect(identities(info)).toContain('account/registered');
  });
});

test('everything that disco announces is answered', async () => {
  const [alice] = await stage.cast('alice');
  const announced = features(await alice.get(INFO, stage.domain));
  const requests: [string, string, 'get' | 'set'][] = [
    [NS.ping, `<ping xmlns='${NS.ping}'/>`, 'get'],
    [NS.version, `<query xmlns='${NS.version}'/>`, 'get'],
    [NS.items, ITEMS, 'get'],
  ];
  for (const [ns, child, type] of requests)
    if (announced.includes(ns)) expect((await alice.iq(type, child, stage.domain)).attr('type'), ns).toBe('result');
  if (announced.includes(NS.blocking)) await alice.get(x`<blocklist xmlns='${NS.blocking}'/>`);
});
