// One account, two devices: the app and Debian's Profanity. Both show the same conversation, whichever of them was there.
// Profanity speaks no -PLUS mechanism and sends no markers, so there is nothing of either here.

import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { type Account, BadNetwork, type Client, eventually, makeCa, type Ports, useServer, x } from '../harness/index.ts';
import { Profanity, profanityIsHere } from '../harness/profanity.ts';
import { App, gets } from './beside.ts';

const DOMAIN = 'chat.example';
const ca = makeCa(DOMAIN);
const stage = useServer({ tls: { certificate: ca.certificate, key: ca.key }, auth: { plaintext: 'never' } });

const devices: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of devices.splice(0)) await end();
});
afterAll(() => ca.remove());

function open(account: Account, ports: Ports = stage.ports): Profanity {
  const p = new Profanity({ account, policy: 'force', ports, trust: ca.folder });
  devices.push(() => p.end());
  return p;
}

/**
 * Signed in, as far as itself knows, with the conversation on its screen. `past`: it reads the archive, which it does only when told
 * to, and then shows twice what comes while it reads.
 */
async function talking(account: Account, bob: Client, o: { ports?: Ports; past?: boolean } = {}): Promise<Profanity> {
  const profanity = open(account, o.ports);
  await bob.pick(x`<presence from='${account.jid}/profanity'/>`);
  await profanity.shows(/logged in successfully/);
  await profanity.shows(new RegExp(bob.bare));
  if (o.past) profanity.type('/mam on');
  profanity.type(`/msg ${bob.bare}`);
  await profanity.shows(/-2-/);
  return profanity;
}

async function cast() {
  const [a, b] = await stage.accounts('alice', 'bob');
  await stage.befriend(a, b);
  const bob = await stage.signIn(b, { presence: true });
  const app = await App.open(stage, a, b.jid);
  devices.push(() => app.leave());
  return { a, bob, app, terminal: `${a.jid}/profanity` };
}

/** These words stand on the screen in this order, each once. */
async function showsOnce(profanity: Profanity, ...words: string[]): Promise<void> {
  const all = new RegExp(words.join('|'), 'g');
  await profanity.shows(new RegExp(words.join('[^]*')));
  expect(profanity.screen().match(all)).toEqual(words);
}

describe.skipIf(!profanityIsHere)('Profanity beside the app', () => {
  test('what one of them sends or gets, the other has at once', async () => {
    const { a, bob, app, terminal } = await cast();
    const profanity = await talking(a, bob);
    await app.say('word-from-the-app');
    await profanity.shows(/word-from-the-app/);
    profanity.type('word-from-the-terminal');
    await app.shows('> word-from-the-app', '> word-from-the-terminal');
    await gets(bob, 'word-from-the-app', 'word-from-the-terminal');
    bob.sends`<message to='${a.jid}' type='chat' id='r1'><body>word-to-both</body></message>`;
    await profanity.shows(/word-to-both/);
    bob.sends`<message to='${terminal}' type='chat' id='r2'><body>word-to-the-terminal</body></message>`;
    await showsOnce(profanity, 'word-from-the-app', 'word-from-the-terminal', 'word-to-both', 'word-to-the-terminal');
    await app.shows('> word-from-the-app', '> word-from-the-terminal', 'word-to-both', 'word-to-the-terminal');
    expect(await app.unread()).toBe(2);
  });

  test('who was away has what it missed, once', async () => {
    const { a, bob, app, terminal } = await cast();
    const profanity = await talking(a, bob);
    profanity.type('word-one');
    await app.shows('> word-one');
    profanity.type('/quit');
    await bob.pick(x`<presence from='${terminal}' type='unavailable'/>`);
    await app.say('word-two');
    bob.sends`<message to='${a.jid}' type='chat' id='r3'><body>word-three</body></message>`;
    await app.shows('> word-one', '> word-two', 'word-three');

    // What has its own resource it takes from its own log only, and this one is new.
    const again = await talking(a, bob, { past: true });
    await showsOnce(again, 'word-two', 'word-three');
    await app.close();
    again.type('word-four');
    await gets(bob, 'word-one', 'word-two', 'word-four');
    bob.sends`<message to='${a.jid}' type='chat' id='r5'><body>word-five</body></message>`;
    await showsOnce(again, 'word-two', 'word-three', 'word-four', 'word-five');
    await app.reopen();
    await app.shows('> word-one', '> word-two', 'word-three', '> word-four', 'word-five');
  });

  test('after a cut it goes on where it was: nothing twice, nothing missing', async () => {
    const { a, bob, app, terminal } = await cast();
    const network = await BadNetwork.before(stage.ports, 1);
    network.calm = true;
    devices.push(() => network.close());
    const profanity = await talking(a, bob, { ports: network.ports });
    bob.sends`<message to='${a.jid}' type='chat' id='r1'><body>word-one</body></message>`;
    await profanity.shows(/word-one/);

    network.clear();
    await app.say('word-two');
    bob.sends`<message to='${a.jid}' type='chat' id='r3'><body>word-three</body></message>`;
    await app.shows('word-one', '> word-two', 'word-three');
    // It comes back by itself, after a second.
    await eventually(() => stage.server.log.includes(`event=resumed session=${terminal}`));
    await showsOnce(profanity, 'word-one', 'word-two', 'word-three');
    profanity.type('word-four');
    await app.shows('word-one', '> word-two', 'word-three', '> word-four');
    await gets(bob, 'word-two', 'word-four');
    await showsOnce(profanity, 'word-one', 'word-two', 'word-three', 'word-four');
  });
});
