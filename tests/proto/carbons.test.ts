// Message Carbons (XEP-0280): what one device sends or gets, the others of the account see too, once, in the archive's order.

import { describe, expect, test } from 'vitest';
import { type Account, type Client, type El, enableSm, everything, NS, page, resume, useServer, x } from './harness/index.ts';

const stage = useServer();

const ENABLE = `<enable xmlns='${NS.carbons}'/>`;
const chat = (to: string, id: string, more = '') =>
  `<message to='${to}' type='chat' id='${id}'><body>${id}</body>${more}</message>`;

/** A session that wants copies. */
async function device(
  account: Account,
  resource: string,
  o: { presence?: boolean; sm?: boolean } = { presence: true },
) {
  const c = await stage.signIn(account, { resource, ...o });
  await c.set(ENABLE);
  return c;
}

/** Two devices of Alice that want copies, and Bob. */
async function scene() {
  const [a, b] = await stage.accounts('alice', 'bob');
  await stage.befriend(a, b);
  const phone = await device(a, 'phone');
  const pc = await device(a, 'pc');
  const bob = await stage.signIn(b, { resource: 'bob', presence: true });
  for (const [one, ...others] of [
    [phone, pc, bob],
    [pc, bob, phone],
    [bob, phone, pc],
  ])
    await one!.settle(...others);
  return { a, b, phone, pc, bob };
}

const forwarded = (copy: El, kind: 'sent' | 'received') => copy.at(kind).at('forwarded').at('message');
const seen = (c: Client) => c.history.filter((el) => el.name === 'message');
const copies = (c: Client) => seen(c).filter((el) => el.child('sent', NS.carbons) || el.child('received', NS.carbons));

test('is offered: to whoever asks, and in Bind 2', async () => {
  const [a] = await stage.accounts('alice');
  const alice = await stage.signIn(a);
  const info = await alice.get(`<query xmlns='${NS.info}'/>`, stage.domain);
  expect(
    info
      .at('query')
      .elements()
      .some((f) => f.attr('var') === NS.carbons),
  ).toBe(true);
});

describe('sent', () => {
  test('the other device gets a copy with its archive id; the sender and the recipient none', async () => {
    const { a, phone, pc, bob } = await scene();
    phone.send(chat(bob.bare, 'm1'));
    const original = await bob.pick(x`<message type='chat' id='m1'/>`);
    const copy = await pc.pick(
      x`<message from='${a.jid}' to='${pc}' type='chat'><sent xmlns='${NS.carbons}'/></message>`,
    );
    const message = forwarded(copy, 'sent');
    expect(message.attr('from')).toBe(phone.jid);
    expect(message.attr('to')).toBe(bob.bare);
    expect(message.at('body').text).toBe('m1');
    const [kept] = await everything(pc);
    expect(message.child('stanza-id', NS.sid)?.attr('id')).toBe(kept!.id);
    expect(message.child('stanza-id', NS.sid)?.attr('by')).toBe(a.jid);
    expect(original.child('sent')).toBeUndefined();
    await phone.receivesNothing(bob);
    expect(copies(phone)).toEqual([]);
    expect(copies(bob)).toEqual([]);
  });

  test('whether or not the sender wants copies itself; not to who does not', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const plain = await stage.signIn(a, { resource: 'plain', presence: true });
    const pc = await device(a, 'pc');
    const other = await stage.signIn(a, { resource: 'other', presence: true });
    const bob = await stage.signIn(b, { presence: true });
    plain.send(chat(bob.bare, 'm1'));
    await pc.pick(x`<message type='chat'><sent xmlns='${NS.carbons}'/></message>`);
    await other.settle(plain, bob);
    expect(copies(other)).toEqual([]);
  });

  test('in order with what comes in, among them what is not kept', async () => {
    const { phone, pc, bob } = await scene();
    for (let i = 0; i < 20; i++) {
      phone.send(chat(bob.bare, `m${i}`));
      phone.sends`<message to='${bob.bare}' type='chat' id='s${i}'><composing xmlns='${NS.chatstates}'/></message>`;
    }
    await pc.until(() => copies(pc).length === 40, 'all copies');
    expect(copies(pc).map((el) => forwarded(el, 'sent').attr('id'))).toEqual(
      Array.from({ length: 20 }, (_, i) => [`m${i}`, `s${i}`]).flat(),
    );
    expect((await everything(pc)).map((e) => e.message.attr('id'))).toEqual(
      Array.from({ length: 20 }, (_, i) => `m${i}`),
    );
  });

  test('what is sent again after a cut is copied once', async () => {
    const { phone, pc, bob } = await scene();
    const twice = chat(bob.bare, 'm1', `<origin-id xmlns='${NS.sid}' id='o1'/>`);
    phone.send(twice);
    phone.send(twice);
    phone.send(chat(bob.bare, 'm2'));
    await pc.until(() => copies(pc).some((el) => forwarded(el, 'sent').attr('id') === 'm2'), 'the last copy');
    expect(copies(pc).map((el) => forwarded(el, 'sent').attr('id'))).toEqual(['m1', 'm2']);
  });

  test('one that failed shows on the other device too, without an id, and then its error', async () => {
    const { phone, pc, bob } = await scene();
    await bob.set(`<block xmlns='${NS.blocking}'><item jid='${phone.bare}'/></block>`);
    await pc.pick(x`<presence type='unavailable'/>`);
    phone.send(chat(bob.bare, 'm1'));
    await phone.pick(x`<message type='error' id='m1'/>`);
    const copy = await pc.pick(x`<message type='chat'><sent xmlns='${NS.carbons}'/></message>`);
    expect(forwarded(copy, 'sent').child('stanza-id', NS.sid)).toBeUndefined();
    const error = await pc.pick(x`<message type='error'><received xmlns='${NS.carbons}'/></message>`);
    expect(forwarded(error, 'received').attr('id')).toBe('m1');
  });

  test('a hibernating device has it when it comes back', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const phone = await device(a, 'phone');
    const pc = await device(a, 'pc', { presence: true, sm: true });
    const bob = await stage.signIn(b, { presence: true });
    pc.kill();
    phone.send(chat(bob.bare, 'm1'));
    await bob.pick(x`<message type='chat' id='m1'/>`);
    // A page waits for what is in flight: the copy has been made, and found nobody.
    const { results } = await page(phone, { max: 10 });
    const again = stage.adopt(await resume(pc, a));
    const copy = await again.pick(x`<message type='chat'><sent xmlns='${NS.carbons}'/></message>`);
    const m1 = forwarded(copy, 'sent');
    expect(m1.attr('id')).toBe('m1');
    // The time is the archive's own: beside what came when a moment later it stands as it does there.
    const stamp = copy.at('sent').at('forwarded').at('delay').need('stamp');
    const kept = results.find((r) => r.id === m1.child('stanza-id', NS.sid)!.need('id'))!;
    expect(stamp).toBe(kept.stamp);
    phone.send(chat(bob.bare, 'm2'));
    await again.pick(x`<message type='chat'><sent xmlns='${NS.carbons}'/></message>`);
  });
});

describe('received', () => {
  test('a message to one device is copied to the others, with the archive id that both see', async () => {
    const { a, phone, pc, bob } = await scene();
    bob.send(chat(phone.jid, 'm1'));
    const original = await phone.pick(x`<message type='chat' id='m1'/>`);
    const copy = await pc.pick(
      x`<message from='${a.jid}' to='${pc}' type='chat'><received xmlns='${NS.carbons}'/></message>`,
    );
    const message = forwarded(copy, 'received');
    expect(message.attr('from')).toBe(bob.jid);
    expect(message.attr('to')).toBe(phone.jid);
    expect(message.child('stanza-id', NS.sid)?.attr('id')).toBe(original.child('stanza-id', NS.sid)?.attr('id'));
    await phone.receivesNothing(bob);
  });

  test('what all get anyway is not copied', async () => {
    const { phone, pc, bob } = await scene();
    bob.send(chat(phone.bare, 'm1'));
    await phone.pick(x`<message type='chat' id='m1'/>`);
    await pc.pick(x`<message type='chat' id='m1'/>`);
    await pc.receivesNothing(bob);
    await phone.receivesNothing(bob);
  });

  test('to who is not available, or of negative priority', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const phone = await device(a, 'phone');
    const quiet = await device(a, 'quiet', {});
    const low = await stage.signIn(a, { resource: 'low', priority: -1 });
    await low.set(ENABLE);
    const bob = await stage.signIn(b);
    bob.send(chat(a.jid, 'm1'));
    await phone.pick(x`<message type='chat' id='m1'/>`);
    for (const c of [quiet, low]) {
      const copy = await c.pick(x`<message type='chat'><received xmlns='${NS.carbons}'/></message>`);
      expect(forwarded(copy, 'received').attr('id')).toBe('m1');
    }
  });

  test('a device that has gone: all others get it as itself', async () => {
    const { a, pc, bob } = await scene();
    bob.send(chat(`${a.jid}/gone`, 'm1'));
    await pc.pick(x`<message type='chat' id='m1'/>`);
    await pc.receivesNothing(bob);
  });
});

describe('a copy to who is not available is that message, and does not come again as itself', () => {
  /** A session that has switched copies on and said nothing else, as clients are for a moment when they sign in. It ends with its connection. */
  const comes = async (a: Account, resource: string) => {
    const c = await stage.signIn(a, { resource });
    await enableSm(c, false);
    await c.set(ENABLE);
    return c;
  };
  const sends = async (b: Account, to: string, ...ids: string[]) => {
    const bob = await stage.signIn(b, { sm: true });
    for (const id of ids) bob.send(chat(to, id));
    await bob.allAcked();
    return bob;
  };
  const copied = async (c: Client, id: string) => {
    const copy = await c.pick(x`<message type='chat'><received xmlns='${NS.carbons}'/></message>`);
    expect(forwarded(copy, 'received').attr('id')).toBe(id);
  };
  /** What it is given once it is available, up to a message that it sends to itself. */
  const given = async (c: Client, ...others: Client[]) => {
    c.send('<presence/>');
    c.send(chat(c.jid, 'end'));
    await c.until(() => c.history.some((el) => el.attr('id') === 'end'), 'the end');
    const ids = (await c.settle(...others)).filter((el) => el.name === 'message').map((el) => el.attr('id'));
    expect(ids.at(-1)).toBe('end');
    return ids.slice(0, -1);
  };

  test.each([true, false])('when nobody was there (acknowledged: %s)', async (acks) => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const c = await comes(a, 'c');
    c.autoAck = acks;
    const bob = await sends(b, a.jid, 'm1', 'm2');
    await copied(c, 'm1');
    await copied(c, 'm2');
    expect(await given(c, bob)).toEqual([]);
    bob.send(chat(a.jid, 'm3'));
    await c.pick(x`<message type='chat' id='m3'/>`);
    if (!acks) return;
    await c.ping();
    await c.close();
    // Nor does it wait for the next one.
    expect(await given(await stage.signIn(a, { resource: 'next' }))).toEqual([]);
  });

  test('for the next one neither, whatever happens in between, once it has arrived', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const c = await comes(a, 'c');
    await sends(b, a.jid, 'm1');
    await copied(c, 'm1');
    await c.ping();
    await c.close();
    await stage.server.restart('SIGTERM');
    expect(await given(await stage.signIn(a, { resource: 'next' }))).toEqual([]);
  });

  test('when another session had it, too, and is gone', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const gone = await stage.signIn(a, { resource: 'gone' });
    await enableSm(gone, false);
    gone.autoAck = false;
    await stage.available(gone);
    const c = await comes(a, 'c');
    c.autoAck = false;
    const bob = await sends(b, a.jid, 'm1');
    await copied(c, 'm1');
    await gone.pick(x`<message type='chat' id='m1'/>`);
    expect(await given(c, bob)).toEqual([]);
    gone.kill();
    await c.pick(x`<presence from='${gone}' type='unavailable'/>`);
    expect(await given(c, bob)).toEqual([]);
  });

  test.each([true, false])(
    'one that never arrived goes to another, as itself (who is there by then: %s)',
    async (isThere) => {
      const [a, b] = await stage.accounts('alice', 'bob');
      const c = await comes(a, 'c');
      c.autoAck = false;
      const bob = await sends(b, a.jid, 'm1');
      await copied(c, 'm1');
      const next = await stage.signIn(a, { resource: 'next' });
      if (isThere) expect(await given(next, bob)).toEqual([]); // somebody else has it, for now
      c.kill();
      await expect.poll(() => stage.server.ctl(['sessions'])).not.toContain(c.jid);
      if (!isThere) next.send('<presence/>');
      const m = await next.pick(x`<message from='${bob}' type='chat' id='m1'><body>m1</body></message>`);
      expect(m.child('delay', NS.delay)).toBeDefined();
      expect(m.all('stanza-id', NS.sid).map((id) => id.attr('by'))).toEqual([a.jid]);
      expect(m.child('received')).toBeUndefined();
    },
  );
});

describe('with oneself', () => {
  test('a note is seen once by each device', async () => {
    const { a, phone, pc } = await scene();
    phone.send(chat(a.jid, 'n1'));
    await pc.pick(x`<message type='chat' id='n1'/>`);
    await pc.receivesNothing(phone);
    expect(copies(phone)).toEqual([]);
  });

  test('from device to device: the third sees it as sent, with its archive id', async () => {
    const { a, phone, pc } = await scene();
    const third = await device(a, 'third');
    await pc.settle(third);
    phone.send(chat(pc.jid, 'n1'));
    const original = await pc.pick(x`<message type='chat' id='n1'/>`);
    const copy = await third.pick(x`<message type='chat'><sent xmlns='${NS.carbons}'/></message>`);
    expect(forwarded(copy, 'sent').child('stanza-id', NS.sid)?.attr('id')).toBe(
      original.child('stanza-id', NS.sid)?.attr('id'),
    );
    await pc.receivesNothing(phone);
    expect(copies(phone)).toEqual([]);
    expect(copies(pc)).toEqual([]);
  });
});

describe('what is copied', () => {
  const BODY = '<body>x</body>';
  test.each([
    ['a chat', `type='chat'`, BODY, true],
    ['a typing notice', `type='chat'`, `<composing xmlns='${NS.chatstates}'/>`, true],
    ['a normal message with a body', '', BODY, true],
    ['a receipt', '', `<received xmlns='${NS.receipts}' id='m'/>`, true],
    ['a marker', '', `<displayed xmlns='${NS.markers}' id='m'/>`, true],
    ['an encrypted one', '', `<encrypted xmlns='eu.siacs.conversations.axolotl'/>`, true],
    ['a normal message without any of it', '', `<x xmlns='urn:example'/>`, false],
    ['a headline', `type='headline'`, BODY, false],
    ['a private one', `type='chat'`, `${BODY}<private xmlns='${NS.carbons}'/><no-copy xmlns='urn:xmpp:hints'/>`, false],
    ['one marked private alone', `type='chat'`, `${BODY}<private xmlns='${NS.carbons}'/>`, false],
    ['one with no-copy alone', `type='chat'`, `${BODY}<no-copy xmlns='urn:xmpp:hints'/>`, false],
  ])('%s', async (_what, attributes, inner, isCopied) => {
    const { phone, pc, bob } = await scene();
    phone.send(`<message to='${bob.jid}' id='m' ${attributes}>${inner}</message>`);
    await bob.pick(x`<message type='*' id='m'/>`);
    phone.send(chat(bob.jid, 'last'));
    await pc.until(() => copies(pc).some((el) => forwarded(el, 'sent').attr('id') === 'last'), 'the last copy');
    expect(copies(pc).length).toBe(isCopied ? 2 : 1);

    bob.send(`<message to='${phone.jid}' id='m' ${attributes}>${inner}</message>`);
    await phone.pick(x`<message type='*' id='m'/>`);
    bob.send(chat(phone.jid, 'end'));
    await pc.until(
      () => copies(pc).some((el) => el.child('received') && forwarded(el, 'received').attr('id') === 'end'),
      'the last copy',
    );
    expect(copies(pc).length).toBe(isCopied ? 4 : 2);
  });
});

describe('on and off', () => {
  test('again and again; off means off', async () => {
    const { phone, pc, bob } = await scene();
    await pc.set(ENABLE);
    await pc.set(`<disable xmlns='${NS.carbons}'/>`);
    await pc.set(`<disable xmlns='${NS.carbons}'/>`);
    phone.send(chat(bob.bare, 'm1'));
    await bob.pick(x`<message type='chat' id='m1'/>`);
    await pc.receivesNothing(phone);
    await pc.set(ENABLE);
    phone.send(chat(bob.bare, 'm2'));
    await pc.pick(x`<message type='chat'><sent xmlns='${NS.carbons}'/></message>`);
    expect(copies(pc).length).toBe(1);
  });

  test('in Bind 2', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const phone = await stage.signInModern(a, { tag: 'phone', inBind: ENABLE });
    const pc = await stage.signIn(a, { resource: 'pc' });
    pc.send(chat(b.jid, 'm1'));
    await phone.pick(x`<message type='chat'><sent xmlns='${NS.carbons}'/></message>`);
  });

  test('not for others', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    await alice.fails(alice.iq('set', ENABLE, bob.bare), 'cancel', 'service-unavailable');
  });
});

test('a client that answers a copy with an error disturbs nobody', async () => {
  const { a, phone, pc, bob } = await scene();
  phone.send(chat(bob.bare, 'm1'));
  await pc.pick(x`<message type='chat'><sent xmlns='${NS.carbons}'/></message>`);
  pc.sends`<message to='${a.jid}' type='error' id='m1'><error type='cancel'><service-unavailable xmlns='${NS.stanzas}'/></error></message>`;
  await pc.settle(phone);
  await bob.pick(x`<message type='chat' id='m1'/>`);
  await bob.receivesNothing(pc);
  expect(copies(phone)).toEqual([]);
});
