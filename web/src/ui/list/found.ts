// What is looked for in messages, and what has been found: from the cache at once, from the server as it answers.
import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import type { Address, Hit, Session } from '../../store/model';
import { joined, wantedIn } from '../../store/search';
import { placesOf, type Term } from '../../store/terms';
import { isConnected } from '../context';

/** What stands in the search field of the chats; one chat only, if `within`. */
export const query = signal('');
export const within = signal<Address | undefined>(undefined);

let owner: Session | undefined;

/** Another account: another search. */
export function searchOf(session: Session): void {
  if (owner !== undefined && owner !== session) {
    query.value = '';
    within.value = undefined;
  }
  owner = session;
}

/** The hit that is to be shown in its chat. */
export const wantedHit = signal<Hit | undefined>(undefined);

export interface FoundState {
  hits: readonly Hit[];
  /** `here`: the server cannot be asked; only what is on this device was searched. */
  server: 'asking' | 'more' | 'done' | 'here';
}

const NOTHING: FoundState = { hits: [], server: 'done' };
/** Who types on has not meant this yet. */
const PAUSE_MS = 200;

export function useFound(session: Session, query: string, within: Address | undefined) {
  const [state, setState] = useState<FoundState>(NOTHING);
  const [page, setPage] = useState<{ next: string | undefined; here: readonly Hit[]; there: readonly Hit[] }>();
  const online = isConnected(session);

  useEffect(() => {
    setPage(undefined);
    if (!wantedIn(query)) return setState(NOTHING);
    const stop = new AbortController();
    const { signal } = stop;
    setState((old) => ({ ...old, server: 'asking' }));
    const timer = setTimeout(() => {
      const asked = online ? session.searchThere(query, within, undefined) : Promise.resolve('offline' as const);
      void (async () => {
        const here = await session.searchHere(query, within, signal);
        if (signal.aborted) return;
        setState({ hits: here, server: 'asking' });
        const answer = await asked;
        if (signal.aborted) return;
        if (answer === 'offline' || answer.refused) return setState({ hits: here, server: 'here' });
        setPage({ next: answer.next, here, there: answer.hits });
        setState({ hits: joined(here, answer.hits), server: answer.next === undefined ? 'done' : 'more' });
      })().catch((e) => {
        if (!signal.aborted) console.error(e);
      });
    }, PAUSE_MS);
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [session, query, within, online]);

  const more = async () => {
    if (page?.next === undefined) return;
    setState({ ...state, server: 'asking' });
    const answer = await session.searchThere(query, within, page.next);
    // Another question was asked meanwhile: then this page is not the one that is shown.
    setPage((now) => {
      if (now !== page) return now;
      if (answer === 'offline' || answer.refused) {
        setState({ ...state, server: 'here' });
        return now;
      }
      const there = [...page.there, ...answer.hits];
      setState({ hits: joined(page.here, there), server: answer.next === undefined ? 'done' : 'more' });
      return { ...page, next: answer.next, there };
    });
  };
  return { ...state, more: () => void more() };
}

const BEFORE = 14;
const LENGTH = 160;

/** A line around the first word that was found, cut into what was found and what was not. */
export function snippet(text: string, wanted: readonly Term[]): { text: string; found: boolean }[] {
  const whole = text.slice(0, 20_000);
  const first = placesOf(whole, wanted)[0]?.start ?? 0;
  let from = Math.max(0, first - BEFORE);
  // From the beginning of a word, if there is one near.
  const space = from > 0 ? whole.slice(from, first).search(/\s/) : -1;
  if (space >= 0) from += space + 1;
  const line = (from > 0 ? '…' : '') + whole.slice(from, from + LENGTH).replace(/\s+/g, ' ');
  const parts: { text: string; found: boolean }[] = [];
  let end = 0;
  for (const place of placesOf(line, wanted)) {
    if (place.start > end) parts.push({ text: line.slice(end, place.start), found: false });
    parts.push({ text: line.slice(place.start, place.end), found: true });
    end = place.end;
  }
  if (end < line.length) parts.push({ text: line.slice(end), found: false });
  return parts;
}
