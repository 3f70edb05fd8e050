// One account, two devices: the app and Debian's slixmpp. Both show the same conversation, whichever of them was there.

import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { type Account, BadNetwork, eventually, makeCa, type Ports, useServer, x } from '../harness/index.ts';
import { type Happening, Slix, slixmppIsHere } from '../harness/slixmpp.ts';
import { App, gets } from './beside.ts';

const DOMAIN = 'chat.example';
const ca = makeCa(DOMAIN);
const stage = useServer({ tls: { certificate: ca.certificate, key: ca.key }, auth: { plaintext: 'never' } });

const devices: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of devices.splice(0)) await end();
});
afterAll(() => ca.remove());

async function open(account: Account, ports: Ports = stage.ports): Promise<{ slix: Slix; me: string }> {
  const slix = new Slix({ account, how: 'starttls', ports, trust: ca.ca });
  devices.push(() => void slix.child.kill());
  const started = await slix.sees('started');
  // Bound to its TLS channel, by the one binding that it knows (tls-unique).
  expect(started.mechanism).toBe('SCRAM-SHA-256-PLUS');
  slix.do('carbons');
  await slix.sees('carbons');
  return { slix, me: started.jid as string };
}

async function cast() {
  const [a, b] = await stage.accounts('alice', 'bob');
  await stage.befriend(a, b);
  const bob = await stage.signIn(b, { presence: true });
  const app = await App.open(stage, a, b.jid);
  devices.push(() => app.leave());
  return { a, b, bob, app };
}

/** What an account's archive holds, as slixmpp reads it. */
async function archive(slix: Slix): Promise<string[]> {
  slix.do('archive');
  return (await slix.sees('archive')).bodies as string[];
}

/** Everything that it has seen of a conversation and that nobody has picked. Its answer to a ping comes after all that was under way. */
async function rest(slix: Slix): Promise<Happening[]> {
  slix.do('ping', { to: stage.domain });
  await slix.sees('pong', { ok: true });
  return slix.events.filter((e) => ['message', 'carbon'].includes(e.event) && e.body);
}

describe.skipIf(!slixmppIsHere)('slixmpp beside the app', () => {
  test('what one of them sends, gets or reads, the other has at once', async () => {
    const { a, b, bob, app } = await cast();
    const { slix, me } = await open(a);
    await app.say('from the app');
    await slix.sees('carbon', { way: 'sent', body: 'from the app' });
    slix.do('say', { to: b.jid, body: 'from Python' });
    await app.shows('> from the app', '> from Python');
    await gets(bob, 'from the app', 'from Python');

    // To both, and to the one only, which the other is told.
    bob.sends`<message to='${a.jid}' type='chat' id='r1'><body>to you</body><markable xmlns='urn:xmpp:chat-markers:0'/></message>`;
    await slix.sees('message', { jid: bob.jid, body: 'to you' });
    bob.sends`<message to='${me}' type='chat' id='r2'><body>to Python</body><markable xmlns='urn:xmpp:chat-markers:0'/></message>`;
    await slix.sees('message', { body: 'to Python' });
    await app.shows('> from the app', '> from Python', 'to you', 'to Python');
    expect(await rest(slix)).toEqual([]);

    await eventually(async () => (await app.unread()) === 2);
    slix.do('displayed', { to: b.jid, id: 'r2' });
    await bob.pick(x`<message from='${me}' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='r2'/></message>`);
    await eventually(async () => (await app.unread()) === 0);

    bob.sends`<message to='${a.jid}' type='chat' id='r3'><body>once more</body><markable xmlns='urn:xmpp:chat-markers:0'/></message>`;
    await slix.sees('message', { body: 'once more' });
    await eventually(async () => (await app.unread()) === 1);
    await app.read();
    await slix.sees('carbon', { way: 'sent', displayed: 'r3' });
    await bob.pick(x`<message type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='r3'/></message>`);
  });

  test('who was away has what it missed, once', async () => {
    const { a, b, bob, app } = await cast();
    const first = await open(a);
    first.slix.do('say', { to: b.jid, body: 'one' });
    await app.shows('> one');
    first.slix.do('quit');
    await bob.pick(x`<presence from='${first.me}' type='unavailable'/>`);
    await app.say('two');
    await gets(bob, 'one', 'two');
    bob.sends`<message to='${a.jid}' type='chat' id='r3'><body>three</body></message>`;
    await app.shows('> one', '> two', 'three');

    const { slix, me } = await open(a);
    expect(await archive(slix)).toEqual(['one', 'two', 'three']);
    await app.close();
    slix.do('say', { to: b.jid, body: 'four' });
    await bob.pick(x`<message from='${me}' type='chat'><body>four</body></message>`);
    bob.sends`<message to='${a.jid}' type='chat' id='r5'><body>five</body></message>`;
    await slix.sees('message', { body: 'five' });
    expect(await rest(slix)).toEqual([]);
    await app.reopen();
    await app.shows('> one', '> two', 'three', '> four', 'five');
    expect(await archive(slix)).toEqual(['one', 'two', 'three', 'four', 'five']);
  });

  test('after a cut it goes on where it was: nothing twice, nothing missing', async () => {
    const { a, b, bob, app } = await cast();
    const network = await BadNetwork.before(stage.ports, 1);
    network.calm = true;
    devices.push(() => network.close());
    const { slix } = await open(a, network.ports);
    bob.sends`<message to='${a.jid}' type='chat' id='r1'><body>one</body></message>`;
    await slix.sees('message', { body: 'one' });

    network.clear();
    await slix.sees('disconnected');
    await app.say('two');
    bob.sends`<message to='${a.jid}' type='chat' id='r3'><body>three</body></message>`;
    await app.shows('one', '> two', 'three');
    slix.do('connect');
    await slix.sees('resumed');
    await slix.sees('carbon', { way: 'sent', body: 'two' });
    await slix.sees('message', { body: 'three' });
    slix.do('say', { to: b.jid, body: 'four' });
    await app.shows('one', '> two', 'three', '> four');
    await gets(bob, 'two', 'four');
    expect(await rest(slix)).toEqual([]);
    expect(await archive(slix)).toEqual(['one', 'two', 'three', 'four']);
  });
});
