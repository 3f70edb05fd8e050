// How people show themselves: picture (XEP-0084, for older programs XEP-0153 and XEP-0054), name (XEP-0172), and what they
// say of themselves (vCard4, XEP-0292).
import { fromBase64, toBase64 } from '../bytes';
import type { Client } from '../client';
import { NS } from '../ns';
import { El, x } from '../xml';
import { type OwnPicture, PICTURE_MAX, readMetadata, readNick } from './face';
import { items, publish } from './pep';

const ABOUT_MAX = 2000;
/** The only item of a node that has one. */
const CURRENT = 'current';

function readBytes(text: string | undefined): Uint8Array<ArrayBuffer> | undefined {
  if (!text || text.length > PICTURE_MAX * 1.5) return undefined;
  try {
    return fromBase64(text.replace(/\s+/g, ''));
  } catch {
    return undefined;
  }
}

export async function fetchPicture(
  client: Client,
  address: string,
  hash: string,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const found = (await items(client, NS.avatarData, address, [hash])).find((it) => it.id === hash);
  return found?.payload?.is('data', NS.avatarData) ? readBytes(found.payload.text()) : undefined;
}

/** The one in the card of somebody whose program knows no nodes. */
export async function fetchCardPicture(client: Client, address: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const card = await client.iq({ type: 'get', to: address, payload: x('vCard', { xmlns: NS.vcard }) });
  return readBytes(card?.child('PHOTO')?.child('BINVAL')?.text());
}

/** The hash of the picture that the metadata node names now, '' for none. */
export async function fetchMetadata(client: Client, address: string): Promise<string> {
  return readMetadata((await items(client, NS.avatarMetadata, address)).at(-1)?.payload);
}

export async function fetchNick(client: Client, address: string): Promise<string> {
  return readNick((await items(client, NS.nick, address)).at(-1)?.payload);
}

export async function publishPicture(client: Client, { bytes, hash, side }: OwnPicture): Promise<void> {
  await publish(client, NS.avatarData, hash, x('data', { xmlns: NS.avatarData }, toBase64(bytes)), {});
  const info = x('info', { id: hash, bytes: bytes.length, type: 'image/png', width: side, height: side });
  await publish(client, NS.avatarMetadata, hash, x('metadata', { xmlns: NS.avatarMetadata }, info), {});
}

/** XEP-0084 section 3.5: metadata that names none. */
export async function removePicture(client: Client): Promise<void> {
  await publish(client, NS.avatarMetadata, CURRENT, x('metadata', { xmlns: NS.avatarMetadata }), {});
}

export async function publishNick(client: Client, name: string): Promise<void> {
  await publish(client, NS.nick, CURRENT, x('nick', { xmlns: NS.nick }, name || undefined), {});
}

// --- the card ---

const fetchCard = async (client: Client, address: string) =>
  (await items(client, NS.vcard4Node, address)).find((it) => it.payload?.is('vcard', NS.vcard4));

const textIn = (card: El | undefined, name: string) => card?.child(name)?.child('text')?.text() ?? '';

/** What they say of themselves, '' for nothing. */
export async function fetchAbout(client: Client, address: string): Promise<string> {
  const about = textIn((await fetchCard(client, address))?.payload, 'note').trim();
  return [...about].slice(0, ABOUT_MAX).join('');
}

/** Changes what stands in one's own card and leaves what another program has put there. */
export async function publishCard(
  client: Client,
  own: string,
  change: { name?: string | undefined; about?: string | undefined },
): Promise<void> {
  const old = await fetchCard(client, own);
  const rest = old?.payload?.elements() ?? [];
  const fields: [string, string | undefined][] = [
    ['fn', change.name],
    ['note', change.about],
  ];
  const kept = rest.filter((el) => !fields.some(([name, value]) => el.is(name, NS.vcard4) && value !== undefined));
  const made = fields.flatMap(([name, value]) => (value ? x(name, {}, x('text', {}, value)) : []));
  const card = new El('vcard', NS.vcard4, new Map(), [...made, ...kept]);
  await publish(client, NS.vcard4Node, old?.id || CURRENT, card, {});
}
