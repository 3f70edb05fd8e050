// FAST (XEP-0484): tokens that sign in within one round trip, and everything that must not.

import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type Account,
  type Client,
  type FastOptions,
  fast,
  getToken,
  NS,
  negotiate,
  requestToken,
  SM_ENABLE,
  sasl2,
  takeSuccess,
  useServer,
  x,
} from './harness/index.ts';

const stage = useServer();

async function opened(transport?: 'tls'): Promise<Client> {
  const c = await stage.connect('someone', transport);
  await negotiate(c);
  return c;
}

const condition = (failure: { elements(): { name: string }[] }) => failure.elements()[0]!.name;

/** Signs in with the token on a connection of its own. */
async function tries(account: Account, token: string, o: FastOptions) {
  const c = await opened();
  const outcome = await fast(c, account, token, o);
  const { name } = outcome;
  const what = name === 'failure' ? condition(outcome) : name;
  const next = outcome.child('token', NS.fast)?.attr('token');
  c.kill();
  return { what, next };
}

async function granted(mechanism?: Parameters<typeof getToken>[3]) {
  const [alice] = await stage.accounts('alice');
  const agentId = randomUUID();
  const c = await opened();
  const token = await getToken(c, alice, agentId, mechanism);
  return { alice, agentId, token, c };
}

describe('features', () => {
  test('FAST is announced inside SASL2, and its mechanisms nowhere else', async () => {
    const c = await opened();
    const auth = c.features!.at('authentication');
    const names = auth
      .at('inline')
      .child('fast', NS.fast)!
      .all('mechanism')
      .map((m) => m.text);
    expect(names).toContain('HT-SHA-256-NONE');
    expect(names).not.toContain('HT-SHA-256-UNIQ');
    for (const list of [auth, c.features!.at('mechanisms')])
      expect(list.all('mechanism').filter((m) => m.text.startsWith('HT-'))).toEqual([]);
  });
});

describe('a token', () => {
  test('is given only when asked for, to a client that names itself', async () => {
    const [alice] = await stage.accounts('alice');
    const plain = await sasl2(await opened(), alice, { agentId: randomUUID() });
    expect(plain.child('token')).toBeUndefined();
    const nameless = await sasl2(await opened(), alice, { inline: requestToken() });
    expect(nameless.child('token')).toBeUndefined();
    const unknown = await sasl2(await opened(), alice, {
      agentId: randomUUID(),
      inline: `<request-token xmlns='${NS.fast}' mechanism='SCRAM-SHA-256'/>`,
    });
    expect(unknown.child('token')).toBeUndefined();
    const given = await sasl2(await opened(), alice, { agentId: randomUUID(), inline: requestToken() });
    const token = given.child('token', NS.fast)!;
    expect(token.need('token').length).toBeGreaterThan(40);
    expect(Date.parse(token.need('expiry'))).toBeGreaterThan(Date.now() + 24 * 3600 * 1000);
  });

  test('signs in within one message and one answer, with bind and stream management', async () => {
    const { alice, agentId, token } = await granted();
    const c = await opened();
    const success = await fast(c, alice, token, { agentId, tag: 'Confab', inBind: SM_ENABLE });
    takeSuccess(c, success);
    expect(c.bare).toBe(alice.jid);
    expect(success.at('bound').child('enabled', NS.sm)).toBeDefined();
    expect(success.child('token')).toBeUndefined();
    await c.expectFeatures();
    await c.ping();
  });

  test('works again and again, with a count or without', async () => {
    const { alice, agentId, token } = await granted();
    for (const o of ['', "count='1'", "count='2'", ''])
      expect((await tries(alice, token, { agentId, fast: o })).what).toBe('success');
  });

  test('resumes a session', async () => {
    const [alice] = await stage.accounts('alice');
    const agentId = randomUUID();
    const first = await opened();
    const success = await sasl2(first, alice, { agentId, tag: 'a', inBind: SM_ENABLE, inline: requestToken() });
    const previd = success.at('bound').child('enabled', NS.sm)!.need('id');
    const token = success.at('token').need('token');
    first.kill();
    const c = await opened();
    const back = await fast(c, alice, token, {
      agentId,
      inline: x`<resume xmlns='${NS.sm}' previd='${previd}' h='0'/>`,
    });
    expect(back.child('resumed', NS.sm)).toBeDefined();
  });

  test('stays good until the next one was used, and no longer', async () => {
    const { alice, agentId, token } = await granted();
    const { next } = await tries(alice, token, { agentId, inline: requestToken() });
    expect(next).toBeTruthy();
    expect((await tries(alice, token, { agentId })).what).toBe('success');
    expect((await tries(alice, next!, { agentId })).what).toBe('success');
    expect((await tries(alice, token, { agentId })).what).toBe('not-authorized');
    expect((await tries(alice, next!, { agentId })).what).toBe('success');
  });

  test('that was never used is replaced by the next', async () => {
    const { alice, agentId, token } = await granted();
    const one = (await tries(alice, token, { agentId, inline: requestToken() })).next!;
    // The first is in no slot of its own any more once it is not the last: the second took its place.
    const again = await getToken(await opened(), alice, agentId);
    expect((await tries(alice, one, { agentId })).what).toBe('not-authorized');
    expect((await tries(alice, again, { agentId })).what).toBe('success');
  });

  test('is invalidated on wish, and no new one is given then', async () => {
    const { alice, agentId, token } = await granted();
    const out = await tries(alice, token, { agentId, fast: "invalidate='true'" });
    expect(out).toEqual({ what: 'success', next: undefined });
    expect((await tries(alice, token, { agentId })).what).toBe('not-authorized');
  });
});

describe('not with the token', () => {
  test('of another client, another account, another mechanism', async () => {
    const { alice, agentId, token } = await granted();
    const [bob] = await stage.accounts('bob');
    const bobs = await getToken(await opened(), bob, agentId);
    const other = randomUUID();
    await getToken(await opened(), alice, other);
    expect((await tries(alice, token, { agentId: other })).what).toBe('not-authorized');
    expect((await tries(alice, token, { agentId: randomUUID() })).what).toBe('not-authorized');
    expect((await tries(alice, token, {})).what).toBe('not-authorized');
    expect((await tries(alice, bobs, { agentId })).what).toBe('not-authorized');
    expect((await tries(bob, token, { agentId })).what).toBe('not-authorized');
    expect((await tries(alice, token, { agentId })).what).toBe('success');
  });

  test('of nobody', async () => {
    const { agentId, token } = await granted();
    const nobody = { name: 'nobody', jid: `nobody@${stage.domain}`, password: '' };
    expect((await tries(nobody, token, { agentId })).what).toBe('not-authorized');
  });

  test('that is truncated, empty or wrong', async () => {
    const { alice, agentId, token } = await granted();
    expect((await tries(alice, token, { agentId, proof: new Uint8Array(31) })).what).toBe('malformed-request');
    expect((await tries(alice, token, { agentId, proof: new Uint8Array(0) })).what).toBe('malformed-request');
    expect((await tries(alice, token, { agentId, proof: new Uint8Array(33) })).what).toBe('malformed-request');
    expect((await tries(alice, token, { agentId, proof: new Uint8Array(32) })).what).toBe('not-authorized');
    expect((await tries(alice, token.slice(0, -1), { agentId })).what).toBe('not-authorized');
    expect((await tries(alice, '', { agentId })).what).toBe('not-authorized');
    expect((await tries(alice, token, { agentId, fast: false })).what).toBe('malformed-request');
    expect((await tries(alice, token, { agentId, fast: "count='-1'" })).what).toBe('malformed-request');
  });

  test('by SASL of RFC 6120', async () => {
    const { alice } = await granted();
    const c = await opened();
    const text = Buffer.concat([Buffer.from(`${alice.name}\0`), Buffer.alloc(32)]).toString('base64');
    c.sendRaw(x`<auth xmlns='${NS.sasl}' mechanism='HT-SHA-256-NONE'>${text}</auth>`);
    expect(condition(await c.nextElement())).toBe('invalid-mechanism');
  });

  test('of before a new password', async () => {
    const { alice, agentId, token, c } = await granted();
    takeSuccess(c, await fast(await opened(), alice, token, { agentId }));
    const session = await stage.signIn(alice);
    await session.set(
      x`<query xmlns='${NS.register}'><username>${alice.name}</username><password>another one</password></query>`,
    );
    expect((await tries(alice, token, { agentId })).what).toBe('not-authorized');
  });
});

describe('user agents', () => {
  test('with huge names are cut, with a huge id are nobody', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    const agentId = randomUUID();
    const token = await getToken(c, alice, agentId);
    const long = 'ü'.repeat(3000);
    expect((await tries(alice, token, { agentId, software: long, device: '' })).what).toBe('success');
    const list = await (await stage.signIn(alice)).get(`<list xmlns='${NS.cam}'/>`);
    const software = list
      .at('clients')
      .all('client')
      .map((e) => e.child('user-agent')?.child('software')?.text);
    expect(software).toContain('ü'.repeat(31));
    const none = await sasl2(await opened(), alice, { agentId: 'x'.repeat(3000), inline: requestToken() });
    expect(none.child('token')).toBeUndefined();
  });
});
