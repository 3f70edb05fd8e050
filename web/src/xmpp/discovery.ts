// Where a domain's WebSocket is: our own server's is beside the page; others say so in host-meta.json (XEP-0156).
import { ProtocolError } from './errors';

export interface Origin {
  /** `https:` or `http:` */
  protocol: string;
  /** Host and port of the page. */
  host: string;
}

export function ownSocket(origin: Origin): string {
  return `${origin.protocol === 'http:' ? 'ws' : 'wss'}://${origin.host}/xmpp`;
}

const REL = 'urn:xmpp:alt-connections:websocket';

/** The first secure WebSocket in a host-meta.json. */
export function socketInHostMeta(json: unknown): string | undefined {
  const links = (json as { links?: unknown } | null)?.links;
  if (!Array.isArray(links)) return undefined;
  for (const link of links as { rel?: unknown; href?: unknown }[]) {
    if (link?.rel === REL && typeof link.href === 'string' && link.href.startsWith('wss://')) return link.href;
  }
  return undefined;
}

/** Address of the WebSocket that serves a domain. `ownDomain`: the one the page's own server serves. */
export async function findSocket(domain: string, ownDomain: string, origin: Origin): Promise<string> {
  if (domain === ownDomain) return ownSocket(origin);
  const response = await fetch(`https://${domain}/.well-known/host-meta.json`, {
    credentials: 'omit',
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new ProtocolError('no host-meta.json');
  const url = socketInHostMeta(await response.json());
  if (!url) throw new ProtocolError('no WebSocket in host-meta.json');
  return url;
}
