// The whole app without its views, as somebody's device: signs in, writes, and tells what would be on the screen. For tests against
// a real server, which bring the socket.
import { openAccountDb } from '../src/db/schema';
import { ConfabApp } from '../src/store/app';
import type { AccountSession } from '../src/store/session';
import type { ChatTimeline } from '../src/store/timeline';
import type { OpenSocket } from '../src/xmpp/stream';
import { FakeBrowser } from './fake-env';

export interface Line {
  body: string;
  mine: boolean;
  mark: string;
  /** The attribute of its stanza. */
  id: string;
}

export class Phone {
  private readonly browser: FakeBrowser;
  private app!: ConfabApp;

  /** `label` begins every id that it makes. */
  constructor(domain: string, label: string, open: OpenSocket) {
    const http = () => Promise.reject(new Error('no files here'));
    this.browser = new FakeBrowser({ domain, open, http }, label);
  }

  /** Opens the app; the first time signs in. The cache is found through a global, so two of them may not start at once. */
  async start(address: string, password: string): Promise<void> {
    this.browser.use();
    this.app = new ConfabApp(this.browser.env());
    const failure = await this.app.signIn({ address, password });
    if (failure) throw new Error(`${address} cannot sign in: ${failure.text}`);
    await this.session.opened;
  }

  /** The page is closed without a word and opened again: the cache is all that stays. */
  async reload(): Promise<void> {
    await this.app.close();
    this.browser.use();
    this.app = new ConfabApp(this.browser.env());
    await this.app.started;
    await this.session.opened;
  }

  get session(): AccountSession {
    return this.app.session.peek() as AccountSession;
  }

  get connection(): string {
    return this.session.connection.peek().state;
  }

  async write(chat: string, body: string): Promise<void> {
    await this.session.send(chat, body);
  }

  /** What a browser tells its pages when the network comes back, or when somebody looks. */
  wake(why: 'online' | 'visible'): void {
    for (const f of this.browser.wake) f(why);
  }

  /** All of a conversation, from the top. */
  async lines(chat: string): Promise<Line[]> {
    await this.session.settled();
    this.browser.use();
    const db = await openAccountDb(this.session.account.address);
    const rows = (await db.getAll('messages')).filter((m) => m.chat === chat);
    db.close();
    return rows.map(({ body, mine, mark, id }) => ({ body, mine, mark, id }));
  }

  /** How many messages of a conversation its person has not read, here or elsewhere. */
  async unread(chat: string): Promise<number> {
    await this.session.settled();
    return this.session.chat(chat).unread.peek();
  }

  /** Its person looks at a conversation, to its end. */
  async read(chat: string): Promise<void> {
    const timeline = this.session.timeline(chat) as ChatTimeline;
    await timeline.opened;
    const last = timeline.messages.peek().at(-1);
    if (last) timeline.seen(last.key);
    timeline.close();
  }

  async stop(): Promise<void> {
    await this.app.close();
  }

  /** Signs out in order and forgets everything. */
  async signOut(): Promise<void> {
    await this.session.signOut?.();
  }
}
