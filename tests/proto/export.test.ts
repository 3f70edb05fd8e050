// A person's own export: an address for a while, a document without what proves the password, for nobody else.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Client, filesOf, loginLegacy, page, useServer } from './harness/index.ts';

const stage = useServer();
const other = useServer();
const { request } = filesOf(stage);
const EXPORT = 'urn:confab:export:0';

const address = async (c: Client): Promise<{ url: URL; until: string }> => {
  const el = (await c.get(`<export xmlns='${EXPORT}'/>`)).at('export');
  return { url: new URL(el.need('url')), until: el.need('until') };
};

async function say(c: Client, whom: string, count: number, size = 10): Promise<void> {
  for (let i = 0; i < count; i++)
    c.sends`<message to='${whom}' type='chat' id='m${i}'><body>${`${i} `.padEnd(size, 'x')}</body></message>`;
  await page(c, { max: 0 });
}

test('all that is one’s own, in many pieces, without the password; another server makes the account of it', async () => {
  const [m, n] = await stage.accounts('mia', 'noah');
  const mia = await stage.signIn(m);
  const noah = await stage.signIn(n);
  await mia.set(`<vCard xmlns='vcard-temp'><FN>Mia</FN></vCard>`);
  await say(mia, n.jid, 300, 3000);
  await say(noah, m.jid, 3);
  const { url, until } = await address(mia);
  expect(url.pathname.endsWith(`/${m.name}.xml`)).toBe(true);
  expect(Math.abs(Date.parse(until) - Date.now() - 600_000)).toBeLessThan(60_000);
  const got = await request(url);
  expect(got.status).toBe(200);
  expect(got.headers['cache-control']).toBe('no-store');
  expect(got.headers['access-control-allow-origin']).toBeUndefined();
  expect(got.headers['content-disposition']).toMatch(/^attachment/);
  const text = got.body.toString();
  expect(text).not.toContain('scram');
  expect(text.match(/<user /g)).toHaveLength(1);
  expect(text.match(/<result /g)).toHaveLength(303);
  expect((await request(url, 'HEAD')).body.length).toBe(0);
  const file = join(stage.server.dir, 'mine.xml');
  writeFileSync(file, text);
  expect(await other.server.ctl(['import', file])).toMatch(/accounts=1 .*without-password=1 messages=303 .*refused=0/);
});

test('nobody else’s: not forged, not of another account, not after the password changed or the account went', async () => {
  const [m, n] = await stage.accounts('mia', 'noah');
  const mia = await stage.signIn(m);
  const { url } = await address(mia);
  const [, , token, name] = url.pathname.split('/') as [string, string, string, string];
  const noah = await stage.signIn(n);
  const theirs = (await address(noah)).url.pathname.split('/')[2]!;
  const mixed = `${token.split('.')[0]}.${theirs.split('.')[1]}`;
  for (const wrong of ['', 'x', mixed, `${token}x`, token.slice(0, -1), token.replace('.', ''), `${token}.${token}`])
    expect([wrong, (await request(`/export/${wrong}/${name}`)).status]).toEqual([wrong, 404]);
  expect((await request(url, 'POST', {}, 'x')).status).toBe(405);
  const denied = await noah.iq('get', `<export xmlns='${EXPORT}'/>`, m.jid);
  expect(denied.attr('type')).toBe('error');
  await stage.server.ctl(['user', 'passwd', m.jid, '--iterations', '4096'], 'another\n');
  expect((await request(url)).status).toBe(403);
  const again = await stage.connect('mia');
  await loginLegacy(again, { ...m, password: 'another' });
  const fresh = (await address(again)).url;
  expect((await request(fresh)).status).toBe(200);
  await stage.server.ctl(['user', 'delete', m.jid]);
  expect((await request(fresh)).status).toBe(403);
  expect((await request((await address(noah)).url)).status).toBe(200);
});

test('the account says that it can; who hangs up in the middle costs nothing', async () => {
  const [m, n] = await stage.accounts('mia', 'noah');
  const mia = await stage.signIn(m);
  const info = (await mia.get(`<query xmlns='http://jabber.org/protocol/disco#info'/>`, m.jid)).at('query');
  expect(info.all('feature').map((f) => f.attr('var'))).toContain(EXPORT);
  await say(mia, n.jid, 400, 8000);
  const { url } = await address(mia);
  const { raw } = filesOf(stage);
  for (let i = 0; i < 20; i++)
    await raw(`GET ${url.pathname} HTTP/1.1\r\nHost: ${stage.domain}\r\n\r\n`, (got) => got.length > 1000);
  await expect.poll(async () => (await request(url)).status).toBe(200);
  expect((await raw(`GET ${url.pathname} HTTP/1.0\r\nHost: ${stage.domain}\r\n\r\n`)).slice(0, 20)).toContain(' 400');
});
