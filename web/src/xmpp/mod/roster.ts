// The contact list on the server (RFC 6121 section 2), with versions: an unchanged list costs no bytes.
import type { Client } from '../client';
import { StanzaError } from '../errors';
import { bare } from '../jid';
import { NS } from '../ns';
import { type El, x } from '../xml';

export type Subscription = 'none' | 'to' | 'from' | 'both';

export interface RosterItem {
  address: string;
  name: string;
  subscription: Subscription | 'remove';
  asked: boolean;
}

const SUBSCRIPTIONS = new Set(['none', 'to', 'from', 'both', 'remove']);

function readItem(el: El): RosterItem | undefined {
  const address = bare(el.attr('jid'));
  const subscription = el.attr('subscription') ?? 'none';
  if (!address || !SUBSCRIPTIONS.has(subscription)) return undefined;
  return {
    address,
    name: el.attr('name') ?? '',
    subscription: subscription as RosterItem['subscription'],
    asked: el.attr('ask') === 'subscribe',
  };
}

/** The list, or undefined when the version we have is the current one. */
export async function fetchRoster(
  client: Client,
  ver: string,
): Promise<{ items: RosterItem[]; ver: string | undefined } | undefined> {
  const answer = await client.iq({ type: 'get', payload: x('query', { xmlns: NS.roster, ver }) });
  if (!answer?.is('query', NS.roster)) return undefined;
  const items = answer.elements('item').flatMap((el) => readItem(el) ?? []);
  return { items: items.filter((i) => i.subscription !== 'remove'), ver: answer.attr('ver') };
}

/** Only our own account may push changes: anyone else's push is a forgery (RFC 6121 2.1.6). */
export function onRosterPush(
  client: Client,
  own: string,
  handler: (item: RosterItem, ver: string | undefined) => void,
): void {
  client.handle('set', 'query', NS.roster, (query, from) => {
    if (from !== '' && bare(from) !== own) throw new StanzaError('service-unavailable', 'cancel', '');
    const el = query.child('item');
    const item = el ? readItem(el) : undefined;
    if (item) handler(item, query.attr('ver'));
    return undefined;
  });
}

export async function setRosterItem(client: Client, address: string, name: string): Promise<void> {
  const item = x('item', { jid: address, name: name || undefined });
  await client.iq({ type: 'set', payload: x('query', { xmlns: NS.roster }, item) });
}

/** Also ends both subscriptions. */
export async function removeRosterItem(client: Client, address: string): Promise<void> {
  const item = x('item', { jid: address, subscription: 'remove' });
  await client.iq({ type: 'set', payload: x('query', { xmlns: NS.roster }, item) });
}
