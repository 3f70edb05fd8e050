// Debian's Profanity, the terminal client, in a terminal (tmux): signs in over verified TLS, sees presence, talks.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, test } from 'vitest';
import { type Account, DEADLINE_MS, makeCa, useServer, x } from './harness/index.ts';

const DOMAIN = 'chat.example';
const ca = makeCa(DOMAIN);
const stage = useServer({ tls: { certificate: ca.certificate, key: ca.key }, auth: { plaintext: 'never' } });

const installed = ['tmux', 'profanity'].every(
  (p) => spawnSync(p, [p === 'tmux' ? '-V' : '--version'], { stdio: 'ignore' }).status === 0,
);

class Profanity {
  private readonly home = mkdtempSync(join(tmpdir(), 'confab-profanity-'));
  private readonly socket = join(this.home, 'tmux');

  constructor(account: Account, policy: 'force' | 'legacy') {
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
    this.tmux('new-session', '-d', '-x', '160', '-y', '40', 'profanity -a test');
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
