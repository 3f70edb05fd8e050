// What a person chooses for an account: on all devices, and before anything goes out that was not wanted.
import { beforeEach, describe, expect, it, test } from 'vitest';
import { openAppDb } from '../src/db/schema';
import { ConfabApp } from '../src/store/app';
import { choicesOf, DEFAULT_CHOICES, isChoice, readChoice, writeChoice } from '../src/store/choices';
import type { AccountSession } from '../src/store/session';
import { State } from '../src/store/state';
import { textMessage } from '../src/xmpp/mod/message';
import { NS } from '../src/xmpp/ns';
import { type El, parse, x } from '../src/xmpp/xml';
import { FakeBrowser, turns, until } from './fake-env';
import { FakeServer } from './fake-server';

const MIA = 'mia@example.org';
const BEN = 'ben@example.org';

describe('an item', () => {
  test('is there and back what it was; anything else says nothing', () => {
    for (const on of [true, false]) expect(readChoice(writeChoice(on))).toBe(on);
    for (const xml of ['', 'x', '<choice>true</choice>', `<choice xmlns='${NS.choices}'>maybe</choice>`])
      expect(readChoice(xml)).toBeUndefined();
    expect(['sendRead', 'theme', 'toString', '__proto__'].filter(isChoice)).toEqual(['sendRead']);
  });
  test('holds until it goes; then what held before', () => {
    const state = new State('me@x', { ...DEFAULT_CHOICES, previews: false });
    const item = (id: string, xml: string) => state.apply([{ kind: 'item', node: NS.choices, id, xml }]);
    item('previews', writeChoice(true));
    item('sendRead', writeChoice(false));
    item('theme', writeChoice(false));
    expect(state.choices.value).toEqual({ ...DEFAULT_CHOICES, sendRead: false });
    item('previews', '');
    item('sendRead', 'nonsense');
    expect(state.choices.value).toEqual({ ...DEFAULT_CHOICES, previews: false });
  });
});

test('what an older version kept for the browser still holds', () => {
  expect(choicesOf({ theme: 'dark', sendRead: false, sendTyping: 'yes' })).toEqual({
    ...DEFAULT_CHOICES,
    sendRead: false,
  });
});

describe('in a session', () => {
  let server: FakeServer;
  let browser: FakeBrowser;
  let app: ConfabApp;

  beforeEach(() => {
    server = new FakeServer({ inbox: true, carbons: true });
    for (const name of ['mia', 'ben']) server.addAccount(name);
    server.befriend(MIA, BEN);
    browser = new FakeBrowser(server);
  });

  const open = async (): Promise<AccountSession> => {
    app = new ConfabApp(browser.env());
    expect(await app.signIn({ address: 'mia', password: 'secret' })).toBeUndefined();
    await until(() => app.session.value?.connection.value.state === 'online', 'online');
    const session = app.session.value as AccountSession;
    await until(() => session.ready.value, 'caught up');
    return session;
  };
  const readOne = async (session: AccountSession) => {
    server.routeMessage(`${BEN}/x`, textMessage({ to: MIA, id: 'b1', body: 'hello', ask: true, chatState: false }));
    const t = session.timeline(BEN);
    await until(() => t.messages.value.length === 1, 'it came');
    t.seen(t.messages.value[0]!.key);
    session.setTyping(BEN, true);
    await turns(60);
  };
  const sent = (name: string, ns: string): El[] =>
    server.received.flatMap((frame) => parse(frame).child(name, ns) ?? []);
  const answer = (items: El[]) => (_: string, payload: El) => {
    const node = payload.child('items')?.attr('node');
    return node === undefined
      ? undefined
      : x('pubsub', { xmlns: NS.pubsub }, x('items', { node }, ...(node === NS.choices ? items : [])));
  };
  const item = (id: string, on: boolean) => x('item', { id }, parse(writeChoice(on)));

  it.each([
    ['wanted', [] as El[]],
    ['not wanted', [item('sendRead', false), item('sendTyping', false)]],
  ])('on a new device nothing is told before it is known to be %s', async (_, items) => {
    server.nodes = () => 'later';
    const session = await open();
    await readOne(session);
    expect([...sent('displayed', NS.markers), ...sent('composing', NS.chatStates)]).toEqual([]);
    server.nodes = answer(items);
    server.restart();
    if (items.length === 0) {
      await until(() => sent('displayed', NS.markers).length === 1, 'told');
    } else {
      await until(() => server.accounts.get(MIA)!.reads.length === 1, 'told to the other devices alone');
      expect(session.choices.value).toMatchObject({ sendRead: false, sendTyping: false, previews: true });
      expect(sent('displayed', NS.markers)).toEqual([]);
    }
    await until(() => session.unread.value === 0);
    await app.close();
  });

  it('is kept, also without a connection, and told to the other devices', async () => {
    server.nodes = answer([]);
    const session = await open();
    session.setChoices({ previews: false });
    await until(() => !session.choices.value.previews, 'at once');
    const told = () =>
      server.received.flatMap((frame) => {
        const publish = parse(frame).child('pubsub', NS.pubsub)?.child('publish');
        return publish?.attr('node') === NS.choices ? [publish.child('item')?.attr('id')] : [];
      });
    await until(() => told().join() === 'previews', 'told');
    await app.close();
    app = new ConfabApp(browser.env());
    await app.started;
    await until(() => app.session.value !== undefined);
    expect((app.session.value as AccountSession).choices.value).toEqual({ ...DEFAULT_CHOICES, previews: false });
    await app.close();
  });

  it('begins with what was chosen for the whole browser before', async () => {
    const db = await openAppDb();
    await db.put('settings', { theme: 'dark', sendRead: false } as never, 'settings');
    db.close();
    server.nodes = answer([]);
    const session = await open();
    await session.settled();
    await readOne(session);
    await until(() => server.accounts.get(MIA)!.reads.length === 1, 'told to the other devices');
    expect(sent('displayed', NS.markers)).toEqual([]);
    expect(app.settings.value.theme).toBe('dark');
    await app.close();
  });
});
