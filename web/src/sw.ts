// The service worker: the app opens at once and without its server. It keeps the shell (the page and what it is made of) of this version,
// and nothing else: what goes to /xmpp, files of people and /.well-known never pass through it. The page always comes with the scripts that it was
// built with, because it comes from the same cache; a new version is fetched behind it, whole or not at all, and is there at the next start.

interface Shell {
  readonly version: string;
  readonly files: readonly string[];
}
interface Lasting extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Asked extends Lasting {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface Worker {
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', handler: (event: Lasting) => void): void;
  addEventListener(type: 'fetch', handler: (event: Asked) => void): void;
}

const worker = self as unknown as Worker;
/** Written by the build (vite.config.ts). */
declare const __SHELL__: Shell;
const shell = __SHELL__;
const PREFIX = 'shell-';
const NAME = PREFIX + shell.version;
/** Pages of the version before may still load parts of it, which the server no longer has. */
const KEPT = 2;

async function get(path: string): Promise<Response> {
  // What is named by its content may come from the browser's own cache.
  const answer = await fetch(path, { cache: path.startsWith('/assets/') ? 'default' : 'no-cache' });
  if (!answer.ok || answer.redirected) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

/** The server may have been renewed meanwhile: then its page is of another version than these parts, and is not for this cache. */
async function keepPage(cache: Cache): Promise<void> {
  const page = await get('/');
  const text = await page.clone().text();
  const missing = [...text.matchAll(/\/assets\/[^"']+/g)].find(([path]) => !shell.files.includes(path));
  if (missing) throw new Error(`${missing[0]} is of another version`);
  await cache.put('/', page);
}

async function install(): Promise<void> {
  const cache = await caches.open(NAME);
  const keep = async (path: string) => (path === '/' ? keepPage(cache) : cache.put(path, await get(path)));
  try {
    await Promise.all(shell.files.map(keep));
  } catch (e) {
    await caches.delete(NAME);
    throw e;
  }
  await worker.skipWaiting();
}

/** What the server says with the page (which places it may talk to) can change without a new version: it holds from the next start. */
async function refresh(): Promise<void> {
  await keepPage(await caches.open(NAME)).catch(() => {});
}

async function activate(): Promise<void> {
  const shells = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== NAME);
  for (const name of shells.slice(0, Math.max(0, shells.length - KEPT + 1))) await caches.delete(name);
  await worker.clients.claim();
}

/** A browser that cannot read its caches still has the network. */
async function kept(path: string): Promise<Response | undefined> {
  try {
    return (await (await caches.open(NAME)).match(path)) ?? (await caches.match(path));
  } catch {
    return undefined;
  }
}

async function answer(path: string, request: Request): Promise<Response> {
  return (await kept(path)) ?? fetch(request);
}

worker.addEventListener('install', (event) => event.waitUntil(install()));
worker.addEventListener('activate', (event) => event.waitUntil(activate()));
worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const isOurs = shell.files.includes(pathname) || pathname.startsWith('/assets/');
  if (request.method !== 'GET' || origin !== location.origin || !isOurs) return;
  event.respondWith(answer(pathname, request));
  if (pathname === '/') event.waitUntil(refresh());
});
