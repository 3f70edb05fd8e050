import { defineConfig } from 'vitest/config';

// The app is served by confabd under a strict Content-Security-Policy: nothing inline, everything
// from the own origin, names in assets/ hashed so that they can be cached for ever.
export default defineConfig({
  base: '/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: 'dist',
    assetsDir: 'assets',
    // The oldest browsers that we name: docs and research give the reasons.
    target: ['chrome137', 'firefox130', 'safari17.4'],
    // A data: URL for a small file would need `font-src data:` and friends; every file is a file.
    assetsInlineLimit: 0,
    // The polyfill is an inline-free script, but every browser we serve preloads modules itself.
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  worker: { format: 'es' },
  server: {
    // `npm run dev` beside a running `./run`.
    proxy: {
      '/xmpp': { target: 'http://127.0.0.1:5280', ws: true },
      '/.well-known': { target: 'http://127.0.0.1:5280' },
    },
  },
  test: {
    include: ['test/**/*.test.{ts,tsx}'],
    environment: 'node',
    // It ends a hang and judges no speed.
    testTimeout: 120_000,
    // Few cores are shared by many; one worker is fast enough here.
    maxWorkers: 2,
  },
});
