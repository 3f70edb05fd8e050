// A roster is bounded in bytes as well as in contacts: it is answered in one piece.

import { expect, test } from 'vitest';
import { type Client, useServer, x } from './harness/index.ts';

const LIMIT = 65536;
const stage = useServer({ limits: { roster_bytes: String(LIMIT) } });

const item = (jid: string, name: string, groups: string[] = []) =>
  x`<item jid='${jid}' name='${name}'>` + `${groups.map((g) => x`<group>${g}</group>`).join('')}</item>`;
const set = (c: Client, ...args: Parameters<typeof item>) =>
  c.iq('set', `<query xmlns='jabber:iq:roster'>${item(...args)}</query>`);
const bytes = async (c: Client) => String(await c.get("<query xmlns='jabber:iq:roster'/>")).length;

// What is long on the wire counts: escaped characters, and groups of one letter.
test.each([
  ['long names', (i: number) => ['n'.repeat(1000), [`g${i}`]] as const, 55, 66],
  ['names to be escaped', () => ['&'.repeat(1000), []] as const, 9, 14],
  [
    'many short groups',
    () => ['n', Array.from({ length: 500 }, (_, i) => String.fromCodePoint(0x4e00 + i))] as const,
    5,
    10,
  ],
])('%s', async (_, make, least, most) => {
  const [alice] = await stage.cast('alice');
  const add = (i: number) => {
    const [name, groups] = make(i);
    return set(alice, `c${i}@localhost`, name, [...groups]);
  };
  let count = 0;
  while ((await add(count)).attr('type') === 'result') {
    count++;
    expect(count).toBeLessThan(most);
  }
  expect(count).toBeGreaterThanOrEqual(least);
  await alice.fails(add(count), 'wait', 'resource-constraint');
  expect(await bytes(alice)).toBeLessThan(LIMIT + 1000);
  // No longer than it is: allowed, and so is what takes its place.
  expect((await add(0)).attr('type')).toBe('result');
  expect((await set(alice, 'c0@localhost', 'short')).attr('type')).toBe('result');
  expect((await add(count)).attr('type')).toBe('result');
  await alice.fails(add(0), 'wait', 'resource-constraint');
});
