// One sound at a time: which one plays, where in it, how fast; and after a voice message the next one of the chat.
import { signal } from '@preact/signals';
import type { Message, Session } from '../../store/model';
import { remember, remembered } from '../look';
import { kindOf } from './kinds';

export const SPEEDS = [1, 1.5, 2] as const;

export const player = {
  /** Message whose sound is loaded. */
  key: signal<string | undefined>(undefined),
  playing: signal(false),
  /** Milliseconds. */
  at: signal(0),
  failed: signal<string | undefined>(undefined),
  speed: signal(Number(remembered('speed', '1')) || 1),
};

let audio: HTMLAudioElement | undefined;
let release: (() => void) | undefined;
let now: { session: Session; message: Message } | undefined;

function element(): HTMLAudioElement {
  if (audio) return audio;
  const made = new Audio();
  audio = made;
  made.preload = 'auto';
  const look = () => {
    if (player.key.peek()) player.at.value = made.currentTime * 1000;
  };
  // Finer than timeupdate, which comes four times a second.
  const tick = () => {
    look();
    if (!made.paused) requestAnimationFrame(tick);
  };
  made.addEventListener('play', () => {
    player.playing.value = true;
    tick();
  });
  made.addEventListener('pause', () => {
    player.playing.value = false;
  });
  made.addEventListener('timeupdate', look);
  made.addEventListener('ended', () => void ended());
  made.addEventListener('error', () => {
    if (!made.src) return;
    player.failed.value = player.key.peek();
    stop();
  });
  return made;
}

export function stop(): void {
  audio?.pause();
  audio?.removeAttribute('src');
  release?.();
  release = undefined;
  now = undefined;
  player.key.value = undefined;
  player.playing.value = false;
  player.at.value = 0;
}

async function sourceOf(session: Session, message: Message): Promise<string | undefined> {
  const blob = await session.localFile(message.key).catch(() => undefined);
  if (!blob) return message.file?.url ? session.reach(message.file.url) : undefined;
  const made = URL.createObjectURL(blob);
  release = () => URL.revokeObjectURL(made);
  return made;
}

export async function play(session: Session, message: Message, from = 0): Promise<void> {
  const el = element();
  if (player.key.peek() !== message.key) {
    stop();
    player.failed.value = undefined;
    player.key.value = message.key;
    now = { session, message };
    if (message.unheard) session.heard(message.key);
    const src = await sourceOf(session, message);
    if (!src || player.key.peek() !== message.key) return;
    el.src = src;
  }
  el.playbackRate = player.speed.peek();
  if (from > 0 || el.ended) el.currentTime = from / 1000;
  // Refused without a click, or stopped by another: the button shows that it does not play.
  await el.play().catch(() => {});
}

export function toggle(session: Session, message: Message): void {
  if (player.key.peek() === message.key && player.playing.peek()) audio?.pause();
  else void play(session, message);
}

export function seek(session: Session, message: Message, ms: number): void {
  if (player.key.peek() !== message.key) {
    void play(session, message, ms);
    return;
  }
  if (audio) audio.currentTime = ms / 1000;
  player.at.value = ms;
}

export function nextSpeed(): void {
  const i = (SPEEDS as readonly number[]).indexOf(player.speed.peek());
  player.speed.value = SPEEDS[(i + 1) % SPEEDS.length]!;
  remember('speed', String(player.speed.peek()));
  if (audio) audio.playbackRate = player.speed.peek();
}

/** Plays on to the next voice message of the chat; a piece of music does not. */
async function ended(): Promise<void> {
  const last = now;
  stop();
  if (!last || kindOf(last.message.file!) !== 'voice') return;
  const { messages: all } = await last.session.shared(last.message.chat);
  const i = all.findIndex((m) => m.key === last.message.key);
  const next = all.slice(0, Math.max(0, i)).findLast((m) => m.file && kindOf(m.file) === 'voice');
  const known = next && (next.mine || last.session.contact(next.chat) || last.session.isOwnHost(next.file!.url));
  if (next && known && player.key.peek() === undefined) await play(last.session, next);
}
