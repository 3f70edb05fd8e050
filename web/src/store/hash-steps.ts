// SHA-256 of something too large for memory, a piece at a time. Runs in a worker; without one, where it is called.
import { sha256 } from '@noble/hashes/sha2.js';

const PIECE = 2 ** 20;

export async function hashInSteps(blob: Blob, stopped: () => boolean = () => false): Promise<Uint8Array | undefined> {
  const sum = sha256.create();
  for (let at = 0; at < blob.size; at += PIECE) {
    if (stopped()) return undefined;
    sum.update(new Uint8Array(await blob.slice(at, at + PIECE).arrayBuffer()));
  }
  return sum.digest();
}
