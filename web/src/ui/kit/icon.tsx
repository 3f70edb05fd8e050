import { ICONS } from './icons';

export type IconName = keyof typeof ICONS;

export function Icon({ name, small }: { name: IconName; small?: boolean }) {
  return (
    <svg
      class={small ? 'i i-sm' : 'i'}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {ICONS[name]()}
    </svg>
  );
}

/** The sign of the product; takes the accent of the theme in use. */
export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 64 64" aria-hidden="true">
      <path
        d="M45.6 17.2a20.5 20.5 0 1 0 0 28.6"
        fill="none"
        stroke="currentColor"
        stroke-width="8.5"
        stroke-linecap="round"
      />
      <path d="M13.6 40.5 9.9 52.4c-.6 1.9 1.1 3.6 3 3.1L26.5 51.6Z" fill="currentColor" />
      <circle cx="43.5" cy="31.5" r="5.75" fill="currentColor" />
    </svg>
  );
}
