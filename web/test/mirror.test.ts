import { describe, expect, test } from 'vitest';
import type { ChatRow } from '../src/db/schema';
import { readDraft, takeDraft, writeDraft } from '../src/store/drafts';
import { parsePepEvent } from '../src/xmpp/mod/pep';
import { parse } from '../src/xmpp/xml';

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
