import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** What stands beside the page under names of their own. */
const BESIDE = ['boot.js', 'favicon.svg', 'logo.svg', 'manifest.webmanifest'];

/** Tells the service worker what the app is made of; its version changes with any of it. The pages of tests are built without one. */
function shell(): Plugin {
  return {
    name: 'shell',
    apply: (_, { command, mode }) => command === 'build' && mode === 'production',
    enforce: 'post',
    generateBundle(_, bundle) {
      const sw = bundle['sw.js'];
      if (sw?.type !== 'chunk' || sw.imports.length > 0) this.error('sw.js must be a script of its own');
      const assets = Object.keys(bundle).filter((name) => name.startsWith('assets/'));
      const hash = createHash('sha256').update(sw.code).update(assets.sort().join());
      for (const name of BESIDE) hash.update(readFileSync(join(import.meta.dirname, 'public', name)));
      hash.update(readFileSync(join(import.meta.dirname, 'index.html')));
      const files = ['/', ...BESIDE.map((name) => `/${name}`), ...assets.map((name) => `/${name}`)];
      sw.code = sw.code.replace('__SHELL__', JSON.stringify({ version: hash.digest('hex').slice(0, 16), files }));
    },
  };
}

// Parts of the start that later parts need, too. Left alone each would be a file of its own, and many small ones are larger together.
const BASE =
  /node_modules.*preact|src\/ui\/(kit\/(avatar|controls|dialog|hue|icons?|marks|toast)|media\/(kinds|source|state|file-card|voice|ring|over)|i18n|context|time|look)\.|src\/lang\/en\.json|src\/xmpp\/(ns|xml|errors)\./;

// The app is served by confabd under a strict Content-Security-Policy: nothing inline, everything
// from the own origin, names in assets/ hashed so that they can be cached for ever.
export default defineConfig({
  base: '/',
  plugins: [shell()],
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
    rolldownOptions: {
      input: { index: 'index.html', sw: 'src/sw.ts' },
      output: {
        entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
        codeSplitting: { groups: [{ name: 'base', test: BASE }] },
      },
    },
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
