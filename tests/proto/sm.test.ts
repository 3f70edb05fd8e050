// Stream management (XEP-0198): enabling, counting, acknowledging.

import { describe, expect, test } from 'vitest';
import { authenticate, type Client, enableSm, NS, useServer, x } from './harness/index.ts';

const stage = useServer();

const R = `<r xmlns='${NS.sm}'/>`;
const unexpected = `<failed xmlns='${NS.sm}'><unexpected-request xmlns='${NS.stanzas}'/></failed>`;

/** Asks once and takes the answer, which comes at once whatever is still on its way. */
async function h(c: Client): Promise<number> {
  c.sendRaw(R);
  return Number((await c.pick(`<a xmlns='${NS.sm}' h='*'/>`)).need('h'));
}

/** <a/> with this h comes, asked or not. */
async function reaches(c: Client, value: number): Promise<void> {
  if ((await h(c)) === value) return;
  await c.pick(`<a xmlns='${NS.sm}' h='${value}'/>`);
}

async function managed(name = 'alice'): Promise<Client> {
  const [account] = await stage.accounts(name);
  const c = await stage.signIn(account, { sm: true });
  c.autoAck = false;
  return c;
}

describe('enabling', () => {
  test('before the bind is too early (section 3)', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice');
    const features = await authenticate(c, alice);
    expect(features.child('sm', NS.sm)).toBeDefined();
    c.sendRaw(`<enable xmlns='${NS.sm}'/>`);
    await c.expect(unexpected);
  });

  test('with resumption: an id, and for how long', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice, { sm: true });
    expect(c.sm!.id!.length).toBeGreaterThanOrEqual(8);
    expect(c.sm!.max).toBeGreaterThan(0);
  });

  test('without resumption nothing is promised', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice);
    c.sendRaw(`<enable xmlns='${NS.sm}'/>`);
    const enabled = await c.expect(`<enabled xmlns='${NS.sm}'/>`);
    expect(enabled.attr('resume') ?? 'false').toMatch(/^(false|0)$/);
  });

  test('a shorter time can be asked for', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice);
    c.sendRaw(`<enable xmlns='${NS.sm}' resume='1' max='60'/>`);
    await c.expect(`<enabled xmlns='${NS.sm}' id='*' max='60'/>`);
  });

  test('also while binding (XEP-0386)', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signInModern(alice, { inBind: `<enable xmlns='${NS.sm}' resume='true' max='90'/>` });
    expect(c.sm!.max).toBe(90);
  });

  test.each(['86400', '99999999999999999999', '0', '-1', 'long', ''])(
    'max=%j gets what the server allows',
    async (max) => {
      const [alice] = await stage.accounts('alice');
      const c = await stage.signIn(alice);
      c.sendRaw(x`<enable xmlns='${NS.sm}' resume='1' max='${max}'/>`);
      await c.expect(`<enabled xmlns='${NS.sm}' id='*' max='600'/>`);
    },
  );

  test('the session is kept for that time and no longer', async () => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    await stage.befriend(alice, bob);
    const watcher = await stage.signIn(bob, { presence: true });
    const short = await stage.signInModern(alice, { inBind: `<enable xmlns='${NS.sm}' resume='true' max='1'/>` });
    await stage.available(short);
    await watcher.pick(x`<presence from='${short}'/>`);
    const cut = performance.now();
    short.kill();
    await watcher.pick(x`<presence from='${short}' type='unavailable'/>`);
    expect(performance.now() - cut).toBeGreaterThanOrEqual(900);
  });

  test('ids differ', async () => {
    const [alice] = await stage.accounts('alice');
    const one = await stage.signIn(alice, { sm: true, resource: 'one' });
    const two = await stage.signIn(alice, { sm: true, resource: 'two' });
    expect(one.sm!.id).not.toBe(two.sm!.id);
  });

  test('a second <enable/> is an error', async () => {
    const c = await managed();
    c.sendRaw(`<enable xmlns='${NS.sm}' resume='true'/>`);
    const got = await c.nextElement();
    // The XEP has both: <failed/> in its example, a stream error in its text.
    if (got.ns === NS.sm) {
      expect(got.name).toBe('failed');
      expect(got.child('unexpected-request', NS.stanzas)).toBeDefined();
    } else {
      expect(got.name).toBe('error');
      await c.expectClosed();
    }
  });

  test.each(['<r', "<a h='0'"])('%s without stream management is an error', async (start) => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice);
    c.sendRaw(`${start} xmlns='${NS.sm}'/>`);
    await c.expectStreamError(['unsupported-stanza-type', 'undefined-condition', 'policy-violation', 'not-authorized']);
  });
});

describe('the server counts', () => {
  test('nothing at first', async () => {
    const c = await managed();
    expect(await h(c)).toBe(0);
  });

  test('from <enable/> on, also what came in the same piece', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice);
    c.autoAck = false;
    c.sendRaw(`<enable xmlns='${NS.sm}'/>`);
    c.sends`<iq type='get' id='1'><ping xmlns='${NS.ping}'/></iq>`;
    await c.expect(`<enabled xmlns='${NS.sm}'/>`);
    await c.receives`<iq type='result' id='1'/>`;
    await reaches(c, 1);
  });

  test('stanzas of every kind, and nothing else', async () => {
    const c = await managed();
    c.sends`<presence/>`;
    c.sends`<message to='${c.bare}' type='headline'/>`;
    c.sends`<iq type='get' id='1'><ping xmlns='${NS.ping}'/></iq>`;
    c.sends`<iq type='result' id='answer-to-nothing'/>`;
    c.sendRaw(R);
    c.sendRaw(`<a xmlns='${NS.sm}' h='0'/>`);
    await reaches(c, 4);
  });

  test('stanzas that are refused', async () => {
    const c = await managed();
    c.sends`<message to='@@@' type='chat'><body>x</body></message>`;
    c.sends`<iq type='get' id='1' to='${stage.nobody()}'><query xmlns='urn:example'/></iq>`;
    c.sends`<iq type='nonsense' id='2'/>`;
    await reaches(c, 3);
  });

  test('an archived message when it is stored: an unasked <a/> follows', async () => {
    const c = await managed();
    const [bob] = await stage.accounts('bob');
    c.sends`<message to='${bob.jid}' type='chat' id='m'><body>keep this</body></message>`;
    c.sendRaw(R);
    // The answer is at once; if the message was not decided then, another one must come by itself.
    const first = Number((await c.expect(`<a xmlns='${NS.sm}' h='*'/>`)).need('h'));
    if (first === 0) await c.expect(`<a xmlns='${NS.sm}' h='1'/>`);
    else expect(first).toBe(1);
  });

  test('a prefix: what follows an undecided message waits for it', async () => {
    const c = await managed();
    const [bob] = await stage.accounts('bob');
    const n = 50;
    const seen: number[] = [];
    for (let i = 0; i < n; i++) {
      c.sends`<message to='${bob.jid}' type='chat'><body>${i}</body></message>`;
      c.sends`<iq type='get' id='p${i}'><ping xmlns='${NS.ping}'/></iq>`;
      c.sendRaw(R);
    }
    while (seen.at(-1) !== 2 * n) {
      const el = await c.nextElement('an <a/>');
      if (el.name === 'a') seen.push(Number(el.need('h')));
    }
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.length).toBeGreaterThanOrEqual(n);
  });
});

describe('the server asks', () => {
  test('and takes our answer', async () => {
    const c = await managed();
    const [bob] = await stage.accounts('bob');
    const sender = await stage.signIn(bob);
    sender.sends`<message to='${c}' type='chat'><body>one</body></message>`;
    await c.receives`<message from='${sender}' type='chat'/>`;
    await c.expect(R);
    c.ack();
    await c.ping();
  });

  test('a count that is too high ends the stream', async () => {
    const c = await managed();
    const [bob] = await stage.accounts('bob');
    const sender = await stage.signIn(bob);
    sender.sends`<message to='${c}' type='chat'><body>one</body></message>`;
    await c.receives`<message from='${sender}' type='chat'/>`;
    c.sendRaw(`<a xmlns='${NS.sm}' h='10'/>`);
    await c.until(() => c.inbox.some((i) => i.kind === 'element' && i.el.name === 'error'), 'a stream error');
    while (c.inbox[0] && 'el' in c.inbox[0] && c.inbox[0].el.name !== 'error') c.inbox.shift();
    const error = await c.expectStreamError('undefined-condition');
    const detail = error.child('handled-count-too-high', NS.sm)!;
    expect(detail.attr('h')).toBe('10');
    expect(detail.attr('send-count')).toBe('1');
  });

  test.each(['', "h='-1'", "h='many'", "h='99999999999999999999'"])('an <a/> with %s is an error', async (attr) => {
    const c = await managed();
    c.sendRaw(`<a xmlns='${NS.sm}' ${attr}/>`);
    await c.expectStreamError(['undefined-condition', 'bad-format', 'invalid-xml']);
  });

  test('an <a/> that goes back does no harm', async () => {
    const c = await managed();
    const [bob] = await stage.accounts('bob');
    const sender = await stage.signIn(bob);
    for (let i = 0; i < 2; i++) sender.sends`<message to='${c}' type='chat'><body>${i}</body></message>`;
    await c.pick('<message type="chat"><body>0</body></message>');
    await c.pick('<message type="chat"><body>1</body></message>');
    c.sendRaw(`<a xmlns='${NS.sm}' h='2'/><a xmlns='${NS.sm}' h='1'/>`);
    const before = c.history.length;
    c.sends`<iq type='get' id='still'><ping xmlns='${NS.ping}'/></iq>`;
    await c.until(
      () => c.history.slice(before).some((e) => e.attr('id') === 'still' || e.name === 'error'),
      'any answer',
    );
  });
});

test('acknowledgements come over every transport', async () => {
  for (const transport of ['tcp', 'tls', 'ws', 'wss'] as const) {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice, { transport });
    await enableSm(c);
    c.sends`<message to='${c.bare}' type='chat'><body>a note to myself</body></message>`;
    await c.allAcked();
  }
});

test('answers keep the order of the questions', async () => {
  const c = await managed();
  for (let i = 0; i < 20; i++) c.sends`<iq type='get' id='o${i}'><ping xmlns='${NS.ping}'/></iq>`;
  const ids: string[] = [];
  while (ids.length < 20) {
    const el = await c.nextElement('an answer');
    if (el.name === 'iq') ids.push(el.need('id'));
  }
  expect(ids).toEqual(Array.from({ length: 20 }, (_, i) => x`o${i}`));
});
