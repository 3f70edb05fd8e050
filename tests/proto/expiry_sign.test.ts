// [media] sign: what stands in messages lasts and sends on; what it sends on to expires, and tells nothing to who has only that.

import { expect, test } from 'vitest';
import { eventually, filesOf, type Slot, useServer } from './harness/index.ts';

const stage = useServer({ media: { public_url: 'https://cdn.example/m/', sign: 'yes', sign_time: '3s' } });
const { slot, request, put } = filesOf(stage);

/** As a CDN asks its origin. */
const origin = (location: string) => location.replace('https://cdn.example/m', '');

async function there(): Promise<[Slot, string]> {
  const [alice] = await stage.cast('alice');
  const s = await slot(alice, 'à b.txt', 3, 'text/plain');
  expect((await put(s, Buffer.from('abc'))).status).toBe(201);
  const a = await request(s.get);
  expect(a.status).toBe(302);
  return [s, a.headers.location!];
}

test('the address of a message lasts, is here, and sends everybody on to the same one', async () => {
  const [s, location] = await there();
  expect(s.get.host).toBe(`${stage.domain}:${stage.ports.https}`);
  expect(location).toMatch(/^https:\/\/cdn\.example\/m\/files\/[\w-]{22}\/%C3%A0%20b\.txt\?e=\d+&s=[\w-]{22}$/);
  const id = s.get.pathname.split('/')[2]!;
  expect(location).not.toContain(id);
  const [one, two] = await Promise.all([request(s.get, 'HEAD'), request(s.get, 'GET', { Range: 'bytes=0-1' })]);
  await eventually(async () => {
    const [first, second] = await Promise.all([request(s.get), request(s.get)]); // a period may end between them
    return first.headers.location === second.headers.location;
  });
  for (const a of [one, two]) {
    expect(a.status).toBe(302);
    expect(a.headers['access-control-allow-origin']).toBe('*');
    expect(a.headers['cache-control']).toBe('no-store');
  }
});

test('there is the file, kept no longer than its address, and nothing tells the lasting one', async () => {
  const [s, location] = await there();
  const a = await request(origin(location));
  expect([a.status, a.body.toString()]).toEqual([200, 'abc']);
  const age = Number(/^public, max-age=(\d+), immutable$/.exec(a.headers['cache-control']!)![1]);
  expect(age).toBeLessThanOrEqual(6);
  const id = s.get.pathname.split('/')[2]!;
  expect(JSON.stringify(a.headers)).not.toContain(id);
  const etag = a.headers.etag!;
  expect((await request(origin(location), 'GET', { Range: 'bytes=1-', 'If-Range': etag })).status).toBe(206);
  expect((await request(origin(location), 'GET', { 'If-None-Match': etag })).status).toBe(304);
});

test('it ends, and cannot be prolonged or made', async () => {
  const [s, location] = await there();
  const path = origin(location);
  const [, e, sum] = /e=(\d+)&s=(.*)$/.exec(path)!;
  for (const wrong of [
    path.replace(`e=${e}`, `e=${Number(e) + 3600}`),
    path.replace(`s=${sum}`, `s=${'A'.repeat(22)}`),
    path.replace(`s=${sum}`, 's='),
    path.replace(/files\/[\w-]{22}/, s.get.pathname.slice(1, 29)),
  ]) {
    const a = await request(wrong);
    expect([wrong, a.status]).toEqual([wrong, 403]);
  }
  // Without its signature it sends on, but to nothing.
  const bare = await request(path.replace(/\?.*/, ''));
  expect(bare.status).toBe(302);
  expect((await request(origin(bare.headers.location!))).status).toBe(404);
  await eventually(async () => (await request(path)).status === 403);
  const again = (await request(s.get)).headers.location!;
  expect(again).not.toBe(location);
  expect((await request(origin(again))).body.toString()).toBe('abc');
});

test('a file that is deleted is gone at once for who asks, and for copies when the address ends', async () => {
  const [s, location] = await there();
  expect((await request(s.put, 'DELETE')).status).toBe(204);
  expect([404, 403]).toContain((await request(origin(location))).status);
});
