// [archive] keep: what is older leaves the archives of both sides, and nobody can ask for it any more.

import { expect, test } from 'vitest';
import { ask, bodies, type Client, everything, inbox, NS, page, type Query, useServer, x } from './harness/index.ts';

const stage = useServer({ archive: { keep: '2s' } });
const metadata = async (c: Client) => (await c.get(`<metadata xmlns='${NS.mam}'/>`)).at('metadata').elements();

/** Asks until the answer is right: the server's clock decides when. */
async function until<T>(what: () => Promise<T>, is: (got: T) => boolean): Promise<T> {
  for (;;) {
    const got = await what();
    if (is(got)) return got;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('it goes on both sides, and its id with it; what comes later is there', async () => {
  const [a, b] = await stage.accounts('alice', 'bob');
  const alice = await stage.signIn(a, { presence: true });
  const bob = await stage.signIn(b, { presence: true });
  bob.sends`<message to='${alice.bare}' type='chat' id='old'><body>old</body></message>`;
  const live = await alice.pick(x`<message type='chat' id='old'/>`);
  const id = live.child('stanza-id', NS.sid)!.attr('id')!;
  for (const one of [alice, bob]) {
    await until(
      () => everything(one),
      (all) => all.length === 0,
    );
    expect(await metadata(one)).toEqual([]);
  }
  const asked: Query[] = [{ after: id }, { before: id }, { fields: { ids: [id] } }, { fields: { 'after-id': id } }];
  for (const q of asked) await alice.fails(ask(alice, q), 'cancel', 'item-not-found');
  // New ones come between two that go: what is left is always the newest.
  const said: string[] = [];
  await until(
    async () => {
      const text = `m${said.length}`;
      said.push(text);
      bob.sends`<message to='${alice.bare}' type='chat' id='${text}'><body>${text}</body></message>`;
      await alice.pick(x`<message type='chat' id='${text}'/>`);
      return bodies((await page(alice)).results);
    },
    (left) => {
      expect(left).toEqual(said.slice(said.length - left.length));
      return left.length > 0 && left.length < said.length;
    },
  );
});

test('who signs in is told where the archive begins now', async () => {
  const [a, b] = await stage.accounts('alice', 'bob');
  const alice = await stage.signIn(a, { presence: true, resource: 'stays' });
  const bob = await stage.signIn(b, { presence: true });
  const edges = async () => {
    const other = await stage.signInModern(a);
    const told = other.history.flatMap((el) => String(el).match(/<(start|end) [^>]*timestamp/g) ?? []);
    await other.close();
    return told.length;
  };
  await until(
    async () => {
      bob.sends`<message to='${alice.bare}' type='chat' id='old'><body>old</body></message>`;
      await alice.pick(x`<message type='chat' id='old'/>`);
      return edges();
    },
    (count) => count === 2,
  );
  await until(edges, (count) => count === 0);
});

test('it leaves the inbox', async () => {
  const [a, b] = await stage.accounts('alice', 'bob');
  const alice = await stage.signIn(a, { presence: true });
  const bob = await stage.signIn(b);
  await until(
    async () => {
      bob.sends`<message to='${alice.bare}' type='chat' id='old'><body>old</body></message>`;
      await alice.pick(x`<message type='chat' id='old'/>`);
      return inbox(alice);
    },
    (got) => got.allUnread > 0,
  );
  const got = await until(
    () => inbox(alice),
    (now) => now.total === 0,
  );
  expect([got.allUnread, got.entries, got.archive]).toEqual([0, [], undefined]);
});

test('after a crash too', async () => {
  const [a, b] = await stage.accounts('alice', 'bob');
  const alice = await stage.signIn(a, { sm: true });
  alice.sends`<message to='${b.jid}' type='chat' id='old'><body>old</body></message>`;
  await alice.allAcked();
  await stage.server.restart('SIGKILL');
  const bob = await stage.signIn(b);
  await until(
    () => everything(bob),
    (all) => all.length === 0,
  );
});
