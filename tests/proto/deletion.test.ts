// The end of an account: whatever it had goes, its contacts learn of it, nobody gets in, nobody else loses anything; and a kill in the middle only
// delays that.

import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fast, getToken } from './harness/fast.ts';
import {
  type Account,
  bodies,
  type Client,
  everything,
  filesOf,
  inbox,
  NS,
  page,
  raw,
  sql,
  useServer,
  x,
} from './harness/index.ts';
import { negotiate } from './harness/login.ts';
import { create, owner, publish } from './harness/pep.ts';
import { eventually } from './harness/time.ts';

const stage = useServer();
const { slot, request, put } = filesOf(stage);
const AGENT = '11111111-2222-4333-8444-555555555555';
const ctl = (...args: string[]) => stage.server.ctl(args);

/** Every table with a column `account`, and what else names one: nothing is forgotten when there is a new one. */
function left(number: string): Record<string, number> {
  const tables = sql(
    stage.server,
    "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'account'",
  )
    .trim()
    .split('\n');
  expect(tables.length).toBeGreaterThan(10);
  const questions = [
    ...tables.map((t) => `SELECT '${t}', count(*) FROM ${t} WHERE account = ${number}`),
    `SELECT 'out', count(*) FROM messages WHERE out_account = ${number}`,
    `SELECT 'in', count(*) FROM messages WHERE in_account = ${number}`,
    `SELECT 'items', count(*) FROM items WHERE node NOT IN (SELECT id FROM nodes)`,
    `SELECT 'people', count(*) FROM node_people WHERE node NOT IN (SELECT id FROM nodes)`,
    `SELECT 'keys', count(*) FROM accounts WHERE id = ${number} AND (deleted <> 1 OR sha1_keys IS NOT NULL OR sha256_keys IS NOT NULL)`,
    `SELECT 'owed', count(*) FROM owed`,
  ];
  const rows = sql(stage.server, questions.join(' UNION ALL ')).trim().split('\n');
  return Object.fromEntries(
    rows
      .map((r) => r.split('|'))
      .filter(([, n]) => n !== '0')
      .map(([t, n]) => [t, Number(n)]),
  );
}

interface Cast {
  mia: Account;
  noah: Account;
  zoe: Account;
  number: string;
  token: string;
  files: URL[];
  noahHas: string[];
}

async function cast(): Promise<Cast> {
  const [mia, noah, zoe] = await stage.accounts('mia', 'noah', 'zoe');
  await stage.befriend(mia, noah);
  const modern = await stage.connect('mia');
  await negotiate(modern);
  const token = await getToken(modern, mia, AGENT);
  const m = await stage.signIn(mia, { roster: true });
  const n = await stage.signIn(noah, { roster: true });
  m.sends`<presence type='subscribe' to='${zoe.jid}'/>`;
  await m.set(`<block xmlns='urn:xmpp:blocking'><item jid='bad@elsewhere.example'/></block>`);
  await m.set(`<vCard xmlns='vcard-temp'><FN>Mia</FN></vCard>`);
  await m.set(`<query xmlns='jabber:iq:private'><notes xmlns='urn:x:notes'/></query>`);
  await m.set(
    x`<prefs xmlns='${NS.mam}' default='always'><always/><never><jid>spam@elsewhere.example</jid></never></prefs>`,
  );
  await m.set(create('urn:x:list', { access_model: 'open', max_items: '500' }));
  for (let i = 0; i < 250; i++)
    m.send(`<iq type='set' id='p${i}'>${publish('urn:x:list', x`<item id='${i}'><t xmlns='urn:x'/></item>`)}</iq>`);
  await m.set(owner('affiliations', 'urn:x:list', x`<affiliation jid='${noah.jid}' affiliation='member'/>`));
  const files: URL[] = [];
  for (let i = 0; i < 3; i++) {
    const s = await slot(m, `f${i}`, 1000);
    expect((await put(s, randomBytes(1000))).status).toBe(201);
    files.push(s.get);
  }
  for (let i = 0; i < 600; i++)
    m.sends`<message to='${noah.jid}' type='chat' id='m${i}'><body>zanzibar ${i}</body><origin-id xmlns='urn:xmpp:sid:0' id='m${i}'/>${raw(i % 9 ? '' : "<replace xmlns='urn:xmpp:message-correct:0' id='m1'/>")}</message>`;
  await page(m, { max: 0 });
  n.sends`<message to='${mia.jid}' type='chat' id='b'><body>back</body></message>`;
  await page(n, { max: 0 });
  await inbox(m);
  const noahHas = bodies(await everything(n));
  const number = sql(stage.server, `SELECT id FROM accounts WHERE jid = '${mia.jid}'`).trim();
  for (const c of [modern, m, n]) await c.close();
  return { mia, noah, zoe, number, token, files, noahHas };
}

async function allGone(c: Cast): Promise<void> {
  await expect.poll(() => left(c.number), { timeout: 20_000 }).toEqual({});
  await expect(stage.signIn(c.mia)).rejects.toThrow();
  const again = await stage.connect('mia');
  await negotiate(again);
  expect((await fast(again, c.mia, c.token, { agentId: AGENT })).name).toBe('failure');
  const noah = await stage.signIn(c.noah, { roster: true, presence: true });
  const item = (await noah.get(`<query xmlns='${NS.roster}'/>`)).at('query').child('item');
  expect(item?.attr('subscription') ?? 'none').toBe('none');
  expect(bodies(await everything(noah))).toEqual(c.noahHas);
  const zoe = await stage.signIn(c.zoe, { roster: true, presence: true });
  await zoe.ping();
  expect(zoe.history.some((el) => el.attr('type') === 'subscribe')).toBe(false);
  for (const f of c.files) expect((await request(f)).status).toBe(404);
  const open = () =>
    readdirSync(join(stage.server.dir, 'data', 'files'), { recursive: true, withFileTypes: true }).filter((e) =>
      e.isFile(),
    );
  await eventually(() => open().length === 0);
  const found = async (who: Client) =>
    (await page(who, { max: 5, fields: { '{urn:xmpp:fulltext:0}fulltext': 'zanzibar' } })).results.length;
  expect(await found(noah)).toBe(5);
  const nobody = await zoe.iq(
    'get',
    `<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:x:list'/></pubsub>`,
    c.mia.jid,
  );
  expect(nobody.attr('type')).toBe('error');
  for (const who of [noah, zoe]) await who.close();
}

describe('by the admin', () => {
  test('all of it goes', async () => {
    const c = await cast();
    const here = await stage.signInModern(c.mia);
    await ctl('user', 'delete', c.mia.jid);
    await here.expectStreamError('not-authorized');
    await allGone(c);
  });

  test.each([0, 1, 2, 3, 4, 5])('killed in the middle (%i): all of it goes, or had not begun to', async (round) => {
    const c = await cast();
    const asked = ctl('user', 'delete', c.mia.jid).then(
      () => true,
      () => false,
    );
    const deleted = () => Number(sql(stage.server, `SELECT deleted FROM accounts WHERE id = ${c.number}`));
    const rows = () => Number(sql(stage.server, `SELECT count(*) FROM archive_rows WHERE account = ${c.number}`));
    if (round === 1) await eventually(() => deleted() > 0);
    if (round === 2) await asked;
    if (round > 2) await eventually(() => deleted() === 1 || rows() < 600 - 150 * (round - 2));
    await stage.server.restart('SIGKILL');
    const done = await asked;
    if (deleted() === 0) {
      expect(done).toBe(false);
      const mia = await stage.signIn(c.mia);
      expect((await everything(mia)).length).toBe(601);
      await mia.close();
      await ctl('user', 'delete', c.mia.jid);
    }
    await allGone(c);
  });
});

test('what it said last and what still comes to it leaves nothing behind', async () => {
  const [m, n] = await stage.accounts('mia', 'noah');
  await stage.befriend(m, n);
  const mia = await stage.signIn(m, { sm: true });
  const noah = await stage.signIn(n, { presence: true });
  const number = sql(stage.server, `SELECT id FROM accounts WHERE jid = '${m.jid}'`).trim();
  let going = true;
  const talk = (async () => {
    for (let i = 0; going; i++) {
      noah.sends`<message to='${m.jid}' type='chat' id='n${i}'><body>${i}</body></message>`;
      if (i % 20 === 0) await noah.ping();
    }
  })();
  for (let i = 0; i < 300; i++) mia.sends`<message to='${n.jid}' type='chat' id='m${i}'><body>${i}</body></message>`;
  await ctl('user', 'delete', m.jid);
  going = false;
  await talk;
  await noah.ping();
  await expect.poll(() => left(number), { timeout: 20_000 }).toEqual({});
});
