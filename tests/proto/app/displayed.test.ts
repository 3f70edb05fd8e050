// How far one has read, between the app and a program that knows XEP-0490 and nothing of the inbox.

import { expect, test } from 'vitest';
import { eventually, everything, page, useServer } from '../harness/index.ts';
import { publish, sets, wants } from '../harness/pep.ts';
import { App } from './beside.ts';

const stage = useServer();
const MDS = 'urn:xmpp:mds:displayed:0';

test('both know what the other one has read', async () => {
  const [m, b] = await stage.accounts('mia', 'ben');
  await stage.befriend(m, b);
  const native = await stage.signIn(m, { resource: 'native' });
  const ben = await stage.signIn(b, { presence: true });
  const app = await App.open(stage, m, b.jid);
  await wants(native, MDS);
  const say = async (id: string, markable: boolean) => {
    const marker = markable ? "<markable xmlns='urn:xmpp:chat-markers:0'/>" : '';
    ben.send(`<message to='${m.jid}' type='chat' id='${id}'><body>${id}</body>${marker}</message>`);
    await page(ben, { max: 0 });
    const row = (await everything(native)).find((r) => r.message.attr('id') === id)!;
    await eventually(async () => (await app.unread()) > 0);
    return row.id;
  };
  const heard = async () => {
    const el = await native.pick(
      `<message type='headline' from='${m.jid}'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='${MDS}'><item id='${b.jid}'/></items></event></message>`,
    );
    return el.at('event').at('items').at('item').at('displayed').at('stanza-id').attr('id');
  };
  // One that asks for a marker, which carries it; and one that does not.
  const asks = await say('1', true);
  await app.read();
  expect(await heard()).toBe(asks);
  expect(
    (await ben.pick("<message type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='1'/></message>")).toString(),
  ).not.toContain(MDS);
  const silent = await say('2', false);
  await app.read();
  expect(await heard()).toBe(silent);
  // The other way round.
  const third = await say('3', true);
  const read = `<displayed xmlns='${MDS}'><stanza-id xmlns='urn:xmpp:sid:0' by='${m.jid}' id='${third}'/></displayed>`;
  expect(await sets(native, publish(MDS, `<item id='${b.jid}'>${read}</item>`))).toBe('ok');
  await eventually(async () => (await app.unread()) === 0);
  await app.close();
});
