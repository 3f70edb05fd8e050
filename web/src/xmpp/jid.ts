// Addresses (RFC 7622): local@domain/resource. Compared only after normalising.

export interface Jid {
  local: string;
  domain: string;
  resource: string;
}

/** Full-width and half-width forms become ordinary ones (the width mapping of RFC 8265). */
function foldWidth(s: string): string {
  return s.replace(/[\u3000\uff01-\uffee]+/g, (run) => run.normalize('NFKC'));
}

const LOCAL_FORBIDDEN = /["&'/:<>@\s\p{Cc}\p{Cs}]/u;
const DOMAIN_FORBIDDEN = /["&'/<>@\s\p{Cc}\p{Cs}]/u;
const utf8 = new TextEncoder();

/** Splits and normalises; undefined when it is no address. A resource may hold anything, `/` and `@` included. */
export function parseJid(text: string): Jid | undefined {
  const slash = text.indexOf('/');
  const bare = slash < 0 ? text : text.slice(0, slash);
  const resource = slash < 0 ? '' : text.slice(slash + 1);
  if (slash >= 0 && resource === '') return undefined;
  const at = bare.indexOf('@');
  if (at === 0) return undefined;
  const local = at < 0 ? '' : foldWidth(bare.slice(0, at)).toLowerCase().normalize('NFC');
  const domain = (at < 0 ? bare : bare.slice(at + 1)).normalize('NFKC').toLowerCase().replace(/\.$/, '');
  if (!domain || DOMAIN_FORBIDDEN.test(domain) || LOCAL_FORBIDDEN.test(local)) return undefined;
  for (const part of [local, domain, resource]) if (utf8.encode(part).length > 1023) return undefined;
  return { local, domain, resource };
}

export function bareOf(jid: Jid): string {
  return jid.local ? `${jid.local}@${jid.domain}` : jid.domain;
}

/** The bare form of an address in text, or '' when it is no address. */
export function bare(text: string | undefined): string {
  const jid = text === undefined ? undefined : parseJid(text);
  return jid ? bareOf(jid) : '';
}

export function resourceOf(text: string): string {
  const slash = text.indexOf('/');
  return slash < 0 ? '' : text.slice(slash + 1);
}

export function domainOf(text: string): string {
  return parseJid(text)?.domain ?? '';
}

export function localOf(text: string): string {
  return parseJid(text)?.local ?? '';
}

/**
 * What a person typed: `mia`, `mia@example.org`, ` Mia@Example.org `, `xmpp:mia@example.org`.
 * Without @ the default domain is meant. Undefined when it cannot be an address of a person.
 */
export function typedAddress(text: string, domain: string): string | undefined {
  const trimmed = text
    .trim()
    .replace(/^xmpp:/i, '')
    .replace(/\?.*$/, '');
  if (!trimmed || trimmed.includes('/')) return undefined;
  const jid = parseJid(trimmed.includes('@') ? trimmed : `${trimmed}@${domain}`);
  return jid?.local ? bareOf(jid) : undefined;
}
