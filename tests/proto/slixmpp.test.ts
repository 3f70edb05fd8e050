// Debian's slixmpp, as people have it: signs in over verified TLS, sees presence, talks, reads the archive. Beside the app: app/slixmpp.test.ts.

import { afterAll, afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Account, makeCa, useServer, x } from './harness/index.ts';
import { Slix, slixmppIsHere } from './harness/slixmpp.ts';

const DOMAIN = 'chat.example';
const ca = makeCa(DOMAIN);
const stage = useServer({ tls: { certificate: ca.certificate, key: ca.key }, auth: { plaintext: 'never' } });

function open(account: Account, how: 'starttls' | 'direct', trust = ca.ca): Slix {
  const s = new Slix({ account, how, ports: stage.ports, trust });
  all.push(s);
  return s;
}

const all: Slix[] = [];
const endAll = () => {
  for (const s of all.splice(0)) s.child.kill();
};
afterEach(endAll);
afterAll(() => {
  endAll();
  ca.remove();
});

describe.skipIf(!slixmppIsHere).each(['starttls', 'direct'] as const)('slixmpp over %s', (how) => {
  test('signs in and talks with another client, both ways', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const bob = await stage.signIn(b, { presence: true, transport: 'tls' });
    const slix = open(a, how);
    const started = await slix.sees('started');
    expect(started.tls).toMatch(/^TLSv1\.[23]$/);
    const me = started.jid as string;
    await bob.pick(x`<presence from='${me}'/>`);
    await slix.sees('presence', { jid: bob.jid });
    slix.do('say', { to: b.jid, body: 'hello from Python: <&> é 👍' });
    await bob.pick(x`<message from='${me}' type='chat'><body>hello from Python: &lt;&amp;&gt; é 👍</body></message>`);
    bob.sends`<message to='${a.jid}' type='chat' id='r'><body>hello from the tests: &lt;&amp;&gt; é 👍</body></message>`;
    await slix.sees('message', { jid: bob.jid, body: 'hello from the tests: <&> é 👍' });
    slix.do('ping', { to: stage.domain });
    await slix.sees('pong', { ok: true });
    slix.do('archive');
    expect((await slix.sees('archive')).bodies).toEqual([
      'hello from Python: <&> é 👍',
      'hello from the tests: <&> é 👍',
    ]);
    slix.do('quit');
    await bob.pick(x`<presence from='${me}' type='unavailable'/>`);
  });

  test('two of them become contacts', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const one = open(a, how);
    const two = open(b, how);
    await one.sees('started');
    await two.sees('started');
    one.do('subscribe', { to: b.jid });
    await two.sees('subscribe', { jid: a.jid });
    two.do('approve', { to: a.jid });
    await one.sees('presence', { type: 'available' });
  });
});

describe.skipIf(!slixmppIsHere)('slixmpp', () => {
  test('does not sign in where it does not trust the certificate', async () => {
    const [a] = await stage.accounts('alice');
    const other = makeCa(DOMAIN);
    const slix = open(a, 'starttls', other.ca);
    onTestFinished(() => other.remove());
    await slix.sees('bad_certificate').catch(() => slix.sees('disconnected'));
    expect(slix.events.filter((e) => e.event === 'started')).toEqual([]);
  });

  test('is told that the password is wrong', async () => {
    const [a] = await stage.accounts('alice');
    const slix = open({ ...a, password: 'wrong' }, 'starttls');
    await slix.sees('failed_auth');
  });
});
