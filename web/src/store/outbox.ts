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
import type { FileInfo } from './model';

/** Writes a message of mine: outbox and chat in one transaction, before anything is sent. Any tab may do it. */
export function writeMessage(
  db: AccountDb,
  own: string,
  chatAddress: string,
  body: string,
  key: string,
): Promise<Change[]> {
  return Batch.run(db, own, async (batch) => {
    await addMine(batch, chatAddress, { key, body });
    await batch.queue({ key, chat: chatAddress, kind: 'message', payload: body });
  });
}

async function addMine(
  batch: Batch,
  chatAddress: string,
  content: Pick<MessageRow, 'key' | 'body' | 'file'>,
): Promise<void> {
  const { own } = batch;
  const chat = await batch.chat(chatAddress);
  const row: MessageRow = {
    ...content,
    chat: chatAddress,
    from: own,
    mine: true,
    // Never before what stands there already, whatever this device's clock says.
    time: Math.max(Date.now(), (chat.last?.time ?? 0) + 1),
    mark: 'sending',
    id: content.key,
    originId: content.key,
    localTime: true,
    idents: identsOf(chatAddress, own, [content.key]),
  };
  chat.wrote = true;
  chat.draft = '';
  await batch.add(row);
  batch.raiseReadTime(chat, row.time);
}

/** Writes files of mine and the words to them: bytes, outbox and chat in one transaction. Any tab may do it. */
export function writeFiles(
  db: AccountDb,
  own: string,
  chat: string,
  files: readonly { key: string; blob: Blob; file: FileInfo }[],
  caption: { key: string; body: string } | undefined,
): Promise<Change[]> {
  return Batch.run(db, own, async (batch) => {
    for (const { key, blob, file } of files) {
      await addMine(batch, chat, { key, body: '', file });
      await batch.tx.objectStore('uploads').put({ key, chat, blob, name: file.name, type: file.type });
      await batch.queue({ key, chat, kind: 'file', payload: '' });
    }
    if (!caption) return;
    await addMine(batch, chat, caption);
    await batch.queue({ key: caption.key, chat, kind: 'message', payload: caption.body });
  });
}

/** Puts a failed message back, under the same ids: should it have arrived after all, it is not shown twice. */
export function requeue(db: AccountDb, own: string, key: string): Promise<Change[]> {
  return Batch.run(db, own, async (batch) => {
    const row = await byKey(batch.tx, key);
    if (!row?.mine || row.mark !== 'failed') return;
    await batch.dropOutbox(key);
    await batch.update(row, { mark: 'sending' });
    if (!row.file) await batch.queue({ key, chat: row.chat, kind: 'message', payload: row.body });
    else
      await batch.queue({ key, chat: row.chat, kind: 'file', payload: row.file.url ? JSON.stringify(row.file) : '' });
  });
}

export function discard(db: AccountDb, own: string, key: string): Promise<Change[]> {
  return Batch.run(db, own, async (batch) => {
    const row = await byKey(batch.tx, key);
    const waits = (await batch.tx.objectStore('uploads').count(key)) > 0;
    if (!row?.mine || (row.mark !== 'failed' && !waits)) return;
    await batch.tx.objectStore('uploads').delete(key);
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
    const waiting = new Set<string>();
    for (const row of await this.db.getAll('outbox')) {
      if (this.held || this.inFlight.has(row.key)) continue;
      // What I wrote stays in the order in which I wrote it; receipts and markers wait for nothing.
      const told = row.kind === 'message' || row.kind === 'file';
      if (row.kind === 'file' && row.payload === '') waiting.add(row.chat);
      if (told && waiting.has(row.chat)) continue;
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
      case 'file': {
        const file = row.kind === 'file' ? (JSON.parse(row.payload) as FileInfo) : undefined;
        return textMessage({
          to: row.chat,
          id: row.key,
          body: file?.url ?? row.payload,
          file,
          ask: row.chat !== this.own,
          chatState: row.chat !== this.own && this.sendsTyping(),
        });
      }
    }
  }
}
