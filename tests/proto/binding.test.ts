// Channel binding: SCRAM-SHA-*-PLUS, its announcement (XEP-0440), and what shows a downgrade (XEP-0474, XEP-0515).

import { createHash, randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type Account,
  Client,
  fast,
  getToken,
  NS,
  negotiate,
  Scram,
  type ScramName,
  sasl1,
  sasl2,
  useServer,
  Wire,
  x,
} from './harness/index.ts';

const stage = useServer();

async function opened(transport: 'tls' | 'starttls' | 'tcp' | 'wss' = 'tls'): Promise<Client> {
  const c = await stage.connect('someone', transport);
  await negotiate(c);
  return c;
}

async function old(maxVersion: 'TLSv1.2'): Promise<Client> {
  const c = new Client('old', stage.ports, 'tls');
  c.attach(
    await Wire.tls(stage.ports.c2sTls, { ALPNProtocols: ['xmpp-client'], servername: stage.domain, maxVersion }),
  );
  await negotiate(c);
  return c;
}

const types = (c: Client) =>
  c
    .features!.child('sasl-channel-binding', NS.saslCb)
    ?.all('channel-binding')
    .map((e) => e.need('type'));
const names = (c: Client, of = 'authentication') =>
  c
    .features!.at(of)
    .all('mechanism')
    .map((e) => e.text);

/** One exchange with this header and these bytes: the outcome, and what the challenge said. */
async function bound(c: Client, account: Account, name: ScramName, plus: boolean, gs2: string, data?: Uint8Array) {
  const scram = new Scram(name, account.name, account.password, gs2, data);
  const mechanism = plus ? `${name}-PLUS` : name;
  c.sendRaw(
    x`<authenticate xmlns='${NS.sasl2}' mechanism='${mechanism}'><initial-response>${scram.first()}</initial-response></authenticate>`,
  );
  const challenge = await c.nextElement();
  if (challenge.name !== 'challenge') return { outcome: challenge };
  c.sendRaw(`<response xmlns='${NS.sasl2}'>${scram.final(challenge.text)}</response>`);
  const outcome = await c.nextElement();
  if (outcome.name === 'success') scram.verify(outcome.at('additional-data').text);
  return { outcome, said: Scram.parse(challenge.text) };
}

describe('announcement', () => {
  test.each(['tls', 'starttls', 'wss'] as const)('over %s', async (transport) => {
    const c = await opened(transport);
    expect(types(c)).toEqual(['tls-exporter', 'tls-server-end-point']);
    for (const list of ['authentication', 'mechanisms'])
      expect(names(c, list)).toEqual(expect.arrayContaining(['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS']));
  });

  test('not without TLS', async () => {
    const c = await opened('tcp');
    expect(types(c)).toBeUndefined();
    expect(names(c).filter((n) => n.endsWith('-PLUS'))).toEqual([]);
  });
});

describe('a bound proof', () => {
  test.each(['tls-exporter', 'tls-server-end-point'] as const)('%s', async (type) => {
    const [alice] = await stage.accounts('alice');
    for (const name of ['SCRAM-SHA-256', 'SCRAM-SHA-1'] as const)
      for (const transport of ['tls', 'starttls'] as const) {
        const c = await opened(transport);
        const { outcome } = await bound(c, alice, name, true, `p=${type},,`, c.bytes.binding(type));
        expect(outcome.name).toBe('success');
      }
    const c = await old('TLSv1.2'); // OpenSSL has the extended master secret
    expect((await bound(c, alice, 'SCRAM-SHA-256', true, `p=${type},,`, c.bytes.binding(type))).outcome.name).toBe(
      'success',
    );
  });

  test('of another connection, of the wrong type, of no type, or cut off fails', async () => {
    const [alice] = await stage.accounts('alice');
    const other = await opened();
    const cases: [string, (c: Client) => Uint8Array | undefined][] = [
      ['p=tls-exporter,,', () => other.bytes.binding('tls-exporter')],
      ['p=tls-exporter,,', (c) => c.bytes.binding('tls-server-end-point')],
      ['p=tls-server-end-point,,', (c) => c.bytes.binding('tls-exporter')],
      ['p=tls-exporter,,', (c) => c.bytes.binding('tls-exporter').subarray(0, 31)],
      ['p=tls-exporter,,', () => undefined],
      ['p=tls-nothing,,', (c) => c.bytes.binding('tls-exporter')],
      ['n,,', () => undefined],
      ['y,,', () => undefined],
    ];
    for (const [gs2, data] of cases) {
      const c = await opened();
      const { outcome } = await bound(c, alice, 'SCRAM-SHA-256', true, gs2, data(c));
      expect(`${gs2} ${outcome.name}`).toBe(`${gs2} failure`);
    }
  });

  test('“I could but you do not” fails where it was offered; “I cannot” is fine', async () => {
    const [alice] = await stage.accounts('alice');
    expect((await bound(await opened(), alice, 'SCRAM-SHA-256', false, 'y,,')).outcome.name).toBe('failure');
    expect((await bound(await opened(), alice, 'SCRAM-SHA-256', false, 'n,,')).outcome.name).toBe('success');
    expect((await bound(await opened('tcp'), alice, 'SCRAM-SHA-256', false, 'y,,')).outcome.name).toBe('success');
  });
});

describe('tokens', () => {
  test.each([
    ['HT-SHA-256-EXPR', 'tls-exporter'],
    ['HT-SHA-256-ENDP', 'tls-server-end-point'],
  ] as const)('%s', async (mechanism, type) => {
    const [alice] = await stage.accounts('alice');
    const agentId = randomUUID();
    const token = await getToken(await opened(), alice, agentId, mechanism);
    const c = await opened();
    expect((await fast(c, alice, token, { agentId, mechanism, binding: c.bytes.binding(type) })).name).toBe('success');
    const none = await fast(await opened(), alice, token, { agentId });
    expect(none.elements()[0]!.name).toBe('not-authorized');
    const other = await opened();
    const wrong = c.bytes.binding(type === 'tls-exporter' ? 'tls-exporter' : 'tls-server-end-point').fill(0);
    expect((await fast(other, alice, token, { agentId, mechanism, binding: wrong })).name).toBe('failure');
    const plain = await fast(await opened('tcp'), alice, token, { agentId, mechanism });
    expect(plain.elements()[0]!.name).toBe('invalid-mechanism');
  });
});

describe('what was offered is signed', () => {
  const digest = (hash: string, mechanisms: string[], bindings: string[] = []) =>
    createHash(hash)
      .update([...mechanisms].sort().join('\x1e') + (bindings.length ? `\x1f${[...bindings].sort().join('\x1e')}` : ''))
      .digest('base64');

  test.each(['tls', 'tcp'] as const)('over %s', async (transport) => {
    const [alice] = await stage.accounts('alice');
    for (const [name, hash] of [
      ['SCRAM-SHA-256', 'sha256'],
      ['SCRAM-SHA-1', 'sha1'],
    ] as const) {
      const c = await opened(transport);
      const { said } = await bound(c, alice, name, false, 'n,,');
      expect(said!.h).toBe(digest(hash, names(c), types(c)));
      expect(said!.t).toBe(transport === 'tls' ? '0304' : undefined);
    }
  });

  test('of the TLS version in use', async () => {
    const [alice] = await stage.accounts('alice');
    expect((await bound(await old('TLSv1.2'), alice, 'SCRAM-SHA-256', false, 'n,,')).said!.t).toBe('0303');
  });

  test('by SASL of RFC 6120 too', async () => {
    const [alice] = await stage.accounts('alice');
    const c = await opened();
    expect((await sasl1(c, alice.name, alice.password)).name).toBe('success');
    expect((await sasl2(await opened(), alice)).name).toBe('success');
  });
});
