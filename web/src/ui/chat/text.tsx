// A message's text as nodes: links by our own matching and an allow-list of schemes, nothing as markup.
import type { ComponentChildren } from 'preact';
import { hrefOf, route } from '../router';

const LINK = /\b(?:https?:\/\/|xmpp:|mailto:|www\.)[^\s<>"“”«»]+/giu;
const ALLOWED = new Set(['http:', 'https:', 'xmpp:', 'mailto:']);

/** `see (https://a.org/b_(c)).` links `https://a.org/b_(c)`: closing signs count only if they were opened. */
function trim(found: string): string {
  let link = found;
  for (;;) {
    const last = link.at(-1)!;
    const open = { ')': '(', ']': '[', '}': '{' }[last];
    const extra = open !== undefined && link.split(last).length > link.split(open).length;
    if (!extra && !/[.,:;!?'’*_~]/.test(last)) return link;
    link = link.slice(0, -1);
  }
}

/** The address that a link leads to, or undefined if we do not make it one. */
export function target(link: string): string | undefined {
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

function Link({ href, text }: { href: string; text: string }) {
  // An address on our own network opens here.
  if (href.startsWith('xmpp:')) {
    const address = decodeURIComponent(href.slice(5).split(/[?#]/)[0]!).toLowerCase();
    if (/^[^@\s/]+@[^@\s/]+$/.test(address))
      return <a href={hrefOf({ page: route.value.page === 'people' ? 'people' : 'chats', chat: address })}>{text}</a>;
  }
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {text}
    </a>
  );
}

export function linked(body: string): ComponentChildren[] {
  const parts: ComponentChildren[] = [];
  let end = 0;
  for (const match of body.matchAll(LINK)) {
    const text = trim(match[0]);
    const href = target(text);
    if (!href || match.index < end) continue;
    parts.push(body.slice(end, match.index), <Link href={href} text={text} />);
    end = match.index + text.length;
  }
  parts.push(body.slice(end));
  return parts;
}

// Made from a string, because a compiler that aims below ES2024 refuses the v flag in a literal.
const EMOJI = '\\p{RGI_Emoji}';
const ONLY_EMOJI = new RegExp(`^(?:\\s*${EMOJI}){1,3}\\s*$`, 'v');

/** Up to three emoji and nothing else: shown large, without a bubble. */
export function onlyEmoji(body: string): boolean {
  return body.length <= 60 && ONLY_EMOJI.test(body);
}
