// Sessions that nobody comes back to: a server that keeps them for two seconds, and one that pings who is silent for a
// second. It waits longer for the answer: those who are to live answer from a machine that may be busy.

import { expect, test } from 'vitest';
import { authenticate, NS, useServer, x } from './harness/index.ts';

const stage = useServer({ limits: { sm_resume_time: '2s' } });
const asking = useServer({ limits: { idle_ping: '1s', dead_time: '5s' } });

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
  await watcher.pick(x`<presence from='${gone}' type='unavailable'/>`);
  await watcher.pick(x`<iq type='error' id='q' from='${gone}'/>`);
  await other.pick(x`<message id='kept' type='chat'><delay xmlns='${NS.delay}'/></message>`);

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
  await sender.pick(x`<presence from='${gone}' type='unavailable'/>`);
  const next = await stage.signIn(alice, { presence: true });
  await next.pick(x`<message id='kept' type='chat'><delay xmlns='${NS.delay}'/></message>`);
  const rest = await next.settle(sender);
  expect(rest.filter((e) => e.attr('id') === 'kept')).toEqual([]);
});

test('a silent connection is asked, and one that answers lives', async () => {
  const [alice] = await asking.accounts('alice');
  const c = await asking.signIn(alice, { transport: 'tcp' });
  c.autoPong = false;
  for (let i = 0; i < 2; i++) {
    const ping = await c.expect(x`<iq type='get' id='*'><ping xmlns='${NS.ping}'/></iq>`);
    expect(ping.attr('from') ?? asking.domain).toBe(asking.domain);
    c.sends`<iq type='result' id='${ping.need('id')}' to='${asking.domain}'/>`;
  }
  await c.ping();
});

test('with stream management it is asked for an acknowledgement or pinged', async () => {
  const [alice] = await asking.accounts('alice');
  const c = await asking.signIn(alice, { sm: true, transport: 'tcp' });
  c.autoAck = false;
  c.autoPong = false;
  const got = await c.nextElement('a question');
  expect(['r', 'iq']).toContain(got.name);
});

test('one that does not answer is dead: its friends see it leave', async () => {
  const [alice, bob] = await asking.accounts('alice', 'bob');
  await asking.befriend(alice, bob);
  const watcher = await asking.signIn(bob, { presence: true });
  const silent = await asking.signIn(alice, { presence: true, transport: 'tcp' });
  silent.autoPong = false;
  await watcher.pick(x`<presence from='${silent}'/>`);
  await watcher.pick(x`<presence from='${silent}' type='unavailable'/>`);
});

test('a WebSocket is asked by a ping of its own or of XMPP', async () => {
  const [alice] = await asking.accounts('alice');
  const c = await asking.signIn(alice, { transport: 'ws' });
  await c.until(() => c.control.length > 0 || c.history.some((e) => e.child('ping', NS.ping)), 'a ping');
});
