// Fails when what a browser loads at the start outgrows its budget: `npm run size` after `npm run build`.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const BUDGET = { js: 120_000, css: 20_000 };
const dist = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist');
const gz = (path: string) => gzipSync(readFileSync(path), { level: 9 }).length;

// Initial is what index.html names, and what those scripts import without waiting.
const html = readFileSync(join(dist, 'index.html'), 'utf8');
const initial = new Set([...html.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map((match) => match[1]!));
for (const name of initial) {
  if (!name.endsWith('.js')) continue;
  const code = readFileSync(join(dist, name), 'utf8');
  for (const match of code.matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)) initial.add(`assets/${match[1]}`);
}
const sizes = { js: 0, css: 0 };
for (const name of initial) sizes[name.endsWith('.css') ? 'css' : 'js'] += gz(join(dist, name));
for (const name of readdirSync(join(dist, 'assets')))
  console.log(`${initial.has(`assets/${name}`) ? 'initial' : 'later  '} ${gz(join(dist, 'assets', name))} ${name}`);
for (const kind of ['js', 'css'] as const) {
  const over = sizes[kind] > BUDGET[kind];
  console.log(`${kind}: ${sizes[kind]} of ${BUDGET[kind]} bytes gz${over ? ': TOO LARGE' : ''}`);
  if (over) process.exitCode = 1;
}
