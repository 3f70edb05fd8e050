// What came about other messages: corrections, retractions, reactions, and which message an answer is for. Applied in the
// archive's order however it comes: what names a message that is not here yet waits for it. Only the author changes a
// message; only the two of a conversation react in it.
import { byIdent, byKey, ident, identsOf } from '../db/messages';
import type { MessageRow, OutboxRow, Reacted, Shown, Version } from '../db/schema';
import type { ReplyTo } from '../xmpp/mod/about';
import type { LinkPreview } from '../xmpp/mod/link';
import type { Content, IncomingMessage } from '../xmpp/mod/message';
import type { Batch } from './batch';
import type { Failure } from './model';

export const OPAQUE_TEXT = 'This message is encrypted in a way that this app cannot read yet.';

type What =
  | { kind: 'correct'; shown: Shown }
  | { kind: 'retract' }
  | { kind: 'react'; signs: string[] }
  /** The message with this key answers it. */
  | { kind: 'answer'; key: string };

export interface Amendment {
  /** The sender's id for it. */
  id: string;
  from: string;
  time: number;
  localTime?: boolean;
  sending?: boolean;
  what: What;
}

/** What I do to a message, as it waits in the outbox. `about` is the id that the message goes by. */
export type Outgoing =
  | { kind: 'correct'; about: string; body: string; reply?: ReplyTo; link?: LinkPreview }
  | { kind: 'retract'; about: string }
  | { kind: 'react'; about: string; signs: string[] };

/** So many versions of one message are kept, the first and the newest. */
const VERSIONS_MAX = 30;
/** So many may wait in one chat for messages that are not here; more than that nobody sends in earnest. */
const WAITING_MAX = 2_000;

/** What a message shows, as its row keeps it. */
export function shownOf(m: Content): Shown {
  const shown: Shown = { body: m.encrypted ? OPAQUE_TEXT : (m.body ?? '') };
  if (m.encrypted) shown.opaque = true;
  if (m.unstyled) shown.unstyled = true;
  if (m.file) shown.file = m.file;
  if (m.caption) shown.caption = m.caption;
  if (m.link) shown.link = m.link;
  return shown;
}

/** A message about another one came. Answers whether that one is here. */
export async function takeAbout(batch: Batch, m: IncomingMessage, time: number | undefined): Promise<void> {
  const { about } = m;
  const id = m.id || m.archiveId;
  if (!about || about.kind === 'nothing' || !id) return;
  let what: What;
  if (about.kind === 'correct') {
    const { content } = m;
    // One that says nothing is none.
    if (!content || (content.body === undefined && !content.encrypted)) return;
    what = { kind: 'correct', shown: shownOf(content) };
  } else what = about.kind === 'react' ? { kind: 'react', signs: about.signs } : { kind: 'retract' };
  const amendment: Amendment = { id, from: m.from, time: time ?? (await batch.now()), what };
  // The time of the archive is that of a live copy, too, but for a hair: it will be told again.
  if (m.via !== 'archive') amendment.localTime = true;
  await amend(batch, m.peer, about.id, amendment);
}

/** Who may have written what a message of `from` is about: only oneself, but for reactions and answers. */
function authors(batch: Batch, chat: string, { from, what }: Amendment): string[] {
  if (what.kind === 'correct' || what.kind === 'retract') return [from];
  const other = from === chat ? batch.own : chat;
  return [...new Set([other, from])];
}

/** Applies it to the message that goes by `about` in this chat, or keeps it until that comes. */
export async function amend(batch: Batch, chat: string, about: string, amendment: Amendment): Promise<void> {
  const idents = authors(batch, chat, amendment).map((from) => ident(chat, from, about));
  for (const key of idents) {
    const row = pick(await byIdent(batch.tx, key), amendment);
    if (!row) continue;
    await apply(batch, row, amendment);
    return;
  }
  const store = batch.tx.objectStore('amends');
  if ((await store.count(IDBKeyRange.bound([`${chat}\n`], [`${chat}\n\uffff`]))) >= WAITING_MAX) return;
  batch.noteAmends();
  for (const key of idents) await store.put({ ident: key, id: waitingId(amendment), chat, about, amendment });
}

/** Ids are their senders' own. */
const waitingId = ({ from, id }: Amendment) => `${from}\n${id}`;

/** Some clients count their ids from 1 in every session: then the last one before is meant. */
function pick(rows: MessageRow[], { time, what }: Amendment): MessageRow | undefined {
  const fit = what.kind === 'answer' ? rows.filter((row) => row.key !== what.key) : rows;
  const sorted = fit.sort((a, b) => a.time - b.time);
  return sorted.findLast((row) => row.time <= time) ?? sorted[0];
}

/** What waited for a message that has just come. */
export async function recall(batch: Batch, row: MessageRow): Promise<void> {
  if (!(await batch.hasAmends())) return;
  const store = batch.tx.objectStore('amends');
  const looked = new Set<string>();
  let now: MessageRow = row;
  // A correction brings an id of its own, which others may have named.
  for (let todo = row.idents; todo.length > 0; todo = now.idents.filter((key) => !looked.has(key))) {
    for (const key of todo) {
      looked.add(key);
      for (const waiting of await store.getAll(IDBKeyRange.bound([key], [key, []]))) {
        const { chat, about, amendment } = waiting;
        for (const from of authors(batch, chat, amendment)) await store.delete([ident(chat, from, about), waiting.id]);
        now = await apply(batch, now, amendment);
      }
    }
  }
}

async function apply(batch: Batch, row: MessageRow, amendment: Amendment): Promise<MessageRow> {
  const { what, from } = amendment;
  const mayChange = from === row.from;
  switch (what.kind) {
    case 'answer': {
      const answer = await byKey(batch.tx, what.key);
      if (answer?.reply && answer.chat === row.chat)
        await batch.update(answer, { reply: { ...answer.reply, from: row.from, key: row.key } });
      return row;
    }
    case 'retract':
      return mayChange ? batch.rewrite(row, { ...erased(row), retracted: true, retraction: amendment.id }) : row;
    case 'correct':
      if (!mayChange || row.retracted || row.hidden) return row;
      return batch.rewrite(row, corrected(row, amendment, what.shown));
    case 'react':
      if (row.retracted || row.hidden) return row;
      return batch.rewrite(row, withReaction(row, amendment, what.signs));
  }
}

/** What is left of it when it has been taken back, or taken out of view: its place. */
export function erased(row: MessageRow): MessageRow {
  const {
    file,
    caption,
    link,
    opaque,
    unstyled,
    unheard,
    first,
    versions,
    reacted,
    reply,
    answers,
    trouble,
    failure,
    ...rest
  } = row;
  return { ...rest, body: '' };
}

function eventOf({ id, time, localTime, sending }: Amendment): Pick<Version, 'id' | 'time' | 'localTime' | 'sending'> {
  return { id, time, ...(localTime && { localTime }), ...(sending && { sending }) };
}

/** The same one may come several times: the archive's time counts. */
const isNews = (old: { localTime?: boolean; sending?: boolean } | undefined, { localTime, sending }: Amendment) =>
  !old || sending || !localTime || old.sending;

function corrected(row: MessageRow, amendment: Amendment, shown: Shown): MessageRow {
  const first = row.first ?? shownIn(row);
  const old = row.versions?.find((v) => v.id === amendment.id);
  if (!isNews(old, amendment)) return row;
  const versions: Version[] = (row.versions ?? []).filter((v) => v.id !== amendment.id);
  versions.push({ ...shown, ...eventOf(amendment) });
  // What is still on its way comes after all that is stored.
  versions.sort((a, b) => Number(a.sending ?? 0) - Number(b.sending ?? 0) || a.time - b.time);
  const name = ({ id }: Version) => ident(row.chat, row.from, id);
  const dropped = versions.splice(0, Math.max(0, versions.length - VERSIONS_MAX)).map(name);
  const idents = [...new Set([...without(row, dropped), ...versions.map(name)])];
  return show({ ...row, first, versions, idents });
}

/** Its ids but those; never its own, whatever id its author gave to what came later. */
function without(row: MessageRow, gone: readonly string[]): string[] {
  const own = identsOf(row.chat, row.from, [row.originId, row.id]);
  return row.idents.filter((key) => own.includes(key) || !gone.includes(key));
}

function shownIn({ body, file, caption, link, opaque, unstyled }: MessageRow): Shown {
  return {
    body,
    ...(file && { file }),
    ...(caption && { caption }),
    ...(link && { link }),
    ...(opaque && { opaque }),
    ...(unstyled && { unstyled }),
  };
}

/** The row with what its last version shows. */
function show(row: MessageRow): MessageRow {
  const { file, caption, link, opaque, unstyled, ...rest } = row;
  const last: Shown | undefined = row.versions?.at(-1) ?? row.first;
  if (!last) return row;
  const next: MessageRow = { ...rest, ...shownIn(last as MessageRow) };
  if (next.versions?.length) return next;
  const { first: _, versions: __, ...plain } = next;
  return plain;
}

function withReaction(row: MessageRow, amendment: Amendment, signs: string[]): MessageRow {
  const { id, from, time, sending } = amendment;
  const old = row.reacted?.find((r) => r.from === from);
  // Mine that is still on its way comes after all that is stored; else the archive's order counts.
  const late = old && old.id !== id && !sending && (old.sending || old.time > time);
  if (late || (old?.id === id && !isNews(old, amendment))) return row;
  const entry: Reacted = { ...eventOf(amendment), from, signs };
  if (sending) entry.before = old?.sending ? (old.before ?? []) : (old?.signs ?? []);
  const idents = without(row, old?.before ? [ident(row.chat, from, old.id)] : []);
  // By its id an error finds it again.
  if (sending || (old?.id === id && old.before)) idents.push(ident(row.chat, from, id));
  if (old?.id === id && old.before && !sending) entry.before = old.before;
  // An empty list stays: it is newer than what an older page of the archive says.
  return { ...row, idents, reacted: [...(row.reacted ?? []).filter((r) => r.from !== from), entry] };
}

/** Who has seen what goes by this id has seen all up to then: a correction comes later than what it corrects. */
export function timeOf(row: MessageRow, id: string): number {
  return row.versions?.find((v) => v.id === id)?.time ?? row.time;
}

// --- mine ---

/** What a message says of the one that it answers. */
export function answerOf({ reply, answers }: MessageRow): { reply?: ReplyTo } {
  return reply && answers ? { reply: { ...answers, quote: reply.quote } } : {};
}

/** What I said of a link, if that still stands in the words. */
export function linkOf({ link }: MessageRow, body: string): { link?: LinkPreview } {
  return link && body.includes(link.url) ? { link } : {};
}

/** What I do to a message of this key: shown at once, and put into the outbox. */
export async function amendMine(
  batch: Batch,
  key: string,
  id: string,
  todo: (row: MessageRow) => Outgoing | undefined,
) {
  const row = await byKey(batch.tx, key);
  const outgoing = row && !row.retracted && !row.hidden ? todo(row) : undefined;
  if (row && outgoing) await queueMine(batch, row, id, outgoing);
}

async function queueMine(batch: Batch, row: MessageRow, id: string, outgoing: Outgoing): Promise<void> {
  const newest = Math.max(
    row.time,
    ...(row.versions ?? []).map((v) => v.time),
    ...(row.reacted ?? []).map((r) => r.time),
  );
  const time = Math.max(await batch.now(), newest + 1);
  let what: What;
  if (outgoing.kind === 'correct') {
    const { body, link } = outgoing;
    what = { kind: 'correct', shown: { body, ...(link && { link }) } };
  } else what = outgoing.kind === 'react' ? { kind: 'react', signs: outgoing.signs } : { kind: 'retract' };
  const { trouble: _, ...clean } = row;
  await apply(batch, clean, { id, from: batch.own, time, localTime: true, sending: true, what });
  await batch.queue({ key: id, chat: row.chat, kind: 'amend', payload: JSON.stringify(outgoing), about: row.key });
}

/** The server has stored it. */
export async function amendArrived(batch: Batch, { key: id, about }: OutboxRow): Promise<void> {
  const row = about === undefined ? undefined : await byKey(batch.tx, about);
  if (!row) return;
  const stored = <T extends { id: string; sending?: boolean }>(list: T[] | undefined): T[] | undefined =>
    list?.map((it) => {
      if (it.id !== id) return it;
      const { sending: _, ...rest } = it;
      return rest as T;
    });
  const { versions, reacted } = row;
  if (![...(versions ?? []), ...(reacted ?? [])].some((it) => it.id === id && it.sending)) return;
  await batch.update(row, {
    ...(versions && { versions: stored(versions) }),
    ...(reacted && { reacted: stored(reacted) }),
  });
}

/** The other side refuses what I did to a message. False: it is about something else. */
export async function amendFailed(batch: Batch, chat: string, id: string, { text }: Failure): Promise<boolean> {
  const left = await batch.tx.objectStore('outbox').index('key').get(id);
  for (const row of await byIdent(batch.tx, ident(chat, batch.own, id))) {
    const version = row.versions?.find((v) => v.id === id);
    const reacted = row.reacted?.find((r) => r.from === batch.own && r.id === id);
    if (!version && !reacted && row.retraction !== id) continue;
    if (left) await batch.dropOutbox(id);
    const about = row.id;
    if (version) {
      const { body, link } = version;
      const outgoing: Outgoing = { kind: 'correct', about, body, ...answerOf(row), ...(link && { link }) };
      const versions = row.versions!.filter((v) => v !== version);
      await batch.rewrite(row, show({ ...row, versions, trouble: troubleOf(id, outgoing, text) }));
    } else if (reacted) {
      const rest = row.reacted!.map((r) => (r === reacted ? { ...r, signs: r.before ?? [] } : r));
      const outgoing: Outgoing = { kind: 'react', about, signs: reacted.signs };
      await batch.update(row, { reacted: rest, trouble: troubleOf(id, outgoing, text) });
    } else await batch.update(row, { trouble: troubleOf(id, { kind: 'retract', about }, text) });
    return true;
  }
  return false;
}

const troubleOf = (id: string, outgoing: Outgoing, text: string) => ({
  id,
  kind: outgoing.kind,
  text,
  payload: JSON.stringify(outgoing),
});

/** Tries again what failed, under the same id: should it have arrived after all, it counts once. */
export async function amendAgain(batch: Batch, row: MessageRow): Promise<void> {
  const { trouble } = row;
  if (trouble) await queueMine(batch, row, trouble.id, JSON.parse(trouble.payload) as Outgoing);
}

export async function amendGiveUp(batch: Batch, row: MessageRow): Promise<void> {
  const { trouble: _, ...rest } = row;
  await batch.rewrite(row, rest);
}
