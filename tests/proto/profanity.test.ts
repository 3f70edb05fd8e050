// Debian's Profanity: signs in over verified TLS, sees presence, talks, sends a file and takes one. Beside the app: app/profanity.test.ts.

import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { type Account, eventually, filesOf, makeCa, useServer, x } from './harness/index.ts';
import { Profanity, profanityIsHere } from './harness/profanity.ts';

const DOMAIN = 'chat.example';
const ca = makeCa(DOMAIN);
const stage = useServer({ tls: { certificate: ca.certificate, key: ca.key }, auth: { plaintext: 'never' } });

function openProfanity(account: Account, policy: 'force' | 'legacy', proxy?: string): Profanity {
  const p = new Profanity({ account, policy, ports: stage.ports, trust: ca.folder, ...(proxy ? { proxy } : {}) });
  open.push(p);
  return p;
}

let open: Profanity[] = [];
afterAll(() => ca.remove());
afterEach(() => {
  for (const p of open) p.end();
  open = [];
});

describe.skipIf(!profanityIsHere).each(['force', 'legacy'] as const)('Profanity, TLS policy %s', (policy) => {
  test('signs in, sees presence and talks, both ways', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const bob = await stage.signIn(b, { presence: true, transport: 'tls' });
    const profanity = openProfanity(a, policy);
    await bob.pick(x`<presence from='${a.jid}/profanity'/>`);
    await profanity.shows(new RegExp(`${b.name}`));
    bob.sends`<presence><show>away</show><status>lunch</status></presence>`;
    await profanity.shows(new RegExp(`${b.name}.*(away|lunch)`));
    profanity.type(`/msg ${b.jid} hello from a terminal`);
    await bob.pick(x`<message from='${a.jid}/profanity' type='chat'><body>hello from a terminal</body></message>`);
    bob.sends`<message to='${a.jid}/profanity' type='chat' id='r'><body>hello, terminal</body></message>`;
    await profanity.shows(/hello, terminal/);
    profanity.type('/quit');
    await bob.pick(x`<presence from='${a.jid}/profanity' type='unavailable'/>`);
  });
});

/** Leads those who ask for the server by its name, which no name server knows, to where it listens. */
async function nameServer(): Promise<{ url: string; close(): void }> {
  const proxy = http.createServer((_, answer) => answer.writeHead(403).end());
  proxy.on('connect', (request, socket) => {
    const [host, port] = request.url!.split(':');
    if (host !== DOMAIN) return socket.destroy();
    const onward = net.connect(Number(port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    const end = () => {
      socket.destroy();
      onward.destroy();
    };
    for (const side of [socket, onward]) side.on('error', end);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return { url: `http://127.0.0.1:${(proxy.address() as net.AddressInfo).port}`, close: () => proxy.close() };
}

describe.skipIf(!profanityIsHere)('Profanity', () => {
  const { slot, request, put } = filesOf(stage);

  test('sends a file, and saves one that our app sends', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const bob = await stage.signIn(b, { presence: true, transport: 'tls' });
    const names = await nameServer();
    try {
      const profanity = openProfanity(a, 'force', names.url);
      await bob.pick(x`<presence from='${a.jid}/profanity'/>`);
      profanity.type(`/msg ${b.jid}`);
      const picture = join(profanity.home, 'a picture (1).png');
      const bytes = Buffer.from('not really a picture, but so it is called'.repeat(1000));
      writeFileSync(picture, bytes);
      await profanity.sendsFile(picture);
      const told = await bob.pick(
        x`<message from='${a.jid}/profanity' type='chat'><x xmlns='jabber:x:oob'/></message>`,
      );
      const url = told.at('body').text;
      expect(told.at('x').at('url').text).toBe(url);
      const got = await request(new URL(url));
      expect(got.status).toBe(200);
      expect(got.body.equals(bytes)).toBe(true);

      const s = await slot(bob, 'Bericht für dich.pdf', bytes.length, 'application/pdf');
      expect((await put(s, bytes, 'application/pdf')).status).toBe(201);
      const file = x`<file xmlns='urn:xmpp:file:metadata:0'><media-type>application/pdf</media-type><name>Bericht für dich.pdf</name><size>${bytes.length}</size></file>`;
      const sources = x`<sources><url-data xmlns='http://jabber.org/protocol/url-data' target='${s.get.href}'/></sources>`;
      const share = `<file-sharing xmlns='urn:xmpp:sfs:0' disposition='inline'>${file}${sources}</file-sharing>`;
      const older = x`<x xmlns='jabber:x:oob'><url>${s.get.href}</url></x>`;
      const mark = `<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:sfs:0'><body/></fallback>`;
      bob.send(
        `${x`<message to='${a.jid}' type='chat' id='f'><body>${s.get.href}</body>`}${share}${mark}${older}</message>`,
      );
      await profanity.shows(/Bericht%20f%C3%BCr%20dich\.pdf/);
      const saved = join(profanity.home, 'saved.pdf');
      profanity.type(`/url save ${s.get.href} ${saved}`);
      await eventually(() => existsSync(saved) && readFileSync(saved).equals(bytes));
    } finally {
      names.close();
    }
  });
});
