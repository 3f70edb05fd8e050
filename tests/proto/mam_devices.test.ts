// After a restart, or a morning in the tunnel, all of a person's devices read the archive at once: none is sent away because of another.

import { expect, test } from 'vitest';
import { bodies, type Client, everything, loginModern, NS, SM_ENABLE, useServer, x } from './harness/index.ts';

const stage = useServer({ limits: { rates: 'no', sm_queue: '20' } });

const ask = (c: Client, id: string) =>
  c.send(
    x`<iq type='set' id='${id}'><query xmlns='${NS.mam}' queryid='${id}'><set xmlns='${NS.rsm}'><max>20</max></set></query></iq>`,
  );

test('a device that does not take its pages keeps no other from its own', async () => {
  const [alice, bob] = await stage.accounts('alice', 'bob');
  const sender = await stage.signInModern(bob);
  const wrote = Array.from({ length: 20 }, (_, i) => `m${i}`);
  for (const id of wrote) sender.sends`<message to='${alice.jid}' type='chat' id='${id}'><body>${id}</body></message>`;
  await sender.allAcked();

  const tablet = await stage.connect('tablet');
  tablet.autoAck = false; // so its pages stand still half way
  await loginModern(tablet, alice, { agentId: 'tablet', inBind: SM_ENABLE });
  const phone = await stage.signInModern(alice, { agentId: 'phone' });
  for (const id of ['q1', 'q2', 'q3', 'q4']) ask(tablet, id);
  await tablet.until(() => tablet.history.some((el) => el.child('result', NS.mam)), 'the first page to begin');
  for (let i = 0; i < 3; i++) expect(bodies(await everything(phone))).toEqual(wrote);
});

test('one device has a bound all the same', async () => {
  const [alice] = await stage.accounts('alice');
  const [bob] = await stage.accounts('bob');
  const sender = await stage.signInModern(bob);
  for (let i = 0; i < 20; i++)
    sender.sends`<message to='${alice.jid}' type='chat' id='m${i}'><body>m${i}</body></message>`;
  await sender.allAcked();
  const tablet = await stage.connect('tablet');
  tablet.autoAck = false;
  await loginModern(tablet, alice, { agentId: 'tablet', inBind: SM_ENABLE });
  const many = Array.from({ length: 12 }, (_, i) => `q${i}`);
  for (const id of many) ask(tablet, id);
  const refused = await tablet.pick(
    `<iq type='error'><error type='wait'><resource-constraint xmlns='${NS.stanzas}'/></error></iq>`,
  );
  expect(many).toContain(refused.attr('id'));
});
