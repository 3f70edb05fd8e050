// Messages that change, between the app and Debian's slixmpp: each understands what the other does to a message.

import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { eventually, makeCa, useServer } from '../harness/index.ts';
import { Slix, slixmppIsHere } from '../harness/slixmpp.ts';
import { App } from './beside.ts';

const ca = makeCa('chat.example');
const stage = useServer({ tls: { certificate: ca.certificate, key: ca.key }, auth: { plaintext: 'never' } });

const devices: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of devices.splice(0)) await end();
});
afterAll(() => ca.remove());

async function cast() {
  const [a, b] = await stage.accounts('alice', 'bob');
  await stage.befriend(a, b);
  const slix = new Slix({ account: b, how: 'starttls', ports: stage.ports, trust: ca.ca });
  devices.push(() => void slix.child.kill());
  await slix.sees('started');
  const app = await App.open(stage, a, b.jid);
  devices.push(() => app.leave());
  return { a, b, slix, app };
}

const signs = (app: App) => (app.last?.reactions ?? []).map((it) => `${it.sign}${it.from.length}`).join(' ');

describe.skipIf(!slixmppIsHere)('the app and slixmpp', () => {
  test('what the app does to its messages', async () => {
    const { a, slix, app } = await cast();
    await app.say('Teh first');
    const { id } = await slix.sees('message', { body: 'Teh first' });
    const { key } = app.last!;
    await app.session.edit(key, 'The first');
    await slix.sees('correction', { id, body: 'The first' });
    await app.session.edit(key, 'The very first');
    await slix.sees('correction', { id, body: 'The very first' });
    await app.session.react(key, '👍', true);
    expect((await slix.sees('reactions', { id })).signs).toEqual(['👍']);
    await app.session.react(key, '👍', false);
    expect((await slix.sees('reactions', { id })).signs).toEqual([]);
    await app.session.send(app.peer, 'And', key);
    await slix.sees('reply', { id, to: a.jid, body: '> The very first\nAnd' });
    await app.session.retract([key]);
    // This version of slixmpp knows the retraction by its words only.
    expect(
      (await slix.sees('message', { body: '/me retracted a previous message, but it’s unsupported by your client.' }))
        .event,
    ).toBe('message');
  });

  test('what slixmpp does to its messages', async () => {
    const { a, b, slix, app } = await cast();
    await app.say('Tea?');
    const mine = (await slix.sees('message', { body: 'Tea?' })).id as string;
    slix.do('react', { to: a.jid, id: mine, signs: '❤️ 👍' });
    await eventually(async () => signs(app) === '❤️1 👍1');
    slix.do('react', { to: a.jid, id: mine, signs: '👍' });
    await eventually(async () => signs(app) === '👍1');
    slix.do('reply', { to: a.jid, id: mine, author: a.jid, body: 'Yes plaese' });
    await eventually(async () => app.last?.body === 'Yes plaese');
    expect(app.last?.reply).toMatchObject({ from: a.jid, key: mine });
    expect(app.last?.from).toBe(b.jid);
    const theirs = await app.idOfLast();
    slix.do('correct', { to: a.jid, id: theirs, body: 'Yes please' });
    await eventually(async () => app.last?.body === 'Yes please');
    expect(app.last?.earlier?.map((it) => it.body)).toEqual(['Yes plaese']);
    await app.shows('> Tea?', 'Yes please');
    slix.do('retract', { to: a.jid, id: theirs });
    await eventually(async () => app.last?.retracted === true);
    await app.close();
    await app.reopen();
    await eventually(async () => app.last?.retracted === true);
    expect(await app.unread()).toBe(1);
  });
});
