// The server's clock (XEP-0202).
import type { Client } from '../client';
import { NS } from '../ns';
import { x } from '../xml';

/** In ms since 1970. */
export async function serverTime(client: Client, domain: string): Promise<number> {
  const answer = await client.iq({ type: 'get', to: domain, payload: x('time', { xmlns: NS.time }) });
  return Date.parse(answer?.child('utc')?.text() ?? '');
}
