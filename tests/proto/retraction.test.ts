// Retraction (XEP-0424): what its author takes back becomes a tombstone in both archives, in its place; nothing else does.

import { describe, expect, test } from 'vitest';
import { type Archived, type Client, everything, inbox, page, raw, sql, useServer, x } from './harness/index.ts';

const stage = useServer();
const RETRACT = 'urn:xmpp:message-retract:1';

/** From one to the other, stored when it returns. */
async function say(from: Client, to: string, id: string, inner = x`<body>secret ${id}</body>`): Promise<void> {
  from.sends`<message to='${to}' type='chat' id='${id}'>${raw(inner)}</message>`;
  await page(from, { max: 0 });
}

const retract = (id: string) => x`<retract xmlns='urn:xmpp:message-retract:1' id='${id}'/>`;
const isBuried = (a: Archived) => a.message.child('retracted', RETRACT) !== undefined;
const ids = (list: readonly Archived[]) => list.map((a) => a.message.attr('id'));
const buried = async (c: Client) => ids((await everything(c)).filter(isBuried));

describe('the author', () => {
  test('both archives: same places, no text, when and by what; the retraction itself is kept; nothing on the disk', async () => {
    const [mia, noah] = await stage.cast('mia', 'noah');
    await say(mia, noah.bare, 'a1');
    await say(
      mia,
      noah.bare,
      'a2',
      x`<body>unspeakable</body><origin-id xmlns='urn:xmpp:sid:0' id='o2'/><reply xmlns='urn:xmpp:reply:0' id='a1'/>`,
    );
    await say(noah, mia.bare, 'b1');
    const before = [await everything(mia), await everything(noah)];
    await say(mia, noah.bare, 'r1', retract('a2'));
    // One tombstone for both, with the time at which the retraction came to its recipient.
    const when = (await everything(noah)).at(-1)!.stamp;
    for (const [i, who] of [mia, noah].entries()) {
      const after = await everything(who);
      expect(ids(after)).toEqual(['a1', 'a2', 'b1', 'r1']);
      expect(after.slice(0, 3).map((a) => [a.id, a.stamp])).toEqual(before[i]!.map((a) => [a.id, a.stamp]));
      expect(after.map(isBuried)).toEqual([false, true, false, false]);
      const { message } = after[1]!;
      expect(message.elements().map((e) => e.name)).toEqual(['retracted', 'origin-id']);
      expect([message.attr('from'), message.attr('to'), message.attr('type')]).toEqual([mia.jid, noah.bare, 'chat']);
      const left = message.child('retracted', RETRACT)!;
      expect(left.attr('id')).toBe('r1');
      expect(Date.parse(left.attr('stamp')!)).toBe(Date.parse(when));
    }
    expect(sql(stage.server, "SELECT count(*) FROM messages WHERE instr(stanza, 'unspeakable')").trim()).toBe('0');
  });

  test('named by its origin-id, with marks that XML escapes; corrections go with it', async () => {
    const [mia, noah] = await stage.cast('mia', 'noah');
    const odd = `a'<&>"1`;
    const replace = x`<replace xmlns='urn:xmpp:message-correct:0' id='${odd}'/>`;
    await say(mia, noah.bare, 'a1', x`<body>first</body><origin-id xmlns='urn:xmpp:sid:0' id='${odd}'/>`);
    await say(mia, noah.bare, 'c1', `<body>better</body>${replace}`);
    await say(mia, noah.bare, 'a2');
    await say(mia, noah.bare, 'r1', retract(odd));
    expect(await buried(mia)).toEqual(['a1', 'c1']);
    expect(await buried(noah)).toEqual(['a1', 'c1']);
  });

  test('however old, by its origin-id; with another id only among the last of the conversation', async () => {
    const [mia, noah] = await stage.cast('mia', 'noah');
    const origin = (id: string) => x`<body>b</body><origin-id xmlns='urn:xmpp:sid:0' id='${id}'/>`;
    await say(mia, noah.bare, 'old', origin('old'));
    await say(mia, noah.bare, 'odd', origin('other'));
    await say(mia, noah.bare, 'c1', x`<body>b</body><replace xmlns='urn:xmpp:message-correct:0' id='old'/>`);
    for (let i = 0; i < 70; i++) await say(mia, noah.bare, `n${i}`);
    for (const id of ['old', 'odd', 'n0', 'n60']) await say(mia, noah.bare, `r-${id}`, retract(id));
    expect(await buried(noah)).toEqual(['old', 'c1', 'n60']);
    await say(mia, noah.bare, 'r-other', retract('other'));
    expect(await buried(mia)).toEqual(['old', 'odd', 'c1', 'n60']);
  });

  test('the first retraction says when; a forged mark of one protects no text', async () => {
    const [mia, noah] = await stage.cast('mia', 'noah');
    const forged = x`<retracted xmlns='urn:xmpp:message-retract:1' stamp='2020-01-01T00:00:00Z'/>`;
    await say(mia, noah.bare, 'a1');
    await say(mia, noah.bare, 'a2', `<body>secret</body>${forged}`);
    for (const [i, id] of ['a1', 'a2', 'a1', 'a2'].entries()) await say(mia, noah.bare, `r${i}`, retract(id));
    const left = (await everything(noah)).slice(0, 2).map((a) => a.message.child('retracted', RETRACT)?.attr('id'));
    expect(left).toEqual(['r0', 'r1']);
    expect((await everything(noah)).slice(0, 2).map((a) => a.message.child('body'))).toEqual([undefined, undefined]);
  });

  test('who keeps no archive takes back what stands in the other’s', async () => {
    const [m, n] = await stage.accounts('mia', 'noah');
    const [mia, noah] = [await stage.signIn(m), await stage.signIn(n)];
    const keep = (how: string) => mia.set(x`<prefs xmlns='urn:xmpp:mam:2' default='${how}'/>`);
    const origin = (id: string) => x`<body>b</body><origin-id xmlns='urn:xmpp:sid:0' id='${id}'/>`;
    await say(mia, noah.bare, 'a1', origin('a1'));
    await keep('never');
    await say(mia, noah.bare, 'a2', origin('a2'));
    await say(mia, noah.bare, 'c2', x`<body>c</body><replace xmlns='urn:xmpp:message-correct:0' id='a2'/>`);
    for (const id of ['a1', 'a2']) await say(mia, noah.bare, `r-${id}`, retract(id));
    await page(noah, { max: 0 });
    expect(await buried(noah)).toEqual(['a1', 'a2', 'c2']);
    expect(await buried(mia)).toEqual(['a1']);
  });

  test('in a chat with oneself', async () => {
    const [mia] = await stage.cast('mia');
    await say(mia, mia.bare, 'a1');
    await say(mia, mia.bare, 'r1', retract('a1'));
    expect(await buried(mia)).toEqual(['a1']);
  });

  test('from another device; sent again it is kept once, before and after', async () => {
    const [m, n] = await stage.accounts('mia', 'noah');
    const [phone, tablet, noah] = [
      await stage.signIn(m),
      await stage.signIn(m, { resource: 'two' }),
      await stage.signIn(n),
    ];
    const origin = x`<origin-id xmlns='urn:xmpp:sid:0' id='a1'/>`;
    await say(phone, noah.bare, 'a1', `<body>once</body>${origin}`);
    await say(tablet, noah.bare, 'r1', retract('a1'));
    await say(phone, noah.bare, 'a1', `<body>once</body>${origin}`);
    expect(ids(await everything(noah))).toEqual(['a1', 'r1']);
    expect(await buried(noah)).toEqual(['a1']);
  });
});

describe('nobody else', () => {
  test('not the recipient, not a third, not in another conversation', async () => {
    const [mia, noah, zoe] = await stage.cast('mia', 'noah', 'zoe');
    await say(mia, noah.bare, 'a1');
    await say(mia, zoe.bare, 'z1');
    await say(noah, mia.bare, 'r1', retract('a1'));
    await say(zoe, mia.bare, 'r2', retract('a1'));
    await say(zoe, noah.bare, 'r3', retract('a1'));
    await say(mia, zoe.bare, 'r4', retract('a1'));
    await say(mia, noah.bare, 'r5', retract('z1'));
    for (const c of [mia, noah, zoe]) expect(await buried(c)).toEqual([]);
  });

  test('of two with one id only its own author’s goes; a retraction and what comes later stay', async () => {
    const [mia, noah] = await stage.cast('mia', 'noah');
    await say(noah, mia.bare, 'same');
    await say(mia, noah.bare, 'same');
    await say(mia, noah.bare, 'r1', retract('same'));
    const all = await everything(noah);
    expect(all.map(isBuried)).toEqual([false, true, false]);
    await say(mia, noah.bare, 'r2', retract('r1'));
    await say(mia, noah.bare, 'r3', retract('later'));
    await say(mia, noah.bare, 'later');
    await say(mia, noah.bare, 'r4', retract(''));
    expect((await everything(noah)).map(isBuried)).toEqual([false, true, false, false, false, false, false]);
  });
});

describe('around it', () => {
  test('unread stays what it was, a mark finds the tombstone, the inbox answers it', async () => {
    const [m, n] = await stage.accounts('mia', 'noah');
    await stage.befriend(m, n);
    const [mia, noah] = [await stage.signIn(m), await stage.signIn(n)];
    await say(mia, noah.bare, 'a1');
    await say(mia, noah.bare, 'a2');
    await say(mia, noah.bare, 'r1', retract('a2'));
    await say(
      mia,
      noah.bare,
      'x1',
      x`<reactions xmlns='urn:xmpp:reactions:0' id='a1'><reaction>👍</reaction></reactions>`,
    );
    await say(mia, noah.bare, 'c1', x`<body>changed</body><replace xmlns='urn:xmpp:message-correct:0' id='a1'/>`);
    const [entry] = (await inbox(noah)).entries;
    expect(entry!.unread).toBe(2);
    expect(entry!.messages[0]!.child('retracted', RETRACT)).toBeDefined();
    await say(noah, mia.bare, 'd1', x`<displayed xmlns='urn:xmpp:chat-markers:0' id='a2'/>`);
    expect((await inbox(noah)).entries[0]!.unread).toBe(0);
  });

  test('with a marker it is still a marker', async () => {
    const [m, n] = await stage.accounts('mia', 'noah');
    await stage.befriend(m, n);
    const [mia, noah] = [await stage.signIn(m), await stage.signIn(n)];
    await say(noah, mia.bare, 'b1');
    await say(mia, noah.bare, 'r1', `${retract('gone')}<displayed xmlns='urn:xmpp:chat-markers:0' id='b1'/>`);
    expect((await inbox(mia)).entries[0]!.unread).toBe(0);
  });

  test('nobody finds the words any more', async () => {
    const [mia, noah] = await stage.cast('mia', 'noah');
    const find = async (c: Client) =>
      ids((await page(c, { fields: { '{urn:xmpp:fulltext:0}fulltext': 'unspeakable' } })).results);
    await say(mia, noah.bare, 'a1', x`<body>unspeakable</body>`);
    await stage.server.ctl(['search', 'rebuild']);
    while (!/ waiting=0 /.test(`${await stage.server.ctl(['stats'])} `.replaceAll('\n', ' ')))
      await page(mia, { max: 0 });
    expect(await find(noah)).toEqual(['a1']);
    await say(mia, noah.bare, 'r1', retract('a1'));
    expect(await find(noah)).toEqual([]);
    while (sql(stage.server, 'SELECT count(*) FROM search_changes').trim() !== '0') await page(mia, { max: 0 });
    expect([await find(mia), await find(noah)]).toEqual([[], []]);
  });

  test('the server says that it does this; no-store leaves no tombstone', async () => {
    const [mia, noah] = await stage.cast('mia', 'noah');
    const info = await mia.iq('get', `<query xmlns='http://jabber.org/protocol/disco#info'/>`, mia.bare);
    const features = info
      .at('query')
      .all('feature')
      .map((f) => f.attr('var'));
    expect(features).toEqual(expect.arrayContaining([RETRACT, `${RETRACT}#tombstone`]));
    await say(mia, noah.bare, 'a1');
    await say(mia, noah.bare, 'r1', `${retract('a1')}<no-store xmlns='urn:xmpp:hints'/>`);
    expect(await buried(mia)).toEqual([]);
  });
});

test('outlives a kill: whoever was told that the retraction is kept never sees the text again', async () => {
  const [m, n] = await stage.accounts('mia', 'noah');
  const [mia, noah] = [await stage.signIn(m), await stage.signIn(n)];
  await say(mia, noah.bare, 'a1');
  await say(mia, noah.bare, 'r1', retract('a1'));
  await stage.server.restart('SIGKILL');
  for (const c of [await stage.signIn(m), await stage.signIn(n)]) expect(await buried(c)).toEqual(['a1']);
});
