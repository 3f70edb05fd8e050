// Chats and people by a few letters, what one used last first; with letters, what fits them best.
import type { Address, Session } from '../../store/model';
import { chatName } from '../context';
import { matches, rank } from './search';

const MOST = 50;
const LOOKED_AT = 500;

export function findChats(session: Session, query: string): Address[] {
  const all = new Set<Address>([...session.chatOrder.peek(), session.account.address, ...session.contactOrder.peek()]);
  const nameOf = (address: Address) => chatName(session.chat(address));
  const hits: Address[] = [];
  for (const address of all) {
    if (matches(query, session.contact(address)?.name ?? nameOf(address), address)) hits.push(address);
    if (hits.length > LOOKED_AT) break;
  }
  if (query.trim()) hits.sort((a, b) => rank(query, nameOf(a)) - rank(query, nameOf(b)));
  return hits.slice(0, MOST);
}
