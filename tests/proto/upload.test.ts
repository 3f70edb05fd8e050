// Files by HTTP (XEP-0363): slots, uploads that break and go on, downloads with ranges, and what strangers try.

import { createHash, randomBytes } from 'node:crypto';
import { symlinkSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type Client,
  eventually,
  filesOf,
  NS,
  PURPOSE,
  type Slot,
  slotXml,
  sql,
  UPLOAD,
  useServer,
} from './harness/index.ts';

const stage = useServer({ limits: { file_size: '3M', media_quota: '8M', slot_time: '1h' } });
const { slot, request, put, patch, raw, broken, sizeOnDisk, offset, files, stored } = filesOf(stage);

describe('slots', () => {
  test('are discovered with the largest size', async () => {
    const [alice] = await stage.cast('alice');
    const query = (await alice.get(`<query xmlns='${NS.info}'/>`, stage.domain)).at('query');
    const vars = query.all('feature').map((f) => f.need('var'));
    expect(vars).toContain(UPLOAD);
    expect(vars).toContain(`${PURPOSE}#message`);
    const form = query.all('x', NS.data).find((f) => f.all('field').some((g) => g.child('value')?.text === UPLOAD))!;
    const max = form.all('field').find((f) => f.attr('var') === 'max-file-size')!;
    expect(max.at('value').text).toBe(String(3 * 1024 * 1024));
  });

  test('are two addresses with different secrets, https, names percent-encoded', async () => {
    const [alice] = await stage.cast('alice');
    const s = await slot(alice, 'très cool #1?.jpg', 5, 'image/jpeg');
    expect(s.put.protocol).toBe('https:');
    expect(s.put.host).toBe(`${stage.domain}:${stage.ports.https}`);
    expect(s.put.pathname).toMatch(/^\/upload\/[\w-]{22}\/tr%C3%A8s%20cool%20%231%3F\.jpg$/);
    expect(s.get.pathname).toMatch(/^\/files\/[\w-]{22}\/tr%C3%A8s%20cool%20%231%3F\.jpg$/);
    expect(s.get.pathname.split('/')[2]).not.toBe(s.put.pathname.split('/')[2]);
  });

  test('are refused when the file is too large', async () => {
    const [alice] = await stage.cast('alice');
    const a = await alice.iq('get', slotXml('a', 3 * 1024 * 1024 + 1), stage.domain);
    await alice.fails(a, 'modify', 'not-acceptable');
    expect(a.at('error').child('file-too-large', UPLOAD)!.at('max-file-size').text).toBe(String(3 * 1024 * 1024));
  });

  test('are refused over the quota, with the time to try again', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    for (let i = 0; i < 2; i++) await slot(alice, 'a', 3 * 1024 * 1024);
    const a = await alice.iq('get', slotXml('a', 3 * 1024 * 1024), stage.domain);
    await alice.fails(a, 'wait', 'resource-constraint');
    const stamp = Date.parse(a.at('error').child('retry', UPLOAD)!.need('stamp'));
    expect(stamp).toBeGreaterThan(Date.now());
    expect(stamp).toBeLessThan(Date.now() + 3_700_000);
    await slot(bob, 'a', 3 * 1024 * 1024);
  });

  test.each([
    ['', '5'],
    ['a', ''],
    ['a', '-1'],
    ['a', '1e3'],
    ['a', '99999999999999999999'],
    ['n'.repeat(256), '5'],
  ])('of "%s" with %s bytes are refused', async (name, size) => {
    const [alice] = await stage.cast('alice');
    await alice.fails(await alice.iq('get', slotXml(name, size), stage.domain), 'modify', 'bad-request');
  });

  test('for a purpose that is not served are refused', async () => {
    const [alice] = await stage.cast('alice');
    const a = await alice.iq('get', slotXml('a', 1, undefined, `<permanent xmlns='${PURPOSE}'/>`), stage.domain);
    await alice.fails(a, 'cancel', 'not-allowed');
  });
});

describe.each([true, false])('a file, https: %s', (secure) => {
  test('goes up and comes down', async () => {
    const [alice] = await stage.cast('alice');
    const body = randomBytes(700_001);
    const s = await slot(alice, 'picture.png', body.length, 'image/png');
    expect((await request(s.get, 'GET', {}, undefined, secure)).status).toBe(404);
    expect((await put(s, body, 'image/png', secure)).status).toBe(201);
    const a = await request(s.get, 'GET', {}, undefined, secure);
    expect(a.status).toBe(200);
    expect(a.body.equals(body)).toBe(true);
    expect(a.headers).toMatchObject({
      'content-type': 'image/png',
      'content-length': String(body.length),
      'accept-ranges': 'bytes',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      'access-control-allow-origin': '*',
      'content-disposition': `inline; filename="picture.png"; filename*=UTF-8''picture.png`,
    });
    expect(a.headers['content-security-policy']).toContain('sandbox');
    expect(a.headers.etag).toMatch(/^"[\w-]+"$/);
    expect(a.headers['set-cookie']).toBeUndefined();
  });

  test('of no bytes is one, too', async () => {
    const [alice] = await stage.cast('alice');
    const s = await slot(alice, 'empty', 0);
    expect((await put(s, Buffer.alloc(0), undefined, secure)).status).toBe(201);
    const a = await request(s.get, 'GET', {}, undefined, secure);
    expect([a.status, a.body.length]).toEqual([200, 0]);
    expect((await request(s.get, 'GET', { Range: 'bytes=0-' }, undefined, secure)).status).toBe(416);
  });
});

describe('PUT', () => {
  test('of another length is refused', async () => {
    const [alice] = await stage.cast('alice');
    const s = await slot(alice, 'a', 10);
    expect((await put(s, Buffer.alloc(11))).status).toBe(413);
    expect((await put(s, Buffer.alloc(9))).status).toBe(400);
    expect((await request(s.put, 'PUT', { 'Transfer-Encoding': 'chunked' }, Buffer.alloc(10))).status).toBe(411);
    const none = await raw(`PUT ${s.put.pathname} HTTP/1.1\r\nHost: ${stage.domain}\r\nConnection: close\r\n\r\n`);
    expect(none).toMatch(/^HTTP\/1\.1 411 /);
    expect((await put(s, Buffer.alloc(10))).status).toBe(201);
  });

  test('of another type than the slot is refused', async () => {
    const [alice] = await stage.cast('alice');
    const s = await slot(alice, 'a.png', 3, 'image/png');
    expect((await put(s, Buffer.from('abc'), 'text/html')).status).toBe(415);
    expect((await put(s, Buffer.from('abc'), 'Image/PNG; x=y')).status).toBe(201);
  });

  test('to an address that is none, or is used up, is refused', async () => {
    const [alice] = await stage.cast('alice');
    const s = await slot(alice, 'a', 3);
    const wrong = new URL(s.put);
    wrong.pathname = `/upload/${'A'.repeat(22)}/a`;
    expect((await put({ ...s, put: wrong }, Buffer.from('abc'))).status).toBe(404);
    wrong.pathname = s.get.pathname.replace('/files/', '/upload/');
    expect((await put({ ...s, put: wrong }, Buffer.from('abc'))).status).toBe(404);
    expect((await put(s, Buffer.from('abc'))).status).toBe(201);
    const again = await put(s, Buffer.from('xyz'));
    expect(again.status).toBe(409);
    expect((await request(s.get)).body.toString()).toBe('abc');
    wrong.pathname = s.put.pathname.replace('/upload/', '/files/');
    expect((await request(wrong)).status).toBe(404);
  });

  test('waits for 100-continue only when it will be taken', async () => {
    const [alice] = await stage.cast('alice');
    const s = await slot(alice, 'a', 3);
    const head = (length: number) =>
      `PUT ${s.put.pathname} HTTP/1.1\r\nHost: ${stage.domain}\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
    expect(await raw(head(4))).toMatch(/^HTTP\/1\.1 413 /);
    expect(await raw(head(3), (got) => got.endsWith('\r\n\r\n'))).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  });

  test('and what is pipelined behind it are answered in order', async () => {
    const [alice] = await stage.cast('alice');
    const s = await slot(alice, 'a', 3);
    const got = await raw(
      `PUT ${s.put.pathname} HTTP/1.1\r\nHost: ${stage.domain}\r\nContent-Length: 3\r\n\r\nabc` +
        `GET ${s.get.pathname} HTTP/1.1\r\nHost: ${stage.domain}\r\nConnection: close\r\n\r\n`,
    );
    expect(got.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 200']);
    expect(got).toMatch(/\r\n\r\nabc$/);
  });

  test('that is broken off leaves nothing that can be fetched, and begins anew', async () => {
    const [alice] = await stage.cast('alice');
    const body = randomBytes(200_000);
    const s = await slot(alice, 'a', body.length);
    const head = `PUT ${s.put.pathname} HTTP/1.1\r\nHost: ${stage.domain}\r\nContent-Length: ${body.length}\r\n\r\n`;
    await broken(s, head, body.subarray(0, 150_000), 150_000);
    expect((await request(s.get)).status).toBe(404);
    expect((await put(s, body)).status).toBe(201);
    expect((await request(s.get)).body.equals(body)).toBe(true);
  });

  test('on a full disk is refused with 507', async () => {
    const [alice] = await stage.cast('alice');
    const s = await slot(alice, 'a', 3);
    const name = s.get.pathname.split('/')[2]!;
    symlinkSync('/dev/full', join(files(), 'open', name));
    expect((await put(s, Buffer.from('abc'))).status).toBe(507);
    expect((await request(s.get)).status).toBe(404);
  });
});

describe('PATCH', () => {
  test('goes on where a PUT broke off', async () => {
    const [alice] = await stage.cast('alice');
    const body = randomBytes(900_000);
    const s = await slot(alice, 'a', body.length);
    const head = `PUT ${s.put.pathname} HTTP/1.1\r\nHost: ${stage.domain}\r\nContent-Length: ${body.length}\r\n\r\n`;
    await broken(s, head, body.subarray(0, 400_000), 400_000);
    const state = await request(s.put, 'HEAD');
    expect(state.headers).toMatchObject({
      'upload-offset': '400000',
      'upload-length': '900000',
      'upload-complete': '?0',
      'cache-control': 'no-store',
    });
    const part = await patch(s, 400_000, body.subarray(400_000, 600_000));
    expect([part.status, part.headers['upload-offset'], part.headers['upload-complete']]).toEqual([
      204,
      '600000',
      '?0',
    ]);
    const last = await patch(s, 600_000, body.subarray(600_000));
    expect([last.status, last.headers['upload-offset'], last.headers['upload-complete']]).toEqual([
      201,
      '900000',
      '?1',
    ]);
    expect((await request(s.get)).body.equals(body)).toBe(true);
    const after = await request(s.put, 'HEAD');
    expect([after.headers['upload-offset'], after.headers['upload-complete']]).toEqual(['900000', '?1']);
    const sum = createHash('sha256').update(body).digest('hex').toUpperCase();
    expect(sql(stage.server, `SELECT slots FROM blobs WHERE hash = x'${sum}';`).trim()).toBe('1');
  });

  test('that breaks keeps what came, also over a restart', async () => {
    const [alice] = await stage.cast('alice');
    const body = randomBytes(300_000);
    const s = await slot(alice, 'a', body.length);
    const head =
      `PATCH ${s.put.pathname} HTTP/1.1\r\nHost: ${stage.domain}\r\nContent-Type: application/partial-upload\r\n` +
      `Upload-Offset: 0\r\nContent-Length: ${body.length}\r\n\r\n`;
    await broken(s, head, body.subarray(0, 100_000), 100_000);
    await stage.server.restart();
    expect(await offset(s)).toBe(100_000);
    expect((await patch(s, 100_000, body.subarray(100_000))).status).toBe(201);
    expect((await request(s.get)).body.equals(body)).toBe(true);
  });

  test('at another offset is refused with the right one', async () => {
    const [alice] = await stage.cast('alice');
    const s = await slot(alice, 'a', 10);
    expect((await patch(s, 0, Buffer.from('abc'))).status).toBe(204);
    for (const wrong of [0, 2, 4, 11]) {
      const a = await patch(s, wrong, Buffer.from('x'));
      expect([a.status, a.headers['upload-offset']]).toEqual([409, '3']);
    }
    const long = await patch(s, 3, Buffer.alloc(8));
    expect([long.status, long.headers['upload-offset']]).toEqual([413, '3']);
    expect((await patch(s, 'x', Buffer.from('x'))).status).toBe(400);
    expect((await patch(s, -1, Buffer.from('x'))).status).toBe(400);
    expect((await patch(s, 3, Buffer.from('x'), 'text/plain')).status).toBe(415);
    expect((await patch(s, 3, Buffer.alloc(7))).status).toBe(201);
    const over = await patch(s, 10, Buffer.alloc(0));
    expect([over.status, over.headers['upload-complete']]).toEqual([409, '?1']);
  });

  test('takes an upload over from a connection that hangs', async () => {
    const [alice] = await stage.cast('alice');
    const body = randomBytes(300_000);
    const s = await slot(alice, 'a', body.length);
    const socket = net.connect(stage.ports.http, '127.0.0.1');
    socket.write(`PUT ${s.put.pathname} HTTP/1.1\r\nHost: ${stage.domain}\r\nContent-Length: ${body.length}\r\n\r\n`);
    socket.write(body.subarray(0, 200_000));
    let told = '';
    socket.on('data', (d) => {
      told += d;
    });
    await eventually(() => sizeOnDisk(s) >= 131_072);
    const held = await offset(s);
    expect(held).toBeGreaterThanOrEqual(131_072);
    socket.write(body.subarray(200_000)); // too late: it does not move any more
    await eventually(() => /^HTTP\/1\.1 409 /.test(told));
    expect(await offset(s)).toBe(held);
    expect((await patch(s, held, body.subarray(held))).status).toBe(201);
    expect((await request(s.get)).body.equals(body)).toBe(true);
    socket.destroy();
  });
});

describe('a file that is there', () => {
  async function there(c: Client, name: string, body: Buffer, type?: string): Promise<Slot> {
    const s = await slot(c, name, body.length, type);
    expect((await put(s, body)).status).toBe(201);
    return s;
  }

  test('is served in ranges', async () => {
    const [alice] = await stage.cast('alice');
    const body = randomBytes(400_000);
    const s = await there(alice, 'film.mp4', body, 'video/mp4');
    const cases: [string, number, number][] = [
      ['bytes=0-0', 0, 1],
      ['bytes=100-299999', 100, 300_000],
      ['bytes=399999-', 399_999, 400_000],
      ['bytes=-5', 399_995, 400_000],
      ['bytes=-999999', 0, 400_000],
      ['bytes=10-9999999', 10, 400_000],
    ];
    for (const [range, from, end] of cases) {
      const a = await request(s.get, 'GET', { Range: range });
      expect([range, a.status, a.headers['content-range']]).toEqual([range, 206, `bytes ${from}-${end - 1}/400000`]);
      expect(a.body.equals(body.subarray(from, end))).toBe(true);
    }
    for (const range of ['bytes=400000-', 'bytes=-0', 'bytes=999999-1000000']) {
      const a = await request(s.get, 'GET', { Range: range });
      expect([range, a.status, a.headers['content-range']]).toEqual([range, 416, 'bytes */400000']);
    }
    for (const range of [
      'bytes=5-2',
      'bytes=0-1,3-4',
      'bytes=',
      'lines=1-2',
      'bytes=a-b',
      `bytes=0-${'1'.repeat(80)}`,
    ]) {
      const a = await request(s.get, 'GET', { Range: range });
      expect([range, a.status, a.body.length]).toEqual([range, 200, 400_000]);
    }
  });

  test('is known by its ETag', async () => {
    const [alice] = await stage.cast('alice');
    const s = await there(alice, 'a.txt', Buffer.from('hello'), 'text/plain');
    const etag = (await request(s.get)).headers.etag!;
    const known = await request(s.get, 'GET', { 'If-None-Match': `"x", ${etag}`, Range: 'bytes=9-' });
    expect([known.status, known.body.length, known.headers.etag]).toEqual([304, 0, etag]);
    expect((await request(s.get, 'GET', { 'If-Range': etag, Range: 'bytes=1-2' })).body.toString()).toBe('el');
    expect((await request(s.get, 'GET', { 'If-Range': '"x"', Range: 'bytes=1-2' })).body.toString()).toBe('hello');
    expect((await request(s.get, 'GET', { 'If-Range': `W/${etag}`, Range: 'bytes=1-2' })).body.toString()).toBe(
      'hello',
    );
  });

  test('HEAD says what GET says', async () => {
    const [alice] = await stage.cast('alice');
    const s = await there(alice, 'a.bin', randomBytes(300_000));
    const get = await request(s.get);
    const head = await request(s.get, 'HEAD');
    const { date: _a, ...one } = get.headers;
    const { date: _b, ...two } = head.headers;
    expect([head.status, head.body.length]).toEqual([200, 0]);
    expect(two).toEqual(one);
  });

  test.each([
    ['x.svg', 'image/svg+xml'],
    ['x.html', 'text/html'],
    ['x.xml', 'application/xml'],
    ['x.js', 'text/javascript'],
    ['x.xhtml', 'application/xhtml+xml'],
    ['x', undefined],
    ['x.strange', 'image/strange'],
  ])('that may be active (%s) is a download', async (name, type) => {
    const [alice] = await stage.cast('alice');
    const s = await there(alice, name, Buffer.from('<svg onload="alert(1)"/>'), type);
    const a = await request(s.get);
    expect(a.headers['content-type']).toBe('application/octet-stream');
    expect(a.headers['content-disposition']).toMatch(/^attachment; /);
    expect(a.headers['x-content-type-options']).toBe('nosniff');
  });

  test('keeps its name, and the name does no harm', async () => {
    const [alice] = await stage.cast('alice');
    const odd = await there(alice, 'ü "x" \\ ../../y;%41', Buffer.from('a'), 'application/pdf');
    const a = await request(odd.get);
    expect(a.status).toBe(200);
    expect(a.headers['content-disposition']).toBe(
      `inline; filename="__ _x_ _ .._.._y;_41"; filename*=UTF-8''%C3%BC%20%22x%22%20_%20.._.._y%3B%2541`,
    );
    const dots = await slot(alice, '..', 1);
    expect(dots.get.pathname).toMatch(/\/_\.$/);
    const id = odd.get.pathname.split('/')[2];
    expect((await request(`/files/${id}/other%20name`)).status).toBe(200);
    for (const bad of [
      `/files/${id}`,
      `/files/${id}/`,
      `/files/${id}/a/b`,
      `/files/${id}x/a`,
      '/files/',
      '/files/../../../../../../../../etc/passwd',
      `/files/..%2f..%2f..%2f..%2f..%2fconfab.db/a`,
      '/files/open/a',
      '/upload/',
    ]) {
      const b = await request(bad);
      expect([bad, [400, 404, 405].includes(b.status)]).toEqual([bad, true]);
    }
  });

  test('is kept once when it is there twice, and goes with the last', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const body = randomBytes(5000);
    const sum = createHash('sha256').update(body).digest('hex').toUpperCase();
    const owners = () => sql(stage.server, `SELECT slots FROM blobs WHERE hash = x'${sum}';`).trim();
    const one = await there(alice, 'a', body);
    const two = await there(bob, 'b', body);
    expect(owners()).toBe('2');
    const ids = [one, two].map((s) => s.get.pathname.split('/')[2]!);
    await eventually(() => stored().filter((f) => ids.some((id) => f.endsWith(id))).length === 1);
    expect((await request(one.put, 'DELETE')).status).toBe(204);
    expect((await request(one.put, 'DELETE')).status).toBe(404);
    expect((await request(one.get)).status).toBe(404);
    expect((await request(two.get)).body.equals(body)).toBe(true);
    expect((await request(two.put, 'DELETE')).status).toBe(204);
    expect(owners()).toBe('');
    await eventually(() => stored().every((f) => !ids.some((id) => f.endsWith(id))));
  });

  test('that many have fetched is gone for all when it is deleted', async () => {
    const [alice, bob] = await stage.cast('alice', 'bob');
    const [one, two] = [await there(alice, 'a', randomBytes(100)), await there(bob, 'b', randomBytes(100))];
    const all = (s: Slot) =>
      Promise.all(Array.from({ length: 12 }, () => request(s.get))).then((a) => a.map((b) => b.status));
    for (const s of [one, two]) for (let i = 0; i < 2; i++) expect(new Set(await all(s))).toEqual(new Set([200]));
    expect((await request(one.put, 'DELETE')).status).toBe(204);
    expect(new Set(await all(one))).toEqual(new Set([404]));
    await stage.server.ctl(['user', 'delete', bob.bare]);
    expect(new Set(await all(two))).toEqual(new Set([404]));
  });

  test('goes with its uploader', async () => {
    const [alice] = await stage.cast('alice');
    const s = await there(alice, 'a', randomBytes(100));
    const open = await slot(alice, 'b', 100);
    expect((await patch(open, 0, randomBytes(50))).status).toBe(204);
    await stage.server.ctl(['user', 'delete', alice.bare]);
    expect((await request(s.get)).status).toBe(404);
    expect((await patch(open, 50, randomBytes(50))).status).toBe(404);
    const ids = [s, open].map((o) => o.get.pathname.split('/')[2]!);
    await eventually(() => stored().every((f) => !ids.some((id) => f.endsWith(id))));
  });

  test('is counted', async () => {
    const [alice] = await stage.cast('alice');
    await there(alice, 'a', randomBytes(100));
    await eventually(async () => {
      const m = await stage.server.ctl(['metrics']);
      return Number(/^confab_files (\d+)$/m.exec(m)![1]) > 0 && Number(/^confab_uploads_total (\d+)$/m.exec(m)![1]) > 0;
    });
    expect(await stage.server.ctl(['stats'])).toMatch(/^media files=\d+ file_bytes=\d+/m);
  });
});

describe('any page may ask', () => {
  test('preflight of an upload', async () => {
    const a = await request(`/upload/${'A'.repeat(22)}/a`, 'OPTIONS', {
      Origin: 'https://elsewhere.example',
      'Access-Control-Request-Method': 'PATCH',
    });
    expect(a.status).toBe(204);
    expect(a.headers['access-control-allow-origin']).toBe('*');
    expect(a.headers['access-control-allow-methods']).toBe('PUT, PATCH, HEAD, DELETE');
    expect(a.headers['access-control-allow-headers']).toMatch(
      /authorization, content-type, upload-offset, upload-complete/,
    );
    expect(a.headers['access-control-allow-credentials']).toBeUndefined();
  });

  test('errors can be read', async () => {
    const a = await request(`/files/${'A'.repeat(22)}/a`);
    expect(a.status).toBe(404);
    expect(a.headers['access-control-allow-origin']).toBe('*');
    expect(a.headers['access-control-expose-headers']).toMatch(/upload-offset.*content-range.*etag/);
    expect(a.body.toString()).toMatch(/\w/);
  });

  test('other methods are refused', async () => {
    expect((await request(`/upload/${'A'.repeat(22)}/a`)).status).toBe(405);
    expect((await request(`/files/${'A'.repeat(22)}/a`, 'DELETE')).headers.allow).toBe('GET, HEAD, OPTIONS');
    expect((await request(`/files/${'A'.repeat(22)}/a`, 'POST', {}, 'x')).status).toBe(405);
  });
});
