import { defineConfig } from 'vitest/config';

// Limits end a hang and judge no speed: what does not come at all is a failure, not what comes late on a busy machine.
// proto/harness/client.ts has the one for a single wait, which ends long before these and says what was waited for.
const limits = {
  testTimeout: 240_000,
  hookTimeout: 240_000,
  expect: { poll: { timeout: 40_000, interval: 40 } },
};

// A number, so that a machine that has no name for itself can run this: Vite looks `localhost` up otherwise.
const server = { host: '127.0.0.1', fs: { allow: ['..'] } };

export default defineConfig({
  server,
  test: {
    // A server that is broken altogether need not fail every dialogue.
    bail: 40,
    reporters: ['default'],
    // Each file of dialogues starts a server of its own, so the number of workers is the number of servers alive at once.
    maxWorkers: Number(process.env.CONFAB_WORKERS ?? 2),
    projects: [
      {
        server,
        test: {
          name: 'proto',
          include: ['proto/**/*.test.ts'],
          ...limits,
        },
      },
      {
        server,
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          ...limits,
          // A browser is heavy: one at a time.
          poolOptions: { forks: { singleFork: true } },
        },
      },
    ],
  },
});
