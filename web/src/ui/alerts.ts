// What reaches the reader who looks elsewhere: the number in the title, and a sound.
import { effect } from '@preact/signals';
import type { Address, App, Session } from '../store/model';
import { t } from './i18n';
import { route } from './router';

let audio: AudioContext | undefined;
let lastPlayed = 0;

/** Two soft tones, made here: no file to load, nothing to decode. */
export function playSound(): void {
  try {
    audio ??= new AudioContext();
    const start = audio.currentTime + 0.01;
    for (const [pitch, after] of [
      [660, 0],
      [880, 0.11],
    ] as const) {
      const tone = audio.createOscillator();
      const loudness = audio.createGain();
      tone.type = 'sine';
      tone.frequency.value = pitch;
      loudness.gain.setValueAtTime(0, start + after);
      loudness.gain.linearRampToValueAtTime(0.12, start + after + 0.015);
      loudness.gain.exponentialRampToValueAtTime(0.001, start + after + 0.28);
      tone.connect(loudness).connect(audio.destination);
      tone.start(start + after);
      tone.stop(start + after + 0.3);
    }
  } catch {
    // No audio device, or the browser wants a click first: the title still says it.
  }
}

function nameOf(session: Session, address: Address): string {
  void session.contactsVersion.value;
  return session.contact(address)?.name ?? address;
}

/** Runs as long as the app does. */
export function startAlerts(app: App): void {
  const total = () => {
    const here = app.session.value;
    let sum = here?.unread.value ?? 0;
    for (const account of app.accounts.value)
      if (account.address !== here?.account.address) sum += account.unread.value;
    return sum;
  };
  effect(() => {
    const count = total();
    const session = app.session.value;
    const open = session && route.value.chat;
    // By the contact, not by the chat: while accounts change, this must not make a chat in the wrong one.
    const name = !open ? '' : open === session.account.address ? t('notes.name') : nameOf(session, open);
    const title = name ? `${name} · Confab` : 'Confab';
    document.title = count > 0 ? `(${count > 99 ? '99+' : count}) ${title}` : title;
  });
  effect(() => {
    const session = app.session.value;
    return session?.onIncoming((message) => {
      if (session.chat(message.chat).muted.peek()) return;
      if (document.hasFocus() || !app.settings.peek().sound) return;
      // Several at once are one occasion.
      if (performance.now() - lastPlayed < 1500) return;
      lastPlayed = performance.now();
      playSound();
    });
  });
}
