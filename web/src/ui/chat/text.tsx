// A message's text as nodes: text and links, never markup.
import type { ComponentChildren } from 'preact';
import { hrefOf, route } from '../router';
import { findLinks } from './links';

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
  for (const it of findLinks(body)) {
    parts.push(body.slice(end, it.start), <Link href={it.href} text={body.slice(it.start, it.end)} />);
    end = it.end;
  }
  parts.push(body.slice(end));
  return parts;
}
