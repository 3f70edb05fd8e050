// The app as one of two devices of an account; the other is somebody else's program. And a correspondent, who is told apart from
// both by what arrives.

import { Phone } from '../../../web/test/phone';
import { type Account, type Client, eventually, type Stage, x } from '../harness/index.ts';
import { openSocketTo } from './app_device.ts';

let serial = 0;

export class App {
  private readonly phone: Phone;

  private constructor(
    readonly account: Account,
    readonly peer: string,
    stage: Stage,
  ) {
    const open = openSocketTo(() => stage.ports, true);
    this.phone = new Phone(stage.domain, `app ${++serial}`, open);
  }

  static async open(stage: Stage, account: Account, peer: string): Promise<App> {
    const app = new App(account, peer, stage);
    await app.phone.start(account.jid, account.password);
    return app;
  }

  /** Resolves when the server has it, so that what comes next comes after it. */
  async say(body: string): Promise<void> {
    await this.phone.write(this.peer, body);
    await eventually(async () =>
      (await this.phone.lines(this.peer)).some((l) => l.body === body && l.mark !== 'sending'),
    );
  }

  /** The conversation is just this, `mine` with a > before it. */
  async shows(...lines: string[]): Promise<void> {
    let now: string[] = [];
    const look = async () => {
      now = (await this.phone.lines(this.peer)).map((l) => (l.mine ? `> ${l.body}` : l.body));
      return now.length >= lines.length;
    };
    await eventually(look).catch(() => {});
    if (JSON.stringify(now) !== JSON.stringify(lines))
      throw new Error(`the app shows ${JSON.stringify(now)}, not ${JSON.stringify(lines)}`);
  }

  unread(): Promise<number> {
    return this.phone.unread(this.peer);
  }

  read(): Promise<void> {
    return this.phone.read(this.peer);
  }

  /** The app's own actions. */
  get session() {
    return this.phone.session;
  }

  /** The last message of the conversation, as the views have it. */
  get last() {
    return this.session.chat(this.peer).last.peek();
  }

  /** The attribute `id` that the last message of the conversation came with. */
  async idOfLast(): Promise<string> {
    return (await this.phone.lines(this.peer)).at(-1)?.id ?? '';
  }

  /** Closed without a word, as a page is; what it knows stays. */
  close(): Promise<void> {
    return this.phone.stop();
  }

  reopen(): Promise<void> {
    return this.phone.reload();
  }

  leave(): Promise<void> {
    return this.phone.signOut();
  }
}

/** The correspondent gets these, each once, in this order, whatever else comes between. */
export async function gets(who: Client, ...bodies: string[]): Promise<void> {
  for (const body of bodies) await who.pick(x`<message type='chat'><body>${body}</body></message>`);
  const extra = who.inbox.filter((i) => i.kind === 'element' && i.el.name === 'message' && i.el.child('body'));
  if (extra.length > 0) throw new Error(`and then came ${extra.map((i) => (i.kind === 'element' ? i.el : ''))}`);
}
