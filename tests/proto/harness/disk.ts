// A hand in the server's database, from outside: it can hold the lock that writers need, so that nothing is
// written for as long as the test likes, or change a table under the server's feet.

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Server } from './server.ts';

const path = (server: Server) => join(server.dir, 'data', 'confab.db');

/** Runs statements; resolves to what they print. */
export function sql(server: Server, statements: string): string {
  const done = spawnSync('sqlite3', [path(server)], { input: `.timeout 60000\n${statements}\n`, encoding: 'utf8' });
  if (done.status !== 0 || done.stderr) throw new Error(`sqlite3: ${done.stderr}`);
  return done.stdout;
}

/** Nothing is written while it is held. The server waits [debug] lock_time for a lock, then its writes fail. */
export class Lock {
  private constructor(private readonly child: ChildProcessWithoutNullStreams) {}

  static async take(server: Server): Promise<Lock> {
    const child = spawn('sqlite3', [path(server)]);
    child.stdin.write(".timeout 60000\nBEGIN IMMEDIATE;\nSELECT 'held';\n");
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    if (!String(said).startsWith('held')) throw new Error(`the lock was not got: ${said}`);
    return new Lock(child);
  }

  async release(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.stdin.end('ROLLBACK;\n');
    await gone;
  }
}
