// Resuming a session from another connection (XEP-0198 section 5), and what becomes of those that nobody resumes.

import { describe, expect, test } from 'vitest';
import {
  authenticate,
  bindResource,
  type Client,
  Client as Connection,
  type El,
  enableSm,
  NS,
  negotiate,
  resume,
  sasl2,
  useServer,
  x,
} from './harness/index.ts';

const stage = useServer();

const notFound = `<failed xmlns='${NS.sm}'><item-not-found xmlns='${NS.stanzas}'/></failed>`;

async function tryResume(account: Parameters<typeof authenticate>[1], old: Client): Promise<Client> {
  const c = await stage.connect(account.name);
  await authenticate(c, account);
  c.sendRaw(x`<resume xmlns='${NS.sm}' h='${old.sm!.received}' previd='${old.sm!.id!}'/>`);
  return c;
}

describe('a dead socket', () => {
  test('ends no session: what came meanwhile comes after the resumption, in order and once', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const old = await stage.signIn(alice, { sm: true, presence: true });
    const sender = await stage.signIn(bob);
    old.kill();
    for (let i = 0; i < 10; i++)
      sender.sends`<message to='${i % 2 ? old.jid : old.bare}' type='chat' id='m${i}'><body>${i}</body></message>`;
    await sender.ping();
    const c = stage.adopt(await resume(old, alice));
    for (let i = 0; i < 10; i++)
      await c.receives`<message type='chat' id='m${i}' from='${sender}'><body>${i}</body></message>`;
    await c.receivesNothing(sender);
  });

  test('what could not be sent when it came says when that was; what comes then does not', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    await stage.befriend(alice, bob);
    const old = await stage.signIn(alice, { sm: true, presence: '<priority>-1</priority>' });
    const other = await stage.signIn(alice, { resource: 'other', presence: true });
    const sender = await stage.signIn(bob, { presence: true });
    old.sends`<iq type='set' id='on'><enable xmlns='${NS.carbons}'/></iq>`;
    await old.pick(x`<iq type='result' id='on'/>`);
    await old.pick(x`<presence from='${sender}'/>`);
    const say = (to: string, id: string) => sender.sends`<message to='${to}' type='chat' id='${id}'><body>x</body></message>`;
    old.autoAck = false;
    say(old.jid!, 'unacknowledged');
    await old.pick(x`<message type='chat' id='unacknowledged'/>`);
    const before = Date.now();
    old.sm!.received--; // it never arrived
    old.kill();
    say(old.jid!, 'away');
    say(other.jid!, 'copied');
    other.sends`<message to='${bob.jid}' type='chat' id='sent'><body>x</body></message>`;
    sender.sends`<presence><status>away</status></presence>`;
    await other.pick(x`<message type='chat' id='copied'/>`);
    await sender.pick(x`<message type='chat' id='sent'/>`);
    await other.pick(x`<presence from='${sender}'><status>away</status></presence>`);
    const after = Date.now();
    const c = stage.adopt(await resume(old, alice));
    const moment = (el: El) => Date.parse(el.need('stamp'));
    const delays = (el: El) => el.all('delay', NS.delay);
    const again = await c.pick(x`<message type='chat' id='unacknowledged'/>`);
    expect(moment(again.child('delay', NS.delay)!)).toBeLessThanOrEqual(after);
    for (const [id, kind] of [
      ['away', undefined],
      ['copied', 'received'],
      ['sent', 'sent'],
    ] as const) {
      const el = kind
        ? await c.pick(x`<message type='chat' from='${old.bare}'><${kind} xmlns='${NS.carbons}'/></message>`)
        : await c.pick(x`<message type='chat' id='${id}'/>`);
      const holder = kind ? el.child(kind, NS.carbons)!.child('forwarded', NS.forward)! : el;
      expect(delays(holder).map((d) => d.need('from'))).toEqual([stage.domain]);
      expect(moment(delays(holder)[0]!)).toBeGreaterThanOrEqual(before - 1000);
      expect(moment(delays(holder)[0]!)).toBeLessThanOrEqual(after + 1000);
      if (kind) expect(delays(el)).toEqual([]);
    }
    expect(delays(await c.pick(x`<presence from='${sender}'><status>away</status></presence>`))).toEqual([]);
    say(c.jid!, 'live');
    expect(delays(await c.pick(x`<message type='chat' id='live'/>`))).toEqual([]);
  });

  test('friends see nothing of it', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    await stage.befriend(alice, bob);
    const watcher = await stage.signIn(bob, { presence: true });
    const old = await stage.signIn(alice, { sm: true, presence: '<status>here</status>' });
    await watcher.pick(x`<presence from='${old}'/>`);
    old.kill();
    const c = stage.adopt(await resume(old, alice));
    await watcher.receivesNothing(c);
    // The presence is still the one of the session.
    const late = await stage.signIn(bob, { resource: 'late', presence: true });
    await late.pick(x`<presence from='${c}'><status>here</status></presence>`);
  });

  test('what was sent but not acknowledged is sent again, what was acknowledged is not', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const old = await stage.signIn(alice, { sm: true });
    old.autoAck = false;
    const sender = await stage.signIn(bob);
    for (let i = 0; i < 4; i++) sender.sends`<message to='${old}' type='chat' id='m${i}'><body>${i}</body></message>`;
    for (let i = 0; i < 4; i++) await old.pick(x`<message id='m${i}' type='chat'/>`);
    // Two are acknowledged; of the other two the server cannot know.
    old.sm!.received = 2;
    old.ack();
    await old.ping();
    old.sm!.received = 2;
    old.kill();
    const c = stage.adopt(await resume(old, alice));
    await c.receives`<message type='chat' id='m2'/>`;
    await c.receives`<message type='chat' id='m3'/>`;
  });

  test('the h of <resumed/> counts what was handled; the client repeats the rest', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const old = await stage.signIn(alice, { sm: true });
    const other = await stage.signIn(bob, { presence: true });
    for (let i = 0; i < 20; i++) old.sends`<message to='${other}' type='chat' id='m${i}'><body>${i}</body></message>`;
    old.kill();
    // resume() sends again whatever h does not cover: together each arrives exactly once, in order.
    const c = stage.adopt(await resume(old, alice));
    await c.allAcked();
    for (let i = 0; i < 20; i++)
      await other.receives`<message type='chat' id='m${i}' from='${old.jid}'><body>${i}</body></message>`;
    await other.receivesNothing(c);
  });

  test('many times over', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    let c = await stage.signIn(alice, { sm: true });
    const sender = await stage.signIn(bob);
    for (let i = 0; i < 8; i++) {
      sender.sends`<message to='${c}' type='chat' id='m${i}'><body>${i}</body></message>`;
      if (i % 2) await c.receives`<message type='chat' id='m${i}'/>`;
      else await sender.ping();
      const old = c;
      old.kill();
      c = stage.adopt(await resume(old, alice));
      // It had arrived just before the cut, and then does not come again, or it comes now.
      const before = old.inbox.some((item) => item.kind === 'element' && item.el.attr('id') === `m${i}`);
      if (i % 2 === 0 && !before) await c.receives`<message type='chat' id='m${i}'/>`;
    }
    await c.receivesNothing(sender);
  });

  test('requests of the roster and pushes go on after it', async () => {
    const [alice] = await stage.accounts('alice');
    const old = await stage.signIn(alice, { sm: true, roster: true });
    const second = await stage.signIn(alice, { resource: 'two', roster: true });
    old.kill();
    const contact = stage.nobody();
    await second.set(x`<query xmlns='${NS.roster}'><item jid='${contact}' name='Nobody'/></query>`);
    const c = stage.adopt(await resume(old, alice));
    await c.receives`<iq type='set'><query xmlns='${NS.roster}'><item jid='${contact}' name='Nobody'/></query></iq>`;
  });
});

describe('a live connection', () => {
  test('is taken over: the old stream gets conflict', async () => {
    const [alice] = await stage.accounts('alice');
    const old = await stage.signIn(alice, { sm: true });
    const c = stage.adopt(await resume(old, alice));
    await old.expectStreamError('conflict');
    await c.ping();
  });

  test.each([
    ['tcp', 'wss'],
    ['wss', 'tls'],
    ['ws', 'starttls'],
  ] as const)('from %s to %s', async (from, to) => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const old = await stage.signIn(alice, { sm: true, transport: from });
    const sender = await stage.signIn(bob);
    old.kill();
    sender.sends`<message to='${old}' type='chat' id='gap'><body>x</body></message>`;
    const c = stage.adopt(await Connection.connect('alice', stage.ports, to));
    await authenticate(c, alice);
    c.resuming = old;
    c.sendRaw(x`<resume xmlns='${NS.sm}' h='0' previd='${old.sm!.id!}'/>`);
    await c.expect(`<resumed xmlns='${NS.sm}' h='*'/>`);
    await c.receives`<message type='chat' id='gap'/>`;
  });
});

describe('cannot be resumed', () => {
  test('what nobody knows; binding is still possible', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice');
    await authenticate(c, alice);
    c.sendRaw(`<resume xmlns='${NS.sm}' h='0' previd='no such session'/>`);
    await c.expect(notFound);
    await bindResource(c, 'fresh');
    await enableSm(c);
    await c.ping();
  });

  test('the session of somebody else', async () => {
    const [alice, mallory] = await stage.accounts('alice', 'mallory');
    const old = await stage.signIn(alice, { sm: true });
    const c = await tryResume(mallory, old);
    await c.expect(notFound);
    await old.ping();
  });

  test('a session that was not enabled for it', async () => {
    const [alice] = await stage.accounts('alice');
    const old = await stage.signIn(alice);
    old.sendRaw(`<enable xmlns='${NS.sm}'/>`);
    const enabled = await old.expect(`<enabled xmlns='${NS.sm}'/>`);
    old.kill();
    const c = await stage.connect('alice');
    await authenticate(c, alice);
    c.sendRaw(x`<resume xmlns='${NS.sm}' h='0' previd='${enabled.attr('id') ?? 'none'}'/>`);
    await c.expect(notFound);
  });

  test('anything once a resource is bound', async () => {
    const [alice] = await stage.accounts('alice');
    const old = await stage.signIn(alice, { sm: true });
    const c = await stage.signIn(alice, { resource: 'two' });
    c.sendRaw(x`<resume xmlns='${NS.sm}' h='0' previd='${old.sm!.id!}'/>`);
    const got = await c.nextElement();
    expect(got.name === 'failed' || got.name === 'error').toBe(true);
    await old.ping();
  });

  test('a session with a count that is too high', async () => {
    const [alice] = await stage.accounts('alice');
    const old = await stage.signIn(alice, { sm: true });
    const c = await stage.connect('alice');
    await authenticate(c, alice);
    c.sendRaw(x`<resume xmlns='${NS.sm}' h='77' previd='${old.sm!.id!}'/>`);
    const got = await c.nextElement();
    if (got.name === 'error') expect(got.child('handled-count-too-high', NS.sm)).toBeDefined();
    else expect(got.name).toBe('failed');
  });

  test('a session that was resumed on, under its old connection', async () => {
    const [alice] = await stage.accounts('alice');
    const old = await stage.signIn(alice, { sm: true });
    old.kill();
    const c = stage.adopt(await resume(old, alice));
    await c.close();
    const again = await tryResume(alice, old);
    // The clean close ended it (section 7).
    await again.expect(notFound);
  });

  test('a stream that was closed in order', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    await stage.befriend(alice, bob);
    const watcher = await stage.signIn(bob, { presence: true });
    const old = await stage.signIn(alice, { sm: true, presence: true });
    await watcher.pick(x`<presence from='${old}'/>`);
    await old.close();
    await watcher.receives`<presence from='${old}' type='unavailable'/>`;
    const c = await tryResume(alice, old);
    await c.expect(notFound);
  });
});

describe('a hibernated session that is replaced', () => {
  test('by the same resource: what it had not acknowledged goes to the new one, with its time', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const old = await stage.signIn(alice, { sm: true, presence: true, resource: 'phone' });
    const sender = await stage.signIn(bob);
    old.kill();
    sender.sends`<message to='${old}' type='chat' id='kept'><body>for whoever comes</body></message>`;
    await sender.ping();
    const c = await stage.signIn(alice, { presence: true, resource: 'phone' });
    await c.pick(
      x`<message id='kept' type='chat'><body>for whoever comes</body><delay xmlns='${NS.delay}' stamp='*'/></message>`,
    );
    await c.receivesNothing(sender);
    const again = await tryResume(alice, old);
    await again.expect(notFound);
  });

  test('what nobody keeps is answered with an error', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const old = await stage.signIn(alice, { sm: true, presence: true, resource: 'phone' });
    const sender = await stage.signIn(bob);
    old.kill();
    sender.sends`<iq type='get' to='${old}' id='question'><query xmlns='urn:example:q'/></iq>`;
    await sender.ping();
    await stage.signIn(alice, { presence: true, resource: 'phone' });
    // Every request is answered exactly once (RFC 6120 8.2.3).
    await sender.receives`<iq type='error' id='question' from='${old}'/>`;
  });
});

test('a modern client resumes in one exchange while messages fly', async () => {
  const [alice, bob] = await stage.accounts('alice', 'bob');
  const sender = await stage.signIn(bob);
  let c = await stage.signInModern(alice);
  let sent = 0;
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 25; i++) sender.sends`<message to='${c}' type='chat' id='f${sent++}'><body>x</body></message>`;
    c.kill();
    const next = await stage.connect('alice');
    await negotiate(next);
    next.resuming = c;
    const success = await sasl2(next, alice, {
      inline: x`<resume xmlns='${NS.sm}' h='${c.sm!.received}' previd='${c.sm!.id!}'/>`,
    });
    expect(success.child('resumed', NS.sm)).toBeDefined();
    next.inbox.unshift(...c.inbox.filter((i) => i.kind === 'element' && i.el.name === 'message'));
    c = next;
  }
  const got: string[] = [];
  await c.until(
    () => c.inbox.filter((i) => i.kind === 'element' && i.el.name === 'message').length === sent,
    'all messages',
  );
  for (const i of c.inbox) if (i.kind === 'element' && i.el.name === 'message') got.push(i.el.need('id'));
  expect(got).toEqual(Array.from({ length: sent }, (_, i) => `f${i}`));
});
