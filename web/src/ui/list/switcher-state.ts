import { signal } from '@preact/signals';

export const switcherOpen = signal(false);
export function openSwitcher(): void {
  switcherOpen.value = true;
}
