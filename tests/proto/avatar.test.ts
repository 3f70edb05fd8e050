// One picture for all programs: nodes (XEP-0084), card (XEP-0054), presence (XEP-0153), each way (XEP-0398).

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Client, sql, useServer } from './harness/index.ts';
import { configure, gets, items, owner, publish, retract, sets, wants } from './harness/pep.ts';

const stage = useServer({ limits: { rates: 'no', idle_accounts_time: '1s' } });
const DATA = 'urn:xmpp:avatar:data';
const METADATA = 'urn:xmpp:avatar:metadata';

const ONE = Buffer.from('not really a picture');
const TWO = Buffer.from('nor is this one');
const sha1 = (bytes: Buffer) => createHash('sha1').update(bytes).digest('hex');

const data = (bytes: Buffer) =>
  publish(DATA, `<item id='${sha1(bytes)}'><data xmlns='${DATA}'>${bytes.toString('base64')}</data></item>`);
const info = (bytes: Buffer, more = '') =>
  `<info id='${sha1(bytes)}' bytes='${bytes.length}' type='image/png'${more}/>`;
const metadata = (inside: string) =>
  publish(METADATA, `<item id='x'><metadata xmlns='${METADATA}'>${inside}</metadata></item>`);
const card = (inside = '') => `<vCard xmlns='vcard-temp'>${inside}</vCard>`;
const photo = (base64: string, type = 'image/png') => `<PHOTO><TYPE>${type}</TYPE><BINVAL>${base64}</BINVAL></PHOTO>`;

async function show(c: Client, bytes: Buffer): Promise<void> {
  expect(await sets(c, data(bytes))).toBe('ok');
  expect(await sets(c, metadata(info(bytes)))).toBe('ok');
}

/** The picture in a card: its bytes as text, '' for a card without one, or the error. */
async function shown(c: Client, of?: string): Promise<string> {
  const el = await c.iq('get', card(), of);
  if (el.attr('type') === 'error') return el.at('error').elements()[0]!.name;
  const binval = el.at('vCard').child('PHOTO')?.child('BINVAL')?.text;
  return binval === undefined ? '' : Buffer.from(binval, 'base64').toString();
}

/** What the next presence of that session says of a picture; undefined: nothing. */
async function seen(c: Client, of: string, inside = ''): Promise<string | undefined> {
  const el = await c.pick(`<presence from='${of}'>${inside}</presence>`);
  const x = el.child('x', 'vcard-temp:x:update');
  return x?.child('photo') ? x.child('photo')!.text : x ? 'empty' : undefined;
}

/** Bob sees Alice; both are here. */
async function pair(): Promise<{ alice: Client; bob: Client }> {
  const [a, b] = await stage.accounts('alice', 'bob');
  await stage.befriend(a, b);
  const alice = await stage.signIn(a, { presence: true });
  const bob = await stage.signIn(b, { presence: true });
  await seen(bob, alice.jid);
  return { alice, bob };
}

test('is announced', async () => {
  const [alice] = await stage.cast('alice');
  const got = await alice.get("<query xmlns='http://jabber.org/protocol/disco#info'/>", alice.bare);
  const features = got
    .at('query')
    .all('feature')
    .map((f) => f.attr('var'));
  expect(features).toContain('urn:xmpp:pep-vcard-conversion:0');
});

describe('from the nodes', () => {
  test('into the card of those who may read them, and into presence', async () => {
    const { alice, bob } = await pair();
    const [c] = await stage.accounts('carol');
    const carol = await stage.signIn(c);
    expect(await sets(alice, card('<FN>Alice</FN>'))).toBe('ok');
    await show(alice, ONE);
    expect(await seen(bob, alice.jid)).toBe(sha1(ONE));
    expect(await shown(alice)).toBe(ONE.toString());
    expect(await shown(bob, alice.bare)).toBe(ONE.toString());
    expect(await shown(carol, alice.bare)).toBe(''); // the node is for who sees Alice's presence
    expect(await sets(alice, configure(DATA, { access_model: 'open' }))).toBe('ok');
    expect(await shown(carol, alice.bare)).toBe('');
    expect(await sets(alice, configure(METADATA, { access_model: 'open' }))).toBe('ok');
    expect(await shown(carol, alice.bare)).toBe(ONE.toString());
    expect((await carol.get(card(), alice.bare)).at('vCard').child('FN')?.text).toBe('Alice');
    await show(alice, TWO);
    expect(await seen(bob, alice.jid)).toBe(sha1(TWO));
    // A picture that is elsewhere, and one whose bytes are not here.
    expect(await sets(alice, metadata(`${info(ONE, " url='https://example.org/1.png'")}${info(TWO)}`))).toBe('ok');
    expect(await shown(bob, alice.bare)).toBe(TWO.toString());
    expect(await sets(alice, metadata(info(Buffer.from('unknown'))))).toBe('ok');
    expect(await seen(bob, alice.jid)).toBe('');
    expect(await shown(bob, alice.bare)).toBe('');
  });

  test('and it goes, by an empty item, retraction, emptying or deletion', async () => {
    const { alice, bob } = await pair();
    for (const away of [
      metadata(''),
      retract(METADATA, ['x']),
      owner('purge', METADATA),
      owner('delete', METADATA),
      owner('delete', DATA),
    ]) {
      await show(alice, ONE);
      expect(await seen(bob, alice.jid)).toBe(sha1(ONE));
      expect(await sets(alice, away)).toBe('ok');
      expect(await seen(bob, alice.jid)).toBe('');
      expect(await shown(alice)).toBe('');
      await sets(alice, owner('delete', DATA));
    }
  });
});

describe('presence', () => {
  test('has the hash after a new start too, unless its client says that it shows none', async () => {
    const [one, two] = await stage.accounts('alice', 'bob');
    await stage.befriend(one, two);
    await show(await stage.signIn(one), ONE);
    await stage.server.restart();
    const a = await stage.signIn(one);
    const b = await stage.signIn(two, { presence: true });
    let serial = 0;
    /** The first one may come twice: said, and asked for. */
    const say = async (inside: string, to = '') => {
      const status = `<status>${++serial}</status>`;
      a.send(`<presence${to}>${status}${inside}</presence>`);
      return seen(b, a.jid, status);
    };
    expect(await say('')).toBe(sha1(ONE));
    expect(await say("<x xmlns='vcard-temp:x:update'/>")).toBe(sha1(ONE));
    expect(await say("<x xmlns='vcard-temp:x:update'><photo>0123</photo></x>")).toBe(sha1(ONE));
    expect(await say("<x xmlns='vcard-temp:x:update'><photo/></x>")).toBe('');
    expect(await say('', ` to='${b.jid}'`)).toBe(sha1(ONE));
  });

  test('of who has no picture is left alone', async () => {
    const { alice, bob } = await pair();
    alice.send("<presence><x xmlns='vcard-temp:x:update'><photo>0123</photo></x></presence>");
    expect(await seen(bob, alice.jid)).toBe('0123');
    alice.send('<presence/>');
    expect(await seen(bob, alice.jid)).toBeUndefined();
  });
});

describe('from the card', () => {
  test('into the nodes, with an event, once', async () => {
    const { alice, bob } = await pair();
    await wants(bob, METADATA);
    await seen(alice, bob.jid);
    const lines = ONE.toString('base64').replace(/(.{8})/g, '$1\n');
    expect(await sets(alice, card(`<FN>Alice</FN>${photo(lines)}`))).toBe('ok');
    const event = await bob.pick(`<message type='headline' from='${alice.bare}'/>`);
    const item = event.at('event').at('items').at('item');
    expect([
      item.attr('id'),
      item.at('metadata').at('info').attr('bytes'),
      item.at('metadata').at('info').attr('type'),
    ]).toEqual([sha1(ONE), String(ONE.length), 'image/png']);
    expect(await seen(bob, alice.jid)).toBe(sha1(ONE));
    expect(await gets(bob, items(DATA), alice.bare)).toBe(`${sha1(ONE)}=${ONE.toString('base64')}`);
    // What is written back as it was read changes nothing.
    const read = (await alice.get(card())).at('vCard');
    expect(await sets(alice, read.toString())).toBe('ok');
    expect(await sets(alice, card(photo(TWO.toString('base64'), 'text/html')))).toBe('ok');
    const next = (await bob.pick(`<message type='headline' from='${alice.bare}'/>`)).at('event').at('items').at('item');
    expect([next.attr('id'), next.at('metadata').at('info').attr('type')]).toEqual([sha1(TWO), 'image/png']);
    expect(await seen(bob, alice.jid)).toBe(sha1(TWO));
    // Without one: it is gone.
    expect(await sets(alice, card('<FN>Alice</FN>'))).toBe('ok');
    expect(await seen(bob, alice.jid)).toBe('');
    expect(await shown(bob, alice.bare)).toBe('');
    expect(sql(stage.server, `SELECT avatar IS NULL FROM accounts WHERE jid = '${alice.bare}'`).trim()).toBe('1');
  });

  test('what is no picture stays in the card; a card of nobody is refused as before', async () => {
    const { alice, bob } = await pair();
    expect(await sets(alice, card(photo('not base64!')))).toBe('ok');
    expect((await bob.get(card(), alice.bare)).at('vCard').at('PHOTO').at('BINVAL').text).toBe('not base64!');
    expect(await gets(alice, items(METADATA))).toBe('item-not-found');
    expect(await sets(alice, card())).toBe('ok');
    expect(await shown(bob, alice.bare)).toBe('service-unavailable');
    expect(await shown(bob, `nobody@${bob.bare.split('@')[1]}`)).toBe('service-unavailable');
    expect(await shown(alice)).toBe('');
  });
});
