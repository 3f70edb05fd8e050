// Sessions that nobody comes back to: a server that keeps them for a second, and pings who is silent for a second.

import { expect, test } from 'vitest';
import { authenticate, NS, useServer, x } from './harness/index.ts';

const stage = useServer({ limits: { sm_resume_time: '1s', idle_ping: '1s', dead_time: '1s' } });
const PATIENCE_MS = 15_000;

test('a hibernated session ends by itself: friends see it leave, messages go elsewhere, requests are answered', async () => {
  const [alice, bob] = await stage.accounts('alice', 'bob');
  await stage.befriend(alice, bob);
  const watcher = await stage.signIn(bob, { presence: true });
  const other = await stage.signIn(alice, { resource: 'desk', presence: true, priority: 0 });
  const gone = await stage.signIn(alice, { resource: 'phone', sm: true, presence: true });
  await watcher.pick(x`<presence from='${gone}'/>`);
  await watcher.settle(other);
  await other.settle(gone);
  gone.kill();
  watcher.sends`<message to='${gone}' type='chat' id='kept'><body>where are you</body></message>`;
  watcher.sends`<iq type='get' to='${gone}' id='q'><query xmlns='urn:example'/></iq>`;
  await watcher.pick(x`<presence from='${gone}' type='unavailable'/>`, PATIENCE_MS);
  await watcher.pick(x`<iq type='error' id='q' from='${gone}'/>`, PATIENCE_MS);
  await other.pick(x`<message id='kept' type='chat'><delay xmlns='${NS.delay}'/></message>`, PATIENCE_MS);

  const late = await stage.connect('alice');
  await authenticate(late, alice);
  late.sendRaw(x`<resume xmlns='${NS.sm}' h='0' previd='${gone.sm!.id!}'/>`);
  await late.expect(`<failed xmlns='${NS.sm}'><item-not-found xmlns='${NS.stanzas}'/></failed>`);
});

test('what no other resource takes is kept and comes at the next sign-in, once', async () => {
  const [alice, bob] = await stage.accounts('alice', 'bob');
  await stage.befriend(alice, bob);
  const sender = await stage.signIn(bob, { presence: true });
  const gone = await stage.signIn(alice, { resource: 'phone', sm: true, presence: true });
  await sender.pick(x`<presence from='${gone}'/>`);
  gone.kill();
  sender.sends`<message to='${gone.bare}' type='chat' id='kept'><body>later</body></message>`;
  await sender.pick(x`<presence from='${gone}' type='unavailable'/>`, PATIENCE_MS);
  const next = await stage.signIn(alice, { presence: true });
  await next.pick(x`<message id='kept' type='chat'><delay xmlns='${NS.delay}'/></message>`);
  const rest = await next.settle(sender);
  expect(rest.filter((e) => e.attr('id') === 'kept')).toEqual([]);
});

test('a silent connection is asked, and one that answers lives', async () => {
  const [alice] = await stage.accounts('alice');
  const c = await stage.signIn(alice, { transport: 'tcp' });
  c.autoPong = false;
  for (let i = 0; i < 2; i++) {
    const ping = await c.expect(x`<iq type='get' id='*'><ping xmlns='${NS.ping}'/></iq>`, PATIENCE_MS);
    expect(ping.attr('from') ?? stage.domain).toBe(stage.domain);
    c.sends`<iq type='result' id='${ping.need('id')}' to='${stage.domain}'/>`;
  }
  await c.ping();
});

test('with stream management it is asked for an acknowledgement or pinged', async () => {
  const [alice] = await stage.accounts('alice');
  const c = await stage.signIn(alice, { sm: true, transport: 'tcp' });
  c.autoAck = false;
  c.autoPong = false;
  const got = await c.nextElement('a question', PATIENCE_MS);
  expect(['r', 'iq']).toContain(got.name);
});

test('one that does not answer is dead: its friends see it leave', async () => {
  const [alice, bob] = await stage.accounts('alice', 'bob');
  await stage.befriend(alice, bob);
  const watcher = await stage.signIn(bob, { presence: true });
  const silent = await stage.signIn(alice, { presence: true, transport: 'tcp' });
  silent.autoPong = false;
  await watcher.pick(x`<presence from='${silent}'/>`);
  await watcher.pick(x`<presence from='${silent}' type='unavailable'/>`, PATIENCE_MS);
});

test('a WebSocket is asked by a ping of its own or of XMPP', async () => {
  const [alice] = await stage.accounts('alice');
  const c = await stage.signIn(alice, { transport: 'ws' });
  await c.until(() => c.control.length > 0 || c.history.some((e) => e.child('ping', NS.ping)), 'a ping', PATIENCE_MS);
});
