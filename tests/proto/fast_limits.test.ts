// FAST where tokens are short-lived, and where few devices are remembered.

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Client, eventually, fast, getToken, NS, negotiate, Scram, useServer, x } from './harness/index.ts';

const stage = useServer({ auth: { token_time: '4s' }, limits: { clients: '3' } });

async function opened() {
  const c = await stage.connect('someone');
  await negotiate(c);
  return c;
}

test('a token that is a part of its time old is renewed, an expired one is told apart', async () => {
  const [alice] = await stage.accounts('alice');
  const agentId = randomUUID();
  let token = await getToken(await opened(), alice, agentId);
  const old = token;
  await eventually(async () => {
    const next = (await fast(await opened(), alice, token, { agentId })).child('token', NS.fast);
    if (next) token = next.need('token');
    return next !== undefined;
  });
  expect(token).not.toBe(old);
  await eventually(async () => {
    const c = await opened();
    const outcome = await fast(c, alice, old, { agentId });
    return outcome.name === 'failure' && outcome.elements()[0]!.name === 'credentials-expired';
  });
});

const devicesOf = async (watcher: Client) =>
  (await watcher.get(`<list xmlns='${NS.cam}'/>`))
    .at('clients')
    .all('client')
    .filter((e) => !e.need('id').startsWith('s.'));

test('a thousand user agents: the oldest makes room', async () => {
  const [alice] = await stage.accounts('alice');
  const ids = Array.from({ length: 1000 }, () => randomUUID());
  for (let i = 0; i < ids.length; i += 25)
    await Promise.all(
      ids.slice(i, i + 25).map(async (id) => {
        const c = await opened();
        await getToken(c, alice, id);
        c.kill();
      }),
    );
  const watcher = await stage.signIn(alice);
  expect((await devicesOf(watcher)).length).toBe(3);
});

test('a device that made room while it was signing in is known again', async () => {
  const [alice] = await stage.accounts('alice');
  const agentId = randomUUID();
  await getToken(await opened(), alice, agentId);
  const c = await opened();
  const scram = new Scram('SCRAM-SHA-256', alice.name, alice.password, 'n,,');
  c.sendRaw(
    x`<authenticate xmlns='${NS.sasl2}' mechanism='SCRAM-SHA-256'><initial-response>${scram.first()}</initial-response><user-agent id='${agentId}'><device>comes back</device></user-agent></authenticate>`,
  );
  const challenge = await c.nextElement();
  const watcher = await stage.signIn(alice);
  for (let i = 0; i < 4; i++) await getToken(await opened(), alice, randomUUID());
  const names = async () => (await devicesOf(watcher)).map((e) => e.at('user-agent').child('device')?.text);
  expect(await names()).toEqual(['test', 'test', 'test']);
  c.sendRaw(`<response xmlns='${NS.sasl2}'>${scram.final(challenge.text)}</response>`);
  expect((await c.nextElement()).name).toBe('success');
  await c.expectFeatures();
  expect((await names()).sort()).toEqual(['comes back', 'test', 'test']);
  c.send(`<iq type='set' id='b'><bind xmlns='${NS.bind}'/></iq>`);
  expect((await c.nextElement()).attr('type')).toBe('result');
});
