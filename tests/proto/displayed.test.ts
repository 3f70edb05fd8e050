// Displayed synchronisation (XEP-0490): items of a private node, the server's assistance, and the inbox's mark, which goes along with them.

import { expect, test } from 'vitest';
import { type Client, eventually, everything, inbox, page, raw, readXml, useServer, x } from './harness/index.ts';
import { gets, items, publish, sets, wants } from './harness/pep.ts';

const stage = useServer();
const MDS = 'urn:xmpp:mds:displayed:0';

const displayed = (by: string, id: string): string =>
  `<displayed xmlns='${MDS}'><stanza-id xmlns='urn:xmpp:sid:0' by='${by}' id='${id}'/></displayed>`;
const mark = (peer: string, by: string, id: string): string =>
  publish(MDS, `<item id='${peer}'>${displayed(by, id)}</item>`);

/** Which message the event that comes next says has been read. */
async function told(c: Client, peer: string): Promise<string | undefined> {
  const el = await c.pick(
    `<message type='headline' from='${c.bare}'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='${MDS}'><item id='${peer}'/></items></event></message>`,
  );
  return el.at('event').at('items').at('item').at('displayed').at('stanza-id').attr('id');
}

/** Mia on two devices, and Noah, who has written three times: the ids of those in Mia's archive. */
async function three(): Promise<{ phone: Client; pc: Client; noah: Client; ids: string[] }> {
  const [m, n] = await stage.accounts('mia', 'noah');
  await stage.befriend(m, n);
  const phone = await stage.signIn(m, { resource: 'phone' });
  const pc = await stage.signIn(m, { resource: 'pc' });
  const noah = await stage.signIn(n, { presence: true });
  for (const id of ['1', '2', '3'])
    noah.sends`<message to='${m.jid}' type='chat' id='${id}'><body>${id}</body></message>`;
  await page(noah, { max: 0 });
  await wants(phone, MDS);
  await wants(pc, MDS);
  const ids = (await everything(phone, { with: n.jid })).map((a) => a.id);
  expect(ids.length).toBe(3);
  return { phone, pc, noah, ids };
}

const unread = async (c: Client): Promise<number | undefined> => (await inbox(c)).entries[0]?.unread;

test('is announced', async () => {
  const [mia] = await stage.cast('mia');
  const info = await mia.get("<query xmlns='http://jabber.org/protocol/disco#info'/>", mia.bare);
  const features = info
    .at('query')
    .elements()
    .map((f) => f.attr('var'));
  expect(features).toContain('urn:xmpp:mds:server-assist:0');
});

test('what one device publishes, the others hear; it moves the mark of the inbox, and forward only', async () => {
  const { phone, pc, noah, ids } = await three();
  expect(await unread(pc)).toBe(3);
  expect(await sets(phone, mark(noah.bare, phone.bare, ids[1]!))).toBe('ok');
  expect(await told(pc, noah.bare)).toBe(ids[1]);
  await eventually(async () => (await unread(pc)) === 1);
  // Older, and the same again: acknowledged, and nothing happens.
  expect(await sets(phone, mark(noah.bare, phone.bare, ids[0]!))).toBe('ok');
  expect(await sets(phone, mark(noah.bare, phone.bare, ids[1]!))).toBe('ok');
  expect(await sets(phone, mark(noah.bare, phone.bare, ids[2]!))).toBe('ok');
  expect(await told(pc, noah.bare)).toBe(ids[2]);
  await eventually(async () => (await unread(pc)) === 0);
  expect(await gets(noah, items(MDS), phone.bare)).toContain('closed-node'); // nobody else's business
});

test('what the inbox is told stands in the node', async () => {
  const { phone, pc, noah, ids } = await three();
  await phone.set(readXml(noah.bare, ids[1]!));
  expect(await told(pc, noah.bare)).toBe(ids[1]);
  await phone.set(readXml(noah.bare, ids[0]!)); // has not moved
  await phone.set(readXml(noah.bare, ids[2]!));
  expect(await told(pc, noah.bare)).toBe(ids[2]);
  const kept = (await phone.get(items(MDS))).at('pubsub').at('items').all('item');
  expect(kept.map((i) => [i.attr('id'), i.at('displayed').at('stanza-id').attr('id')])).toEqual([[noah.bare, ids[2]]]);
});

test('in a message it is for the server alone: taken out before archives and copies, and published', async () => {
  const { phone, pc, noah, ids } = await three();
  await pc.set("<enable xmlns='urn:xmpp:carbons:2'/>");
  const marker = x`<displayed xmlns='urn:xmpp:chat-markers:0' id='2'/>`;
  phone.sends`<message to='${noah.bare}' type='chat' id='read'>${raw(marker)}${raw(displayed(phone.bare, ids[1]!))}</message>`;
  expect(await told(pc, noah.bare)).toBe(ids[1]);
  const came = await noah.pick("<message type='chat' id='read'/>");
  const copy = await pc.pick("<message type='chat'><sent xmlns='urn:xmpp:carbons:2'/></message>");
  const archived = (await everything(phone)).filter((a) => a.message.attr('id') === 'read');
  expect(archived.length).toBe(1);
  for (const el of [came, copy, archived[0]!.message]) {
    expect(el.toString()).toContain('urn:xmpp:chat-markers:0');
    expect(el.toString()).not.toContain(MDS);
  }
  await eventually(async () => (await unread(pc)) === 1);
  // One that holds nothing else publishes nothing, nor does one to a full address; neither shows it to anybody.
  phone.sends`<message to='${noah.bare}' type='chat' id='empty'>${raw(displayed(phone.bare, ids[2]!))}</message>`;
  phone.sends`<message to='${noah.jid}' type='chat' id='full'><body>x</body>${raw(displayed(phone.bare, ids[2]!))}</message>`;
  for (const id of ['empty', 'full'])
    expect((await noah.pick(`<message type='chat' id='${id}'/>`)).toString()).not.toContain(MDS);
  await page(phone, { max: 0 });
  const kept = (await phone.get(items(MDS))).at('pubsub').at('items').all('item');
  expect(kept.map((i) => i.at('displayed').at('stanza-id').attr('id'))).toEqual([ids[1]]);
});

test('ids of others, and of nothing, are kept as they are and mark nothing', async () => {
  const { phone, pc, noah, ids } = await three();
  const theirs = (await everything(noah))[0]!.id;
  expect(await sets(phone, mark(noah.bare, phone.bare, theirs))).toBe('ok');
  expect(await told(pc, noah.bare)).toBe(theirs);
  expect(await sets(phone, mark('room@elsewhere.example', 'room@elsewhere.example', 'opaque'))).toBe('ok');
  expect(await told(pc, 'room@elsewhere.example')).toBe('opaque');
  expect(await sets(phone, mark('not an address', phone.bare, ids[2]!))).toBe('ok');
  await page(phone, { max: 0 });
  expect(await unread(pc)).toBe(3);
});
