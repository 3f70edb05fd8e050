// SCRAM (RFC 5802, 7677) from the client's side, each message by itself so that a test can bend it.

import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';

export type ScramName = 'SCRAM-SHA-1' | 'SCRAM-SHA-256';

/** The data that `p=TYPE` binds to; empty without. */
export type Binding = Uint8Array;

export interface ScramChallenge {
  readonly nonce: string;
  readonly salt: Buffer;
  readonly iterations: number;
  /** XEP-0474's hash, XEP-0515's version. */
  readonly h?: string;
  readonly t?: string;
}

const b64 = (s: string | Uint8Array): string => Buffer.from(s).toString('base64');
const saslName = (s: string): string => s.replace(/=/g, '=3D').replace(/,/g, '=2C');

export class Scram {
  private readonly hash: 'sha1' | 'sha256';
  readonly nonce = randomBytes(18).toString('base64');
  private readonly bare: string;
  private serverSignature: Buffer | undefined;

  constructor(
    readonly name: ScramName,
    user: string,
    private readonly password: string,
    private readonly gs2 = 'n,,',
    private readonly binding: Binding = new Uint8Array(),
  ) {
    this.hash = name === 'SCRAM-SHA-1' ? 'sha1' : 'sha256';
    this.bare = `n=${saslName(user)},r=${this.nonce}`;
  }

  first(): string {
    return b64(this.gs2 + this.bare);
  }

  static parse(challenge: string): ScramChallenge {
    const text = Buffer.from(challenge, 'base64').toString();
    const parts = /^r=([^,]+),s=([^,]+),i=(\d+)(?:,h=([^,]+))?(?:,t=([0-9a-f]{4}))?$/.exec(text);
    if (!parts) throw new Error(`not a SCRAM challenge: ${text}`);
    return {
      nonce: parts[1]!,
      salt: Buffer.from(parts[2]!, 'base64'),
      iterations: Number(parts[3]),
      ...(parts[4] ? { h: parts[4] } : {}),
      ...(parts[5] ? { t: parts[5] } : {}),
    };
  }

  final(challenge: string): string {
    const { nonce, salt, iterations } = Scram.parse(challenge);
    if (!nonce.startsWith(this.nonce) || nonce === this.nonce) throw new Error('the server did not add to our nonce');
    const hmac = (key: Uint8Array, data: string) => createHmac(this.hash, key).update(data).digest();
    const salted = saltedPassword(this.name, this.password, salt, iterations);
    const clientKey = hmac(salted, 'Client Key');
    const storedKey = createHash(this.hash).update(clientKey).digest();
    const withoutProof = `c=${b64(Buffer.concat([Buffer.from(this.gs2), this.binding]))},r=${nonce}`;
    const serverFirst = Buffer.from(challenge, 'base64').toString();
    const authMessage = `${this.bare},${serverFirst},${withoutProof}`;
    const signature = hmac(storedKey, authMessage);
    const proof = clientKey.map((byte, i) => byte ^ signature[i]!);
    this.serverSignature = hmac(hmac(salted, 'Server Key'), authMessage);
    return b64(`${withoutProof},p=${b64(proof)}`);
  }

  /** The server must prove that it knows the password, too. */
  verify(success: string): void {
    const text = Buffer.from(success, 'base64').toString();
    const got = Buffer.from(/^v=(.+)$/.exec(text)?.[1] ?? '', 'base64');
    const want = this.serverSignature;
    if (!want || got.length !== want.length || !timingSafeEqual(got, want))
      throw new Error(`wrong server signature: ${text}`);
  }
}

/** What a client answers to an upgrade task (XEP-0480). */
export function saltedPassword(name: ScramName, password: string, salt: Uint8Array, iterations: number): Buffer {
  const hash = name === 'SCRAM-SHA-1' ? 'sha1' : 'sha256';
  return pbkdf2Sync(password, salt, iterations, hash === 'sha1' ? 20 : 32, hash);
}

export const plain = (authzid: string, user: string, password: string): string =>
  b64(`${authzid}\0${user}\0${password}`);
