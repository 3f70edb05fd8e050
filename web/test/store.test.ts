import { beforeEach, describe, expect, it } from 'vitest';
import { ConfabApp } from '../src/store/app';
import type { Message, Timeline } from '../src/store/model';
import type { AccountSession } from '../src/store/session';
import { textMessage } from '../src/xmpp/mod/message';
import { NS } from '../src/xmpp/ns';
import { parse, x } from '../src/xmpp/xml';
import { FakeBrowser, turns, until } from './fake-env';
import { FakeServer, type ServerOptions } from './fake-server';

const MIA = 'mia@example.org';
const BEN = 'ben@example.org';

let server: FakeServer;
let browser: FakeBrowser;
let app: ConfabApp;

function fresh(options: ServerOptions = {}): void {
  server = new FakeServer(options);
  server.addAccount('mia');
  server.addAccount('ben');
  server.befriend(MIA, BEN);
  browser = new FakeBrowser(server);
}

beforeEach(() => fresh());

async function signIn(): Promise<AccountSession> {
  app = new ConfabApp(browser.env());
  expect(await app.signIn({ address: 'Mia', password: 'secret' })).toBeUndefined();
  return online();
}

async function online(): Promise<AccountSession> {
  await until(() => app.session.value?.connection.value.state === 'online', 'online');
  const session = app.session.value as AccountSession;
  await until(() => !session.firstStart.value, 'contacts');
  await quiet(session);
  return session;
}

/** Everything asked is answered and everything received is stored. */
async function quiet(session: AccountSession): Promise<void> {
  await turns(30);
  await session.settled();
  await turns(30);
}

/** The page is closed and opened again. */
async function reload(): Promise<AccountSession> {
  await app.close();
  app = new ConfabApp(browser.env());
  return online();
}

async function openTimeline(session: AccountSession, chat = BEN): Promise<Timeline> {
  const timeline = session.timeline(chat);
  await until(() => !timeline.cold.value && timeline.older.value !== 'loading', 'timeline');
  return timeline;
}

const bodies = (t: Timeline) => t.messages.value.map((m: Message) => m.body);
const marks = (t: Timeline) => t.messages.value.map((m: Message) => m.mark);

let serial = 0;
function fromBen(body: string, id = `ben-${++serial}`): void {
  server.routeMessage(`${BEN}/x`, textMessage({ to: MIA, id, body, ask: true, chatState: true }));
}

/** Mia's phone sends. */
function fromPhone(body: string, id = `phone-${++serial}`): void {
  server.routeMessage(`${MIA}/phone`, textMessage({ to: BEN, id, body, ask: true, chatState: false }));
}

function receipt(kind: 'received' | 'displayed', id: string): void {
  const ns = kind === 'received' ? NS.receipts : NS.markers;
  server.routeMessage(
    `${BEN}/x`,
    x(
      'message',
      { xmlns: NS.client, to: MIA, type: 'chat', id: `r-${++serial}` },
      x(kind, { xmlns: ns, id }),
      x('store', { xmlns: NS.hints }),
    ),
  );
}

/** What Mia sent to Ben, of one kind. */
function sent(kind: 'body' | 'received' | 'displayed' | 'composing' | 'paused' | 'active') {
  return server.received
    .map((f) => parse(f))
    .filter((el) => el.name === 'message' && el.elements().some((c) => c.name === kind));
}

describe('the first start', () => {
  it('sends a receipt for what came before the contact list did', async () => {
    server.heldRosters = [];
    app = new ConfabApp(browser.env());
    await app.signIn({ address: 'Mia', password: 'secret' });
    await until(() => server.heldRosters!.length > 0, 'the question');
    fromBen('hello', 'early');
    await turns();
    const held = server.heldRosters;
    server.heldRosters = undefined;
    for (const answer of held) answer();
    await until(() => sent('received').length === 1, 'the receipt');
    await app.close();
  });
});

describe('signing in', () => {
  it('keeps keys, not the password, and one id for each account', async () => {
    const session = await signIn();
    expect(session.account.address).toBe(MIA);
    const db = await indexedDBDump('confab');
    expect(JSON.stringify(db)).not.toContain('secret');
    const id = parse(server.received.find((f) => f.includes('user-agent'))!)
      .child('user-agent')!
      .attr('id');
    await reload();
    const last = server.received.filter((f) => f.includes('user-agent')).at(-1)!;
    expect(parse(last).child('user-agent')!.attr('id')).toBe(id);
    await app.close();
  });

  it('says in words what is wrong', async () => {
    app = new ConfabApp(browser.env());
    expect(await app.signIn({ address: 'mia', password: 'wrong' })).toMatchObject({ code: 'refused' });
    expect(await app.signIn({ address: 'a b', password: 'x' })).toMatchObject({ code: 'refused' });
    server.down = true;
    expect(await app.signIn({ address: 'mia', password: 'secret' })).toMatchObject({ code: 'offline' });
    expect(app.accounts.value).toEqual([]);
    await app.close();
  });

  it('registers, and says when a name is taken', async () => {
    app = new ConfabApp(browser.env());
    await until(() => app.registrationOpen.value === true, 'registration known');
    expect(await app.register({ address: 'mia', password: 'x' })).toMatchObject({ code: 'conflict' });
    expect(await app.register({ address: 'zoe', password: 'pass' })).toBeUndefined();
    expect((await online()).account.address).toBe('zoe@example.org');
    await app.close();
  });

  it('learns the domain from the server when the page has another name', async () => {
    app = new ConfabApp({ ...browser.env(), host: '127.0.0.1' });
    await until(() => app.registrationOpen.value !== undefined, 'asked');
    expect(app.domain.value).toBe('example.org');
    await app.close();
  });

  it('changes the password, and goes on with the new keys', async () => {
    const session = await signIn();
    expect(await session.changePassword('nope', 'newer')).toMatchObject({ code: 'refused' });
    expect(await session.changePassword('secret', 'newer')).toBeUndefined();
    server.restart();
    expect((await reload()).connection.value.state).toBe('online');
    await app.close();
  });

  it('ends when the password was changed elsewhere, and comes back with the new one', async () => {
    const session = await signIn();
    const account = server.accounts.get(MIA)!;
    account.password = 'other';
    account.salt = 'b3RoZXI=';
    server.restart();
    session.reconnect();
    await until(() => session.connection.value.state === 'ended');
    expect(session.connection.value).toMatchObject({ failure: { code: 'refused' } });
    expect(await app.signIn({ address: 'mia', password: 'other' })).toBeUndefined();
    await until(() => session.connection.value.state === 'online', 'again');
    await app.close();
  });

  it('forgets everything when signing out or deleting the account', async () => {
    const session = await signIn();
    fromBen('hello');
    await quiet(session);
    await session.signOut();
    expect(app.session.value).toBeUndefined();
    expect(server.sessions).toEqual([]);
    expect((await indexedDB.databases()).map((d) => d.name)).toEqual(['confab']);
    expect(await app.signIn({ address: 'mia', password: 'secret' })).toBeUndefined();
    const again = await online();
    expect(await again.deleteAccount('wrong')).toMatchObject({ code: 'refused' });
    expect(await again.deleteAccount('secret')).toBeUndefined();
    expect(server.accounts.has(MIA)).toBe(false);
    expect(app.accounts.value).toEqual([]);
    await app.close();
  });
});

describe('what I send', () => {
  it('stands there at once, then tells the truth', async () => {
    const session = await signIn();
    const timeline = await openTimeline(session);
    server.holdAcks = true;
    await session.send(BEN, 'hi');
    expect(marks(timeline)).toEqual(['sending']);
    await quiet(session);
    expect(marks(timeline)).toEqual(['sending']);
    server.holdAcks = false;
    server.sessions[0]!.handled = 99;
    const { key } = timeline.messages.value[0]!;
    server.sessions[0]!.handled = sentStanzas();
    server.sessions[0]!.socket!.push(x('a', { xmlns: NS.sm, h: sentStanzas() }));
    await until(() => marks(timeline)[0] === 'sent');
    receipt('received', key);
    await until(() => marks(timeline)[0] === 'delivered');
    receipt('displayed', key);
    await until(() => marks(timeline)[0] === 'read');
    receipt('received', key);
    await quiet(session);
    expect(marks(timeline)).toEqual(['read']);
    expect(session.chat(BEN).last.value?.mark).toBe('read');
    await app.close();
  });

  it('is read with everything before it', async () => {
    const session = await signIn();
    const timeline = await openTimeline(session);
    for (const body of ['1', '2', '3']) await session.send(BEN, body);
    await until(() => marks(timeline).every((m) => m === 'sent'), 'sent');
    receipt('displayed', timeline.messages.value[1]!.key);
    await until(() => marks(timeline).join() === 'read,read,sent');
    await app.close();
  });

  it('survives being written offline, a reload and a crash, and arrives once', async () => {
    const session = await signIn();
    server.down = true;
    server.cut();
    await session.send(BEN, 'one');
    await session.send(BEN, 'two');
    await app.close();
    server.restart();
    server.down = false;
    app = new ConfabApp(browser.env());
    const again = await online();
    const timeline = await openTimeline(again);
    await until(() => marks(timeline).join() === 'sent,sent');
    expect(bodies(timeline)).toEqual(['one', 'two']);
    expect(server.accounts.get(BEN)!.archive.map((a) => a.message.child('body')?.text())).toEqual(['one', 'two']);
    await app.close();
  });

  it('stored but not acknowledged before a crash is found in the archive, not sent twice', async () => {
    const session = await signIn();
    server.holdAcks = true;
    await session.send(BEN, 'once');
    await until(() => server.accounts.get(BEN)!.archive.length === 1);
    await app.close();
    server.restart();
    server.holdAcks = false;
    server.received.length = 0;
    app = new ConfabApp(browser.env());
    const timeline = await openTimeline(await online());
    await until(() => marks(timeline)[0] === 'sent');
    await turns(100);
    expect(sent('body')).toEqual([]);
    expect(bodies(timeline)).toEqual(['once']);
    await app.close();
  });

  it('lost with the connection is sent again under the same id', async () => {
    const session = await signIn();
    const timeline = await openTimeline(session);
    server.deaf = true;
    await session.send(BEN, 'lost');
    await until(() => sent('body').length === 1);
    server.restart();
    server.deaf = false;
    session.reconnect();
    await until(() => marks(timeline)[0] === 'sent', 'sent again');
    const [a, b] = sent('body').map((el) => [el.attr('id'), el.child('origin-id', NS.sid)?.attr('id')]);
    expect(a).toEqual(b);
    expect(server.accounts.get(BEN)!.archive.length).toBe(1);
    await app.close();
  });

  it('comes back with a reason, can be tried again or thrown away', async () => {
    const session = await signIn();
    const timeline = await openTimeline(session, 'nobody@example.org');
    await session.send('nobody@example.org', 'hello?');
    await until(() => marks(timeline)[0] === 'failed');
    const { key, failure } = timeline.messages.value[0]!;
    expect(failure).toMatchObject({ code: 'not-found' });
    server.addAccount('nobody');
    server.accounts.get(MIA)!.originIds.clear();
    await session.retry(key);
    await until(() => marks(timeline)[0] === 'sent');
    expect(timeline.messages.value[0]).not.toHaveProperty('failure');
    await session.discard(key); // only failed ones
    expect(bodies(timeline)).toEqual(['hello?']);
    await app.close();
  });

  it('to myself is a note: once, and without asking for receipts', async () => {
    const session = await signIn();
    const timeline = await openTimeline(session, MIA);
    await session.send(MIA, 'milk');
    await until(() => marks(timeline)[0] === 'sent');
    await quiet(session);
    await reload();
    const again = await openTimeline(app.session.value as AccountSession, MIA);
    expect(bodies(again)).toEqual(['milk']);
    expect(app.session.value!.chat(MIA).kind).toBe('self');
    expect(app.session.value!.chat(MIA).unread.value).toBe(0);
    expect(sent('body')[0]!.child('request', NS.receipts)).toBeUndefined();
    expect(sent('received')).toEqual([]);
    await app.close();
  });

  it('works without SASL2, stream management or an archive', async () => {
    fresh({ sasl2: false, sm: false, mam: false });
    const session = await signIn();
    const timeline = await openTimeline(session);
    await session.send(BEN, 'plain');
    await until(() => marks(timeline)[0] === 'sent');
    fromBen('reply');
    await until(() => bodies(timeline).length === 2);
    expect(timeline.older.value).toBe('start');
    await app.close();
  });
});

describe('what I receive', () => {
  it('is counted, rung for, acknowledged once, and read when seen', async () => {
    const session = await signIn();
    const rung: string[] = [];
    session.onIncoming((m) => rung.push(m.body));
    const timeline = await openTimeline(session);
    fromBen('a', 'id-a');
    fromBen('b', 'id-b');
    await until(() => session.chat(BEN).unread.value === 2);
    await quiet(session);
    expect(rung).toEqual(['a', 'b']);
    expect(sent('received').map((m) => m.child('received', NS.receipts)?.attr('id'))).toEqual(['id-a', 'id-b']);
    timeline.seen(timeline.messages.value[1]!.key);
    timeline.seen(timeline.messages.value[0]!.key);
    timeline.seen(timeline.messages.value[1]!.key);
    await until(() => session.chat(BEN).unread.value === 0);
    await quiet(session);
    expect(sent('displayed').map((m) => m.child('displayed', NS.markers)?.attr('id'))).toEqual(['id-b']);
    await reload();
    await quiet(app.session.value as AccountSession);
    expect(sent('received').length).toBe(2);
    expect(sent('displayed').length).toBe(1);
    expect(app.session.value!.unread.value).toBe(0);
    await app.close();
  });

  it('tells a stranger nothing, until I answer', async () => {
    server.addAccount('eve');
    const session = await signIn();
    const eve = (id: string) =>
      server.routeMessage('eve@example.org/x', textMessage({ to: MIA, id, body: id, ask: true, chatState: true }));
    eve('e1');
    const timeline = await openTimeline(session, 'eve@example.org');
    await until(() => timeline.messages.value.length === 1);
    timeline.seen(timeline.messages.value[0]!.key);
    session.setTyping('eve@example.org', true);
    await quiet(session);
    expect([...sent('received'), ...sent('displayed'), ...sent('composing')]).toEqual([]);
    await session.send('eve@example.org', 'who are you?');
    eve('e2');
    await until(() => sent('received').length === 1);
    await app.close();
  });

  it('says nothing of reading or writing when I do not want it', async () => {
    const session = await signIn();
    session.setChoices({ sendRead: false, sendTyping: false });
    fromBen('psst', 'p');
    const timeline = await openTimeline(session);
    await until(() => timeline.messages.value.length === 1);
    timeline.seen(timeline.messages.value[0]!.key);
    session.setTyping(BEN, true);
    await session.send(BEN, 'x');
    await quiet(session);
    expect(session.unread.value).toBe(0);
    expect([...sent('displayed'), ...sent('composing'), ...sent('active')]).toEqual([]);
    session.setChoices({ sendRead: true });
    timeline.seen(timeline.messages.value[0]!.key);
    await quiet(session);
    expect(sent('displayed')).toEqual([]);
    await app.close();
  });

  it('shows a repeated message once, and two different ones with one id both', async () => {
    const session = await signIn();
    const timeline = await openTimeline(session);
    fromBen('same', 'dup');
    fromBen('same', 'dup');
    await until(() => bodies(timeline).length === 1);
    const live = (body: string, id: string) =>
      server.sessions[0]!.deliver(
        parse(`<message xmlns='jabber:client' from='${BEN}/x' id='${id}' type='chat'><body>${body}</body></message>`),
      );
    live('first', 'n1');
    live('second', 'n1');
    live('second', 'n1');
    await quiet(session);
    expect(bodies(timeline)).toEqual(['same', 'first', 'second']);
    await app.close();
  });

  it('shows who is writing, until they stop, send, or go', async () => {
    const session = await signIn();
    server.sessions[0]!.deliver(parse(`<presence xmlns='jabber:client' from='${BEN}/x'/>`));
    const state = (s: string) =>
      server.sessions[0]!.deliver(
        parse(`<message xmlns='jabber:client' from='${BEN}/x' type='chat'><${s} xmlns='${NS.chatStates}'/></message>`),
      );
    const { typing } = session.chat(BEN);
    state('composing');
    await until(() => typing.value);
    fromBen('done');
    await until(() => !typing.value);
    state('composing');
    await until(() => typing.value);
    server.sessions[0]!.deliver(parse(`<presence xmlns='jabber:client' type='unavailable' from='${BEN}/x'/>`));
    await until(() => !typing.value);
    await app.close();
  });

  it('hides what it cannot read behind words', async () => {
    const session = await signIn();
    const timeline = await openTimeline(session);
    server.sessions[0]!.deliver(
      parse(
        `<message xmlns='jabber:client' from='${BEN}/x' id='o1' type='chat'><encrypted xmlns='${NS.omemoLegacy}'/><body>[fallback]</body></message>`,
      ),
    );
    await until(() => timeline.messages.value.length === 1);
    expect(timeline.messages.value[0]).toMatchObject({ opaque: true });
    expect(bodies(timeline)[0]).not.toContain('fallback');
    await app.close();
  });
});

describe('people', () => {
  it('come from the server, then from the cache, with presence', async () => {
    server.accounts.get(MIA)!.roster.get(BEN)!.name = 'Benjamin';
    const session = await signIn();
    expect(session.contactOrder.value).toEqual([BEN]);
    expect(session.chat(BEN).name.value).toBe('Benjamin');
    server.sessions[0]!.deliver(
      parse(`<presence xmlns='jabber:client' from='${BEN}/x'><show>dnd</show><status>busy bee</status></presence>`),
    );
    await until(() => session.chat(BEN).presence.value.availability === 'busy');
    expect(session.contact(BEN)!.presence.value.text).toBe('busy bee');
    // The reload resumes the session: the server does not say again who is there.
    server.sessions[0]!.socket!.push(x('r', { xmlns: NS.sm }));
    await quiet(session);
    const again = await reload();
    expect(again.contact(BEN)?.presence.value.availability).toBe('busy');
    server.restart();
    again.reconnect();
    await until(() => again.contact(BEN)?.presence.value.availability === 'offline');
    await app.close();
  });

  it('can be added, and refused with a reason', async () => {
    server.addAccount('eve');
    const session = await signIn();
    expect(await session.addContact('not an address')).toMatchObject({ code: 'not-found' });
    expect(await session.addContact('mia')).toMatchObject({ code: 'not-allowed' });
    expect(await session.addContact('ghost')).toMatchObject({ code: 'not-found' });
    expect(session.contact('ghost@example.org')).toBeUndefined();
    expect(await session.addContact('eve', 'Eve')).toBeUndefined();
    await until(() => session.contact('eve@example.org')?.asked === true);
    expect(session.contact('eve@example.org')?.name).toBe('Eve');
    await app.close();
  });

  it('ask to be let in; requests survive a reload and can be answered', async () => {
    server.addAccount('eve');
    const session = await signIn();
    server.sessions[0]!.deliver(
      parse(
        `<presence xmlns='jabber:client' type='subscribe' from='eve@example.org'><nick xmlns='${NS.nick}'>Eve E.</nick><status>hi!</status></presence>`,
      ),
    );
    await until(() => session.requests.value.length === 1);
    expect(session.requests.value).toEqual([{ address: 'eve@example.org', name: 'Eve E.', text: 'hi!' }]);
    const again = await reload();
    expect(again.requests.value.length).toBe(1);
    expect(await again.acceptRequest('eve@example.org')).toBeUndefined();
    await until(() => again.contact('eve@example.org')?.subscription === 'from');
    expect(again.requests.value).toEqual([]);
    expect(again.contact('eve@example.org')?.name).toBe('Eve E.');
    await app.close();
  });

  it('can be blocked, renamed and removed', async () => {
    const session = await signIn();
    expect(await session.setBlocked(BEN, true)).toBeUndefined();
    await until(() => session.blocked.value.includes(BEN));
    expect(session.contact(BEN)?.blocked).toBe(true);
    expect(await session.setBlocked(BEN, false)).toBeUndefined();
    await until(() => session.blocked.value.length === 0);
    expect(await session.renameContact(BEN, 'Benny')).toBeUndefined();
    await until(() => session.chat(BEN).name.value === 'Benny');
    expect(await session.removeContact(BEN)).toBeUndefined();
    await until(() => session.contact(BEN) === undefined);
    await app.close();
  });
});

describe('other devices and tabs', () => {
  it('what my phone writes and reads shows here', async () => {
    fresh({ carbons: true });
    const session = await signIn();
    fromBen('q', 'q1');
    await until(() => session.unread.value === 1);
    fromPhone('answer');
    const timeline = await openTimeline(session);
    await until(() => bodies(timeline).join() === 'q,answer');
    await until(() => session.unread.value === 0);
    expect(timeline.messages.value[1]).toMatchObject({ mine: true, mark: 'sent' });
    await app.close();
  });

  it('signs out on the server too while it comes back', async () => {
    const session = await signIn();
    server.cut();
    await until(() => session.connection.value.state !== 'online', 'cut off');
    expect(server.sessions.length).toBe(1);
    await session.signOut();
    expect(server.sessions).toEqual([]);
    await app.close();
  });

  it('signs out here when the server cannot be reached', async () => {
    const session = await signIn();
    server.down = true;
    server.cut();
    await until(() => session.connection.value.state !== 'online', 'cut off');
    await session.signOut();
    expect(app.session.value).toBeUndefined();
    await app.close();
  });

  it('drafts are kept', async () => {
    const session = await signIn();
    session.setDraft(BEN, 'half a th');
    expect(session.chat(BEN).draft.value).toBe('half a th');
    const again = await reload();
    expect(again.chat(BEN).draft.value).toBe('half a th');
    await again.send(BEN, 'half a thought');
    await quiet(again);
    expect(again.chat(BEN).draft.value).toBe('');
    await app.close();
  });

  it('a draft of the last moment survives the page', async () => {
    const session = await signIn();
    session.setDraft(BEN, 'half a th');
    for (const hide of browser.hide) hide();
    // What a page that dies right now leaves behind.
    const left = new Map(browser.stash);
    expect([...left.values()].join()).toContain('half a th');
    await session.settled();
    await until(() => browser.stash.size === 0, 'written, so no longer stashed');
    await session.send(BEN, 'something else');
    await app.close();
    for (const [key, value] of left) browser.stash.set(key, value);
    const again = await reload();
    expect(again.chat(BEN).draft.value).toBe('half a th');
    expect(browser.stash.size).toBe(0);
    await again.signOut();
    await app.close();
  });

  it('a second tab follows, acts through the first, and takes over when that one closes', async () => {
    const first = await signIn();
    const other = new ConfabApp(browser.env());
    await until(() => other.session.value?.ready.value === true);
    const second = other.session.value as AccountSession;
    await until(() => second.connection.value.state === 'following', 'following');
    expect(server.sessions.length).toBe(1);
    const timeline = await openTimeline(second);
    fromBen('to both');
    await until(() => bodies(timeline).includes('to both'));
    await second.send(BEN, 'from the second');
    await until(() => marks(timeline).at(-1) === 'sent');
    expect(await second.renameContact(BEN, 'B.')).toBeUndefined();
    await until(() => first.chat(BEN).name.value === 'B.' && second.chat(BEN).name.value === 'B.');
    const { jid } = server.sessions[0]!;
    await app.close();
    await until(() => second.connection.value.state === 'online', 'takes over');
    expect(server.sessions.map((s) => s.jid)).toEqual([jid]);
    await second.send(BEN, 'still here');
    await until(() => marks(timeline).at(-1) === 'sent', 'sent after taking over');
    await other.close();
  });

  it('two accounts are both connected and kept apart', async () => {
    await signIn();
    app.addAccount();
    expect(app.session.value).toBeUndefined();
    expect(await app.signIn({ address: BEN, password: 'secret' })).toBeUndefined();
    const ben = await online();
    await ben.send(MIA, 'hello from the same browser');
    await until(() => app.accounts.value[0]!.unread.value === 1);
    expect(app.accounts.value.map((a) => a.address)).toEqual([MIA, BEN]);
    app.switchAccount(MIA);
    await until(() => app.session.value?.account.address === MIA);
    const t = await openTimeline(app.session.value as AccountSession);
    expect(bodies(t)).toEqual(['hello from the same browser']);
    await app.close();
  });
});

/** How many stanzas Mia's session has sent. */
function sentStanzas(): number {
  return server.received.map((f) => parse(f)).filter((el) => el.ns === NS.client).length;
}

async function indexedDBDump(name: string): Promise<unknown[]> {
  const db = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open(name);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const rows: unknown[] = [];
  for (const store of db.objectStoreNames) {
    rows.push(
      await new Promise((resolve) => {
        const request = db.transaction(store).objectStore(store).getAll();
        request.onsuccess = () => resolve(request.result);
      }),
    );
  }
  db.close();
  return rows;
}
