// The server under test: a real process with a configuration, a data directory and ports of its own. CONFAB_EXTERNAL
// names a JSON file instead that describes a server that runs already (another implementation, say, to see whether a
// dialogue is at fault or the server).

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Ports } from './client.ts';
import type { Account } from './login.ts';
import { type HeldPorts, holdPorts } from './ports.ts';

const here = dirname(fileURLToPath(import.meta.url));
// CONFAB_BUILD names a build directory, CONFABD the program itself.
const CONFABD = resolve(
  process.env.CONFABD ?? join(process.env.CONFAB_BUILD ?? join(here, '../../../build'), 'confabd'),
);
export const CONFABCTL = process.env.CONFABCTL ?? join(dirname(CONFABD), 'confabctl');

export type Config = Record<string, Record<string, string>>;

/** Cheap to compute on purpose: what is tested is the protocol, thousands of times. */
const ITERATIONS = 4096;
/** For a start and for an orderly end: as DEADLINE_MS, it ends a hang and judges nothing. */
const START_DEADLINE_MS = Number(process.env.CONFAB_START_MS ?? 60_000);

interface External extends Ports {
  /** A command whose %USER%, %DOMAIN% and %PASSWORD% are filled in. */
  readonly addUser: readonly string[];
}

function toIni(config: Config): string {
  const section = ([name, options]: [string, Record<string, string>]) =>
    `[${name}]\n${Object.entries(options)
      .map(([k, v]) => `${k} = ${v}\n`)
      .join('')}`;
  return Object.entries(config).map(section).join('\n');
}

function merge(base: Config, more: Config): Config {
  const all = { ...base };
  for (const [name, options] of Object.entries(more)) all[name] = { ...all[name], ...options };
  return all;
}

export class Server {
  readonly domain = 'chat.example';
  dir = '';
  ports!: Ports;
  /** What the server has logged so far. */
  log = '';
  private child: ChildProcess | undefined;
  private external: External | undefined;
  private config: Config = {};
  private held: HeldPorts | undefined;

  private constructor(private readonly more: Config) {}

  static async start(more: Config = {}): Promise<Server> {
    const server = new Server(more);
    if (process.env.CONFAB_EXTERNAL) {
      server.external = JSON.parse(readFileSync(process.env.CONFAB_EXTERNAL, 'utf8')) as External;
      server.ports = server.external;
      return server;
    }
    server.dir = mkdtempSync(join(tmpdir(), 'confab-proto-'));
    await server.choosePorts();
    await server.launch();
    return server;
  }

  private async choosePorts(): Promise<void> {
    this.held = await holdPorts(4);
    const [c2s, c2sTls, http, https] = this.held.ports as [number, number, number, number];
    this.ports = { domain: this.domain, c2s, c2sTls, http, https };
    const at = (port: number) => `127.0.0.1:${port}`;
    const base: Config = {
      server: {
        domain: this.domain,
        data_dir: join(this.dir, 'data'),
        shards: process.env.CONFAB_SHARDS ?? '4',
        gates: process.env.CONFAB_GATES ?? '2',
        allow_root: 'yes',
      },
      listen: { c2s: at(c2s), c2s_tls: at(c2sTls), http: at(http), https: at(https) },
      auth: { plaintext: 'loopback' },
      archive: { default: 'always' },
      limits: { rates: 'no' },
    };
    if (/^(yes|1|on)$/.test(process.env.CONFAB_RELAY ?? '')) base.debug = { relay: 'yes' };
    this.config = merge(base, this.more);
    writeFileSync(this.configFile, toIni(this.config));
  }

  get configFile(): string {
    return join(this.dir, 'confab.ini');
  }

  get pid(): number {
    return this.child!.pid!;
  }

  /** Starts the process on the data directory as it is and waits until it serves. */
  async launch(): Promise<void> {
    const child = spawn(CONFABD, ['--config', this.configFile], { stdio: ['ignore', 'ignore', 'pipe'], cwd: this.dir });
    this.child = child;
    const from = this.log.length;
    await new Promise<void>((resolve, reject) => {
      const give = (why: string) => reject(new Error(`confabd ${why}\n${this.log.slice(from)}`));
      const timer = setTimeout(() => give('was not ready in time'), START_DEADLINE_MS);
      const done = (f: () => void) => {
        clearTimeout(timer);
        f();
      };
      child.on('error', (err) => done(() => give(`did not start: ${err.message}`)));
      child.on('exit', (code, signal) => done(() => give(`ended with ${code ?? signal}`)));
      child.stderr!.setEncoding('utf8');
      child.stderr!.on('data', (text: string) => {
        this.log += text;
        if (/\bevent=ready\b/.test(this.log.slice(from))) done(resolve);
      });
    });
  }

  /** Ends it with a signal and waits for the end. SIGTERM must end it in order, with status 0. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return this.checkAlive();
    const exited = once(child, 'exit');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE_MS);
    const [code, by] = (await exited) as [number | null, string | null];
    clearTimeout(timer);
    this.child = undefined;
    if (signal === 'SIGTERM' && code !== 0)
      throw new Error(`confabd ended with ${code ?? by} on SIGTERM\n${this.log.slice(-4000)}`);
  }

  /** The death of a process is heard of a little later than its sockets are gone: a refused connection tells it at once. */
  async noticeDeath(): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const probe = net.connect({ port: this.ports.c2s, host: '127.0.0.1' });
    const refused = await new Promise<boolean>((resolve) => {
      probe.on('connect', () => resolve(false));
      probe.on('error', () => resolve(true));
    });
    probe.destroy();
    if (refused && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  /** Nothing that a test sends may end the server (promise 7). */
  checkAlive(): void {
    const child = this.child;
    if (child && (child.exitCode !== null || child.signalCode !== null)) {
      this.child = undefined;
      throw new Error(`confabd died: ${child.exitCode ?? child.signalCode}\n${this.log.slice(-8000)}`);
    }
  }

  /** After a crash: the same data, the same ports. */
  async restart(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.end(signal);
    await this.launch();
  }

  async dispose(): Promise<void> {
    if (this.external) return;
    try {
      await this.end();
    } finally {
      this.held?.release();
      if (process.env.CONFAB_KEEP !== 'yes') rmSync(this.dir, { recursive: true, force: true });
    }
  }

  /** Runs confabctl; resolves to its standard output. */
  async ctl(args: readonly string[], input = ''): Promise<string> {
    return run(CONFABCTL, ['--config', this.configFile, ...args], input);
  }

  async addAccounts(names: readonly string[]): Promise<Account[]> {
    const domain = this.ports.domain;
    const accounts = names.map((name) => ({ name, jid: `${name}@${domain}`, password: `secret of ${name}` }));
    if (this.external) {
      for (const a of accounts) {
        const fill = (s: string) =>
          s.replace('%USER%', a.name).replace('%DOMAIN%', domain).replace('%PASSWORD%', a.password);
        const [command, ...args] = this.external.addUser.map(fill);
        await run(command!, args, '');
      }
    } else {
      const lines = accounts.map((a) => `${a.jid} ${a.password}\n`).join('');
      await this.ctl(['user', 'add', '--batch', '--iterations', String(ITERATIONS)], lines);
    }
    return accounts;
  }
}

async function run(command: string, args: readonly string[], input: string): Promise<string> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (d) => {
    out += d;
  });
  child.stderr.on('data', (d) => {
    err += d;
  });
  // A command that ends without reading its input is told by its status.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: status ${code}\n${err}${out}`);
  return out;
}
