// What stands unsent in the composers: shown at once, written a moment later. A page that goes away does not live to see
// a transaction end, so what is not written by then is stashed where one call is enough, and written at the next start.
// What rests for a moment goes to my other devices (mirror.ts).
import type { AccountDb, ChatRow } from '../db/schema';
import { NS } from '../xmpp/ns';
import { write, x } from '../xmpp/xml';
import { Batch } from './batch';
import type { Change } from './changes';
import type { Env } from './env';
import { payloadOf } from './mirror';

const DELAY_MS = 300;
/** So long nobody has typed. */
const REST_MS = 2000;
/** A longer one stays here. */
const LONGEST = 10_000;

/** A draft as an item; '' of none. */
export function writeDraft(text: string): string {
  return text.trim() === '' || text.length > LONGEST ? '' : write(x('draft', { xmlns: NS.drafts }, text));
}

export function readDraft(xml: string): string {
  const el = payloadOf(xml);
  return el?.is('draft', NS.drafts) ? el.text().slice(0, LONGEST) : '';
}

/** Another device has written or sent a draft. One that says something else here is newer, and will be told. */
export function takeDraft(chat: ChatRow, old: string, now: string): boolean {
  if (chat.draft.trim() !== readDraft(old).trim() && chat.draft.trim() !== '') return false;
  const text = readDraft(now);
  const changes = chat.draft !== text;
  chat.draft = text;
  return changes;
}

export const stashName = (own: string) => `confab:drafts:${own}`;

export class Drafts {
  private readonly waiting = new Map<string, string>();
  /** On its way to the disk. */
  private readonly leaving = new Map<string, string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private writing: Promise<void> = Promise.resolve();
  private readonly resting = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(
    private readonly db: AccountDb,
    private readonly own: string,
    private readonly emit: (changes: readonly Change[]) => void,
    private readonly stash: Env['stash'],
    /** Tells my other devices; '' when there is none any more. */
    private readonly share: (chat: string, text: string) => void,
  ) {}

  /** Before the chats are read: writes what the last page could not. */
  async recover(): Promise<void> {
    const left = this.stashed();
    if (left.size === 0) return;
    for (const [chat, text] of left) this.waiting.set(chat, text);
    await this.idle();
    this.clearStash(left);
  }

  /** The page may be about to go. */
  hide(): void {
    const all = new Map([...this.stashed(), ...this.leaving, ...this.waiting]);
    if (all.size > 0) this.stash?.setItem(stashName(this.own), JSON.stringify([...all]));
    this.flush();
    // It may stay after all; then the disk has it and the stash must not bring it back later.
    void this.writing.then(() => this.clearStash(all));
  }

  private stashed(): Map<string, string> {
    try {
      return new Map(JSON.parse(this.stash?.getItem(stashName(this.own)) ?? '[]') as [string, string][]);
    } catch {
      return new Map();
    }
  }

  /** Takes out what has been written; another tab may have added something since. */
  private clearStash(written: ReadonlyMap<string, string>): void {
    const left = [...this.stashed()].filter(([chat, text]) => written.get(chat) !== text);
    if (left.length > 0) this.stash?.setItem(stashName(this.own), JSON.stringify(left));
    else this.stash?.removeItem(stashName(this.own));
  }

  set(chat: string, text: string): void {
    this.waiting.set(chat, text);
    this.timer ??= setTimeout(() => this.flush(), DELAY_MS);
    clearTimeout(this.resting.get(chat));
    this.resting.set(
      chat,
      setTimeout(() => this.rest(chat, text), REST_MS),
    );
  }

  private rest(chat: string, text: string): void {
    clearTimeout(this.resting.get(chat));
    this.resting.delete(chat);
    this.share(chat, text);
  }

  /** The text was sent: nothing of it may come back. */
  drop(chat: string): void {
    this.waiting.delete(chat);
    this.leaving.delete(chat);
    this.rest(chat, '');
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const list = [...this.waiting];
    this.waiting.clear();
    if (list.length === 0) return;
    for (const [chat, text] of list) this.leaving.set(chat, text);
    const write = () =>
      Batch.run(this.db, this.own, async (batch) => {
        for (const [address, text] of list) {
          const chat = await batch.chat(address);
          if (chat.draft === text) continue;
          chat.draft = text;
          batch.touch(chat);
        }
      }).then((changes) => {
        for (const [chat, text] of list) if (this.leaving.get(chat) === text) this.leaving.delete(chat);
        // What was typed meanwhile is newer than what was written.
        this.emit(changes.filter((c) => c.kind !== 'chat' || !this.waiting.has(c.row.address)));
      });
    this.writing = this.writing.then(write).catch(console.error);
  }

  /** Nothing is told any more; what is not yet, the next start tells. */
  async close(): Promise<void> {
    for (const timer of this.resting.values()) clearTimeout(timer);
    await this.idle();
  }

  async idle(): Promise<void> {
    this.flush();
    await this.writing;
  }
}
