// Messages as plain objects: bodies (RFC 6121), ids (XEP-0359), delay (0203), carbons (0280), chat states (0085),
// receipts (0184), markers (0333). Encrypted ones (0380) are recognised, not read.
import { StanzaError } from '../errors';
import { bare, domainOf } from '../jid';
import { NS } from '../ns';
import { type El, x } from '../xml';
import { fileElements, readFile, type SharedFile } from './file';

export type ChatState = 'active' | 'composing' | 'paused' | 'inactive' | 'gone';
export type MarkerKind = 'received' | 'displayed' | 'acknowledged';

export interface IncomingMessage {
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
  body: string | undefined;
  file: SharedFile | undefined;
  /** Words that came with the file, without its address. */
  caption: string;
  /** The body, if any, only says that one cannot read it. */
  encrypted: boolean;
  chatState: ChatState | undefined;
  wantsReceipt: boolean;
  receiptFor: string | undefined;
  markable: boolean;
  marker: { kind: MarkerKind; id: string } | undefined;
  error: StanzaError | undefined;
}

const STATES = new Set(['active', 'composing', 'paused', 'inactive', 'gone']);
const ENCRYPTED: readonly string[] = [NS.omemoLegacy, NS.omemo2, NS.openpgp];

/** A time stamp of XEP-0082 in ms. */
export function parseStamp(text: string | undefined): number | undefined {
  if (!text || !/^\d{4}-\d\d-\d\dT/.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
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
  if (!inner || !id) return undefined;
  const message = readMessage(inner.message, own, 'archive');
  if (message) {
    message.archiveId = id;
    message.time = inner.time ?? message.time;
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
  const body = isError ? undefined : bodyOf(el);
  const shared = isError || encrypted ? undefined : readFile(el, body);
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
    // A file without words for those who cannot show it still is a message.
    body: body ?? shared?.file.url,
    file: shared?.file,
    caption: shared?.caption ?? '',
    encrypted: !isError && encrypted,
    chatState: !isError && state && STATES.has(state.name) ? (state.name as ChatState) : undefined,
    wantsReceipt: !isError && el.child('request', NS.receipts) !== undefined,
    receiptFor: isError ? undefined : el.child('received', NS.receipts)?.attr('id'),
    markable: !isError && marker?.name === 'markable',
    marker: isError ? undefined : markerOf(marker),
    error: isError ? StanzaError.from(el) : undefined,
  };
}

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
}

export function textMessage(m: OutgoingText): El {
  return x(
    'message',
    { xmlns: NS.client, type: 'chat', to: m.to, id: m.id },
    x('body', {}, m.body),
    ...(m.file ? fileElements(m.file) : []),
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

export function markerMessage(to: string, id: string, kind: MarkerKind, forId: string): El {
  return x(
    'message',
    { xmlns: NS.client, type: 'chat', to, id },
    x(kind, { xmlns: NS.markers, id: forId }),
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
