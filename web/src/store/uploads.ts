// Files on their way to the server, one at a time for each chat. Everything that has to survive a broken network or a
// closed page stands in the database: the bytes, the place that the server gave, and that something may lie there.
// An upload begins as a plain PUT, which every server takes. When it broke, the server is asked how much it has, and
// the rest follows as a PATCH; a server that cannot say gets the whole again.
import { byKey } from '../db/messages';
import { type AccountDb, getMeta, setMeta, type UploadRow } from '../db/schema';
import type { Client } from '../xmpp/client';
import { DisconnectedError, StanzaError, TimeoutError } from '../xmpp/errors';
import { findUpload, requestSlot } from '../xmpp/mod/upload';
import { Batch } from './batch';
import type { Change } from './changes';
import { type Env, type HttpAnswer, NetworkError } from './env';
import { fail, uploadFailure } from './failures';
import { sha256 } from './hash';
import type { Failure, FileInfo, Upload } from './model';

/** Cannot go on: the user has to know, and to decide. */
class Refused extends Error {
  constructor(readonly failure: Failure) {
    super(failure.text);
  }
}

/** The place that the server gave is no more. */
class SlotGone extends Error {}

/** At most so often a new place is asked for. */
const RENEWALS = 2;
const PROGRESS_MS = 120;

export interface UploadsOptions {
  db: AccountDb;
  own: string;
  client: Client;
  env: Env;
  emit: (changes: readonly Change[]) => void;
  /** A message can be sent now. */
  ready: () => void;
  reach: (url: string) => string;
}

export class Uploads {
  private readonly running = new Map<string, { key: string; abort: AbortController; done: Promise<void> }>();
  private readonly shown = new Map<string, Upload>();
  /** Who waits for the network to come back. */
  private readonly sleepers = new Set<() => void>();
  private service: { address: string; max: number | undefined } | undefined;
  private asking: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly options: UploadsOptions) {}

  /** The connection stands (again). */
  online(): void {
    this.asking ??= this.ask()
      .catch((e) => {
        if (!this.stopped) console.error(e);
      })
      .finally(() => {
        this.asking = undefined;
      });
    this.wake();
  }

  private async ask(): Promise<void> {
    const { client, own, db, emit } = this.options;
    try {
      this.service ??= await getMeta(db, 'upload');
      const found = await findUpload(client, own.slice(own.indexOf('@') + 1));
      this.service = found ?? { address: '', max: 0 };
      await setMeta(db, 'upload', this.service);
      emit([{ kind: 'upload-max', max: this.service.max }]);
    } catch (e) {
      // Cut off, or a server that does not say: what was known before stands.
      if (this.stopped) return;
      if (!(e instanceof DisconnectedError || e instanceof TimeoutError || e instanceof StanzaError)) throw e;
    }
    this.kick();
  }

  /** What a tab that has just opened has to know. */
  snapshot(): Change[] {
    const changes: Change[] = [...this.shown].map(([key, upload]) => ({ kind: 'upload', key, upload }));
    if (this.service) changes.push({ kind: 'upload-max', max: this.service.max });
    return changes;
  }

  /** Nobody has to wait any longer for the next attempt. */
  wake(): void {
    for (const go of [...this.sleepers]) go();
    this.kick();
  }

  /** Looks for something to do. */
  kick(): void {
    if (!this.stopped) void this.next().catch((e) => !this.stopped && console.error(e));
  }

  private async next(): Promise<void> {
    const seen = new Set<string>();
    for (const row of await this.options.db.getAll('outbox')) {
      if (row.kind !== 'file' || row.payload !== '') continue;
      if (!this.shown.has(row.key)) {
        const size = (await this.options.db.get('uploads', row.key))?.blob.size ?? 0;
        this.show(row.key, { state: 'waiting', sent: 0, total: size });
      }
      if (seen.has(row.chat) || this.running.has(row.chat) || this.stopped) continue;
      seen.add(row.chat);
      const abort = new AbortController();
      const entry = { key: row.key, abort, done: Promise.resolve() };
      this.running.set(row.chat, entry);
      entry.done = this.one(row.key, abort.signal).finally(() => {
        this.running.delete(row.chat);
        this.kick();
      });
      entry.done.catch((e) => !this.stopped && console.error(e));
    }
  }

  /** The user does not want it any more: nothing of it stays on the server. */
  async cancel(key: string): Promise<void> {
    const { db, env, reach } = this.options;
    const row = await db.get('uploads', key);
    for (const entry of this.running.values()) {
      if (entry.key !== key) continue;
      entry.abort.abort();
      await entry.done.catch(() => {});
    }
    this.show(key, undefined);
    if (!row?.slot || !row.begun) return;
    const { put, headers } = row.slot;
    void env.http({ method: 'DELETE', url: reach(put), headers, signal: new AbortController().signal }).catch(() => {}); // It goes by age then.
  }

  async stop(): Promise<void> {
    this.stopped = true;
    const all = [...this.running.values()];
    for (const { abort } of all) abort.abort();
    for (const { done } of all) await done.catch(() => {});
  }

  private show(key: string, upload: Upload | undefined): void {
    if (upload) this.shown.set(key, upload);
    else this.shown.delete(key);
    this.options.emit([{ kind: 'upload', key, upload }]);
  }

  private async one(key: string, signal: AbortSignal): Promise<void> {
    const { db } = this.options;
    const row = await db.get('uploads', key);
    try {
      if (!row) throw new Refused(fail('unknown', 'This file is no longer here. Attach it again.'));
      const hash = sha256(row.blob, signal);
      await this.transfer(row, signal);
      await this.complete(row, await hash);
    } catch (e) {
      if (signal.aborted) return;
      if (!(e instanceof Refused)) console.error(e);
      await this.failed(key, e instanceof Refused ? e.failure : uploadFailure(e));
    }
  }

  /** Until all of it is there, or it is clear that it cannot be. */
  private async transfer(row: UploadRow, signal: AbortSignal): Promise<void> {
    const { uploadPauses } = this.options.env;
    let renewals = 0;
    let tries = 0;
    let best = 0;
    for (;;) {
      signal.throwIfAborted();
      try {
        if (!row.slot) await this.askForSlot(row);
        const from = row.begun ? await this.held(row, signal) : 0;
        if (from === 'all') return;
        if (from > best) {
          best = from;
          tries = 0;
        }
        if (await this.send(row, from, signal)) return;
      } catch (e) {
        if (signal.aborted || e instanceof Refused) throw e;
        if (e instanceof SlotGone) {
          if (++renewals > RENEWALS)
            throw new Refused(fail('server', 'The server did not take this file. Try again later.'));
          delete row.slot;
          delete row.begun;
          await this.keep(row);
          continue;
        }
        const pausable = e instanceof NetworkError || e instanceof DisconnectedError || e instanceof TimeoutError;
        if (!pausable) throw e;
        // Without a connection one waits as long as it takes; with one, it is the file that does not get through.
        const online = this.options.client.online;
        if (online && tries >= uploadPauses.length) throw new Refused(brokenOff(best, row.blob.size));
        this.show(row.key, { state: 'waiting', sent: best, total: row.blob.size });
        await this.pause(online ? uploadPauses[tries++]! : undefined, signal);
      }
    }
  }

  /** Resolves after the time, when the network comes back, or when it is given up. */
  private pause(ms: number | undefined, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        this.sleepers.delete(go);
        signal.removeEventListener('abort', go);
        resolve();
      };
      const timer = ms === undefined ? undefined : setTimeout(go, ms);
      this.sleepers.add(go);
      signal.addEventListener('abort', go);
    });
  }

  /** Asks for a place. */
  private async askForSlot(row: UploadRow): Promise<void> {
    const { client } = this.options;
    if (!client.online) throw new DisconnectedError();
    await (this.asking ?? (this.service ? undefined : this.ask()));
    const { service } = this;
    if (!service) throw new NetworkError('where files go is not known');
    if (!service.address) throw new Refused(fail('not-allowed', 'This server does not take files.'));
    if (service.max !== undefined && row.blob.size > service.max)
      throw new Refused(fail('too-large', 'This file is larger than the server takes.'));
    try {
      row.slot = await requestSlot(client, service.address, { name: row.name, size: row.blob.size, type: row.type });
    } catch (e) {
      if (e instanceof StanzaError) throw new Refused(uploadFailure(e));
      throw e;
    }
    await this.keep(row);
  }

  private async keep(row: UploadRow): Promise<void> {
    const tx = this.options.db.transaction('uploads', 'readwrite');
    if ((await tx.store.count(row.key)) > 0) await tx.store.put(row);
    await tx.done;
  }

  private request(
    row: UploadRow,
    method: 'PUT' | 'PATCH' | 'HEAD',
    signal: AbortSignal,
    from = 0,
  ): Promise<HttpAnswer> {
    const { put, headers } = row.slot!;
    const { size } = row.blob;
    const { http } = this.options.env;
    const url = this.options.reach(put);
    if (method === 'HEAD') return http({ method, url, headers, signal });
    let last = 0;
    const onProgress = (sent: number) => {
      const now = performance.now();
      if (now - last < PROGRESS_MS) return;
      last = now;
      this.show(row.key, { state: 'running', sent: Math.min(size, from + sent), total: size });
    };
    this.show(row.key, { state: 'running', sent: from, total: size });
    const extra: [string, string][] =
      method === 'PUT'
        ? [['Content-Type', row.type]]
        : [
            ['Content-Type', 'application/partial-upload'],
            ['Upload-Offset', String(from)],
          ];
    const body = from > 0 ? row.blob.slice(from) : row.blob;
    return http({ method, url, headers: [...headers, ...extra], body, signal, onProgress });
  }

  /** How much the server has. */
  private async held(row: UploadRow, signal: AbortSignal): Promise<number | 'all'> {
    const answer = await this.request(row, 'HEAD', signal);
    if (answer.status === 404 || answer.status === 410 || answer.status === 403) throw new SlotGone();
    if (answer.status >= 500) throw new NetworkError(`HEAD: ${answer.status}`);
    const offset = answer.header('Upload-Offset');
    if (answer.header('Upload-Complete') === '?1') return 'all';
    const n = offset && /^\d+$/.test(offset) ? Number(offset) : 0;
    return answer.status < 300 && n <= row.blob.size ? n : 0;
  }

  /** True when all of it is there for good. */
  private async send(row: UploadRow, from: number, signal: AbortSignal): Promise<boolean> {
    if (!row.begun) {
      row.begun = true;
      await this.keep(row);
    }
    const answer = await this.request(row, from > 0 ? 'PATCH' : 'PUT', signal, from);
    const { status } = answer;
    if (status === 201 || status === 200) return true;
    // A plain server may say 204 to a PUT; ours says it to a part.
    if (status === 204) return from === 0 || answer.header('Upload-Complete') === '?1';
    if (status === 409) {
      // What lies there is not what we thought; ask again, but not for ever.
      throw new NetworkError('409');
    }
    if (status === 403 || status === 404 || status === 410) throw new SlotGone();
    if (status === 413) throw new Refused(fail('too-large', 'This file is larger than the server takes.'));
    if (status === 507) throw new Refused(fail('full', 'There is no room left for your files on the server.'));
    if (status === 429 || status >= 500) throw new NetworkError(String(status));
    throw new Refused(fail('server', 'The server did not take this file. Try again later.'));
  }

  /** It is on the server: now the message goes. */
  private async complete(row: UploadRow, hash: string | undefined): Promise<void> {
    const { db, own, emit, ready } = this.options;
    const url = row.slot!.get;
    const changes = await Batch.run(db, own, async (batch) => {
      await batch.tx.objectStore('uploads').delete(row.key);
      const message = await byKey(batch.tx, row.key);
      const store = batch.tx.objectStore('outbox');
      const out = await store.index('key').get(row.key);
      if (!message?.file || !out) return;
      const file: FileInfo = { ...message.file, url, size: row.blob.size };
      if (hash) file.hash = hash;
      await store.put({ ...out, payload: JSON.stringify(file) });
      await batch.update(message, { file, body: url });
    });
    emit(changes);
    this.show(row.key, undefined);
    ready();
  }

  private async failed(key: string, failure: Failure): Promise<void> {
    const { db, own, emit, ready } = this.options;
    const changes = await Batch.run(db, own, async (batch) => {
      await batch.dropOutbox(key);
      const message = await byKey(batch.tx, key);
      if (message) await batch.update(message, { mark: 'failed', failure });
    });
    this.show(key, undefined);
    emit(changes);
    // What was written after it need not wait for it any more.
    ready();
  }
}

function brokenOff(sent: number, total: number): Failure {
  const part = Math.floor((sent / Math.max(1, total)) * 100);
  return fail(
    'unreachable',
    part > 0
      ? `The connection broke at ${part} %. It goes on from there.`
      : 'The file could not be sent: no connection.',
  );
}
