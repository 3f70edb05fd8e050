// The app above the accounts: who is signed in here, whose session is on screen, the settings of this browser.
import { signal } from '@preact/signals';
import { lastAccount, listAccounts, loadSettings, putAccount, saveLastAccount, saveSettings } from '../db/app';
import { type AppDb, openAppDb } from '../db/schema';
import { typedAddress } from '../xmpp/jid';
import { askServer, checkPassword, makeAccount, SOFTWARE } from './access';
import { choicesOf } from './choices';
import { browserEnv, type Env } from './env';
import { connectFailure, fail, registerFailure } from './failures';
import type { Account, Address, App, Failure, Session, Settings, SignInOptions } from './model';
import { AccountSession } from './session';
import { shortName } from './state';

const DEFAULTS: Settings = {
  theme: 'system',
  textSize: 100,
  sound: true,
};

type AppEvent = { type: 'settings'; settings: Settings } | { type: 'accounts' };

export class ConfabApp implements App {
  readonly ready = signal(false);
  readonly accounts = signal<readonly Account[]>([]);
  readonly session = signal<Session | undefined>(undefined);
  readonly settings = signal<Settings>(DEFAULTS);
  readonly domain;
  readonly registrationOpen = signal<boolean | undefined>(undefined);
  /** Settles when the cache has been read. */
  readonly started: Promise<void>;
  private db!: AppDb;
  private readonly sessions = new Map<Address, AccountSession>();
  private readonly channel: BroadcastChannel;
  private asking: Promise<void> | undefined;

  constructor(private readonly env: Env) {
    this.domain = signal(env.host);
    this.channel = env.channel('confab');
    this.channel.onmessage = (event: MessageEvent) => this.told(event.data as AppEvent);
    this.started = this.start();
  }

  private async start(): Promise<void> {
    this.db = await openAppDb();
    this.settings.value = { ...DEFAULTS, ...(await loadSettings(this.db)) };
    // Kept from the last time, because sessions need it before the server has been asked.
    const domain = await this.db.get('settings', 'domain');
    if (typeof domain === 'string') this.domain.value = domain;
    await this.readAccounts();
    const last = await lastAccount(this.db);
    const shown = this.sessions.get(last ?? '') ?? this.sessions.values().next().value;
    if (shown) {
      await shown.opened;
      this.session.value = shown;
    } else void this.ask();
    this.ready.value = true;
  }

  /** All accounts are connected, so that a message to any of them is noticed. */
  private async readAccounts(): Promise<void> {
    const rows = await listAccounts(this.db);
    for (const row of rows) {
      if (this.sessions.has(row.address)) continue;
      const { address } = row;
      this.sessions.set(
        address,
        new AccountSession({
          row,
          env: this.env,
          choices: choicesOf(this.settings.peek()),
          ownDomain: () => this.domain.peek(),
          reload: () => this.db.get('accounts', address),
          saveKeys: async (_, keys) => {
            const now = await this.db.get('accounts', address);
            if (now) await this.db.put('accounts', { ...now, keys });
          },
          saveToken: async (_, token) => {
            const now = await this.db.get('accounts', address);
            if (!now) return;
            const { token: _old, ...rest } = now;
            await this.db.put('accounts', token ? { ...rest, token } : rest);
          },
          forget: () => this.forget(address),
        }),
      );
    }
    const known = new Set(rows.map((r) => r.address));
    for (const [address, session] of this.sessions) {
      if (known.has(address)) continue;
      this.sessions.delete(address);
      void session.close();
    }
    this.accounts.value = [...this.sessions.values()].map((s) => s.account);
  }

  setSettings(change: Partial<Settings>): void {
    this.settings.value = { ...this.settings.peek(), ...change };
    const settings = this.settings.peek();
    this.channel.postMessage({ type: 'settings', settings } satisfies AppEvent);
    void this.started.then(() => saveSettings(this.db, settings)).catch(console.error);
  }

  async signIn(options: SignInOptions): Promise<Failure | undefined> {
    await this.started;
    await this.asking?.catch(() => {});
    const address = typedAddress(options.address, this.domain.peek());
    if (!address) return fail('refused', 'This is not an address. It looks like name or name@example.org.');
    if (options.password === '') return fail('refused', 'Type your password.');
    try {
      const old = await this.db.get('accounts', address);
      const deviceId = old?.deviceId ?? this.env.newId();
      const userAgent = { id: deviceId, software: SOFTWARE, device: this.env.device };
      const keys = await checkPassword(this.env, this.domain.peek(), address, options.password, userAgent);
      await putAccount(this.db, { address, name: shortName(address), deviceId, keys });
    } catch (e) {
      return connectFailure(e);
    }
    this.env.persist();
    const known = this.sessions.get(address);
    await this.readAccounts();
    if (known) await known.keysChanged(true);
    this.channel.postMessage({ type: 'accounts' } satisfies AppEvent);
    await this.show(address);
    return undefined;
  }

  async register(options: SignInOptions): Promise<Failure | undefined> {
    await this.started;
    await this.asking?.catch(() => {});
    const address = typedAddress(options.address, this.domain.peek());
    if (!address) return fail('not-allowed', 'This name cannot be used. Take letters, digits, dots and dashes.');
    if (options.password === '') return fail('not-allowed', 'Choose a password.');
    try {
      await makeAccount(this.env, this.domain.peek(), address, options.password);
    } catch (e) {
      return registerFailure(e);
    }
    return this.signIn({ address, password: options.password });
  }

  switchAccount(address: Address): void {
    void this.show(address).catch(console.error);
  }

  addAccount(): void {
    this.session.value = undefined;
    void this.ask();
  }

  /** Lets go of everything, as closing the tab would. */
  async close(): Promise<void> {
    await this.started.catch(() => {});
    for (const session of this.sessions.values()) await session.close();
    this.channel.close();
    this.db?.close();
  }

  private async show(address: Address): Promise<void> {
    const session = this.sessions.get(address);
    if (!session) return;
    await session.opened;
    this.session.value = session;
    await saveLastAccount(this.db, address);
  }

  /** What the server is called and whether it takes new people; for the sign-in view. */
  private ask(): Promise<void> {
    this.asking ??= askServer(this.env, this.domain.peek())
      .then(async (facts) => {
        this.domain.value = facts.domain;
        this.registrationOpen.value = facts.registration;
        await this.db.put('settings', facts.domain, 'domain');
      })
      .catch(() => {
        // Unreachable: signing in will say so in words.
      })
      .finally(() => {
        this.asking = undefined;
      });
    return this.asking;
  }

  private async forget(address: Address): Promise<void> {
    await this.db.delete('accounts', address);
    this.sessions.delete(address);
    this.accounts.value = [...this.sessions.values()].map((s) => s.account);
    if (this.session.peek()?.account.address === address) {
      const next = this.sessions.values().next().value;
      this.session.value = next;
      if (!next) void this.ask();
    }
    this.channel.postMessage({ type: 'accounts' } satisfies AppEvent);
  }

  private told(event: AppEvent): void {
    if (event.type === 'settings') this.settings.value = event.settings;
    else if (this.ready.peek()) void this.readAccounts().catch(console.error);
  }
}

export function createApp(env: Env = browserEnv()): App {
  return new ConfabApp(env);
}
