// Tests that need a browser; `npm run e2e:ui` runs those of the views, which need no server.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  test: {
    include: ['test/*.e2e.ts'],
    environment: 'node',
    // Limits end a hang and judge no speed: what is waited for is a condition, and a busy machine may take long for it.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
    fileParallelism: false,
  },
});
