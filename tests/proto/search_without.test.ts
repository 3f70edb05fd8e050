// [archive] search_index = no: there is no file, and what was said is found all the same.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bodies, page, scene, useServer } from './harness/index.ts';

const stage = useServer({ archive: { search_index: 'no' } });

test('searches read the archive itself, page after page', async () => {
  const { alice } = await scene(stage);
  const fields = { '{urn:xmpp:fulltext:0}fulltext': 'b' };
  const last = await page(alice, { fields, max: 2, before: '' });
  expect([bodies(last.results), last.complete]).toEqual([['b4', 'b5'], false]);
  const rest = await page(alice, { fields, before: last.first! });
  expect([bodies(rest.results), rest.complete]).toEqual([['b1', 'b2', 'b3'], true]);
  expect(existsSync(join(stage.server.dir, 'data', 'search.db'))).toBe(false);
});
