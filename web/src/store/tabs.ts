// Several tabs of one browser: the one that holds the account's lock is connected, the others follow it.
import type { Env } from './env';

type Wire<M> =
  | { type: 'event'; event: M }
  | { type: 'call'; id: string; method: string; args: unknown[] }
  | { type: 'reply'; id: string; value: unknown }
  | { type: 'lead' };

export interface TabsOptions<M> {
  name: string;
  env: Env;
  /** Something another tab told all. */
  onEvent: (event: M) => void;
  /** This tab leads from now on. */
  onLead: () => void;
  /** Does what another tab asks for; only while leading. */
  onCall: (method: string, args: unknown[]) => Promise<unknown>;
  /** What a call resolves to when nobody answers. */
  noAnswer: unknown;
}

const CALL_MS = 30_000;

interface Waiting {
  method: string;
  args: unknown[];
  resolve: (value: unknown) => void;
  timer: ReturnType<typeof setTimeout>;
}

export class Tabs<M> {
  leading = false;
  private readonly channel: BroadcastChannel;
  private readonly abort = new AbortController();
  private release: (() => void) | undefined;
  private readonly waiting = new Map<string, Waiting>();
  private closed = false;

  constructor(private readonly options: TabsOptions<M>) {
    this.channel = options.env.channel(options.name);
    this.channel.onmessage = (event: MessageEvent) => void this.receive(event.data as Wire<M>);
  }

  /** Queues for the lock. Resolves at once when no other tab holds it, or later, when that one closes. */
  join(): void {
    const { locks } = this.options.env;
    if (!locks) {
      this.lead();
      return;
    }
    locks
      .request(this.options.name, { signal: this.abort.signal }, () => {
        if (this.closed) return undefined;
        return new Promise<void>((resolve) => {
          this.release = resolve;
          this.lead();
        });
      })
      .catch(() => {}); // closed while queueing
  }

  /** Tells all other tabs. */
  tell(event: M): void {
    this.post({ type: 'event', event });
  }

  /** Has the leader do something: here, if this tab leads. */
  call<T>(method: string, ...args: unknown[]): Promise<T> {
    if (this.closed) return Promise.resolve(this.options.noAnswer as T);
    if (this.leading) return this.options.onCall(method, args) as Promise<T>;
    return new Promise((resolve) => {
      const id = this.options.env.newId();
      const timer = setTimeout(() => this.settle(id, this.options.noAnswer), CALL_MS);
      this.waiting.set(id, { method, args, resolve: resolve as (value: unknown) => void, timer });
      this.post({ type: 'call', id, method, args });
    });
  }

  close(): void {
    this.closed = true;
    this.leading = false;
    this.abort.abort();
    this.release?.();
    this.channel.close();
    for (const id of [...this.waiting.keys()]) this.settle(id, this.options.noAnswer);
  }

  private lead(): void {
    this.leading = true;
    this.options.onLead();
    // What was asked of a leader that closed is done here.
    for (const [id, { method, args }] of [...this.waiting]) {
      void this.options.onCall(method, args).then(
        (value) => this.settle(id, value),
        () => this.settle(id, this.options.noAnswer),
      );
    }
    this.post({ type: 'lead' });
  }

  private async receive(m: Wire<M>): Promise<void> {
    if (this.closed) return;
    switch (m.type) {
      case 'event':
        this.options.onEvent(m.event);
        break;
      case 'call':
        if (this.leading) {
          const value = await this.options.onCall(m.method, m.args).catch(() => this.options.noAnswer);
          this.post({ type: 'reply', id: m.id, value });
        }
        break;
      case 'reply':
        this.settle(m.id, m.value);
        break;
      case 'lead':
        // The old leader took our questions with it.
        for (const [id, { method, args }] of this.waiting) this.post({ type: 'call', id, method, args });
        break;
    }
  }

  private settle(id: string, value: unknown): void {
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    this.waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting.resolve(value);
  }

  private post(m: Wire<M>): void {
    if (!this.closed) this.channel.postMessage(m);
  }
}
