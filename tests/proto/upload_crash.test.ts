// SIGKILL in the middle of uploads: 201 means that it is there. CONFAB_ROUNDS says how often.

import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { eventually, filesOf, type Slot, useServer } from './harness/index.ts';

const stage = useServer({ limits: { file_size: '3M', media_quota: '8M', slot_time: '1h' } });
const { slot, request, put, patch, offset, files } = filesOf(stage);

describe('after a crash', () => {
  // Several clients upload without a pause until the server is killed. What was answered with 201 is there; what was not can be
  // gone on with, or is complete though nobody was told.
  test.each(Array.from({ length: Number(process.env.CONFAB_ROUNDS ?? 3) }, (_, i) => i))(
    '201 means that it is there (%d)',
    async (round) => {
      const [alice] = await stage.cast('alice');
      const all: { s: Slot; body: Buffer; done: boolean }[] = [];
      for (let i = 0; i < 48; i++) {
        const body = randomBytes([10, 3000, 70_000, 200_000][i % 4]! + i);
        all.push({ s: await slot(alice, `f${i}`, body.length), body, done: false });
      }
      const waiting = [...all];
      const client = async () => {
        for (let f = waiting.shift(); f; f = waiting.shift()) {
          try {
            f.done = (await put(f.s, f.body, undefined, false)).status === 201;
          } catch {
            return; // killed
          }
        }
      };
      const clients = Promise.all(Array.from({ length: 8 }, client));
      await eventually(() => all.filter((f) => f.done).length >= 4 + 7 * (round % 4));
      await stage.server.restart('SIGKILL');
      await clients;
      for (const f of all) {
        if (!f.done) {
          const state = await request(f.s.put, 'HEAD', {}, undefined, false);
          expect(state.status).toBe(200);
          const held = Number(state.headers['upload-offset']);
          if (state.headers['upload-complete'] === '?0')
            expect((await patch(f.s, held, f.body.subarray(held))).status).toBe(201);
        }
        const a = await request(f.s.get, 'GET', {}, undefined, false);
        expect([f.done, a.status, a.body.equals(f.body)]).toEqual([f.done, 200, true]);
      }
      expect(readdirSync(join(files(), 'open')).filter((n) => all.some((f) => f.s.get.pathname.includes(n)))).toEqual(
        [],
      );
    },
  );

  test('half-written files that nobody owns are swept', async () => {
    const [alice] = await stage.cast('alice');
    const s = await slot(alice, 'a', 10);
    expect((await patch(s, 0, Buffer.from('abc'))).status).toBe(204);
    const orphan = join(files(), 'open', 'B'.repeat(22));
    writeFileSync(orphan, 'x');
    await stage.server.restart();
    expect(existsSync(orphan)).toBe(false);
    expect(stage.server.log).toMatch(/event=files-swept deleted=1/);
    expect(await offset(s)).toBe(3);
  });
});
