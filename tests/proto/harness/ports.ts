// Ports for a server that keeps them over restarts. A port that the kernel gave a moment ago may be somebody else's when
// the server binds it: another worker's, or an outgoing connection's; and where both set SO_REUSEPORT, two servers would
// even share it without a word. So these are blocks below the range that the kernel gives from, and who uses a block
// listens on its first port: nobody else takes it meanwhile, and nothing is left behind by who was killed.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';

const BLOCK = 8;
const BLOCKS = 1000;

function firstOfAll(): number {
  let low = 32768;
  try {
    low = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0]);
  } catch {
    // Not Linux: then this is what most have.
  }
  return Math.max(low - BLOCK * BLOCKS, 1024);
}

async function listen(port: number): Promise<net.Server | undefined> {
  const server = net.createServer();
  server.listen({ port, host: '127.0.0.1', exclusive: true });
  try {
    await once(server, 'listening');
  } catch {
    return undefined;
  }
  return server.unref();
}

export interface HeldPorts {
  readonly ports: readonly number[];
  release(): void;
}

/** So many ports (fewer than a block has) that are free now and, but for strangers who ask for them by number, stay so. */
export async function holdPorts(n: number): Promise<HeldPorts> {
  const first = firstOfAll();
  const begin = Math.floor(Math.random() * BLOCKS);
  for (let i = 0; i < BLOCKS; i++) {
    const at = first + ((begin + i) % BLOCKS) * BLOCK;
    const lock = await listen(at);
    if (!lock) continue;
    const ports = Array.from({ length: n }, (_, k) => at + 1 + k);
    const probes = await Promise.all(ports.map(listen));
    for (const p of probes) if (p) await once(p.close(), 'close');
    if (probes.every((p) => p)) return { ports, release: () => lock.close() };
    lock.close();
  }
  throw new Error('no block of ports is free');
}
