// What has been removed but can still be undone: it is gone from the screen, and goes for good when the toast does.
import { signal } from '@preact/signals';
import type { Address, Failure, Session } from '../../store/model';
import { t } from '../i18n';
import { toast, undoable } from '../kit/toast';
import { go, route } from '../router';

/** Contacts and requests that are on their way out. */
export const leaving = signal<ReadonlySet<Address>>(new Set());

function mark(address: Address, gone: boolean): void {
  const next = new Set(leaving.value);
  if (gone) next.add(address);
  else next.delete(address);
  leaving.value = next;
}

/** Says what went wrong; true if nothing did. */
export function told(failure: Failure | undefined): boolean {
  if (failure) toast(failure.text, { bad: true });
  return failure === undefined;
}

export function removeContact(session: Session, address: Address, name: string): void {
  mark(address, true);
  undoable(
    t('contact.removed', { name }),
    () =>
      session
        .removeContact(address)
        .then(told)
        .finally(() => mark(address, false)),
    () => mark(address, false),
  );
}

export function refuseRequest(session: Session, address: Address, name: string): void {
  mark(address, true);
  undoable(
    t('request.refused', { name }),
    () =>
      session
        .refuseRequest(address)
        .then(told)
        .finally(() => mark(address, false)),
    () => mark(address, false),
  );
}

export async function acceptRequest(session: Session, address: Address, name: string): Promise<void> {
  if (!told(await session.acceptRequest(address)) || route.peek().chat === address) return;
  // The card goes, and without a message there is no chat yet: say where to find them.
  const write = { label: t('request.write'), run: () => go({ page: 'chats', chat: address }) };
  toast(t('request.accepted', { name }), { action: write });
}

export async function setBlocked(session: Session, address: Address, name: string, blocked: boolean): Promise<void> {
  if (!told(await session.setBlocked(address, blocked))) return;
  const undo = { label: t('undo'), run: () => void session.setBlocked(address, !blocked).then(told) };
  toast(t(blocked ? 'contact.blocked' : 'contact.unblocked', { name }), { icon: 'block', action: undo });
}
