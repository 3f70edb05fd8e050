// A sign-in that arrives late: begun by a device in a network that then stood still, and finished after the same device has gone on over
// another connection. The connection that began later is the one that the device uses: nothing old may take its session away.

import { describe, expect, test } from 'vitest';
import {
  type Account,
  authenticate,
  type Client,
  enableSm,
  eventually,
  loginModern,
  NS,
  negotiate,
  Scram,
  sasl2,
  useServer,
  x,
} from './harness/index.ts';

const stage = useServer();

/** What begins now begins later than all before: the server counts in milliseconds. */
async function laterOn(): Promise<void> {
  for (const before = Date.now(); Date.now() < before + 2; ) await new Promise((resolve) => setImmediate(resolve));
}

/** A sign-in as far as its last word, which the network keeps until it is called. */
async function begin(account: Account, more: string): Promise<{ c: Client; finish: () => void }> {
  const c = await stage.connect(`${account.name}, late`);
  await negotiate(c);
  const scram = new Scram('SCRAM-SHA-256', account.name, account.password, 'n,,');
  c.sendRaw(
    `<authenticate xmlns='${NS.sasl2}' mechanism='SCRAM-SHA-256'><initial-response>${scram.first()}</initial-response>` +
      `<user-agent id='phone'/>${more}</authenticate>`,
  );
  const { text } = await c.nextElement('a challenge');
  await laterOn();
  return { c, finish: () => c.sendRaw(`<response xmlns='${NS.sasl2}'>${scram.final(text)}</response>`) };
}

const BIND = `<bind xmlns='${NS.bind2}'><tag>test</tag><enable xmlns='${NS.sm}' resume='true'/></bind>`;
const resumeOf = (c: Client) => x`<resume xmlns='${NS.sm}' h='${c.sm!.received}' previd='${c.sm!.id!}'/>`;

/** The session of `old` goes on over a new connection. */
async function goOn(account: Account, old: Client): Promise<Client> {
  const c = await stage.connect(account.name);
  await negotiate(c);
  c.resuming = old;
  const success = await sasl2(c, account, { agentId: 'phone', inline: resumeOf(old) });
  expect(success.child('resumed', NS.sm)).toBeDefined();
  return c;
}

/** It still has its session, and what is sent to it arrives there. */
async function lives(c: Client): Promise<void> {
  const [bob] = await stage.cast('bob');
  bob.sends`<message to='${c.jid}' type='chat' id='there'><body>there?</body></message>`;
  await c.pick(x`<message type='chat' from='${bob}' id='there'/>`);
  await c.ping();
}

describe('a sign-in that began before the connection that is used now', () => {
  test('does not take the session, though its count is still right', async () => {
    const [alice] = await stage.accounts('alice');
    const old = await stage.signInModern(alice, { agentId: 'phone' });
    old.kill();
    const late = await begin(alice, resumeOf(old) + BIND);
    const now = await goOn(alice, old);
    late.finish();
    await late.c.expectStreamError('conflict');
    await lives(now);
  });

  test('does not end it by binding anew, when its count is of the past', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const old = await stage.signInModern(alice, { agentId: 'phone' });
    old.kill();
    const late = await begin(alice, resumeOf(old) + BIND);
    const now = await goOn(alice, old);
    const sender = await stage.signIn(bob);
    sender.sends`<message to='${now.jid}' type='chat' id='m'><body>m</body></message>`;
    await now.pick(`<message type='chat' id='m'/>`);
    now.ack();
    await now.ping();
    late.finish();
    await late.c.expectStreamError('conflict');
    await lives(now);
  });

  test('does not end a session that was bound meanwhile', async () => {
    const [alice] = await stage.accounts('alice');
    const late = await begin(alice, BIND);
    const now = await stage.signInModern(alice, { agentId: 'phone' });
    late.finish();
    await late.c.expectStreamError('conflict');
    await lives(now);
  });

  test('does not end one whose connection has broken meanwhile', async () => {
    const [alice] = await stage.accounts('alice');
    const late = await begin(alice, BIND);
    const now = await stage.signInModern(alice, { agentId: 'phone' });
    now.kill();
    await eventually(async () => (await stage.server.ctl(['sessions', alice.jid])).includes('hibernating'));
    late.finish();
    await late.c.expectStreamError('conflict');
    await lives(await goOn(alice, now));
  });

  test('nor does the resumption of a client that signed in the old way', async () => {
    const [alice] = await stage.accounts('alice');
    const old = await stage.signIn(alice, { sm: true });
    old.kill();
    const late = await stage.connect('alice, late');
    await authenticate(late, alice);
    await laterOn();
    const now = await stage.connect('alice');
    await authenticate(now, alice);
    now.resuming = old;
    now.sendRaw(resumeOf(old));
    await now.expect(`<resumed xmlns='${NS.sm}'/>`);
    late.sendRaw(resumeOf(old));
    await late.expectStreamError('conflict');
    await lives(now);
  });

  test('nor its binding of the same resource', async () => {
    const [alice] = await stage.accounts('alice');
    const late = await stage.connect('alice, late');
    await authenticate(late, alice);
    await laterOn();
    const now = await stage.signIn(alice, { resource: 'one' });
    const bind = late.iq('set', `<bind xmlns='${NS.bind}'><resource>one</resource></bind>`);
    await late.fails(bind, 'cancel', 'conflict');
    await lives(now);
    // It may have another.
    await late.set(`<bind xmlns='${NS.bind}'><resource>two</resource></bind>`);
  });
});

test('a connection that began later takes over, as ever', async () => {
  const [alice] = await stage.accounts('alice');
  const old = await stage.signIn(alice, { resource: 'old' });
  await enableSm(old);
  const c = await stage.connect('alice');
  await loginModern(c, alice, { agentId: 'phone' });
  const next = await stage.signInModern(alice, { agentId: 'phone' });
  await c.expectStreamError('conflict');
  await lives(next);
  await lives(old);
});
