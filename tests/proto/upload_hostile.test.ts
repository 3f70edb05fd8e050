// What strangers try with files: requests inside requests, lengths that lie, paths that lead elsewhere, and connections that end at any moment. The right
// status, nothing done that was not asked for, nothing left behind.

import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import net from 'node:net';
import { describe, expect, test } from 'vitest';
import { eventually, filesOf, type Slot, useServer } from './harness/index.ts';

const stage = useServer({ limits: { file_size: '20M', media_quota: '100M' } });
const { slot, request, put, patch, raw, offset, sizeOnDisk, stored } = filesOf(stage);

const host = () => `Host: ${stage.domain}\r\n`;
const statuses = (got: string) => [...got.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((m) => Number(m[1]));
const idOf = (s: Slot) => s.get.pathname.split('/')[2]!;

async function file(content: string): Promise<Slot> {
  const [alice] = await stage.cast('alice');
  const s = await slot(alice, 'a', content.length);
  expect((await put(s, Buffer.from(content))).status).toBe(201);
  return s;
}

describe('a request inside of a request', () => {
  test('that is the body of one refused is not looked at', async () => {
    const s = await file('abc');
    const inner = `DELETE ${s.put.pathname} HTTP/1.1\r\n${host()}\r\n`;
    for (const [outer, status] of [
      [`PUT ${s.put.pathname}`, 413],
      [`PUT /upload/${'A'.repeat(22)}/a`, 404],
      [`GET ${s.get.pathname}`, 400],
      [`POST ${s.get.pathname}`, 405],
      ['PUT /healthz', 405],
      ['PUT /nowhere', 404],
    ] as const) {
      const got = await raw(`${outer} HTTP/1.1\r\n${host()}Content-Length: ${inner.length}\r\n\r\n${inner}`);
      expect([outer, statuses(got)]).toEqual([outer, [status]]);
    }
    expect((await request(s.get)).body.toString()).toBe('abc');
  });

  test('is not made of two opinions about the length', async () => {
    const s = await file('abc');
    const inner = `DELETE ${s.put.pathname} HTTP/1.1\r\n${host()}\r\n`;
    const [alice] = await stage.cast('alice');
    const open = await slot(alice, 'b', 3);
    const chunk = `0\r\n\r\n${inner}`;
    for (const lengths of [
      `Content-Length: ${chunk.length}\r\nTransfer-Encoding: chunked\r\n`,
      'Content-Length: 3\r\nContent-Length: 5\r\n',
      'Content-Length: 3, 3\r\n',
      'Content-Length: +3\r\n',
      'Content-Length: 0x3\r\n',
      'Content-Length: -3\r\n',
      'Content-Length: 3 3\r\n',
      'Content-Length : 3\r\n',
      'Content-Length: 99999999999999999999999\r\n',
      'Content-Length:\r\n 3\r\n',
      'Transfer-Encoding: identity\r\nContent-Length: 3\r\n',
      'Transfer-Encoding: chunked, identity\r\n',
      'Transfer-Encoding:\x0bchunked\r\n',
    ]) {
      const got = await raw(`PUT ${open.put.pathname} HTTP/1.1\r\n${host()}${lengths}\r\n${chunk}`);
      expect([lengths, statuses(got).length, /^HTTP\/1\.1 [45]\d\d /.test(got)]).toEqual([lengths, 1, true]);
    }
    expect((await request(s.get)).body.toString()).toBe('abc');
    expect(await offset(open)).toBe(0);
  });

  test('behind a body that is longer than it said is one that makes no sense', async () => {
    const [alice] = await stage.cast('alice');
    const s = await slot(alice, 'a', 3);
    const got = await raw(`PUT ${s.put.pathname} HTTP/1.1\r\n${host()}Content-Length: 3\r\n\r\nabcdef`, (g) =>
      /HTTP\/1\.1 4\d\d /.test(g),
    );
    expect(statuses(got)).toEqual([201, 400]);
    expect((await request(s.get)).body.toString()).toBe('abc');
  });
});

test('a length that is never reached is no file', async () => {
  const [alice] = await stage.cast('alice');
  const s = await slot(alice, 'a', 1000);
  const socket = net.connect(stage.ports.http, '127.0.0.1');
  socket.on('error', () => {});
  socket.end(`PUT ${s.put.pathname} HTTP/1.1\r\n${host()}Content-Length: 1000\r\n\r\n${'x'.repeat(999)}`); // and our FIN
  // Not asked for before it is there: HEAD takes an upload over, and what comes after it is no longer taken.
  await eventually(() => sizeOnDisk(s) === 999);
  await eventually(async () => (await offset(s)) === 999);
  expect((await request(s.get)).status).toBe(404);
  expect((await patch(s, 999, Buffer.from('x'))).status).toBe(201);
  expect((await request(s.get)).body.toString()).toBe('x'.repeat(1000));
});

test('paths that lead elsewhere lead nowhere', async () => {
  const s = await file('abc');
  const id = idOf(s);
  for (const path of [
    `/files/${id}`,
    `/files/${id}/`,
    `/files/${id}/a/b`,
    `/files/${id}/..`,
    `/files/${id}/../${id}/a`,
    `/files/${id}/%2e%2e/${id}/a`,
    `/files/${id}/a%2fb`,
    `/files/${id}/a%00b`,
    `/files/${id}/a%`,
    `/files/${id}/a%zz`,
    `/files//${id}/a`,
    `//files/${id}/a`,
    `/files/../files/${id}/a`,
    `/files/${id.slice(0, 2)}/${id}`,
    `/files/open/${id}`,
    `/files/..%2f..%2fconfab.db%00aaa/a`,
    `/files/${'../'.repeat(7)}a/a`,
    `/files/%252e%252e%252f%252e%252e%252faaaa/a`,
    `/upload/${id}/a`,
    `/Files/${id}/a`,
    `http://elsewhere.example/files/${id}/a`,
    `/files/${id.toLowerCase() === id ? id.toUpperCase() : id.toLowerCase()}/a`,
  ]) {
    const got = await raw(`GET ${path} HTTP/1.1\r\n${host()}Connection: close\r\n\r\n`);
    expect([path, /^HTTP\/1\.1 (400|404|405|421) /.test(got), got.includes('abc\r\n')]).toEqual([path, true, false]);
  }
  const name = await raw(`GET /files/${id}/${'n'.repeat(2000)}?x=y HTTP/1.1\r\n${host()}Connection: close\r\n\r\n`);
  expect(statuses(name)).toEqual([200]); // any name: it decorates
});

test('what is wrong with an address is not told: unknown, given up, expired and never finished look the same', async () => {
  const [alice] = await stage.cast('alice');
  const [unfinished, deleted] = [await slot(alice, 'a', 3), await slot(alice, 'a', 3)];
  expect((await patch(unfinished, 0, Buffer.from('a'))).status).toBe(204);
  expect((await put(deleted, Buffer.from('abc'))).status).toBe(201);
  expect((await request(deleted.put, 'DELETE')).status).toBe(204);
  const answers = [];
  for (const path of [unfinished.get.pathname, deleted.get.pathname, `/files/${'A'.repeat(22)}/a`, `/files/a/a`]) {
    const a = await request(path);
    const { date, ...headers } = a.headers;
    answers.push({ status: a.status, headers, text: a.body.toString() });
  }
  expect(answers[0]!.status).toBe(404);
  for (const a of answers) expect(a).toEqual(answers[0]);
});

test('two that put into one slot: one of them, whole', async () => {
  const [alice] = await stage.cast('alice');
  for (let round = 0; round < 5; round++) {
    const bodies = [randomBytes(400_000), randomBytes(400_000)];
    const s = await slot(alice, 'a', 400_000);
    const answers = await Promise.all(
      bodies.map((b) =>
        put(s, b).then(
          (a) => a.status,
          () => 0,
        ),
      ),
    );
    expect(answers.filter((n) => n === 201).length).toBeLessThanOrEqual(1);
    for (const n of answers) expect([0, 201, 409]).toContain(n);
    const winner = answers.indexOf(201);
    if (winner < 0) continue; // each cut the other off
    expect((await request(s.get)).body.equals(bodies[winner]!)).toBe(true);
  }
});

describe('who leaves', () => {
  const handles = () => readdirSync(`/proc/${stage.server.pid}/fd`).length;

  test('in the middle of a download leaves no handle open', async () => {
    const [alice] = await stage.cast('alice');
    const s = await slot(alice, 'a', 8_000_000);
    expect((await put(s, randomBytes(8_000_000))).status).toBe(201);
    const before = handles();
    const sockets = [];
    for (let i = 0; i < 30; i++) {
      const socket = net.connect(stage.ports.http, '127.0.0.1', () =>
        socket.write(`GET ${s.get.pathname} HTTP/1.1\r\n${host()}\r\n`),
      );
      socket.on('error', () => {});
      sockets.push(new Promise<void>((resolve) => socket.once('data', () => resolve(void socket.destroy()))));
    }
    await Promise.all(sockets);
    await eventually(() => handles() <= before);
  });

  test('in the middle of an upload leaves none, and nothing once it is given up', async () => {
    const [alice] = await stage.cast('alice');
    const slots: Slot[] = [];
    for (let i = 0; i < 20; i++) slots.push(await slot(alice, 'a', 1_000_000));
    const before = handles();
    await Promise.all(
      slots.map(async (s, i) => {
        const socket = net.connect(stage.ports.http, '127.0.0.1');
        socket.on('error', () => {});
        const head = `PUT ${s.put.pathname} HTTP/1.1\r\n${host()}Content-Length: 1000000\r\n\r\n`;
        await new Promise<void>((r) => socket.write(head + 'x'.repeat(i * 9000), () => r()));
        if (i % 2) socket.resetAndDestroy();
        else socket.destroy();
      }),
    );
    await eventually(() => handles() <= before);
    for (const s of slots) expect((await request(s.put, 'DELETE')).status).toBe(204);
    await eventually(() => !stored().some((f) => slots.some((s) => f.includes(idOf(s)))));
    await eventually(async () => /\buploads=0\b/.test(await stage.server.ctl(['stats'])));
  });
});
