// The devices of an account (XEP-0494): the list, and signing one out.

import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type Account,
  type Client,
  fast,
  getToken,
  NS,
  negotiate,
  requestToken,
  Scram,
  SM_ENABLE,
  sasl2,
  takeSuccess,
  useServer,
  x,
} from './harness/index.ts';

const stage = useServer();

async function opened(): Promise<Client> {
  const c = await stage.connect('someone');
  await negotiate(c);
  return c;
}

/** A device that is signed in, with stream management and a token. */
async function device(account: Account, agentId = randomUUID()) {
  const c = await opened();
  const success = await sasl2(c, account, { agentId, tag: 'Confab', inBind: SM_ENABLE, inline: requestToken() });
  takeSuccess(c, success);
  await c.expectFeatures();
  return {
    c,
    agentId,
    token: success.at('token').need('token'),
    previd: success.at('bound').child('enabled', NS.sm)!.need('id'),
  };
}

const list = async (c: Client) => (await c.get(`<list xmlns='${NS.cam}'/>`)).at('clients').all('client');
const revoke = (c: Client, id: string) => c.iq('set', x`<revoke xmlns='${NS.cam}' id='${id}'/>`);
const idOf = async (c: Client) =>
  (await list(c)).find((e) => e.children.some((n) => typeof n !== 'string' && n.name === 'this'))!.need('id');

describe('the list', () => {
  test('names each device, which are connected, and which one asks', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const one = await device(alice);
    await device(bob);
    await getToken(await opened(), alice, randomUUID());
    const all = await list(one.c);
    expect(all.map((e) => e.attr('connected')).sort()).toEqual(['false', 'true']);
    const own = all.find((e) => e.attr('connected') === 'true')!;
    expect(own.at('user-agent', 'software').text).toBe('dialogue');
    expect(own.at('user-agent', 'device').text).toBe('test');
    expect(own.at('permission').attr('status')).toBe('unrestricted');
    expect(
      own
        .at('auth')
        .elements()
        .map((e) => e.name),
    ).toEqual(['password', 'fast']);
    expect(Math.abs(Date.parse(own.at('last-seen').text) - Date.now())).toBeLessThan(60_000);
    expect(await idOf(one.c)).toBe(own.need('id'));
  });

  test('has clients that do not name themselves, as long as they are here', async () => {
    const [alice] = await stage.accounts('alice');
    const old = await stage.signIn(alice);
    expect((await list(old)).length).toBe(1);
    const other = await stage.signIn(alice, { resource: 'other' });
    expect((await list(other)).length).toBe(2);
    await old.close();
    expect((await list(other)).length).toBe(1);
  });

  test('is nobody else’s', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const one = await device(alice);
    const id = await idOf(one.c);
    const mallory = await stage.signIn(bob);
    const foreign = await mallory.iq('get', `<list xmlns='${NS.cam}'/>`, alice.jid);
    expect(foreign.attr('type')).toBe('error');
    expect((await revoke(mallory, id)).attr('type')).toBe('error');
    expect((await mallory.iq('set', x`<revoke xmlns='${NS.cam}' id='${id}'/>`, alice.jid)).attr('type')).toBe('error');
    await one.c.ping();
  });
});

describe('signing out', () => {
  test('ends the session and the token of that device alone', async () => {
    const [alice] = await stage.accounts('alice');
    const one = await device(alice);
    const two = await device(alice);
    const id = await idOf(two.c);
    expect((await revoke(one.c, id)).attr('type')).toBe('result');
    await two.c.expect(
      `<stream:error xmlns:stream='${NS.stream}'><not-authorized xmlns='${NS.streams}'/></stream:error>`,
    );
    const failure = await fast(await opened(), alice, two.token, { agentId: two.agentId });
    expect(failure.elements()[0]!.name).toBe('not-authorized');
    expect((await fast(await opened(), alice, one.token, { agentId: one.agentId })).name).toBe('success');
    expect((await list(one.c)).map((e) => e.need('id'))).not.toContain(id);
    expect((await revoke(one.c, id)).attr('type')).toBe('error');
  });

  test('ends a session that waits to be resumed', async () => {
    const [alice] = await stage.accounts('alice');
    const one = await device(alice);
    const two = await device(alice);
    const id = await idOf(two.c);
    two.c.kill();
    expect((await revoke(one.c, id)).attr('type')).toBe('result');
    const c = await stage.connect('back');
    await negotiate(c);
    const back = await sasl2(c, alice, { inline: x`<resume xmlns='${NS.sm}' previd='${two.previd}' h='0'/>` });
    expect(back.child('failed', NS.sm)).toBeDefined();
  });

  test('makes the device ask for its password once more, and no longer', async () => {
    const [alice] = await stage.accounts('alice');
    const one = await device(alice);
    const two = await device(alice);
    await revoke(one.c, await idOf(two.c));
    const first = await sasl2(await opened(), alice, { agentId: two.agentId });
    expect(first.elements()[0]!.name).toBe('credentials-expired');
    const wrong = await sasl2(await opened(), alice, { agentId: two.agentId, password: 'wrong' });
    expect(wrong.elements()[0]!.name).toBe('not-authorized');
    expect((await sasl2(await opened(), alice, { agentId: two.agentId })).name).toBe('success');
  });

  test('a wrong password does not use that up', async () => {
    const [alice] = await stage.accounts('alice');
    const one = await device(alice);
    const two = await device(alice);
    await revoke(one.c, await idOf(two.c));
    const wrong = await sasl2(await opened(), alice, { agentId: two.agentId, password: 'wrong' });
    expect(wrong.elements()[0]!.name).toBe('not-authorized');
    const first = await sasl2(await opened(), alice, { agentId: two.agentId });
    expect(first.elements()[0]!.name).toBe('credentials-expired');
  });

  test('of oneself answers first', async () => {
    const [alice] = await stage.accounts('alice');
    const one = await device(alice);
    expect((await revoke(one.c, await idOf(one.c))).attr('type')).toBe('result');
    await one.c.expectEnded();
  });

  test('of a client without a name ends its session', async () => {
    const [alice] = await stage.accounts('alice');
    const one = await device(alice);
    const old = await stage.signIn(alice);
    const id = (await list(one.c)).map((e) => e.need('id')).find((i) => i.startsWith('s.'))!;
    expect((await revoke(one.c, id)).attr('type')).toBe('result');
    await old.expectEnded();
    expect((await revoke(one.c, id)).attr('type')).toBe('error');
    const own = await stage.signIn(alice);
    const itself = (await list(own)).map((e) => e.need('id')).find((i) => i.startsWith('s.'))!;
    expect((await revoke(own, itself)).attr('type')).toBe('result');
    await own.expectEnded();
  });

  test('of what there is not', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice);
    for (const id of ['AAAAAAAAAAE', 's.AAAAAAAAAAE', 'x', 'A'.repeat(5000)])
      await c.fails(revoke(c, id), 'cancel', 'item-not-found');
    await c.fails(c.iq('set', `<revoke xmlns='${NS.cam}'/>`), 'modify', 'bad-request');
  });

  test('reaches a device that is signed in and has not bound', async () => {
    const [alice] = await stage.accounts('alice');
    const one = await device(alice);
    const agentId = randomUUID();
    const c = await opened();
    await sasl2(c, alice, { agentId });
    await c.expectFeatures();
    const id = (await list(one.c)).find((e) => e.attr('connected') === 'false')!.need('id');
    expect((await revoke(one.c, id)).attr('type')).toBe('result');
    await c.expectEnded();
  });

  // The proof is right and was asked for before; what was read of the device then is no longer so.
  test.each([
    ['who signs it out stays', false],
    ['who signs it out is gone at once', true],
  ])('reaches a device whose sign-in is under way: %s', async (_, leaves) => {
    const [alice] = await stage.accounts('alice');
    const one = await device(alice);
    const two = await device(alice);
    const id = await idOf(two.c);
    await two.c.close();
    const c = await opened();
    const scram = new Scram('SCRAM-SHA-256', alice.name, alice.password, 'n,,');
    c.sendRaw(
      x`<authenticate xmlns='${NS.sasl2}' mechanism='SCRAM-SHA-256'><initial-response>${scram.first()}</initial-response><user-agent id='${two.agentId}'/></authenticate>`,
    );
    const challenge = await c.nextElement();
    expect(challenge.name).toBe('challenge');
    expect((await revoke(one.c, id)).attr('type')).toBe('result');
    if (leaves) await one.c.close();
    c.sendRaw(`<response xmlns='${NS.sasl2}'>${scram.final(challenge.text)}</response>`);
    const outcome = await c.nextElement();
    expect(outcome.elements()[0]!.name).toBe('temporary-auth-failure');
    await c.expectEnded();
    // And then it is one that was signed out.
    const again = await sasl2(await opened(), alice, { agentId: two.agentId });
    expect(again.elements()[0]!.name).toBe('credentials-expired');
  });

  test('a token that was renewed just then dies too', async () => {
    const [alice] = await stage.accounts('alice');
    const one = await device(alice);
    const two = await device(alice);
    const id = await idOf(two.c);
    const renewed = await fast(await opened(), alice, two.token, { agentId: two.agentId, inline: requestToken() });
    const next = renewed.at('token').need('token');
    expect((await revoke(one.c, id)).attr('type')).toBe('result');
    for (const token of [two.token, next]) {
      const failure = await fast(await opened(), alice, token, { agentId: two.agentId });
      expect(failure.elements()[0]!.name).toBe('not-authorized');
    }
  });
});
