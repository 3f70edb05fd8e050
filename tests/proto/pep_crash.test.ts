// SIGKILL while items are published, replaced and retracted: what was acknowledged stands afterwards, and a node's sums are those of its items.
// CONFAB_ROUNDS says how often.

import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { sql, useServer } from './harness/index.ts';
import { create, gets, item, items, publish, retract } from './harness/pep.ts';

const ROUNDS = Number(process.env.CONFAB_ROUNDS ?? 3);
const stage = useServer({ limits: { rates: 'no' } });

test(`${ROUNDS} kills`, async () => {
  const [a] = await stage.accounts('alice');
  /** What stands for sure, and what the last request before the kill may have made of it. */
  const sure = new Map<string, string>();
  let count = 0;
  await (await stage.signIn(a)).set(create('n', { max_items: 'max' }));
  for (let round = 0; round < ROUNDS; round++) {
    const alice = await stage.signIn(a);
    let dead = false;
    let open: [string, string | undefined] = ['', undefined];
    const busy = (async () => {
      while (!dead) {
        const id = `i${randomInt(40)}`;
        const text = sure.has(id) && randomInt(3) === 0 ? undefined : `${count++}`;
        open = [id, text];
        const answer = await alice.iq('set', text === undefined ? retract('n', [id]) : publish('n', item(id, text)));
        expect(answer.attr('type')).toBe('result');
        if (text === undefined) sure.delete(id);
        else sure.set(id, text);
        open = ['', undefined];
      }
    })().catch(() => {});
    const goal = count + 50 + randomInt(200);
    await expect.poll(() => count, { timeout: 30_000, interval: 1 }).toBeGreaterThan(goal);
    await stage.server.end('SIGKILL');
    dead = true;
    await busy;
    await stage.server.launch();
    const again = await stage.signIn(a);
    const text = await gets(again, items('n'));
    const now = new Map(text ? text.split(' ').map((i) => i.split('=') as [string, string]) : []);
    const [id, may] = open;
    if (id && now.get(id) === may) {
      if (may === undefined) sure.delete(id);
      else sure.set(id, may);
    }
    expect(Object.fromEntries(now)).toEqual(Object.fromEntries(sure));
    const node = `(SELECT id FROM accounts WHERE jid = '${a.jid}')`;
    const sums = `SELECT n.count || ' ' || n.bytes FROM nodes n WHERE n.account = ${node};`;
    const real = `SELECT count(*) || ' ' || coalesce(sum(length(i.xml)), 0) FROM items i JOIN nodes n ON n.id = i.node WHERE n.account = ${node};`;
    expect(sql(stage.server, sums)).toBe(sql(stage.server, real));
  }
});
