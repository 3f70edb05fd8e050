// Tests that need a browser; `npm run e2e:ui` runs those of the views, which need no server.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  test: {
    include: ['test/*.e2e.ts'],
    environment: 'node',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What is waited for is a condition; only how long a slow machine may take for it is a time.
    expect: { poll: { timeout: 10_000 } },
    fileParallelism: false,
  },
});
