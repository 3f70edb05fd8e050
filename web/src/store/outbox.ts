// What must reach the server stands in the outbox until the server says that it has stored it. A row is sent once
// in a session; after a new session all rows that are left are sent again with the same ids.
import { byKey, identsOf } from '../db/messages';
import type { AccountDb, MessageRow, OutboxRow } from '../db/schema';
import type { Client } from '../xmpp/client';
import { DisconnectedError } from '../xmpp/errors';
import { markerMessage, receiptMessage, textMessage } from '../xmpp/mod/message';
import type { El } from '../xmpp/xml';
import { Batch } from './batch';
import type { Change } from './changes';

/** Writes a message of mine: outbox and chat in one transaction, before anything is sent. Any tab may do it. */
export function writeMessage(
  db: AccountDb,
  own: string,
  chatAddress: string,
  body: string,
  key: string,
): Promise<Change[]> {
  return Batch.run(db, own, async (batch) => {
    const chat = await batch.chat(chatAddress);
    const row: MessageRow = {
      key,
      chat: chatAddress,
      from: own,
      mine: true,
      // Never before what stands there already, whatever this device's clock says.
      time: Math.max(Date.now(), (chat.last?.time ?? 0) + 1),
      body,
      mark: 'sending',
      id: key,
      originId: key,
      localTime: true,
      idents: identsOf(chatAddress, own, [key]),
    };
    chat.wrote = true;
    chat.draft = '';
    await batch.add(row);
    batch.raiseReadTime(chat, row.time);
    await batch.queue({ key, chat: chatAddress, kind: 'message', payload: body });
  });
}

/** Puts a failed message back, under the same ids: should it have arrived after all, it is not shown twice. */
export function requeue(db: AccountDb, own: string, key: string): Promise<Change[]> {
  return Batch.run(db, own, async (batch) => {
    const row = await byKey(batch.tx, key);
    if (!row?.mine || row.mark !== 'failed') return;
    await batch.dropOutbox(key);
    await batch.update(row, { mark: 'sending' });
    await batch.queue({ key, chat: row.chat, kind: 'message', payload: row.body });
  });
}

export function discard(db: AccountDb, own: string, key: string): Promise<Change[]> {
  return Batch.run(db, own, async (batch) => {
    const row = await byKey(batch.tx, key);
    if (!row?.mine || row.mark !== 'failed') return;
    await batch.dropOutbox(key);
    await batch.remove(row);
  });
}

export class Outbox {
  /** Sent in this session and not yet acknowledged. */
  private readonly inFlight = new Set<string>();
  private held = true;
  private running: Promise<void> | undefined;
  private again = false;

  constructor(
    private readonly db: AccountDb,
    private readonly own: string,
    private readonly client: Client,
    private readonly emit: (changes: readonly Change[]) => void,
    private readonly sendsTyping: () => boolean,
  ) {}

  /** The session is gone, with all that was not acknowledged in it. Nothing goes out until the archive was looked at. */
  hold(): void {
    this.held = true;
    this.inFlight.clear();
  }

  release(): void {
    this.held = false;
    this.flush();
  }

  /** Sends what is waiting, in order. */
  flush(): void {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = this.run()
      .catch((e) => {
        // Offline: the rows wait for the next session.
        if (!(e instanceof DisconnectedError)) console.error(e);
      })
      .finally(() => {
        this.running = undefined;
        if (this.again) {
          this.again = false;
          this.flush();
        }
      });
  }

  /** Settles when nothing more can be sent now. */
  async idle(): Promise<void> {
    while (this.running) await this.running;
  }

  async acknowledged(keys: readonly string[]): Promise<void> {
    const changes = await Batch.run(this.db, this.own, async (batch) => {
      for (const key of keys) await batch.acknowledged(key);
    });
    for (const key of keys) this.inFlight.delete(key);
    this.emit(changes);
  }

  private async run(): Promise<void> {
    if (this.held || !this.client.online) return;
    for (const row of await this.db.getAll('outbox')) {
      if (this.held || this.inFlight.has(row.key)) continue;
      this.inFlight.add(row.key);
      try {
        this.client.send(this.stanza(row), true);
      } catch (e) {
        this.inFlight.delete(row.key);
        throw e;
      }
    }
  }

  private stanza(row: OutboxRow): El {
    switch (row.kind) {
      case 'receipt':
        return receiptMessage(row.chat, row.key, row.payload);
      case 'displayed':
        return markerMessage(row.chat, row.key, 'displayed', row.payload);
      case 'message':
        return textMessage({
          to: row.chat,
          id: row.key,
          body: row.payload,
          ask: row.chat !== this.own,
          chatState: row.chat !== this.own && this.sendsTyping(),
        });
    }
  }
}
