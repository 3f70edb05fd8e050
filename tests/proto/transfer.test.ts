// Export and import (XEP-0227): everything of everybody goes into one file, and a fresh server makes the same of it; cut off in the middle, the same
// import completes it; what exists is not touched; what is no such document makes nothing.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type Account,
  bodies,
  type Client,
  eventually,
  everything,
  filesOf,
  inbox,
  NS,
  page,
  raw,
  readXml,
  sql,
  useServer,
  x,
} from './harness/index.ts';
import { create, owner, publish } from './harness/pep.ts';

const limits = { file_size: '20M', media_quota: '40M' };
const from = useServer({ limits });
const to = useServer({ limits });
const old = filesOf(from);
const young = filesOf(to);

let serial = 0;
const fresh = (): string => join(from.server.dir, `export-${++serial}.xml`);
const facts = (text: string): Record<string, number> =>
  Object.fromEntries([...text.matchAll(/([a-z-]+)=(\d+)/g)].map(([, k, v]) => [k, Number(v)]));
const importInto = async (file: string) => facts(await to.server.ctl(['import', file]));

async function exported(jid?: string, server = from.server): Promise<string> {
  const file = fresh();
  await server.ctl(['export', file, ...(jid ? [jid] : [])]);
  return file;
}

async function say(c: Client, whom: string, id: string, inner = x`<body>text ${id}</body>`): Promise<void> {
  c.sends`<message to='${whom}' type='chat' id='${id}'>${raw(inner)}</message>`;
  await page(c, { max: 0 });
}

const origin = (id: string): string => x`<body>text ${id}</body><origin-id xmlns='urn:xmpp:sid:0' id='${id}'/>`;
const told = async (c: Client) => (await everything(c)).map((a) => [a.stamp, a.message.toString()]);
/** An address is written wherever the parser of that time had it. */
const users = (file: string): string =>
  readFileSync(file, 'utf8').replace(/<message (to='[^']*') (xmlns='jabber:client')/g, '<message $2 $1');

/** Somebody with a bit of everything, who is signed in nowhere afterwards. */
async function somebody(): Promise<{ mia: Account; noah: Account; before: unknown[]; unread: number }> {
  const [m, n, z] = await from.accounts('mia', 'noah', 'zoe');
  await from.befriend(m, n);
  const mia = await from.signIn(m, { roster: true });
  const noah = await from.signIn(n, { roster: true });
  const zoe = await from.signIn(z);
  await mia.set(
    x`<query xmlns='${NS.roster}'><item jid='${n.jid}' name='N &lt;o&gt;'><group>A</group><group>B &amp; C</group></item></query>`,
  );
  await mia.set(x`<query xmlns='${NS.roster}'><item jid='far@elsewhere.example'/></query>`);
  mia.sends`<presence type='subscribed' to='early@elsewhere.example'/>`;
  zoe.sends`<presence type='subscribe' to='${m.jid}'><status>please</status></presence>`;
  await zoe.settle(mia);
  await mia.set(`<block xmlns='urn:xmpp:blocking'><item jid='bad@elsewhere.example'/></block>`);
  await mia.set(`<vCard xmlns='vcard-temp'><FN>Mia\nTwo lines</FN></vCard>`);
  await mia.set(`<query xmlns='jabber:iq:private'><notes xmlns='urn:x:notes'><n>1</n></notes></query>`);
  await mia.set(
    x`<prefs xmlns='${NS.mam}' default='always'><always/><never><jid>spam@elsewhere.example</jid></never></prefs>`,
  );
  await mia.set(create('urn:x:list', { access_model: 'whitelist', max_items: '10', title: 'A "list"' }));
  for (const id of ['a', 'b', 'c'])
    await mia.set(publish('urn:x:list', x`<item id='${id}'><t xmlns='urn:x'>&lt;${id}&gt;</t></item>`));
  await mia.set(publish('urn:x:list', x`<item id='a'><t xmlns='urn:x'>again</t></item>`));
  await mia.set(owner('affiliations', 'urn:x:list', x`<affiliation jid='${n.jid}' affiliation='member'/>`));
  await mia.set(
    publish(
      'http://jabber.org/protocol/nick',
      `<item id='current'><nick xmlns='http://jabber.org/protocol/nick'>M</nick></item>`,
    ),
  );
  for (let i = 0; i < 30; i++) await say(i % 3 ? mia : noah, i % 3 ? n.jid : m.jid, `x${i}`, origin(`x${i}`));
  await say(mia, m.jid, 'self');
  await say(mia, n.jid, 'lines', x`<body>one\ntwo\n\n  &amp; three\n</body>`);
  await say(noah, m.jid, 'u1');
  await say(noah, m.jid, 'u2');
  const third = (await everything(mia)).at(-2)!;
  await mia.set(readXml(n.jid, third.id));
  const before = await told(mia);
  const unread = (await inbox(mia)).entries.find((e) => e.jid === n.jid)!.unread;
  expect(unread).toBe(1);
  for (const c of [mia, noah, zoe]) await c.close();
  return { mia: m, noah: n, before, unread };
}

test('there and back: everything, the old password, the read marks, the same file again', async () => {
  const { mia, noah, before, unread } = await somebody();
  const file = await exported();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const done = await importInto(file);
  expect(done).toMatchObject({ 'passed-over': 0, 'without-password': 0, repeated: 0, unknown: 0, refused: 0 });
  const again = await exported(undefined, to.server);
  expect(users(again)).toBe(users(file));

  const there = await to.signIn(mia);
  expect(await told(there)).toEqual(before);
  expect((await inbox(there)).entries.find((e) => e.jid === noah.jid)!.unread).toBe(unread);
  const roster = (await there.get(`<query xmlns='${NS.roster}'/>`)).at('query').all('item');
  expect(roster.map((i) => [i.attr('jid'), i.attr('subscription')])).toContainEqual([noah.jid, 'both']);
  // It goes on as if nothing had been: the same message sent again is there once; who retracts reaches both archives.
  await say(there, noah.jid, 'x1', origin('x1'));
  await say(there, noah.jid, 'r1', x`<retract xmlns='urn:xmpp:message-retract:1' id='x2'/>`);
  const other = await to.signIn(noah);
  for (const c of [there, other]) {
    const all = bodies(await everything(c));
    expect(all.filter((b) => b === 'text x1').length).toBe(1);
    expect(all).not.toContain('text x2');
  }
});

test('cut off by a kill, the same import completes it; nobody gets in before; then it is passed over', async () => {
  const [m, n] = await from.accounts('mia', 'noah');
  const mia = await from.signIn(m);
  for (let i = 0; i < 1500; i++) mia.sends`<message to='${n.jid}' type='chat' id='m${i}'><body>${i}</body></message>`;
  await page(mia, { max: 0 });
  const file = await exported(m.jid);
  const text = readFileSync(file, 'utf8');
  // The rest of it comes to light only later: the server dies while it works on what is there.
  const cut = text.indexOf('<result', text.length / 2);
  const half = fresh();
  writeFileSync(half, text.slice(0, cut));
  await expect(to.server.ctl(['import', half])).rejects.toThrow(/ends too early/);
  const rows = () =>
    Number(
      sql(
        to.server,
        `SELECT count(*) FROM messages WHERE out_account = (SELECT id FROM accounts WHERE jid = '${m.jid}')`,
      ),
    );
  expect(rows()).toBeGreaterThan(100);
  await expect(to.signIn(m)).rejects.toThrow();
  await to.server.restart('SIGKILL');
  const dying = to.server.ctl(['import', file]).catch(() => undefined);
  while (rows() < 800) await new Promise((resolve) => setTimeout(resolve, 1));
  await to.server.restart('SIGKILL');
  await dying;
  // It may have been faster than the signal.
  const { accounts, 'passed-over': whole, refused } = await importInto(file);
  expect([accounts! + whole!, refused]).toEqual([1, 0]);
  const there = await to.signIn(m);
  expect(bodies(await everything(there))).toEqual(Array.from({ length: 1500 }, (_, i) => String(i)));
  await there.close();
  expect(await importInto(file)).toMatchObject({ accounts: 0, 'passed-over': 1, messages: 0 });
});

describe('files', () => {
  async function uploaded(c: Client, name: string, body: Buffer, type?: string) {
    const s = await old.slot(c, name, body.length, type);
    expect((await old.put(s, body, type)).status).toBe(201);
    return { s, body };
  }

  test('are there under their addresses, and whoever could delete them can; equal ones are one; the same file again', async () => {
    const [m] = await from.accounts('mia');
    const mia = await from.signIn(m);
    const [big, twin] = [randomBytes(700_001), Buffer.from('twin')];
    const all = [
      await uploaded(mia, 'big ünd <odd>.bin', big),
      await uploaded(mia, 'a.txt', twin, 'text/plain'),
      await uploaded(mia, 'b.txt', twin, 'text/plain'),
    ];
    const gone = await uploaded(mia, 'gone', Buffer.from('gone'));
    expect((await old.request(gone.s.put, 'DELETE')).status).toBe(204);
    await old.slot(mia, 'never sent', 10);
    const file = await exported(m.jid);
    expect(await importInto(file)).toMatchObject({ accounts: 1, files: 3, repeated: 0, unknown: 0, refused: 0 });
    for (const { s, body } of all) {
      const got = await young.request(s.get);
      expect([got.status, got.body.equals(body)]).toEqual([200, true]);
      expect(got.headers['content-type']).toBe((await old.request(s.get)).headers['content-type']);
    }
    await eventually(() => young.stored().length === 2);
    expect(users(await exported(m.jid, to.server))).toBe(users(file));
    for (const { s } of all) expect((await young.request(s.put, 'DELETE')).status).toBe(204);
    await eventually(() => young.stored().length === 0);

    // What one fetches oneself has them too, and not what would let its finder delete them.
    const url = new URL((await mia.get(`<export xmlns='urn:confab:export:0'/>`)).at('export').need('url'));
    const mine = (await old.request(url)).body.toString();
    expect(mine.match(/<file /g)).toHaveLength(3);
    expect(mine).not.toContain(' secret=');
    expect(readFileSync(file, 'utf8').match(/ secret=/g)).toHaveLength(3);
  });

  test('of an import that was killed are whole when it has gone on', async () => {
    const [m] = await from.accounts('mia');
    const mia = await from.signIn(m);
    const all = [];
    for (let i = 0; i < 3; i++) all.push(await uploaded(mia, `${i}`, randomBytes(9_000_000 + i)));
    const file = await exported(m.jid);
    const whole = readFileSync(file, 'utf8');
    // Cut off in the middle of the second, whose part stays; and while it works on any of them.
    const half = fresh();
    writeFileSync(half, whole.slice(0, whole.length / 2));
    await expect(to.server.ctl(['import', half])).rejects.toThrow(/ends too early/);
    await to.server.restart('SIGKILL');
    const dying = to.server.ctl(['import', file]).catch(() => undefined);
    await eventually(() => young.stored().filter((path) => !path.startsWith('open/')).length >= 2);
    await to.server.restart('SIGKILL');
    await dying;
    const { refused, unknown } = await importInto(file);
    expect([refused, unknown]).toEqual([0, 0]);
    for (const { s, body } of all) expect((await young.request(s.get)).body.equals(body)).toBe(true);
    expect(young.stored().length).toBe(3);
  });

  test('that are not what the document says are left out, and nothing of them stays', async () => {
    const [m] = await to.accounts('mia');
    const mia = await to.signIn(m);
    const taken = await young.slot(mia, 'taken', 4);
    expect((await young.put(taken, Buffer.from('mine'))).status).toBe(201);
    const before = young.stored();
    const id = () => randomBytes(16).toString('base64url');
    const hash = (text: string) => createHash('sha256').update(text).digest('base64');
    const piece = (text: string) => `<piece>${Buffer.from(text).toString('base64')}</piece>`;
    const made = (attrs: Record<string, string>, inside: string) => {
      const all = { id: id(), name: 'n', type: '', size: '4', 'sha-256': hash('good'), ...attrs };
      const text = Object.entries(all).map(([k, v]) => x` ${raw(k)}='${v}'`);
      return `<file xmlns='urn:confab:export:0'${text.join('')}>${inside}</file>`;
    };
    const good = id();
    const wrong = [
      made({ id: '../../../../etc/passwd' }, piece('good')),
      made({ id: `${'A'.repeat(20)}/x` }, piece('good')),
      made({ id: 'short' }, piece('good')),
      made({ size: '-1' }, piece('good')),
      made({ size: '99999999999999999999' }, piece('good')),
      made({ 'sha-256': 'AAAA' }, piece('good')),
      made({ name: 'n'.repeat(300) }, piece('good')),
      made({}, piece('evil')),
      made({ size: '5' }, piece('good')),
      made({ size: '3' }, piece('good')),
      made({}, '<piece>!</piece>'),
      made({}, ''),
    ];
    const file = fresh();
    writeFileSync(
      file,
      `<server-data xmlns='urn:xmpp:pie:0'><host jid='${to.domain}'><user name='odd' password='p'>${wrong.join('')}
       ${made({ id: taken.get.pathname.split('/')[2]! }, piece('good'))}
       ${made({ until: '2020-01-01T00:00:00Z' }, piece('good'))}
       ${made({ id: good }, `${piece('go')}<other xmlns='urn:x'/>${piece('od')}`)}</user></host></server-data>`,
    );
    const done = await importInto(file);
    expect(done).toMatchObject({ accounts: 1, files: 1, repeated: 1, unknown: 1, refused: wrong.length });
    expect((await young.request(`/files/${good}/n`)).body.toString()).toBe('good');
    expect((await young.request(taken.get)).body.toString()).toBe('mine');
    await eventually(() => young.stored().length === before.length + 1);
  });
});

describe('from elsewhere', () => {
  const document = (inside: string) =>
    `<?xml version='1.0' encoding='UTF-8'?>\n<server-data xmlns='urn:xmpp:pie:0'><host jid='${to.domain}'>${inside}</host></server-data>`;
  const made = (inside: string): string => {
    const file = fresh();
    writeFileSync(file, inside);
    return file;
  };
  const message = (id: string, who: string, stamp: string) =>
    `<result xmlns='urn:xmpp:mam:2' id='${id}'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='${stamp}'/><message xmlns='jabber:client' from='${who}' to='ann@${to.domain}' type='chat'><body>${id}</body></message></forwarded></result>`;

  test('a password in clear, salts of another length, several files, prefixes, equal times, offline messages', async () => {
    const dir = join(from.server.dir, 'pieces');
    mkdirSync(join(dir, to.domain), { recursive: true });
    writeFileSync(
      join(dir, 'main.xml'),
      `<server-data xmlns='urn:xmpp:pie:0' xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='host.xml'/></server-data>`,
    );
    writeFileSync(
      join(dir, 'host.xml'),
      `<?xml version='1.0'?><host xmlns='urn:xmpp:pie:0' xmlns:xi='http://www.w3.org/2001/XInclude' jid='${to.domain}'><xi:include href='${to.domain}/%61nn.xml'/></host>`,
    );
    writeFileSync(
      join(dir, to.domain, 'ann.xml'),
      `<p:user xmlns:p='urn:xmpp:pie:0' name='Ann' password='open sesame'><something xmlns='urn:x:unknown'><a/></something>
       <p:archive xmlns:p='urn:xmpp:pie:0#mam'>${['1', '2', '3'].map((i) => message(i, 'bob@elsewhere.example/x', '2020-01-01T00:00:00Z')).join('\n')}</p:archive>
       <p:offline-messages><message xmlns='jabber:client' from='bob@elsewhere.example/x' to='ann@${to.domain}' type='chat'><body>late</body></message></p:offline-messages></p:user>`,
    );
    const done = await importInto(join(dir, 'main.xml'));
    expect(done).toMatchObject({ accounts: 1, messages: 4, unknown: 1, refused: 0, 'without-password': 0 });
    const ann = await to.signIn({ name: 'ann', jid: `ann@${to.domain}`, password: 'open sesame' }, { presence: true });
    expect((await ann.pick(x`<message type='chat'><body>late</body></message>`)).child('body')!.text).toBe('late');
    expect(bodies(await everything(ann))).toEqual(['1', '2', '3']);
    expect((await inbox(ann)).entries[0]!.unread).toBe(0);
  });

  test('SCRAM credentials with a long salt', async () => {
    // RFC 5802's way, with a salt of 36 bytes: what Prosody writes.
    const { createHash, createHmac, pbkdf2Sync } = await import('node:crypto');
    const salt = Buffer.from('0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0');
    const salted = pbkdf2Sync('pencil', salt, 4096, 20, 'sha1');
    const key = (text: string) => createHmac('sha1', salted).update(text).digest();
    const stored = createHash('sha1').update(key('Client Key')).digest('base64');
    const file = made(
      document(
        `<user name='paul'><scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='SCRAM-SHA-1'><iter-count>4096</iter-count><salt>${salt.toString('base64')}</salt><server-key>${key('Server Key').toString('base64')}</server-key><stored-key>${stored}</stored-key></scram-credentials></user>`,
      ),
    );
    expect(await importInto(file)).toMatchObject({ accounts: 1, refused: 0 });
    const paul = { name: 'paul', jid: `paul@${to.domain}`, password: 'pencil' };
    await to.signInModern(paul, { mechanism: 'SCRAM-SHA-1' });
  });

  test.each([
    ['a DTD', `<!DOCTYPE x [<!ENTITY a 'b'>]><server-data xmlns='urn:xmpp:pie:0'/>`],
    [
      'an inclusion from above',
      `<server-data xmlns='urn:xmpp:pie:0'><include xmlns='http://www.w3.org/2001/XInclude' href='../confab.ini'/></server-data>`,
    ],
    [
      'an inclusion from the root',
      `<server-data xmlns='urn:xmpp:pie:0'><include xmlns='http://www.w3.org/2001/XInclude' href='/etc/passwd'/></server-data>`,
    ],
    ['a wrong end', `<server-data xmlns='urn:xmpp:pie:0'><host jid='h'></server-data></host>`],
    ['text', `hello`],
    ['nothing', ``],
    ['bytes that are no text', `<server-data xmlns='urn:xmpp:pie:0'><host jid='\x01'></host></server-data>`],
  ])('%s is refused, and makes nothing', async (_, text) => {
    const count = () => sql(to.server, 'SELECT count(*) FROM accounts');
    const before = count();
    await expect(to.server.ctl(['import', made(text)])).rejects.toThrow();
    expect(count()).toBe(before);
    to.server.checkAlive();
  });

  test('what is wrong inside is left out and counted; another host’s people are passed over', async () => {
    const [ann] = await to.accounts('known');
    const file = made(
      document(
        `<user name='known${ann.name.slice(5)}' password='other'/><user name='b d'/><user name='carl' password='x'><query xmlns='jabber:iq:roster'><item jid='@'/><item jid='ok@elsewhere.example' subscription='both'/></query>${'<archive xmlns="urn:xmpp:pie:0#mam">'}${message('1', '@', '2020-01-01T00:00:00Z')}${message('2', 'bob@elsewhere.example', 'yesterday')}${message('3', 'bob@elsewhere.example', '2999-01-01T00:00:00Z')}</archive></user>`,
      ).replace('<host', `<host jid='elsewhere.example'><user name='eve' password='e'/></host><host`),
    );
    const done = await importInto(file);
    expect(done).toMatchObject({ accounts: 1, 'passed-over': 1, messages: 1, refused: 5 });
    await to.signIn(ann);
    const carl = await to.signIn({ name: 'carl', jid: `carl@${to.domain}`, password: 'x' });
    expect(Date.parse((await everything(carl))[0]!.stamp)).toBeLessThanOrEqual(Date.now());
  });
});

test('who does not exist has nothing to export; a file that is there stays', async () => {
  const file = fresh();
  await expect(from.server.ctl(['export', file, from.nobody()])).rejects.toThrow(/no such account/);
  expect(existsSync(file)).toBe(false);
  writeFileSync(file, 'mine');
  await expect(from.server.ctl(['export', file])).rejects.toThrow(/exists/);
  expect(readFileSync(file, 'utf8')).toBe('mine');
});
