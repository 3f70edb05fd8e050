import { describe, expect, test } from 'vitest';
import { type ChatRow, openAccountDb } from '../src/db/schema';
import { readDraft, takeDraft, writeDraft } from '../src/store/drafts';
import { MIRRORED, Mirror, setItem } from '../src/store/mirror';
import type { Client } from '../src/xmpp/client';
import { StanzaError } from '../src/xmpp/errors';
import { parsePepEvent } from '../src/xmpp/mod/pep';
import { NS } from '../src/xmpp/ns';
import { type El, parse, x } from '../src/xmpp/xml';
import { FakeBrowser, until } from './fake-env';
import { FakeServer } from './fake-server';

describe('a draft', () => {
  const chat = (draft: string) => ({ draft }) as ChatRow;
  test('is there and back what it was', () => {
    for (const text of ['x', ' <b>&"\' \n two lines ', '👍'.repeat(100)])
      expect(readDraft(writeDraft(text))).toBe(text);
    for (const text of ['', '  ', 'x'.repeat(10_001)]) expect(writeDraft(text)).toBe('');
    for (const xml of ['', 'x', '<draft>x</draft>']) expect(readDraft(xml)).toBe('');
  });
  test('of another device is taken, unless something newer stands here', () => {
    const [one, two] = [writeDraft('one'), writeDraft('two')];
    const here = chat('one');
    expect(takeDraft(here, one, two)).toBe(true);
    expect(here.draft).toBe('two');
    expect(takeDraft(here, one, '')).toBe(false);
    expect(here.draft).toBe('two');
    expect(takeDraft(here, two, '')).toBe(true);
    expect(here.draft).toBe('');
    expect(takeDraft(here, '', one)).toBe(true);
    expect(takeDraft(chat('one'), '', one)).toBe(false);
  });
});

describe('news of a node', () => {
  const event = (inside: string, attrs = "from='Mia@Example.org/x'") =>
    parsePepEvent(
      parse(
        `<message xmlns='jabber:client' ${attrs}><event xmlns='http://jabber.org/protocol/pubsub#event'>${inside}</event></message>`,
      ),
    );
  test('items, retractions, and an end', () => {
    const both = event("<items node='n'><item id='a'><p xmlns='u'/></item><item id='b'/><retract id='c'/></items>")!;
    expect([both.from, both.node, both.emptied, both.retracted]).toEqual(['mia@example.org', 'n', false, ['c']]);
    expect(both.items.map((it) => [it.id, it.payload?.name])).toEqual([
      ['a', 'p'],
      ['b', undefined],
    ]);
    for (const end of ['purge', 'delete']) expect(event(`<${end} node='n'/>`)?.emptied).toBe(true);
    expect(event("<items node='n'/>", '')?.from).toBe('');
  });
  test('anything else is none', () => {
    expect(event('')).toBeUndefined();
    expect(event('<items/>')).toBeUndefined();
    expect(event("<items node='n'/>", "type='error' from='a@b'")).toBeUndefined();
    expect(parsePepEvent(parse("<message xmlns='jabber:client'><body>x</body></message>"))).toBeUndefined();
  });
});

describe('at the beginning of a session', () => {
  /** What the server is asked and has not answered yet, by node. */
  const open = async () => {
    new FakeBrowser(new FakeServer({}));
    const db = await openAccountDb('mirror@example.org');
    const asked = new Map<string, { answer(ids: string[]): void; refuse(): void }>();
    const told: string[] = [];
    const client = {
      online: true,
      iq: ({ type, payload }: { type: string; payload: El }) =>
        new Promise<El>((resolve, reject) => {
          const child = payload.child(type === 'get' ? 'items' : 'publish')!;
          const node = child.attr('node')!;
          if (type === 'set') {
            told.push(`${node} ${child.child('item')?.attr('id')}`);
            return resolve(x('iq', {}));
          }
          asked.set(node, {
            answer: (ids) => {
              const list = ids.map((id) => x('item', { id }, x('it', { xmlns: 'u' })));
              resolve(x('pubsub', { xmlns: NS.pubsub }, x('items', { node }, ...list)));
            },
            refuse: () => reject(new StanzaError('internal-server-error', 'wait', '')),
          });
        }),
    } as unknown as Client;
    const report = (e: unknown) => {
      throw e;
    };
    const nothing = async () => {};
    const onKnown = async () => {
      told.push('known');
    };
    const mirror = new Mirror({ db, own: 'mia@x', client, emit: () => {}, onItem: nothing, onKnown, report });
    return { db, mirror, asked, told };
  };

  test('all nodes are asked for at once; one that is refused holds up neither the others nor what is to be told', async () => {
    const { db, mirror, asked, told } = await open();
    await setItem(db, NS.chats, 'changed here', '<it xmlns="u"/>');
    await db.put('mirror', { node: NS.pins, id: 'gone', xml: '<it xmlns="u"/>' });
    await db.put('mirror', { node: NS.drafts, id: 'stays', xml: '<it xmlns="u"/>' });
    mirror.online();
    await until(() => asked.size === MIRRORED.length);
    expect([...asked.keys()].sort()).toEqual([...MIRRORED].sort());
    asked.get(NS.drafts)!.refuse();
    asked.get(NS.pins)!.answer(['new']);
    for (const node of [NS.choices, NS.chats, NS.hidden]) asked.get(node)!.answer([]);
    await mirror.idle();
    expect(told).toEqual(['known', `${NS.chats} changed here`]);
    expect((await db.getAllKeys('mirror')).map(([, id]) => id).sort()).toEqual(['changed here', 'new', 'stays']);
    db.close();
  });
});
