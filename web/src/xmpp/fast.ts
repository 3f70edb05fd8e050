// Tokens (XEP-0484): what signs in again within one round trip. A browser cannot see the TLS session, so the mechanism
// is the one that binds to nothing.
import { encode, equal, fromBase64, toBase64 } from './bytes';
import { AuthError } from './errors';
import { NS } from './ns';
import type { El } from './xml';

export const FAST_MECHANISM = 'HT-SHA-256-NONE';

export interface FastToken {
  token: string;
  /** Until then the server takes it, in milliseconds. */
  expiry: number;
}

/** Failures that say no more than that this token is good no longer. */
const TOKEN_GONE = new Set(['not-authorized', 'credentials-expired', 'invalid-mechanism', 'malformed-request']);

export const isTokenGone = (condition: string) => TOKEN_GONE.has(condition);

export function offersFast(inline: El | undefined): boolean {
  return (
    inline
      ?.child('fast', NS.fast)
      ?.elements('mechanism')
      .some((m) => m.text().trim() === FAST_MECHANISM) ?? false
  );
}

/** The token that a <success/> brought. */
export function newToken(success: El): FastToken | undefined {
  const el = success.child('token', NS.fast);
  const token = el?.attr('token');
  const expiry = Date.parse(el?.attr('expiry') ?? '');
  return token && expiry > 0 ? { token, expiry } : undefined;
}

async function sign(token: string, who: string) {
  const key = await crypto.subtle.importKey('raw', encode(token), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, encode(who)));
}

export async function fastFirst(user: string, { token }: FastToken): Promise<string> {
  const name = encode(`${user}\0`);
  const proof = await sign(token, 'Initiator');
  const message = new Uint8Array(name.length + proof.length);
  message.set(name);
  message.set(proof, name.length);
  return toBase64(message);
}

/** Throws unless the server has proved that it has the token too. */
export async function fastVerify({ token }: FastToken, data: string | undefined): Promise<void> {
  if (!equal(fromBase64(data ?? ''), await sign(token, 'Responder'))) throw new AuthError('bad-server');
}
