// Coming back by a token in one round trip, the list of devices, and signing one out from another.

import type { WebSocket } from 'playwright-core';
import { expect, test } from 'vitest';
import type { Person } from './harness/person.ts';
import { useWorld } from './harness/world.ts';

const world = useWorld({ limits: { sm_resume_time: '1s' } });

/** Names of what goes between the page and the server while it signs in, in order, from the next connection on. */
function signInFrames(person: Person): string[] {
  const seen: string[] = [];
  person.page.on('websocket', (socket: WebSocket) => {
    const note = (way: string) => (frame: { payload: string | Buffer }) => {
      const text = String(frame.payload);
      const name = /^<([a-z:]+)/.exec(text)?.[1] ?? '';
      if (!['authenticate', 'challenge', 'response', 'success', 'failure'].includes(name)) return;
      seen.push(`${way} ${name}${name === 'authenticate' ? ` ${/mechanism=['"]([^'"]+)/.exec(text)?.[1]}` : ''}`);
      if (/<resumed /.test(text)) seen.push('resumed');
    };
    socket.on('framesent', note('>'));
    socket.on('framereceived', note('<'));
  });
  return seen;
}

test('a reload after the session has ended signs in by the token, within one round trip', async () => {
  const [mia] = await world.accounts('mia');
  const seat = await world.sit();
  await seat.signIn(mia.name, mia.password);
  await expect.poll(() => seat.page.evaluate(() => document.visibilityState)).toBe('visible');
  // Away for longer than the server keeps the session.
  await seat.page.goto('about:blank');
  await expect.poll(() => world.server.ctl(['sessions', mia.jid]).then((o) => String(o).includes(mia.jid))).toBe(false);
  const frames = signInFrames(seat);
  await seat.page.goto(seat.link.url);
  await seat.online();
  await expect.poll(() => frames).toEqual(['> authenticate HT-SHA-256-NONE', '< success']);
});

/** By keys alone: Tab until it has the focus. */
async function tabTo(person: Person, name: RegExp): Promise<void> {
  const focused = () =>
    person.page.evaluate(
      () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent,
    );
  for (let i = 0; i < 60 && !name.test((await focused()) ?? ''); i++) await person.page.keyboard.press('Tab');
  await expect.poll(() => focused()).toMatch(name);
}

test('the devices of an account, and one of them signed out, by keys alone', async () => {
  const [mia] = await world.accounts('mia');
  const desk = await world.sit();
  const phone = await world.sit({ size: 'phone' });
  await desk.signIn(mia.name, mia.password);
  await phone.signIn(mia.name, mia.password);

  await desk.section('Devices');
  const others = desk.page.getByRole('region', { name: 'Other devices' });
  await desk.page.getByRole('region', { name: 'This device' }).getByText('Active now').waitFor();
  await others.getByRole('button', { name: /^Sign out (?!all)/ }).waitFor();
  await tabTo(desk, /^Sign out (?!all)/);
  await desk.page.keyboard.press('Enter');
  await expect.poll(() => others.getByText('You are signed in nowhere else.').isVisible()).toBe(true);

  // The focus did not get lost with the button.
  await expect.poll(() => desk.page.evaluate(() => document.activeElement?.textContent)).toContain('nowhere else');

  // The other one is told so, and stays out over a reload; the password opens it again.
  await phone.page.getByText('signed out').first().waitFor();
  await phone.page.reload();
  await phone.page.locator('.app.away').waitFor();
  await desk.online();
});
