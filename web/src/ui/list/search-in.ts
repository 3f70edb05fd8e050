// Looking for messages of one chat: in the same field as for everything, which then says so.
import type { Address } from '../../store/model';
import { layout } from '../look';
import { go, route } from '../router';
import { within } from './found';

export function searchIn(address: Address): void {
  within.value = address;
  // A phone shows the list alone; other layouts keep the chat beside it.
  if (layout.peek() === 'phone') go({ page: 'chats' });
  else if (route.peek().page !== 'chats') go({ page: 'chats', chat: address });
  setTimeout(() => document.querySelector<HTMLElement>('.search-field')?.focus());
}
