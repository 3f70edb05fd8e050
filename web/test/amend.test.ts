// Messages that change: what comes about another message, in every order; who may; what I do, through every failure.
import { beforeEach, describe, expect, it } from 'vitest';
import { ConfabApp } from '../src/store/app';
import type { Message, Timeline } from '../src/store/model';
import type { AccountSession } from '../src/store/session';
import { reactMessage, readAbout, readReply, replyElements, retractMessage } from '../src/xmpp/mod/about';
import { textMessage } from '../src/xmpp/mod/message';
import { NS } from '../src/xmpp/ns';
import { type El, parse, write, x } from '../src/xmpp/xml';
import { FakeBrowser, turns, until } from './fake-env';
import { FakeServer, type ServerOptions } from './fake-server';

const MIA = 'mia@example.org';
const BEN = 'ben@example.org';
const EVE = 'eve@example.org';

let server: FakeServer;
let app: ConfabApp;
let browser: FakeBrowser;

function fresh(options: ServerOptions = {}): void {
  server = new FakeServer(options);
  for (const name of ['mia', 'ben', 'eve']) server.addAccount(name);
  server.befriend(MIA, BEN);
  server.befriend(MIA, EVE);
  browser = new FakeBrowser(server);
}

beforeEach(() => fresh());

async function online(): Promise<AccountSession> {
  await until(() => app.session.value?.connection.value.state === 'online', 'online');
  const session = app.session.value as AccountSession;
  await quiet(session);
  return session;
}

async function signIn(): Promise<AccountSession> {
  app = new ConfabApp(browser.env());
  expect(await app.signIn({ address: 'Mia', password: 'secret' })).toBeUndefined();
  return online();
}

async function reload(): Promise<AccountSession> {
  await app.close();
  app = new ConfabApp(browser.env());
  return online();
}

async function quiet(session: AccountSession): Promise<void> {
  await turns(30);
  await session.settled();
  await turns(30);
}

async function openTimeline(session: AccountSession, chat = BEN): Promise<Timeline> {
  const timeline = session.timeline(chat);
  await until(() => !timeline.cold.value && timeline.older.value !== 'loading', 'timeline');
  return timeline;
}

const bodies = (t: Timeline) => t.messages.value.map((m: Message) => m.body);
const said = (body: string, id: string, to = MIA) => textMessage({ to, id, body, ask: true, chatState: true });
const corrected = (body: string, id: string, of: string, to = MIA) =>
  textMessage({ to, id, body, ask: true, chatState: false, corrects: of });
const from = (who: string, stanza: El) => server.routeMessage(`${who}/x`, stanza);
const signs = (m: Message | undefined) => (m?.reactions ?? []).map((r) => `${r.sign}${r.from.length}`).join(' ');
const sentAs = (name: string) =>
  server.received
    .map((f) => parse(f))
    .filter((el) => el.name === 'message' && el.elements().some((c) => c.name === name));
const strip = (t: Timeline) =>
  t.messages.value.map(({ body, retracted, edited, earlier, reactions, reply }) => ({
    body,
    retracted,
    edited: edited !== undefined,
    earlier: earlier?.map((e) => e.body),
    reactions: reactions?.map((r) => [r.sign, [...r.from].sort()]),
    reply: reply && [reply.from, reply.quote, reply.key !== undefined],
  }));

describe('what is about another message', () => {
  it('is known by its payload, whatever else stands there', () => {
    const el = parse(
      `<message xmlns='jabber:client' from='a@b' id='1'><body>x</body><retract xmlns='${NS.retract}' id='m'/><replace xmlns='${NS.correct}' id='m'/></message>`,
    );
    expect(readAbout(el)).toEqual({ kind: 'retract', id: 'm' });
    expect(readAbout(parse(`<message xmlns='jabber:client'><replace xmlns='${NS.correct}'/></message>`))).toEqual({
      kind: 'nothing',
      id: '',
    });
    const long = 'a'.repeat(300);
    expect(
      readAbout(parse(`<message xmlns='jabber:client'><replace xmlns='${NS.correct}' id='${long}'/></message>`)),
    ).toEqual({ kind: 'nothing', id: '' });
    const old = `<message xmlns='jabber:client'><body>x</body><apply-to xmlns='${NS.fasten}' id='m'><retract xmlns='${NS.retract0}'/></apply-to></message>`;
    expect(readAbout(parse(old))).toEqual({ kind: 'retract', id: 'm' });
    expect(readAbout(parse(`<message xmlns='jabber:client'><body>x</body></message>`))).toBeUndefined();
  });

  it('reactions are emoji, each once', () => {
    const signs = ['👍', '👍', '❤️', 'read this', '', ' 🏳️‍🌈 ', '<b>', '1'.repeat(60), '👨‍👩‍👧‍👦'];
    const el = x(
      'message',
      { xmlns: NS.client },
      x('reactions', { xmlns: NS.reactions, id: 'm' }, ...signs.map((s) => x('reaction', {}, s))),
    );
    expect(readAbout(el)).toEqual({ kind: 'react', id: 'm', signs: ['👍', '❤️', '🏳️‍🌈', '👨‍👩‍👧‍👦'] });
  });

  it('a reply is read without what stands in for it, counted in code points', () => {
    for (const quote of ['Tea?', 'two\nlines', '🏳️‍🌈 and 👍🏽', 'a & b < c']) {
      const { body, elements } = replyElements({ id: 'q1', to: BEN, quote }, 'Yes 👍');
      const el = x('message', { xmlns: NS.client }, x('body', {}, body), ...elements);
      expect(readReply(el, body)).toEqual({ reply: { id: 'q1', to: BEN, quote }, body: 'Yes 👍' });
    }
  });

  it('a place that is none takes nothing away', () => {
    const range = (attrs: Record<string, string>) =>
      x(
        'message',
        { xmlns: NS.client },
        x('reply', { xmlns: NS.reply, id: 'q' }),
        x('fallback', { xmlns: NS.fallback, for: NS.reply }, x('body', attrs)),
      );
    for (const attrs of [
      { start: '-1', end: '2' },
      { start: '9', end: '12' },
      { start: '3', end: '1' },
      { start: 'x', end: '2' },
      {},
      { start: '0', end: '99' },
    ])
      expect(readReply(range(attrs as Record<string, string>), 'words')?.body).toBe('words');
    expect(readReply(range({ start: '0', end: '2' }), '👍👍words')?.body).toBe('words');
  });
});

describe('in whatever order it comes', () => {
  const story = () => {
    from(BEN, said('one', 'b1'));
    from(BEN, corrected('One', 'b2', 'b1'));
    from(BEN, said('two', 'b3'));
    from(MIA, reactMessage(BEN, 'm1', 'b2', ['👍']));
    from(BEN, reactMessage(MIA, 'b4', 'b1', ['❤️', '👍']));
    from(MIA, reactMessage(BEN, 'm2', 'b1', ['🎉', '👍']));
    from(BEN, corrected('One!', 'b5', 'b1'));
    from(BEN, retractMessage(MIA, 'b6', 'b3'));
    from(
      MIA,
      textMessage({
        to: BEN,
        id: 'm3',
        body: 'Yes',
        ask: true,
        chatState: false,
        reply: { id: 'b1', to: BEN, quote: 'one' },
      }),
    );
    from(EVE, corrected('forged', 'e1', 'b1'));
  };
  const told = [
    {
      body: 'One!',
      retracted: undefined,
      edited: true,
      earlier: ['one', 'One'],
      reactions: [
        ['❤️', [BEN]],
        ['👍', [BEN, MIA]],
        ['🎉', [MIA]],
      ],
      reply: undefined,
    },
    { body: '', retracted: true, edited: false, earlier: undefined, reactions: undefined, reply: undefined },
    {
      body: 'Yes',
      retracted: undefined,
      edited: false,
      earlier: undefined,
      reactions: undefined,
      reply: [BEN, 'one', true],
    },
  ];

  it('live', async () => {
    fresh({ carbons: true });
    const session = await signIn();
    story();
    await quiet(session);
    expect(strip(await openTimeline(session))).toEqual(told);
    expect(session.chat(BEN).unread.value).toBe(0); // I have answered
    await app.close();
  });

  it('from the archive, at the first start and after', async () => {
    story();
    expect(strip(await openTimeline(await signIn()))).toEqual(told);
    expect(strip(await openTimeline(await reload()))).toEqual(told);
    await app.close();
  });

  it('from the inbox, and then the gap below it', async () => {
    fresh({ inbox: true, carbons: true });
    story();
    const session = await signIn();
    const timeline = await openTimeline(session);
    while (timeline.older.value === 'more') await timeline.loadOlder();
    expect(strip(timeline)).toEqual(told);
    await app.close();
  });

  it('what comes before its message, page by page backwards', async () => {
    from(BEN, said('deep', 'b0'));
    from(BEN, reactMessage(MIA, 'x0', 'b0', ['❤️']));
    for (let i = 0; i < 260; i++) from(BEN, said(`n${i}`, `n${i}`));
    from(BEN, corrected('Deep', 'c0', 'b0'));
    from(MIA, reactMessage(BEN, 'r0', 'c0', ['👍']));
    from(BEN, reactMessage(MIA, 'x1', 'b0', ['🎉']));
    from(BEN, retractMessage(MIA, 'r1', 'n3'));
    const session = await signIn();
    const timeline = await openTimeline(session);
    while (timeline.older.value === 'more') await timeline.loadOlder();
    const all = timeline.messages.value;
    expect(all).toHaveLength(261);
    expect(all[0]).toMatchObject({ body: 'Deep', earlier: [{ body: 'deep' }] });
    expect(signs(all[0])).toBe('👍1 🎉1');
    expect(all.find((m) => m.retracted)?.body).toBe('');
    expect(all.filter((m) => m.retracted)).toHaveLength(1);
    await app.close();
  });

  it('after a month, without reading it all: what has happened to what is known', async () => {
    fresh({ inbox: true, carbons: true });
    const session = await signIn();
    from(BEN, said('known', 'k1'));
    await quiet(session);
    await app.close();
    server.restart();
    for (let i = 0; i < 700; i++) from(EVE, said(`e${i}`, `e${i}`));
    from(BEN, corrected('Known', 'k2', 'k1'));
    from(BEN, reactMessage(MIA, 'k3', 'k1', ['👍']));
    for (let i = 0; i < 700; i++) from(EVE, said(`f${i}`, `f${i}`));
    app = new ConfabApp(browser.env());
    const again = await online();
    const timeline = await openTimeline(again);
    await until(() => signs(timeline.messages.value[0]) === '👍1', 'the reaction');
    expect(bodies(timeline)).toEqual(['Known']);
    await app.close();
  });

  it('a tombstone of the archive is one here, alone and over what was known', async () => {
    const session = await signIn();
    from(BEN, said('gone', 'g1'));
    await quiet(session);
    const mia = server.accounts.get(MIA)!;
    const grave = (id: string) =>
      parse(
        `<message xmlns='jabber:client' type='chat' from='${BEN}/x' to='${MIA}' id='${id}'><retracted xmlns='${NS.retract}' id='r'/></message>`,
      );
    mia.archive[0]!.message = grave('g1');
    server.archive(mia, BEN, grave('g2'));
    from(BEN, said('here', 'g3'));
    await app.close();
    server.restart();
    indexedDB.deleteDatabase(`confab:${MIA}`);
    app = new ConfabApp(browser.env());
    const timeline = await openTimeline(await online());
    expect(timeline.messages.value.map((m) => [m.body, m.retracted])).toEqual([
      ['', true],
      ['', true],
      ['here', undefined],
    ]);
    await app.close();
  });
});

describe('a flood', () => {
  it('of corrections, or of what names nothing, stays within bounds', async () => {
    const session = await signIn();
    from(BEN, said('0', 'b1'));
    for (let i = 1; i <= 80; i++) from(BEN, corrected(String(i), `c${i}`, 'b1'));
    for (let i = 0; i < 2100; i++) from(EVE, reactMessage(MIA, `e${i}`, `nothing${i}`, ['👍']));
    await until(() => session.chat(BEN).last.value?.body === '80', 'all');
    await quiet(session);
    const rows = (await dump()).flat() as Record<string, unknown>[];
    const row = rows.find((r) => r.id === 'b1') as { versions: unknown[]; idents: unknown[] };
    expect(row.versions).toHaveLength(30);
    expect(row.idents.length).toBeLessThan(40);
    expect(rows.filter((r) => 'amendment' in r).length).toBeLessThanOrEqual(2002);
    const timeline = await openTimeline(session);
    expect(timeline.messages.value[0]!.earlier![0]!.body).toBe('0');
    await app.close();
  });
});

it('a message keeps its own id, whatever its author calls what comes later', async () => {
  const session = await signIn();
  from(BEN, said('0', 'b1'));
  from(
    BEN,
    parse(
      `<message xmlns='jabber:client' type='chat' to='${MIA}' id='b1'><replace xmlns='${NS.correct}' id='b1'/><body>self</body></message>`,
    ),
  );
  from(
    BEN,
    parse(
      `<message xmlns='jabber:client' type='chat' to='${MIA}' id='b1'><reactions xmlns='${NS.reactions}' id='b1'><reaction>👍</reaction></reactions><store xmlns='${NS.hints}'/></message>`,
    ),
  );
  from(BEN, reactMessage(MIA, 'b2', 'b1', ['❤️']));
  for (let i = 1; i <= 40; i++) from(BEN, corrected(String(i), `c${i}`, 'b1'));
  from(BEN, corrected('last', 'b3', 'b1'));
  await quiet(session);
  await until(() => session.chat(BEN).last.value?.body === 'last', 'all');
  const timeline = await openTimeline(session);
  expect(timeline.messages.value.map((m) => [m.body, signs(m)])).toEqual([['last', '❤️1']]);
  await app.close();
});

describe('what changes is no news', () => {
  it('no bubble, no count, no sound; the list says the new words', async () => {
    const session = await signIn();
    let rung = 0;
    session.onIncoming(() => rung++);
    from(BEN, said('one', 'b1'));
    await quiet(session);
    const order = session.chat(BEN).activity.value;
    from(BEN, corrected('two', 'b2', 'b1'));
    from(BEN, reactMessage(MIA, 'b3', 'b1', ['👍']));
    await quiet(session);
    expect(session.chat(BEN).unread.value).toBe(1);
    expect(session.chat(BEN).activity.value).toBe(order);
    expect(session.chat(BEN).last.value?.body).toBe('two');
    expect(rung).toBe(1);
    from(BEN, retractMessage(MIA, 'b4', 'b1'));
    await quiet(session);
    expect(session.chat(BEN).last.value).toMatchObject({ body: '', retracted: true });
    expect(session.chat(BEN).unread.value).toBe(1);
    await app.close();
  });

  it('nobody else changes it, nor reacts for others', async () => {
    const session = await signIn();
    from(BEN, said('mine to change', 'b1'));
    await quiet(session);
    await session.send(BEN, 'hers');
    await quiet(session);
    const timeline = await openTimeline(session);
    const { key } = timeline.messages.value[1]!;
    from(BEN, corrected('forged', 'b2', key));
    from(BEN, retractMessage(MIA, 'b3', key));
    from(EVE, retractMessage(MIA, 'e1', 'b1'));
    from(EVE, reactMessage(MIA, 'e2', 'b1', ['👍']));
    await quiet(session);
    expect(timeline.messages.value.map((m) => [m.body, m.retracted, m.reactions])).toEqual([
      ['mine to change', undefined, undefined],
      ['hers', undefined, undefined],
    ]);
    await app.close();
  });

  it('a retracted message does not come back', async () => {
    const session = await signIn();
    from(BEN, said('secret', 'b1'));
    from(BEN, retractMessage(MIA, 'b2', 'b1'));
    await quiet(session);
    from(BEN, corrected('again', 'b3', 'b1'));
    const { message } = server.accounts.get(MIA)!.archive[0]!;
    const timeline = await openTimeline(session);
    // The same one once more, as a resumed stream may bring it.
    for (const s of server.online(MIA))
      s.deliver(
        parse(
          `<message xmlns='jabber:client' type='chat' from='${BEN}/x' to='${MIA}' id='b1'><body>secret</body><origin-id xmlns='${NS.sid}' id='b1'/></message>`,
        ),
      );
    await quiet(session);
    expect(message.child('body')?.text()).toBe('secret');
    expect(strip(timeline)).toMatchObject([{ body: '', retracted: true }]);
    await app.close();
  });
});

describe('what I do', () => {
  async function withMine(): Promise<{ session: AccountSession; timeline: Timeline; key: string }> {
    const session = await signIn();
    await session.send(BEN, 'Are you their?');
    await quiet(session);
    const timeline = await openTimeline(session);
    return { session, timeline, key: timeline.messages.value[0]!.key };
  }

  it('an edit names the first id, twice too, and keeps the ticks', async () => {
    const { session, timeline, key } = await withMine();
    from(
      BEN,
      parse(
        `<message xmlns='jabber:client' type='chat' to='${MIA}' id='d1'><displayed xmlns='${NS.markers}' id='${key}'/><store xmlns='${NS.hints}'/></message>`,
      ),
    );
    await until(() => timeline.messages.value[0]!.mark === 'read');
    await session.edit(key, 'Are you there?');
    expect(timeline.messages.value[0]).toMatchObject({ body: 'Are you there?', mark: 'read', changing: true });
    await session.edit(key, 'Are you there now?');
    await until(() => !timeline.messages.value[0]!.changing, 'stored');
    expect(timeline.messages.value).toHaveLength(1);
    expect(timeline.messages.value[0]!.mark).toBe('read');
    expect(
      sentAs('replace').map((el) => [el.child('replace', NS.correct)?.attr('id'), el.child('body')?.text()]),
    ).toEqual([
      [key, 'Are you there?'],
      [key, 'Are you there now?'],
    ]);
    await app.close();
  });

  it('offline, then a crash: all of it arrives once, in order', async () => {
    const { session, timeline, key } = await withMine();
    server.down = true;
    server.cut();
    await session.edit(key, 'edited');
    await session.react(key, '👍', true);
    await session.react(key, '❤️', true);
    await session.react(key, '👍', false);
    await session.send(BEN, 'later');
    const later = timeline.messages.value.at(-1)!;
    await session.edit(later.key, 'Later');
    await app.close();
    server.restart();
    server.down = false;
    app = new ConfabApp(browser.env());
    const again = await online();
    const t = await openTimeline(again);
    await until(() => t.messages.value.every((m) => !m.changing && m.mark === 'sent'), 'stored');
    expect(strip(t)).toMatchObject([{ body: 'edited', reactions: [['❤️', [MIA]]] }, { body: 'Later' }]);
    const ben = server.accounts.get(BEN)!.archive.map((a) => a.message);
    expect(
      ben.map(
        (m) =>
          m.child('body')?.text() ??
          m
            .child('reactions', NS.reactions)
            ?.elements('reaction')
            .map((r) => r.text())
            .join(' '),
      ),
    ).toEqual(['Are you their?', 'edited', '👍', '👍 ❤️', '❤️', 'later', 'Later']);
    await app.close();
  });

  it('reactions of two devices that crossed end the same: the archive says which was last', async () => {
    fresh({ carbons: true });
    const { session, timeline, key } = await withMine();
    server.holdAcks = true;
    await session.react(key, '👍', true);
    await until(() => sentAs('reactions').length === 1, 'on its way');
    from(MIA, reactMessage(BEN, 'phone1', key, ['❤️']));
    await quiet(session);
    server.holdAcks = false;
    const h = server.received.filter((f) => /^<(message|iq|presence)/.test(f)).length;
    server.sessions[0]!.handled = h;
    server.sessions[0]!.socket!.push(x('a', { xmlns: NS.sm, h }));
    await until(() => signs(timeline.messages.value[0]) === '❤️1', 'the later one');
    await quiet(session);
    expect(signs(timeline.messages.value[0])).toBe('❤️1');
    await app.close();
  });

  it('a retraction leaves nothing of it in this browser', async () => {
    const { session, timeline, key } = await withMine();
    await session.edit(key, 'worse');
    await quiet(session);
    await session.retract([key]);
    await quiet(session);
    expect(strip(timeline)).toMatchObject([{ body: '', retracted: true, edited: false }]);
    expect(sentAs('retract')[0]!.child('retract', NS.retract)?.attr('id')).toBe(key);
    const rows = JSON.stringify(await dump());
    expect(rows).not.toContain('worse');
    expect(rows).not.toContain('their?');
    await app.close();
  });

  it('a reaction is one, with or without the selector for colours, and is given as it was written first', async () => {
    const { session, timeline, key } = await withMine();
    const [plain, coloured] = ['😄', '😄\ufe0f'];
    from(BEN, reactMessage(MIA, 'r1', key, [coloured]));
    await until(() => signs(timeline.messages.value[0]) === `${coloured}1`, 'as Dino writes it');
    await session.react(key, plain, true);
    await until(() => signs(timeline.messages.value[0]) === `${coloured}2`, 'counted with it');
    await session.react(key, plain, true);
    await session.react(key, plain, false);
    await until(() => sentAs('reactions').length === 2, 'given and taken back');
    expect(sentAs('reactions').map((it) => write(it).includes(coloured))).toEqual([true, false]);
    expect(signs(timeline.messages.value[0])).toBe(`${coloured}1`);
    await app.close();
  });

  it('deleted for me on another device: gone here, whichever of the two comes first', async () => {
    const hidden = (id: string) =>
      parse(
        `<item id='${id}'><hidden xmlns='${NS.hidden}' chat='${BEN}' from='${BEN}' id='${id}' time='2026-01-01T00:00:00Z'/></item>`,
      );
    const tell = (id: string) =>
      server.toAll(
        MIA,
        x(
          'message',
          { xmlns: NS.client, from: MIA, type: 'headline' },
          x('event', { xmlns: NS.pubsubEvent }, x('items', { node: NS.hidden }, hidden(id))),
        ),
      );
    const session = await signIn();
    const timeline = await openTimeline(session);
    from(BEN, said('one', 'h1'));
    from(BEN, said('two', 'h2'));
    await until(() => bodies(timeline).length === 2, 'both');
    tell('h1');
    await until(() => bodies(timeline).join() === 'two', 'gone');
    tell('h3');
    await quiet(session);
    from(BEN, said('three', 'h3'));
    from(BEN, said('four', 'h4'));
    await until(() => bodies(timeline).join() === 'two,four', 'never there');
    expect(session.chat(BEN).last.value?.body).toBe('four');
    const again = await reload();
    expect(bodies(await openTimeline(again))).toEqual(['two', 'four']);
    await app.close();
  });

  it('what is taken back before it was sent is never sent', async () => {
    const { session, timeline } = await withMine();
    server.down = true;
    server.cut();
    await session.send(BEN, 'oops');
    const { key } = timeline.messages.value[1]!;
    await session.edit(key, 'Oops');
    await session.react(key, '👍', true);
    await session.retract([key]);
    await session.send(BEN, 'better');
    server.received.length = 0;
    server.restart();
    server.down = false;
    session.reconnect();
    await until(() => timeline.messages.value.at(-1)?.mark === 'sent', 'sent');
    expect(bodies(timeline)).toEqual(['Are you their?', 'better']);
    expect(server.received.join()).not.toContain('oops');
    expect(sentAs('retract')).toEqual([]);
    await app.close();
  });

  it('what arrived but was not acknowledged is taken back', async () => {
    const { session, timeline } = await withMine();
    server.holdAcks = true;
    await session.send(BEN, 'oops');
    await until(() => server.accounts.get(BEN)!.archive.length === 2, 'there');
    server.down = true;
    server.restart();
    server.holdAcks = false;
    await session.retract([timeline.messages.value[1]!.key]);
    server.down = false;
    session.reconnect();
    await until(() => sentAs('retract').length === 1, 'the retraction');
    await quiet(session);
    expect(timeline.messages.value.at(-1)).toMatchObject({ retracted: true, mark: 'sent' });
    await app.close();
  });

  it('who has seen the correction has seen what came before it', async () => {
    const { session, timeline, key } = await withMine();
    await session.send(BEN, 'between');
    await session.edit(key, 'Are you there?');
    await quiet(session);
    const id = sentAs('replace')[0]!.attr('id')!;
    from(
      BEN,
      parse(
        `<message xmlns='jabber:client' type='chat' to='${MIA}' id='d1'><displayed xmlns='${NS.markers}' id='${id}'/><store xmlns='${NS.hints}'/></message>`,
      ),
    );
    await until(() => timeline.messages.value.every((m) => m.mark === 'read'), 'read');
    await app.close();
  });

  it('of a message that is not mine only my view changes', async () => {
    const session = await signIn();
    from(BEN, said('his', 'b1'));
    from(BEN, said('his second', 'b2'));
    await quiet(session);
    const timeline = await openTimeline(session);
    const [first, second] = timeline.messages.value;
    await session.retract([first!.key]);
    await session.edit(first!.key, 'x');
    expect(sentAs('retract')).toEqual([]);
    expect(bodies(timeline)).toEqual(['his', 'his second']);
    await session.hide([second!.key]);
    expect(bodies(timeline)).toEqual(['his']);
    expect(session.chat(BEN).last.value?.body).toBe('his');
    expect(session.chat(BEN).unread.value).toBe(1);
    const again = await reload();
    expect(bodies(await openTimeline(again))).toEqual(['his']);
    await app.close();
  });

  it('what is refused is taken back, and can be tried again', async () => {
    const { session, timeline, key } = await withMine();
    const refuse = (id: string) => {
      for (const s of server.online(MIA))
        s.deliver(
          parse(
            `<message xmlns='jabber:client' type='error' from='${BEN}' to='${MIA}' id='${id}'><error type='cancel'><service-unavailable xmlns='${NS.stanzaErrors}'/></error></message>`,
          ),
        );
    };
    await session.edit(key, 'refused');
    await quiet(session);
    refuse(sentAs('replace')[0]!.attr('id')!);
    await until(() => timeline.messages.value[0]!.trouble !== undefined, 'trouble');
    expect(timeline.messages.value[0]).toMatchObject({
      body: 'Are you their?',
      mark: 'sent',
      trouble: { kind: 'correct' },
    });
    await session.retry(key);
    await quiet(session);
    expect(timeline.messages.value[0]).toMatchObject({ body: 'refused' });
    expect(timeline.messages.value[0]!.trouble).toBeUndefined();
    expect(sentAs('replace')).toHaveLength(2);
    await session.react(key, '👍', true);
    await quiet(session);
    await session.react(key, '❤️', true);
    await quiet(session);
    refuse(sentAs('reactions')[1]!.attr('id')!);
    await until(() => timeline.messages.value[0]!.trouble?.kind === 'react', 'trouble');
    expect(signs(timeline.messages.value[0])).toBe('👍1');
    await session.discard(key);
    expect(timeline.messages.value[0]!.trouble).toBeUndefined();
    expect(timeline.messages.value).toHaveLength(1);
    await app.close();
  });

  it('an answer carries its quote, and finds its message again on another device', async () => {
    const session = await signIn();
    from(BEN, said('Tea\nor coffee?', 'b1'));
    await quiet(session);
    const timeline = await openTimeline(session);
    await session.send(BEN, 'Tea', timeline.messages.value[0]!.key);
    await quiet(session);
    const stanza = sentAs('reply')[0]!;
    expect(stanza.child('body')?.text()).toBe('> Tea\n> or coffee?\nTea');
    expect(stanza.child('reply', NS.reply)?.attr('id')).toBe('b1');
    expect(timeline.messages.value[1]).toMatchObject({
      body: 'Tea',
      reply: { from: BEN, key: timeline.messages.value[0]!.key },
    });
    await session.edit(timeline.messages.value[1]!.key, 'Coffee');
    await quiet(session);
    expect(sentAs('replace')[0]!.child('body')?.text()).toBe('> Tea\n> or coffee?\nCoffee');
    await app.close();
    indexedDB.deleteDatabase(`confab:${MIA}`);
    const other = await openTimeline(await reload());
    expect(other.messages.value[1]).toMatchObject({
      body: 'Coffee',
      reply: { from: BEN, quote: 'Tea\nor coffee?', key: other.messages.value[0]!.key },
    });
    await app.close();
  });
});

async function dump(): Promise<unknown[]> {
  const db = await new Promise<IDBDatabase>((resolve, reject) => {
    const open = indexedDB.open(`confab:${MIA}`);
    open.onsuccess = () => resolve(open.result);
    open.onerror = () => reject(open.error);
  });
  const all = await Promise.all(
    [...db.objectStoreNames]
      .filter((n) => n !== 'meta')
      .map(
        (name) =>
          new Promise((resolve) => {
            const ask = db.transaction(name).objectStore(name).getAll();
            ask.onsuccess = () => resolve(ask.result);
          }),
      ),
  );
  db.close();
  return all;
}
