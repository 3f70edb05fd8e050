// The people: contact list, who is there, who asks to be let in, who is blocked.
import { type AccountDb, getMeta, setMeta } from '../db/schema';
import type { Client } from '../xmpp/client';
import { StanzaError } from '../xmpp/errors';
import { fetchBlocked, onBlockPush, setBlocked } from '../xmpp/mod/blocking';
import { type IncomingPresence, subscription } from '../xmpp/mod/presence';
import { fetchRoster, onRosterPush, type RosterItem, removeRosterItem, setRosterItem } from '../xmpp/mod/roster';
import { NS } from '../xmpp/ns';
import { x } from '../xmpp/xml';
import type { Change } from './changes';
import { fail, requestFailure } from './failures';
import type { Address, Availability, ContactRequest, Failure, Presence } from './model';
import { AWAY, type State, shortName } from './state';

const SHOW: Record<Exclude<Availability, 'offline'>, string | undefined> = {
  online: undefined,
  away: 'away',
  busy: 'dnd',
};

export class People {
  /** What each device of each person says of itself. */
  private readonly devices = new Map<Address, Map<string, IncomingPresence>>();
  /** Waiting to hear whether a request to somebody bounces at once. */
  private devicesChanged = true;
  private tail: Promise<void> = Promise.resolve();
  /** A presence says which picture its sender's card has. */
  onPhoto: (address: Address, hash: string) => void = () => {};
  private readonly asking = new Map<Address, (error: StanzaError) => void>();

  constructor(
    private readonly db: AccountDb,
    private readonly own: Address,
    private readonly client: Client,
    private readonly state: State,
    private readonly emit: (changes: readonly Change[]) => void,
  ) {
    onRosterPush(client, own, (item, ver) => this.inOrder(() => this.push(item, ver)));
    onBlockPush(client, own, (change) => {
      const now = new Set(change.kind === 'unblock-all' ? [] : this.state.blocked.peek());
      if (change.kind !== 'unblock-all') {
        for (const a of change.addresses) change.kind === 'block' ? now.add(a) : now.delete(a);
      }
      // Of who is blocked nothing comes any more, on whichever device that was done; who no longer is, is asked.
      if (change.kind === 'block') for (const a of change.addresses) this.gone(a);
      void this.setBlockedList([...now]).catch(console.error);
    });
    client.onPresence = (p) => this.receive(p);
    client.mayKnow = (address) => state.maySee(address);
  }

  /** After a new session: the list, then we show ourselves, then the blocked. */
  async refresh(): Promise<void> {
    await this.refreshRoster();
    await this.announce();
    await this.refreshBlocked();
  }

  /** After another page's session was resumed: what that page may not have got round to writing down. */
  async refreshList(): Promise<void> {
    await this.refreshRoster();
    await this.refreshBlocked();
  }

  private async refreshRoster(): Promise<void> {
    const known = (await getMeta(this.db, 'rosterKnown')) ?? false;
    const ver = known ? ((await getMeta(this.db, 'rosterVer')) ?? '') : '';
    const roster = await fetchRoster(this.client, ver);
    if (roster) await this.storeRoster(roster.items, roster.ver);
  }

  private async refreshBlocked(): Promise<void> {
    try {
      await this.setBlockedList(await fetchBlocked(this.client));
    } catch (e) {
      if (!(e instanceof StanzaError)) throw e; // a server without blocking
    }
  }

  /** Sends what I chose to show. */
  async announce(): Promise<void> {
    const { availability, text } = this.state.ownPresence.peek();
    await this.client.sendPresence(availability === 'offline' ? undefined : SHOW[availability], text);
  }

  async setPresence(presence: Presence): Promise<void> {
    await setMeta(this.db, 'presence', presence);
    this.emit([{ kind: 'own-presence', presence }]);
    if (this.client.online) await this.announce();
  }

  /** Who is there, to be kept for a reload; undefined when nothing has changed since it was last asked for. */
  toSave(): IncomingPresence[] | undefined {
    if (!this.devicesChanged) return undefined;
    this.devicesChanged = false;
    return [...this.devices.values()].flatMap((d) => [...d.values()]);
  }

  restore(list: readonly IncomingPresence[]): void {
    for (const p of list) this.available(p);
  }

  /** The session is over: nobody's presence is known. */
  forget(): void {
    this.devices.clear();
    this.devicesChanged = true;
    this.emit([{ kind: 'presences-gone' }]);
  }

  /** Is another device of mine signed in? */
  get otherDevices(): boolean {
    const mine = this.devices.get(this.own);
    if (!mine) return false;
    return [...mine.keys()].some((resource) => `${this.own}/${resource}` !== this.client.connection.jid);
  }

  isThere(address: Address): boolean {
    return (this.devices.get(address)?.size ?? 0) > 0;
  }

  /** For a tab that has just opened. */
  snapshot(): Change[] {
    return [...this.devices.keys()].map((address) => ({ kind: 'presence', address, presence: this.summary(address) }));
  }

  /** Changes of the list and requests are worked off in the order they came: what a request means depends on the list. */
  private inOrder(work: () => Promise<void>): void {
    this.tail = this.tail.then(work).catch(console.error);
  }

  // --- the list ---

  private async storeRoster(items: RosterItem[], ver: string | undefined): Promise<void> {
    const tx = this.db.transaction(['contacts', 'meta'], 'readwrite');
    await tx.objectStore('contacts').clear();
    for (const item of items) await tx.objectStore('contacts').put(item);
    if (ver !== undefined) await tx.objectStore('meta').put(ver, 'rosterVer');
    else await tx.objectStore('meta').delete('rosterVer');
    await tx.objectStore('meta').put(true, 'rosterKnown');
    await tx.done;
    this.emit([{ kind: 'contacts', items }]);
    await this.dropAnswered();
  }

  private async push(item: RosterItem, ver: string | undefined): Promise<void> {
    const tx = this.db.transaction(['contacts', 'meta'], 'readwrite');
    if (item.subscription === 'remove') await tx.objectStore('contacts').delete(item.address);
    else await tx.objectStore('contacts').put(item);
    if (ver !== undefined) await tx.objectStore('meta').put(ver, 'rosterVer');
    await tx.done;
    if (item.subscription === 'remove') this.devices.delete(item.address);
    this.emit([{ kind: 'contact', item }]);
    await this.dropAnswered();
  }

  async add(address: Address, name: string): Promise<Failure | undefined> {
    if (address === this.own)
      return fail('not-allowed', 'This is your own address. You can write notes to yourself without adding it.');
    const before = this.state.item(address);
    let bounced: StanzaError | undefined;
    this.asking.set(address, (error) => {
      bounced = error;
    });
    try {
      if (this.state.blocked.peek().includes(address)) await setBlocked(this.client, address, false);
      await setRosterItem(this.client, address, name || before?.name || '');
      if (before?.subscription !== 'to' && before?.subscription !== 'both')
        this.client.send(subscription('subscribe', address, this.state.nameOf(this.own)));
      // They asked first: adding them is saying yes.
      if (this.state.requests.peek().some((r) => r.address === address)) {
        this.client.send(subscription('subscribed', address));
        await this.dropRequest(address);
      }
      // Whatever our server refuses it has refused by the time that it answers this.
      await this.client.iq({ type: 'get', payload: x('ping', { xmlns: NS.ping }) }).catch((e) => {
        if (!(e instanceof StanzaError)) throw e;
      });
      if (bounced) {
        if (!before) await removeRosterItem(this.client, address).catch(() => {});
        return requestFailure(bounced);
      }
      return undefined;
    } catch (e) {
      return requestFailure(e);
    } finally {
      this.asking.delete(address);
    }
  }

  async rename(address: Address, name: string): Promise<void> {
    await setRosterItem(this.client, address, name.trim());
  }

  async remove(address: Address): Promise<void> {
    await removeRosterItem(this.client, address);
  }

  // --- requests ---

  async accept(address: Address): Promise<void> {
    const item = this.state.item(address);
    const request = this.state.requests.peek().find((r) => r.address === address);
    if (!item)
      await setRosterItem(this.client, address, request && request.name !== shortName(address) ? request.name : '');
    this.client.send(subscription('subscribed', address));
    // Friends see each other: ask back, unless that has been done.
    if (item?.subscription !== 'to' && item?.subscription !== 'both' && !item?.asked)
      this.client.send(subscription('subscribe', address, this.state.nameOf(this.own)));
    await this.dropRequest(address);
  }

  async refuse(address: Address): Promise<void> {
    this.client.send(subscription('unsubscribed', address));
    await this.dropRequest(address);
  }

  private async addRequest(request: ContactRequest): Promise<void> {
    await this.db.put('requests', request);
    await this.tellRequests();
  }

  private async dropRequest(address: Address): Promise<void> {
    await this.db.delete('requests', address);
    await this.tellRequests();
  }

  /** Requests that were answered on another device. */
  private async dropAnswered(): Promise<void> {
    const answered = this.state.requests.peek().filter((r) => {
      const s = this.state.item(r.address)?.subscription;
      return s === 'from' || s === 'both';
    });
    if (answered.length === 0) return;
    for (const r of answered) await this.db.delete('requests', r.address);
    await this.tellRequests();
  }

  private async tellRequests(): Promise<void> {
    this.emit([{ kind: 'requests', list: await this.db.getAll('requests') }]);
  }

  // --- blocking ---

  async block(address: Address, blocked: boolean): Promise<void> {
    await setBlocked(this.client, address, blocked);
    if (!blocked) return;
    this.gone(address);
    await this.dropRequest(address);
  }

  private gone(address: Address): void {
    this.devices.delete(address);
    this.devicesChanged = true;
    this.emit([{ kind: 'presence', address, presence: AWAY }]);
  }

  private async setBlockedList(list: Address[]): Promise<void> {
    await setMeta(this.db, 'blocked', list);
    this.emit([{ kind: 'blocked', list }]);
  }

  // --- presence ---

  private receive(p: IncomingPresence): void {
    this.devicesChanged = true;
    switch (p.type) {
      case '':
      case 'unavailable':
        this.available(p);
        break;
      case 'subscribe':
        this.inOrder(() => this.asked(p));
        break;
      case 'error':
        if (p.error) this.asking.get(p.from)?.(p.error);
        this.devices.delete(p.from);
        this.emit([{ kind: 'presence', address: p.from, presence: AWAY }]);
        break;
      case 'unsubscribed':
        this.devices.delete(p.from);
        this.emit([{ kind: 'presence', address: p.from, presence: AWAY }]);
        break;
      // `subscribed` and `unsubscribe` show themselves in the list, which the server pushes.
    }
  }

  private available(p: IncomingPresence): void {
    let devices = this.devices.get(p.from);
    if (p.type === '') {
      if (p.photo !== undefined) this.onPhoto(p.from, p.photo);
      if (!devices) {
        devices = new Map();
        this.devices.set(p.from, devices);
      }
      devices.set(p.resource, p);
    } else if (p.resource === '') this.devices.delete(p.from);
    else devices?.delete(p.resource);
    if (this.devices.get(p.from)?.size === 0) this.devices.delete(p.from);
    const changes: Change[] = [{ kind: 'presence', address: p.from, presence: this.summary(p.from) }];
    if (p.type === 'unavailable') changes.push({ kind: 'typing', chat: p.from, typing: false });
    this.emit(changes);
  }

  /** One presence out of several devices: the most willing to talk of those with the highest priority. */
  private summary(address: Address): Presence {
    const order = ['chat', '', 'dnd', 'away', 'xa'];
    let best: IncomingPresence | undefined;
    for (const p of this.devices.get(address)?.values() ?? []) {
      if (
        !best ||
        p.priority > best.priority ||
        (p.priority === best.priority && order.indexOf(p.show) < order.indexOf(best.show))
      )
        best = p;
    }
    if (!best) return AWAY;
    const availability = best.show === 'dnd' ? 'busy' : best.show === 'away' || best.show === 'xa' ? 'away' : 'online';
    return { availability, text: best.status };
  }

  private async asked(p: IncomingPresence): Promise<void> {
    if (p.from === this.own) return;
    const item = this.state.item(p.from);
    const mutual = item && (item.subscription === 'to' || item.subscription === 'both' || item.asked);
    if (mutual || item?.subscription === 'from') {
      // We asked them ourselves: that they ask back is their yes.
      this.client.send(subscription('subscribed', p.from));
      return;
    }
    await this.addRequest({ address: p.from, name: p.nick || shortName(p.from), text: p.status });
  }
}
