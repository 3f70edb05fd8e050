// What stands unsent in the composers: shown at once, written a moment later, and at the latest when the page goes away.
import type { AccountDb } from '../db/schema';
import { Batch } from './batch';
import type { Change } from './changes';

const DELAY_MS = 300;

export class Drafts {
  private readonly waiting = new Map<string, string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly db: AccountDb,
    private readonly own: string,
    private readonly emit: (changes: readonly Change[]) => void,
  ) {}

  set(chat: string, text: string): void {
    this.waiting.set(chat, text);
    this.timer ??= setTimeout(() => this.flush(), DELAY_MS);
  }

  /** The text was sent: nothing of it may come back. */
  drop(chat: string): void {
    this.waiting.delete(chat);
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const list = [...this.waiting];
    this.waiting.clear();
    if (list.length === 0) return;
    const write = () =>
      Batch.run(this.db, this.own, async (batch) => {
        for (const [address, text] of list) {
          const chat = await batch.chat(address);
          if (chat.draft === text) continue;
          chat.draft = text;
          batch.touch(chat);
        }
      }).then((changes) => {
        // What was typed meanwhile is newer than what was written.
        this.emit(changes.filter((c) => c.kind !== 'chat' || !this.waiting.has(c.row.address)));
      });
    this.writing = this.writing.then(write).catch(console.error);
  }

  async idle(): Promise<void> {
    this.flush();
    await this.writing;
  }
}
