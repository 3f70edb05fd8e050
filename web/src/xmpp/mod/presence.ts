// Presence (RFC 6121): who is there, and the dialogue about who may see whom.
import { StanzaError } from '../errors';
import { bare, resourceOf } from '../jid';
import { NS } from '../ns';
import { type El, x } from '../xml';
import { readHash } from './face';

export interface IncomingPresence {
  /** '' is available. */
  type: '' | 'unavailable' | 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed' | 'error';
  from: string; // bare
  resource: string;
  show: '' | 'chat' | 'away' | 'xa' | 'dnd';
  status: string;
  priority: number;
  /** The name they go by (XEP-0172), in requests. */
  nick: string;
  /** The hash of the picture in their card (XEP-0153), '' for none; undefined: nothing is said of it. */
  photo?: string;
  error: StanzaError | undefined;
}

const TYPES = new Set(['', 'unavailable', 'subscribe', 'subscribed', 'unsubscribe', 'unsubscribed', 'error']);
const SHOWS = new Set(['chat', 'away', 'xa', 'dnd']);

export function parsePresence(el: El, own: string): IncomingPresence | undefined {
  const type = el.attr('type') ?? '';
  const full = el.attr('from') ?? own;
  const from = bare(full);
  if (!TYPES.has(type) || !from) return undefined;
  const show = el.child('show')?.text().trim() ?? '';
  const photo = el.child('x', NS.vcardUpdate)?.child('photo')?.text();
  const priority = Number.parseInt(el.child('priority')?.text() ?? '0', 10);
  return {
    type: type as IncomingPresence['type'],
    from,
    resource: resourceOf(full),
    show: SHOWS.has(show) ? (show as IncomingPresence['show']) : '',
    status: el.child('status')?.text() ?? '',
    priority: Number.isNaN(priority) ? 0 : priority,
    nick: el.child('nick', NS.nick)?.text().trim() ?? '',
    ...(photo !== undefined && { photo: readHash(photo) }),
    error: type === 'error' ? StanzaError.from(el) : undefined,
  };
}

export function subscription(
  type: 'subscribe' | 'subscribed' | 'unsubscribe' | 'unsubscribed',
  to: string,
  nick?: string,
): El {
  return x('presence', { xmlns: NS.client, type, to }, nick ? x('nick', { xmlns: NS.nick }, nick) : undefined);
}
