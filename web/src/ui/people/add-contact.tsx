import { signal } from '@preact/signals';
import { lazyView } from '../kit/lazy';

/** The address to begin with; undefined while the dialog is shut. */
const asked = signal<string | undefined>(undefined);
const shut = () => {
  asked.value = undefined;
};

export function addContact(address = ''): void {
  asked.value = address;
}

const Form = lazyView(async () => (await import('./add-form')).AddForm);

/** Stands once in the shell. */
export function AddContactDialog() {
  const begin = asked.value;
  return begin === undefined ? null : <Form begin={begin} close={shut} failed={shut} />;
}
