// A device comes back after thirty days in a drawer: 500 conversations, 50,000 new messages. Its list is right after one
// round trip, as it is on one that knew nothing, and the next start draws it from the cache.

import type { CDPSession } from 'playwright-core';
import { expect, test } from 'vitest';
import type { Account } from '../proto/harness/login.ts';
import { fillMonth, friend, MONTH } from '../proto/harness/month.ts';
import type { Person } from './harness/person.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld();

/** The archive keeps silent for this page from its next load on: what its list says it has from the inbox alone. */
const hush = (person: Person) =>
  person.page.addInitScript(() => {
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function (this: WebSocket, data) {
      if (!sessionStorage.getItem('loud') && String(data).includes('urn:xmpp:mam:2')) return;
      send.call(this, data);
    };
  });

/** What goes by between a page and the server, and what the page computes, from its next load on. */
class Meter {
  readonly sent: string[] = [];
  received = 0;

  private constructor(private readonly cdp: CDPSession) {}

  static async on(person: Person): Promise<Meter> {
    const meter = new Meter(await person.context.newCDPSession(person.page));
    await meter.cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
    person.page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => meter.sent.push(payload.toString().slice(0, 300)));
      socket.on('framereceived', ({ payload }) => {
        meter.received += Buffer.byteLength(payload);
      });
    });
    await person.page.addInitScript(() => {
      const tasks: number[] = [];
      Object.assign(window, { longTasks: tasks });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) tasks.push(Math.round(entry.duration));
      }).observe({ type: 'longtask', buffered: true });
    });
    return meter;
  }

  /** CPU of the page's main thread since it was loaded; and its long tasks, by the clock on the wall. */
  async computed({ page }: Person): Promise<string> {
    const { metrics } = await this.cdp.send('Performance.getMetrics');
    const parts = ['ScriptDuration', 'LayoutDuration', 'TaskDuration'].map((name) => {
      const seconds = metrics.find((it) => it.name === name)?.value ?? 0;
      return `${name.replace('Duration', '').toLowerCase()} ${Math.round(1000 * seconds)} ms`;
    });
    const long = await page.evaluate(() => (window as unknown as { longTasks: number[] }).longTasks);
    return `${parts.join(', ')}, long tasks ${JSON.stringify(long)}`;
  }
}

/** How much of each conversation is unread, as the cache says, from which the list is drawn. */
const unreadOf = ({ page, jid }: Person) =>
  page.evaluate(
    (name) =>
      new Promise<Record<string, number>>((resolve, reject) => {
        const opening = indexedDB.open(name);
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const all = opening.result.transaction('chats').objectStore('chats').getAll();
          all.onsuccess = () => {
            opening.result.close();
            resolve(Object.fromEntries(all.result.map((it) => [it.address, it.unread])));
          };
        };
      }),
    `confab:${jid}`,
  );

/** The rows that are drawn: name, last words, badge. */
const rowsOf = ({ page }: Person) =>
  page
    .locator('.list .row')
    .evaluateAll((rows) =>
      rows.map((row) =>
        ['.row-name', '.row-text', '.badge'].map((part) => row.querySelector(part)?.textContent ?? '').join('|'),
      ),
    );

const body = (n: number) => `${'lorem ipsum dolor sit amet '.repeat(10).slice(0, 126)}${String(n).padStart(6, '0')}`;

/** What there is after that month: of each conversation how much is unread, and the rows at the top of the list. */
function month(): { unread: Record<string, number>; rows: string[] } {
  const count = new Array<number>(MONTH.contacts).fill(0);
  const last = new Array<number>(MONTH.contacts).fill(-1);
  for (let n = 0; n < MONTH.count; n++) {
    const who = MONTH.writer(n);
    count[who]!++;
    last[who] = n;
  }
  const order = last.map((n, c) => ({ n, c })).sort((a, b) => b.n - a.n);
  const badge = (c: number) => `unread: ${count[c]! > 99 ? '99+' : count[c]}`;
  return {
    unread: Object.fromEntries(count.map((n, c) => [friend(world.server, c), n])),
    rows: order.map(({ n, c }) => `${friend(world.server, c).split('@')[0]}|${body(n)}|${badge(c)}`),
  };
}

/** The list is right, to its end, with what one round trip brought. */
async function rightAtOnce(person: Person, meter: Meter): Promise<void> {
  const { unread, rows } = month();
  await expect.poll(() => unreadOf(person), { timeout: 120_000 }).toEqual(unread);
  await expect
    .poll(() => rowsOf(person))
    .toSatisfy((drawn: string[]) => drawn.length > 8 && drawn.join('\n') === rows.slice(0, drawn.length).join('\n'));
  await person.titled(/^\(99\+\)/);
  expect(meter.sent.filter((frame) => frame.includes('urn:confab:inbox:0')).length).toBe(1);
  expect(meter.sent.filter((frame) => frame.includes('urn:xmpp:mam:2'))).toEqual([]);
  console.info(`${meter.received} bytes, ${await meter.computed(person)}`);
  expect(meter.received).toBeLessThanOrEqual(300_000);
  // And at the other end of the list.
  await person.page.locator('.list .row').first().focus();
  await person.page.keyboard.press('End');
  await expect.poll(async () => (await rowsOf(person)).at(-1)).toBe(rows.at(-1));
  await person.page.keyboard.press('Home');
}

test('thirty days away: the list is right after one round trip, and the next time from the cache', async () => {
  const [a] = (await world.accounts('mia')) as [Account];
  await fillMonth(world.server, a, { ...MONTH, count: 0 });
  const old = await world.enter(a);
  const none = Object.fromEntries(Object.keys(month().unread).map((jid) => [jid, 0]));
  await expect.poll(() => unreadOf(old)).toEqual(none);
  await old.page.goto('about:blank');

  await fillMonth(world.server, a, { ...MONTH, contacts: 0 });
  await hush(old);
  const away = await Meter.on(old);
  await old.page.goto(old.link.url);
  await rightAtOnce(old, away);

  const fresh = await world.sit();
  await hush(fresh);
  const first = await Meter.on(fresh);
  await fresh.page.reload();
  await fresh.signIn(a.name, a.password);
  await rightAtOnce(fresh, first);

  // From the cache, without a connection.
  const { rows, unread } = month();
  for (const [person, meter] of [
    [old, away],
    [fresh, first],
  ] as const) {
    person.link.breakDown();
    await person.page.reload();
    await expect
      .poll(() => rowsOf(person))
      .toSatisfy((drawn: string[]) => drawn.length > 8 && drawn.join('\n') === rows.slice(0, drawn.length).join('\n'));
    await person.titled(/^\(99\+\)/);
    console.info(`from the cache: ${await meter.computed(person)}`);
  }

  // With the archive: a conversation opens with its newest, and what lies between is there when one scrolls to it.
  const [name, newest] = rows.find((row) => row.endsWith('99+'))!.split('|') as [string, string];
  for (const person of [old, fresh]) {
    await person.page.evaluate(() => sessionStorage.setItem('loud', 'yes'));
    person.link.mend();
    await person.page.reload();
    await person.online();
    await expect.poll(() => unreadOf(person)).toEqual(unread);
  }
  await old.chatWith(name);
  await old.button(/newest message/).click();
  await old.sees(newest);
  const c = Number(name.slice('friend'.length));
  const numbers = Array.from({ length: MONTH.count }, (_, n) => n).filter((n) => MONTH.writer(n) === c);
  const seen = new Set<number>();
  for (;;) {
    await old.log.evaluate((log) => {
      log.scrollTop -= 600;
    });
    for (const text of await old.texts()) seen.add(text === 'see you' ? -1 : Number(text.slice(-6)));
    if ((await old.page.getByText('This is the beginning of your conversation').count()) > 0 && seen.has(-1)) break;
  }
  expect([...seen].sort((p, q) => p - q)).toEqual([-1, ...numbers]);
  // Read here is read there.
  await expect.poll(async () => (await unreadOf(fresh))[friend(world.server, c)]).toBe(0);
  await expect.poll(async () => (await unreadOf(old))[friend(world.server, c)]).toBe(0);
});
