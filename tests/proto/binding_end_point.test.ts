// tls-server-end-point where the certificate changes under its connections (SIGHUP).

import { copyFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import {
  type Account,
  type Client,
  eventually,
  fast,
  getToken,
  makeCa,
  NS,
  negotiate,
  Scram,
  useServer,
  x,
} from './harness/index.ts';

const [ca, next] = [makeCa('chat.example'), makeCa('chat.example')];
afterAll(() => {
  for (const one of [ca, next]) one.remove();
});
const stage = useServer({ tls: { certificate: ca.certificate, key: ca.key } });
const END_POINT = 'tls-server-end-point';

async function opened(): Promise<Client> {
  const c = await stage.connect('someone', 'tls');
  await negotiate(c);
  return c;
}

async function proves(c: Client, account: Account, data: Uint8Array): Promise<string> {
  const scram = new Scram('SCRAM-SHA-256', account.name, account.password, `p=${END_POINT},,`, data);
  c.sendRaw(
    x`<authenticate xmlns='${NS.sasl2}' mechanism='SCRAM-SHA-256-PLUS'><initial-response>${scram.first()}</initial-response></authenticate>`,
  );
  const challenge = await c.nextElement();
  c.sendRaw(`<response xmlns='${NS.sasl2}'>${scram.final(challenge.text)}</response>`);
  const outcome = await c.nextElement();
  if (outcome.name === 'success') scram.verify(outcome.at('additional-data').text);
  return outcome.name;
}

test('a connection is bound to the certificate that it was made with', async () => {
  const [alice] = await stage.accounts('alice');
  const agentId = 'the one that stays';
  const mechanism = 'HT-SHA-256-ENDP';
  const token = await getToken(await opened(), alice, agentId, mechanism);
  // Made before the change, used after it: one for each proof below.
  const [right, wrong, byToken] = [await opened(), await opened(), await opened()];
  const before = right.bytes.binding(END_POINT);

  copyFileSync(next.certificate, ca.certificate);
  copyFileSync(next.key, ca.key);
  process.kill(stage.server.pid, 'SIGHUP');
  await eventually(async () => !(await opened()).bytes.binding(END_POINT).equals(before));
  const fresh = await opened();
  const after = fresh.bytes.binding(END_POINT);

  expect(await proves(right, alice, before)).toBe('success');
  expect(await proves(wrong, alice, after)).toBe('failure');
  expect((await fast(byToken, alice, token, { agentId, mechanism, binding: before })).name).toBe('success');
  expect(await proves(fresh, alice, after)).toBe('success');
  expect(await proves(await opened(), alice, before)).toBe('failure');
  // The token is not the certificate's: it outlives it, bound to the new one.
  const old = await fast(await opened(), alice, token, { agentId, mechanism, binding: before });
  expect(old.elements()[0]!.name).toBe('not-authorized');
  expect((await fast(await opened(), alice, token, { agentId, mechanism, binding: after })).name).toBe('success');
});
