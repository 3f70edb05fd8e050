// SASL2 (XEP-0388) with Bind 2 (XEP-0386) and stream management inline (XEP-0198 section 10).

import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  bindResource,
  type Client,
  enableSm,
  loginModern,
  NS,
  negotiate,
  plain,
  Scram,
  SM_ENABLE,
  sasl2,
  takeSuccess,
  useServer,
  x,
} from './harness/index.ts';

const stage = useServer();

async function opened(from?: string): Promise<Client> {
  const c = await stage.connect('someone');
  await negotiate(c, from === undefined ? {} : { from });
  return c;
}

const failure = (condition: string) => `<failure xmlns='${NS.sasl2}'><${condition} xmlns='${NS.sasl}'/></failure>`;

describe('features', () => {
  test('offer SCRAM, Bind 2 and resumption, and no PLAIN unless it was asked for', async () => {
    const c = await opened();
    const auth = c.features!.at('authentication');
    expect(auth.ns).toBe(NS.sasl2);
    const mechanisms = auth.all('mechanism', NS.sasl2).map((m) => m.text);
    expect(mechanisms).toContain('SCRAM-SHA-256');
    expect(mechanisms).toContain('SCRAM-SHA-1');
    expect(mechanisms).not.toContain('PLAIN');
    const inline = auth.at('inline');
    expect(inline.child('sm', NS.sm)).toBeDefined();
    const bind = inline.child('bind', NS.bind2)!;
    const vars = bind
      .at('inline')
      .all('feature')
      .map((f) => f.attr('var'));
    expect(vars).toContain('urn:xmpp:sm:3');
  });
});

describe('success', () => {
  test.each(['SCRAM-SHA-256', 'SCRAM-SHA-1'] as const)(
    '%s without a bind: the bare JID, then features, no restart',
    async (mechanism) => {
      const [alice] = await stage.accounts('alice');
      const c = await opened();
      const success = await sasl2(c, alice, { mechanism });
      expect(success.at('authorization-identifier').text).toBe(alice.jid);
      expect(success.child('bound')).toBeUndefined();
      const features = await c.expectFeatures();
      expect(features.child('bind', NS.bind)).toBeDefined();
      expect(features.child('authentication')).toBeUndefined();
      expect(features.child('mechanisms')).toBeUndefined();
      await bindResource(c, 'desk');
      expect(c.jid).toBe(`${alice.jid}/desk`);
      await c.ping();
    },
  );

  test('with a bind: the full JID, features without another bind', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    const success = await sasl2(c, alice, { tag: 'Confab' });
    takeSuccess(c, success);
    expect(c.bare).toBe(alice.jid);
    // XEP-0386 recommends a slash and shows a dot.
    expect(c.resource).toMatch(/^Confab[/.].+/);
    expect(success.child('bound', NS.bind2)).toBeDefined();
    expect((await c.expectFeatures()).child('bind', NS.bind)).toBeUndefined();
    await c.ping();
    // What was bound cannot be bound again (RFC 6120 7.6 leaves the choice to the server, one resource is ours).
    const again = await c.iq('set', `<bind xmlns='${NS.bind}'><resource>more</resource></bind>`);
    expect(again.attr('type')).toBe('error');
  });

  test('without a tag', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    takeSuccess(c, await sasl2(c, alice, { tag: '' }));
    expect(c.resource.length).toBeGreaterThan(3);
  });

  test('with stream management enabled in the bind', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    const success = await sasl2(c, alice, { tag: 'Confab', inBind: SM_ENABLE });
    const enabled = success.at('bound').child('enabled', NS.sm)!;
    expect(enabled.attr('id')).toBeTruthy();
    expect(enabled.attr('resume')).toMatch(/^(true|1)$/);
    takeSuccess(c, success);
    await c.expectFeatures();
    await c.ping();
    await c.allAcked();
    expect(c.sm!.acked).toBe(1);
  });

  test('<bound/> says what the archive holds', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const empty = await stage.signInModern(alice);
    await stage.available(empty);
    const other = await stage.signIn(bob, { presence: true });
    other.sends`<message to='${alice.jid}' type='chat' id='m1'><body>one</body></message>`;
    other.sends`<message to='${alice.jid}' type='chat' id='m2'><body>two</body></message>`;
    const ids: string[] = [];
    for (const id of ['m1', 'm2'])
      ids.push(
        (await empty.pick(x`<message id='${id}' type='chat'><stanza-id xmlns='${NS.sid}'/></message>`))
          .at('stanza-id')
          .need('id'),
      );

    const c = await opened();
    const second = await sasl2(c, alice, { tag: 'b' });
    const { start, end } = Object.fromEntries(
      second
        .at('bound', 'metadata')
        .elements()
        .map((e) => [e.name, e]),
    );
    expect(start?.attr('id')).toBe(ids[0]);
    expect(end?.attr('id')).toBe(ids[1]);
    expect(start?.attr('timestamp')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  });

  test('<bound/> says so when the archive is empty (XEP-0313 section 6)', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    const success = await sasl2(c, alice, { tag: 'a' });
    expect(success.at('bound').child('metadata', NS.mam)?.elements()).toEqual([]);
  });

  test('header and request may come in one piece (features are stable, XEP-0388 2.1)', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice');
    const scram = new Scram('SCRAM-SHA-256', alice.name, alice.password);
    if (c.transport === 'starttls') return;
    c.open();
    c.sendRaw(
      x`<authenticate xmlns='${NS.sasl2}' mechanism='SCRAM-SHA-256'><initial-response>${scram.first()}</initial-response></authenticate>`,
    );
    await c.expectOpen();
    await c.expectFeatures();
    const challenge = await c.expect(`<challenge xmlns='${NS.sasl2}'>*</challenge>`);
    c.sendRaw(`<response xmlns='${NS.sasl2}'>${scram.final(challenge.text)}</response>`);
    await c.expect(`<success xmlns='${NS.sasl2}'/>`);
  });

  test('the name is normalised as a JID is', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    const success = await sasl2(c, { ...alice, name: alice.name.toUpperCase() });
    expect(success.name).toBe('success');
    expect(success.at('authorization-identifier').text).toBe(alice.jid);
  });

  test('an authzid that is oneself is fine', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened(alice.jid);
    expect((await sasl2(c, alice, { authzid: alice.jid })).name).toBe('success');
  });
});

describe('the resource', () => {
  const bound = async (account: Parameters<typeof sasl2>[1], tag: string, agentId?: string) => {
    const c = await opened();
    const success = await sasl2(c, account, { tag, ...(agentId ? { agentId } : {}) });
    takeSuccess(c, success);
    await c.expectFeatures();
    return c;
  };

  test('is stable for the same tag and user agent', async () => {
    const [alice] = await stage.accounts('alice');
    const agent = randomUUID();
    const one = await bound(alice, 'Confab', agent);
    await one.close();
    const two = await bound(alice, 'Confab', agent);
    expect(two.jid).toBe(one.jid);
  });

  test('is another one for another tag, another user agent, another account', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const agent = randomUUID();
    const resources = new Set<string>();
    for (const [account, tag, id] of [
      [alice, 'Confab', agent],
      [alice, 'Other', agent],
      [alice, 'Confab', randomUUID()],
      [bob, 'Confab', agent],
    ] as const) {
      const c = await bound(account, tag, id);
      resources.add(c.resource);
      await c.close();
    }
    expect(resources.size).toBe(4);
  });

  test('does not tell the user agent id', async () => {
    const [alice] = await stage.accounts('alice');
    const agent = randomUUID();
    const c = await bound(alice, 'Confab', agent);
    expect(c.resource).not.toContain(agent);
    expect(c.resource).not.toContain(agent.slice(0, 8));
  });

  test('two clients without a user agent do not collide', async () => {
    const [alice] = await stage.accounts('alice');
    const one = await bound(alice, 'Confab');
    const two = await bound(alice, 'Confab');
    expect(one.jid).not.toBe(two.jid);
    await one.ping();
    await two.ping();
  });

  test('a new session of the same user agent ends the earlier one', async () => {
    const [alice] = await stage.accounts('alice');
    const agent = randomUUID();
    const one = await bound(alice, 'Confab', agent);
    const two = await bound(alice, 'Confab', agent);
    await one.expectStreamError('conflict');
    await two.ping();
  });

  test('and a hibernated one, too', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    await stage.befriend(alice, bob);
    const agent = randomUUID();
    const watcher = await stage.signIn(bob, { presence: true });
    const one = await stage.signInModern(alice, { tag: 'Confab', agentId: agent });
    await stage.available(one);
    await watcher.pick(x`<presence from='${one}'/>`);
    one.kill();
    // Under another tag it has another resource: the earlier one must be seen to leave.
    const two = await stage.signInModern(alice, { tag: 'Other', agentId: agent });
    await watcher.pick(x`<presence from='${one}' type='unavailable'/>`);
    await two.ping();
  });

  test('a tag that cannot be part of a resource does not end the world', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    const outcome = await sasl2(c, alice, { tag: 'x'.repeat(1100) });
    if (outcome.name === 'success')
      expect(
        Buffer.byteLength(outcome.at('authorization-identifier').text.split('/').slice(1).join('/')),
      ).toBeLessThanOrEqual(1023);
    else expect(outcome.name).toBe('failure');
  });
});

describe('resumption inline', () => {
  test('goes on with the session: no features, no bind', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const old = await stage.signInModern(alice);
    const sender = await stage.signIn(bob, { presence: true });
    old.kill();
    sender.sends`<message to='${old}' type='chat' id='gap'><body>while away</body></message>`;
    await sender.ping();

    const c = await opened();
    c.resuming = old;
    const success = await sasl2(c, alice, {
      inline: x`<resume xmlns='${NS.sm}' h='${old.sm!.received}' previd='${old.sm!.id!}'/>`,
      tag: 'ignored',
      inBind: SM_ENABLE,
    });
    const resumed = success.child('resumed', NS.sm)!;
    expect(resumed.attr('previd')).toBe(old.sm!.id);
    expect(success.child('bound')).toBeUndefined();
    // The very next thing is the stanza of the gap: features must not come after a resume.
    await c.receives`<message id='gap' type='chat'><body>while away</body></message>`;
    await c.receivesNothing(sender);
  });

  test('fails for an unknown session, and the bind goes ahead', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    const success = await sasl2(c, alice, {
      inline: `<resume xmlns='${NS.sm}' h='0' previd='nothing-like-that'/>`,
      tag: 'Confab',
      inBind: SM_ENABLE,
    });
    expect(success.name).toBe('success');
    expect(success.child('failed', NS.sm)!.child('item-not-found', NS.stanzas)).toBeDefined();
    takeSuccess(c, success);
    expect(c.resource).toMatch(/^Confab[/.].+/);
    await c.expectFeatures();
    await c.ping();
  });

  test('fails without a bind: signed in, and one can bind the old way', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    const success = await sasl2(c, alice, { inline: `<resume xmlns='${NS.sm}' h='0' previd='nothing-like-that'/>` });
    expect(success.child('failed', NS.sm)).toBeDefined();
    await c.expectFeatures();
    await bindResource(c, 'desk');
    await enableSm(c);
  });

  test('the session of another account is unknown', async () => {
    const [alice, mallory] = await stage.accounts('alice', 'mallory');
    const old = await stage.signInModern(alice);
    const c = await opened();
    const success = await sasl2(c, mallory, {
      inline: x`<resume xmlns='${NS.sm}' h='0' previd='${old.sm!.id!}'/>`,
      tag: 'x',
    });
    expect(success.child('failed', NS.sm)!.child('item-not-found', NS.stanzas)).toBeDefined();
    await old.ping();
  });
});

describe('failure', () => {
  test('a wrong password: not-authorized, and the same stream may try again', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    const outcome = await sasl2(c, alice, { password: 'wrong', tag: 'x' });
    expect(outcome.name).toBe('failure');
    expect(outcome.child('not-authorized', NS.sasl)).toBeDefined();
    expect((await sasl2(c, alice)).name).toBe('success');
  });

  test('an unknown user is told the same', async () => {
    const c = await opened();
    const name = stage.nobody().split('@')[0]!;
    const outcome = await sasl2(c, { name, jid: '', password: 'x' });
    expect(outcome.child('not-authorized', NS.sasl)).toBeDefined();
  });

  test('a `from` that is somebody else fails', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const c = await opened(bob.jid);
    const outcome = await sasl2(c, alice);
    expect(outcome.name).toBe('failure');
  });

  test('a `from` of another domain is invalid-from', async () => {
    const c = await stage.connect('someone');
    c.open({ from: 'alice@elsewhere.example' });
    await c.expectStreamError('invalid-from');
  });

  test.each(['bob@chat.example', 'alice@elsewhere.example', '@@', 'a b@chat.example'])(
    'the authzid %s is not ours to give',
    async (authzid) => {
      const [alice] = await stage.accounts('alice');
      const c = await opened();
      const outcome = await sasl2(c, alice, { authzid });
      expect(outcome.name).toBe('failure');
      expect(outcome.elements()[0]!.name).toMatch(/invalid-authzid|not-authorized|malformed-request/);
    },
  );

  test('abort', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    const scram = new Scram('SCRAM-SHA-256', alice.name, alice.password);
    c.sendRaw(
      x`<authenticate xmlns='${NS.sasl2}' mechanism='SCRAM-SHA-256'><initial-response>${scram.first()}</initial-response></authenticate>`,
    );
    await c.expect(`<challenge xmlns='${NS.sasl2}'/>`);
    c.sendRaw(`<abort xmlns='${NS.sasl2}'><text>changed my mind</text></abort>`);
    await c.expect(failure('aborted'));
    expect((await sasl2(c, alice)).name).toBe('success');
  });

  test.each(['PLAIN', 'SCRAM-SHA-256-PLUS', 'CRAM-MD5', ''])('the mechanism %s was not offered', async (mechanism) => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    c.sendRaw(
      x`<authenticate xmlns='${NS.sasl2}' mechanism='${mechanism}'><initial-response>${plain('', alice.name, alice.password)}</initial-response></authenticate>`,
    );
    await c.expect(failure('invalid-mechanism'));
  });

  test.each([
    ['no base64', '%%%', /incorrect-encoding/],
    ['no SCRAM', Buffer.from('hello').toString('base64'), /malformed-request|not-authorized/],
    [
      'channel binding where none was offered',
      Buffer.from('p=tls-unique,,n=alice,r=abcdefgh').toString('base64'),
      /malformed-request|not-authorized/,
    ],
    [
      'an extension that must be understood',
      Buffer.from('n,,m=what,n=alice,r=abcdefgh').toString('base64'),
      /malformed-request|not-authorized/,
    ],
    ['an empty nonce', Buffer.from('n,,n=alice,r=').toString('base64'), /malformed-request|not-authorized/],
    [
      'a NUL in the name',
      Buffer.from('n,,n=al\0ice,r=abcdefgh').toString('base64'),
      /malformed-request|not-authorized/,
    ],
    [
      'a bad escape in the name',
      Buffer.from('n,,n=al=ice,r=abcdefgh').toString('base64'),
      /malformed-request|not-authorized/,
    ],
  ])('%s', async (_name, initial, condition) => {
    const c = await opened();
    c.sendRaw(
      `<authenticate xmlns='${NS.sasl2}' mechanism='SCRAM-SHA-256'><initial-response>${initial}</initial-response></authenticate>`,
    );
    const got = await c.expect(`<failure xmlns='${NS.sasl2}'/>`);
    expect(got.elements()[0]!.name).toMatch(condition);
    expect(got.elements()[0]!.ns).toBe(NS.sasl);
  });

  test('the second message must carry on with the nonce of the first', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    const scram = new Scram('SCRAM-SHA-256', alice.name, alice.password);
    c.sendRaw(
      x`<authenticate xmlns='${NS.sasl2}' mechanism='SCRAM-SHA-256'><initial-response>${scram.first()}</initial-response></authenticate>`,
    );
    const challenge = await c.expect(`<challenge xmlns='${NS.sasl2}'/>`);
    const final = Buffer.from(scram.final(challenge.text), 'base64')
      .toString()
      .replace(/r=[^,]+/, 'r=another-nonce');
    c.sendRaw(`<response xmlns='${NS.sasl2}'>${Buffer.from(final).toString('base64')}</response>`);
    const got = await c.expect(`<failure xmlns='${NS.sasl2}'/>`);
    expect(got.elements()[0]!.name).toMatch(/malformed-request|not-authorized/);
  });
});

describe('order', () => {
  test('any other traffic in the middle disconnects', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    const scram = new Scram('SCRAM-SHA-256', alice.name, alice.password);
    c.sendRaw(
      x`<authenticate xmlns='${NS.sasl2}' mechanism='SCRAM-SHA-256'><initial-response>${scram.first()}</initial-response></authenticate>`,
    );
    await c.expect(`<challenge xmlns='${NS.sasl2}'/>`);
    c.send('<presence/>');
    await c.expectClosed();
    await c.expectEnded();
  });

  test('a response to nothing is an error', async () => {
    const c = await opened();
    c.sendRaw(`<response xmlns='${NS.sasl2}'>biws</response>`);
    const got = await c.nextElement();
    expect(['failure', 'error']).toContain(got.name);
  });

  test('<authenticate/> after success is a stream error', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice');
    await loginModern(c, alice);
    c.sendRaw(
      `<authenticate xmlns='${NS.sasl2}' mechanism='SCRAM-SHA-256'><initial-response>biws</initial-response></authenticate>`,
    );
    await c.expectStreamError(['not-authorized', 'policy-violation', 'unsupported-stanza-type', 'bad-format']);
  });
});
