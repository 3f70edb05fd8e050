// Who is writing: theirs with a time limit, ours thinned out (XEP-0085).

const THEIRS_MS = 30_000;
const OURS_AGAIN_MS = 20_000;
const OURS_PAUSE_MS = 8_000;

export class TheirTyping {
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();
  constructor(private readonly show: (chat: string, typing: boolean) => void) {}

  set(chat: string, typing: boolean): void {
    const timer = this.timers.get(chat);
    clearTimeout(timer);
    this.timers.delete(chat);
    if (typing)
      this.timers.set(
        chat,
        setTimeout(() => this.set(chat, false), THEIRS_MS),
      );
    if (typing !== (timer !== undefined)) this.show(chat, typing);
  }

  clear(): void {
    for (const chat of [...this.timers.keys()]) this.set(chat, false);
  }
}

export class MyTyping {
  private readonly chats = new Map<string, { sentAt: number; pause: ReturnType<typeof setTimeout> }>();
  constructor(private readonly send: (chat: string, state: 'composing' | 'paused' | 'active') => void) {}

  /** Called on every input; sends only when something changes for the other side. */
  set(chat: string, typing: boolean): void {
    const known = this.chats.get(chat);
    clearTimeout(known?.pause);
    if (!typing) {
      this.chats.delete(chat);
      if (known) this.send(chat, 'active');
      return;
    }
    const again = !known || Date.now() - known.sentAt >= OURS_AGAIN_MS;
    const pause = setTimeout(() => {
      this.chats.delete(chat);
      this.send(chat, 'paused');
    }, OURS_PAUSE_MS);
    this.chats.set(chat, { sentAt: again ? Date.now() : known.sentAt, pause });
    if (again) this.send(chat, 'composing');
  }

  /** A message went out: it says itself that the writing is over. */
  sent(chat: string): void {
    clearTimeout(this.chats.get(chat)?.pause);
    this.chats.delete(chat);
  }

  clear(): void {
    for (const { pause } of this.chats.values()) clearTimeout(pause);
    this.chats.clear();
  }
}
