// Whether the details of the open chat are shown: a pane beside the chat where there is room (the reader's
// choice is kept), else a pane over it or of its own with its own history entry.
import { computed } from '@preact/signals';
import type { Address } from '../../store/model';
import { detailsPinned, layout, pinDetails } from '../look';
import { back, go, route } from '../router';

export const detailsShown = computed(() => {
  const { chat, info } = route.value;
  if (!chat) return false;
  return layout.value === 'full' ? detailsPinned.value : info === true;
});

export function toggleDetails(chat: Address): void {
  if (layout.peek() === 'full') pinDetails(!detailsPinned.peek());
  else if (route.peek().info) back();
  else go({ page: route.peek().page === 'people' ? 'people' : 'chats', chat, info: true });
}

export function closeDetails(): void {
  if (!detailsShown.peek()) return;
  if (layout.peek() === 'full') pinDetails(false);
  else back();
}
