// Selecting messages, writing them down and sending them on.
import { beforeEach, describe, expect, it } from 'vitest';
import { ConfabApp } from '../src/store/app';
import type { Message } from '../src/store/model';
import type { AccountSession } from '../src/store/session';
import { canSelect, endSelection, extend, selection, toggle } from '../src/ui/chat/selection';
import { transcript } from '../src/ui/chat/transcript';
import type { SharedFile } from '../src/xmpp/mod/file';
import { textMessage } from '../src/xmpp/mod/message';
import { NS } from '../src/xmpp/ns';
import { parse } from '../src/xmpp/xml';
import { FakeBrowser, turns, until } from './fake-env';
import { FakeServer } from './fake-server';

const MIA = 'mia@example.org';
const BEN = 'ben@example.org';
const EVA = 'eva@example.org';
const FILE: SharedFile = {
  url: 'https://example.org/files/abc/lake.jpg',
  name: 'lake.jpg',
  type: 'image/jpeg',
  size: 3,
};

let server: FakeServer;
let browser: FakeBrowser;
let app: ConfabApp;

beforeEach(() => {
  server = new FakeServer();
  for (const name of ['mia', 'ben', 'eva']) server.addAccount(name);
  server.befriend(MIA, BEN);
  server.befriend(MIA, EVA);
  browser = new FakeBrowser(server);
});

async function signIn(): Promise<AccountSession> {
  app = new ConfabApp(browser.env());
  expect(await app.signIn({ address: 'Mia', password: 'secret' })).toBeUndefined();
  return online();
}

async function open(): Promise<AccountSession> {
  app = new ConfabApp(browser.env());
  return online();
}

async function online(): Promise<AccountSession> {
  await until(() => app.session.value?.connection.value.state === 'online', 'online');
  const session = app.session.value as AccountSession;
  await until(() => !session.firstStart.value, 'contacts');
  return session;
}

async function arrived(session: AccountSession, count: number): Promise<readonly Message[]> {
  const timeline = session.timeline(BEN);
  await until(() => timeline.messages.value.length === count, 'messages');
  return timeline.messages.value;
}

const sentTo = (who: string) =>
  server.received
    .map((f) => parse(f))
    .filter((el) => el.name === 'message' && el.attr('to') === who && el.child('body'));

describe('forwarding', () => {
  it('sends words and files as they were shown, in order, without what they answered, and leaves drafts alone', async () => {
    const first = await signIn();
    first.setDraft(EVA, 'half a thought');
    await app.close();
    const session = await open();
    expect(session.chat(EVA).draft.value).toBe('half a thought');
    const reply = { id: 'x', to: MIA, quote: 'asked' };
    server.routeMessage(
      `${BEN}/x`,
      textMessage({ to: MIA, id: 'b1', body: 'yes', reply, ask: false, chatState: false }),
    );
    server.routeMessage(
      `${BEN}/x`,
      textMessage({ to: MIA, id: 'b2', body: FILE.url, file: FILE, ask: false, chatState: false }),
    );
    const keys = (await arrived(session, 2)).map((it) => it.key);
    await session.forward(keys, [EVA, MIA]);
    await until(() => sentTo(EVA).length === 2 && sentTo(MIA).length === 2, 'sent');
    for (const who of [EVA, MIA]) {
      const [words, file] = sentTo(who);
      expect(words!.child('body')!.text()).toBe('yes');
      expect(words!.child('reply', NS.reply)).toBeUndefined();
      expect(file!.child('body')!.text()).toBe(FILE.url);
      expect(file!.child('file-sharing', NS.sfs)).toBeDefined();
    }
    // No upload, no id twice.
    const ids = [...sentTo(EVA), ...sentTo(MIA)].map((el) => el.attr('id'));
    expect(new Set(ids).size).toBe(4);
    await turns(30);
    expect(session.chat(EVA).draft.value).toBe('half a thought');
    expect(session.chat(EVA).last.value?.file?.url).toBe(FILE.url);
    await app.close();
  });

  it('leaves signs alone that are no styling', async () => {
    const session = await signIn();
    const code = { to: MIA, body: 'a *b* c', ask: false, chatState: false };
    server.routeMessage(`${BEN}/x`, textMessage({ ...code, id: 'b1', unstyled: true }));
    server.routeMessage(`${BEN}/x`, textMessage({ ...code, id: 'b2' }));
    const keys = (await arrived(session, 2)).map((it) => it.key);
    await session.forward(keys, [EVA]);
    await until(() => sentTo(EVA).length === 2, 'sent');
    expect(sentTo(EVA).map((el) => el.child('unstyled', NS.styling) !== undefined)).toEqual([true, false]);
    const mine = session.timeline(EVA);
    await until(() => mine.messages.value.length === 2);
    expect(mine.messages.value.map((it) => it.unstyled)).toEqual([true, undefined]);
    await app.close();
  });

  it('sends nothing of what was taken back meanwhile', async () => {
    const session = await signIn();
    await session.send(BEN, 'oops');
    const [mine] = await arrived(session, 1);
    await until(() => sentTo(BEN).length === 1, 'sent');
    await turns(30);
    await session.retract([mine!.key]);
    await session.forward([mine!.key, 'nonsense'], [EVA]);
    await turns(50);
    expect(sentTo(EVA)).toHaveLength(0);
    await app.close();
  });
});

const message = (key: string, extra: Partial<Message> = {}): Message => ({
  key,
  chat: BEN,
  from: BEN,
  mine: false,
  time: Date.UTC(2026, 0, 2, 12),
  body: `words ${key}`,
  mark: 'sent',
  ...extra,
});

describe('selecting', () => {
  const all = ['a', 'b', 'c', 'd'].map((key) => message(key));
  const keys = () => [...(selection.value?.keys ?? [])].sort().join('');
  beforeEach(endSelection);

  it('toggles, ranges both ways, and ends with the last one out', () => {
    toggle([all[1]!]);
    extend(all, [all[3]!]);
    expect(keys()).toBe('bcd');
    extend(all, [all[0]!]);
    expect(keys()).toBe('abcd');
    for (const it of all) toggle([it]);
    expect(selection.value).toBeUndefined();
  });

  it('takes all parts of one bubble, and nothing that is not sent', () => {
    toggle([all[0]!, all[1]!]);
    expect(keys()).toBe('ab');
    toggle([all[0]!, all[1]!]);
    expect(selection.value).toBeUndefined();
    expect(canSelect(message('f', { mark: 'failed' }))).toBe(false);
    const going = message('u', { mark: 'sending', file: { ...FILE, url: '' } });
    extend([...all, going], [all[2]!]);
    extend([...all, going], [going]);
    expect(keys()).toBe('cd');
  });

  it('begins anew in another chat', () => {
    toggle([all[0]!]);
    toggle([message('z', { chat: EVA })]);
    expect(keys()).toBe('z');
  });
});

describe('a transcript', () => {
  const name = (mine: boolean) => (mine ? 'Mia' : 'Ben');
  it('has names and times, and of one message only the words', () => {
    const two = [message('a'), message('b', { mine: true, file: FILE, body: FILE.url, caption: 'Look' })];
    expect(transcript(two, name)).toMatch(
      /^\[.*2026.*\] Ben: words a\n\[.*\] Mia: Photo: https:\/\/.*lake\.jpg\nLook$/,
    );
    expect(transcript(two.slice(0, 1), name)).toBe('words a');
    expect(transcript([message('g', { retracted: true, body: '' }), ...two], name).split('\n')).toHaveLength(3);
  });
});
