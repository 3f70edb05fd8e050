// Client State Indication (XEP-0352): a client that nobody looks at is not woken for what can wait.

import { expect, test } from 'vitest';
import { type Account, type Client, NS, negotiate, resume, useServer, x } from './harness/index.ts';

const stage = useServer();

const CSI = 'urn:xmpp:csi:0';
const inactive = (c: Client) => c.sendRaw(`<inactive xmlns='${CSI}'/>`);
const active = (c: Client) => c.sendRaw(`<active xmlns='${CSI}'/>`);
/** What Bob was seen as, one after the other; the answer to a probe says the same once more. */
const shows = (c: Client) =>
  c.history
    .filter((el) => el.name === 'presence' && el.child('show'))
    .map((el) => el.at('show').text)
    .filter((show, i, all) => show !== all[i - 1]);

/** Alice, whose client supports stream management, and her friend Bob. */
async function scene() {
  const [a, b] = await stage.accounts('alice', 'bob');
  await stage.befriend(a, b);
  const alice = await stage.signIn(a, { resource: 'phone', presence: true, sm: true });
  const bob = await stage.signIn(b, { presence: true });
  await bob.settle(alice);
  await alice.settle(bob);
  return { a, b, alice, bob };
}

async function says(bob: Client, ...states: string[]): Promise<void> {
  for (const show of states) bob.send(`<presence><show>${show}</show></presence>`);
  await bob.pick(x`<presence from='${bob}'><show>${states.at(-1)!}</show></presence>`);
}

/** Waits until the account has what Bob says, without a word to those of its clients that are inactive. */
async function seenAtHome(account: Account, bob: Client, show: string): Promise<void> {
  const other = await stage.signIn(account, { resource: 'other' });
  other.send('<presence/>');
  await other.pick(x`<presence from='${bob}'><show>${show}</show></presence>`);
}

test('is offered after sign-in and in Bind 2', async () => {
  const [a] = await stage.accounts('alice');
  const c = await stage.connect(a.name);
  await negotiate(c);
  const bind = c.features!.at('authentication').at('inline').child('bind', NS.bind2)!;
  expect(
    bind
      .at('inline')
      .elements()
      .some((f) => f.attr('var') === CSI),
  ).toBe(true);
});

test('presence waits, the newest of each, until the client is active', async () => {
  const { a, alice, bob } = await scene();
  inactive(alice);
  await alice.ping();
  await says(bob, 'away', 'dnd', 'xa');
  await seenAtHome(a, bob, 'xa');
  active(alice);
  await alice.pick(x`<presence from='${bob}'><show>xa</show></presence>`);
  await says(bob, 'chat');
  await alice.pick(x`<presence from='${bob}'><show>chat</show></presence>`);
  expect(shows(alice)).toEqual(['xa', 'chat']);
});

test('all that waits is there before the answer to what is asked next', async () => {
  const { a, alice, bob } = await scene();
  inactive(alice);
  await alice.ping();
  await says(bob, 'away');
  await seenAtHome(a, bob, 'away');
  active(alice);
  alice.sends`<iq type='get' id='p'><ping xmlns='${NS.ping}'/></iq>`;
  await alice.pick(x`<iq type='result' id='p'/>`);
  expect(shows(alice)).toEqual(['away']);
});

test('a message wakes it, and what waited comes before', async () => {
  const { a, alice, bob } = await scene();
  inactive(alice);
  await alice.ping();
  await says(bob, 'away');
  bob.sends`<message to='${alice.bare}' type='chat' id='m1'><body>x</body></message>`;
  await alice.receives`<presence from='${bob}'><show>away</show></presence>`;
  await alice.receives`<message type='chat' id='m1'/>`;
  await says(bob, 'dnd', 'xa');
  await seenAtHome(a, bob, 'xa');
  active(alice);
  await alice.pick(x`<presence from='${bob}'><show>xa</show></presence>`);
  expect(shows(alice)).toEqual(['away', 'xa']);
});

test('typing notices are dropped, receipts and messages are not', async () => {
  const { alice, bob } = await scene();
  inactive(alice);
  await alice.ping();
  const to = [alice.bare, alice.jid];
  for (const jid of to)
    bob.sends`<message to='${jid}' type='chat' id='s'><composing xmlns='${NS.chatstates}'/></message>`;
  bob.sends`<message to='${alice.bare}' type='chat' id='r'><received xmlns='${NS.receipts}' id='x'/></message>`;
  await alice.receives`<message type='chat' id='r'/>`;
  bob.sends`<message to='${alice.bare}' type='chat' id='b'><body>x</body><active xmlns='${NS.chatstates}'/></message>`;
  await alice.receives`<message type='chat' id='b'/>`;
  active(alice);
  await alice.ping();
  bob.sends`<message to='${alice.bare}' type='chat' id='s2'><composing xmlns='${NS.chatstates}'/></message>`;
  await alice.receives`<message type='chat' id='s2'/>`;
});

test('nor are copies of them', async () => {
  const { a, alice, bob } = await scene();
  await alice.set(`<enable xmlns='${NS.carbons}'/>`);
  const pc = await stage.signIn(a, { resource: 'pc', presence: true });
  await alice.settle(pc);
  inactive(alice);
  await alice.ping();
  pc.sends`<message to='${bob}' type='chat' id='s'><composing xmlns='${NS.chatstates}'/></message>`;
  await bob.pick(x`<message type='chat' id='s'/>`);
  bob.sends`<message to='${pc}' type='chat' id='s'><composing xmlns='${NS.chatstates}'/></message>`;
  await pc.pick(x`<message type='chat' id='s'/>`);
  pc.sends`<message to='${bob}' type='chat' id='m'><body>x</body></message>`;
  const copy = await alice.pick(x`<message type='chat'><sent xmlns='${NS.carbons}'/></message>`);
  expect(copy.at('sent').at('forwarded').at('message').attr('id')).toBe('m');
  expect(alice.history.filter((el) => el.child('sent') ?? el.child('received')).length).toBe(1);
});

test('a request to be seen, a probe answered, a block: nothing else waits', async () => {
  const { alice } = await scene();
  const [c] = await stage.accounts('carol');
  const carol = await stage.signIn(c, { presence: true });
  inactive(alice);
  await alice.ping();
  carol.sends`<presence to='${alice.bare}' type='subscribe'/>`;
  await alice.receives`<presence type='subscribe' from='${c.jid}'/>`;
  carol.sends`<presence to='${alice}'/>`;
  await alice.receives`<presence from='${carol}'/>`;
});

test('a resumed session is active, and has what waited', async () => {
  const { a, alice, bob } = await scene();
  inactive(alice);
  await alice.ping();
  await says(bob, 'away');
  alice.kill();
  await says(bob, 'dnd');
  await seenAtHome(a, bob, 'dnd');
  const again = stage.adopt(await resume(alice, a));
  await again.pick(x`<presence from='${bob}'><show>dnd</show></presence>`);
  await says(bob, 'chat');
  await again.pick(x`<presence from='${bob}'><show>chat</show></presence>`);
  expect(shows(again)).toEqual(['dnd', 'chat']);
});

test('in Bind 2; and it shows to nobody', async () => {
  const [a, b] = await stage.accounts('alice', 'bob');
  await stage.befriend(a, b);
  const bob = await stage.signIn(b, { presence: true });
  const alice = await stage.signInModern(a, { tag: 'phone', inBind: `<inactive xmlns='${CSI}'/>` });
  alice.send('<presence/>');
  await alice.pick(x`<presence from='${alice}'/>`);
  await bob.pick(x`<presence from='${alice}'/>`);
  await says(bob, 'away', 'dnd');
  await seenAtHome(a, bob, 'dnd');
  active(alice);
  await alice.pick(x`<presence from='${bob}'><show>dnd</show></presence>`);
  expect(shows(alice)).toEqual(['dnd']);
  await bob.settle(alice);
  expect(bob.history.filter((el) => el.name === 'presence' && el.attr('from') === alice.jid).length).toBe(1);
});

test('more contacts than are held: what waits goes out, nothing is lost', async () => {
  const { a, alice } = await scene();
  inactive(alice);
  await alice.ping();
  // 600 addresses of one friend.
  const [c] = await stage.accounts('carol');
  await stage.befriend(a, c);
  await alice.settle();
  const rounds = 60;
  for (let i = 0; i < rounds; i++) {
    const each = await Promise.all(
      Array.from({ length: 10 }, (_, n) => stage.signIn(c, { resource: `r${i}-${n}`, presence: true })),
    );
    for (const one of each) await one.close();
  }
  active(alice);
  await alice.until(
    () => alice.history.filter((el) => el.attr('type') === 'unavailable').length >= rounds * 10,
    'all to have left',
  );
});
