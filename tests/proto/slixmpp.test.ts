// Debian's slixmpp, as people have it: signs in over verified TLS, sees presence, talks, reads the archive.

import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Account, DEADLINE_MS, makeCa, useServer, x } from './harness/index.ts';

const DOMAIN = 'chat.example';
const ca = makeCa(DOMAIN);
const stage = useServer({ tls: { certificate: ca.certificate, key: ca.key }, auth: { plaintext: 'never' } });
const script = join(dirname(fileURLToPath(import.meta.url)), 'slixmpp_client.py');

/** Debian's own Python is the one that knows Debian's slixmpp, whatever stands before it in the path. */
const python = ['/usr/bin/python3', 'python3'].find(
  (p) => spawnSync(p, ['-c', 'import slixmpp'], { stdio: 'ignore' }).status === 0,
);
const installed = python !== undefined;

interface Happening {
  event: string;
  [fact: string]: unknown;
}

class Slix {
  readonly events: Happening[] = [];
  private wake: () => void = () => {};
  private err = '';
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;

  constructor(account: Account, how: 'starttls' | 'direct', trust = ca.ca) {
    const port = how === 'direct' ? stage.ports.c2sTls : stage.ports.c2s;
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
    all.push(this);
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

const all: Slix[] = [];
const endAll = () => {
  for (const s of all.splice(0)) s.child.kill();
};
afterEach(endAll);
afterAll(() => {
  endAll();
  ca.remove();
});

describe.skipIf(!installed).each(['starttls', 'direct'] as const)('slixmpp over %s', (how) => {
  test('signs in and talks with another client, both ways', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    await stage.befriend(a, b);
    const bob = await stage.signIn(b, { presence: true, transport: 'tls' });
    const slix = new Slix(a, how);
    const started = await slix.sees('started');
    expect(started.tls).toMatch(/^TLSv1\.[23]$/);
    const me = started.jid as string;
    await bob.pick(x`<presence from='${me}'/>`);
    await slix.sees('presence', { jid: bob.jid });
    slix.do('say', { to: b.jid, body: 'hello from Python: <&> é 👍' });
    await bob.pick(x`<message from='${me}' type='chat'><body>hello from Python: &lt;&amp;&gt; é 👍</body></message>`);
    bob.sends`<message to='${a.jid}' type='chat' id='r'><body>hello from the tests: &lt;&amp;&gt; é 👍</body></message>`;
    await slix.sees('message', { jid: bob.jid, body: 'hello from the tests: <&> é 👍' });
    slix.do('ping', { to: stage.domain });
    await slix.sees('pong', { ok: true });
    slix.do('archive');
    expect((await slix.sees('archive')).bodies).toEqual([
      'hello from Python: <&> é 👍',
      'hello from the tests: <&> é 👍',
    ]);
    slix.do('quit');
    await bob.pick(x`<presence from='${me}' type='unavailable'/>`);
  });

  test('two of them become contacts', async () => {
    const [a, b] = await stage.accounts('alice', 'bob');
    const one = new Slix(a, how);
    const two = new Slix(b, how);
    await one.sees('started');
    await two.sees('started');
    one.do('subscribe', { to: b.jid });
    await two.sees('subscribe', { jid: a.jid });
    two.do('approve', { to: a.jid });
    await one.sees('presence', { type: 'available' });
  });
});

describe.skipIf(!installed)('slixmpp', () => {
  test('does not sign in where it does not trust the certificate', async () => {
    const [a] = await stage.accounts('alice');
    const other = makeCa(DOMAIN);
    const slix = new Slix(a, 'starttls', other.ca);
    onTestFinished(() => other.remove());
    await slix.sees('bad_certificate').catch(() => slix.sees('disconnected'));
    expect(slix.events.filter((e) => e.event === 'started')).toEqual([]);
  });

  test('is told that the password is wrong', async () => {
    const [a] = await stage.accounts('alice');
    const slix = new Slix({ ...a, password: 'wrong' }, 'starttls');
    await slix.sees('failed_auth');
  });
});
