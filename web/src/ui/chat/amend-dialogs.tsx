// Deleting asks once, for it cannot be undone; and what a message said before it was changed.
import { signal } from '@preact/signals';
import type { Message } from '../../store/model';
import { lazyView } from '../kit/lazy';

export interface Deleting {
  messages: readonly Message[];
  /** One of the ways was chosen. */
  decided: (() => void) | undefined;
}

const deleting = signal<Deleting | undefined>(undefined);
const history = signal<Message | undefined>(undefined);

export function askDelete(messages: readonly Message[], decided?: () => void): void {
  deleting.value = { messages, decided };
}

export function showEdits(message: Message): void {
  history.value = message;
}

const closeDelete = () => {
  deleting.value = undefined;
};
const closeEdits = () => {
  history.value = undefined;
};

const Delete = lazyView(async () => (await import('./amend-views')).Delete);
const Edits = lazyView(async () => (await import('./amend-views')).Edits);

/** Stands once in the shell. */
export function AmendDialogs() {
  return (
    <>
      {deleting.value && <Delete {...deleting.value} close={closeDelete} failed={closeDelete} />}
      {history.value && <Edits message={history.value} close={closeEdits} failed={closeEdits} />}
    </>
  );
}
