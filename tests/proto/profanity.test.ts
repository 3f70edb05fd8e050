// Debian's Profanity, the terminal client, in a terminal (tmux): signs in over verified TLS, sees presence, talks, sends
// a file and takes one.

import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { type Account, DEADLINE_MS, eventually, filesOf, makeCa, useServer, x } from './harness/index.ts';

const DOMAIN = 'chat.example';
const ca = makeCa(DOMAIN);
const stage = useServer({ tls: { certificate: ca.certificate, key: ca.key }, auth: { plaintext: 'never' } });

const installed = ['tmux', 'profanity'].every(
  (p) => spawnSync(p, [p === 'tmux' ? '-V' : '--version'], { stdio: 'ignore' }).status === 0,
);

class Profanity {
  readonly home = mkdtempSync(join(tmpdir(), 'confab-profanity-'));
  private readonly socket = join(this.home, 'tmux');

  /** `proxy`: an address that its requests for files go through. */
  constructor(account: Account, policy: 'force' | 'legacy', proxy?: string) {
    const share = join(this.home, '.local/share/profanity');
    const config = join(this.home, '.config/profanity');
    mkdirSync(share, { recursive: true });
    mkdirSync(config, { recursive: true });
    const port = policy === 'legacy' ? stage.ports.c2sTls : stage.ports.c2s;
    writeFileSync(
      join(share, 'accounts'),
      `[test]\nenabled=true\njid=${account.jid}\nresource=profanity\nserver=127.0.0.1\nport=${port}\npassword=${account.password}\ntls.policy=${policy}\npresence.last=online\npresence.login=online\n`,
      { mode: 0o600 },
    );
    writeFileSync(
      join(config, 'profrc'),
      `[ui]\nsplash=false\n[connection]\ntls.certpath=${ca.folder}\n[tls]\ncertpath=${ca.folder}\n[notifications]\nmessage=off\n`,
    );
    const env = proxy ? `env https_proxy=${proxy} ` : '';
    this.tmux('new-session', '-d', '-x', '160', '-y', '40', `${env}profanity -a test`);
  }

  private tmux(...args: string[]): string {
    return execFileSync('tmux', ['-S', this.socket, '-f', '/dev/null', ...args], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: this.home, TERM: 'xterm-256color', LANG: 'C.UTF-8' },
    });
  }

  type(line: string): void {
    this.tmux('send-keys', '-l', line);
    this.tmux('send-keys', 'Enter');
  }

  screen(): string {
    return this.tmux('capture-pane', '-p');
  }

  /** A terminal tells nobody when it changes, so it is looked at again and again until the text is there. */
  async shows(text: RegExp): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      const screen = this.screen();
      if (text.test(screen)) return;
      if (performance.now() > deadline) throw new Error(`Profanity does not show ${text}:\n${screen}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** It asks after it has signed in what the server can, and tells nobody when it knows: until then it refuses. */
  async sendsFile(path: string): Promise<void> {
    const refusals = () => this.screen().match(/HTTP File Upload is not supported/g)?.length ?? 0;
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      const before = refusals();
      this.type(`/sendfile "${path}"`);
      while (!/Uploading|\/files\//.test(this.screen()) && refusals() === before) {
        if (performance.now() > deadline) throw new Error(`Profanity sends no file:\n${this.screen()}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      if (refusals() === before) return;
      this.type('/clear');
    }
  }

  end(): void {
    try {
      this.tmux('kill-server');
    } catch {
      // It had ended by itself.
    }
    rmSync(this.home, { recursive: true, force: true });
  }
}

let open: Profanity[] = [];
afterAll(() => ca.remove());
afterEach(() => {
  for (const p of open) p.end();
  open = [];
});

describe.skipIf(!installed).each(['force', 'legacy'] as const)('Profanity, TLS policy %s', (policy) => {
  test('signs in, sees presence and talks, both ways', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const bob = await stage.signIn(b, { presence: true, transport: 'tls' });
    const profanity = new Profanity(a, policy);
    open.push(profanity);
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

describe.skipIf(!installed)('Profanity', () => {
  const { slot, request, put } = filesOf(stage);

  test('sends a file, and saves one that our app sends', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const bob = await stage.signIn(b, { presence: true, transport: 'tls' });
    const names = await nameServer();
    try {
      const profanity = new Profanity(a, 'force', names.url);
      open.push(profanity);
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
