// Messages about other messages: corrections (XEP-0308), retractions (0424), reactions (0444), and replies (0461) with
// the part of the body that only stands in for them (0428; counted in code points, 0426).
import { bare } from '../jid';
import { NS } from '../ns';
import { type El, x } from '../xml';

/** What a message does to another one, which it names by `id`. */
export type About =
  | { kind: 'correct'; id: string }
  | { kind: 'retract'; id: string }
  /** All reactions of the sender to that message; those that are not in the list are taken back. */
  | { kind: 'react'; id: string; signs: string[] }
  /** Nothing that is understood. It shows nothing either: servers do not count it as a message. */
  | { kind: 'nothing'; id: '' };

export interface ReplyTo {
  /** The message that is answered: its origin-id, or its attribute `id`. */
  id: string;
  /** Who wrote it, where the sender says so: a bare address. */
  to: string | undefined;
  /** What the sender quoted of it for those who cannot look it up. */
  quote: string;
}

/** An id, or nothing that could be one: others choose them, and each is stored as a key. */
export const ID_MAX = 256;
/** So many reactions of one person to one message; so long, in UTF-16 units, one of them (flags and families are long). */
const SIGNS_MAX = 20;
const SIGN_MAX = 48;
const QUOTE_MAX = 500;

const idOf = (el: El | undefined) => {
  const id = el?.attr('id');
  return id && id.length <= ID_MAX ? id : undefined;
};

const ABOUT: readonly string[] = [NS.retract, NS.retract0, NS.reactions, NS.correct, NS.fasten, NS.moderate];

/** Undefined: a message in its own right. */
export function readAbout(el: El): About | undefined {
  const fastened = el.child('apply-to', NS.fasten);
  const retract =
    idOf(el.child('retract', NS.retract)) ?? (fastened?.child('retract', NS.retract0) ? idOf(fastened) : undefined);
  if (retract) return { kind: 'retract', id: retract };
  const reactions = el.child('reactions', NS.reactions);
  const reacted = idOf(reactions);
  if (reactions && reacted) return { kind: 'react', id: reacted, signs: signsOf(reactions) };
  const replaced = idOf(el.child('replace', NS.correct));
  if (replaced) return { kind: 'correct', id: replaced };
  // What the archive has in the place of a message is one.
  const other = el.elements().some((child) => ABOUT.includes(child.ns) && child.name !== 'retracted');
  return other ? { kind: 'nothing', id: '' } : undefined;
}

/** Emoji, and not whole sentences in their place. */
const isSign = (text: string) =>
  text !== '' &&
  text.length <= SIGN_MAX &&
  /[\p{Emoji}\p{Extended_Pictographic}]/u.test(text) &&
  !/[\p{L}\p{Z}\p{Cc}]/u.test(text);

function signsOf(reactions: El): string[] {
  const all = reactions.elements('reaction', NS.reactions).map((el) => el.text().trim());
  return [...new Set(all.filter(isSign))].slice(0, SIGNS_MAX);
}

/** The archive says that there was a message here, which its author has taken back. */
export function isTombstone(el: El): boolean {
  return el.child('retracted', NS.retract) !== undefined;
}

/** The answered message, and the body without the part that stands in for it. */
export function readReply(el: El, body: string | undefined): { reply: ReplyTo; body: string | undefined } | undefined {
  const reply = el.child('reply', NS.reply);
  const id = idOf(reply);
  if (!id) return undefined;
  const { rest, part } = withoutFallback(el, body ?? '', NS.reply);
  const quote = part.replace(/^[>»] ?/gm, '').trim();
  const to = bare(reply?.attr('to')) || undefined;
  return { reply: { id, to, quote: shorten(quote) }, body: body === undefined ? undefined : rest };
}

/** Takes out what a message says only for those who do not know `namespace`. */
function withoutFallback(el: El, body: string, namespace: string): { rest: string; part: string } {
  const mark = el.elements('fallback', NS.fallback).find((f) => f.attr('for') === namespace);
  const parts = mark?.elements('body', NS.fallback) ?? [];
  // Without a place all of it would be meant: then there would be no answer.
  const points = [...body];
  let rest = '';
  let part = '';
  let at = 0;
  const ranges = parts.flatMap((p) => rangeOf(p, points.length)).sort((a, b) => a.start - b.start);
  for (const { start, end } of ranges) {
    if (start < at) continue;
    rest += points.slice(at, start).join('');
    part += points.slice(start, end).join('');
    at = end;
  }
  rest += points.slice(at).join('');
  return rest.trim() === '' ? { rest: body, part: '' } : { rest, part };
}

function rangeOf(el: El, length: number): { start: number; end: number }[] {
  const [from, to] = [el.attr('start'), el.attr('end')];
  if (from === undefined && to === undefined) return [];
  const [start, end] = [Number(from ?? 0), Number(to ?? length)];
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start >= end) return [];
  return start >= length ? [] : [{ start, end: Math.min(end, length) }];
}

/** Cut between code points. */
export function shorten(text: string): string {
  const points = [...text.slice(0, QUOTE_MAX * 2)];
  return points.length > QUOTE_MAX ? `${points.slice(0, QUOTE_MAX).join('')}…` : points.join('');
}

// --- building ---

/** The body of a reply, and what goes into the message beside it. */
export function replyElements(reply: ReplyTo, words: string): { body: string; elements: El[] } {
  const element = x('reply', { xmlns: NS.reply, to: reply.to, id: reply.id });
  if (reply.quote === '') return { body: words, elements: [element] };
  const lines = reply.quote.split(/\r\n|[\r\n\u2028\u2029]/).map((line) => `> ${line}\n`);
  const quoted = lines.join('');
  const range = x('body', { start: '0', end: String([...quoted].length) });
  return { body: quoted + words, elements: [element, x('fallback', { xmlns: NS.fallback, for: NS.reply }, range)] };
}

export function correctElement(id: string): El {
  return x('replace', { xmlns: NS.correct, id });
}

/** Stored, so that it reaches devices that are not there now. */
export function reactMessage(to: string, id: string, about: string, signs: readonly string[]): El {
  return x(
    'message',
    { xmlns: NS.client, type: 'chat', to, id },
    x('reactions', { xmlns: NS.reactions, id: about }, ...signs.map((sign) => x('reaction', {}, sign))),
    x('origin-id', { xmlns: NS.sid, id }),
    x('store', { xmlns: NS.hints }),
  );
}

const RETRACTED = '/me retracted a previous message, but it’s unsupported by your client.';

export function retractMessage(to: string, id: string, about: string): El {
  return x(
    'message',
    { xmlns: NS.client, type: 'chat', to, id },
    x('retract', { xmlns: NS.retract, id: about }),
    x('fallback', { xmlns: NS.fallback, for: NS.retract }),
    x('body', {}, RETRACTED),
    x('origin-id', { xmlns: NS.sid, id }),
    x('store', { xmlns: NS.hints }),
  );
}
