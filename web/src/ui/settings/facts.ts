// What other views need to know of the settings, without loading their pages.
import type { Availability } from '../../store/model';

export const CHOICES: readonly Exclude<Availability, 'offline'>[] = ['online', 'away', 'busy'];

/** So many characters a password has at least. */
export const SHORTEST = 8;
