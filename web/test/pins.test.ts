// Pinned messages: what is told to one's other devices, and what is made of what comes from there.
import { describe, expect, it } from 'vitest';
import type { MessageRow } from '../src/db/schema';
import type { Hit, Message } from '../src/store/model';
import { Pins, readPin, writePin } from '../src/store/pins';
import { NS } from '../src/xmpp/ns';

const ME = 'mia@x';
const BEN = 'ben@x';
const row = (key: string, extra: Partial<MessageRow> = {}): MessageRow => ({
  key,
  chat: BEN,
  from: BEN,
  mine: false,
  time: 1_700_000_000_000,
  body: 'words',
  mark: 'sent',
  id: `id-${key}`,
  idents: [],
  ...extra,
});

describe('an item', () => {
  it('finds the message again, by the archive and by its sender’s id, and has no words', () => {
    const made = writePin(row('a', { archiveId: 'arch' }))!;
    expect(made.item).toBe('arch');
    expect(made.xml).not.toContain('words');
    expect(readPin(made.item, made.xml, ME)!.hit).toMatchObject({
      id: 'arch',
      chat: BEN,
      mine: false,
      time: 1_700_000_000_000,
      idents: [`${BEN}\n${BEN}\nid-a`],
    });
    const mine = writePin(row('b', { from: ME, mine: true, originId: 'o' }))!;
    expect(readPin(mine.item, mine.xml, ME)!.hit).toMatchObject({ id: '', mine: true, idents: [`${BEN}\n${ME}\no`] });
    expect(writePin(row('c', { id: '' }))).toBeUndefined();
  });

  it('of anything else is none', () => {
    const pin = (attrs: string) => readPin('i', `<pin xmlns='${NS.pins}' ${attrs}/>`, ME);
    const good = `chat='${BEN}' from='${BEN}' id='1' time='2026-01-01T00:00:00Z'`;
    expect(pin(good)).toBeDefined();
    for (const [old, wrong] of [
      [`chat='${BEN}'`, "chat='ben@x/phone'"],
      [`from='${BEN}'`, "from='eve@x'"],
      ["id='1'", "id=''"],
      ['2026-01-01T00:00:00Z', 'some day'],
    ])
      expect(pin(good.replace(old!, wrong!))).toBeUndefined();
    for (const xml of ['', '<pin', '<pin/>', '<a><b></a>']) expect(readPin('i', xml, ME)).toBeUndefined();
  });
});

const settle = () => new Promise((done) => setTimeout(done));

describe('the pins of a chat', () => {
  const item = (id: string, xml: string) => ({ kind: 'item', node: NS.pins, id, xml }) as const;

  it('are one for each message, in their order, without what is gone; and know what comes later', async () => {
    const here = new Map<string, Message>([
      ['id-a', row('a')],
      ['id-old', row('old', { time: 5 })],
      ['id-gone', row('gone', { retracted: true })],
    ]);
    const find = async (hit: Hit) => here.get(hit.idents[0]?.split('\n')[2] ?? '') ?? here.get(hit.id);
    const pins = new Pins(ME, find);
    const keys = () => pins.of(BEN).value.map((it) => it.message?.key);
    const a = writePin(row('a', { archiveId: 'arch' }))!;
    pins.apply(item(a.item, a.xml));
    // The same, as another device that does not know the archive's id has named it.
    const again = writePin(row('a'))!;
    pins.apply(item(again.item, again.xml));
    for (const it of [row('old', { time: 5 }), row('gone'), row('later', { time: 9 })]) {
      const { item: id, xml } = writePin(it)!;
      pins.apply(item(id, xml));
    }
    await settle();
    expect(keys()).toEqual(['old', undefined, 'a']);
    expect(pins.of(BEN).value[2]!.items).toEqual(['arch', 'id-a']);
    expect(pins.of('eva@x').value).toEqual([]);
    const later = row('later', { time: 9 });
    here.set('id-later', later);
    pins.apply({ kind: 'messages', chat: BEN, messages: [later] });
    await settle();
    expect(keys()).toEqual(['old', 'later', 'a']);
    // Taken back: it leaves the bar.
    here.set('id-later', { ...later, retracted: true });
    pins.apply({ kind: 'messages', chat: BEN, messages: [later] });
    await settle();
    expect(keys()).toEqual(['old', 'a']);
    pins.apply(item('arch', ''));
    pins.apply(item('id-a', ''));
    await settle();
    expect(keys()).toEqual(['old']);
  });
});
