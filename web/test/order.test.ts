// Two clocks in one list: this device's, for what came live or was written here, and the archive's.
import { beforeEach, expect, it } from 'vitest';
import { type AccountDb, openAccountDb } from '../src/db/schema';
import { Batch } from '../src/store/batch';
import { ingest, type Source } from '../src/store/ingest';
import { writeMessage } from '../src/store/outbox';
import type { IncomingMessage } from '../src/xmpp/mod/message';
import './fake-env';

const MIA = 'mia@example.org';
const BEN = 'ben@example.org';

let db: AccountDb;
let serial = 0;

beforeEach(async () => {
  db = await openAccountDb(`order${++serial}@example.org`);
});

/** `time`: the archive's; without one it comes live. */
function message(body: string, time?: number): IncomingMessage {
  const mine = body.startsWith('mine');
  return {
    via: time === undefined ? 'live' : 'archive',
    type: 'chat',
    id: body,
    originId: mine ? body : undefined,
    archiveId: `a-${body}`,
    from: mine ? MIA : BEN,
    to: mine ? BEN : MIA,
    peer: BEN,
    mine,
    time,
    body,
    file: undefined,
    caption: '',
    about: undefined,
    content: undefined,
    reply: undefined,
    tombstone: false,
    encrypted: false,
    chatState: undefined,
    wantsReceipt: false,
    receiptFor: undefined,
    markable: false,
    marker: undefined,
    error: undefined,
  };
}

async function take(source: Source, messages: IncomingMessage[], now = 0, until?: number): Promise<void> {
  const ctx = { own: MIA, maySee: () => true, clock: new Map(), newId: () => `n${++serial}` };
  await ingest(db, messages, { ...ctx, source, now, until });
}

const live = (now: number, ...bodies: string[]) =>
  take(
    'live',
    bodies.map((body) => message(body)),
    now,
  );
const page = (source: Source, first: number, ...bodies: string[]) =>
  take(
    source,
    bodies.map((body, i) => message(body, first + i)),
  );

const shown = async () => (await db.getAll('messages')).map((row) => row.body);
const acked = (key: string) => Batch.run(db, MIA, (batch) => batch.acknowledged(key));

it.each([
  ['behind', 9e12],
  ['ahead of', 5],
])('what the archive has not told yet keeps its place, this device %s the archive', async (_, archive) => {
  await live(1000, 'a', 'b', 'c', 'd', 'e');
  await page('catchup', archive, 'a', 'b', 'c');
  expect(await shown()).toEqual(['a', 'b', 'c', 'd', 'e']);
  await page('catchup', archive + 3, 'd', 'e');
  expect(await shown()).toEqual(['a', 'b', 'c', 'd', 'e']);
});

it('the newest of the archive stand above what came before', async () => {
  await live(9e12, 'a', 'b', 'c', 'd');
  await page('first', 1000, 'c', 'd');
  expect(await shown()).toEqual(['a', 'b', 'c', 'd']);
});

it('what I write goes behind what is stored, however late the network was, and is not overtaken by my own words', async () => {
  const late = Date.now() + 3000;
  await writeMessage(db, MIA, BEN, 'mine 1', 'mine 1');
  await writeMessage(db, MIA, BEN, 'mine 2', 'mine 2');
  await writeMessage(db, MIA, BEN, 'mine 3', 'mine 3');
  await acked('mine 1');
  // The second was acknowledged after the archive had answered.
  await acked('mine 2');
  await page('catchup', late, 'mine 1');
  expect(await shown()).toEqual(['mine 1', 'mine 2', 'mine 3']);
  await page('catchup', late + 500, 'b', 'mine 2');
  expect(await shown()).toEqual(['mine 1', 'b', 'mine 2', 'mine 3']);
});

it('what lies below a gap stays below what fills it, though the archive packs it into a millisecond', async () => {
  const bodies = Array.from({ length: 120 }, (_, i) => `${String(i).padStart(3, '0')}`);
  await live(9000, ...bodies.slice(0, 60));
  await take('inbox', [message('119', 1000.119)], 0, Number.POSITIVE_INFINITY);
  await take(
    'gap',
    bodies.slice(80, 119).map((b) => message(b, 1000 + Number(b) / 1000)),
    0,
    1000.119,
  );
  await take(
    'gap',
    bodies.slice(55, 80).map((b) => message(b, 1000 + Number(b) / 1000)),
    0,
    1000.08,
  );
  expect(await shown()).toEqual(bodies);
});

it('the end of a gap goes with the message that it is', async () => {
  await live(1000, 'a', 'b');
  await db.add('gaps', { chat: BEN, after: '', afterTime: 0, before: 'a-a', beforeTime: 1000 });
  await page('catchup', 5000, 'a', 'b');
  expect((await db.getAll('gaps')).map((gap) => gap.beforeTime)).toEqual([5000]);
});

it.each([
  ['behind', 2e12],
  ['ahead of', 5],
])('how far each has read goes with its message, this device %s the archive', async (_, archive) => {
  const chat = async () => (await db.get('chats', BEN))!;
  const timeOf = async (body: string) => (await db.getAll('messages')).find((row) => row.body === body)?.time;
  await live(1000, 'a', 'b', 'mine');
  await live(1010, 'c', 'd', 'e');
  const [b, mine, c] = await Promise.all(['b', 'mine', 'c'].map(timeOf));
  await Batch.run(db, MIA, async (batch) => {
    const row = await batch.chat(BEN);
    batch.raiseReadTime(row, c!);
    row.markedTime = b!;
    await batch.peerReadUpTo(BEN, mine!);
  });
  expect((await chat()).unread).toBe(2);
  const agree = async (unread: number) => {
    const { readTime, markedTime, peerReadTime, ...row } = await chat();
    expect([readTime, markedTime, peerReadTime]).toEqual([await timeOf('c'), await timeOf('b'), await timeOf('mine')]);
    expect(row.unread).toBe(unread);
  };
  await agree(2);
  await page('catchup', archive, 'a', 'b');
  await agree(2);
  await page('catchup', archive + 2, 'mine', 'c', 'd', 'e', 'f');
  await agree(3);
});

it('what a resumed stream brings late says its time roughly: the archive puts it right', async () => {
  const late = (body: string, time: number): IncomingMessage => ({ ...message(body, time), via: 'live' });
  await page('catchup', 990, 'a');
  await take('live', [late('mine b', 1000.6), late('c', 1000.5)]);
  await page('catchup', 1000, 'mine b', 'c');
  expect(await shown()).toEqual(['a', 'mine b', 'c']);
});
