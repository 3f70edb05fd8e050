// SIGKILL while messages come, are read and are counted: afterwards the counts are those that the archive gives, and no mark that was
// acknowledged is lost. The one that was asked for last may stand or not when its answer did not come: its commit may have been in time.
// CONFAB_ROUNDS says how often, CONFAB_SEED repeats a run.

import { randomInt } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { type Account, type Client, everything, inbox, readXml, useServer } from './harness/index.ts';

const ROUNDS = Number(process.env.CONFAB_ROUNDS ?? 3);
const SEED = Number(process.env.CONFAB_SEED ?? randomInt(1, 2 ** 31));

const stage = useServer();

/** mulberry32 */
function random(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** What an archive says about each conversation by itself, but for marks that were set by <read/>. */
async function counted(
  mia: Client,
  account: Account,
  marks: ReadonlyMap<string, string>,
): Promise<Record<string, unknown>> {
  const all = await everything(mia, { max: 200 });
  const place = new Map(all.map((a, i) => [a.id, i]));
  const found: Record<string, { id: string; unread: number }> = {};
  const mark = new Map([...marks].map(([jid, id]) => [jid, place.get(id)!]));
  const theirs = new Map<string, number>();
  all.forEach((a, i) => {
    const mine = a.message.attr('from')!.startsWith(account.jid);
    const peer = (mine ? a.message.attr('to')! : a.message.attr('from')!).replace(/\/.*/, '');
    const named = a.message.child('displayed')?.attr('id');
    if (named !== undefined && mine) {
      mark.set(peer, Math.max(mark.get(peer) ?? -1, theirs.get(`${peer} ${named}`) ?? -1));
    }
    if (!mine) theirs.set(`${peer} ${a.message.attr('id')}`, i);
    if (!a.message.child('body')) return;
    if (mine) mark.set(peer, Math.max(mark.get(peer) ?? -1, i));
    found[peer] = { id: a.id, unread: 0 };
  });
  all.forEach((a, i) => {
    const peer = a.message.attr('from')!.replace(/\/.*/, '');
    if (peer !== account.jid && a.message.child('body') && i > (mark.get(peer) ?? -1)) found[peer]!.unread++;
  });
  return found;
}

test(
  `${ROUNDS} kills, seed ${SEED}`,
  async () => {
    const rng = random(SEED);
    let sent = 0;
    let [m, ...friends]: Account[] = [];
    let marks = new Map<string, string>();
    let asked = new Map<string, string>();
    for (let round = 0; round < ROUNDS; round++) {
      if (round % 3 === 0) {
        [m, ...friends] = await stage.accounts('mia', 'p', 'p', 'p', 'p');
        for (const f of friends) await stage.befriend(m!, f);
        marks = new Map();
      }
      asked = marks;
      const mia = await stage.signIn(m!, { sm: true });
      const others = await Promise.all(friends.map((f) => stage.signIn(f, { sm: true })));
      let dead = false;
      const talk = async (c: Client, f: Account, to: string) => {
        for (let i = 0; i < 400 && !dead; i++) {
          c.sends`<message to='${to}' type='chat' id='${f.name}-${sent++}'><body>${i}</body></message>`;
          if (i % 20 === 0) await c.ping();
        }
      };
      const reads = async () => {
        for (let i = 0; !dead; i++) {
          const got = await inbox(mia);
          const entry = got.entries[Math.floor(rng() * got.entries.length)];
          if (!entry) continue;
          if (i % 3 === 0) {
            asked = new Map(marks).set(entry.jid, entry.id);
            await mia.set(readXml(entry.jid, entry.id));
            marks = asked;
          } else if (i % 3 === 1) {
            mia.sends`<message to='${entry.jid}' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='${entry.messages[0]!.attr('id') ?? ''}'/></message>`;
          } else if (rng() < 0.2) {
            mia.sends`<message to='${entry.jid}' type='chat' id='mine-${sent++}'><body>mine</body></message>`;
          }
        }
      };
      const all = [reads(), ...others.map((c, i) => talk(c, friends[i]!, m!.jid))].map((p) => p.catch(() => {}));
      const goal = sent + 300 + Math.floor(rng() * 900);
      await mia.until(() => sent >= goal, 'so many messages', ...others);
      dead = true;
      await stage.server.end('SIGKILL');
      await Promise.all(all);
      for (const c of [mia, ...others]) c.kill();
      await stage.server.launch();

      const back = await stage.signIn(m!, { resource: 'check' });
      for (let again = 0; again < 2; again++) {
        const { entries } = await inbox(back);
        const got = Object.fromEntries(entries.map((e) => [e.jid, { id: e.id, unread: e.unread }]));
        if (isDeepStrictEqual(got, await counted(back, m!, asked))) marks = asked;
        asked = marks;
        expect(got).toEqual(await counted(back, m!, marks));
      }
      await back.close();
    }
  },
  120_000 + ROUNDS * 20_000,
);
