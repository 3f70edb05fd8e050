// A browser for the store: tabs that share locks and channels, an IndexedDB in memory, one server behind every address.
import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import type { Env, Http } from '../src/store/env';
import type { OpenSocket } from '../src/xmpp/stream';

/** What is at the other end: the fake server, or the road to a real one. */
export interface Behind {
  readonly domain: string;
  readonly open: OpenSocket;
  readonly http: Http;
}

class FakeChannel {
  onmessage: ((event: MessageEvent) => void) | null = null;
  constructor(
    private readonly name: string,
    private readonly all: Set<FakeChannel>,
  ) {
    all.add(this);
  }
  postMessage(data: unknown): void {
    const copy = structuredClone(data);
    for (const other of this.all) {
      if (other === this || other.name !== this.name) continue;
      queueMicrotask(() => other.onmessage?.({ data: copy } as MessageEvent));
    }
  }
  close(): void {
    this.all.delete(this);
  }
}

/** Exclusive locks, first come first served. */
class FakeLocks {
  private readonly held = new Map<string, Promise<unknown>>();
  request(
    name: string,
    options: { signal?: AbortSignal },
    callback: () => Promise<unknown> | undefined,
  ): Promise<unknown> {
    const before = this.held.get(name) ?? Promise.resolve();
    const mine = before.then(() => (options.signal?.aborted ? undefined : callback()));
    this.held.set(
      name,
      mine.catch(() => {}),
    );
    return mine;
  }
}

/** What a test can do to one tab. */
export interface FakeTab {
  visible: boolean;
}

export class FakeBrowser {
  private readonly channels = new Set<FakeChannel>();
  private readonly locks = new FakeLocks();
  private serial = 0;
  readonly wake = new Set<(why: 'online' | 'offline' | 'visible') => void>();
  readonly hide = new Set<() => void>();
  readonly visibility = new Set<() => void>();
  readonly stash = new Map<string, string>();

  constructor(
    readonly server: Behind,
    readonly label = 'b',
  ) {
    this.use();
  }

  /** Its own IndexedDB becomes the global one. */
  private readonly idb = new IDBFactory();
  use(): void {
    Object.assign(globalThis, { indexedDB: this.idb });
  }

  /** Ids in a row, so that a failing test reads the same every time. */
  env(tab: FakeTab = { visible: true }): Env {
    return {
      openSocket: this.server.open,
      ownUrl: () => 'ws://localhost/xmpp',
      url: async () => 'ws://localhost/xmpp',
      host: this.server.domain,
      locks: this.locks as unknown as Env['locks'],
      channel: (name) => new FakeChannel(name, this.channels) as unknown as BroadcastChannel,
      newId: () => `${this.label}-${++this.serial}`,
      device: 'Test',
      hasNetwork: () => true,
      onWake: (callback) => {
        this.wake.add(callback);
        return () => this.wake.delete(callback);
      },
      isVisible: () => tab.visible,
      onVisibility: (callback) => {
        this.visibility.add(callback);
        return () => this.visibility.delete(callback);
      },
      hiddenPause: 1,
      onHide: (callback) => {
        this.hide.add(callback);
        return () => this.hide.delete(callback);
      },
      stash: {
        getItem: (key) => this.stash.get(key) ?? null,
        setItem: (key, value) => void this.stash.set(key, value),
        removeItem: (key) => void this.stash.delete(key),
      },
      persist: () => {},
      http: this.server.http,
      uploadPauses: [1, 1, 1],
      patience: 90_000,
      origin: 'http://localhost',
    };
  }
}

const tick = (globalThis as unknown as { setImmediate(f: () => void): void }).setImmediate;

/** Lets everything that is ready happen, until the condition holds. Hashing runs on other threads, so turns are not counted. */
export async function until(condition: () => boolean | Promise<boolean>, what = 'condition'): Promise<void> {
  const end = performance.now() + 90_000;
  while (performance.now() < end) {
    if (await condition()) return;
    await new Promise<void>((resolve) => tick(resolve));
  }
  throw new Error(`never came true: ${what}`);
}

/** A fixed number of turns, for showing that something does not happen. */
export async function turns(n = 60): Promise<void> {
  for (let i = 0; i < n; i++) await new Promise<void>((resolve) => tick(resolve));
}
