// The pictures of people that this browser keeps for one account: under their hashes, so many bytes of them; what has
// not been shown for longest goes first.
import type { AccountDb, PictureRow } from '../db/schema';

export const PICTURES_BYTES = 20_000_000;
const DAY_MS = 86_400_000;

export async function keepPicture(
  db: AccountDb,
  picture: Pick<PictureRow, 'hash' | 'type' | 'bytes'>,
  max = PICTURES_BYTES,
): Promise<void> {
  const tx = db.transaction('pictures', 'readwrite');
  await tx.store.put({ ...picture, size: picture.bytes.length, used: Date.now() });
  // Only keys are read: they say what must be known.
  let total = 0;
  const kept = tx.store.index('use');
  for (let cursor = await kept.openKeyCursor(null, 'prev'); cursor; cursor = await cursor.continue()) {
    const [, size] = cursor.key;
    total += size;
    if (total > max && cursor.primaryKey !== picture.hash) await tx.store.delete(cursor.primaryKey);
  }
  await tx.done;
}

export async function readPicture(db: AccountDb, hash: string): Promise<PictureRow | undefined> {
  const row = await db.get('pictures', hash);
  // Once a day is enough to know what is not shown any more.
  if (row && row.used < Date.now() - DAY_MS) await db.put('pictures', { ...row, used: Date.now() });
  return row;
}
