// What is to be sent on, or in from another app; the chooser (forward.tsx) is fetched when it is first needed.
import { signal } from '@preact/signals';
import type { LinkPreview, Message } from '../../store/model';

/** What another app of this device has handed over. */
export interface Shared {
  text: string;
  link?: LinkPreview;
}

export interface Forwarding {
  messages: readonly Message[];
  /** Instead of messages. */
  shared?: Shared;
  /** They have been sent. */
  done(): void;
}

export const forwarding = signal<Forwarding | undefined>(undefined);

export function forward(messages: readonly Message[], done: () => void = () => {}): void {
  forwarding.value = { messages, done };
}

export function share(shared: Shared): void {
  forwarding.value = { messages: [], shared, done: () => {} };
}
