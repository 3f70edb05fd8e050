// What news and presence say of how people show themselves: the hash of a picture (XEP-0084, XEP-0153), a name (XEP-0172).
import { NS } from '../ns';
import type { El } from '../xml';

/** Bytes of a picture; larger ones are not taken. A server may allow more than any avatar needs. */
export const PICTURE_MAX = 400_000;
/** Of names that others chose, in UTF-16 units. */
const NAME_MAX = 100;
const SHA1 = /^[0-9a-f]{40}$/;

/** A SHA-1 in lower case hex, or ''. */
export function readHash(text: string | undefined): string {
  const hash = text?.trim().toLowerCase() ?? '';
  return SHA1.test(hash) ? hash : '';
}

/** One line without what could make it look like something else. */
export function readName(text: string | undefined): string {
  return [
    ...(text ?? '').replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, ''),
  ]
    .slice(0, NAME_MAX)
    .join('')
    .trim();
}

/** The picture that an item of the metadata node names and that is to be had at the data node: its hash, or ''. */
export function readMetadata(payload: El | undefined): string {
  if (!payload?.is('metadata', NS.avatarMetadata)) return '';
  for (const info of payload.elements('info')) {
    const bytes = Number(info.attr('bytes') ?? 0);
    // One at an address elsewhere would tell that host who looks.
    if (info.attr('url') !== undefined || bytes > PICTURE_MAX) continue;
    const hash = readHash(info.attr('id'));
    if (hash) return hash;
  }
  return '';
}

export function readNick(payload: El | undefined): string {
  return payload?.is('nick', NS.nick) ? readName(payload.text()) : '';
}

export interface OwnPicture {
  /** A PNG: the one kind that every program must know. */
  bytes: Uint8Array<ArrayBuffer>;
  hash: string;
  /** Pixels of a side. */
  side: number;
}
