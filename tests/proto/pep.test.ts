// Publish-subscribe on accounts (XEP-0163 by XEP-0060): publishing, reading, configuring; who may do what, and what refusals say.

import { describe, expect, test } from 'vitest';
import { type Account, type Client, NS, sql, useServer } from './harness/index.ts';
import {
  brief,
  configure,
  configured,
  create,
  gets,
  item,
  items,
  OWNER,
  owner,
  PUBSUB,
  paged,
  publish,
  retract,
  sets,
  subscribe,
} from './harness/pep.ts';

const stage = useServer({
  limits: { rates: 'no', pep_nodes: '6', pep_items: '5', pep_item_size: '2000', pep_size: '9000', pep_people: '3' },
});

const roster = (jid: string, ...groups: string[]): string =>
  `<query xmlns='jabber:iq:roster'><item jid='${jid}'>${groups.map((g) => `<group>${g}</group>`).join('')}</item></query>`;

describe('items', () => {
  test('are kept as asked: one by default, the newest so many, by id, in the order of publication', async () => {
    const [alice] = await stage.cast('alice');
    expect(await gets(alice, items('one'))).toBe('item-not-found');
    expect(await sets(alice, publish('one', item('a', '1')))).toBe('ok');
    expect(await sets(alice, publish('one', item('b', '2')))).toBe('ok');
    expect(await gets(alice, items('one'))).toBe('b=2');

    expect(await sets(alice, create('many', { max_items: 'max' }))).toBe('ok');
    const el = await alice.set(publish('many', item('a', '1') + item(undefined, '2') + item('c', '3')));
    const made = el.at('pubsub').at('publish').elements()[1]!.need('id');
    expect(made.length).toBeGreaterThan(15);
    expect(await gets(alice, items('many'))).toBe(`a=1 ${made}=2 c=3`);
    await alice.set(publish('many', item('a', '4')));
    expect(await gets(alice, items('many'))).toBe(`${made}=2 c=3 a=4`);
    expect(await gets(alice, items('many', '', " max_items='2'"))).toBe('c=3 a=4');
    expect(await gets(alice, items('many', "<item id='a'/><item id='nobody'/>"))).toBe('a=4');
    expect(await gets(alice, items('many', "<item id='nobody'/>"))).toBe('item-not-found');
    expect(await gets(alice, items('many', '', " max_items='x'"))).toBe('bad-request');
    for (const n of ['5', '6', '7']) await alice.set(publish('many', item(n, n))); // no more than [limits] pep_items
    expect(await gets(alice, items('many'))).toBe('c=3 a=4 5=5 6=6 7=7');
  });

  test('come by pages', async () => {
    const [alice] = await stage.cast('alice');
    await alice.set(create('n', { max_items: '5' }));
    for (const n of ['1', '2', '3', '4']) await alice.set(publish('n', item(n, n)));
    const set = async (xml: string) => {
      const el = await alice.get(paged('n', xml));
      const s = el.at('pubsub').at('set');
      return `${brief(el)} | ${s.child('first')?.text}@${s.child('first')?.attr('index')} ${s.child('last')?.text} of ${s.child('count')?.text}`;
    };
    expect(await set('<max>2</max>')).toBe('1=1 2=2 | 1@0 2 of 4');
    expect(await set('<max>2</max><after>2</after>')).toBe('3=3 4=4 | 3@2 4 of 4');
    expect(await set('<max>3</max><before/>')).toBe('2=2 3=3 4=4 | 2@1 4 of 4');
    expect(await set('<max>1</max><before>2</before>')).toBe('1=1 | 1@0 1 of 4');
    expect(await set('<max>0</max>')).toBe(' | undefined@undefined undefined of 4');
    expect(await gets(alice, paged('n', '<after>nobody</after>'))).toBe('item-not-found');
    expect(await gets(alice, paged('n', '<index>1</index>'))).toBe('feature-not-implemented');
  });

  test('are retracted and purged', async () => {
    const [alice] = await stage.cast('alice');
    await alice.set(create('n', { max_items: 'max' }));
    await alice.set(publish('n', item('a', '1') + item('b', '2') + item('c', '3')));
    expect(await sets(alice, retract('n', ['a', 'nobody']))).toBe('item-not-found');
    expect(await gets(alice, items('n'))).toBe('a=1 b=2 c=3'); // all or none
    expect(await sets(alice, retract('n', ['a', 'a']))).toBe('ok');
    expect(await sets(alice, retract('n', []))).toBe('bad-request item-required');
    expect(await sets(alice, retract('other', ['a']))).toBe('item-not-found');
    expect(await gets(alice, items('n'))).toBe('b=2 c=3');
    expect(await sets(alice, owner('purge', 'n'))).toBe('ok');
    expect(await gets(alice, items('n'))).toBe('');
    expect(await sets(alice, owner('delete', 'n'))).toBe('ok');
    expect(await sets(alice, owner('delete', 'n'))).toBe('item-not-found');
    expect(await gets(alice, items('n'))).toBe('item-not-found');
  });

  test('have one payload of bounded size', async () => {
    const [alice] = await stage.cast('alice');
    expect(await sets(alice, publish('n', "<item id='a'/>"))).toBe('bad-request payload-required');
    expect(await sets(alice, publish('n', "<item id='a'><x xmlns='urn:x'/><y xmlns='urn:x'/></item>"))).toBe(
      'bad-request invalid-payload',
    );
    expect(await sets(alice, publish('n', ''))).toBe('bad-request item-required');
    expect(await sets(alice, publish('n', item('a', 'x'.repeat(2000))))).toBe('not-acceptable payload-too-big');
    expect(await sets(alice, publish('', item('a', 'x')))).toBe('bad-request nodeid-required');
    expect(await sets(alice, publish('n', item('a', '1') + item('b', '2')))).toBe('not-allowed max-items-exceeded');
    expect(await gets(alice, items('n'))).toBe('item-not-found'); // nothing of it was done
    const stored = "<a xmlns='urn:a' k='&lt;&apos;'><b xmlns='urn:b'>&amp; é 👍</b></a>";
    await alice.set(publish('n', `<item id='a'>${stored}</item>`));
    const got = (await alice.get(items('n'))).at('pubsub').at('items').at('item').elements()[0]!;
    expect(got.attr('k')).toBe("<'");
    expect(got.child('b', 'urn:b')!.text).toBe('& é 👍');
  });

  test('and nodes of one account are no more than it may have', async () => {
    const [alice] = await stage.cast('alice');
    await alice.set(create('big', { max_items: 'max' }));
    for (const n of ['1', '2', '3', '4'])
      expect(await sets(alice, publish('big', item(n, 'x'.repeat(1900))))).toBe('ok');
    expect(await sets(alice, publish('more', item('a', 'x'.repeat(1900))))).toBe('resource-constraint node-full');
    expect(await sets(alice, publish('big', item('4', 'y'.repeat(1900))))).toBe('ok'); // in the place of another
    for (const n of ['a', 'b', 'c', 'd', 'e']) expect(await sets(alice, publish(n, item('i', 'x')))).toBe('ok');
    expect(await sets(alice, publish('f', item('i', 'x')))).toBe('resource-constraint');
    expect(await sets(alice, create('f'))).toBe('resource-constraint');
  });

  test('survive a restart, and go with their account', async () => {
    const [a] = await stage.accounts('alice');
    const alice = await stage.signIn(a);
    await alice.set(publish('n', item('a', 'kept')));
    await stage.server.restart();
    const again = await stage.signIn(a);
    expect(await gets(again, items('n'))).toBe('a=kept');
    await stage.server.ctl(['user', 'delete', a.jid]);
    await again.expectClosed();
    const left = () =>
      sql(
        stage.server,
        `SELECT count(*) FROM nodes WHERE account = (SELECT id FROM accounts WHERE jid = '${a.jid}');`,
      ).trim();
    await expect.poll(left, { timeout: 30_000 }).toBe('0');
  });
});

describe('configuration', () => {
  test('is asked for, set, and refused', async () => {
    const [alice] = await stage.cast('alice');
    expect(await sets(alice, create('n', { access_model: 'open', title: 'A title' }))).toBe('ok');
    expect(await sets(alice, create('n'))).toBe('conflict');
    expect(await configured(alice, 'n', 'access_model')).toBe('open');
    expect(await configured(alice, 'n', 'max_items')).toBe('1');
    expect(
      await sets(
        alice,
        configure('n', {
          max_items: 'max',
          access_model: 'roster',
          roster_groups_allowed: ['a', 'b & c'.replace('&', '&amp;')],
        }),
      ),
    ).toBe('ok');
    expect(await configured(alice, 'n', 'max_items')).toBe('max');
    expect(await configured(alice, 'n', 'title')).toBe('A title');
    expect(await configured(alice, 'n', 'roster_groups_allowed')).toBe('a,b & c');
    expect(await sets(alice, configure('n', { access_model: 'nonsense' }))).toBe('not-acceptable');
    expect(await sets(alice, configure('n', { nonsense: '1' }))).toBe('not-acceptable');
    expect(await sets(alice, configure('other', { max_items: '1' }))).toBe('item-not-found');
    expect(await configured(alice, 'n', 'access_model')).toBe('roster');
    await alice.set(publish('n', item('a', '1') + item('b', '2')));
    await alice.set(configure('n', { max_items: '1' }));
    expect(await gets(alice, items('n'))).toBe('b=2');
    await alice.set(configure('n', { persist_items: '0' }));
    expect(await gets(alice, items('n'))).toBe('');
    await alice.set(publish('n', item('c', '3')));
    expect(await gets(alice, items('n'))).toBe('');
    expect(await sets(alice, retract('n', ['c']))).toBe('feature-not-implemented unsupported:persistent-items');
    const preset = await alice.get(`<pubsub xmlns='${OWNER}'><default node='urn:xmpp:bookmarks:1'/></pubsub>`);
    expect(preset.toString()).toContain('whitelist');
  });

  test('publish-options are preconditions', async () => {
    const [alice] = await stage.cast('alice');
    const options = {
      access_model: 'whitelist',
      max_items: 'max',
      persist_items: 'true',
      send_last_published_item: 'never',
    };
    expect(await sets(alice, publish('n', item('a', '1'), options))).toBe('ok');
    expect(await configured(alice, 'n', 'access_model')).toBe('whitelist');
    expect(await sets(alice, publish('n', item('b', '2'), options))).toBe('ok');
    expect(await sets(alice, publish('n', item('c', '3'), { access_model: 'open' }))).toBe(
      'conflict precondition-not-met',
    );
    expect(await sets(alice, publish('n', item('c', '3'), { nonsense: '1' }))).toBe('conflict precondition-not-met');
    expect(await sets(alice, publish('new', item('c', '3'), { nonsense: '1' }))).toBe('conflict precondition-not-met');
    expect(await gets(alice, items('n'))).toBe('a=1 b=2');
    expect(await gets(alice, items('new'))).toBe('item-not-found');
  });

  test("OMEMO's nodes are open by default, a person's own are private", async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a);
    const bob = await stage.signIn(b);
    for (const node of [
      'eu.siacs.conversations.axolotl.devicelist',
      'urn:xmpp:omemo:2:devices',
      'urn:xmpp:bookmarks:1',
      'urn:xmpp:mds:displayed:0',
    ])
      await alice.set(publish(node, item('current', 'x')));
    expect(await gets(bob, items('eu.siacs.conversations.axolotl.devicelist'), a.jid)).toBe('current=x');
    expect(await gets(bob, items('urn:xmpp:omemo:2:devices'), a.jid)).toBe('current=x');
    expect(await gets(bob, items('urn:xmpp:bookmarks:1'), a.jid)).toBe('item-not-found');
    expect(await gets(bob, items('urn:xmpp:mds:displayed:0'), a.jid)).toBe('item-not-found');
  });
});

describe('who may read', () => {
  async function made(
    node: string,
    fields: Record<string, string>,
  ): Promise<[Account, Client, Account, Client, Client]> {
    const [a, b, c] = await stage.accounts('owner', 'friend', 'stranger');
    await stage.follow(b, a); // the friend sees the owner's presence
    const alice = await stage.signIn(a);
    await alice.set(create(node, fields));
    await alice.set(publish(node, item('i', 'x')));
    return [a, alice, b, await stage.signIn(b), await stage.signIn(c)];
  }

  test.each([
    ['open', 'i=x', 'i=x'],
    ['presence', 'i=x', 'not-authorized presence-subscription-required'],
    ['roster', 'not-authorized not-in-roster-group', 'not-authorized not-in-roster-group'],
    ['authorize', 'not-authorized not-subscribed', 'not-authorized not-subscribed'],
    ['whitelist', 'not-allowed closed-node', 'item-not-found'],
  ])('%s', async (access, forFriend, forStranger) => {
    const [a, alice, , friend, stranger] = await made('n', { access_model: access });
    expect(await gets(alice, items('n'))).toBe('i=x');
    expect(await gets(friend, items('n'), a.jid)).toBe(forFriend);
    expect(await gets(stranger, items('n'), a.jid)).toBe(forStranger);
    // What may be read is what is found.
    const list = async (c: Client) => {
      const el = await c.iq('get', `<query xmlns='${NS.items}'/>`, a.jid);
      return el.attr('type') === 'error'
        ? brief(el)
        : el
            .at('query')
            .elements()
            .map((e) => e.need('node'))
            .join(' ');
    };
    expect(await list(friend)).toBe(forFriend === 'i=x' ? 'n' : '');
    expect(await list(stranger)).toBe(forStranger === 'i=x' ? 'n' : 'service-unavailable');
  });

  test('a roster group opens a node, and leaving it closes it', async () => {
    const [a, alice, b, friend] = await made('n', { access_model: 'roster', roster_groups_allowed: 'Good friends' });
    await alice.set(roster(b.jid, 'Others', 'Good friends'));
    expect(await gets(friend, items('n'), a.jid)).toBe('i=x');
    await alice.set(roster(b.jid, 'Others'));
    expect(await gets(friend, items('n'), a.jid)).toBe('not-authorized not-in-roster-group');
  });

  test('the owner approves who subscribes, makes members, and keeps people out', async () => {
    const [a, alice, b, friend, stranger] = await made('n', { access_model: 'authorize' });
    const answer = await friend.set(subscribe('subscribe', 'n', b.jid), a.jid);
    expect(answer.at('pubsub').at('subscription').attr('subscription')).toBe('pending');
    expect(await sets(friend, subscribe('subscribe', 'n', b.jid), a.jid)).toBe('not-authorized pending-subscription');
    expect(await gets(friend, items('n'), a.jid)).toBe('not-authorized not-subscribed');
    expect((await alice.get(owner('subscriptions', 'n'))).toString()).toContain("subscription='pending'");
    await alice.set(owner('subscriptions', 'n', `<subscription jid='${b.jid}' subscription='subscribed'/>`));
    expect(await gets(friend, items('n'), a.jid)).toBe('i=x');
    await alice.set(owner('affiliations', 'n', `<affiliation jid='${b.jid}' affiliation='outcast'/>`));
    expect(await gets(friend, items('n'), a.jid)).toBe('forbidden');
    expect(await sets(friend, subscribe('subscribe', 'n', b.jid), a.jid)).toBe('forbidden');
    const c = stranger.jid.split('/')[0]!;
    await alice.set(configure('n', { access_model: 'whitelist' }));
    await alice.set(owner('affiliations', 'n', `<affiliation jid='${c}' affiliation='member'/>`));
    expect(await gets(stranger, items('n'), a.jid)).toBe('i=x');
    expect((await stranger.get(`<pubsub xmlns='${PUBSUB}'><affiliations/></pubsub>`, a.jid)).toString()).toContain(
      "affiliation='member'",
    );
    const listed = (await alice.get(owner('affiliations', 'n'))).at('pubsub').at('affiliations').elements();
    expect(listed.map((e) => e.attr('affiliation')).sort()).toEqual(['member', 'outcast', 'owner']);
    await alice.set(owner('affiliations', 'n', `<affiliation jid='${c}' affiliation='none'/>`));
    expect(await gets(stranger, items('n'), a.jid)).toBe('item-not-found');
    for (const line of [
      `<affiliation jid='${c}' affiliation='owner'/>`,
      `<affiliation jid='${a.jid}' affiliation='none'/>`,
    ])
      expect(await sets(alice, owner('affiliations', 'n', line))).toBe('not-acceptable');
    expect(await sets(alice, owner('affiliations', 'n', "<affiliation jid='x@y@z' affiliation='member'/>"))).toBe(
      'jid-malformed',
    );
    const many = ['a', 'b', 'c', 'd'].map((n) => `<affiliation jid='${n}@elsewhere' affiliation='member'/>`).join('');
    expect(await sets(alice, owner('affiliations', 'n', many))).toBe('resource-constraint');
  });

  test('others publish where they may', async () => {
    const [a, alice, b, friend, stranger] = await made('n', { access_model: 'open' });
    expect(await sets(friend, publish('n', item('f', 'f')), a.jid)).toBe('forbidden');
    expect(await sets(friend, publish('new', item('f', 'f')), a.jid)).toBe('item-not-found');
    expect(await sets(friend, retract('n', ['i']), a.jid)).toBe('forbidden');
    await alice.set(owner('affiliations', 'n', `<affiliation jid='${b.jid}' affiliation='publisher'/>`));
    expect(await sets(friend, publish('n', item('f', 'f')), a.jid)).toBe('ok');
    expect(await gets(alice, items('n'))).toBe('f=f');
    expect(await sets(stranger, publish('n', item('s', 's')), a.jid)).toBe('forbidden');
    await alice.set(configure('n', { publish_model: 'open' }));
    expect(await sets(stranger, publish('n', item('s', 's')), a.jid)).toBe('ok');
    for (const request of [configure('n', { max_items: '1' }), owner('delete', 'n'), owner('purge', 'n'), create('n')])
      expect(await sets(friend, request, a.jid)).toBe('forbidden');
  });

  test('subscriptions are of their own address, and end', async () => {
    const [a, , b, friend, stranger] = await made('n', { access_model: 'open' });
    expect(await sets(friend, subscribe('subscribe', 'n', 'x@elsewhere'), a.jid)).toBe('bad-request invalid-jid');
    expect(await sets(friend, subscribe('subscribe', 'other', b.jid), a.jid)).toBe('item-not-found');
    expect(await sets(friend, subscribe('unsubscribe', 'n', b.jid), a.jid)).toBe('unexpected-request not-subscribed');
    expect(await sets(friend, subscribe('subscribe', 'n', b.jid), a.jid)).toBe('ok');
    const list = `<pubsub xmlns='${PUBSUB}'><subscriptions/></pubsub>`;
    expect((await friend.get(list, a.jid)).toString()).toContain("subscription='subscribed'");
    expect(await gets(stranger, list, a.jid)).toBe('item-not-found');
    expect(await sets(friend, subscribe('unsubscribe', 'n', b.jid), a.jid)).toBe('ok');
    expect((await friend.get(list, a.jid)).at('pubsub').at('subscriptions').elements()).toEqual([]);
  });

  test('strangers learn nothing of an account without nodes, nor of one that is not there', async () => {
    const [a, b] = await stage.accounts('quiet', 'stranger');
    const stranger = await stage.signIn(b);
    const nobody = stage.nobody();
    const requests: ['get' | 'set', string][] = [
      ['get', items('n')],
      ['get', `<pubsub xmlns='${PUBSUB}'><subscriptions/></pubsub>`],
      ['get', `<pubsub xmlns='${PUBSUB}'><affiliations/></pubsub>`],
      ['set', publish('n', item('i', 'x'))],
      ['set', subscribe('subscribe', 'n', b.jid)],
      ['get', configure('n')],
      ['set', owner('delete', 'n')],
      ['get', `<query xmlns='${NS.items}'/>`],
      ['get', `<query xmlns='${NS.items}' node='n'/>`],
      ['get', `<query xmlns='${NS.info}' node='n'/>`],
    ];
    for (const [type, xml] of requests)
      expect([xml, (await stranger.iq(type, xml, a.jid)).at('error').toString()]).toEqual([
        xml,
        (await stranger.iq(type, xml, nobody)).at('error').toString(),
      ]);
  });

  test('who is blocked gets nothing', async () => {
    const [a, alice, b, friend] = await made('n', { access_model: 'open' });
    await alice.set(`<block xmlns='urn:xmpp:blocking'><item jid='${b.jid}'/></block>`);
    expect(await gets(friend, items('n'), a.jid)).toBe('service-unavailable');
  });
});

describe('finding it', () => {
  test('the account says what it is and can', async () => {
    const [alice] = await stage.cast('alice');
    const query = (await alice.get(`<query xmlns='${NS.info}'/>`, alice.jid.split('/')[0])).at('query');
    expect(query.all('identity').map((i) => `${i.attr('category')}/${i.attr('type')}`)).toContain('pubsub/pep');
    const vars = query.all('feature').map((f) => f.attr('var'));
    for (const f of [
      'publish-options',
      'config-node-max',
      'auto-create',
      'filtered-notifications',
      'rsm',
      'multi-items',
    ])
      expect(vars).toContain(`${PUBSUB}#${f}`);
    await alice.set(create('n', { title: 'T' }));
    const node = (await alice.get(`<query xmlns='${NS.info}' node='n'/>`)).at('query');
    expect(node.at('identity').attr('type')).toBe('leaf');
  });

  test('what is not understood is refused as such', async () => {
    const [alice] = await stage.cast('alice');
    expect(await gets(alice, `<pubsub xmlns='${PUBSUB}'><nonsense/></pubsub>`)).toBe(
      'feature-not-implemented unsupported:nonsense',
    );
    expect(await sets(alice, `<pubsub xmlns='${PUBSUB}'/>`)).toBe('bad-request');
    expect(await sets(alice, `<pubsub xmlns='${PUBSUB}'><items node='n'/></pubsub>`)).toBe(
      'feature-not-implemented unsupported:items',
    );
  });
});
