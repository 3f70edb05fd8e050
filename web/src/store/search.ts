// Messages by their words: in the cache, where this device has them, and in the archive, by the same rules.
import { identsOf } from '../db/messages';
import type { AccountDb, MessageRow } from '../db/schema';
import { StanzaError } from '../xmpp/errors';
import type { Archive } from '../xmpp/mod/mam';
import type { IncomingMessage } from '../xmpp/mod/message';
import { NS } from '../xmpp/ns';
import type { Address, FileInfo, Hit, HitPage } from './model';
import { type Term, termsMatch, termsOf } from './terms';

/** What the server takes. */
const WORDS_MAX = 12;
const QUERY_MAX = 120;
/** So many of the cache's newest hits are shown; who wants older ones writes one word more. */
export const HITS_MAX = 200;
const CHUNK = 500;
/** A page of the archive, and how many of them may hold nothing to show before one has to ask for more. */
const PAGE = { max: 20, times: 3 };

export interface Wanted {
  query: string;
  terms: Term[];
}

/** What is looked for; undefined: there is no word in it. */
export function wantedIn(query: string): Wanted | undefined {
  const cut = query.slice(0, QUERY_MAX).trim();
  const terms = termsOf(cut).slice(0, WORDS_MAX);
  return terms.length > 0 ? { query: cut.slice(0, terms.at(-1)!.ends.at(-1)), terms } : undefined;
}

const textOf = ({
  body,
  file,
  caption,
}: {
  body?: string | undefined;
  file?: FileInfo | undefined;
  caption?: string;
}) => (file ? [file.name, caption].filter(Boolean).join(' ') : (body ?? ''));

function hitOf(row: MessageRow, { terms }: Wanted): Hit | undefined {
  if (row.hidden || row.retracted || row.opaque) return undefined;
  const { key, chat, mine, time, archiveId } = row;
  const text = textOf(row);
  if (!termsMatch(termsOf(text), terms)) return undefined;
  return { id: archiveId ?? key, key, chat, mine, time, text, file: row.file !== undefined, idents: row.idents };
}

const newestFirst = (a: Hit, b: Hit) => b.time - a.time || (a.id < b.id ? 1 : -1);

/** The newest hits of the cache, newest first. */
export async function searchCache(
  db: AccountDb,
  query: string,
  within: Address | undefined,
  stop: AbortSignal,
): Promise<Hit[]> {
  const wanted = wantedIn(query);
  let hits: Hit[] = [];
  if (!wanted) return hits;
  const newest = () => hits.sort(newestFirst).slice(0, HITS_MAX);
  const upper = within === undefined ? undefined : [within, Number.POSITIVE_INFINITY, '\uffff'];
  let lower: IDBValidKey = within === undefined ? [] : [within];
  while (!stop.aborted) {
    const bounds: IDBKeyRange = upper
      ? IDBKeyRange.bound(lower, upper, true, false)
      : IDBKeyRange.lowerBound(lower, true);
    const rows: MessageRow[] = await db.getAll('messages', bounds, CHUNK);
    for (const row of rows) {
      const hit = hitOf(row, wanted);
      if (hit) hits.push(hit);
    }
    if (hits.length > 2 * HITS_MAX) hits = newest();
    const last = rows.at(-1);
    if (!last || rows.length < CHUNK) break;
    lower = [last.chat, last.time, last.key];
  }
  return newest();
}

/** One page of the archive's hits, newest first. */
export async function searchArchive(
  db: AccountDb,
  archive: Archive,
  query: string,
  within: Address | undefined,
  before: string | undefined,
): Promise<HitPage> {
  const wanted = wantedIn(query);
  const hits: Hit[] = [];
  let next: string | undefined = before ?? '';
  if (!wanted) return { hits, next: undefined };
  try {
    for (let n = 0; n < PAGE.times && next !== undefined && hits.length === 0; n++) {
      const page = await archive.page({
        words: wanted.query,
        ...(within !== undefined && { with: within }),
        before: next,
        max: PAGE.max,
      });
      for (const m of page.messages) {
        const hit = await hitIn(db, m, wanted);
        if (hit) hits.push(hit);
      }
      next = page.complete ? undefined : page.first;
    }
  } catch (e) {
    if (!(e instanceof StanzaError)) throw e;
    return { hits, next: undefined, refused: true };
  }
  return { hits: hits.sort(newestFirst), next };
}

/** As it is known here, if it is: it may have been changed or taken out of view since. */
async function hitIn(db: AccountDb, m: IncomingMessage, wanted: Wanted): Promise<Hit | undefined> {
  const corrects = m.about?.kind === 'correct' ? m.about.id : undefined;
  if (m.about && corrects === undefined) return undefined;
  const content = corrects === undefined ? m : m.content;
  const idents = identsOf(m.peer, m.from, corrects === undefined ? [m.originId, m.id] : [corrects]);
  const row =
    corrects === undefined
      ? m.archiveId && (await db.getFromIndex('messages', 'archiveId', m.archiveId))
      : idents[0] && (await db.getFromIndex('messages', 'idents', idents[0]));
  if (row) return hitOf(row, wanted);
  if (!content || content.encrypted || m.archiveId === undefined || m.time === undefined) return undefined;
  // Deleted for me on another device.
  if ((await db.get('mirror', [NS.hidden, m.archiveId]))?.xml) return undefined;
  const text = textOf(content);
  // A server that does not know the field may answer with everything.
  if (!termsMatch(termsOf(text), wanted.terms)) return undefined;
  const { archiveId: id, peer: chat, mine, time } = m;
  return { id, chat, mine, time, text, file: content.file !== undefined, idents };
}

/** The message of a hit, once it is in the cache. */
export async function keyOfHit(db: AccountDb, hit: Hit): Promise<string | undefined> {
  if (hit.key !== undefined) return hit.key;
  const row = await db.getFromIndex('messages', 'archiveId', hit.id);
  if (row) return row.key;
  for (const ident of hit.idents) {
    const other = await db.getFromIndex('messages', 'idents', ident);
    if (other) return other.key;
  }
  return undefined;
}

/** Of both: the same message once, as it is known here. */
export function joined(here: readonly Hit[], there: readonly Hit[]): Hit[] {
  const all = new Map<string, Hit>();
  for (const hit of [...there, ...here]) all.set(hit.id, hit);
  return [...all.values()].sort(newestFirst);
}
