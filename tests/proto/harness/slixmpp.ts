// Debian's slixmpp in a process of its own, told what to do in lines of JSON (../slixmpp_client.py).

import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { DEADLINE_MS, type Ports } from './client.ts';
import type { Account } from './login.ts';

const script = join(dirname(fileURLToPath(import.meta.url)), '../slixmpp_client.py');

/** Debian's own Python is the one that knows Debian's slixmpp, whatever stands before it in the path. */
const python = ['/usr/bin/python3', 'python3'].find(
  (p) => spawnSync(p, ['-c', 'import slixmpp'], { stdio: 'ignore' }).status === 0,
);
export const slixmppIsHere = python !== undefined;

export interface Happening {
  event: string;
  [fact: string]: unknown;
}

export interface SlixOptions {
  readonly account: Account;
  readonly how: 'starttls' | 'direct';
  readonly ports: Ports;
  /** The certificate of the authority that it trusts. */
  readonly trust: string;
}

export class Slix {
  readonly events: Happening[] = [];
  private wake: () => void = () => {};
  private err = '';
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;

  constructor({ account, how, ports, trust }: SlixOptions) {
    const port = how === 'direct' ? ports.c2sTls : ports.c2s;
    this.child = spawn(python!, [script, '127.0.0.1', String(port), account.jid, account.password, trust, how], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.events.push(JSON.parse(line) as Happening);
      this.wake();
    });
    this.child.stderr.on('data', (d) => {
      this.err += d;
    });
    this.child.on('exit', () => this.wake());
  }

  do(what: string, facts: Record<string, string> = {}): void {
    this.child.stdin.write(`${JSON.stringify({ do: what, ...facts })}\n`);
  }

  /** The first event that fits, taken out. */
  async sees(event: string, facts: Record<string, unknown> = {}): Promise<Happening> {
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      const at = this.events.findIndex((e) => e.event === event && Object.entries(facts).every(([k, v]) => e[k] === v));
      if (at >= 0) return this.events.splice(at, 1)[0]!;
      const left = deadline - performance.now();
      if (left <= 0 || this.child.exitCode !== null) {
        throw new Error(
          `slixmpp saw no ${event} ${JSON.stringify(facts)}, but ${JSON.stringify(this.events)}\n${this.err.slice(-3000)}`,
        );
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
