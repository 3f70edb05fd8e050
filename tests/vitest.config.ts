import { defineConfig } from 'vitest/config';

// Each file starts a server of its own, so the number of workers is the number of servers alive at once.
export default defineConfig({
  test: {
    include: ['proto/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: Number(process.env.CONFAB_WORKERS ?? 2),
    reporters: ['default'],
  },
});
