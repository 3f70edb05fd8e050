// One Chromium, as light as it gets, and how to wait for what it draws.
import { chromium, type Page } from 'playwright-core';

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      // A microphone that beeps, and nobody who has to allow it.
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });

export const SIZES = {
  phone: { width: 390, height: 844 },
  tablet: { width: 820, height: 1180 },
  desktop: { width: 1440, height: 900 },
} as const;

export type Size = keyof typeof SIZES;

/** Every screen that must look right: its name, the query of the fixture, and its address. */
export const SCREENS: [name: string, query: string, hash: string][] = [
  ['signin', 'signedin=0', ''],
  ['signin-known', 'signedin=0&accounts=2', ''],
  ['first-start', 'content=first', '#/'],
  ['empty', 'content=empty', '#/'],
  ['list', '', '#/'],
  ['chat', 'typing=1', '#/chat/mia@example.org'],
  ['media', '', '#/chat/hana@example.org'],
  ['media-info', '', '#/chat/hana@example.org/info'],
  ['media-stranger', '', '#/chat/unknown@elsewhere.example'],
  ['chat-info', '', '#/chat/mia@example.org/info'],
  ['chat-states', '', '#/chat/sofia@example.net'],
  ['chat-new', '', '#/chat/lena@example.org'],
  ['chat-asked', '', '#/chat/paul@example.org'],
  ['kept', 'kept=1', '#/chat/noah@example.org/info'],
  ['kept-list', 'kept=1', '#/'],
  ['chat-blocked', '', '#/chat/kofi@example.org'],
  ['chat-stranger', '', '#/chat/stranger@example.net'],
  ['notes', '', '#/chat/alex@example.org'],
  ['people', '', '#/people'],
  ['full-list', 'content=full', '#/'],
  ['full-people', 'content=full', '#/people'],
  [
    'full-edge',
    'content=full',
    '#/chat/bartholomew-alexander.hohenstein-wittelsbach@a-rather-long-domain.example.org/info',
  ],
  ['full-log', 'content=full', '#/chat/person0@example.org'],
  ['settings', '', '#/settings'],
  ['profile', 'accounts=2', '#/settings/profile'],
  ['appearance', '', '#/settings/appearance'],
  ['chats-settings', '', '#/settings/chats'],
  ['privacy', '', '#/settings/privacy'],
  ['account', '', '#/settings/account'],
  ['devices', '', '#/settings/devices'],
  ['devices-one', 'devices=one', '#/settings/devices'],
  ['devices-many', 'devices=many', '#/settings/devices'],
  ['keyboard', '', '#/settings/keyboard'],
  ['offline', 'connection=offline', '#/chat/mia@example.org'],
  ['waiting', 'connection=waiting', '#/chat/mia@example.org'],
  ['ended', 'connection=ended', '#/chat/mia@example.org'],
  ['offline-list', 'connection=offline', '#/'],
  ['rtl', 'dir=rtl', '#/chat/mia@example.org/info'],
  ['text200', 'text=200', '#/chat/mia@example.org'],
  ['text200-list', 'text=200', '#/'],
];

/**
 * What was asked for has come and is drawn: the made-up store owes no answer, and for some frames nothing changed, neither
 * what there is nor where it stands nor what has the focus. A condition, so that a slow machine only waits for longer.
 */
export const still = (page: Page): Promise<void> =>
  page.evaluate(async () => {
    const task = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const look = () => {
      const focus = document.activeElement?.getBoundingClientRect();
      const panes = [...document.querySelectorAll('.log, .main, .list, .composer')].flatMap((it) => [
        it.scrollTop,
        it.scrollHeight,
        it.clientHeight,
        it.clientWidth,
      ]);
      const words = document.body.textContent?.length;
      return `${document.querySelectorAll('*').length} ${words} ${panes} ${focus?.x} ${focus?.y} ${location.hash}`;
    };
    await document.fonts.ready;
    let last = '';
    for (let same = 0; same < 4; ) {
      await task();
      const now = look();
      const coming = document.querySelector('[data-coming]') !== null;
      same = now === last && !coming && window.fixture.pending() === 0 ? same + 1 : 0;
      last = now;
    }
  });
