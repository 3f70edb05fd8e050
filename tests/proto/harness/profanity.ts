// Debian's Profanity, the terminal client, in a terminal (tmux), driven as a person drives it: lines typed, a screen looked at.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEADLINE_MS, type Ports } from './client.ts';
import type { Account } from './login.ts';

export const profanityIsHere = ['tmux', 'profanity'].every(
  (p) => spawnSync(p, [p === 'tmux' ? '-V' : '--version'], { stdio: 'ignore' }).status === 0,
);

export interface ProfanityOptions {
  readonly account: Account;
  readonly policy: 'force' | 'legacy';
  readonly ports: Ports;
  /** A folder with the certificates that it trusts. */
  readonly trust: string;
  /** An address that its requests for files go through. */
  readonly proxy?: string;
}

export class Profanity {
  readonly home = mkdtempSync(join(tmpdir(), 'confab-profanity-'));
  private readonly socket = join(this.home, 'tmux');

  constructor({ account, policy, ports, trust, proxy }: ProfanityOptions) {
    const share = join(this.home, '.local/share/profanity');
    const config = join(this.home, '.config/profanity');
    mkdirSync(share, { recursive: true });
    mkdirSync(config, { recursive: true });
    const port = policy === 'legacy' ? ports.c2sTls : ports.c2s;
    writeFileSync(
      join(share, 'accounts'),
      `[test]\nenabled=true\njid=${account.jid}\nresource=profanity\nserver=127.0.0.1\nport=${port}\npassword=${account.password}\ntls.policy=${policy}\npresence.last=online\npresence.login=online\n`,
      { mode: 0o600 },
    );
    writeFileSync(
      join(config, 'profrc'),
      `[ui]\nsplash=false\n[connection]\ntls.certpath=${trust}\nreconnect=1\n[tls]\ncertpath=${trust}\n[notifications]\nmessage=off\n`,
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
