// The disk has room for the database before it has room for files ([limits] disk_reserve).

import { expect, test } from 'vitest';
import { filesOf, useServer } from './harness/index.ts';

const stage = useServer({ limits: { disk_reserve: '1048576G' } });
const { slot, request, put, patch, offset, stored, sizeOnDisk, raw } = filesOf(stage);

test('a file is refused with 507 and a line of text, before any of it is asked for', async () => {
  const [alice] = await stage.cast('alice');
  const s = await slot(alice, 'a', 3);
  const a = await put(s, Buffer.from('abc'));
  expect([a.status, a.body.toString()]).toEqual([507, 'There is no room for it now.\n']);
  const part = await patch(s, 0, Buffer.from('a'));
  expect(part.status).toBe(507);
  expect(sizeOnDisk(s)).toBe(0);
  const head = `PUT ${s.put.pathname} HTTP/1.1\r\nHost: ${stage.domain}\r\nContent-Length: 3\r\n`;
  expect(await raw(`${head}Expect: 100-continue\r\n\r\n`)).toMatch(/^HTTP\/1\.1 507 /);
  expect(await offset(s)).toBe(0);
  expect((await request(s.get)).status).toBe(404);
});

test('messages are stored all the same, and an upload can be given up', async () => {
  const [alice, bob] = await stage.castWith({ presence: true }, 'alice', 'bob');
  const s = await slot(alice, 'a', 3);
  expect((await put(s, Buffer.from('abc'))).status).toBe(507);
  alice.sends`<message to='${bob.bare}' type='chat'><body>there is room for words</body></message>`;
  await bob.receives`<message type='chat'><body>there is room for words</body></message>`;
  expect((await request(s.put, 'DELETE')).status).toBe(204);
  const id = s.get.pathname.split('/')[2]!;
  await expect.poll(() => stored().some((f) => f.endsWith(id))).toBe(false);
});

test('a file of no bytes needs no room', async () => {
  const [alice] = await stage.cast('alice');
  expect((await put(await slot(alice, 'a', 0), Buffer.alloc(0))).status).toBe(201);
});
