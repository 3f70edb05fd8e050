// XMPP over WebSocket (RFC 7395) and what RFC 6455 asks below it.

import { describe, expect, test } from 'vitest';
import {
  bindResource,
  Client,
  loginLegacy,
  loginModern,
  NS,
  negotiate,
  OP,
  sasl1,
  sasl2,
  type Upgrade,
  useServer,
  Wire,
  x,
} from './harness/index.ts';

const LIMIT = 20_000;
const stage = useServer({ limits: { stanza_bytes: String(LIMIT) } });

async function upgrade(path: string, headers: Record<string, string>): Promise<{ c: Client; answer: Upgrade }> {
  const c = stage.adopt(new Client('someone', stage.ports, 'ws'));
  const answer = await c.attachWebSocket(await Wire.tcp(stage.ports.http), path, headers);
  return { c, answer };
}

async function opened(): Promise<Client> {
  const c = await stage.connect('someone', 'ws');
  await negotiate(c);
  return c;
}

/** The close frame of the server, with its code. */
async function closeCode(c: Client): Promise<number> {
  const frame = () => c.control.find((f) => f.opcode === OP.close);
  await c.until(() => frame() !== undefined || c.inbox.some((i) => i.kind === 'ended'), 'a close frame');
  const payload = frame()?.payload;
  return payload && payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
}

describe('the handshake', () => {
  test('chooses the subprotocol xmpp', async () => {
    const { answer } = await upgrade('/xmpp', { 'Sec-WebSocket-Protocol': 'xmpp' });
    expect(answer.status).toBe(101);
    expect(answer.headers.get('sec-websocket-protocol')).toBe('xmpp');
    // Nothing compresses secrets together with what strangers write.
    expect(answer.headers.has('sec-websocket-extensions')).toBe(false);
  });

  test('chooses it among others', async () => {
    const { answer } = await upgrade('/xmpp', { 'Sec-WebSocket-Protocol': 'mqtt, xmpp, soap' });
    expect(answer.status).toBe(101);
    expect(answer.headers.get('sec-websocket-protocol')).toBe('xmpp');
  });

  test('without a subprotocol, or with others only, it is refused', async () => {
    expect((await upgrade('/xmpp', {})).answer.status).toBe(400);
    expect((await upgrade('/xmpp', { 'Sec-WebSocket-Protocol': 'mqtt' })).answer.status).toBe(400);
  });

  test('another path is none', async () => {
    expect((await upgrade('/nowhere', { 'Sec-WebSocket-Protocol': 'xmpp' })).answer.status).not.toBe(101);
  });

  test('another version of the protocol is answered with ours (RFC 6455 4.4)', async () => {
    const { answer } = await upgrade('/xmpp', { 'Sec-WebSocket-Protocol': 'xmpp', 'Sec-WebSocket-Version': '8' });
    expect(answer.status).toBe(426);
    expect(answer.headers.get('sec-websocket-version')).toBe('13');
  });

  test('a key that is none is refused', async () => {
    expect(
      (await upgrade('/xmpp', { 'Sec-WebSocket-Protocol': 'xmpp', 'Sec-WebSocket-Key': 'short' })).answer.status,
    ).toBe(400);
  });

  test('a plain request gets an answer, not a stream', async () => {
    const { answer } = await upgrade('/xmpp', { Upgrade: '', Connection: 'close' });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
  });
});

describe('framing', () => {
  test('<open/> is answered with <open/>, features declare their namespaces', async () => {
    const c = await stage.connect('someone', 'ws');
    c.open();
    const open = await c.expectOpen();
    expect(open.ns).toBe(NS.framing);
    expect(open.attr('from')).toBe(stage.domain);
    expect(open.attr('version')).toBe('1.0');
    expect(open.need('id').length).toBeGreaterThanOrEqual(8);
    const features = await c.expectFeatures();
    expect(features.ns).toBe(NS.stream);
    expect(features.child('starttls')).toBeUndefined();
  });

  test('<open/> again restarts the stream after SASL', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    expect((await sasl1(c, alice.name, alice.password)).name).toBe('success');
    c.open();
    await c.expectOpen();
    const features = await c.expectFeatures();
    expect(features.child('bind')).toBeDefined();
    await bindResource(c, 'web');
    await c.ping();
  });

  test('stanzas carry their own namespace', async () => {
    const [alice, bob] = await stage.castWith({ transport: 'ws', presence: true }, 'alice', 'bob');
    alice.sends`<message to='${bob}' type='chat'><body>hi</body></message>`;
    const got = await bob.receives`<message from='${alice}' type='chat'><body>hi</body></message>`;
    expect(got.declared.get('')).toBe(NS.client);
  });

  test('<close/> is answered with <close/>, then the WebSocket closes', async () => {
    const c = await opened();
    c.sendClose();
    expect((await c.next()).kind).toBe('closed');
    expect(await closeCode(c)).toBe(1000);
    await c.expectEnded();
  });

  test('<close/> ends the session of someone signed in', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice', 'ws');
    await loginModern(c, alice);
    c.sendClose();
    expect((await c.next()).kind).toBe('closed');
    await c.expectEnded();
  });

  test('another host ends with the error and <close/>', async () => {
    const c = await stage.connect('someone', 'ws');
    c.open({ to: 'elsewhere.example' });
    const error = await c.expectStreamError('host-unknown');
    expect(error.declared.size).toBeGreaterThan(0);
  });

  test('the header of TCP has no place here', async () => {
    const c = await stage.connect('someone', 'ws');
    c.sendRaw(x`<stream:stream xmlns='${NS.client}' xmlns:stream='${NS.stream}' to='${stage.domain}' version='1.0'>`);
    await c.expectClosed();
  });

  test.each([
    [
      'two elements in one message',
      x`<iq xmlns='${NS.client}' type='get' id='1'><ping xmlns='${NS.ping}'/></iq><presence xmlns='${NS.client}'/>`,
    ],
    ['half an element', `<message xmlns='${NS.client}'>`],
    ['text', 'hello'],
    ['an XML that is not well-formed', `<message xmlns='${NS.client}'><a></b></message>`],
    ['a comment', `<message xmlns='${NS.client}'><!-- x --></message>`],
    ['a prefix of TCP that the message does not declare', '<stream:error/>'],
  ])('%s is an error', async (_name, message) => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice', 'ws');
    await loginLegacy(c, alice);
    c.sendRaw(message);
    await c.expectStreamError([
      'not-well-formed',
      'bad-format',
      'invalid-xml',
      'restricted-xml',
      'bad-namespace-prefix',
      'unsupported-stanza-type',
      'invalid-namespace',
    ]);
  });

  test('a stanza without its namespace is none of ours', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice', 'ws');
    await loginLegacy(c, alice);
    c.sendRaw('<presence/>');
    await c.expectStreamError(['invalid-namespace', 'unsupported-stanza-type', 'bad-format']);
  });
});

describe('frames', () => {
  test('a ping is answered with its payload', async () => {
    const c = await opened();
    c.webSocket.send(OP.ping, 'are you there');
    await c.until(() => c.control.some((f) => f.opcode === OP.pong), 'a pong');
    expect(c.control.find((f) => f.opcode === OP.pong)!.payload.toString()).toBe('are you there');
  });

  test('fragments are put together, a ping between them is answered', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice', 'ws');
    await loginLegacy(c, alice);
    const text = x`<iq xmlns='${NS.client}' type='get' id='frag'><ping xmlns='${NS.ping}'/></iq>`;
    c.webSocket.send(OP.text, text.slice(0, 10), { fin: false });
    c.webSocket.send(OP.ping, 'between');
    c.webSocket.send(OP.continuation, text.slice(10, 11), { fin: false });
    c.webSocket.send(OP.continuation, text.slice(11));
    await c.receives`<iq type='result' id='frag'/>`;
    expect(c.control.some((f) => f.opcode === OP.pong)).toBe(true);
  });

  test('fragments count towards the limit together', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice', 'ws');
    await loginLegacy(c, alice);
    c.webSocket.send(OP.text, `<message xmlns='${NS.client}'><body>`, { fin: false });
    for (let i = 0; i < 30; i++) c.webSocket.send(OP.continuation, 'x'.repeat(1000), { fin: false });
    const item = await c.next('an end');
    if (item.kind === 'element') expect(item.el.child('policy-violation', NS.streams)).toBeDefined();
    await c.expectEnded();
  });

  test('a frame that announces more than the limit is not waited for', async () => {
    const c = await opened();
    // The head of a text frame of 2^40 bytes, and none of them.
    c.bytes.write(Buffer.from([0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4]));
    await c.expectEnded();
  });

  test('binary frames close', async () => {
    const c = await opened();
    c.webSocket.send(OP.binary, `<presence xmlns='${NS.client}'/>`);
    expect(await closeCode(c)).toBe(1003);
    await c.expectEnded();
  });

  test.each([
    ['without a mask', OP.text, { mask: false }],
    ['with a reserved bit', OP.text, { rsv: 4 }],
    ['with an unknown opcode', 3, {}],
    ['that continues nothing', OP.continuation, {}],
    ['a ping in fragments', OP.ping, { fin: false }],
  ])('a frame %s is a protocol error', async (_name, opcode, options) => {
    const c = await opened();
    c.webSocket.send(opcode, `<presence xmlns='${NS.client}'/>`, options);
    expect(await closeCode(c)).toBe(1002);
    await c.expectEnded();
  });

  test('a control frame of more than 125 bytes is a protocol error', async () => {
    const c = await opened();
    c.webSocket.send(OP.ping, 'x'.repeat(126));
    expect(await closeCode(c)).toBe(1002);
    await c.expectEnded();
  });

  test('text that is no UTF-8 ends the connection', async () => {
    const c = await opened();
    c.webSocket.send(OP.text, Buffer.from([0x3c, 0xff, 0xfe]));
    await c.expectEnded();
  });

  test('a close frame without <close/> is answered and leaves the session to be resumed', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice', 'ws');
    await loginModern(c, alice);
    c.webSocket.send(OP.close, Buffer.from([0x03, 0xe9]));
    await c.expectEnded();
    const again = await stage.connect('alice', 'ws');
    await negotiate(again);
    const success = await sasl2(again, alice, { inline: x`<resume xmlns='${NS.sm}' h='0' previd='${c.sm!.id!}'/>` });
    expect(success.child('resumed', NS.sm)).toBeDefined();
  });
});
