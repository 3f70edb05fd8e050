// Requests and answers (RFC 6120 8.2.3), addresses (8.1), languages, and what is malformed. Every request is answered
// exactly once; answers and errors never are.

import { describe, expect, test } from 'vitest';
import { bindResource, type Client, NS, negotiate, sasl1, useServer, x } from './harness/index.ts';

const stage = useServer();

const PING = `<ping xmlns='${NS.ping}'/>`;

async function friends(): Promise<[Client, Client]> {
  const [a, b] = await stage.accounts('alice', 'bob');
  await stage.befriend(a, b);
  const alice = await stage.signIn(a, { presence: true });
  const bob = await stage.signIn(b, { presence: true });
  await alice.pick(x`<presence from='${bob}'/>`);
  await alice.settle(bob);
  await bob.settle(alice);
  return [alice, bob];
}

describe('malformed requests', () => {
  test.each([
    ['no type', `<iq id='i'>${PING}</iq>`],
    ['a type that is none', `<iq type='ask' id='i'>${PING}</iq>`],
    ['no child', "<iq type='get' id='i'/>"],
    ['two children', `<iq type='get' id='i'>${PING}${PING}</iq>`],
    ['text instead of a child', "<iq type='set' id='i'>please</iq>"],
  ])('%s: bad-request, once', async (_name, xml) => {
    const [alice, bob] = await friends();
    for (const to of [undefined, stage.domain, alice.bare, bob.bare, bob.jid]) {
      alice.send(to === undefined ? xml : xml.replace('<iq ', x`<iq to='${to}' `));
      await alice.fails(alice.expect("<iq type='error' id='i'/>"), 'modify', 'bad-request');
    }
    await alice.receivesNothing(bob);
    await bob.receivesNothing(alice);
  });

  test.each(['', 'bob'])('no id: bad-request or the end of the stream (to "%s")', async (to) => {
    const [alice, bob] = await friends();
    alice.send(x`<iq type='get'` + (to ? x` to='${bob}'>` : '>') + `${PING}</iq>`);
    const got = await alice.nextElement();
    if (got.name === 'iq') await alice.fails(got, 'modify', 'bad-request');
    else expect(got.name).toBe('error');
    await bob.receivesNothing();
  });
});

describe('answers', () => {
  test('to nothing are swallowed wherever they go', async () => {
    const [alice, bob] = await friends();
    for (const to of [stage.domain, alice.bare, bob.bare, stage.nobody(), `${bob.bare}/gone`]) {
      alice.sends`<iq type='result' id='none' to='${to}'/>`;
      alice.sends`<iq type='error' id='none' to='${to}'><error type='cancel'><gone xmlns='${NS.stanzas}'/></error></iq>`;
    }
    alice.send("<iq type='result' id='none'/>");
    await alice.receivesNothing(bob);
    await bob.receivesNothing(alice);
  });

  test('a result may be empty or have one child, an error carries what it likes', async () => {
    const [alice, bob] = await friends();
    bob.autoPong = false;
    alice.sends`<iq type='get' id='q' to='${bob}'><ping xmlns='${NS.ping}'/></iq>`;
    await bob.receives`<iq type='get' id='q' from='${alice}'/>`;
    bob.sends`<iq type='error' id='q' to='${alice}'><ping xmlns='${NS.ping}'/><error type='wait'><resource-constraint xmlns='${NS.stanzas}'/><text xmlns='${NS.stanzas}' xml:lang='en'>busy</text><e xmlns='urn:example'/></error></iq>`;
    await alice.receives`<iq type='error' id='q' from='${bob}'><ping xmlns='${NS.ping}'/><error type='wait'><resource-constraint xmlns='${NS.stanzas}'/><text xmlns='${NS.stanzas}'>busy</text><e xmlns='urn:example'/></error></iq>`;
  });

  test('a client that leaves is answered for', async () => {
    const [alice, bob] = await friends();
    bob.autoPong = false;
    alice.sends`<iq type='get' id='q' to='${bob}'><query xmlns='urn:example:slow'/></iq>`;
    await bob.receives`<iq type='get' id='q' from='${alice}'/>`;
    await bob.close();
    // The server cannot know that nobody will answer what was delivered; what comes now it must answer itself.
    alice.sends`<iq type='get' id='q2' to='${bob}'><query xmlns='urn:example:slow'/></iq>`;
    await alice.fails(alice.answer('q2'), 'cancel', 'service-unavailable');
  });

  test('a stranger cannot find out who is signed in', async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    const ask = async (to: string) =>
      String(await alice.iq('get', "<query xmlns='urn:example:hello'/>", to))
        .replaceAll(to, 'X')
        .replaceAll(/id='[^']*'/g, '');
    const away = await ask(`${bob.bare}/away`);
    const nobody = await ask(`${stage.nobody()}/away`);
    expect(away).toBe(nobody);
  });

  test('ids may be anything', async () => {
    const [alice] = await stage.cast('alice');
    for (const id of ['', ' ', '\'"<&>', 'ü€𝄞', 'x'.repeat(1000)]) {
      alice.sends`<iq type='get' id='${id}'><ping xmlns='${NS.ping}'/></iq>`;
      const got = await alice.nextElement();
      if (id !== '' || got.attr('type') === 'result') expect(got.attr('id')).toBe(id);
    }
  });
});

describe('addresses (8.1)', () => {
  test('from is always the full JID, whatever the client wrote', async () => {
    const [alice, bob] = await friends();
    for (const from of [alice.jid, alice.bare]) {
      alice.sends`<message from='${from}' to='${bob}' type='chat'><body>x</body></message>`;
      await bob.receives`<message from='${alice}' to='${bob}' type='chat'/>`;
    }
    alice.sends`<message to='${bob}' type='chat'><body>x</body></message>`;
    await bob.receives`<message from='${alice}' type='chat'/>`;
  });

  test.each(['message', 'presence', 'iq'])('a forged from on %s is never passed on (8.1.2.1)', async (kind) => {
    const [a, b, m] = await stage.accounts('alice', 'bob', 'mallory');
    const bob = await stage.signIn(b, { presence: true });
    const mallory = await stage.signIn(m);
    const body = kind === 'message' ? '<body>trust me</body>' : kind === 'iq' ? PING : '';
    const type = kind === 'message' ? " type='chat'" : kind === 'iq' ? " type='get'" : '';
    mallory.send(x`<${{ jid: kind }} from='${a.jid}' to='${bob}' id='f'` + `${type}>${body}</${kind}>`);
    // The RFC wants invalid-from; a server may also write the true address over it.
    await mallory.until(() => mallory.inbox.length > 0 || bob.inbox.length > 0, 'a reaction', bob);
    const forged = [...bob.history].filter((e) => e.attr('from') === a.jid);
    expect(forged).toEqual([]);
    const item = mallory.inbox[0];
    if (item?.kind === 'element' && item.el.ns === NS.stream) await mallory.expectStreamError('invalid-from');
  });

  test('another resource of oneself is somebody else', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b, { presence: true });
    const one = await stage.signIn(a, { resource: 'one' });
    await stage.signIn(a, { resource: 'two' });
    one.send(x`<message from='${a.jid}/two' to='${bob}' type='chat' id='f'><body>x</body></message>`);
    await one.until(() => one.inbox.length > 0 || bob.inbox.length > 0, 'a reaction', bob);
    expect(bob.history.filter((e) => e.attr('from') === `${a.jid}/two`)).toEqual([]);
  });

  test('answers of the server come from whom they were asked of', async () => {
    const [alice] = await stage.cast('alice');
    expect((await alice.get(PING, stage.domain)).attr('from')).toBe(stage.domain);
    expect([undefined, alice.bare, stage.domain]).toContain((await alice.get(PING)).attr('from'));
    expect([undefined, alice.bare]).toContain(
      (await alice.get(`<query xmlns='${NS.info}'/>`, alice.bare)).attr('from'),
    );
  });

  test.each([
    '@',
    '@@',
    'a@',
    '@b',
    'a@b@c',
    'a b@chat.example',
    '"@chat.example',
    'a@chat.example/',
    '/x',
    `${'x'.repeat(1024)}@chat.example`,
    `a@${'x'.repeat(1024)}`,
    `a@chat.example/${'x'.repeat(1024)}`,
    'a\u2028@chat.example',
    '\u0378@chat.example',
  ])('the address %s is jid-malformed', async (to) => {
    const [alice] = await stage.cast('alice');
    alice.sends`<message to='${to}' type='chat' id='m'><body>x</body></message>`;
    await alice.fails(alice.expect("<message type='error' id='m'/>"), 'modify', 'jid-malformed');
    alice.sends`<iq to='${to}' type='get' id='i'><ping xmlns='${NS.ping}'/></iq>`;
    await alice.fails(alice.expect("<iq type='error' id='i'/>"), 'modify', 'jid-malformed');
    alice.sends`<presence to='${to}' id='p'/>`;
    await alice.fails(alice.expect("<presence type='error' id='p'/>"), 'modify', 'jid-malformed');
    alice.sends`<message to='${to}' type='error' id='e'><error type='cancel'><gone xmlns='${NS.stanzas}'/></error></message>`;
    await alice.receivesNothing();
  });

  test('addresses are compared normalised', async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    const loud = `${bob.bare.split('@')[0]!.toUpperCase()}@${stage.domain.toUpperCase()}`;
    alice.sends`<message to='${loud}' type='chat' id='loud'><body>x</body></message>`;
    await bob.receives`<message from='${alice}' type='chat' id='loud'/>`;
    alice.sends`<message to='${loud}/${bob.resource}' type='chat' id='full'><body>x</body></message>`;
    await bob.receives`<message from='${alice}' type='chat' id='full'/>`;
    // Resources are not folded.
    alice.sends`<iq to='${bob.bare}/${bob.resource.toUpperCase()}' type='get' id='upper'><query xmlns='urn:example'/></iq>`;
    await alice.fails(alice.answer('upper'), 'cancel', 'service-unavailable');
  });

  test('a resource may hold anything, slashes too', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { presence: true });
    const bob = await stage.signIn(b, { resource: "a/b@c d'é" });
    alice.sends`<message to='${bob}' type='chat' id='odd'><body>x</body></message>`;
    await bob.receives`<message from='${alice}' to='${bob}' type='chat' id='odd'/>`;
  });

  test.each(['message', 'presence', 'iq'])(
    'a %s to another domain: remote-server-not-found until there is federation',
    async (kind) => {
      const [alice] = await stage.castWith({ presence: true }, 'alice');
      const to = 'juliet@elsewhere.example/balcony';
      if (kind === 'message') alice.sends`<message to='${to}' type='chat' id='r'><body>x</body></message>`;
      if (kind === 'presence') alice.sends`<presence to='${to}' id='r'/>`;
      if (kind === 'iq') alice.sends`<iq to='${to}' type='get' id='r'><ping xmlns='${NS.ping}'/></iq>`;
      const got = await alice.nextElement();
      await alice.fails(got, 'cancel', 'remote-server-not-found');
      expect(got.attr('from')).toBe(to);
      expect(got.attr('id')).toBe('r');
      expect(got.attr('to')).toBe(alice.jid);
    },
  );

  test('a subdomain that is not served is another domain', async () => {
    const [alice] = await stage.cast('alice');
    await alice.fails(alice.iq('get', PING, `nothing.${stage.domain}`), 'cancel', 'remote-server-not-found');
  });

  test('answers and errors to another domain vanish', async () => {
    const [alice] = await stage.cast('alice');
    alice.sends`<iq to='a@elsewhere.example' type='result' id='r'/>`;
    alice.sends`<message to='a@elsewhere.example' type='error'><error type='cancel'><gone xmlns='${NS.stanzas}'/></error></message>`;
    await alice.receivesNothing();
  });
});

describe('xml:lang', () => {
  test('of the stream goes with the stanzas (8.1.5)', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const bob = await stage.signIn(b, { presence: true });
    const alice = await stage.connect('alice');
    await negotiate(alice, { lang: 'pt' });
    await sasl1(alice, a.name, a.password);
    alice.open({ lang: 'pt' });
    await alice.expectOpen();
    await alice.expectFeatures();
    await bindResource(alice, 'x');
    alice.sends`<message to='${bob}' type='chat' id='inherited'><body>olá</body></message>`;
    await bob.receives`<message from='${alice}' type='chat' id='inherited' xml:lang='pt'/>`;
    alice.sends`<message to='${bob}' type='chat' id='own' xml:lang='de'><body>hallo</body></message>`;
    await bob.receives`<message from='${alice}' type='chat' id='own' xml:lang='de'/>`;
    alice.sends`<message to='${bob}' type='chat' id='inner'><body>olá</body><body xml:lang='fr'>salut</body></message>`;
    const got = await bob.receives`<message from='${alice}' type='chat' id='inner' xml:lang='pt'/>`;
    expect(got.all('body').map((e) => e.attr('xml:lang'))).toEqual([undefined, 'fr']);
  });
});

describe('errors of messages', () => {
  test('name who could not be reached, carry the id and are not answered', async () => {
    const [alice] = await stage.cast('alice');
    const nobody = stage.nobody();
    alice.sends`<message to='${nobody}/x' type='chat' id='lost'><body>x</body></message>`;
    const got = await alice.receives`<message type='error' id='lost' from='${nobody}/x' to='${alice}'/>`;
    const error = got.at('error');
    expect(error.attr('type')).toBe('cancel');
    expect(error.elements()[0]!.ns).toBe(NS.stanzas);
  });
});

describe('ping (XEP-0199)', () => {
  test('to the server, to the own account, to another resource', async () => {
    const [a] = await stage.accounts('alice');
    const one = await stage.signIn(a, { resource: 'one', presence: true });
    const two = await stage.signIn(a, { resource: 'two', presence: true });
    await one.get(PING);
    await one.get(PING, stage.domain);
    await one.get(PING, a.jid);
    await one.get(PING, two.jid);
  });

  test('a set is not a ping', async () => {
    const [alice] = await stage.cast('alice');
    const got = await alice.iq('set', PING, stage.domain);
    expect(got.attr('type')).toBe('error');
  });
});
