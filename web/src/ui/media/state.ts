// What lies over everything: the viewer of a chat's pictures, the preview of a text. Their code comes when it is wanted.
import { signal } from '@preact/signals';
import type { Message } from '../../store/model';

/** The picture or video on show. */
export const viewing = signal<Message | undefined>(undefined);
export const reading = signal<Message | undefined>(undefined);

/** Somebody's own picture on show. */
export const portrait = signal<{ address: string; name: string } | undefined>(undefined);

export function view(message: Message): void {
  viewing.value = message;
}
export function read(message: Message): void {
  reading.value = message;
}
