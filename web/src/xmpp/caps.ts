// What this client says it can do (XEP-0030), and the hash of it that goes into presence (XEP-0115).
import { encode, toBase64 } from './bytes';
import { StanzaError } from './errors';
import { NS } from './ns';
import { type El, x } from './xml';

export const IDENTITY = { category: 'client', type: 'web', name: 'Confab' } as const;

const NODE = 'urn:confab:web';

/** Only what is really done. */
export const FEATURES: readonly string[] = [
  `${NS.avatarMetadata}+notify`,
  NS.caps,
  `${NS.chats}+notify`,
  `${NS.choices}+notify`,
  `${NS.drafts}+notify`,
  NS.chatStates,
  NS.correct,
  NS.discoInfo,
  NS.fallback,
  `${NS.hidden}+notify`,
  NS.markers,
  NS.nick,
  `${NS.nick}+notify`,
  NS.oob,
  `${NS.pins}+notify`,
  NS.ping,
  NS.reactions,
  NS.receipts,
  NS.reply,
  NS.retract,
  NS.sfs,
  NS.sid,
  NS.styling,
  NS.version,
];

/** The verification string of XEP-0115 section 5.1, for one identity and no forms. */
export async function verification(
  identity: { category: string; type: string; name: string },
  features: readonly string[],
): Promise<string> {
  // Sorted by code units, which for these ASCII names is the octet order that is asked for.
  const s = `${identity.category}/${identity.type}//${identity.name}<${[...features]
    .sort()
    .map((f) => `${f}<`)
    .join('')}`;
  return toBase64(new Uint8Array(await crypto.subtle.digest('SHA-1', encode(s))));
}

let ver: Promise<string> | undefined;

export async function capsElement(): Promise<El> {
  ver ??= verification(IDENTITY, FEATURES);
  return x('c', { xmlns: NS.caps, hash: 'sha-1', node: NODE, ver: await ver });
}

/** The answer to disco#info, for no node or the one in our presence. */
export async function capsInfo(node: string | undefined): Promise<El> {
  ver ??= verification(IDENTITY, FEATURES);
  if (node !== undefined && node !== `${NODE}#${await ver}`) throw new StanzaError('item-not-found', 'cancel', '');
  return x(
    'query',
    { xmlns: NS.discoInfo, node },
    x('identity', { ...IDENTITY }),
    ...FEATURES.map((f) => x('feature', { var: f })),
  );
}
