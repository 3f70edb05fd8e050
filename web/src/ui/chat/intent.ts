// What the composer of a chat is about, beyond a new message: an answer to one, or the change of one.
import { type Signal, signal } from '@preact/signals';
import type { Address, Message, Session } from '../../store/model';

export interface Intent {
  kind: 'reply' | 'edit';
  message: Message;
}

const intents = new WeakMap<Session, Map<Address, Signal<Intent | undefined>>>();

export function intentOf(session: Session, chat: Address): Signal<Intent | undefined> {
  const all = intents.get(session) ?? new Map<Address, Signal<Intent | undefined>>();
  intents.set(session, all);
  const known = all.get(chat) ?? signal<Intent | undefined>(undefined);
  all.set(chat, known);
  return known;
}

/** It has arrived far enough to be named by another message, and is still there. */
const isThere = (m: Message) => !m.nameless && !m.retracted && m.mark !== 'failed';

export const canReply = isThere;
export const canReact = isThere;
export const canEdit = (m: Message) => isThere(m) && m.mine && !m.file && !m.opaque;

export function reply(session: Session, message: Message): void {
  intentOf(session, message.chat).value = { kind: 'reply', message };
}

export function edit(session: Session, message: Message): void {
  intentOf(session, message.chat).value = { kind: 'edit', message };
}
