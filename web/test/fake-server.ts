// An XMPP server in memory that speaks RFC 7395 frames, good enough to test the client against: it stores before it
// acknowledges, archives, resumes, and can be told to misbehave. No timers: everything happens in microtasks.

import { type Http, type HttpAnswer, type HttpRequest, NetworkError } from '../src/store/env';
import { type Bytes, decode, encode, fromBase64, toBase64 } from '../src/xmpp/bytes';
import { bare } from '../src/xmpp/jid';
import { NS } from '../src/xmpp/ns';
import type { SocketLike } from '../src/xmpp/stream';
import { type El, parse, write, x } from '../src/xmpp/xml';

export interface ServerOptions {
  domain?: string;
  sasl2?: boolean;
  /** Bind 2 and stream management inside SASL2. */
  inline?: boolean;
  sm?: boolean;
  carbons?: boolean;
  csi?: boolean;
  /** urn:confab:inbox:0 (decision 007). */
  inbox?: boolean;
  mam?: boolean;
  /** Tells its time. */
  time?: boolean;
  mechanisms?: string[];
  registration?: boolean;
  /** Largest file in bytes; 0: takes none. */
  upload?: number;
}

export interface Archived {
  id: string;
  with: string;
  stamp: number;
  message: El;
}

interface Account {
  password: string;
  salt: string;
  archive: Archived[];
  /** Read marks that were set by <read/>, and when. */
  reads: { peer: string; id: string; at: string }[];
  roster: Map<string, { name: string; subscription: string; ask: boolean }>;
  rosterVer: number;
  blocked: Set<string>;
  originIds: Set<string>;
  requests: Map<string, El>;
}

const ITERATIONS = 4096;

export class FakeServer {
  readonly domain: string;
  readonly accounts = new Map<string, Account>();
  readonly sessions: ServerSession[] = [];
  readonly sockets = new Set<FakeSocket>();
  /** Everything that clients sent, in order, as text. */
  readonly received: string[] = [];
  /** Refuse connections. */
  down = false;
  /** Keep stanzas undecided: no acknowledgement counts them. */
  holdAcks = false;
  /** The next stanzas are lost with the connection before they are stored. */
  deaf = false;
  /** The clock of the archive. */
  now = Date.parse('2026-11-22T12:00:00Z');
  connections = 0;
  readonly files = new FakeFiles();
  readonly http: Http = (request) => this.files.answer(request);
  archiveQueries = 0;
  /** Contact lists are answered when somebody says so. */
  heldRosters: (() => void)[] | undefined;
  /** So many queries are refused, as too many at once. */
  archiveBusy = 0;
  /** Bytes of all that was sent in answer to the inbox. */
  inboxBytes = 0;
  inboxQueries = 0;
  readonly options: Required<Omit<ServerOptions, 'domain'>>;
  private serial = 0;

  constructor(options: ServerOptions = {}) {
    this.domain = options.domain ?? 'example.org';
    this.options = {
      sasl2: true,
      inline: true,
      sm: true,
      carbons: false,
      csi: false,
      inbox: false,
      mam: true,
      time: false,
      mechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-1'],
      registration: true,
      upload: 0,
      ...options,
    };
  }

  addAccount(name: string, password = 'secret'): string {
    const address = `${name}@${this.domain}`;
    this.accounts.set(address, {
      password,
      salt: toBase64(encode(`salt of ${name} ${password}`)),
      archive: [],
      reads: [],
      roster: new Map(),
      rosterVer: 1,
      blocked: new Set(),
      originIds: new Set(),
      requests: new Map(),
    });
    return address;
  }

  befriend(a: string, b: string): void {
    this.accounts.get(a)?.roster.set(b, { name: '', subscription: 'both', ask: false });
    this.accounts.get(b)?.roster.set(a, { name: '', subscription: 'both', ask: false });
  }

  readonly open = (_url: string): SocketLike => {
    this.connections++;
    const socket = new FakeSocket(this);
    if (this.down) queueMicrotask(() => socket.drop());
    else {
      this.sockets.add(socket);
      queueMicrotask(() => socket.onopen?.());
    }
    return socket;
  };

  /** All connections die without a word; sessions hibernate. */
  cut(): void {
    for (const socket of [...this.sockets]) socket.drop();
  }

  /** The server restarts: sessions are gone, what was stored stays. */
  restart(): void {
    this.sessions.length = 0;
    this.cut();
  }

  nextId(): string {
    return `a${String(++this.serial).padStart(6, '0')}x`;
  }

  /** A session's stanza on its way. */
  route(from: ServerSession, stanza: El): void {
    if (stanza.name === 'message') this.routeMessage(from.jid, stanza);
    else if (stanza.name === 'presence') this.routePresence(from, stanza);
    else from.answer(stanza);
  }

  /** What nodes and cards answer; undefined: there is none. `later`: nothing. */
  nodes: (to: string, payload: El) => El | 'later' | undefined = () => undefined;

  /** A stanza to every session of an account. */
  toAll(address: string, stanza: El): void {
    for (const s of this.online(address)) s.deliver(clone(stanza));
  }

  online(address: string): ServerSession[] {
    return this.sessions.filter((s) => bare(s.jid) === address);
  }

  /** Delivers a message as if `full` had sent it. */
  routeMessage(full: string, stanza: El): void {
    const sender = bare(full);
    const to = stanza.attr('to') ? bare(stanza.attr('to')) : sender;
    stanza.attrs.set('from', full);
    const mine = this.accounts.get(sender);
    const theirs = this.accounts.get(to);
    const origin = stanza.child('origin-id', NS.sid)?.attr('id');
    if (mine && origin) {
      if (mine.originIds.has(origin)) return; // sent again: stored once
      mine.originIds.add(origin);
    }
    if (!theirs) {
      if (stanza.attr('type') !== 'error') this.bounce(full, stanza, 'item-not-found');
      return;
    }
    if (theirs.blocked.has(sender)) {
      this.bounce(full, stanza, 'service-unavailable');
      return;
    }
    const kept = this.isKept(stanza);
    this.now += 10;
    const own = kept && mine ? this.archive(mine, to, stanza) : undefined;
    let id: string | undefined;
    if (kept && to !== sender) id = this.archive(theirs, sender, stanza);
    else if (kept) id = mine?.archive.at(-1)?.id;
    const copy = clone(stanza);
    if (id) copy.children.push(x('stanza-id', { xmlns: NS.sid, by: to, id }));
    for (const s of this.online(to)) s.deliver(clone(copy));
    if (!this.options.carbons) return;
    const sent = clone(stanza);
    if (own) sent.children.push(x('stanza-id', { xmlns: NS.sid, by: sender, id: own }));
    const wrapped = (dir: string) => x(dir, { xmlns: NS.carbons }, x('forwarded', { xmlns: NS.forward }, clone(sent)));
    for (const s of this.online(sender)) {
      if (s.jid !== full && s.carbons && to !== sender)
        s.deliver(x('message', { xmlns: NS.client, from: sender, to: s.jid, type: 'chat' }, wrapped('sent')));
    }
  }

  archive(owner: Account, peer: string, stanza: El): string {
    const id = this.nextId();
    owner.archive.push({ id, with: peer, stamp: this.now, message: clone(stanza) });
    return id;
  }

  private isKept(stanza: El): boolean {
    if (stanza.attr('type') === 'error' || stanza.child('no-store', NS.hints)) return false;
    return ['body', 'store'].some((n) => stanza.elements().some((c) => c.name === n)) || !!stanza.inNs(NS.receipts);
  }

  private bounce(to: string, stanza: El, condition: string): void {
    const error = x('error', { type: 'cancel' }, x(condition, { xmlns: NS.stanzaErrors }));
    for (const s of this.sessions)
      if (s.jid === to)
        s.deliver(
          x('message', { xmlns: NS.client, type: 'error', id: stanza.attr('id'), from: stanza.attr('to'), to }, error),
        );
  }

  private routePresence(from: ServerSession, stanza: El): void {
    const sender = bare(from.jid);
    const mine = this.accounts.get(sender)!;
    const type = stanza.attr('type') ?? '';
    const to = stanza.attr('to');
    stanza.attrs.set('from', to ? sender : from.jid);
    if (to) {
      this.subscription(sender, mine, bare(to), type, stanza);
      return;
    }
    const first = !from.available && type === '';
    from.available = type === '';
    from.presence = stanza;
    for (const [address, item] of mine.roster) {
      if (item.subscription !== 'both' && item.subscription !== 'from') continue;
      for (const s of this.online(address)) s.deliver(clone(stanza));
    }
    for (const s of this.online(sender)) s.deliver(clone(stanza));
    if (!first) return;
    for (const [address, item] of mine.roster) {
      if (item.subscription !== 'both' && item.subscription !== 'to') continue;
      for (const s of this.online(address)) if (s.presence && s.available) from.deliver(clone(s.presence));
    }
    for (const request of mine.requests.values()) from.deliver(clone(request));
  }

  private subscription(sender: string, mine: Account, to: string, type: string, stanza: El): void {
    const theirs = this.accounts.get(to);
    const item = mine.roster.get(to) ?? { name: '', subscription: 'none', ask: false };
    if (!theirs) {
      const error = x('error', { type: 'cancel' }, x('item-not-found', { xmlns: NS.stanzaErrors }));
      for (const s of this.online(sender))
        s.deliver(x('presence', { xmlns: NS.client, type: 'error', from: to, to: sender }, error));
      return;
    }
    const their = theirs.roster.get(sender) ?? { name: '', subscription: 'none', ask: false };
    if (type === 'subscribe') {
      item.ask = true;
      mine.roster.set(to, item);
      this.push(sender, to);
      theirs.requests.set(sender, clone(stanza));
      for (const s of this.online(to)) s.deliver(clone(stanza));
    } else if (type === 'subscribed') {
      mine.requests.delete(to);
      item.subscription = item.subscription === 'to' || item.subscription === 'both' ? 'both' : 'from';
      mine.roster.set(to, item);
      their.ask = false;
      their.subscription = their.subscription === 'from' || their.subscription === 'both' ? 'both' : 'to';
      theirs.roster.set(sender, their);
      this.push(sender, to);
      this.push(to, sender);
      for (const s of this.online(sender))
        if (s.presence) for (const t of this.online(to)) t.deliver(clone(s.presence));
    } else if (type === 'unsubscribed') mine.requests.delete(to);
  }

  push(owner: string, address: string): void {
    const account = this.accounts.get(owner)!;
    account.rosterVer++;
    for (const s of this.online(owner))
      s.deliver(
        x(
          'iq',
          { xmlns: NS.client, type: 'set', id: this.nextId(), to: s.jid },
          x('query', { xmlns: NS.roster, ver: account.rosterVer }, rosterItem(address, account.roster.get(address))),
        ),
      );
  }
}

function rosterItem(jid: string, item: { name: string; subscription: string; ask: boolean } | undefined): El {
  if (!item) return x('item', { jid, subscription: 'remove' });
  return x('item', {
    jid,
    name: item.name || undefined,
    subscription: item.subscription,
    ask: item.ask ? 'subscribe' : undefined,
  });
}

/** What is about another message does not count. */
const ABOUT = [NS.correct, NS.retract, NS.reactions];

interface Conversation {
  peer: string;
  last: Archived;
  changed: string;
  unread: number;
  first: string | undefined;
  read: string | undefined;
  mark: 'received' | 'displayed' | undefined;
}

/** Decision 007, said once more: what an archive and its owner's marks mean, newest conversation first. */
function inboxOf(account: Account, own: string): Conversation[] {
  const all = new Map<string, { rows: Archived[]; read: string; changed: string; last?: Archived; mark?: string }>();
  const events = [
    ...account.archive.map((row) => ({ at: row.id, peer: row.with, row, read: undefined })),
    ...account.reads.map(({ at, peer, id }) => ({ at, peer, row: undefined, read: id })),
  ].sort((a, b) => (a.at < b.at ? -1 : 1));
  for (const { at, peer, row, read } of events) {
    const c = all.get(peer) ?? { rows: [], read: '', changed: '' };
    all.set(peer, c);
    c.changed = at;
    const moveTo = (id: string | undefined) => {
      if (id && id > c.read) c.read = id;
    };
    moveTo(read);
    if (!row) continue;
    const { message } = row;
    const mine = bare(message.attr('from')) === own;
    const marker = message.inNs(NS.markers);
    const receipt = message.child('received', NS.receipts);
    if (message.child('body') && !ABOUT.some((ns) => message.inNs(ns))) {
      c.rows.push(row);
      c.last = row;
      delete c.mark;
      if (mine) moveTo(row.id);
    } else if (mine && marker?.name === 'displayed')
      moveTo(
        c.rows.findLast((r) => r.message.attr('id') === marker.attr('id') && bare(r.message.attr('from')) !== own)?.id,
      );
    else if (!mine && c.last && bare(c.last.message.attr('from')) === own) {
      const id = c.last.message.attr('id');
      if (marker?.name === 'displayed' && marker.attr('id') === id) c.mark = 'displayed';
      else if (receipt?.attr('id') === id) c.mark ??= 'received';
    }
  }
  return [...all]
    .flatMap(([peer, c]) => {
      if (!c.last) return [];
      const unread = c.rows.filter((r) => r.id > c.read && bare(r.message.attr('from')) !== own);
      return {
        peer,
        last: c.last,
        changed: c.changed,
        unread: unread.length,
        first: unread[0]?.id,
        read: c.read || undefined,
        mark: c.mark as Conversation['mark'],
      };
    })
    .sort((a, b) => (a.last.id < b.last.id ? 1 : -1));
}

export function clone(el: El): El {
  return parse(write(el));
}

export class FakeSocket implements SocketLike {
  protocol = 'xmpp';
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;
  private readonly peer: ServerStream;
  closed = false;
  constructor(private readonly server: FakeServer) {
    this.peer = new ServerStream(server, this);
  }

  send(data: string): void {
    this.server.received.push(data);
    if (!this.server.deaf) void this.peer.receive(parse(data));
  }

  /** From the server to the client; a frame sent before a cut may be lost with it. */
  push(el: El): void {
    const data = write(el);
    queueMicrotask(() => {
      if (!this.closed) this.onmessage?.({ data });
    });
  }

  pushRaw(data: unknown): void {
    if (!this.closed) this.onmessage?.({ data });
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.server.sockets.delete(this);
    this.peer.session?.detach(this);
  }

  drop(): void {
    if (this.closed) return;
    this.close();
    this.onclose?.();
  }
}

/** A bound session; it outlives its socket when it can be resumed. */
export class ServerSession {
  socket: FakeSocket | undefined;
  jid = '';
  smId = '';
  available = false;
  presence: El | undefined;
  carbons = false;
  active = true;
  /** Ours to the client: sent and unacknowledged. */
  out: El[] = [];
  outAcked = 0;
  handled = 0;
  sentBytes = 0;
  constructor(readonly server: FakeServer) {}

  deliver(stanza: El): void {
    if (!stanza.ns) stanza.ns = NS.client;
    if (stanza.name !== 'iq' && !stanza.attr('to')) stanza.attrs.set('to', this.jid);
    if (this.smId) this.out.push(stanza);
    this.sentBytes += write(stanza).length;
    this.socket?.push(stanza);
  }

  detach(socket: FakeSocket): void {
    if (this.socket !== socket) return;
    this.socket = undefined;
    if (!this.smId) this.end();
  }

  end(): void {
    const i = this.server.sessions.indexOf(this);
    if (i >= 0) this.server.sessions.splice(i, 1);
  }

  ack(h: number): void {
    this.out.splice(0, h - this.outAcked);
    this.outAcked = h;
  }

  answer(iq: El): void {
    const type = iq.attr('type');
    if (type !== 'get' && type !== 'set') return;
    const payload = iq.elements()[0]!;
    const reply = (child?: El) =>
      this.deliver(
        x('iq', { xmlns: NS.client, type: 'result', id: iq.attr('id'), from: iq.attr('to'), to: this.jid }, child),
      );
    const refuse = (condition: string, type = 'cancel') =>
      this.deliver(
        x(
          'iq',
          { xmlns: NS.client, type: 'error', id: iq.attr('id'), from: iq.attr('to'), to: this.jid },
          x('error', { type }, x(condition, { xmlns: NS.stanzaErrors })),
        ),
      );
    const own = bare(this.jid);
    const account = this.server.accounts.get(own)!;
    const { options } = this.server;
    switch (`${type} ${payload.name} ${payload.ns}`) {
      case `get ping ${NS.ping}`:
        return void reply();
      case `get time ${NS.time}`:
        if (!options.time) return void refuse('service-unavailable');
        return void reply(x('time', { xmlns: NS.time }, x('utc', {}, new Date(this.server.now).toISOString())));
      case `get query ${NS.discoInfo}`:
        if (!options.upload) return void refuse('service-unavailable');
        return void reply(
          x(
            'query',
            { xmlns: NS.discoInfo },
            x('feature', { var: NS.upload }),
            x(
              'x',
              { xmlns: NS.data, type: 'result' },
              x('field', { var: 'FORM_TYPE' }, x('value', {}, NS.upload)),
              x('field', { var: 'max-file-size' }, x('value', {}, String(options.upload))),
            ),
          ),
        );
      case `get pubsub ${NS.pubsub}`:
      case `get vCard ${NS.vcard}`: {
        const found = this.server.nodes(iq.attr('to') ?? own, payload);
        if (found === 'later') return;
        return void (found ? reply(found) : refuse('item-not-found'));
      }
      case `get request ${NS.upload}`: {
        if (this.server.files.full) return void refuse('resource-constraint');
        const { put, get } = this.server.files.slot(payload.attr('filename')!, Number(payload.attr('size')));
        return void reply(x('slot', { xmlns: NS.upload }, x('put', { url: put }), x('get', { url: get })));
      }
      case `get query ${NS.roster}`:
        if (this.server.heldRosters) {
          this.server.heldRosters.push(() => this.answer(iq));
          return;
        }
        if (payload.attr('ver') === String(account.rosterVer)) return void reply();
        return void reply(
          x(
            'query',
            { xmlns: NS.roster, ver: account.rosterVer },
            ...[...account.roster].map(([j, i]) => rosterItem(j, i)),
          ),
        );
      case `set query ${NS.roster}`: {
        const item = payload.child('item')!;
        const jid = bare(item.attr('jid'));
        if (item.attr('subscription') === 'remove') account.roster.delete(jid);
        else {
          const old = account.roster.get(jid) ?? { name: '', subscription: 'none', ask: false };
          account.roster.set(jid, { ...old, name: item.attr('name') ?? '' });
        }
        this.server.push(own, jid);
        return void reply();
      }
      case `get blocklist ${NS.blocking}`:
        return void reply(
          x('blocklist', { xmlns: NS.blocking }, ...[...account.blocked].map((jid) => x('item', { jid }))),
        );
      case `set block ${NS.blocking}`:
      case `set unblock ${NS.blocking}`:
        for (const item of payload.elements('item')) {
          if (payload.name === 'block') account.blocked.add(item.attr('jid')!);
          else account.blocked.delete(item.attr('jid')!);
        }
        for (const s of this.server.online(own))
          s.deliver(
            x('iq', { xmlns: NS.client, type: 'set', id: this.server.nextId(), to: s.jid, from: own }, clone(payload)),
          );
        return void reply();
      case `set enable ${NS.carbons}`:
        if (!options.carbons) return void refuse('service-unavailable');
        this.carbons = true;
        return void reply();
      case `set query ${NS.register}`:
        if (payload.child('remove')) this.server.accounts.delete(own);
        else {
          account.password = payload.child('password')!.text();
          account.salt = toBase64(encode(`salt ${account.password}`));
        }
        return void reply();
      case `get inbox ${NS.inbox}`:
        if (options.inbox) this.queryInbox(account, payload, reply, refuse);
        else refuse('service-unavailable');
        return;
      case `set read ${NS.inbox}`: {
        const peer = payload.attr('jid')!;
        const row = account.archive.find((a) => a.id === payload.attr('id') && a.with === peer);
        if (!row) return void refuse('item-not-found');
        account.reads.push({ peer, id: row.id, at: this.server.nextId() });
        for (const s of this.server.online(own))
          if (s !== this) s.deliver(x('message', { xmlns: NS.client, from: own }, clone(payload)));
        return void reply(x('read', { xmlns: NS.inbox, jid: peer, id: row.id, unread: '0' }));
      }
      case `set query ${NS.mam}`:
        if (this.server.archiveBusy > 0) {
          this.server.archiveBusy--;
          refuse('resource-constraint', 'wait');
        } else if (options.mam) this.queryArchive(account, payload, reply, refuse);
        else refuse('service-unavailable');
        return;
      default:
        return void refuse('service-unavailable');
    }
  }

  private queryInbox(account: Account, q: El, reply: (c?: El) => void, refuse: (c: string) => void): void {
    this.server.inboxQueries++;
    const own = bare(this.jid);
    const since = q.attr('after') ?? '';
    const all = inboxOf(account, own);
    const newest = [account.archive.at(-1)?.id ?? '', account.reads.at(-1)?.at ?? ''].sort().at(-1)!;
    if (since > newest) return void refuse('item-not-found');
    const set = q.child('set', NS.rsm);
    const from = set?.child('after')?.text();
    const max = Number(set?.child('max')?.text() ?? 500);
    let list = all.filter((c) => c.changed > since);
    if (from) list = list.filter((c) => c.last.id < from);
    const page = list.slice(0, max);
    const begin = this.sentBytes;
    for (let i = 0; i < page.length; i += 20)
      this.deliver(
        x(
          'message',
          { xmlns: NS.client, from: own, to: this.jid },
          x(
            'inbox',
            { xmlns: NS.inbox, queryid: q.attr('queryid') },
            ...page.slice(i, i + 20).map(({ peer, last, unread, first, read, mark }) =>
              x(
                'entry',
                {
                  jid: peer,
                  id: last.id,
                  stamp: new Date(last.stamp).toISOString(),
                  unread: unread ? String(unread) : undefined,
                  first,
                  read,
                  peer: mark,
                },
                clone(last.message),
              ),
            ),
          ),
        ),
      );
    reply(
      x(
        'fin',
        {
          xmlns: NS.inbox,
          complete: page.length === list.length ? 'true' : undefined,
          total: String(all.length),
          state: newest || undefined,
          archive: account.archive.at(-1)?.id,
        },
        x('set', { xmlns: NS.rsm }, page.length > 0 && x('last', {}, page.at(-1)!.last.id)),
      ),
    );
    this.server.inboxBytes += this.sentBytes - begin;
  }

  private queryArchive(account: Account, q: El, reply: (c?: El) => void, refuse: (c: string) => void): void {
    this.server.archiveQueries++;
    const form = new Map(
      (q.child('x', NS.data)?.elements('field') ?? []).map((f) => [f.attr('var'), f.child('value')?.text()]),
    );
    let list = account.archive;
    const own = bare(this.jid);
    const who = form.get('with');
    if (who) list = list.filter((a) => (who === own ? a.with === own : a.with === who));
    const start = form.get('start');
    if (start) list = list.filter((a) => a.stamp >= Date.parse(start));
    const end = form.get('end');
    if (end) list = list.filter((a) => a.stamp <= Date.parse(end));
    const set = q.child('set', NS.rsm);
    const max = Number(set?.child('max')?.text() ?? 50);
    const before = set?.child('before')?.text();
    const after = set?.child('after')?.text();
    const known = (id: string) => account.archive.findIndex((a) => a.id === id);
    if ((before && known(before) < 0) || (after && known(after) < 0)) return void refuse('item-not-found');
    const order = (a: Archived) => known(a.id);
    if (before) list = list.filter((a) => order(a) < known(before));
    if (after) list = list.filter((a) => order(a) > known(after));
    const page = before === undefined ? list.slice(0, max) : list.slice(Math.max(0, list.length - max));
    for (const a of page)
      this.deliver(
        x(
          'message',
          { xmlns: NS.client, to: this.jid },
          x(
            'result',
            { xmlns: NS.mam, queryid: q.attr('queryid'), id: a.id },
            x(
              'forwarded',
              { xmlns: NS.forward },
              x('delay', { xmlns: NS.delay, stamp: new Date(a.stamp).toISOString() }),
              clone(a.message),
            ),
          ),
        ),
      );
    reply(
      x(
        'fin',
        { xmlns: NS.mam, complete: page.length === list.length ? 'true' : undefined },
        x(
          'set',
          { xmlns: NS.rsm },
          page[0] && x('first', {}, page[0].id),
          page.length > 0 && x('last', {}, page.at(-1)!.id),
        ),
      ),
    );
  }
}

/** One connection: framing, signing in, then a session. */
class ServerStream {
  session: ServerSession | undefined;
  private signedIn = '';
  private scram: { mechanism: string; firstBare: string; serverFirst: string; user: string; request: El } | undefined;
  private chain: Promise<void> = Promise.resolve();
  constructor(
    private readonly server: FakeServer,
    private readonly socket: FakeSocket,
  ) {}

  receive(el: El): Promise<void> {
    this.chain = this.chain.then(() => this.handle(el));
    return this.chain;
  }

  private async handle(el: El): Promise<void> {
    const { session } = this;
    if (el.is('open', NS.framing)) this.greet(el);
    else if (el.is('close', NS.framing)) {
      if (session) session.smId = '';
      this.socket.push(x('close', { xmlns: NS.framing }));
      session?.end();
    } else if (el.is('authenticate', NS.sasl2))
      await this.first(el, el.attr('mechanism')!, el.child('initial-response')!.text());
    else if (el.is('auth', NS.sasl)) await this.first(el, el.attr('mechanism')!, el.text());
    else if (el.name === 'response') await this.final(el);
    else if (el.ns === NS.sm) this.sm(el);
    else if (el.ns === NS.csi && session) session.active = el.name === 'active';
    else if (el.ns === NS.client && el.child('bind', NS.bind)) this.bind(el);
    else if (el.ns === NS.client && !session) this.beforeSession(el);
    else if (session) {
      if (!this.server.holdAcks) session.handled++;
      this.server.route(session, el);
    }
  }

  private greet(open: El): void {
    const { domain, options } = this.server;
    this.socket.push(x('open', { xmlns: NS.framing, from: domain, id: this.server.nextId(), version: '1.0' }));
    if (open.attr('to') !== domain) {
      this.socket.push(x('error', { xmlns: NS.streams }, x('host-unknown', { xmlns: NS.streamErrors })));
      return;
    }
    const features: (El | false)[] = [];
    if (this.signedIn)
      features.push(
        x('bind', { xmlns: NS.bind }),
        options.sm && x('sm', { xmlns: NS.sm }),
        options.csi && x('csi', { xmlns: NS.csi }),
      );
    else {
      const list = options.mechanisms.map((m) => x('mechanism', {}, m));
      if (options.sasl2)
        features.push(
          x(
            'authentication',
            { xmlns: NS.sasl2 },
            ...list,
            options.inline &&
              x(
                'inline',
                {},
                x(
                  'bind',
                  { xmlns: NS.bind2 },
                  x(
                    'inline',
                    {},
                    options.sm && x('feature', { var: NS.sm }),
                    options.carbons && x('feature', { var: NS.carbons }),
                    options.csi && x('feature', { var: NS.csi }),
                  ),
                ),
                options.sm && x('sm', { xmlns: NS.sm }),
              ),
          ),
        );
      features.push(x('mechanisms', { xmlns: NS.sasl }, ...list.map(clone)));
      features.push(options.registration && x('register', { xmlns: NS.registerFeature }));
    }
    this.socket.push(x('features', { xmlns: NS.streams }, ...features));
  }

  private beforeSession(iq: El): void {
    const query = iq.child('query', NS.register);
    const id = iq.attr('id');
    if (!query) return;
    const username = query.child('username')?.text();
    const answer = (type: string, child?: El) => this.socket.push(x('iq', { xmlns: NS.client, type, id }, child));
    if (iq.attr('type') === 'get') answer('result', x('query', { xmlns: NS.register }, x('username'), x('password')));
    else if (this.server.accounts.has(`${username}@${this.server.domain}`))
      answer('error', x('error', { type: 'cancel' }, x('conflict', { xmlns: NS.stanzaErrors })));
    else {
      this.server.addAccount(username!, query.child('password')!.text());
      answer('result');
    }
  }

  // --- SCRAM ---

  private async first(request: El, mechanism: string, data: string): Promise<void> {
    const message = decode(fromBase64(data));
    const firstBare = message.slice(3);
    const user = /n=([^,]*)/.exec(firstBare)![1]!;
    const nonce = /r=([^,]*)/.exec(firstBare)![1]!;
    const salt = this.server.accounts.get(`${user}@${this.server.domain}`)?.salt ?? toBase64(encode('unknown'));
    const serverFirst = `r=${nonce}SERVER,s=${salt},i=${ITERATIONS}`;
    this.scram = { mechanism, firstBare, serverFirst, user, request };
    this.socket.push(x('challenge', { xmlns: request.ns }, toBase64(encode(serverFirst))));
  }

  private async final(el: El): Promise<void> {
    const s = this.scram!;
    const address = `${s.user}@${this.server.domain}`;
    const account = this.server.accounts.get(address);
    const message = decode(fromBase64(el.text()));
    const hash = s.mechanism.slice(6);
    const withoutProof = message.slice(0, message.indexOf(',p='));
    const auth = encode(`${s.firstBare},${s.serverFirst},${withoutProof}`);
    const salted = await pbkdf2(hash, account?.password ?? '', fromBase64(account?.salt ?? 'AAAA'));
    const clientKey = await hmac(hash, salted, encode('Client Key'));
    const stored = new Uint8Array(await crypto.subtle.digest(hash, clientKey));
    const signature = await hmac(hash, stored, auth);
    const proof = toBase64(clientKey.map((b, i) => b ^ signature[i]!));
    if (!account || message.slice(message.indexOf(',p=') + 3) !== proof) {
      this.socket.push(x('failure', { xmlns: el.ns }, x('not-authorized', { xmlns: NS.sasl })));
      return;
    }
    const v = await hmac(hash, await hmac(hash, salted, encode('Server Key')), auth);
    this.signedIn = address;
    const additional = toBase64(encode(`v=${toBase64(v)}`));
    if (el.ns === NS.sasl) this.socket.push(x('success', { xmlns: NS.sasl }, additional));
    else this.success(s.request, additional);
  }

  private success(request: El, additional: string): void {
    const resume = request.child('resume', NS.sm);
    const bind = request.child('bind', NS.bind2);
    const parts: El[] = [x('additional-data', {}, additional)];
    const old = resume && this.find(resume);
    let jid = this.signedIn;
    let features = true;
    const after: El[] = [];
    if (old) {
      features = false;
      jid = old.jid;
      after.push(...this.takeOver(old, resume));
      parts.push(x('resumed', { xmlns: NS.sm, h: old.handled, previd: old.smId }));
    } else {
      if (resume) parts.push(x('failed', { xmlns: NS.sm }, x('item-not-found', { xmlns: NS.stanzaErrors })));
      if (bind) {
        const session = this.newSession(`${this.signedIn}/${bind.child('tag')?.text()}.${this.server.nextId()}`);
        jid = session.jid;
        const enable = bind.child('enable', NS.sm);
        if (enable) session.smId = this.server.nextId();
        if (bind.child('enable', NS.carbons)) session.carbons = true;
        parts.push(
          x('bound', { xmlns: NS.bind2 }, enable && x('enabled', { xmlns: NS.sm, id: session.smId, resume: 'true' })),
        );
      }
    }
    parts.push(x('authorization-identifier', {}, jid));
    this.socket.push(x('success', { xmlns: NS.sasl2 }, ...parts));
    const sm = this.server.options.sm && x('sm', { xmlns: NS.sm });
    if (features) this.socket.push(x('features', { xmlns: NS.streams }, x('bind', { xmlns: NS.bind }), sm));
    for (const stanza of after) this.socket.push(stanza);
  }

  // --- sessions ---

  private newSession(jid: string): ServerSession {
    const session = new ServerSession(this.server);
    session.jid = jid;
    session.socket = this.socket;
    this.session = session;
    this.server.sessions.push(session);
    return session;
  }

  private bind(iq: El): void {
    const session = this.newSession(`${this.signedIn}/r${this.server.nextId()}`);
    this.socket.push(
      x(
        'iq',
        { xmlns: NS.client, type: 'result', id: iq.attr('id') },
        x('bind', { xmlns: NS.bind }, x('jid', {}, session.jid)),
      ),
    );
  }

  private find(resume: El): ServerSession | undefined {
    return this.server.sessions.find((s) => s.smId !== '' && s.smId === resume.attr('previd'));
  }

  private takeOver(session: ServerSession, resume: El): El[] {
    session.socket?.drop();
    session.socket = this.socket;
    session.active = true;
    this.session = session;
    session.ack(Number(resume.attr('h')));
    return [...session.out];
  }

  private sm(el: El): void {
    const { session } = this;
    if (el.name === 'enable' && session) {
      session.smId = this.server.nextId();
      session.out = [];
      this.socket.push(x('enabled', { xmlns: NS.sm, id: session.smId, resume: 'true' }));
    } else if (el.name === 'resume') {
      const old = this.find(el);
      if (!old) this.socket.push(x('failed', { xmlns: NS.sm }, x('item-not-found', { xmlns: NS.stanzaErrors })));
      else {
        const after = this.takeOver(old, el);
        this.socket.push(x('resumed', { xmlns: NS.sm, h: old.handled, previd: old.smId }));
        for (const stanza of after) this.socket.push(stanza);
      }
    } else if (el.name === 'r') this.socket.push(x('a', { xmlns: NS.sm, h: session?.handled ?? 0 }));
    else if (el.name === 'a') session?.ack(Number(el.attr('h')));
  }
}

async function hmac(hash: string, key: Bytes, data: Bytes): Promise<Bytes> {
  const k = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', k, data));
}

async function pbkdf2(hash: string, password: string, salt: Bytes): Promise<Bytes> {
  const key = await crypto.subtle.importKey('raw', encode(password), 'PBKDF2', false, ['deriveBits']);
  const bits = hash === 'SHA-256' ? 256 : 160;
  return new Uint8Array(
    await crypto.subtle.deriveBits({ name: 'PBKDF2', hash, salt, iterations: ITERATIONS }, key, bits),
  );
}

/** Where files are put: plain PUT, and HEAD and PATCH for what broke. */
export class FakeFiles {
  readonly slots = new Map<string, { size: number; held: Uint8Array; complete: boolean }>();
  /** What was asked, as `METHOD from`. */
  readonly asked: string[] = [];
  /** Each of the next requests with a body breaks after so many bytes; they count as held. */
  breaks: number[] = [];
  /** Nobody answers. */
  down = false;
  /** No slots any more. */
  full = false;
  /** Knows neither HEAD nor PATCH. */
  plain = false;
  /** Answers wait for this. */
  hold: Promise<void> | undefined;
  private serial = 0;

  slot(name: string, size: number): { put: string; get: string } {
    const id = `s${++this.serial}`;
    const put = `https://files.example/upload/${id}/${encodeURIComponent(name)}`;
    this.slots.set(put, { size, held: new Uint8Array(), complete: false });
    return { put, get: `https://files.example/files/${id}/${encodeURIComponent(name)}` };
  }

  async answer(request: HttpRequest): Promise<HttpAnswer> {
    const { method, url, body, signal } = request;
    const from = request.headers.find(([name]) => name === 'Upload-Offset')?.[1];
    this.asked.push(from ? `${method} ${from}` : method);
    const bytes = new Uint8Array(body ? await body.arrayBuffer() : new ArrayBuffer(0));
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    if (this.hold) await Promise.race([this.hold, aborted]);
    if (this.down || signal.aborted) throw new NetworkError('down');
    const slot = this.slots.get(url);
    const say = (status: number): HttpAnswer => ({
      status,
      header: (name) =>
        this.plain || !slot
          ? null
          : ({ 'Upload-Offset': String(slot.held.length), 'Upload-Complete': slot.complete ? '?1' : '?0' }[name] ??
            null),
    });
    if (!slot) return say(404);
    if (method === 'HEAD') return say(this.plain ? 405 : 200);
    if (method === 'DELETE') {
      this.slots.delete(url);
      return say(204);
    }
    if (method === 'PATCH' && Number(from) !== slot.held.length) return say(409);
    const start = method === 'PATCH' ? slot.held : new Uint8Array();
    const breakAt = this.breaks.shift();
    const arrived = breakAt === undefined ? bytes : bytes.slice(0, breakAt);
    slot.held = new Uint8Array([...start, ...arrived]);
    request.onProgress?.(arrived.length);
    if (breakAt !== undefined) throw new NetworkError('broken');
    if (slot.held.length !== slot.size) return say(400);
    slot.complete = true;
    return say(201);
  }
}
