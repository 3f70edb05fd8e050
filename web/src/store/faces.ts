// Who looks how: the leading tab hears of names and pictures, and fetches pictures that somebody looks at, a few at a time.
// Only mine and my contacts': what a stranger says of themselves is neither kept nor fetched.
import type { AccountDb, FaceRow } from '../db/schema';
import type { Client } from '../xmpp/client';
import { DisconnectedError, StanzaError, TimeoutError } from '../xmpp/errors';
import { type OwnPicture, readMetadata, readNick } from '../xmpp/mod/face';
import type { PepEvent } from '../xmpp/mod/pep';
import { NS } from '../xmpp/ns';
import type { Change } from './changes';
import type { Address, ProfileChange } from './model';
import { keepPicture } from './pictures';
import type { State } from './state';

/** So many pictures are fetched at a time, and so many wait: more than anybody sees at once. */
const AT_ONCE = 3;
const WAITING = 100;

/** What is needed only now and then is fetched then. */
const asking = () => import('./face-ask');

interface Options {
  db: AccountDb;
  own: Address;
  client: Client;
  state: State;
  emit: (changes: readonly Change[]) => void;
  report: (e: unknown) => void;
}

export class Faces {
  /** Hashes of what is wanted, and of whom; the last one asked for is the one being looked at. */
  private readonly wanted = new Map<string, Address>();
  private readonly running = new Set<string>();
  /** Not what they say they are, or not to be had: not asked for again in this session. */
  private readonly failed = new Set<string>();

  constructor(private readonly options: Options) {}

  /** A new session: what could not be had may be there now. */
  online(fresh: boolean): void {
    if (fresh) this.failed.clear();
    this.pump();
  }

  /** False: it is about something else. */
  take(event: PepEvent): Promise<unknown> | false {
    if (event.node !== NS.avatarMetadata && event.node !== NS.nick) return false;
    const address = event.from || this.options.own;
    const payload = event.items.at(-1)?.payload;
    if (!payload && !event.emptied && event.retracted.length === 0) return Promise.resolve();
    return event.node === NS.nick
      ? this.set(address, { nick: readNick(payload) })
      : this.set(address, { node: readMetadata(payload) });
  }

  /** Presence says which picture the card has. */
  carded(address: Address, hash: string): void {
    void this.set(address, { card: hash }).catch(this.options.report);
  }

  private async set(address: Address, change: Partial<FaceRow>): Promise<void> {
    const { db, state, emit } = this.options;
    if (!state.knows(address)) return;
    const old = state.face(address).peek();
    const row = { ...old, ...change };
    if ((Object.keys(change) as (keyof FaceRow)[]).every((name) => row[name] === old[name])) return;
    emit([{ kind: 'face', row }]);
    await db.put('faces', row);
  }

  // --- looking ---

  /** Somebody sees the place where this person's picture belongs. */
  want(address: Address): void {
    const hash = this.options.state.pictureOf(address).peek();
    if (!hash || this.failed.has(hash) || this.running.has(hash)) return;
    this.wanted.delete(hash);
    this.wanted.set(hash, address);
    for (const old of this.wanted.keys()) {
      if (this.wanted.size <= WAITING) break;
      this.wanted.delete(old);
    }
    this.pump();
  }

  private pump(): void {
    while (this.running.size < AT_ONCE && this.options.client.online) {
      const next = [...this.wanted].at(-1);
      if (!next) return;
      const [hash, address] = next;
      this.wanted.delete(hash);
      this.running.add(hash);
      void this.fetch(address, hash).finally(() => {
        this.running.delete(hash);
        this.pump();
      });
    }
  }

  private async fetch(address: Address, hash: string): Promise<void> {
    const { client, db, state, emit, report } = this.options;
    try {
      // Meanwhile they may have been blocked, or have another one.
      if (state.pictureOf(address).peek() !== hash) return;
      if (!(await db.getKey('pictures', hash))) {
        const { download } = await asking();
        const found = await download(client, state.face(address).peek(), hash);
        if (!found) return void this.failed.add(hash);
        await keepPicture(db, { hash, ...found });
      }
      emit([{ kind: 'picture', hash }]);
    } catch (e) {
      // The next session goes on; who does not answer is asked when somebody looks again.
      if (e instanceof DisconnectedError) this.wanted.set(hash, address);
      else if (!(e instanceof TimeoutError)) {
        this.failed.add(hash);
        if (!(e instanceof StanzaError)) report(e);
      }
    }
  }

  /** Somebody looks at this person: what do they say of themselves now? */
  async look(address: Address): Promise<void> {
    const { client, state } = this.options;
    if (!client.online || !state.knows(address) || state.blocked.peek().includes(address)) return;
    const sees = address === this.options.own || ['to', 'both'].includes(state.item(address)?.subscription ?? '');
    const { look } = await asking();
    await look(client, address, sees, (change) => this.set(address, change));
  }

  // --- my own ---

  async setProfile(change: ProfileChange): Promise<void> {
    const { client, own } = this.options;
    const { setProfile } = await asking();
    await this.set(own, await setProfile(client, own, change));
  }

  async setPicture(picture: OwnPicture | undefined): Promise<void> {
    const { client, db, own, emit } = this.options;
    const { publishPicture, removePicture } = await asking();
    if (!picture) {
      await removePicture(client);
      return this.set(own, { node: '', card: '' });
    }
    await publishPicture(client, picture);
    await keepPicture(db, { hash: picture.hash, type: 'image/png', bytes: picture.bytes });
    await this.set(own, { node: picture.hash });
    emit([{ kind: 'picture', hash: picture.hash }]);
  }
}
