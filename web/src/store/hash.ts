// The SHA-256 of a file on its way, in base64 as it stands in messages. Small ones are hashed by the browser at once;
// large ones in a worker piece by piece, so that neither memory nor the page notices.

import workerUrl from './hash-worker?worker&url';

/** Larger files are not taken into memory as a whole. */
const WHOLE_MAX = 32 * 2 ** 20;

const base64 = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes));

let policy: ReturnType<Policies['createPolicy']> | undefined;

/** Pages of ours may run no script from an address that has not passed through a policy. */
interface Policies {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

function startWorker(): Worker {
  const policies = (globalThis as { trustedTypes?: Policies }).trustedTypes;
  policy ??= policies?.createPolicy('hash-worker', { createScriptURL: (url) => url });
  return new Worker(policy?.createScriptURL(workerUrl) ?? workerUrl, { type: 'module' });
}

function byWorker(blob: Blob, signal: AbortSignal): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const worker = startWorker();
    const end = (sum: Uint8Array | undefined) => {
      worker.terminate();
      signal.removeEventListener('abort', stop);
      resolve(sum);
    };
    const stop = () => end(undefined);
    signal.addEventListener('abort', stop);
    worker.addEventListener('message', (event: MessageEvent<Uint8Array | undefined>) => end(event.data));
    worker.addEventListener('error', stop);
    worker.postMessage(blob);
  });
}

async function inSteps(blob: Blob, signal: AbortSignal): Promise<Uint8Array | undefined> {
  if (signal.aborted) return undefined;
  if (typeof Worker !== 'undefined') return byWorker(blob, signal);
  const { hashInSteps } = await import('./hash-steps');
  return hashInSteps(blob, () => signal.aborted);
}

/** Undefined when it was stopped or the file cannot be read: the message can do without. */
export async function sha256(blob: Blob, signal: AbortSignal): Promise<string | undefined> {
  try {
    if (blob.size > WHOLE_MAX || !globalThis.crypto?.subtle) {
      const sum = await inSteps(blob, signal);
      return sum && base64(sum);
    }
    return base64(new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer())));
  } catch {
    return undefined;
  }
}
