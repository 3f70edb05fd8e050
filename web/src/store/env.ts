// The browser as far as the store uses it, in one place, so that tests can bring their own.
import { findSocket, ownSocket } from '../xmpp/discovery';
import { type OpenSocket, openWebSocket } from '../xmpp/stream';

export interface Env {
  openSocket: OpenSocket;
  /** Address of the WebSocket of the page's own server. */
  ownUrl(): string;
  /** Address of the WebSocket that serves a domain. */
  url(domain: string, ownDomain: string): Promise<string>;
  /** The page's host name: the first guess at the server's domain. */
  host: string;
  /** Undefined where the browser has none: then this tab believes to be alone. */
  locks: Pick<LockManager, 'request'> | undefined;
  channel(name: string): BroadcastChannel;
  newId(): string;
  /** How this device calls itself. */
  device: string;
  /** The browser says that it has a network (which it may be wrong about). */
  hasNetwork(): boolean;
  /** Calls back when the network or the page comes back to life. */
  onWake(callback: (why: 'online' | 'offline' | 'visible') => void): () => void;
  /** Somebody may see the page. */
  isVisible(): boolean;
  /** Calls back when that changes; a page that goes away becomes invisible first. */
  onVisibility(callback: () => void): () => void;
  /** So long, in ms, nobody must have looked before the server is told. */
  hiddenPause: number;
  /** Calls back when the page may be about to go away. */
  onHide(callback: () => void): () => void;
  /** Keeps a few words at once, where the database would need more time than a page has that is being left. */
  stash: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | undefined;
  http: Http;
  /** How long to wait, in ms, before each new attempt at an upload that broke; after the last it has failed. */
  uploadPauses: readonly number[];
  /** So long, in ms, a chat waits for messages that must be fetched before it can be shown as it should. */
  patience: number;
  /** The page's own `http://host:port`. */
  origin: string;
  /** Asks the browser not to throw the cache away. */
  persist(): void;
}

export interface HttpRequest {
  method: 'PUT' | 'PATCH' | 'HEAD' | 'DELETE';
  url: string;
  headers: readonly (readonly [name: string, value: string])[];
  body?: Blob;
  signal: AbortSignal;
  /** Bytes of the body that have left. */
  onProgress?: (sent: number) => void;
}

export interface HttpAnswer {
  status: number;
  header(name: string): string | null;
}

/** Rejects with NetworkError when there is no answer. */
export type Http = (request: HttpRequest) => Promise<HttpAnswer>;

export class NetworkError extends Error {}

/** As long as this nothing moved: then the connection is dead. */
const STALL_MS = 45_000;

/** The old kind of request, because only that one tells how much of a body has left. */
const xhr: Http = ({ method, url, headers, body, signal, onProgress }) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let stall = 0;
    const moved = () => {
      clearTimeout(stall);
      stall = window.setTimeout(() => request.abort(), STALL_MS);
    };
    const stop = () => request.abort();
    request.open(method, url);
    for (const [name, value] of headers) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      moved();
      onProgress?.(event.loaded);
    };
    request.onprogress = moved;
    request.onload = () =>
      resolve({ status: request.status, header: (name: string) => request.getResponseHeader(name) });
    request.onerror = () => reject(new NetworkError('no answer'));
    request.onabort = () => reject(new NetworkError('broken off'));
    request.onloadend = () => {
      clearTimeout(stall);
      signal.removeEventListener('abort', stop);
    };
    signal.addEventListener('abort', stop);
    moved();
    request.send(body ?? null);
    if (signal.aborted) stop();
  });

/** `Firefox on Windows`, as far as the browser tells. */
function deviceName(): string {
  const ua = navigator.userAgent;
  const browser = /Edg\//.test(ua)
    ? 'Edge'
    : /Firefox\//.test(ua)
      ? 'Firefox'
      : /Chrom(e|ium)\//.test(ua)
        ? 'Chrome'
        : /Safari\//.test(ua)
          ? 'Safari'
          : 'Browser';
  const system = /Android/.test(ua)
    ? 'Android'
    : /iPhone|iPad/.test(ua)
      ? 'iOS'
      : /Windows/.test(ua)
        ? 'Windows'
        : /Mac OS/.test(ua)
          ? 'Mac'
          : /Linux|CrOS/.test(ua)
            ? 'Linux'
            : '';
  return system ? `${browser} on ${system}` : browser;
}

/** A random UUID, also on a page without a secure context, where randomUUID is missing (signing in then says why it cannot work). */
function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Absent where the browser forbids it; then a draft of the last third of a second may be lost. */
function storage(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}

function listen(target: EventTarget, type: string, handler: () => void): () => void {
  target.addEventListener(type, handler);
  return () => target.removeEventListener(type, handler);
}

export function browserEnv(): Env {
  const origin = { protocol: location.protocol, host: location.host };
  /** A page that is left still calls itself visible for a moment. */
  let leaving = false;
  return {
    openSocket: openWebSocket,
    ownUrl: () => ownSocket(origin),
    url: (domain, ownDomain) => findSocket(domain, ownDomain, origin),
    host: location.hostname,
    locks: navigator.locks,
    channel: (name) => new BroadcastChannel(name),
    newId: uuid,
    device: deviceName(),
    hasNetwork: () => navigator.onLine,
    onWake(callback) {
      const stops = [
        listen(window, 'online', () => callback('online')),
        listen(window, 'offline', () => callback('offline')),
        listen(window, 'pageshow', () => callback('visible')),
        listen(document, 'visibilitychange', () => {
          if (document.visibilityState === 'visible') callback('visible');
        }),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
    isVisible: () => document.visibilityState === 'visible' && !leaving,
    onVisibility(callback) {
      const stops = [
        listen(document, 'visibilitychange', callback),
        listen(window, 'pagehide', () => {
          leaving = true;
          callback();
        }),
        listen(window, 'pageshow', () => {
          leaving = false;
          callback();
        }),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
    hiddenPause: 10_000,
    onHide(callback) {
      const stops = [
        listen(window, 'pagehide', callback),
        listen(document, 'visibilitychange', () => {
          if (document.visibilityState === 'hidden') callback();
        }),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
    stash: storage(),
    http: xhr,
    uploadPauses: [1000, 2000, 4000, 8000, 16_000],
    patience: 5000,
    origin: location.origin,
    persist: () => void navigator.storage?.persist?.().catch(() => {}),
  };
}
