// The emoji that one can pick or complete, loaded when first needed. emoji.json is made from Unicode's names and
// the short names of the emojibase project (MIT); one entry is `sign|short,names|name|words`, entries are parted by `;`.
import { signal } from '@preact/signals';

export interface Emoji {
  sign: string;
  codes: string[];
  name: string;
  /** Everything one may type to find it. */
  words: string;
}

export type Group =
  | 'smileys'
  | 'people'
  | 'animals'
  | 'food'
  | 'travel'
  | 'activities'
  | 'objects'
  | 'symbols'
  | 'flags';

export const emojiTable = signal<ReadonlyMap<Group, readonly Emoji[]> | undefined>(undefined);
let loading: Promise<void> | undefined;

export function loadEmoji(): Promise<void> {
  loading ??= import('./emoji.json').then(
    ({ default: raw }) => {
      const table = new Map<Group, Emoji[]>();
      for (const [group, text] of Object.entries(raw)) {
        const entries = text.split(';').map((entry) => {
          const [sign = '', codes = '', name = '', words = ''] = entry.split('|');
          return { sign, codes: codes.split(','), name, words: `${codes} ${name} ${words}`.replace(/[_,]/g, ' ') };
        });
        table.set(group as Group, entries);
      }
      emojiTable.value = table;
    },
    () => {
      // Offline and not in the cache: the next opening tries again.
      loading = undefined;
    },
  );
  return loading;
}

export function findEmoji(query: string, most: number): Emoji[] {
  const wanted = query.toLowerCase().replace(/[_-]/g, ' ').trim();
  const best: Emoji[] = [];
  const good: Emoji[] = [];
  const rest: Emoji[] = [];
  for (const group of emojiTable.value?.values() ?? []) {
    for (const it of group) {
      if (it.codes[0]!.replace(/_/g, ' ').startsWith(wanted)) best.push(it);
      else if (` ${it.words}`.includes(` ${wanted}`)) good.push(it);
      else if (it.words.includes(wanted)) rest.push(it);
    }
  }
  best.sort((a, b) => a.codes[0]!.length - b.codes[0]!.length);
  return [...best, ...good, ...rest].slice(0, most);
}

const RECENT = 'confab:emoji';

export function recentEmoji(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(RECENT) ?? '[]');
    return Array.isArray(kept) ? kept.filter((it) => typeof it === 'string').slice(0, 24) : [];
  } catch {
    return [];
  }
}

export function usedEmoji(sign: string): void {
  try {
    localStorage.setItem(RECENT, JSON.stringify([sign, ...recentEmoji().filter((it) => it !== sign)].slice(0, 24)));
  } catch {
    // The list of recent ones is a convenience.
  }
}
