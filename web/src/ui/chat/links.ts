// Which parts of a text are links: our own matching and an allow-list of schemes.

// A sign of styling may stand before it, and `\b` does not hold behind `_`.
const LINK = /(?<![a-z0-9])(?:https?:\/\/|xmpp:|mailto:|www\.)[^\s<>"“”«»]+/giu;
const ALLOWED = new Set(['http:', 'https:', 'xmpp:', 'mailto:']);

/** `see (https://a.org/b_(c)).` links `https://a.org/b_(c)`: closing signs count only if they were opened. */
function trim(found: string): string {
  const count: Record<string, number> = {};
  for (const sign of found) if (/[()[\]{}]/.test(sign)) count[sign] = (count[sign] ?? 0) + 1;
  let end = found.length;
  for (; end > 0; end--) {
    const last = found[end - 1]!;
    const open = { ')': '(', ']': '[', '}': '{' }[last];
    if (open !== undefined && count[last]! > (count[open] ?? 0)) count[last]!--;
    else if (!/[.,:;!?'’*_~`]/.test(last)) break;
  }
  return found.slice(0, end);
}

/** The address that a link leads to, or undefined if we do not make it one. */
function target(link: string): string | undefined {
  try {
    const url = new URL(/^www\./i.test(link) ? `https://${link}` : link);
    if (!ALLOWED.has(url.protocol)) return undefined;
    if (url.protocol.startsWith('http') && !url.hostname.includes('.') && url.hostname !== 'localhost')
      return undefined;
    return url.href;
  } catch {
    return undefined;
  }
}

export interface Found {
  start: number;
  end: number;
  href: string;
}

export function findLinks(body: string): Found[] {
  const found: Found[] = [];
  for (const match of body.matchAll(LINK)) {
    const text = trim(match[0]);
    const href = target(text);
    if (href) found.push({ start: match.index, end: match.index + text.length, href });
  }
  return found;
}

// Made from a string, because a compiler that aims below ES2024 refuses the v flag in a literal.
const EMOJI = '\\p{RGI_Emoji}';
const ONLY_EMOJI = new RegExp(`^(?:\\s*${EMOJI}){1,3}\\s*$`, 'v');

/** Up to three emoji and nothing else: shown large, without a bubble. */
export function onlyEmoji(body: string): boolean {
  return body.length <= 60 && ONLY_EMOJI.test(body);
}
