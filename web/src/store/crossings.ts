// What crossed: while a message of mine was under way something else came into its chat. Which of them is first, this
// device cannot know; the archive does, and is asked once when nothing of mine is under way there any more.
import type { AccountDb, OutboxRow } from '../db/schema';
import { DisconnectedError } from '../xmpp/errors';

/** So long after it came, so that a flood is looked at once. Who answers within it may have crossed, too. */
export const SOON_MS = 1_000;

export const isWritten = (row: OutboxRow) => row.kind === 'message' || row.kind === 'file' || row.kind === 'amend';

export class Crossings {
  private readonly chats = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `look` reads the archive after the cursor; its failures other than being cut off are its own to report. */
  constructor(
    private readonly db: AccountDb,
    private readonly ready: () => boolean,
    private readonly look: () => Promise<void>,
    private readonly report: (e: unknown) => void,
  ) {}

  add(chats: readonly string[]): void {
    for (const chat of chats) this.chats.add(chat);
    this.soon();
  }

  /** Something has been acknowledged, or one is back: what waits may be settled now. */
  soon(): void {
    if (this.chats.size === 0) return;
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      void this.settle().catch(this.report);
    }, SOON_MS);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.chats.clear();
  }

  private async settle(): Promise<void> {
    const under = new Set((await this.db.getAll('outbox')).filter(isWritten).map((row) => row.chat));
    const settled = [...this.chats].filter((chat) => !under.has(chat));
    // The next acknowledgement, or the next connection, comes back to it.
    if (settled.length === 0 || !this.ready()) return;
    for (const chat of settled) this.chats.delete(chat);
    try {
      await this.look();
    } catch (e) {
      if (e instanceof DisconnectedError) for (const chat of settled) this.chats.add(chat);
      throw e;
    }
  }
}
