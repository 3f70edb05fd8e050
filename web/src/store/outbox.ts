// What must reach the server stands in the outbox until the server says that it has stored it. A row is sent once
// in a session; after a new session all rows that are left are sent again with the same ids.
import { byKey, identsOf } from '../db/messages';
import type { AccountDb, MessageRow, OutboxRow } from '../db/schema';
import type { Client } from '../xmpp/client';
import { DisconnectedError, StanzaError } from '../xmpp/errors';
import { type ReplyTo, reactMessage, retractMessage, shorten } from '../xmpp/mod/about';
import type { LinkPreview } from '../xmpp/mod/link';
import { markerMessage, receiptMessage, textMessage } from '../xmpp/mod/message';
import type { El } from '../xmpp/xml';
import { amendAgain, amendGiveUp, amendMine, answerOf, erased, linkOf, type Outgoing } from './amend';
import { Batch } from './batch';
import type { Change } from './changes';
import { isWritten } from './crossings';
import type { FileInfo } from './model';
import { asWritten, sameSign } from './signs';

/** Writes a message of mine: outbox and chat in one transaction, before anything is sent. Any tab may do it. */
export function writeMessage(
  db: AccountDb,
  own: string,
  chatAddress: string,
  body: string,
  key: string,
  replyTo?: string,
  link?: LinkPreview,
): Promise<Change[]> {
  return Batch.run(db, own, async (batch) => {
    const answered = replyTo === undefined ? undefined : await byKey(batch.tx, replyTo);
    const answer = answered && answerTo(answered);
    await addMine(batch, chatAddress, { key, body, ...(link && { link }), ...answer?.row });
    await batch.queue({
      key,
      chat: chatAddress,
      kind: 'message',
      payload: body,
      ...(answer && { reply: answer.told }),
      ...(link && { link }),
    });
  });
}

/** What a message that answers another one says of it, here and to the other side. */
function answerTo(row: MessageRow): { row: Pick<MessageRow, 'reply' | 'answers'>; told: ReplyTo } | undefined {
  const id = row.originId ?? row.id;
  if (!id || row.retracted || row.hidden) return undefined;
  const quote = row.opaque ? '' : shorten(row.caption || row.file?.name || row.body);
  return {
    row: { reply: { from: row.from, quote, key: row.key }, answers: { id, to: row.from } },
    told: { id, to: row.from, quote },
  };
}

/** Changes the text of a message of mine. */
export function editMine(db: AccountDb, own: string, key: string, body: string, id: string): Promise<Change[]> {
  return Batch.run(db, own, (batch) =>
    amendMine(batch, key, id, (row) => {
      if (!isEditable(row) || row.body === body) return undefined;
      return { kind: 'correct', about: row.id, body, ...answerOf(row), ...linkOf(row, body) };
    }),
  );
}

const isEditable = (row: MessageRow) => row.mine && row.mark !== 'failed' && !row.file && !row.opaque && row.id !== '';

export function retractMine(
  db: AccountDb,
  own: string,
  keys: readonly string[],
  newId: () => string,
): Promise<Change[]> {
  return Batch.run(db, own, async (batch) => {
    for (const key of keys)
      await amendMine(batch, key, newId(), (row) =>
        row.mine && row.id !== '' && row.mark !== 'failed' ? { kind: 'retract', about: row.id } : undefined,
      );
  });
}

export function reactTo(
  db: AccountDb,
  own: string,
  key: string,
  sign: string,
  on: boolean,
  id: string,
): Promise<Change[]> {
  return Batch.run(db, own, (batch) =>
    amendMine(batch, key, id, (row) => {
      const before = row.reacted?.find((r) => r.from === own)?.signs ?? [];
      const given = before.some((it) => sameSign(it, sign));
      if (row.id === '' || row.mark === 'failed' || given === on) return undefined;
      const known = (row.reacted ?? []).flatMap((r) => r.signs);
      const signs = on ? [...before, asWritten(known, sign)] : before.filter((it) => !sameSign(it, sign));
      return { kind: 'react', about: row.id, signs };
    }),
  );
}

/** Out of this device's view; the others and the archive keep it. */
export function hide(db: AccountDb, own: string, keys: readonly string[]): Promise<Change[]> {
  return Batch.run(db, own, async (batch) => {
    for (const key of keys) {
      const row = await byKey(batch.tx, key);
      if (row) await batch.rewrite(row, { ...erased(row), hidden: true });
    }
  });
}

/** Writes it into the chat; the draft is what became it. */
export async function addMine(
  batch: Batch,
  chatAddress: string,
  content: Pick<MessageRow, 'key' | 'body' | 'file' | 'link' | 'unstyled' | 'reply' | 'answers'>,
): Promise<void> {
  const { own } = batch;
  const chat = await batch.chat(chatAddress);
  const row: MessageRow = {
    ...content,
    chat: chatAddress,
    from: own,
    mine: true,
    // Never before what stands there already, whatever this device's clock says.
    time: Math.max(await batch.now(), (chat.last?.time ?? 0) + 1),
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
  replyTo?: string,
): Promise<Change[]> {
  return Batch.run(db, own, async (batch) => {
    const answered = replyTo === undefined ? undefined : await byKey(batch.tx, replyTo);
    let answer = answered && answerTo(answered);
    for (const { key, blob, file } of files) {
      await addMine(batch, chat, { key, body: '', file, ...answer?.row });
      await batch.tx.objectStore('uploads').put({ key, chat, blob, name: file.name, type: file.type });
      // The body of a file is its address and nothing else: no quote before it.
      const reply = answer && { ...answer.told, quote: '' };
      await batch.queue({ key, chat, kind: 'file', payload: '', ...(reply && { reply }) });
      answer = undefined;
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
    if (row?.trouble) return amendAgain(batch, row);
    if (!row?.mine || row.mark !== 'failed') return;
    await batch.dropOutbox(key);
    await batch.update(row, { mark: 'sending' });
    if (!row.file) {
      const more = { ...answerOf(row), ...linkOf(row, row.body), ...(row.unstyled && { unstyled: true }) };
      await batch.queue({ key, chat: row.chat, kind: 'message', payload: row.body, ...more });
    } else {
      const { reply } = answerOf(row);
      const payload = row.file.url ? JSON.stringify(row.file) : '';
      await batch.queue({
        key,
        chat: row.chat,
        kind: 'file',
        payload,
        ...(reply && { reply: { ...reply, quote: '' } }),
      });
    }
  });
}

export function discard(db: AccountDb, own: string, key: string): Promise<Change[]> {
  return Batch.run(db, own, async (batch) => {
    const row = await byKey(batch.tx, key);
    if (row?.trouble) return amendGiveUp(batch, row);
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
    const never = new Set<string>();
    for (const row of await this.db.getAll('outbox')) {
      if (this.held || this.inFlight.has(row.key) || never.has(row.about ?? '')) continue;
      if (row.kind === 'message' && (await this.takenBack(row.key))) {
        never.add(row.key);
        continue;
      }
      // What I wrote stays in the order in which I wrote it; receipts and markers wait for nothing.
      const told = isWritten(row);
      if (row.kind === 'file' && row.payload === '') waiting.add(row.chat);
      if (told && waiting.has(row.chat)) continue;
      this.inFlight.add(row.key);
      if (row.kind === 'read') {
        void this.tellRead(row);
        continue;
      }
      try {
        this.client.send(this.stanza({ ...row, kind: row.kind }), true);
      } catch (e) {
        this.inFlight.delete(row.key);
        throw e;
      }
    }
  }

  /**
   * What was taken back before it was sent is not sent at all, nor what became of it. That it has not arrived is known: what
   * the last session left was looked for in the archive before the outbox was released.
   */
  private async takenBack(key: string): Promise<boolean> {
    if (!(await this.db.getFromIndex('messages', 'key', key))?.retracted) return false;
    const changes = await Batch.run(this.db, this.own, async (batch) => {
      const row = await byKey(batch.tx, key);
      for (const { about, key: its } of await batch.tx.objectStore('outbox').getAll())
        if (about === key) await batch.dropOutbox(its);
      await batch.dropOutbox(key);
      if (row) await batch.remove(row);
    });
    this.emit(changes);
    return true;
  }

  /** For my other devices only. A refusal (the archive has forgotten it) is an answer, too. */
  private async tellRead(row: OutboxRow): Promise<void> {
    try {
      await this.client.inbox.read(row.chat, row.payload);
    } catch (e) {
      if (!(e instanceof StanzaError)) return; // it waits for the next session
    }
    await this.acknowledged([row.key]).catch(() => {}); // the cache was closed
  }

  private stanza(row: OutboxRow & { kind: Exclude<OutboxRow['kind'], 'read'> }): El {
    switch (row.kind) {
      case 'receipt':
        return receiptMessage(row.chat, row.key, row.payload);
      case 'displayed':
        return markerMessage(
          row.chat,
          row.key,
          'displayed',
          row.payload,
          row.read ? { by: this.own, id: row.read } : undefined,
        );
      case 'amend':
        return this.amendment(row.chat, row.key, JSON.parse(row.payload) as Outgoing);
      case 'message':
      case 'file': {
        const file = row.kind === 'file' ? (JSON.parse(row.payload) as FileInfo) : undefined;
        return textMessage({
          to: row.chat,
          id: row.key,
          body: file?.url ?? row.payload,
          file,
          reply: row.reply,
          link: row.link,
          unstyled: row.unstyled,
          ask: row.chat !== this.own,
          chatState: row.chat !== this.own && this.sendsTyping(),
        });
      }
    }
  }
  private amendment(to: string, id: string, outgoing: Outgoing): El {
    const { kind, about } = outgoing;
    if (kind === 'retract') return retractMessage(to, id, about);
    if (kind === 'react') return reactMessage(to, id, about, outgoing.signs);
    // All of the message once more, but for what has changed (XEP-0308, section 4).
    const { body, reply, link } = outgoing;
    return textMessage({ to, id, body, reply, link, corrects: about, ask: to !== this.own, chatState: false });
  }
}
