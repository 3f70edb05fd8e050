// No channel binding behind a proxy ([listen] proxies): the TLS that we see need not be the one that the client has.

import { once } from 'node:events';
import net from 'node:net';
import { describe, expect, test } from 'vitest';
import { Client, fast, NS, negotiate, Scram, sasl2, useServer, Wire, x } from './harness/index.ts';

const stage = useServer({ listen: { proxies: '127.0.0.1' } });

const SIGNATURE = '0d0a0d0a000d0a515549540a';
/** PROXY v2: for a client of somewhere; and LOCAL, a connection of the proxy's own. */
const headers = {
  PROXY: Buffer.from(`${SIGNATURE}2111000cc0000207c0000201c3501466`, 'hex'),
  LOCAL: Buffer.from(`${SIGNATURE}20000000`, 'hex'),
};

async function behind(header: Buffer): Promise<Client> {
  const socket = net.connect({ port: stage.ports.c2sTls, host: '127.0.0.1' });
  await once(socket, 'connect');
  socket.write(header);
  const c = stage.adopt(new Client('someone', stage.ports, 'tls'));
  c.attach(await Wire.tls(stage.ports.c2sTls, { socket, servername: stage.domain, ALPNProtocols: ['xmpp-client'] }));
  await negotiate(c);
  return c;
}

describe.each(['PROXY', 'LOCAL'] as const)('behind a header of %s', (kind) => {
  const opened = () => behind(headers[kind]);

  test('nothing that binds is offered', async () => {
    const c = await opened();
    expect(c.features!.child('sasl-channel-binding', NS.saslCb)).toBeUndefined();
    for (const list of ['authentication', 'mechanisms']) {
      const names = c
        .features!.at(list)
        .all('mechanism')
        .map((e) => e.text);
      expect(names).toContain('SCRAM-SHA-256');
      expect(names.filter((n) => n.endsWith('-PLUS'))).toEqual([]);
    }
    const tokens = c.features!.at('authentication').at('inline').at('fast').all('mechanism');
    expect(tokens.map((e) => e.text)).toEqual(['HT-SHA-256-NONE']);
  });

  test('nor taken', async () => {
    const [alice] = await stage.accounts('alice');
    for (const type of ['tls-exporter', 'tls-server-end-point'] as const) {
      const c = await opened();
      const scram = new Scram('SCRAM-SHA-256', alice.name, alice.password, `p=${type},,`, c.bytes.binding(type));
      c.sendRaw(
        x`<authenticate xmlns='${NS.sasl2}' mechanism='SCRAM-SHA-256-PLUS'><initial-response>${scram.first()}</initial-response></authenticate>`,
      );
      expect((await c.nextElement()).elements()[0]!.name).toBe('invalid-mechanism');
    }
    for (const mechanism of ['HT-SHA-256-EXPR', 'HT-SHA-256-ENDP'] as const) {
      const outcome = await fast(await opened(), alice, 'any', { agentId: 'some', mechanism });
      expect(outcome.elements()[0]!.name).toBe('invalid-mechanism');
    }
    expect((await sasl2(await opened(), alice)).name).toBe('success');
  });
});
