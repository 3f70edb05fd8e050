// Private nodes of the account that every device has a copy of: what one device changes is shown here at once, kept, and
// told to the others when there is a connection. Of an item that two devices change, what reaches the server last stays.
import type { AccountDb, MirrorRow } from '../db/schema';
import type { Client } from '../xmpp/client';
import { DisconnectedError, StanzaError, TimeoutError } from '../xmpp/errors';
import { items, type PepEvent, type PepItem, PRIVATE, publish, retract } from '../xmpp/mod/pep';
import { NS } from '../xmpp/ns';
import { type El, parse, write } from '../xmpp/xml';
import type { Change } from './changes';

/** What is kept so, by node. */
export const MIRRORED: readonly string[] = [NS.choices, NS.chats, NS.drafts, NS.pins, NS.hidden];
/** A stranger cannot write here, but a program of one's own may have gone wrong. */
const ITEM_CHARS = 20_000;
const ITEMS = 10_000;
const RETRY_MS = 15_000;

/** What stands in an item; undefined: it is not there, or not XML. */
export function payloadOf(xml: string): El | undefined {
  if (xml === '') return undefined;
  try {
    return parse(xml);
  } catch {
    return undefined;
  }
}

/** Changes an item here; the tab that leads tells the server. `xml` empty: it goes. */
export async function setItem(db: AccountDb, node: string, id: string, xml: string): Promise<Change[]> {
  const tx = db.transaction('mirror', 'readwrite');
  const old = await tx.store.get([node, id]);
  if (old ? old.xml === xml : xml === '') return [];
  await tx.store.put({ node, id, xml, dirty: (old?.dirty ?? 0) + 1 });
  await tx.done;
  return [{ kind: 'item', node, id, xml }];
}

interface Options {
  db: AccountDb;
  own: string;
  client: Client;
  emit: (changes: readonly Change[]) => void;
  /** The server, or another device by way of it, says that an item holds something else now. */
  onItem: (node: string, id: string, old: string, xml: string) => Promise<void>;
  /** All that the server has of these is here, or it has no such thing. */
  onKnown: () => Promise<void>;
  report: (e: unknown) => void;
}

/** The leading tab's part of it. */
export class Mirror {
  /** One thing after another, in the order in which it came. */
  private tail: Promise<unknown> = Promise.resolve();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stopped = false;
  /** The server has no such service. */
  private deaf = false;

  constructor(private readonly options: Options) {}

  /** A new session: what was missed, then what is to be told. */
  online(): void {
    this.deaf = false;
    void this.enqueue(async () => {
      // Asked for together: one round trip. A node that the server cannot give stays here as it is, and holds up no other.
      const answers = await Promise.allSettled(MIRRORED.map((node) => items(this.options.client, node)));
      for (const [i, answer] of answers.entries()) {
        if (answer.status === 'fulfilled') await this.catchUp(MIRRORED[i]!, answer.value);
        else if (!(answer.reason instanceof StanzaError)) throw answer.reason;
      }
      await this.options.onKnown();
      await this.flush();
    });
  }

  /** Something was changed here. */
  changed(): void {
    void this.enqueue(() => this.flush());
  }

  /** False: it is about something else. */
  take(event: PepEvent): Promise<unknown> | false {
    const { own } = this.options;
    if (!MIRRORED.includes(event.node) || (event.from !== '' && event.from !== own)) return false;
    return this.enqueue(() => this.keep(event));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.tail;
  }

  async idle(): Promise<void> {
    await this.tail;
  }

  private enqueue(work: () => Promise<void>): Promise<unknown> {
    const done = this.tail.then(async () => {
      if (this.stopped) return;
      await work();
    });
    this.tail = done.catch((e) => {
      // A server without such a service, or no answer: the next session tries again.
      if (!(e instanceof StanzaError || e instanceof DisconnectedError || e instanceof TimeoutError))
        this.options.report(e);
    });
    return this.tail;
  }

  // --- from the server ---

  /** All that the server has in a node: what is not among it has gone. */
  private async catchUp(node: string, list: PepItem[]): Promise<void> {
    const there = new Set(list.map((it) => it.id));
    const known = await this.options.db.getAllKeys('mirror', nodeRange(node));
    await this.keep({
      from: '',
      node,
      items: list,
      retracted: known.map(([, id]) => id).filter((id) => !there.has(id)),
      emptied: false,
    });
  }

  /** What is still to be told stays: it will be the last to reach the server. */
  private async keep({ node, items: list, retracted, emptied }: PepEvent): Promise<void> {
    const { db, emit, onItem } = this.options;
    const changes: Change[] = [];
    const others: [id: string, old: string, xml: string][] = [];
    const tx = db.transaction('mirror', 'readwrite');
    const put = async (id: string, xml: string) => {
      const old = await tx.store.get([node, id]);
      if (old?.dirty || (old?.xml ?? '') === xml) return;
      if (xml === '') await tx.store.delete([node, id]);
      else await tx.store.put({ node, id, xml });
      changes.push({ kind: 'item', node, id, xml });
      others.push([id, old?.xml ?? '', xml]);
    };
    const gone = emptied ? (await tx.store.getAllKeys(nodeRange(node))).map(([, id]) => id) : retracted;
    for (const id of gone) await put(id, '');
    for (const { id, payload } of list.slice(-ITEMS)) {
      const xml = payload ? write(payload) : '';
      if (id !== '' && xml.length <= ITEM_CHARS) await put(id, xml);
    }
    await tx.done;
    emit(changes);
    for (const other of others) await onItem(node, ...other);
  }

  // --- to the server ---

  private async flush(): Promise<void> {
    const { db, client } = this.options;
    clearTimeout(this.timer);
    for (const row of await db.getAll('mirror')) {
      if (!row.dirty) continue;
      if (!client.online || this.stopped || this.deaf) return;
      try {
        const payload = payloadOf(row.xml);
        if (payload) await publish(client, row.node, row.id, payload, PRIVATE);
        else await retract(client, row.node, row.id);
      } catch (e) {
        // Too much at once: later. Anything else that it refuses, it will refuse again: the next session tries.
        if (!(e instanceof StanzaError)) throw e;
        this.deaf = /service-unavailable|not-implemented/.test(e.condition);
        if (e.type === 'wait') this.timer = setTimeout(() => this.changed(), RETRY_MS);
        continue;
      }
      await this.told(row);
    }
  }

  private async told({ node, id, dirty }: MirrorRow): Promise<void> {
    const tx = this.options.db.transaction('mirror', 'readwrite');
    const now = await tx.store.get([node, id]);
    // Changed again meanwhile: that is still to be told.
    if (now && now.dirty === dirty) {
      if (now.xml === '') await tx.store.delete([node, id]);
      else await tx.store.put({ node, id, xml: now.xml });
    }
    await tx.done;
  }
}

const nodeRange = (node: string) => IDBKeyRange.bound([node], [node, []]);
