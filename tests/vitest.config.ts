import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    reporters: ['default'],
    // Each file of dialogues starts a server of its own, so the number of workers is the number of servers alive at once.
    maxWorkers: Number(process.env.CONFAB_WORKERS ?? 2),
    projects: [
      {
        test: {
          name: 'proto',
          include: ['proto/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 15_000, interval: 40 } },
          // A browser is heavy: one at a time.
          poolOptions: { forks: { singleFork: true } },
        },
      },
    ],
  },
});
