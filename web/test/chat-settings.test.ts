import { describe, expect, test } from 'vitest';
import { PLAIN, readSettings, writeSettings } from '../src/store/chat-settings';
import { State } from '../src/store/state';
import { NS } from '../src/xmpp/ns';

const EVER = Number.POSITIVE_INFINITY;

describe('an item', () => {
  test.each([
    [{}],
    [{ pinned: true }],
    [{ muted: EVER }],
    [{ muted: 1_800_000_000_000, archived: 1_700_000_000_123 }],
    [{ pinned: true, muted: EVER, archived: 5 }],
  ])('says what is wanted: %o', (settings) => {
    const xml = writeSettings('', settings);
    expect(readSettings(xml)).toEqual(settings);
    expect(xml === '').toBe(Object.keys(settings).length === 0);
  });

  test('of anything else says nothing', () => {
    for (const xml of ['', 'x', '<chat/>', `<other xmlns='${NS.chats}' pinned='true'/>`, '<chat', '<a><b></a>'])
      expect(readSettings(xml)).toBe(PLAIN);
    expect(readSettings(`<chat xmlns='${NS.chats}' pinned='perhaps' archived='some day'/>`)).toEqual({});
    // A silence whose end cannot be read is over.
    const until = `<until xmlns='${NS.chats}'>later</until>`;
    const notify = `<notify xmlns='${NS.notify}'><never><advanced>${until}</advanced></never></notify>`;
    expect(readSettings(`<chat xmlns='${NS.chats}'>${notify}</chat>`)).toEqual({ muted: 0 });
  });

  test('keeps what others have put into it, and heeds what is meant for this kind of app', () => {
    const phone = `<never identity-category='client' identity-type='phone'/>`;
    const web = `<never identity-category='client' identity-type='web'/>`;
    const more = `<more xmlns='urn:more'/>`;
    const old = `<chat xmlns='${NS.chats}'><notify xmlns='${NS.notify}'><always/>${phone}${web}</notify>${more}</chat>`;
    expect(readSettings(old)).toEqual({ muted: EVER });
    const now = writeSettings(old, { pinned: true });
    expect(readSettings(now)).toEqual({ pinned: true });
    expect(now).toContain('urn:more');
    expect(now).toContain('identity-type="phone"');
    expect(now).not.toContain('identity-type="web"');
    // Taken back, what is not ours stays.
    expect(writeSettings(now, {})).toContain('urn:more');
  });
});

describe('the list', () => {
  const ids = ['c@x', 'b@x', 'a@x'];
  function filled(): State {
    const state = new State('me@x');
    state.load(
      ids.map((address, i) => ({
        address,
        unread: 1,
        draft: '',
        readTime: 0,
        markedTime: 0,
        peerReadTime: 0,
        activity: 300 - 100 * i,
        wrote: true,
        complete: true,
      })),
    );
    return state;
  }
  const set = (state: State, id: string, settings: Parameters<typeof writeSettings>[1]) =>
    state.apply([{ kind: 'item', node: NS.chats, id, xml: writeSettings('', settings) }]);

  test('has pinned chats on top, archived ones beside it, and goes back to what it was', () => {
    const state = filled();
    expect(state.chatOrder.value).toEqual(ids);
    set(state, 'a@x', { pinned: true });
    set(state, 'c@x', { archived: 300 });
    expect([state.chatOrder.value, state.archivedOrder.value]).toEqual([['a@x', 'b@x'], ['c@x']]);
    set(state, 'a@x', {});
    set(state, 'c@x', {});
    expect([state.chatOrder.value, state.archivedOrder.value]).toEqual([ids, []]);
  });

  test('something newer brings an archived chat back, unless it is muted', () => {
    const state = filled();
    set(state, 'b@x', { archived: 199 });
    expect(state.chatOrder.value).toEqual(ids);
    set(state, 'b@x', { archived: 199, muted: EVER });
    expect(state.archivedOrder.value).toEqual(['b@x']);
  });

  test('what is muted or archived is not counted', () => {
    const state = filled();
    state.chat('a@x');
    expect(state.unread.value).toBe(3);
    set(state, 'a@x', { muted: EVER });
    set(state, 'b@x', { archived: 200 });
    expect(state.unread.value).toBe(1);
    set(state, 'a@x', { muted: Date.now() - 1 });
    expect(state.unread.value).toBe(2);
  });

  test('an item that is named by no address makes no chat', () => {
    const state = filled();
    for (const id of ['', 'a b', 'A@X', 'a@x/phone']) set(state, id, { pinned: true });
    expect(state.chatOrder.value).toEqual(ids);
  });
});
