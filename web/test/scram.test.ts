import { describe, expect, it } from 'vitest';
import { decode, encode, fromBase64, toBase64 } from '../src/xmpp/bytes';
import { AuthError } from '../src/xmpp/errors';
import { fastFirst, fastVerify } from '../src/xmpp/fast';
import { chooseMechanism, offeredHash, prepare, Scram } from '../src/xmpp/scram';

const b64 = (s: string) => toBase64(encode(s));
const plain = (s: string) => decode(fromBase64(s));

describe('SCRAM', () => {
  it('speaks the dialogue of RFC 7677', async () => {
    const scram = new Scram('SCRAM-SHA-256', 'SHA-256', 'user', { password: 'pencil' }, 'rOprNGfwEbeRWgbNEkqO');
    expect(plain(scram.first())).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO');
    const final = await scram.final(
      b64('r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'),
    );
    expect(plain(final)).toBe(
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    );
    scram.verify(b64('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='));
  });

  it('speaks the dialogue of RFC 5802', async () => {
    const scram = new Scram('SCRAM-SHA-1', 'SHA-1', 'user', { password: 'pencil' }, 'fyko+d2lbbFgONRv9qkxdawL');
    const final = await scram.final(b64('r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096'));
    expect(plain(final)).toBe('c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=');
    scram.verify(b64('v=rmF9pqV8S7suAoZWja4dJRkFsKQ='));
  });

  it('works from stored keys as from the password, and notices a changed password', async () => {
    const challenge = b64('r=nonceX,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096');
    const first = new Scram('SCRAM-SHA-256', 'SHA-256', 'u', { password: 'pencil' }, 'nonce');
    const proof = await first.final(challenge);
    const keys = first.keys!;
    expect(JSON.stringify(keys)).not.toContain('pencil');
    const again = new Scram('SCRAM-SHA-256', 'SHA-256', 'u', { keys }, 'nonce');
    expect(await again.final(challenge)).toBe(proof);
    const salted = new Scram('SCRAM-SHA-256', 'SHA-256', 'u', { keys }, 'nonce');
    await expect(salted.final(b64('r=nonceX,s=QSXCR+Q6sek8bf92,i=4096'))).rejects.toMatchObject({
      condition: 'keys-stale',
    });
  });

  it('refuses servers that do not prove themselves or ask for weak proofs', async () => {
    const make = () => new Scram('SCRAM-SHA-256', 'SHA-256', 'u', { password: 'p' }, 'nonce');
    const scram = make();
    await scram.final(b64('r=nonceX,s=QSXCR+Q6sek8bf92,i=4096'));
    expect(() => scram.verify(b64('v=AAAA'))).toThrow(AuthError);
    expect(() => scram.verify(undefined)).toThrow();
    await expect(make().final(b64('r=other,s=QSXCR+Q6sek8bf92,i=4096'))).rejects.toThrow(AuthError);
    await expect(make().final(b64('r=nonce,s=QSXCR+Q6sek8bf92,i=4096'))).rejects.toThrow(AuthError);
    await expect(make().final(b64('r=nonceX,s=QSXCR+Q6sek8bf92,i=1'))).rejects.toThrow(AuthError);
    await expect(make().final(b64('r=nonceX,s=QSXCR+Q6sek8bf92,i=1e9'))).rejects.toThrow(AuthError);
    await expect(make().final(b64('m=x,r=nonceX,s=QSXCR+Q6sek8bf92,i=4096'))).rejects.toThrow();
  });

  it('notices that the offer was changed on its way (XEP-0474)', async () => {
    // The example of the specification.
    const offered = {
      mechanisms: ['SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1'],
      bindings: ['tls-server-end-point', 'tls-exporter'],
    };
    expect(await offeredHash('SHA-1', offered)).toBe('G6k/rBLDqgOhRRaCuuatSDFkJ08=');
    const make = (mechanisms: string[]) =>
      new Scram('SCRAM-SHA-1', 'SHA-1', 'u', { password: 'p' }, 'nonce', { ...offered, mechanisms });
    const challenge = b64('r=nonceX,s=QSXCR+Q6sek8bf92,i=4096,h=G6k/rBLDqgOhRRaCuuatSDFkJ08=');
    expect(plain(await make(offered.mechanisms).final(challenge))).toContain('p=');
    await expect(make(['SCRAM-SHA-1']).final(challenge)).rejects.toMatchObject({ condition: 'bad-server' });
    await make(['SCRAM-SHA-1']).final(b64('r=nonceX,s=QSXCR+Q6sek8bf92,i=4096')); // a server that does not say
  });

  it('signs in by a token, and only to who has it too (XEP-0484)', async () => {
    const token = { token: 'secret-token:fast-Oeie4nmlUoLnXca-ou', expiry: 1 };
    const hex = (bytes: Uint8Array) => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
    const first = fromBase64(await fastFirst('mia', token));
    expect(decode(first.slice(0, 4))).toBe('mia\0');
    expect(hex(first.slice(4))).toBe('f2bcde3f91f5488d4a4376c294d9ec14aab8c28369316cf8c5ac27ce1ec625ae');
    await expect(fastVerify(token, toBase64(first.slice(4)))).rejects.toMatchObject({ condition: 'bad-server' });
    await expect(fastVerify(token, undefined)).rejects.toThrow();
  });

  it('escapes names, prepares passwords, and is not talked down', () => {
    expect(plain(new Scram('SCRAM-SHA-1', 'SHA-1', 'a=b,c', { password: 'p' }, 'n').first())).toBe(
      'n,,n=a=3Db=2Cc,r=n',
    );
    expect(prepare('I\u00adX')).toBe('IX');
    expect(prepare('\u00aa\u00a0\u2168')).toBe('a IX');
    const keys = { mechanism: 'SCRAM-SHA-256', salt: '', iterations: 4096, clientKey: '', serverKey: '' };
    expect(chooseMechanism(['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256'], { password: 'p' })?.name).toBe('SCRAM-SHA-256');
    expect(chooseMechanism(['SCRAM-SHA-1'], { keys })).toBeUndefined();
    expect(chooseMechanism(['PLAIN'], { password: 'p' })).toBeUndefined();
  });
});
