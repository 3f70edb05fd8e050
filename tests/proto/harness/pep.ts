// Publish-subscribe as a client writes it (XEP-0060), and what its answers say in short.

import { createHash } from 'node:crypto';
import type { Client } from './client.ts';
import type { El } from './xml.ts';

export const PUBSUB = 'http://jabber.org/protocol/pubsub';
export const OWNER = `${PUBSUB}#owner`;

const form = (type: string, fields: Record<string, string | string[]>): string =>
  `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>${PUBSUB}#${type}</value></field>${Object.entries(
    fields,
  )
    .map(
      ([name, value]) =>
        `<field var='pubsub#${name}'>${[value]
          .flat()
          .map((v) => `<value>${v}</value>`)
          .join('')}</field>`,
    )
    .join('')}</x>`;

export const item = (id: string | undefined, text: string): string =>
  `<item${id === undefined ? '' : ` id='${id}'`}><thing xmlns='urn:x'>${text}</thing></item>`;

export function publish(node: string, items: string, options?: Record<string, string>): string {
  const with_ = options ? `<publish-options>${form('publish-options', options)}</publish-options>` : '';
  return `<pubsub xmlns='${PUBSUB}'><publish node='${node}'>${items}</publish>${with_}</pubsub>`;
}
export const retract = (node: string, ids: string[], notify = ''): string =>
  `<pubsub xmlns='${PUBSUB}'><retract node='${node}'${notify}>${ids.map((i) => `<item id='${i}'/>`).join('')}</retract></pubsub>`;
export const items = (node: string, inside = '', more = ''): string =>
  `<pubsub xmlns='${PUBSUB}'><items node='${node}'${more}>${inside}</items></pubsub>`;
export const paged = (node: string, set: string): string =>
  `<pubsub xmlns='${PUBSUB}'><items node='${node}'/><set xmlns='http://jabber.org/protocol/rsm'>${set}</set></pubsub>`;
export const create = (node: string, fields?: Record<string, string | string[]>): string =>
  `<pubsub xmlns='${PUBSUB}'><create node='${node}'/>${fields ? `<configure>${form('node_config', fields)}</configure>` : ''}</pubsub>`;
export const configure = (node: string, fields?: Record<string, string | string[]>): string =>
  `<pubsub xmlns='${OWNER}'><configure node='${node}'>${fields ? form('node_config', fields) : ''}</configure></pubsub>`;
export const owner = (what: string, node: string, inside = ''): string =>
  `<pubsub xmlns='${OWNER}'><${what} node='${node}'>${inside}</${what}></pubsub>`;
export const subscribe = (what: 'subscribe' | 'unsubscribe', node: string, jid: string): string =>
  `<pubsub xmlns='${PUBSUB}'><${what} node='${node}' jid='${jid}'/></pubsub>`;

/** The condition of an error with the one that is pubsub's own, or "id=text id=text". */
export function brief(el: El): string {
  if (el.attr('type') === 'error') {
    const parts = el
      .at('error')
      .elements()
      .filter((e) => e.name !== 'text');
    return parts.map((e) => e.name + (e.attr('feature') ? `:${e.attr('feature')}` : '')).join(' ');
  }
  const list = el.elements()[0]?.elements()[0];
  return (list?.elements() ?? []).map((e) => `${e.attr('id') ?? e.attr('node')}=${e.text}`).join(' ');
}

export async function gets(c: Client, xml: string, to?: string): Promise<string> {
  return brief(await c.iq('get', xml, to));
}
export async function sets(c: Client, xml: string, to?: string): Promise<string> {
  const el = await c.iq('set', xml, to);
  return el.attr('type') === 'error' ? brief(el) : 'ok';
}
/** The value of a field of a node's configuration. */
export async function configured(c: Client, node: string, field: string): Promise<string> {
  const el = await c.get(configure(node));
  const f = el
    .at('pubsub')
    .at('configure')
    .at('x')
    .elements()
    .find((e) => e.attr('var') === `pubsub#${field}`);
  return (f?.elements() ?? [])
    .filter((e) => e.name === 'value')
    .map((e) => e.text)
    .join(',');
}

// --- capabilities (XEP-0115) ---

const CAPS = 'http://jabber.org/protocol/caps';
const INFO = 'http://jabber.org/protocol/disco#info';

export interface Caps {
  features: string[];
  ver: string;
}

/** What a client that wants to hear of these nodes can do; `mark` makes it another one. */
export function caps(nodes: string[], mark = ''): Caps {
  const features = [INFO, ...nodes.map((n) => `${n}+notify`), ...(mark ? [`urn:mark:${mark}`] : [])].sort();
  const all = `client/pc//Test<${features.map((f) => `${f}<`).join('')}`;
  return { features, ver: createHash('sha1').update(all).digest('base64') };
}
export const presence = (c: Caps, hash = " hash='sha-1'"): string =>
  `<presence><c xmlns='${CAPS}'${hash} node='urn:test' ver='${c.ver}'/></presence>`;

/** The server's question for them. */
export const asked = (c: Client, of: Caps): Promise<El> =>
  c.pick(`<iq type='get'><query xmlns='${INFO}' node='urn:test#${of.ver}'/></iq>`);

export function tell(c: Client, question: El, what: string[]): void {
  c.send(
    `<iq type='result' id='${question.need('id')}' to='${question.need('from')}'><query xmlns='${INFO}' node='${question.at('query').need('node')}'><identity category='client' type='pc' name='Test'/>${what.map((f) => `<feature var='${f}'/>`).join('')}</query></iq>`,
  );
}

let marks = 0;
/** Becomes available as one that wants to hear of these nodes; the server has asked and knows. */
export async function wants(c: Client, ...nodes: string[]): Promise<Caps> {
  const mine = caps(nodes, `${++marks}`);
  c.send(presence(mine));
  tell(c, await asked(c, mine), mine.features);
  await c.ping();
  return mine;
}

/** An event of that node, in short: "id=text", "-id" for a retraction, or the name of what has happened. */
export async function event(c: Client, from: string, node: string): Promise<string> {
  const el = await c.pick(
    `<message type='headline' from='${from}'><event xmlns='${PUBSUB}#event'><_any node='${node}'/></event></message>`,
  );
  const what = el.at('event').elements()[0]!;
  if (what.name !== 'items') return what.name;
  return what
    .elements()
    .map((e) => (e.name === 'retract' ? `-${e.attr('id')}` : `${e.attr('id')}=${e.text}`))
    .join(' ');
}
