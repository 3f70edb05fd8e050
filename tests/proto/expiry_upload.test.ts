// Limits of uploads by time, rate, type and age: a server that grants little.

import { existsSync, readdirSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Client, eventually, inTime, useServer, x } from './harness/index.ts';

const UPLOAD = 'urn:xmpp:http:upload:0';
const PURPOSE = 'urn:xmpp:http:upload:purpose:0';
const SLOT_MS = 2000;
const stage = useServer({
  media: { types: 'image/* text/plain', public_url: 'https://cdn.example/media/' },
  limits: { slot_time: `${SLOT_MS / 1000}s`, file_age: '3s', slots_per_hour: '3', profile_size: '100', rates: 'yes' },
});

const ask = (c: Client, type: string, size = 3, inner = '') =>
  c.iq(
    'get',
    `${x`<request xmlns='${UPLOAD}' filename='a' size='${String(size)}' content-type='${type}'`}>${inner}</request>`,
    stage.domain,
  );

function request(
  path: string,
  method: string,
  body = '',
  more: Record<string, string> = {},
): Promise<{ status: number; caching: string }> {
  return new Promise((resolve, reject) => {
    const headers = { Host: stage.domain, 'Content-Length': body.length, ...more };
    const common = { host: '127.0.0.1', port: stage.ports.https, servername: stage.domain, rejectUnauthorized: false };
    const req = https.request({ ...common, path, method, headers, agent: false }, (res) => {
      res.resume();
      res.on('end', () => resolve({ status: res.statusCode!, caching: res.headers['cache-control']! }));
    });
    req.on('error', reject);
    req.end(body);
  });
}

const patch = async (path: string, body: string) =>
  (await request(path, 'PATCH', body, { 'Content-Type': 'application/partial-upload', 'Upload-Offset': '0' })).status;

async function slot(c: Client, inner = ''): Promise<{ put: string; get: string }> {
  const el = (await ask(c, 'text/plain', 3, inner)).at('slot');
  const get = el.at('get').need('url');
  expect(get).toMatch(/^https:\/\/cdn\.example\/media\/files\//);
  return { put: new URL(el.at('put').need('url')).pathname, get: new URL(get).pathname.replace('/media/', '/') };
}

function stored(id: string): boolean {
  const files = join(stage.server.dir, 'data', 'files');
  return readdirSync(files).some((folder) => existsSync(join(files, folder, id)));
}

test('types that are not taken', async () => {
  const [alice] = await stage.cast('alice');
  await alice.fails(await ask(alice, 'video/mp4'), 'cancel', 'not-allowed');
  await alice.fails(await ask(alice, 'imagex/png'), 'cancel', 'not-allowed');
  expect((await ask(alice, 'Image/PNG')).attr('type')).toBe('result');
});

test('so many an hour', async () => {
  const [alice] = await stage.cast('alice');
  for (let i = 0; i < 3; i++) {
    const s = await slot(alice);
    expect((await request(s.put, 'DELETE')).status).toBe(204);
  }
  const refused = await ask(alice, 'text/plain');
  await alice.fails(refused, 'wait', 'resource-constraint');
  expect(refused.at('error').child('retry', UPLOAD)).toBeDefined();
});

test('a slot that is not used goes, with what it holds', async () => {
  const [s, id] = await inTime(SLOT_MS, async () => {
    const [alice] = await stage.cast('alice');
    const s = await slot(alice);
    const id = s.get.split('/')[2]!;
    expect(await patch(s.put, 'ab')).toBe(204);
    expect(stored(id)).toBe(true);
    return [s, id] as const;
  });
  await eventually(() => !stored(id));
  expect((await request(s.put, 'HEAD')).status).toBe(404);
});

test('files go by age, those of a profile do not, and ephemeral ones earlier', async () => {
  const { old, profile, ephemeral, soon } = await inTime(SLOT_MS, async () => {
    const [alice] = await stage.cast('alice');
    const soon = new Date(Date.now() + 3000).toISOString();
    const old = await slot(alice);
    const profile = await slot(alice, `<profile xmlns='${PURPOSE}'/>`);
    const ephemeral = await slot(alice, x`<ephemeral xmlns='${PURPOSE}' expire-before='${soon}'/>`);
    for (const s of [old, profile, ephemeral]) expect((await request(s.put, 'PUT', 'abc')).status).toBe(201);
    expect((await request(profile.get, 'GET')).caching).toBe('public, max-age=31536000, immutable');
    expect(Number(/max-age=(\d+)/.exec((await request(old.get, 'GET')).caching)![1])).toBeLessThanOrEqual(3);
    return { old, profile, ephemeral, soon };
  });
  await eventually(async () => (await request(ephemeral.get, 'GET')).status === 404);
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(soon));
  await eventually(async () => (await request(old.get, 'GET')).status === 404);
  expect((await request(profile.get, 'GET')).status).toBe(200);
});

test('what a profile may be large', async () => {
  const [alice] = await stage.cast('alice');
  const refused = await ask(alice, 'image/png', 101, `<profile xmlns='${PURPOSE}'/>`);
  await alice.fails(refused, 'modify', 'not-acceptable');
  expect(refused.at('error').child('file-too-large', UPLOAD)!.at('max-file-size').text).toBe('100');
});
