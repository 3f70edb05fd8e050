// Publish-subscribe on accounts (XEP-0163, by XEP-0060): items of a node, one's own or a contact's, and the news of them.
// Whose node's news come is said in the capabilities: `NODE+notify` (caps.ts).
import type { Client } from '../client';
import { StanzaError } from '../errors';
import { bare } from '../jid';
import { NS } from '../ns';
import { type El, x } from '../xml';

export interface PepItem {
  id: string;
  /** Undefined: the item is there, and it was not said what it holds. */
  payload: El | undefined;
}

/** News of one node. */
export interface PepEvent {
  /** Bare address of its owner; '' when the server does not say: one's own account. */
  from: string;
  node: string;
  items: PepItem[];
  /** Ids. */
  retracted: string[];
  /** Nothing is left in it. */
  emptied: boolean;
}

export type NodeOptions = Readonly<Record<string, string>>;

/** For what only my own devices may see: every item is kept, and whoever comes asks. */
export const PRIVATE: NodeOptions = {
  access_model: 'whitelist',
  persist_items: 'true',
  max_items: 'max',
  send_last_published_item: 'never',
};

/** A page of items, and no more pages than any honest node has. */
const PAGE = 500;
const PAGES = 50;

function form(kind: string, options: NodeOptions): El {
  const field = (name: string, value: string) => x('field', { var: name }, x('value', {}, value));
  return x(
    'x',
    { xmlns: NS.data, type: 'submit' },
    field('FORM_TYPE', `${NS.pubsub}#${kind}`),
    ...Object.entries(options).map(([name, value]) => field(`pubsub#${name}`, value)),
  );
}

const is = (e: unknown, condition: string) => e instanceof StanzaError && e.condition === condition;

/** Puts an item into a node of one's own, which is made, or changed, to be as `options` say. */
export async function publish(
  client: Client,
  node: string,
  id: string,
  payload: El,
  options: NodeOptions,
): Promise<void> {
  const send = () =>
    client.iq({
      type: 'set',
      payload: x(
        'pubsub',
        { xmlns: NS.pubsub },
        x('publish', { node }, x('item', { id }, payload)),
        x('publish-options', {}, form('publish-options', options)),
      ),
    });
  try {
    await send();
  } catch (e) {
    // It is there already, and otherwise: a condition of the options is not met.
    if (!is(e, 'conflict')) throw e;
    await client.iq({
      type: 'set',
      payload: x('pubsub', { xmlns: NS.pubsubOwner }, x('configure', { node }, form('node_config', options))),
    });
    await send();
  }
}

/** Takes an item out of a node of one's own; one that is not there is out of it. */
export async function retract(client: Client, node: string, id: string): Promise<void> {
  try {
    await client.iq({
      type: 'set',
      payload: x('pubsub', { xmlns: NS.pubsub }, x('retract', { node, notify: 'true' }, x('item', { id }))),
    });
  } catch (e) {
    if (!is(e, 'item-not-found')) throw e;
  }
}

/**
 * Items of a node of one's own, all of them; with `to`, of somebody's: the newest alone, or those of these ids. None where there is no
 * node.
 */
export async function items(
  client: Client,
  node: string,
  to?: string,
  ids: readonly string[] = [],
): Promise<PepItem[]> {
  const all: PepItem[] = [];
  let after: string | undefined;
  const some = to !== undefined || ids.length > 0;
  for (let pages = 0; pages < PAGES; pages++) {
    let answer: El | undefined;
    try {
      answer = await client.iq({
        type: 'get',
        ...(to !== undefined && { to }),
        payload: x(
          'pubsub',
          { xmlns: NS.pubsub },
          x(
            'items',
            { node, max_items: some && ids.length === 0 ? 1 : undefined },
            ...ids.map((id) => x('item', { id })),
          ),
          !some &&
            x('set', { xmlns: NS.rsm }, x('max', {}, String(PAGE)), after !== undefined && x('after', {}, after)),
        ),
      });
    } catch (e) {
      if (is(e, 'item-not-found')) return all;
      throw e;
    }
    const page = (answer?.child('items')?.elements('item') ?? []).map(readItem);
    all.push(...page);
    // A server that does not page has given all.
    const set = answer?.child('set', NS.rsm);
    const last = set?.child('last')?.text();
    const count = Number(set?.child('count')?.text() ?? Number.NaN);
    if (some || page.length === 0 || !last || last === after || all.length >= count) break;
    after = last;
  }
  return all;
}

function readItem(el: El): PepItem {
  return { id: el.attr('id') ?? '', payload: el.elements()[0] };
}

/** What a message says of a node; undefined: it is something else. */
export function parsePepEvent(message: El): PepEvent | undefined {
  const event = message.name === 'message' ? message.child('event', NS.pubsubEvent) : undefined;
  const what = event?.elements().find((el) => el.attr('node') !== undefined);
  if (!what || message.attr('type') === 'error') return undefined;
  const from = message.attr('from');
  return {
    from: from === undefined ? '' : bare(from),
    node: what.attr('node')!,
    items: what.elements('item').map(readItem),
    retracted: what.elements('retract').map((el) => el.attr('id') ?? ''),
    emptied: what.name === 'purge' || what.name === 'delete',
  };
}
