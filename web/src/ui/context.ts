// How a view gets at the store: by context, so that the same views run on made-up data in the tests.
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Address, App, Availability, Chat, Session } from '../store/model';
import { t } from './i18n';

export const AppContext = createContext<App | undefined>(undefined);
export const SessionContext = createContext<Session | undefined>(undefined);

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('view used outside its context');
  return value;
}
export const useApp = () => must(useContext(AppContext));
export const useSession = () => must(useContext(SessionContext));

/** What a chat is called on screen. */
export const chatName = (chat: Chat) => (chat.kind === 'self' ? t('notes.name') : chat.name.value);

export function presenceText(availability: Availability, text: string): string {
  return text || t(`presence.${availability}`);
}

/** Presence is only shown while we can know it. */
export function isConnected(session: Session): boolean {
  const { state } = session.connection.value;
  return state === 'online' || state === 'following';
}

/** The contact, read so that a change of the contact list redraws the reader. */
export function useContact(session: Session, address: Address) {
  void session.contactsVersion.value;
  return session.contact(address);
}
