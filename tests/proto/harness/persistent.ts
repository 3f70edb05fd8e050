// A client as real ones are: it sends as fast as acknowledgements allow, keeps what was not acknowledged, comes back
// after a cut by resumption or else by a new bind, sends again with the same ids, and reads the archive for the rest.

import { type Archived, everything } from './archive.ts';
import { Client } from './client.ts';
import { type Account, loginModern, negotiate, SM_ENABLE, sasl2, takeSuccess } from './login.ts';
import type { Server } from './server.ts';
import { type El, NS, x } from './xml.ts';

export interface Delivered {
  readonly id: string;
  readonly archiveId: string | undefined;
}

const originOf = (m: El): string | undefined => m.child('origin-id', NS.sid)?.attr('id');

export class Persistent {
  /** Ids in the order in which they were first sent. */
  readonly sent: string[] = [];
  /** All that came live, as often as it came. */
  readonly delivered: Delivered[] = [];
  /** All that is known, from live delivery and from catching up. */
  readonly known = new Set<string>();
  resumptions = 0;
  binds = 0;
  private c!: Client;
  private cursor: string | undefined;
  private catchingUp = false;

  constructor(
    private readonly server: Server,
    readonly account: Account,
    private readonly peer: string,
    private readonly agentId: string,
  ) {}

  get client(): Client {
    return this.c;
  }

  async start(): Promise<void> {
    this.c = await Client.connect(this.account.name, this.server.ports, 'tcp');
    await loginModern(this.c, this.account, { agentId: this.agentId });
    await this.begin();
  }

  private async begin(): Promise<void> {
    this.binds++;
    this.c.send('<presence/>');
    this.catchingUp = true;
    const missed: Archived[] = await everything(this.c, { max: 100, ...(this.cursor ? { after: this.cursor } : {}) });
    for (const a of missed) {
      const id = originOf(a.message);
      if (id) this.known.add(id);
      this.cursor = a.id;
    }
    this.catchingUp = false;
    this.takeIn();
  }

  /** Moves what has arrived out of the inbox. The cursor never jumps over what is not known yet. */
  takeIn(): void {
    for (const item of this.c.inbox.splice(0)) {
      if (item.kind !== 'element') {
        this.c.inbox.push(item);
        continue;
      }
      const id = item.el.name === 'message' ? originOf(item.el) : undefined;
      if (!id || item.el.attr('from')?.startsWith(this.account.jid)) continue;
      const archiveId = item.el
        .all('stanza-id', NS.sid)
        .find((s) => s.attr('by') === this.account.jid)
        ?.attr('id');
      this.delivered.push({ id, archiveId });
      this.known.add(id);
      if (archiveId && !this.catchingUp) this.cursor = archiveId;
    }
  }

  /** Keeps `window` messages on the way until `stop` says so or the connection ends. True: stopped. */
  async chatter(stop: () => boolean, window = 40): Promise<boolean> {
    const dead = () => this.c.inbox.some((i) => i.kind === 'ended');
    while (!stop()) {
      const sm = this.c.sm!;
      while (sm.unacked.length < window && !dead()) {
        const id = `${this.account.name}-${this.sent.length}`;
        this.sent.push(id);
        this.c.send(
          x`<message to='${this.peer}' type='chat' id='${id}'><body>${id}</body><origin-id xmlns='${NS.sid}' id='${id}'/></message>`,
        );
      }
      this.c.sendRaw(`<r xmlns='${NS.sm}'/>`);
      await this.c.until(() => stop() || dead() || sm.unacked.length < window, 'acknowledgements');
      this.takeIn();
      if (dead()) return false;
    }
    return true;
  }

  /** After a cut: resume if the server remembers, bind and send again if not. */
  async comeBack(): Promise<void> {
    const old = this.c;
    this.takeIn();
    const c = await Client.connect(this.account.name, this.server.ports, 'tcp');
    await negotiate(c);
    c.resuming = old;
    const success = await sasl2(c, this.account, {
      agentId: this.agentId,
      tag: 'test',
      inBind: SM_ENABLE,
      inline: x`<resume xmlns='${NS.sm}' h='${old.sm!.received}' previd='${old.sm!.id!}'/>`,
    });
    this.c = c;
    if (success.child('resumed', NS.sm)) {
      this.resumptions++;
      return;
    }
    takeSuccess(c, success);
    await c.expectFeatures();
    const again = old.sm!.unacked.filter((s) => s.startsWith('<message'));
    for (const stanza of again) c.send(stanza);
    await this.begin();
  }

  async finish(): Promise<void> {
    await this.c.allAcked();
    this.takeIn();
  }
}
