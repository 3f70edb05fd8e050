// What goes wrong on a real day: reloads, crashes, tunnels, a server that dies. Nothing that had a tick is lost, nothing
// comes twice, nothing that was typed is gone.

import { expect, test } from 'vitest';
import { bodies, everything } from '../proto/harness/archive.ts';
import type { Person } from './harness/person.ts';
import { rawClient } from './harness/seed.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();

// A time follows each text on the screen: the full stop keeps `1` and `12:30` apart from `11`.

/** Both at the chat with the other. */
async function talking(): Promise<[Person, Person]> {
  const [mia, noah] = await world.pair();
  await mia.go('People');
  await mia.chatWith(noah.name);
  await noah.go('People');
  await noah.chatWith(mia.name);
  return [mia, noah];
}

/** The draft stands on disk, not only in the page. */
async function draftKept(person: Person, text: string): Promise<void> {
  await expect
    .poll(() =>
      person.page.evaluate(async () => {
        const found: string[] = [];
        for (const { name } of await indexedDB.databases()) {
          const db = await new Promise<IDBDatabase>((resolve, reject) => {
            const open = indexedDB.open(name!);
            open.onsuccess = () => resolve(open.result);
            open.onerror = () => reject(open.error);
          });
          for (const store of db.objectStoreNames) {
            const all = await new Promise<unknown[]>((resolve) => {
              const get = db.transaction(store).objectStore(store).getAll();
              get.onsuccess = () => resolve(get.result);
            });
            found.push(JSON.stringify(all));
          }
          db.close();
        }
        return found.join();
      }),
    )
    .toContain(text);
}

test('a reload keeps the outbox and the draft', async () => {
  const [mia, noah] = await talking();
  mia.link.hold();
  await mia.say('written in the tunnel');
  await mia.mark('written in the tunnel', 'sending');
  await mia.composer.fill('half a thought');
  await mia.page.reload();
  await mia.mark('written in the tunnel', 'sending');
  await expect.poll(() => mia.composer.inputValue()).toBe('half a thought');
  mia.link.release();
  await mia.mark('written in the tunnel', 'read');
  await noah.say('got it');
  await mia.sees('got it');
  expect(await noah.texts()).toEqual(['written in the tunnel', 'got it']);
});

test('a crash of the page keeps the outbox and the draft', async () => {
  const [mia, noah] = await talking();
  mia.link.breakDown();
  await mia.say('before the crash');
  await mia.mark('before the crash', 'sending');
  await mia.composer.fill('not finished');
  await draftKept(mia, 'not finished');
  const crashed = mia.page.waitForEvent('crash');
  void mia.page.goto('chrome://crash').catch(() => {});
  await crashed;
  const dead = mia.page;
  mia.link.mend();
  await mia.open(`#/chat/${noah.jid}`);
  await dead.close();
  await mia.mark('before the crash', 'read');
  await expect.poll(() => mia.composer.inputValue()).toBe('not finished');
  expect(await noah.texts()).toEqual(['before the crash']);
});

test('the server is killed while two people write, and nothing is lost or doubled', async () => {
  const [mia, noah] = await talking();
  const own = (who: string) => Array.from({ length: 12 }, (_, i) => `${who} ${i}.`);
  const talk = async (person: Person, texts: readonly string[]) => {
    for (const text of texts) await person.say(text);
  };
  await Promise.all([talk(mia, own('mia').slice(0, 6)), talk(noah, own('noah').slice(0, 6))]);
  await mia.message('mia 3.').locator('.mark-sent, .mark-delivered, .mark-read').waitFor();
  await world.server.end('SIGKILL');
  // They go on writing: the app takes it.
  await Promise.all([talk(mia, own('mia').slice(6)), talk(noah, own('noah').slice(6))]);
  await mia.mark('mia 11.', 'sending');
  await mia.page.locator('.netline').waitFor();
  await mia.page.locator('.banner', { hasText: /Reconnecting/ }).waitFor();
  await world.server.launch();
  await Promise.all([mia.mark('mia 11.', 'read'), noah.mark('noah 11.', 'read')]);
  await mia.page.locator('.netline').waitFor({ state: 'detached' });

  for (const [person, other] of [
    [mia, 'noah'],
    [noah, 'mia'],
  ] as const) {
    await person.sees(`${other} 11.`);
    const texts = await person.texts();
    expect(texts.filter((text) => text.startsWith(other))).toEqual(own(other));
    expect(texts.length).toBe(24);
    const raw = await rawClient(world, { name: person.name, jid: person.jid, password: `secret of ${person.name}` });
    const kept = bodies(await everything(raw)).filter((text) => text !== '');
    raw.kill();
    for (const who of ['mia', 'noah']) expect(kept.filter((text) => text.startsWith(who))).toEqual(own(who));
  }
});

test('offline one goes on writing, and it goes out when one is back', async () => {
  const [mia, noah] = await talking();
  await mia.context.setOffline(true);
  await mia.page.getByText('Offline. Messages go out when you are back.').waitFor();
  await mia.say('from the mountain hut');
  await mia.mark('from the mountain hut', 'sending');
  await noah.say('where are you?');
  await noah.mark('where are you?', 'sent');
  await mia.context.setOffline(false);
  await mia.sees('where are you?');
  await mia.mark('from the mountain hut', 'read');
  await noah.mark('where are you?', 'read');
  await expect.poll(() => noah.page.locator('.msg').count()).toBe(2);
});

test('a cut connection is resumed, and what came meanwhile comes once', async () => {
  const [mia, noah] = await talking();
  const frames: string[] = [];
  mia.page.on('websocket', (socket) =>
    socket.on('framereceived', ({ payload }) => frames.push(payload.toString().slice(0, 400))),
  );
  mia.link.breakDown();
  await mia.say('into the cut');
  await noah.say('meanwhile');
  mia.link.mend();
  await mia.sees('meanwhile');
  await mia.mark('into the cut', 'read');
  await noah.mark('meanwhile', 'read');
  expect(frames.some((frame) => frame.includes('<resumed'))).toBe(true);
  expect((await mia.texts()).sort()).toEqual(['into the cut', 'meanwhile']);
  expect((await noah.texts()).sort()).toEqual(['into the cut', 'meanwhile']);
});
