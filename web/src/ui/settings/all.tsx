// The pages of the settings: nobody begins with them, so they are fetched when they are first asked for.
import type { ComponentType } from 'preact';
import type { Section } from '../router';
import { AccountPage } from './account';
import { AppearancePage } from './appearance';
import { DevicesPage } from './devices';
import { ChatsPage, KeyboardPage, PrivacyPage, ShortcutTable } from './pages';
import { ProfilePage } from './profile';

export const pages: Record<Section | 'shortcuts', ComponentType> = {
  profile: ProfilePage,
  appearance: AppearancePage,
  chats: ChatsPage,
  privacy: PrivacyPage,
  devices: DevicesPage,
  account: AccountPage,
  keyboard: KeyboardPage,
  shortcuts: ShortcutTable,
};
