// Where a dialogue has to do with time after all: waiting for what nobody announces, and being quick enough.

import { DEADLINE_MS } from './client.ts';

const LOOK_AGAIN_MS = 25;

/** For what comes without a word, as a file that is deleted: it is looked at again and again. */
export async function eventually(condition: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

/** The same for what takes long and shows how far it is: only a standstill is a failure. */
export async function progressing(done: () => boolean, measure: () => number): Promise<void> {
  let last = Number.NaN;
  let end = 0;
  for (; !done(); await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))) {
    const now = measure();
    if (now !== last) end = performance.now() + DEADLINE_MS;
    last = now;
    if (performance.now() > end) throw new Error(`came to a standstill at ${now}`);
  }
}

/** What the server gives so many ms for. A machine that took longer than that proves nothing, so it tries again. */
export async function inTime<T>(ms: number, act: () => Promise<T>): Promise<T> {
  for (;;) {
    const began = performance.now();
    try {
      return await act();
    } catch (err) {
      if (performance.now() - began < ms) throw err;
    }
  }
}
