// Search in the cache and in the archive, as one.
import 'fake-indexeddb/auto';
import { describe, expect, test } from 'vitest';
import { type MessageRow, openAccountDb } from '../src/db/schema';
import type { Hit } from '../src/store/model';
import { HITS_MAX, joined, keyOfHit, searchArchive, searchCache, wantedIn } from '../src/store/search';
import { termsOf } from '../src/store/terms';
import { snippet } from '../src/ui/list/found';
import type { Archive, ArchiveQuery } from '../src/xmpp/mod/mam';
import type { IncomingMessage } from '../src/xmpp/mod/message';

const hit = (id: string, time: number, more: Partial<Hit> = {}): Hit => ({
  id,
  chat: 'a@b',
  mine: false,
  time,
  text: id,
  file: false,
  idents: [],
  ...more,
});

test('the same message once, as it is known here, newest first', () => {
  const all = joined([hit('a', 3, { key: 'k' }), hit('c', 1, { key: 'l' })], [hit('a', 3), hit('b', 2)]);
  expect(all.map((it) => [it.id, it.key])).toEqual([
    ['a', 'k'],
    ['b', undefined],
    ['c', 'l'],
  ]);
});

describe('what is asked for', () => {
  test('nothing, where there is no word', () => {
    expect(wantedIn('  ?! ')).toBeUndefined();
  });
  test('no more than the server takes', () => {
    const many = wantedIn('a '.repeat(50))!;
    expect(many.terms.length).toBe(12);
    expect(termsOf(many.query).length).toBe(12);
    expect(new TextEncoder().encode(wantedIn('東'.repeat(1000))!.query).length).toBeLessThan(512);
  });
});

describe('snippets', () => {
  const shown = (text: string, query: string) =>
    snippet(text, termsOf(query))
      .map((it) => (it.found ? `[${it.text}]` : it.text))
      .join('');
  test.each([
    ['The Cabin, the cabins', 'cabin', 'The [Cabin], the [cabin]s'],
    [`${'word '.repeat(30)}the lake is here`, 'lake', '…word the [lake] is here'],
    ['a\n\nb <b>', 'b', 'a [b] <[b]>'],
    [`${'x'.repeat(100)} lake`, 'lake', `…[lake]`],
  ])('%j for %s', (text, query, expected) => {
    expect(shown(text, query)).toBe(expected);
  });
});

const NEVER = new AbortController().signal;
const row = (key: string, chat: string, time: number, body: string, more: Partial<MessageRow> = {}): MessageRow => ({
  ...{ key, chat, from: chat, mine: false, time, body, mark: 'sent', id: key, idents: [`${chat}\n${chat}\n${key}`] },
  ...more,
});
const message = (archiveId: string, time: number, body: string, more: Partial<IncomingMessage> = {}) =>
  ({
    via: 'archive',
    archiveId,
    id: archiveId,
    from: 'a@b',
    peer: 'a@b',
    mine: false,
    time,
    body,
    ...more,
  }) as IncomingMessage;

describe('the cache and the archive', async () => {
  const db = await openAccountDb('search@example.org');
  const tx = db.transaction('messages', 'readwrite');
  for (let i = 0; i < 1200; i++) void tx.store.put(row(`k${i}`, 'a@b', i, `word ${i}`));
  void tx.store.put(row('café', 'c@d', 5, 'Café', { archiveId: 'x1' }));
  void tx.store.put(row('gone', 'c@d', 6, 'cafe', { archiveId: 'x2', retracted: true }));
  void tx.store.put(row('hid', 'c@d', 7, 'cafe', { archiveId: 'x3', hidden: true }));
  void tx.store.put(row('changed', 'c@d', 8, 'tea', { archiveId: 'x4' }));
  await tx.done;
  const keys = async (query: string, within?: string) =>
    (await searchCache(db, query, within, NEVER)).map((it) => it.key);

  test('the newest are found, in all chats or in one, and nothing that is not shown', async () => {
    const all = await keys('word');
    expect([all.length, all[0]]).toEqual([HITS_MAX, 'k1199']);
    expect(await keys('word 17')).toEqual([
      'k179',
      'k178',
      'k177',
      'k176',
      'k175',
      'k174',
      'k173',
      'k172',
      'k171',
      'k170',
      'k17',
    ]);
    expect(await keys('CAFE')).toEqual(['café']);
    expect(await keys('cafe', 'a@b')).toEqual([]);
    expect(await keys('word', 'c@d')).toEqual([]);
  });

  test('what the archive finds is shown as it is known here, and only with those words', async () => {
    const asked: ArchiveQuery[] = [];
    const pages = [
      [message('x2', 6, 'cafe'), message('x3', 7, 'cafe'), message('x4', 8, 'cafe'), message('x9', 9, 'not asked for')],
      [message('x1', 5, 'Café'), message('n1', 4, 'cafeteria')],
    ];
    const archive = {
      page: async (query: ArchiveQuery) => {
        asked.push(query);
        return { messages: pages.shift()!, first: `p${asked.length}`, complete: pages.length === 0 };
      },
    } as unknown as Archive;
    const page = await searchArchive(db, archive, 'cafe', 'c@d', undefined);
    expect(page.hits.map((it) => [it.id, it.key])).toEqual([
      ['x1', 'café'],
      ['n1', undefined],
    ]);
    expect(page.next).toBeUndefined();
    expect(asked.map((it) => [it.words, it.with, it.before])).toEqual([
      ['cafe', 'c@d', ''],
      ['cafe', 'c@d', 'p1'],
    ]);
    expect(await keyOfHit(db, page.hits[1]!)).toBeUndefined();
  });
});
