// Theme and text size. boot.js (in public/, a plain script in the head) applies the same two before the first
// paint from what is left here in localStorage; the store keeps the real settings.
import { signal } from '@preact/signals';
import type { Settings } from '../store/model';

const GROUND = { light: '#ffffff', dark: '#141a1b' };

export function applyLook({ theme, textSize }: Settings): void {
  const root = document.documentElement;
  if (theme === 'system') delete root.dataset.theme;
  else root.dataset.theme = theme;
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
    const own = meta.media.includes('dark') ? 'dark' : 'light';
    meta.content = GROUND[theme === 'system' ? own : theme];
  }
  const size = textSize === 100 ? '' : `${textSize}%`;
  if (root.style.fontSize !== size) {
    root.style.fontSize = size;
    textSizeChanged();
  }
  try {
    localStorage.setItem('confab:look', JSON.stringify({ theme, textSize }));
  } catch {
    // A browser without storage shows the system's theme for a moment at the start; nothing else is lost.
  }
}

/** Chromium keeps the old answer of a container query when only the root's font size changes: ask again. */
export function textSizeChanged(): void {
  const shell = document.querySelector<HTMLElement>('.shell');
  if (!shell) return;
  shell.style.containerType = 'normal';
  void shell.offsetWidth;
  shell.style.containerType = '';
  measure(shell);
}

/** The same breakpoints as in the style sheets, for what a style sheet cannot do (focus, history, row heights). */
export type Layout = 'phone' | 'tablet' | 'wide' | 'full';
export const layout = signal<Layout>('wide');
/** Pixels of one rem. */
export const rem = signal(16);

export function measure(shell: HTMLElement): void {
  const unit = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
  const width = shell.clientWidth / unit;
  rem.value = unit;
  layout.value = width < 37.5 ? 'phone' : width < 57.75 ? 'tablet' : width < 79.75 ? 'wide' : 'full';
}

/** Sizes that the reader has dragged or chosen on this device; losing them costs nothing. */
export function remembered(key: string, fallback: string): string {
  try {
    return localStorage.getItem(`confab:${key}`) ?? fallback;
  } catch {
    return fallback;
  }
}
export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`confab:${key}`, value);
  } catch {
    // Kept for this page only.
  }
}

export const detailsPinned = signal(remembered('details', 'shown') === 'shown');
export function pinDetails(shown: boolean): void {
  detailsPinned.value = shown;
  remember('details', shown ? 'shown' : 'hidden');
}

/** True for fingers: Enter makes a new line, menus are sheets, nothing depends on hovering. */
export const touch = matchMedia('(hover: none) and (pointer: coarse)');
