// Messages as plain objects: bodies (RFC 6121), ids (XEP-0359), delay (0203), carbons (0280), chat states (0085),
// receipts (0184), markers (0333). Encrypted ones (0380) are recognised, not read.
import { StanzaError } from '../errors';
import { bare, domainOf } from '../jid';
import { NS } from '../ns';
import { type El, x } from '../xml';
import { type About, correctElement, isTombstone, type ReplyTo, readAbout, readReply, replyElements } from './about';
import { fileElements, readFile, type SharedFile } from './file';
import { type LinkPreview, linkElement, readLink } from './link';

export type ChatState = 'active' | 'composing' | 'paused' | 'inactive' | 'gone';
export type MarkerKind = 'received' | 'displayed' | 'acknowledged';

/** What a message shows. */
export interface Content {
  body: string | undefined;
  file: SharedFile | undefined;
  /** Words that came with the file, without its address. */
  caption: string;
  /** The body, if any, only says that one cannot read it. */
  encrypted: boolean;
  /** Its author wants no styling (XEP-0393). */
  unstyled?: boolean;
  /** What its author says of a link in it (XEP-0511). */
  link?: LinkPreview;
}

export interface IncomingMessage extends Content {
  /** How it came: to this session, as a copy of another session's, or out of the archive. */
  via: 'live' | 'carbon' | 'archive';
  type: string;
  /** The attribute `id`, which receipts and markers refer to. */
  id: string;
  originId: string | undefined;
  /** Id in our own archive. */
  archiveId: string | undefined;
  /** Bare addresses. */
  from: string;
  to: string;
  /** Whose conversation it belongs to: the other side's bare address; our own for notes to oneself. */
  peer: string;
  mine: boolean;
  /** The server's time in ms, when it says one. */
  time: number | undefined;
  /** It says something about another message, and nothing else: then it shows nothing of its own. */
  about: About | undefined;
  /** In a correction: what that other message shall show. */
  content: Content | undefined;
  reply: ReplyTo | undefined;
  /** In the archive: what stood here was taken back by its author. */
  tombstone: boolean;
  chatState: ChatState | undefined;
  wantsReceipt: boolean;
  receiptFor: string | undefined;
  markable: boolean;
  marker: { kind: MarkerKind; id: string } | undefined;
  error: StanzaError | undefined;
}

const STATES = new Set(['active', 'composing', 'paused', 'inactive', 'gone']);
const ENCRYPTED: readonly string[] = [NS.omemoLegacy, NS.omemo2, NS.openpgp];

/** A time stamp of XEP-0082 in ms; with the fraction of one, where it has that, for several messages may come in one. */
export function parseStamp(text: string | undefined): number | undefined {
  if (!text || !/^\d{4}-\d\d-\d\dT/.test(text)) return undefined;
  const ms = Date.parse(text);
  const micros = /\.\d{3}(\d{1,3})/.exec(text)?.[1] ?? '';
  return Number.isNaN(ms) ? undefined : ms + Number(micros.padEnd(3, '0')) / 1000;
}

/** The message inside <forwarded/>, and when it was first sent. */
export function unwrap(wrapper: El): { message: El; time: number | undefined } | undefined {
  const forwarded = wrapper.child('forwarded', NS.forward);
  const message = forwarded?.child('message', NS.client);
  if (!forwarded || !message) return undefined;
  return { message, time: parseStamp(forwarded.child('delay', NS.delay)?.attr('stamp')) };
}

/** Reads a message that came over the stream. Undefined: nothing for us, or a forgery. */
export function parseMessage(stanza: El, own: string): IncomingMessage | undefined {
  const copy = stanza.inNs(NS.carbons);
  if (copy && (copy.name === 'sent' || copy.name === 'received')) {
    // Only our own account may say what our other devices sent and received.
    if (bare(stanza.attr('from')) !== own) return undefined;
    const inner = unwrap(copy);
    if (!inner) return undefined;
    const message = readMessage(inner.message, own, 'carbon');
    if (message) message.time = inner.time ?? message.time;
    return message;
  }
  return readMessage(stanza, own, 'live');
}

/** Reads a message of the archive. */
export function parseArchived(result: El, own: string): IncomingMessage | undefined {
  const inner = unwrap(result);
  const id = result.attr('id');
  return inner && id ? readArchived(inner.message, own, id, inner.time) : undefined;
}

/** A stanza as the archive has it, under its id there. */
export function readArchived(
  stanza: El,
  own: string,
  id: string,
  time: number | undefined,
): IncomingMessage | undefined {
  const message = readMessage(stanza, own, 'archive');
  if (message) {
    message.archiveId = id;
    message.time = time ?? message.time;
  }
  return message;
}

function readMessage(el: El, own: string, via: IncomingMessage['via']): IncomingMessage | undefined {
  const type = el.attr('type') ?? 'normal';
  if (type === 'groupchat') return undefined;
  const from = el.attr('from') ? bare(el.attr('from')) : own;
  const to = el.attr('to') ? bare(el.attr('to')) : own;
  if (!from || !to) return undefined;
  const mine = from === own;
  // Rooms are not supported yet: their private messages and invitations are not a person's.
  if (el.child('x', NS.mucUser)) return undefined;
  const marker = el.inNs(NS.markers);
  const state = el.inNs(NS.chatStates);
  const encrypted = el.elements().some((c) => ENCRYPTED.includes(c.ns)) || el.child('encryption', NS.eme) !== undefined;
  const isError = type === 'error';
  const about = isError ? undefined : readAbout(el);
  const written = isError ? undefined : bodyOf(el);
  const answer = isError || encrypted ? undefined : readReply(el, written);
  const body = answer ? answer.body : written;
  const shared = isError || encrypted ? undefined : readFile(el, body);
  const link = isError || encrypted || shared ? undefined : readLink(el, body);
  const content: Content = {
    // A file without words for those who cannot show it still is a message.
    body: body ?? shared?.file.url,
    file: shared?.file,
    caption: shared?.caption ?? '',
    encrypted: !isError && encrypted,
    ...(el.child('unstyled', NS.styling) && { unstyled: true }),
    ...(link && { link }),
  };
  return {
    via,
    type,
    id: el.attr('id') ?? '',
    originId: el.child('origin-id', NS.sid)?.attr('id') || undefined,
    archiveId: ownStanzaId(el, own),
    from,
    to,
    peer: mine ? to : from,
    mine,
    time: delayOf(el, own),
    ...(about ? NOTHING : content),
    about,
    content: about?.kind === 'correct' ? content : undefined,
    reply: about ? undefined : answer?.reply,
    tombstone: !isError && !about && via === 'archive' && !body && isTombstone(el),
    chatState: !isError && state && STATES.has(state.name) ? (state.name as ChatState) : undefined,
    wantsReceipt: !isError && el.child('request', NS.receipts) !== undefined,
    receiptFor: isError ? undefined : el.child('received', NS.receipts)?.attr('id'),
    markable: !isError && marker?.name === 'markable',
    marker: isError ? undefined : markerOf(marker),
    error: isError ? StanzaError.from(el) : undefined,
  };
}

const NOTHING: Content = { body: undefined, file: undefined, caption: '', encrypted: false };

function markerOf(el: El | undefined): IncomingMessage['marker'] {
  const id = el?.attr('id');
  if (!el || !id) return undefined;
  if (el.name !== 'received' && el.name !== 'displayed' && el.name !== 'acknowledged') return undefined;
  return { kind: el.name, id };
}

/** Bodies may come in several languages; the one without a language is the sender's own. */
function bodyOf(el: El): string | undefined {
  const bodies = el.elements('body', NS.client);
  const chosen = bodies.find((b) => !b.attr('xml:lang')) ?? bodies[0];
  const text = chosen?.text();
  return text ? text : undefined;
}

/** The id in our own archive; others' ids (rooms, forgeries) mean nothing here. */
function ownStanzaId(el: El, own: string): string | undefined {
  return el
    .elements('stanza-id', NS.sid)
    .find((s) => bare(s.attr('by')) === own)
    ?.attr('id');
}

/** When our own server says how old it is. A time stamp from the sender is not believed. */
function delayOf(el: El, own: string): number | undefined {
  for (const d of el.elements('delay', NS.delay)) {
    const by = bare(d.attr('from'));
    if (by === own || by === domainOf(own)) {
      const time = parseStamp(d.attr('stamp'));
      if (time !== undefined) return time;
    }
  }
  return undefined;
}

// --- building ---

export interface OutgoingText {
  to: string;
  id: string;
  body: string;
  /** Ask for delivered and read. Not for notes to oneself. */
  ask: boolean;
  chatState: boolean;
  file?: SharedFile | undefined;
  reply?: ReplyTo | undefined;
  link?: LinkPreview | undefined;
  unstyled?: boolean | undefined;
  /** The message that this one corrects: its attribute `id`. */
  corrects?: string | undefined;
}

export function textMessage(m: OutgoingText): El {
  const { body, elements } = m.reply ? replyElements(m.reply, m.body) : { body: m.body, elements: [] };
  return x(
    'message',
    { xmlns: NS.client, type: 'chat', to: m.to, id: m.id },
    x('body', {}, body),
    ...elements,
    m.corrects !== undefined && correctElement(m.corrects),
    ...(m.file ? fileElements(m.file) : []),
    m.link && linkElement(m.link),
    m.unstyled && x('unstyled', { xmlns: NS.styling }),
    x('origin-id', { xmlns: NS.sid, id: m.id }),
    m.ask && x('request', { xmlns: NS.receipts }),
    m.ask && x('markable', { xmlns: NS.markers }),
    m.chatState && x('active', { xmlns: NS.chatStates }),
  );
}

/** A receipt never asks for one. It is stored, so that the ticks are right on every device. */
export function receiptMessage(to: string, id: string, forId: string): El {
  return x(
    'message',
    { xmlns: NS.client, type: 'chat', to, id },
    x('received', { xmlns: NS.receipts, id: forId }),
    x('origin-id', { xmlns: NS.sid, id }),
    x('store', { xmlns: NS.hints }),
  );
}

/** `read`: the same for my other devices, by the id of my own archive; the server takes it out (XEP-0490, server assist). */
export function markerMessage(
  to: string,
  id: string,
  kind: MarkerKind,
  forId: string,
  read?: { by: string; id: string },
): El {
  return x(
    'message',
    { xmlns: NS.client, type: 'chat', to, id },
    x(kind, { xmlns: NS.markers, id: forId }),
    read && x('displayed', { xmlns: NS.mds }, x('stanza-id', { xmlns: NS.sid, by: read.by, id: read.id })),
    x('origin-id', { xmlns: NS.sid, id }),
    x('store', { xmlns: NS.hints }),
  );
}

export function chatStateMessage(to: string, state: ChatState): El {
  return x(
    'message',
    { xmlns: NS.client, type: 'chat', to },
    x(state, { xmlns: NS.chatStates }),
    x('no-store', { xmlns: NS.hints }),
  );
}
