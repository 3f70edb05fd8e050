// Builds the views with the made-up store into a temporary directory and serves them under the policy of the real
// server: nothing inline, Trusted Types required. What breaks under the policy breaks here.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { png } from './png.ts';

export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data: https:; media-src 'self' blob: https:; " +
  "connect-src 'self' wss: https:; font-src 'self'; worker-src 'self'; manifest-src 'self'; frame-ancestors 'none'; " +
  "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'";

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
};

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** So many ms of a low tone, 8000 samples a second. */
function tone(ms: number): Buffer {
  const data = Buffer.from(Array.from({ length: ms * 8 }, (_, i) => 128 + Math.round(90 * Math.sin(i / 6))));
  const head = Buffer.alloc(44);
  head.write('RIFF    WAVEfmt ', 0, 'latin1');
  head.writeUInt32LE(36 + data.length, 4);
  for (const [at, value] of [
    [16, 16],
    [24, 8000],
    [28, 8000],
    [40, data.length],
  ] as const)
    head.writeUInt32LE(value, at);
  for (const [at, value] of [
    [20, 1],
    [22, 1],
    [32, 1],
    [34, 8],
  ] as const)
    head.writeUInt16LE(value, at);
  head.write('data', 36, 'latin1');
  return Buffer.concat([head, data]);
}

/** A picture of the size its name says, one colour running into another; or what else is asked for. */
function respondMade(name: string, response: ServerResponse): void {
  const headers = { 'Content-Security-Policy': "default-src 'none'; sandbox" };
  if (name === 'notes') {
    response.writeHead(200, { ...headers, 'Content-Type': 'text/plain; charset=utf-8' });
    response.end('Bread, candles, the big pot.\n\n<b>not bold</b>\n');
    return;
  }
  if (name === 'Voice') {
    response.writeHead(200, { ...headers, 'Content-Type': 'audio/wav' });
    response.end(tone(600));
    return;
  }
  if (name === 'missing') {
    // Not an error of the network, which a browser would complain about by itself: no picture.
    response.writeHead(200, { ...headers, 'Content-Type': 'image/png' });
    response.end('gone');
    return;
  }
  const [width, height] = name === 'tall' ? [90, 160] : name === 'wide' ? [300, 50] : [160, 120];
  const hue = [...name].reduce((sum, c) => sum + c.charCodeAt(0) * 7, 0);
  response.writeHead(200, { ...headers, 'Content-Type': 'image/png' });
  response.end(png(width, height, (x, y) => [(hue + x) % 256, (90 + y) % 256, (hue * 3 + x + y) % 256]));
}

export async function serveFixture(): Promise<{ url: string; close(): Promise<void> }> {
  const out = await mkdtemp(join(tmpdir(), 'confab-ui-'));
  await build({
    root,
    mode: 'test',
    logLevel: 'error',
    build: { outDir: out, emptyOutDir: true, rollupOptions: { input: join(root, 'test/fixture.html') } },
  });
  const server = createServer(async (request, response) => {
    const made = /^\/made\/(\w+)/.exec(request.url ?? '')?.[1];
    if (made) {
      respondMade(made, response);
      return;
    }
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    const file = join(out, path === '/' ? 'test/fixture.html' : path);
    try {
      const body = await readFile(file);
      response.writeHead(200, {
        'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
        'Content-Security-Policy': POLICY,
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      await rm(out, { recursive: true, force: true });
    },
  };
}
