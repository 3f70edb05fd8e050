// Opening a stream, and every way to do it wrong (RFC 6120 sections 4 and 11): each ends with its stream error.

import { describe, expect, test } from 'vitest';
import { type Client, NS, useServer, x } from './harness/index.ts';

const stage = useServer();

/** These are about bytes, so they are told to TCP; websocket.test.ts has the other half. */
async function opened(): Promise<Client> {
  const c = await stage.connect('someone', 'tcp');
  c.open();
  await c.expectOpen();
  await c.expectFeatures();
  return c;
}

const header = (attrs: string, ns: string = NS.client, streams: string = NS.stream) =>
  `<?xml version='1.0'?><stream:stream xmlns='${ns}' xmlns:stream='${streams}' ${attrs}>`;

describe('the header', () => {
  test('is answered with our domain, an id, the version and a language', async () => {
    const c = await stage.connect('someone', 'tcp');
    c.open({ lang: 'de' });
    const root = await c.expectOpen();
    expect(root.name).toBe('stream');
    expect(root.ns).toBe(NS.stream);
    expect(root.prefix).toBe('stream');
    expect(root.declared.get('')).toBe(NS.client);
    expect(root.attr('from')).toBe(stage.domain);
    expect(root.attr('version')).toBe('1.0');
    expect(root.attr('xml:lang')).toBeTruthy();
    expect(root.need('id').length).toBeGreaterThanOrEqual(8);
    await c.expectFeatures();
  });

  test('ids of streams differ', async () => {
    const ids = new Set<string>();
    for (let i = 0; i < 5; i++) {
      const c = await stage.connect('someone', 'tcp');
      c.open();
      ids.add((await c.expectOpen()).need('id'));
    }
    expect(ids.size).toBe(5);
  });

  test('`from` may be a hint of who comes, and changes nothing in the features', async () => {
    const [alice] = await stage.accounts('alice');
    const features: string[] = [];
    for (const from of [alice.jid, stage.nobody()]) {
      const c = await stage.connect('someone', 'tcp');
      c.open({ from });
      await c.expectOpen();
      features.push(String(await c.expectFeatures()));
    }
    expect(features[0]).toBe(features[1]);
  });

  test('a higher version is answered with ours (4.7.5)', async () => {
    const c = await stage.connect('someone', 'tcp');
    c.open({ version: '1.7' });
    expect((await c.expectOpen()).attr('version')).toBe('1.0');
    await c.expectFeatures();
  });

  test.each([['0.9'], [null]])('version %s is unsupported-version', async (version) => {
    const c = await stage.connect('someone', 'tcp');
    c.open({ version });
    await c.expectStreamError('unsupported-version');
  });

  test('another host is host-unknown', async () => {
    const c = await stage.connect('someone', 'tcp');
    c.open({ to: 'elsewhere.example' });
    await c.expectStreamError('host-unknown');
  });

  test('no host at all', async () => {
    const c = await stage.connect('someone', 'tcp');
    c.open({ to: null });
    await c.expectStreamError(['host-unknown', 'improper-addressing']);
  });

  test('the domain is compared normalised', async () => {
    const c = await stage.connect('someone', 'tcp');
    c.open({ to: stage.domain.toUpperCase() });
    await c.expectOpen();
    await c.expectFeatures();
  });

  test('another namespace of the stream is invalid-namespace', async () => {
    const c = await stage.connect('someone', 'tcp');
    c.open({ streamNs: 'http://example.org/streams' });
    await c.expectStreamError('invalid-namespace');
  });

  test.each(['jabber:server', 'urn:example:content'])('the content namespace %s is invalid-namespace', async (ns) => {
    const c = await stage.connect('someone', 'tcp');
    c.open({ ns });
    await c.expectStreamError('invalid-namespace');
  });

  test('another root element', async () => {
    const c = await stage.connect('someone', 'tcp');
    c.sendRaw(x`<flood xmlns='${NS.client}' to='${stage.domain}' version='1.0'>`);
    await c.expectStreamError(['bad-format', 'invalid-namespace', 'invalid-xml', 'not-well-formed']);
  });

  test('another encoding is unsupported-encoding', async () => {
    const c = await stage.connect('someone', 'tcp');
    c.sendRaw(header(`to='${stage.domain}' version='1.0'`).replace("'1.0'?", "'1.0' encoding='ISO-8859-1'?"));
    await c.expectStreamError(['unsupported-encoding']);
  });

  test('something that is no XML at all', async () => {
    const c = await stage.connect('someone', 'tcp');
    c.sendRaw('EHLO chat.example\r\n');
    await c.expectClosed();
  });

  test('arrives byte by byte', async () => {
    const c = await stage.connect('someone', 'tcp');
    for (const byte of header(`to='${stage.domain}' version='1.0'`)) c.bytes.write(byte);
    await c.expectOpen();
    await c.expectFeatures();
  });
});

describe('closing', () => {
  test('is answered in kind', async () => {
    const c = await opened();
    c.sendRaw('</stream:stream>');
    expect((await c.next()).kind).toBe('closed');
    await c.expectEnded();
  });

  test('a signed-in stream too, after what was asked before it', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice, { transport: 'tcp' });
    c.sendRaw(x`<iq type='get' id='last'><ping xmlns='${NS.ping}'/></iq></stream:stream>`);
    await c.receives`<iq type='result' id='last'/>`;
    expect((await c.next()).kind).toBe('closed');
    await c.expectEnded();
  });
});

describe('white space', () => {
  test('between stanzas keeps the connection alive', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice, { transport: 'tcp' });
    c.sendRaw(' \n \t\r\n ');
    await c.ping();
  });

  test('any other text is an error', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice, { transport: 'tcp' });
    c.sendRaw('hello?');
    await c.expectStreamError(['bad-format', 'not-well-formed', 'invalid-xml']);
  });
});

// Each is sent inside an open stream, before and after sign-in.
const BROKEN: [name: string, bytes: string | Uint8Array, conditions: string[]][] = [
  ['a comment', '<message><!-- psst --></message>', ['restricted-xml']],
  ['a comment between stanzas', '<!-- psst -->', ['restricted-xml']],
  ['a processing instruction', '<?php exit ?>', ['restricted-xml']],
  ['a DTD', '<!DOCTYPE message [<!ENTITY a "b">]><message/>', ['restricted-xml', 'not-well-formed']],
  ['a CDATA section', '<message><body><![CDATA[hi]]></body></message>', ['restricted-xml']],
  ['an entity that is not predefined', '<message><body>&nbsp;</body></message>', ['restricted-xml', 'not-well-formed']],
  ['tags that do not match', '<message><body></message></body>', ['not-well-formed']],
  ['a stray end tag', '</message>', ['not-well-formed']],
  ['a tag that is not finished', '<message <body/>', ['not-well-formed']],
  ['an attribute without a value', '<message to/>', ['not-well-formed']],
  ['an attribute without quotes', '<message to=me/>', ['not-well-formed']],
  ['the same attribute twice', "<message to='a' to='b'/>", ['not-well-formed']],
  [
    'the same attribute twice by two prefixes',
    "<message xmlns:a='u:x' xmlns:b='u:x' a:to='1' b:to='2'/>",
    ['not-well-formed'],
  ],
  ['a < in an attribute', "<message to='<'/>", ['not-well-formed']],
  ['a prefix that was not declared', '<x:message/>', ['not-well-formed', 'bad-namespace-prefix']],
  [
    'a prefix that was not declared, on an attribute',
    "<message y:to='a'/>",
    ['not-well-formed', 'bad-namespace-prefix'],
  ],
  ['a control character', '<message><body>\u0001</body></message>', ['not-well-formed']],
  ['a NUL character', '<message><body>\u0000</body></message>', ['not-well-formed']],
  ['a control character by reference', '<message><body>&#1;</body></message>', ['not-well-formed']],
  ['a surrogate by reference', '<message><body>&#xD800;</body></message>', ['not-well-formed']],
  ['U+FFFE', '<message><body>\uFFFE</body></message>', ['not-well-formed']],
  [
    'UTF-8 cut short',
    Buffer.concat([Buffer.from('<message><body>'), Buffer.from([0xc3]), Buffer.from('</body></message>')]),
    ['unsupported-encoding', 'not-well-formed', 'bad-format'],
  ],
  [
    'UTF-8 longer than needed',
    Buffer.concat([Buffer.from('<message><body>'), Buffer.from([0xc0, 0xbc]), Buffer.from('</body></message>')]),
    ['unsupported-encoding', 'not-well-formed', 'bad-format'],
  ],
  [
    'a surrogate in UTF-8',
    Buffer.concat([Buffer.from('<message><body>'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('</body></message>')]),
    ['unsupported-encoding', 'not-well-formed', 'bad-format'],
  ],
  ['a second XML declaration', "<?xml version='1.0'?>", ['restricted-xml', 'not-well-formed']],
];

describe('bad XML ends the stream', () => {
  test.each(BROKEN)('before sign-in: %s', async (_name, bytes, conditions) => {
    const c = await opened();
    c.sendRaw(bytes);
    // The parser may be asked before or after the one who says that nobody sends stanzas yet.
    await c.expectStreamError([...conditions, 'not-authorized']);
  });

  test.each(BROKEN)('after sign-in: %s', async (_name, bytes, conditions) => {
    const [alice, bob] = await stage.accounts('alice', 'bob');
    const c = await stage.signIn(alice, { transport: 'tcp' });
    const other = await stage.signIn(bob, { transport: 'tcp' });
    c.sendRaw(bytes);
    await c.expectStreamError(conditions);
    await other.ping();
  });
});

describe('before sign-in', () => {
  test.each([
    ["<message to='a@chat.example'><body>hi</body></message>"],
    ['<presence/>'],
    ["<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>"],
    [`<iq type='set' id='1'><bind xmlns='${NS.bind}'/></iq>`],
  ])('no stanza passes: %s', async (stanza) => {
    const c = await opened();
    c.sendRaw(stanza);
    await c.expectStreamError('not-authorized');
  });

  test('an unknown element', async () => {
    const c = await opened();
    c.sendRaw("<knock xmlns='urn:example:door'/>");
    await c.expectStreamError(['unsupported-stanza-type', 'not-authorized']);
  });

  test('stream management', async () => {
    const c = await opened();
    c.sendRaw(`<enable xmlns='${NS.sm}'/>`);
    const got = await c.nextElement();
    // XEP-0198 section 3 asks for <failed/>, RFC 6120 would allow the stream error.
    expect(got.name === 'failed' || (got.name === 'error' && got.ns === NS.stream)).toBe(true);
  });
});

describe('after sign-in', () => {
  test.each([
    ["<knock xmlns='urn:example:door'/>"],
    ['<query/>'],
    ["<message xmlns='jabber:server'/>"],
    ["<iq xmlns='urn:example' type='get' id='1'/>"],
  ])('an unknown top-level element is unsupported-stanza-type: %s', async (element) => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice, { transport: 'tcp' });
    c.sendRaw(element);
    await c.expectStreamError(['unsupported-stanza-type', 'invalid-namespace']);
  });

  test('authentication again is an error', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice, { transport: 'tcp' });
    c.sendRaw(`<auth xmlns='${NS.sasl}' mechanism='SCRAM-SHA-256'>biws</auth>`);
    await c.expectStreamError(['unsupported-stanza-type', 'policy-violation', 'not-authorized']);
  });

  test('prefixes and namespaces of the sender are understood', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.signIn(alice, { transport: 'tcp' });
    c.sendRaw(`<c:iq xmlns:c='${NS.client}' type='get' id='p1'><p:ping xmlns:p='${NS.ping}'/></c:iq>`);
    await c.receives`<iq type='result' id='p1'/>`;
  });

  test('a stanza with prefixes reaches another client whole', async () => {
    const [alice, bob] = await stage.castWith({ presence: true, transport: 'tcp' }, 'alice', 'bob');
    alice.sendRaw(
      x`<message to='${bob}' type='chat' xmlns:e='urn:example:e' e:mood='fine'><body>a&#x20AC;&#10;&quot;b</body><e:x e:a='1' b='2'><e:y/></e:x></message>`,
    );
    const got = await bob.receives`<message from='${alice}' type='chat'><body>a€
"b</body><x xmlns='urn:example:e' b='2'><y xmlns='urn:example:e'/></x></message>`;
    expect(got.attr('{urn:example:e}mood')).toBe('fine');
    expect(got.at('x').attr('{urn:example:e}a')).toBe('1');
  });
});
