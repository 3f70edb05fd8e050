// A copy of one's own account (XEP-0227), which the server has at an address for some minutes (docs/decisions/015-export.md).
import type { Client } from '../client';
import { ProtocolError } from '../errors';
import { NS } from '../ns';
import { x } from '../xml';
import { httpAddress } from './file';

export async function exportAddress(client: Client): Promise<string> {
  const answer = await client.iq({ type: 'get', payload: x('export', { xmlns: NS.export }) });
  const url = httpAddress(answer?.attr('url'));
  if (!url) throw new ProtocolError('an export without an address');
  return url;
}
