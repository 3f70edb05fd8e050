// Where files go (XEP-0363): which service takes them, how large they may be, and a place for one.
import type { Client } from '../client';
import { ProtocolError, StanzaError } from '../errors';
import { NS } from '../ns';
import { type El, x } from '../xml';
import { httpAddress } from './file';

export interface UploadService {
  address: string;
  /** Bytes; undefined: it does not say. */
  max: number | undefined;
}

export interface Slot {
  put: string;
  get: string;
  headers: [name: string, value: string][];
}

function maxSize(info: El): number | undefined {
  for (const form of info.elements('x', NS.data)) {
    const fields = form.elements('field');
    const value = (name: string) =>
      fields
        .find((f) => f.attr('var') === name)
        ?.child('value')
        ?.text();
    if (value('FORM_TYPE') !== NS.upload) continue;
    const max = Number(value('max-file-size'));
    if (Number.isFinite(max) && max > 0) return max;
  }
  return undefined;
}

async function asService(client: Client, address: string): Promise<UploadService | undefined> {
  const info = await client.iq({ type: 'get', to: address, payload: x('query', { xmlns: NS.discoInfo }) });
  const features = info?.elements('feature').map((f) => f.attr('var')) ?? [];
  return info && features.includes(NS.upload) ? { address, max: maxSize(info) } : undefined;
}

/** The server itself, or what belongs to it. */
export async function findUpload(client: Client, domain: string): Promise<UploadService | undefined> {
  const own = await asService(client, domain);
  if (own) return own;
  const list = await client.iq({ type: 'get', to: domain, payload: x('query', { xmlns: NS.discoItems }) });
  for (const item of list?.elements('item').slice(0, 20) ?? []) {
    const address = item.attr('jid');
    if (!address || address === domain) continue;
    try {
      const found = await asService(client, address);
      if (found) return found;
    } catch (e) {
      if (!(e instanceof StanzaError)) throw e;
    }
  }
  return undefined;
}

export async function requestSlot(
  client: Client,
  service: string,
  file: { name: string; size: number; type: string },
): Promise<Slot> {
  const slot = await client.iq({
    type: 'get',
    to: service,
    payload: x(
      'request',
      { xmlns: NS.upload, filename: file.name, size: file.size, 'content-type': file.type },
      x('message', { xmlns: NS.uploadPurpose }),
    ),
  });
  const put = httpAddress(slot?.child('put')?.attr('url'));
  const get = httpAddress(slot?.child('get')?.attr('url'));
  if (!slot || !put || !get) throw new ProtocolError('a slot without addresses');
  const headers: Slot['headers'] = [];
  for (const el of slot.child('put')?.elements('header') ?? []) {
    // The other two that the protocol allows (Cookie, Expires) a browser does not let us set.
    if (el.attr('name')?.toLowerCase() === 'authorization')
      headers.push(['Authorization', el.text().replace(/[\r\n]/g, '')]);
  }
  return { put, get, headers };
}
