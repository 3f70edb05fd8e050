// What is to be sent on; the chooser (forward.tsx) is fetched when it is first needed.
import { signal } from '@preact/signals';
import type { Message } from '../../store/model';

export interface Forwarding {
  messages: readonly Message[];
  /** They have been sent. */
  done(): void;
}

export const forwarding = signal<Forwarding | undefined>(undefined);

export function forward(messages: readonly Message[], done: () => void = () => {}): void {
  forwarding.value = { messages, done };
}
