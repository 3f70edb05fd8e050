// SCRAM (RFC 5802, RFC 7677) on WebCrypto, without channel binding: a browser cannot see the TLS session,
// so the GS2 flag is `n` (XEP-0440).
import { type Bytes, decode, encode, equal, fromBase64, toBase64 } from './bytes';
import { AuthError, ProtocolError } from './errors';

export type Hash = 'SHA-256' | 'SHA-1';

/** Strongest first. */
export const MECHANISMS: readonly { name: string; hash: Hash }[] = [
  { name: 'SCRAM-SHA-256', hash: 'SHA-256' },
  { name: 'SCRAM-SHA-1', hash: 'SHA-1' },
];

/**
 * What is kept in the browser instead of the password. With the salt and count that the server uses, the client key
 * is enough to sign in to this one server, but it cannot be turned back into the password (which people use
 * elsewhere too) except by guessing through PBKDF2. The server key lets us recognise the server.
 */
export interface ScramKeys {
  mechanism: string;
  salt: string; // base64
  iterations: number;
  clientKey: string; // base64
  serverKey: string; // base64
}

/** In place of the keys of a device that was signed out: only the password helps. */
export const signedOutKeys = (keys: ScramKeys): ScramKeys => ({ ...keys, mechanism: SIGNED_OUT, clientKey: '' });
export const SIGNED_OUT = 'signed-out';

export type Credentials = { password: string } | { keys: ScramKeys };

/** Below, a captured proof would be cheap to guess from (RFC 7677); above, a hostile server would freeze the page. */
const ITERATIONS_MIN = 4096;
const ITERATIONS_MAX = 10_000_000;

function subtle(): SubtleCrypto {
  const found = globalThis.crypto?.subtle;
  if (!found) throw new AuthError('insecure-page');
  return found;
}

async function hmac(hash: Hash, key: Bytes, data: Bytes): Promise<Bytes> {
  const k = await subtle().importKey('raw', key, { name: 'HMAC', hash }, false, ['sign']);
  return new Uint8Array(await subtle().sign('HMAC', k, data));
}

async function digest(hash: Hash, data: Bytes): Promise<Bytes> {
  return new Uint8Array(await subtle().digest(hash, data));
}

async function pbkdf2(hash: Hash, password: string, salt: Bytes, iterations: number): Promise<Bytes> {
  const key = await subtle().importKey('raw', encode(password), 'PBKDF2', false, ['deriveBits']);
  const bits = hash === 'SHA-256' ? 256 : 160;
  return new Uint8Array(await subtle().deriveBits({ name: 'PBKDF2', hash, salt, iterations }, key, bits));
}

/** SASLprep (RFC 4013) as far as it changes anything: odd spaces become spaces, invisible marks go, NFKC. */
export function prepare(password: string): string {
  return password
    .replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, ' ')
    .replace(/\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g, '')
    .normalize('NFKC');
}

function escapeName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C');
}

function fields(message: string): Map<string, string> {
  const map = new Map<string, string>();
  for (const part of message.split(',')) {
    if (part[1] !== '=') throw new ProtocolError('malformed SCRAM message');
    map.set(part[0]!, part.slice(2));
  }
  return map;
}

/** The lists of the SASL version in use. */
export interface Offered {
  mechanisms: readonly string[];
  /** Channel bindings (XEP-0440); undefined: not announced. */
  bindings: readonly string[] | undefined;
}

/** XEP-0474: in the order of octets, which these names' characters have by themselves. */
export async function offeredHash(hash: Hash, { mechanisms, bindings }: Offered): Promise<string> {
  const list = (names: readonly string[]) => [...names].sort().join('\x1e');
  return toBase64(await digest(hash, encode(list(mechanisms) + (bindings ? `\x1f${list(bindings)}` : ''))));
}

const isBearable = (iterations: number) =>
  Number.isInteger(iterations) && iterations >= ITERATIONS_MIN && iterations <= ITERATIONS_MAX;

/** SaltedPassword, and the keys that it gives. */
export async function saltedKeys(
  mechanism: string,
  hash: Hash,
  password: string,
  salt: string,
  iterations: number,
): Promise<{ salted: Bytes; keys: ScramKeys }> {
  if (salt === '' || !isBearable(iterations))
    throw new AuthError('bad-server', `salt or iteration count ${iterations}`);
  const salted = await pbkdf2(hash, prepare(password), fromBase64(salt), iterations);
  const clientKey = toBase64(await hmac(hash, salted, encode('Client Key')));
  const serverKey = toBase64(await hmac(hash, salted, encode('Server Key')));
  return { salted, keys: { mechanism, salt, iterations, clientKey, serverKey } };
}

/** One exchange: first(), final(challenge), verify(server's last words). */
export class Scram {
  /** Known after final(): what to keep for the next time. */
  keys: ScramKeys | undefined;
  private readonly firstBare: string;
  private expected: Bytes | undefined;

  constructor(
    readonly mechanism: string,
    private readonly hash: Hash,
    user: string,
    private readonly credentials: Credentials,
    private readonly nonce = toBase64(crypto.getRandomValues(new Uint8Array(24))),
    /** What the features offered; undefined: not compared. */
    private readonly offered?: Offered,
  ) {
    subtle(); // say so now rather than half-way
    this.firstBare = `n=${escapeName(user)},r=${nonce}`;
  }

  first(): string {
    return toBase64(encode(`n,,${this.firstBare}`));
  }

  async final(challenge: string): Promise<string> {
    const serverFirst = decode(fromBase64(challenge));
    const f = fields(serverFirst);
    const nonce = f.get('r') ?? '';
    const salt = f.get('s') ?? '';
    const iterations = Number(f.get('i'));
    if (f.has('m')) throw new ProtocolError('unknown SCRAM extension');
    if (!nonce.startsWith(this.nonce) || nonce.length === this.nonce.length) throw new AuthError('bad-server');
    if (!isBearable(iterations)) throw new AuthError('bad-server', `iteration count ${f.get('i')}`);
    // Somebody in the middle has taken something out of the offer.
    if (this.offered && f.has('h') && f.get('h') !== (await offeredHash(this.hash, this.offered)))
      throw new AuthError('bad-server', 'the offer was changed');
    const keys = await this.derive(salt, iterations);
    const clientKey = fromBase64(keys.clientKey);
    const withoutProof = `c=biws,r=${nonce}`;
    const authMessage = encode(`${this.firstBare},${serverFirst},${withoutProof}`);
    const signature = await hmac(this.hash, await digest(this.hash, clientKey), authMessage);
    const proof = clientKey.map((b, i) => b ^ signature[i]!);
    this.expected = await hmac(this.hash, fromBase64(keys.serverKey), authMessage);
    this.keys = keys;
    return toBase64(encode(`${withoutProof},p=${toBase64(proof)}`));
  }

  /** Throws unless the server has proved that it knows the account's keys. */
  verify(data: string | undefined): void {
    const v = fields(decode(fromBase64(data ?? ''))).get('v');
    if (!this.expected || v === undefined || !equal(fromBase64(v), this.expected)) throw new AuthError('bad-server');
  }

  private async derive(salt: string, iterations: number): Promise<ScramKeys> {
    if ('keys' in this.credentials) {
      const { keys } = this.credentials;
      // Another salt means that the password was changed: only the person can help.
      if (keys.mechanism !== this.mechanism || keys.salt !== salt || keys.iterations !== iterations)
        throw new AuthError('keys-stale');
      return keys;
    }
    const made = await saltedKeys(this.mechanism, this.hash, this.credentials.password, salt, iterations);
    return made.keys;
  }
}

/** The mechanism to use, or undefined. Stored keys work only with the mechanism that made them (and so cannot be downgraded). */
export function chooseMechanism(
  offered: readonly string[],
  credentials: Credentials,
): { name: string; hash: Hash } | undefined {
  return MECHANISMS.find(
    (m) => offered.includes(m.name) && (!('keys' in credentials) || credentials.keys.mechanism === m.name),
  );
}
