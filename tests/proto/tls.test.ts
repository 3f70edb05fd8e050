// TLS from the start (XEP-0368) and by STARTTLS (RFC 6120 section 5), on a server that wants it from everybody.

import { once } from 'node:events';
import tls from 'node:tls';
import { describe, expect, test } from 'vitest';
import { Client, loginLegacy, NS, negotiate, sasl1, useServer, Wire, x } from './harness/index.ts';

const stage = useServer({ auth: { plaintext: 'never' } });

describe('without TLS', () => {
  test('TLS is required and no mechanism is offered', async () => {
    const c = await stage.connect('someone', 'tcp');
    const features = await negotiate(c);
    expect(features.at('starttls').ns).toBe(NS.tls);
    expect(features.at('starttls').child('required')).toBeDefined();
    expect(features.child('mechanisms')).toBeUndefined();
    expect(features.child('authentication')).toBeUndefined();
  });

  test('signing in fails', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('someone', 'tcp');
    await negotiate(c);
    c.sendRaw(
      x`<auth xmlns='${NS.sasl}' mechanism='PLAIN'>${Buffer.from(`\0${alice.name}\0${alice.password}`).toString('base64')}</auth>`,
    );
    const got = await c.nextElement();
    expect(got.name === 'failure' || got.name === 'error').toBe(true);
    if (got.name === 'failure') expect(got.elements()[0]!.name).toMatch(/encryption-required|invalid-mechanism/);
  });

  test('a WebSocket without TLS cannot sign in either', async () => {
    const c = await stage.connect('someone', 'ws');
    c.open();
    await c.expectOpen();
    const item = await c.next();
    if (item.kind === 'element' && item.el.name === 'features') {
      expect(item.el.child('mechanisms')).toBeUndefined();
      expect(item.el.child('authentication')).toBeUndefined();
      // TLS of a WebSocket is below it (RFC 7395 3.2).
      expect(item.el.child('starttls')).toBeUndefined();
    }
  });
});

describe('STARTTLS', () => {
  test('proceeds, and signing in works behind it', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice', 'starttls');
    await loginLegacy(c, alice);
    expect(c.jid).toContain(alice.jid);
  });

  test('is not offered again behind TLS', async () => {
    const c = await stage.connect('someone', 'starttls');
    const features = await negotiate(c);
    expect(features.child('starttls')).toBeUndefined();
    expect(features.at('authentication').all('mechanism').length).toBeGreaterThan(0);
    expect(features.at('mechanisms').all('mechanism').length).toBeGreaterThan(0);
  });

  test('plain text injected behind <starttls/> is never taken for something said inside TLS', async () => {
    const c = await stage.connect('mallory', 'tcp');
    await negotiate(c);
    // All in one write, as someone in the middle would do who waits for the victim's TLS.
    c.sendRaw(
      x`<starttls xmlns='${NS.tls}'/><stream:stream xmlns='${NS.client}' xmlns:stream='${NS.stream}' to='${stage.domain}' version='1.0'>`,
    );
    const got = await c.next();
    if (got.kind !== 'element' || got.el.name !== 'proceed') return;
    // The handshake fails, or what was injected is thrown away: then exactly one stream begins behind TLS, ours.
    const up = await c.startTls().then(
      () => true,
      () => false,
    );
    if (!up) return;
    const [alice] = await stage.accounts('alice');
    c.open();
    await c.expectOpen();
    await c.expectFeatures();
    expect((await sasl1(c, alice.name, alice.password)).name).toBe('success');
    c.open();
    await c.expectOpen();
    await c.expectFeatures();
    expect(c.inbox).toEqual([]);
  });

  test('twice is an error', async () => {
    const c = await stage.connect('someone', 'starttls');
    await negotiate(c);
    c.sendRaw(`<starttls xmlns='${NS.tls}'/>`);
    const got = await c.nextElement();
    expect(['failure', 'error']).toContain(got.name);
    await c.expectClosed();
  });

  test('a broken handshake ends the connection', async () => {
    const c = await stage.connect('someone', 'tcp');
    await negotiate(c);
    c.sendRaw(`<starttls xmlns='${NS.tls}'/>`);
    await c.expect(`<proceed xmlns='${NS.tls}'/>`);
    c.bytes.onData = () => {};
    c.bytes.write('this is no ClientHello, and it is long enough to be seen as something else');
    await c.expectEnded();
  });
});

describe('direct TLS', () => {
  test('with ALPN xmpp-client', async () => {
    const c = await stage.connect('someone', 'tls');
    expect(c.bytes.tlsFacts.alpn).toBe('xmpp-client');
    const features = await negotiate(c);
    expect(features.child('starttls')).toBeUndefined();
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', async (version) => {
    const [alice] = await stage.accounts('alice');
    const c = new Client('alice', stage.ports, 'tls');
    c.attach(
      await Wire.tls(stage.ports.c2sTls, {
        servername: stage.domain,
        ALPNProtocols: ['xmpp-client'],
        minVersion: version,
        maxVersion: version,
      }),
    );
    stage.adopt(c);
    expect(c.bytes.tlsFacts.version).toBe(version);
    await loginLegacy(c, alice);
    await c.ping();
  });

  test('without ALPN, for clients that do not know it', async () => {
    const c = stage.adopt(new Client('someone', stage.ports, 'tls'));
    c.attach(await Wire.tls(stage.ports.c2sTls, { servername: stage.domain }));
    await negotiate(c);
  });

  test('a protocol that is not ours is refused (RFC 7301 3.2)', async () => {
    await expect(Wire.tls(stage.ports.c2sTls, { servername: stage.domain, ALPNProtocols: ['h2'] })).rejects.toThrow();
  });

  test('the certificate is for our domain', async () => {
    const socket = tls.connect({
      port: stage.ports.c2sTls,
      host: '127.0.0.1',
      servername: stage.domain,
      rejectUnauthorized: false,
    });
    await once(socket, 'secureConnect');
    const cert = socket.getPeerCertificate();
    expect(tls.checkServerIdentity(stage.domain, cert)).toBeUndefined();
    socket.destroy();
  });

  test('half a handshake disturbs nobody', async () => {
    const half = await Wire.tcp(stage.ports.c2sTls);
    half.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
    const [alice] = await stage.accounts('alice');
    const c = await stage.connect('alice', 'tls');
    await loginLegacy(c, alice);
    half.destroy();
  });

  test('XMPP without TLS on the port of TLS ends', async () => {
    const wire = await Wire.tcp(stage.ports.c2sTls);
    const ended = new Promise<void>((resolve) => {
      wire.onEnd = resolve;
    });
    wire.write("<?xml version='1.0'?><stream:stream to='chat.example'>");
    await ended;
  });
});
