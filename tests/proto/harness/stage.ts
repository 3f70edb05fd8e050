// The stage of a test file: one server for all its tests, fresh accounts for each, so that no test sees another.

import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { Client, type Ports, type Transport } from './client.ts';
import { type Account, DEFAULT_TRANSPORT, enableSm, loginLegacy, loginModern, type Sasl2Options } from './login.ts';
import { type Config, Server } from './server.ts';
import { beginTranscript } from './transcript.ts';
import { type El, NS, x } from './xml.ts';

export interface SignInOptions {
  resource?: string;
  transport?: Transport;
  /** Ask for the roster, so that pushes come. */
  roster?: boolean;
  /** Initial presence: true, or the children and attributes of it. */
  presence?: boolean | string;
  priority?: number;
  sm?: boolean;
}

/** Unique names, from one file to the next too (an external server is shared). */
const run = process.env.CONFAB_EXTERNAL ? Date.now().toString(36) : '';
let serial = 0;

export class Stage {
  server!: Server;
  /** How those sign in who do not care: on a server that wants TLS, over TLS. */
  readonly transport: Transport;
  private readonly clients: Client[] = [];

  constructor(config: Config = {}) {
    this.transport = config.auth?.plaintext === 'never' ? 'tls' : DEFAULT_TRANSPORT;
  }

  get ports(): Ports {
    return this.server.ports;
  }

  get domain(): string {
    return this.server.ports.domain;
  }

  /** New accounts; the names say who they are, a number makes them unique. */
  async accounts<N extends string[]>(...names: N): Promise<{ [K in keyof N]: Account }> {
    const unique = names.map((n) => `${n}${run}${++serial}`);
    return (await this.server.addAccounts(unique)) as { [K in keyof N]: Account };
  }

  /** A JID of this server that nobody has. */
  nobody(): string {
    return `nobody${run}${++serial}@${this.domain}`;
  }

  async connect(label = 'someone', transport: Transport = this.transport): Promise<Client> {
    const c = await Client.connect(label, this.ports, transport);
    this.clients.push(c);
    return c;
  }

  /** Remembers a client that was made elsewhere, to be closed after the test. */
  adopt(c: Client): Client {
    this.clients.push(c);
    return c;
  }

  /** Signs in as RFC 6120 clients do. Without options: connected, not available, not interested in the roster. */
  async signIn(account: Account, o: SignInOptions = {}): Promise<Client> {
    const c = await this.connect(account.name, o.transport);
    await loginLegacy(c, account, o.resource ?? 'one');
    if (o.sm) await enableSm(c);
    if (o.roster) await c.get(`<query xmlns='${NS.roster}'/>`);
    if (o.presence !== undefined || o.priority !== undefined) await this.available(c, o);
    return c;
  }

  /** Initial presence; waits until it comes back, as it does to all resources of the user (RFC 6121 4.2.2). */
  async available(c: Client, o: SignInOptions = {}): Promise<El> {
    const inner = typeof o.presence === 'string' ? o.presence : '';
    const priority = o.priority === undefined ? '' : x`<priority>${o.priority}</priority>`;
    c.send(`<presence>${inner}${priority}</presence>`);
    return c.pick(x`<presence from='${c}'/>`);
  }

  /** Signs in as a modern client does: SASL2, Bind 2, stream management. */
  async signInModern(account: Account, o: Sasl2Options & { transport?: Transport } = {}): Promise<Client> {
    const c = await this.connect(account.name, o.transport);
    await loginModern(c, account, o);
    return c;
  }

  /** One account for each name, each signed in once. */
  async cast<N extends string[]>(...names: N): Promise<{ [K in keyof N]: Client }> {
    return this.castWith({}, ...names);
  }

  async castWith<N extends string[]>(o: SignInOptions, ...names: N): Promise<{ [K in keyof N]: Client }> {
    const accounts = await this.accounts(...names);
    return (await Promise.all(accounts.map((a) => this.signIn(a, o)))) as { [K in keyof N]: Client };
  }

  /** Both see each other's presence afterwards. Done with sessions of its own, which are gone when it returns. */
  async befriend(a: Account, b: Account): Promise<void> {
    const one = await this.signIn(a, { resource: 'setup', roster: true, presence: true });
    const two = await this.signIn(b, { resource: 'setup', roster: true, presence: true });
    await subscribe(one, two);
    await subscribe(two, one);
    await one.close();
    await two.close();
  }

  /** `watcher` sees the presence of `watched`, not the other way round. */
  async follow(watcher: Account, watched: Account): Promise<void> {
    const one = await this.signIn(watcher, { resource: 'setup', roster: true, presence: true });
    const two = await this.signIn(watched, { resource: 'setup', roster: true, presence: true });
    await subscribe(one, two);
    await one.close();
    await two.close();
  }

  async endOfTest(): Promise<void> {
    for (const c of this.clients.splice(0)) c.kill();
    await this.server.noticeDeath();
    try {
      this.server.checkAlive();
    } catch (err) {
      // That is the failure of this test alone: the next one gets a server.
      await this.server.launch();
      throw err;
    }
  }
}

/** `watcher` asks, `watched` agrees; both are available and interested. */
export async function subscribe(watcher: Client, watched: Client): Promise<void> {
  watcher.sends`<presence type='subscribe' to='${watched.bare}'/>`;
  await watched.pick(x`<presence type='subscribe' from='${watcher.bare}'/>`);
  watched.sends`<presence type='subscribed' to='${watcher.bare}'/>`;
  await watcher.pick(x`<presence type='subscribed' from='${watched.bare}'/>`);
  await watcher.settle(watched);
  await watched.settle(watcher);
}

/** One server for the tests of this file. */
export function useServer(config: Config = {}): Stage {
  const stage = new Stage(config);
  beforeAll(async () => {
    stage.server = await Server.start(config);
  });
  beforeEach(() => beginTranscript());
  afterEach(() => stage.endOfTest());
  afterAll(() => stage.server?.dispose());
  return stage;
}
