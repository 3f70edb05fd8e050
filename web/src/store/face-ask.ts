// What is asked of servers about how people show themselves, and told of oneself. Fetched when the first picture is.
import type { FaceRow } from '../db/schema';
import type { Client } from '../xmpp/client';
import { DisconnectedError, StanzaError, TimeoutError } from '../xmpp/errors';
import { readName } from '../xmpp/mod/face';
import {
  fetchAbout,
  fetchCardPicture,
  fetchMetadata,
  fetchNick,
  fetchPicture,
  publishCard,
  publishNick,
} from '../xmpp/mod/profile';
import type { Address, ProfileChange } from './model';
import { pictureKind, sha1 } from './picture-kind';

export { publishPicture, removePicture } from '../xmpp/mod/profile';

type Bytes = Uint8Array<ArrayBuffer>;
interface Good {
  bytes: Bytes;
  type: string;
}

/** Only what it says it is. */
async function good(hash: string, get: () => Promise<Bytes | undefined>): Promise<Good | undefined> {
  const bytes = await get().catch((e) => {
    if (e instanceof StanzaError) return undefined;
    throw e;
  });
  const kind = bytes && pictureKind(bytes);
  return bytes && kind && (await sha1(bytes)) === hash ? { bytes, type: kind.type } : undefined;
}

/** From where it is named. Undefined: it is not to be had, or is not what it should be. */
export async function download(client: Client, face: FaceRow, hash: string): Promise<Good | undefined> {
  const { address, node, card } = face;
  const found = node === hash ? await good(hash, () => fetchPicture(client, address, hash)) : undefined;
  return found ?? (card === hash ? good(hash, () => fetchCardPicture(client, address)) : undefined);
}

/** `sees`: news of their name come by themselves. */
export async function look(
  client: Client,
  address: Address,
  sees: boolean,
  set: (change: Partial<FaceRow>) => Promise<void>,
): Promise<void> {
  const ask = async (change: () => Promise<Partial<FaceRow>>) => {
    try {
      await set(await change());
    } catch (e) {
      // Who may not know, or a server without such things: what is known stays.
      if (!(e instanceof StanzaError || e instanceof DisconnectedError || e instanceof TimeoutError)) throw e;
    }
  };
  await Promise.all([
    ask(async () => ({ about: await fetchAbout(client, address) })),
    ask(async () => ({ node: await fetchMetadata(client, address) })),
    !sees && ask(async () => ({ nick: await fetchNick(client, address) })),
  ]);
}

/** What stands there then. */
export async function setProfile(
  client: Client,
  own: Address,
  { name, about }: ProfileChange,
): Promise<Partial<FaceRow>> {
  const nick = name === undefined ? undefined : readName(name);
  const words = about?.trim();
  await publishCard(client, own, { name: nick, about: words });
  if (nick !== undefined) await publishNick(client, nick);
  return { ...(nick !== undefined && { nick }), ...(words !== undefined && { about: words }) };
}
