// Presence between those who may see each other (RFC 6121 section 4): broadcast, probes, directed presence, the end.

import { describe, expect, test } from 'vitest';
import { type Client, NS, useServer, x } from './harness/index.ts';

const stage = useServer();

/** Alice and Bob see each other; both have been signed in and available for a while. */
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

describe('initial presence (4.2)', () => {
  test('goes to contacts, to the own resources and to oneself; contacts answer with theirs', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const bob = await stage.signIn(b, { presence: '<show>dnd</show><status>busy</status>' });
    const desk = await stage.signIn(a, { resource: 'desk', presence: true });
    await desk.pick(x`<presence from='${bob}'/>`);
    await bob.pick(x`<presence from='${desk}'/>`);
    const phone = await stage.signIn(a, { resource: 'phone' });
    phone.sends`<presence><show>away</show><status xml:lang='de'>unterwegs</status><priority>5</priority><e xmlns='urn:example:ext'/></presence>`;
    const seen = x`<presence from='${phone}'><show>away</show><status xml:lang='de'>unterwegs</status><priority>5</priority><e xmlns='urn:example:ext'/></presence>`;
    await bob.receives`<presence from='${phone}' to='${b.jid}'><show>away</show></presence>`;
    await desk.pick(seen);
    await phone.pick(seen);
    // The others' presence comes to the new resource, whoever answered the probe.
    await phone.pick(x`<presence from='${bob}' to='*'><show>dnd</show><status>busy</status></presence>`);
    await phone.pick(x`<presence from='${desk}'/>`);
  });

  test('is not seen by those who only see us not', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    // Alice sees Bob, Bob does not see Alice.
    await stage.follow(a, b);
    const bob = await stage.signIn(b, { presence: true });
    const alice = await stage.signIn(a, { presence: true });
    await alice.pick(x`<presence from='${bob}'/>`);
    await bob.receivesNothing(alice);
  });

  test('of somebody unknown goes nowhere', async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    alice.send('<presence><show>xa</show></presence>');
    await alice.pick(x`<presence from='${alice}'><show>xa</show></presence>`);
    await bob.receivesNothing(alice);
  });
});

describe('later presence (4.4)', () => {
  test('is broadcast as it is, without new probes', async () => {
    const [alice, bob] = await friends();
    alice.send('<presence><show>chat</show><priority>-3</priority></presence>');
    await bob.receives`<presence from='${alice}' to='*'><show>chat</show><priority>-3</priority></presence>`;
    await alice.receives`<presence from='${alice}'><show>chat</show></presence>`;
    await alice.receivesNothing(bob);
    await bob.receivesNothing(alice);
  });

  test('in quick succession keeps its order', async () => {
    const [alice, bob] = await friends();
    for (let i = 0; i < 20; i++) alice.send(`<presence><status>${i}</status></presence>`);
    for (let i = 0; i < 20; i++) await bob.receives`<presence from='${alice}'><status>${i}</status></presence>`;
  });
});

describe('unavailable (4.5)', () => {
  test('with a status of its own', async () => {
    const [alice, bob] = await friends();
    alice.send("<presence type='unavailable'><status>good night</status></presence>");
    await bob.receives`<presence from='${alice}' type='unavailable'><status>good night</status></presence>`;
    await alice.pick(x`<presence from='${alice}' type='unavailable'/>`);
    // Once is enough: the end of the stream adds nothing.
    await alice.close();
    await bob.receivesNothing();
  });

  test.each(['closes its stream', 'breaks off'])('when the client %s', async (how) => {
    const [alice, bob] = await friends();
    if (how === 'breaks off') alice.kill();
    else await alice.close();
    await bob.receives`<presence from='${alice}' type='unavailable'/>`;
  });

  test('when the stream ends with an error', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const bob = await stage.signIn(b, { presence: true });
    const alice = await stage.signIn(a, { presence: true, transport: 'tcp' });
    await bob.pick(x`<presence from='${alice}'/>`);
    alice.sendRaw('</nonsense>');
    await bob.receives`<presence from='${alice}' type='unavailable'/>`;
  });

  test('is for one resource; the others stay', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const bob = await stage.signIn(b, { presence: true });
    const one = await stage.signIn(a, { resource: 'one', presence: true });
    const two = await stage.signIn(a, { resource: 'two', presence: true });
    await bob.expectAll(x`<presence from='${one}'/>`, x`<presence from='${two}'/>`);
    await one.settle(two);
    await two.close();
    await bob.receives`<presence from='${two}' type='unavailable'/>`;
    await one.receives`<presence from='${two}' type='unavailable'/>`;
    await bob.receivesNothing(one);
  });

  test('a session that never was available leaves without a word', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const bob = await stage.signIn(b, { presence: true });
    const alice = await stage.signIn(a);
    await alice.close();
    await bob.receivesNothing();
  });
});

describe('probes (4.3)', () => {
  test('of a contact are answered with what each resource said last', async () => {
    const [alice, bob] = await friends();
    alice.send('<presence><show>away</show></presence>');
    await bob.pick(x`<presence from='${alice}'/>`);
    bob.sends`<presence type='probe' to='${alice.bare}'/>`;
    await bob.receives`<presence from='${alice}'><show>away</show></presence>`;
    // The one who is asked notices nothing.
    await alice.settle(bob);
    await alice.receivesNothing(bob);
  });

  test('of a contact who is away are answered with unavailable', async () => {
    const [alice, bob] = await friends();
    await alice.close();
    await bob.receives`<presence from='${alice}' type='unavailable'/>`;
    bob.ignoreProbeAnswers = false;
    bob.sends`<presence type='probe' to='${alice.bare}'/>`;
    const got = (await bob.settle()).filter((e) => e.name === 'presence');
    // 4.3.2: unavailable, or nothing where nothing has to be said.
    for (const e of got) {
      expect(e.attr('type')).toBe('unavailable');
      expect(e.attr('from')).toContain(alice.bare);
    }
  });

  test.each(['somebody', 'nobody'])('of a stranger are answered unsubscribed, and tell nothing (%s)', async (whom) => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    const to = whom === 'somebody' ? bob.bare : stage.nobody();
    alice.sends`<presence type='probe' to='${to}'/>`;
    await alice.receives`<presence type='unsubscribed' from='${to}' to='*'/>`;
    await alice.receivesNothing(bob);
    await bob.receivesNothing(alice);
  });

  test('of oneself show the own resources', async () => {
    const [a] = await stage.accounts('alice');
    const one = await stage.signIn(a, { resource: 'one', presence: true });
    const two = await stage.signIn(a, { resource: 'two', presence: true });
    await one.settle(two);
    await two.settle(one);
    one.sends`<presence type='probe' to='${a.jid}'/>`;
    const got = (await one.settle(two)).filter((e) => e.name === 'presence').map((e) => e.attr('from'));
    expect(got).toContain(two.jid);
  });

  test('a late contact sees who is there', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const one = await stage.signIn(a, { resource: 'one', presence: '<show>away</show>' });
    const two = await stage.signIn(a, { resource: 'two', presence: '<show>dnd</show>' });
    const bob = await stage.signIn(b);
    bob.send('<presence/>');
    await bob.pick(x`<presence from='${one}' to='${bob}'><show>away</show></presence>`);
    await bob.pick(x`<presence from='${two}' to='${bob}'><show>dnd</show></presence>`);
  });
});

describe('directed presence (4.6)', () => {
  test('reaches a stranger, and so does the end', async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    alice.sends`<presence to='${bob}'><status>only for you</status></presence>`;
    await bob.receives`<presence from='${alice}' to='${bob}'><status>only for you</status></presence>`;
    alice.send('<presence><show>away</show></presence>');
    await alice.pick(x`<presence from='${alice}'><show>away</show></presence>`);
    await bob.receivesNothing(alice);
    alice.kill();
    await bob.receives`<presence from='${alice}' type='unavailable'/>`;
  });

  test('to a bare JID reaches every available resource', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const alice = await stage.signIn(a, { presence: true });
    const one = await stage.signIn(b, { resource: 'one', presence: true });
    const two = await stage.signIn(b, { resource: 'two', presence: true });
    await one.settle(two);
    await two.settle(one);
    alice.sends`<presence to='${b.jid}'/>`;
    await one.receives`<presence from='${alice}' to='${b.jid}'/>`;
    await two.receives`<presence from='${alice}' to='${b.jid}'/>`;
    await alice.close();
    await one.receives`<presence from='${alice}' type='unavailable'/>`;
    await two.receives`<presence from='${alice}' type='unavailable'/>`;
  });

  test('to many ends for each of them, and what is directed right behind the end is not overtaken by it', async () => {
    const [a, b, c] = await stage.accounts('alice', 'bob', 'carol');
    const alice = await stage.signIn(a, { presence: true });
    const bob = await stage.signIn(b, { presence: true });
    const carol = await stage.signIn(c, { presence: true });
    const second = await stage.signIn(b, { resource: 'second', presence: true });
    await second.settle(bob);
    await bob.settle(second);
    const nobodies = Array.from({ length: 40 }, (_, i) => `<presence to='nobody${i}@${a.jid.split('@')[1]}/r'/>`).join(
      '',
    );
    alice.send(nobodies);
    alice.sends`<presence to='${bob}'/>`;
    alice.sends`<presence to='${c.jid}'/>`;
    alice.send("<presence type='unavailable'><status>gone</status></presence>");
    alice.sends`<presence to='${bob}'/>`;
    await bob.receives`<presence from='${alice}' to='${bob}'/>`;
    await bob.receives`<presence from='${alice}' to='${bob}' type='unavailable'><status>gone</status></presence>`;
    await bob.receives`<presence from='${alice}' to='${bob}'/>`;
    await carol.receives`<presence from='${alice}' to='${c.jid}'/>`;
    await carol.receives`<presence from='${alice}' to='${c.jid}' type='unavailable'><status>gone</status></presence>`;
    alice.kill();
    await bob.receives`<presence from='${alice}' to='${bob}' type='unavailable'/>`;
    await second.receivesNothing(bob);
    await carol.receivesNothing(bob);
  });

  test('works without being available at all, and ends by directed unavailable', async () => {
    const [alice] = await stage.cast('alice');
    const [bob] = await stage.castWith({ presence: true }, 'bob');
    alice.sends`<presence to='${bob}'/>`;
    await bob.receives`<presence from='${alice}'/>`;
    alice.sends`<presence to='${bob}' type='unavailable'/>`;
    await bob.receives`<presence from='${alice}' type='unavailable'/>`;
    await alice.close();
    await bob.receivesNothing();
  });

  test('gives the other the right to see us while it lasts', async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    alice.sends`<presence to='${bob}'/>`;
    await bob.receives`<presence from='${alice}'/>`;
    bob.sends`<iq type='get' id='who' to='${alice}'><query xmlns='${NS.info}'/></iq>`;
    await alice.pick(x`<iq type='get' from='${bob}'><query xmlns='${NS.info}'/></iq>`);
  });
});

describe('capabilities (XEP-0115)', () => {
  const caps = `<c xmlns='${NS.caps}' hash='sha-1' node='https://example.org/client' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>`;

  test('pass through broadcast, probe and directed presence unchanged', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const bob = await stage.signIn(b, { presence: true });
    const alice = await stage.signIn(a, { presence: caps });
    const pattern = `${caps}`;
    await bob.pick(x`<presence from='${alice}'>` + `${pattern}</presence>`);
    const late = await stage.signIn(b, { resource: 'late' });
    late.send('<presence/>');
    await late.pick(x`<presence from='${alice}'>` + `${pattern}</presence>`);
  });

  test('the server has its own, in the features', async () => {
    const [alice] = await stage.cast('alice');
    const c = alice.features!.child('c', NS.caps);
    if (!c) return;
    const node = `${c.need('node')}#${c.need('ver')}`;
    const info = await alice.get(x`<query xmlns='${NS.info}' node='${node}'/>`, stage.domain);
    expect(info.at('query').attr('node')).toBe(node);
    expect(info.at('query').all('feature').length).toBeGreaterThan(3);
  });
});

describe('rubbish', () => {
  test.each(["type='available'", "type='nonsense'", "type=''"])('%s is answered with bad-request', async (type) => {
    const [alice] = await stage.castWith({ presence: true }, 'alice');
    alice.send(`<presence ${type} id='p'/>`);
    const got = await alice.receives`<presence type='error' id='p'/>`;
    expect(got.at('error').elements()[0]!.name).toMatch(/bad-request/);
    await alice.ping();
  });

  test.each(['128', '-129', 'high', ''])('the priority %s does no harm', async (priority) => {
    const [alice] = await stage.cast('alice');
    alice.send(`<presence id='p'><priority>${priority}</priority></presence>`);
    const got = await alice.nextElement();
    expect(got.name).toBe('presence');
    await alice.ping();
  });

  test('errors of presence are never answered', async () => {
    const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
    alice.sends`<presence type='error' to='${bob.bare}/nowhere'><error type='cancel'><gone xmlns='${NS.stanzas}'/></error></presence>`;
    alice.sends`<presence type='error' to='${stage.nobody()}'><error type='cancel'><gone xmlns='${NS.stanzas}'/></error></presence>`;
    await alice.receivesNothing(bob);
  });
});
