// The database above the accounts: who has signed in here, and the settings of this browser.
import type { Settings } from '../store/model';
import type { AccountRow, AppDb } from './schema';

export async function listAccounts(db: AppDb): Promise<AccountRow[]> {
  return (await db.getAll('accounts')).sort((a, b) => a.order - b.order);
}

export async function putAccount(db: AppDb, row: Omit<AccountRow, 'order'>): Promise<AccountRow> {
  const tx = db.transaction('accounts', 'readwrite');
  const all = await tx.store.getAll();
  const old = all.find((a) => a.address === row.address);
  const order = old?.order ?? Math.max(0, ...all.map((a) => a.order)) + 1;
  const full = { ...row, order };
  await tx.store.put(full);
  await tx.done;
  return full;
}

export async function loadSettings(db: AppDb): Promise<Partial<Settings>> {
  return ((await db.get('settings', 'settings')) as Settings | undefined) ?? {};
}

export async function saveSettings(db: AppDb, settings: Settings): Promise<void> {
  await db.put('settings', settings, 'settings');
}

/** Which account was on screen. */
export async function lastAccount(db: AppDb): Promise<string | undefined> {
  return (await db.get('settings', 'last')) as string | undefined;
}

export async function saveLastAccount(db: AppDb, address: string): Promise<void> {
  await db.put('settings', address, 'last');
}
