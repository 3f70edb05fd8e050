// The same store against a real server: CONFAB_LIVE=ws://127.0.0.1:5280/xmpp CONFAB_LIVE_DOMAIN=localhost npx vitest run test/live.test.ts
// Skipped otherwise. The server must let people register.
import { describe, expect, it } from 'vitest';
import { ConfabApp } from '../src/store/app';
import type { AccountSession } from '../src/store/session';
import { openWebSocket, type SocketLike } from '../src/xmpp/stream';
import { FakeBrowser, until } from './fake-env';
import { FakeServer } from './fake-server';

// Node's own types are not in this project: the tests run where the app does not.
const { env } = (globalThis as unknown as { process: { env: Record<string, string | undefined> } }).process;
const url = env.CONFAB_LIVE;
const domain = env.CONFAB_LIVE_DOMAIN ?? 'localhost';

describe.skipIf(!url)('a real server', () => {
  it('registers, talks, resumes, catches up, pages back', async () => {
    const stamp = Date.now().toString(36);
    const sockets: SocketLike[] = [];
    const browser = new FakeBrowser(new FakeServer({ domain }), stamp);
    const app = new ConfabApp({
      ...browser.env(),
      ownUrl: () => url!,
      url: async () => url!,
      openSocket: () => {
        const socket = openWebSocket(url!);
        sockets.push(socket);
        return socket;
      },
    });
    await until(() => app.registrationOpen.value !== undefined, 'server asked');
    expect(app.registrationOpen.value).toBe(true);
    const make = async (name: string) => {
      expect(await app.register({ address: `${name}${stamp}`, password: `pass-${name}` })).toBeUndefined();
      const session = app.session.value as AccountSession;
      await until(() => session.connection.value.state === 'online', `${name} online`);
      return session;
    };
    const mia = await make('mia');
    const ben = await make('ben');
    const [miaAt, benAt] = [mia.account.address, ben.account.address];

    expect(await mia.addContact(benAt)).toBeUndefined();
    await until(() => ben.requests.value.length === 1, 'request');
    expect(await ben.acceptRequest(miaAt)).toBeUndefined();
    await until(() => mia.contact(benAt)?.subscription === 'both', 'friends');
    await until(() => mia.contact(benAt)?.presence.value.availability === 'online', 'presence');

    const there = mia.timeline(benAt);
    const here = ben.timeline(miaAt);
    for (let i = 1; i <= 120; i++) await mia.send(benAt, `message ${i}`);
    await until(() => here.messages.value.length === 120, 'all arrived');
    expect(here.messages.value.map((m) => m.body)).toEqual(Array.from({ length: 120 }, (_, i) => `message ${i + 1}`));
    await until(() => there.messages.value.every((m) => m.mark === 'delivered'), 'delivered');
    here.seen(here.messages.value.at(-1)!.key);
    await until(() => there.messages.value.every((m) => m.mark === 'read'), 'read');

    mia.setTyping(benAt, true);
    await until(() => ben.chat(miaAt).typing.value, 'typing');
    await mia.send(miaAt, 'a note');
    await until(() => mia.chat(miaAt).last.value?.mark === 'sent', 'note stored');

    // The wire is cut; the session goes on.
    for (const socket of sockets) socket.close();
    await until(() => mia.connection.value.state !== 'online', 'cut');
    await mia.send(benAt, 'written while cut');
    mia.reconnect();
    ben.reconnect();
    await until(() => here.messages.value.at(-1)?.body === 'written while cut', 'after the cut');
    await until(() => there.messages.value.at(-1)?.mark === 'delivered', 'delivered after the cut');
    expect(here.messages.value.length).toBe(121);

    // A browser that knows nothing.
    await mia.signOut();
    expect(await app.signIn({ address: miaAt, password: 'pass-mia' })).toBeUndefined();
    const again = app.session.value as AccountSession;
    await until(() => again.connection.value.state === 'online', 'again');
    await until(() => again.chat(benAt).last.value?.body === 'written while cut', 'history');
    const t = again.timeline(benAt);
    await until(() => t.messages.value.length > 0 && t.older.value !== 'loading', 'timeline');
    for (let i = 0; i < 10 && t.older.value !== 'start'; i++) await t.loadOlder();
    expect(t.messages.value.length).toBe(121);
    expect(t.messages.value[0]).toMatchObject({ body: 'message 1', mark: 'read' });

    expect(await again.changePassword('pass-mia', 'pass-new')).toBeUndefined();
    expect(await again.setBlocked(benAt, true)).toBeUndefined();
    await until(() => again.blocked.value.includes(benAt), 'blocked');
    await again.send(benAt, 'to the blocked');
    await until(() => again.chat(benAt).last.value?.mark === 'failed', 'refused');
    expect(again.chat(benAt).last.value?.failure?.code).toBe('blocked');
    expect(await again.deleteAccount('pass-new')).toBeUndefined();
    expect(await app.signIn({ address: miaAt, password: 'pass-new' })).toMatchObject({ code: 'refused' });
    await ben.deleteAccount('pass-ben');
    await app.close();
  }, 60_000);
});
