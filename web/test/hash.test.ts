// The sum of a file does not depend on how it is read, and large ones are read piece by piece.
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { sha256 } from '../src/store/hash';
import { hashInSteps } from '../src/store/hash-steps';

const never = new AbortController().signal;
const bytes = (n: number) => Uint8Array.from({ length: n }, (_, i) => (i * 7) & 255);
const known = (data: Uint8Array) => createHash('sha256').update(data).digest('base64');

it('is the same in pieces and as a whole', async () => {
  for (const n of [0, 1, 63, 64, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 3_500_000]) {
    const data = bytes(n);
    expect(Buffer.from((await hashInSteps(new Blob([data])))!).toString('base64'), String(n)).toBe(known(data));
    expect(await sha256(new Blob([data]), never)).toBe(known(data));
  }
});

it('takes no more than a piece of a large file at a time, and stops when told', async () => {
  const data = bytes(33 * 2 ** 20);
  const blob = new Blob([data]);
  const pieces: number[] = [];
  const slice = blob.slice.bind(blob);
  blob.arrayBuffer = () => Promise.reject(new Error('all of it'));
  blob.slice = (from, to) => {
    pieces.push(to! - from!);
    return slice(from, to);
  };
  expect(await sha256(blob, never)).toBe(known(data));
  expect(pieces.length).toBe(33);
  expect(Math.max(...pieces)).toBeLessThanOrEqual(2 ** 20);
  pieces.length = 0;
  expect(await sha256(blob, AbortSignal.abort())).toBeUndefined();
  expect(pieces).toEqual([]);
});

it('is left out when the file cannot be read any more', async () => {
  const blob = new Blob([bytes(10)]);
  blob.arrayBuffer = () => Promise.reject(new DOMException('gone', 'NotReadableError'));
  expect(await sha256(blob, never)).toBeUndefined();
});
