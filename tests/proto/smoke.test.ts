// The shortest walk through everything: two people sign in over each transport and talk.

import { describe, test } from 'vitest';
import { type Transport, useServer } from './harness/index.ts';

const stage = useServer();

const TRANSPORTS: Transport[] = ['tcp', 'starttls', 'tls', 'ws', 'wss'];

describe.each(TRANSPORTS)('over %s', (transport) => {
  test('an old client and an old client', async () => {
    const [alice, bob] = await stage.castWith({ transport, presence: true }, 'alice', 'bob');
    alice.sends`<message to='${bob}' type='chat' id='hello'><body>Salut, ça va ?</body></message>`;
    await bob.receives`<message from='${alice}' to='${bob}' type='chat' id='hello'><body>Salut, ça va ?</body></message>`;
    bob.sends`<message to='${alice.bare}' type='chat' id='answer'><body>&lt;fine&gt; &amp; you?</body></message>`;
    await alice.receives`<message from='${bob}' to='${alice.bare}' type='chat' id='answer'><body>&lt;fine&gt; &amp; you?</body></message>`;
    await alice.receivesNothing(bob);
    await bob.receivesNothing(alice);
    await alice.close();
    await bob.close();
  });

  test('a modern client and an old one', async () => {
    const [carol, dave] = await stage.accounts('carol', 'dave');
    const modern = await stage.signInModern(carol, { transport });
    const old = await stage.signIn(dave, { transport, presence: true });
    await stage.available(modern);
    modern.sends`<message to='${old}' type='chat' id='m1'><body>one</body></message>`;
    await old.receives`<message from='${modern}' to='${old}' type='chat' id='m1'><body>one</body></message>`;
    await modern.allAcked();
    old.sends`<message to='${modern}' type='chat' id='m2'><body>two</body></message>`;
    await modern.receives`<message from='${old}' to='${modern}' type='chat' id='m2'><body>two</body></message>`;
    await modern.close();
    await old.close();
  });
});
