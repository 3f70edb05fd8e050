// A login of somebody with very many contacts who all have nodes, half of them away: questions to the store are bounded by batches.

import { expect, test } from 'vitest';
import { type Client, sql, useServer } from './harness/index.ts';
import { event, item, publish, wants } from './harness/pep.ts';

const CONTACTS = 500;
const HERE = Number(process.env.CONFAB_PEP_HERE ?? 50); // of them; 250 takes longer and shows the same
const NODES = 6;
const stage = useServer({ limits: { rates: 'no', idle_accounts_time: '1s' } });

/** Jobs that read, as `confabctl stats` counts them. */
async function reads(): Promise<number> {
  const text = await stage.server.ctl(['stats']);
  return Number(/ reads=(\d+)/.exec(String(text))![1]);
}

test('a login with 500 contacts, each with six nodes', async () => {
  const names = Array.from({ length: CONTACTS }, (_, i) => `c${i}`);
  const [me, ...contacts] = await stage.accounts('me', ...names);
  const id = (jid: string) => `(SELECT id FROM accounts WHERE jid = '${jid}')`;
  // Everybody sees everybody: 19 is listed, to and from.
  const script = ['BEGIN;'];
  for (const c of contacts) {
    script.push(`INSERT INTO roster SELECT ${id(me!.jid)}, '${c.jid}', '', '', 19;`);
    script.push(`INSERT INTO roster SELECT ${id(c.jid)}, '${me!.jid}', '', '', 19;`);
    for (let n = 0; n < NODES; n++) {
      script.push(
        `INSERT INTO nodes (account, name, access, publish, last, message, flags, max_items, payload_max, group_names, title, description, type, newest, count, bytes) SELECT ${id(c.jid)}, 'urn:n:${n}', 1, 0, 2, 0, 63, 1, 0, '', '', '', '', 1, 1, 20;`,
        "INSERT INTO items (node, sequence, name, published_us, xml) VALUES (last_insert_rowid(), 1, 'i', 5, '<thing xmlns=''urn:x''/>');",
      );
    }
  }
  script.push('COMMIT;');
  sql(stage.server, script.join('\n'));
  const here: Client[] = [];
  for (const c of contacts.slice(0, HERE)) here.push(await stage.signIn(c, { presence: true }));

  const client = await stage.signIn(me!, { roster: true });
  const before = await reads();
  await wants(client, 'urn:n:0', 'urn:n:2', 'urn:n:4');
  const got = new Set<string>();
  let gone = 0;
  await client.until(() => {
    for (const i of client.inbox.splice(0)) {
      if (i.kind !== 'element') continue;
      const node = i.el.child('event')?.elements()[0]?.attr('node');
      if (node) got.add(`${i.el.attr('from')} ${node}`);
      if (i.el.name === 'presence' && i.el.attr('type') === 'unavailable') gone++;
    }
    return got.size >= CONTACTS * 3;
  }, 'the last items of everybody');
  await expect.poll(reads).toBeGreaterThan(before);
  const asked = (await reads()) - before;
  console.log(`reads for one login: ${asked}`);
  expect(got.size).toBe(CONTACTS * 3);
  expect(gone + here.length).toBeGreaterThan(0);
  // 8 batches of owners, each with a batch of nodes or three; a probe for each shard.
  expect(asked).toBeLessThanOrEqual(40);
  // And one of them who publishes asks the store for nothing but that.
  await here[0]!.set(publish('urn:n:0', item('i', 'new')));
  expect(await event(client, contacts[0]!.jid, 'urn:n:0')).toBe('i=new');
});
