// Which messages of a chat are selected; none, most of the time. By key, so that what becomes of a message meanwhile counts.
import { signal } from '@preact/signals';
import type { Address, Message } from '../../store/model';

export interface Selection {
  chat: Address;
  keys: ReadonlySet<string>;
  /** Where the last step was: a range goes from there. */
  last: string;
}

export const selection = signal<Selection | undefined>(undefined);

/** What failed or is still being uploaded is tried again or given up, by itself. */
export const canSelect = (m: Message) => m.mark !== 'failed' && !(m.mark === 'sending' && m.file && !m.file.url);

export const isSelecting = (chat: Address) => selection.value?.chat === chat;

function keep(chat: Address, keys: ReadonlySet<string>, last: string): void {
  selection.value = keys.size > 0 ? { chat, keys, last } : undefined;
}

/** All messages of one bubble: in, or out if they are in. The first one begins the selection, the last one out ends it. */
export function toggle(parts: readonly Message[]): void {
  const head = parts[0];
  if (!head) return;
  const now = selection.peek();
  const keys = new Set(now?.chat === head.chat ? now.keys : []);
  const out = keys.has(head.key);
  for (const it of parts)
    if (out || !canSelect(it)) keys.delete(it.key);
    else keys.add(it.key);
  keep(head.chat, keys, head.key);
}

/** From where the last step was up to the end of this bubble, everything. */
export function extend(messages: readonly Message[], parts: readonly Message[]): void {
  const now = selection.peek();
  const at = (key: string | undefined) => messages.findIndex((it) => it.key === key);
  const anchor = at(now?.last);
  const head = at(parts[0]?.key);
  if (!now || anchor < 0 || head < 0) {
    toggle(parts);
    return;
  }
  const keys = new Set(now.keys);
  const end = Math.max(anchor, head + parts.length - 1);
  for (const it of messages.slice(Math.min(anchor, head), end + 1)) if (canSelect(it)) keys.add(it.key);
  keep(now.chat, keys, messages[head]!.key);
}

export function endSelection(): void {
  selection.value = undefined;
}

/** Those that are still there, in their order. */
export function selectedOf(messages: readonly Message[], keys: ReadonlySet<string>): Message[] {
  return messages.filter((it) => keys.has(it.key));
}
