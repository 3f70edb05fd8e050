// Bookmarks are items (XEP-0402); who keeps them in private storage (XEP-0048 in XEP-0049) reads and writes the same, and nothing echoes.

import { describe, expect, test } from 'vitest';
import { type Client, sql, useServer } from './harness/index.ts';
import { event, gets, items, publish, retract, sets, wants } from './harness/pep.ts';

const NODE = 'urn:xmpp:bookmarks:1';
const stage = useServer({ limits: { rates: 'no' } });

const conference = (id: string, name: string, inside = ''): string =>
  `<item id='${id}'><conference xmlns='${NODE}' name='${name}' autojoin='true'><nick>Me</nick>${inside}</conference></item>`;
const old = (inside: string): string =>
  `<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'>${inside}</storage></query>`;
const line = (jid: string, name: string): string =>
  `<conference jid='${jid}' name='${name}' autojoin='1'><nick>Me</nick></conference>`;

/** Rooms of the private list, and how many urls stand there. */
async function listed(c: Client): Promise<string> {
  const storage = (await c.get(old(''))).at('query').at('storage');
  return storage
    .elements()
    .map((e) =>
      e.name === 'url' ? 'url' : `${e.attr('jid')}=${e.attr('name')}/${e.child('nick')?.text}/${e.attr('autojoin')}`,
    )
    .join(' ');
}

describe('bookmarks', () => {
  test('published as items are in the private list', async () => {
    const [alice] = await stage.cast('alice');
    expect(await listed(alice)).toBe('');
    await alice.set(publish(NODE, conference('a@rooms', 'A')));
    await alice.set(publish(NODE, conference('b@rooms', 'B')));
    expect(await listed(alice)).toBe('a@rooms=A/Me/true b@rooms=B/Me/true');
    await alice.set(retract(NODE, ['a@rooms']));
    expect(await listed(alice)).toBe('b@rooms=B/Me/true');
  });

  test('written as the private list become items; only what has changed is told', async () => {
    const [alice] = await stage.cast('alice');
    const account = alice.bare;
    await wants(alice, NODE);
    const mine = "<extensions><x xmlns='urn:mine'/></extensions>";
    await alice.set(
      publish(NODE, conference('a@rooms', 'A', mine) + conference('b@rooms', 'B') + conference('c@rooms', 'C')),
    );
    expect(await event(alice, account, NODE)).toBe('a@rooms=Me b@rooms=Me c@rooms=Me');
    const list = `${line('a@rooms', 'A2')}${line('B@rooms', 'B')}${line('d@rooms', 'D')}<url url='http://x.example' name='x'/><conference jid='@'/>`;
    expect(await sets(alice, old(list))).toBe('ok');
    // One by one: Dino 0.4 reads the first item of an event alone.
    for (const news of ['a@rooms=Me', 'd@rooms=Me', '-c@rooms'])
      expect(await event(alice, account, NODE)).toBe(news);
    const item = (await alice.get(items(NODE, "<item id='a@rooms'/>"))).at('pubsub').at('items').at('item');
    expect(item.at('conference').attr('name')).toBe('A2');
    expect(item.toString()).toContain('urn:mine'); // what the list cannot say stays
    expect(await listed(alice)).toBe('b@rooms=B/Me/true a@rooms=A2/Me/true d@rooms=D/Me/true url');
    expect(await sets(alice, old(list))).toBe('ok'); // the same again: nobody is told
    expect((await alice.settle()).filter((el) => el.name === 'message')).toEqual([]);
    expect(await sets(alice, old(''))).toBe('ok');
    for (const news of ['-b@rooms', '-a@rooms', '-d@rooms']) expect(await event(alice, account, NODE)).toBe(news);
    expect(await listed(alice)).toBe('');
  });

  test('that private storage had from before are the first items', async () => {
    const [alice] = await stage.cast('alice');
    sql(
      stage.server,
      `INSERT INTO documents SELECT id, 2, 'storage' || char(10) || 'storage:bookmarks', 5, '<storage xmlns=''storage:bookmarks''>${line('old@rooms', 'Old').replaceAll("'", "''")}</storage>' FROM accounts WHERE jid = '${alice.bare}';`,
    );
    expect(await listed(alice)).toBe('old@rooms=Old/Me/1');
    await alice.set(publish(NODE, conference('new@rooms', 'New')));
    expect(await gets(alice, items(NODE))).toBe('old@rooms=Me new@rooms=Me');
    expect(await listed(alice)).toBe('old@rooms=Old/Me/true new@rooms=New/Me/true');
  });

  test('of others are nobody else’s business', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const alice = await stage.signIn(a);
    const bob = await stage.signIn(b);
    await alice.set(old(line('a@rooms', 'A')));
    expect(await gets(bob, items(NODE), a.jid)).toBe('not-allowed closed-node');
    expect(await gets(bob, old(''), a.jid)).toBe('forbidden');
  });
});
