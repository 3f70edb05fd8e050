// Blocking (XEP-0191).
import type { Client } from '../client';
import { StanzaError } from '../errors';
import { bare } from '../jid';
import { NS } from '../ns';
import { type El, x } from '../xml';

export type BlockChange = { kind: 'block' | 'unblock'; addresses: string[] } | { kind: 'unblock-all' };

function addresses(el: El): string[] {
  return el.elements('item').flatMap((i) => bare(i.attr('jid')) || []);
}

export async function fetchBlocked(client: Client): Promise<string[]> {
  const answer = await client.iq({ type: 'get', payload: x('blocklist', { xmlns: NS.blocking }) });
  return answer ? addresses(answer) : [];
}

export async function setBlocked(client: Client, address: string, blocked: boolean): Promise<void> {
  const name = blocked ? 'block' : 'unblock';
  await client.iq({ type: 'set', payload: x(name, { xmlns: NS.blocking }, x('item', { jid: address })) });
}

export function onBlockPush(client: Client, own: string, handler: (change: BlockChange) => void): void {
  const guard = (from: string) => {
    if (from !== '' && bare(from) !== own) throw new StanzaError('service-unavailable', 'cancel', '');
  };
  client.handle('set', 'block', NS.blocking, (el, from) => {
    guard(from);
    handler({ kind: 'block', addresses: addresses(el) });
    return undefined;
  });
  client.handle('set', 'unblock', NS.blocking, (el, from) => {
    guard(from);
    // Without items it means everybody.
    handler(el.elements('item').length ? { kind: 'unblock', addresses: addresses(el) } : { kind: 'unblock-all' });
    return undefined;
  });
}
