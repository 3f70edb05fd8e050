// Is anybody looking at this account, in whichever tab? The tab that leads tells the server (XEP-0352), so that nobody's
// presence and typing wakes a device that lies in a pocket. Any visible tab counts; one that died does not.
import type { Env } from './env';

export type LookEvent =
  /** Asks every tab how it is: a new one leads. */
  { type: 'look?' } | { type: 'look'; tab: string; visible: boolean };

export interface LookersOptions {
  /** Of this account; each tab holds a lock of this name and its own id for as long as it lives. */
  name: string;
  env: Env;
  tell: (event: LookEvent) => void;
}

export class Lookers {
  private readonly id: string;
  private readonly abort = new AbortController();
  private readonly stop: () => void;
  private release: (() => void) | undefined;
  /** The lock is held: who waits for it waits for our end. */
  private readonly alive: Promise<void>;
  /** Other tabs that are visible; only the one that leads needs to know. */
  private readonly others = new Set<string>();
  private readonly watched = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private active = true;
  private onChange: ((active: boolean) => void) | undefined;

  constructor(private readonly options: LookersOptions) {
    const { env } = options;
    this.id = env.newId();
    this.alive = new Promise((alive) => {
      if (!env.locks) return alive();
      env.locks
        .request(this.lock(this.id), { signal: this.abort.signal }, () => {
          alive();
          if (this.abort.signal.aborted) return undefined;
          return new Promise<void>((resolve) => {
            this.release = resolve;
          });
        })
        .catch(() => {}); // closed meanwhile
    });
    this.stop = env.onVisibility(() => {
      this.say();
      this.judge();
    });
  }

  /** This tab is there now. */
  join(): void {
    this.say();
  }

  /** This tab leads: from now on `onChange` hears whether anybody looks. */
  lead(onChange: (active: boolean) => void): void {
    this.onChange = onChange;
    this.options.tell({ type: 'look?' });
    this.judge();
  }

  told(event: LookEvent): void {
    if (event.type === 'look?') this.say();
    else if (!this.onChange) return;
    else if (event.visible) {
      this.others.add(event.tab);
      this.watch(event.tab);
    } else this.others.delete(event.tab);
    this.judge();
  }

  close(): void {
    this.stop();
    clearTimeout(this.timer);
    this.onChange = undefined;
    this.options.tell({ type: 'look', tab: this.id, visible: false });
    this.abort.abort();
    this.release?.();
  }

  private lock(id: string): string {
    return `${this.options.name}:tab:${id}`;
  }

  private say(): void {
    const { env, tell } = this.options;
    const look = () => tell({ type: 'look', tab: this.id, visible: env.isVisible() });
    // A page that is left has no time to wait.
    if (env.isVisible()) void this.alive.then(look);
    else look();
  }

  /** Whoever gets its lock knows that the tab is gone, also when it could not say so. */
  private watch(tab: string): void {
    if (this.watched.has(tab)) return;
    this.watched.add(tab);
    void this.options.env.locks
      ?.request(this.lock(tab), { signal: this.abort.signal }, () => {
        this.watched.delete(tab);
        this.others.delete(tab);
        this.judge();
        return Promise.resolve();
      })
      .catch(() => {});
  }

  private judge(): void {
    if (!this.onChange) return;
    const { env } = this.options;
    const looked = env.isVisible() || this.others.size > 0;
    if (looked) {
      clearTimeout(this.timer);
      this.timer = undefined;
      this.set(true);
    } else if (this.active && this.timer === undefined) {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.set(false);
      }, env.hiddenPause);
    }
  }

  private set(active: boolean): void {
    if (active === this.active) return;
    this.active = active;
    this.onChange?.(active);
  }
}
