// A message's text as nodes: text, links and styling, never markup.
import type { ComponentChildren } from 'preact';
import { hrefOf, route } from '../router';
import { type Block, blocksOf, plainSpans, type Span, type SpanKind, spansOf } from './styling';

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

const ELEMENT: Readonly<Record<SpanKind, 'strong' | 'em' | 's' | 'code'>> = {
  strong: 'strong',
  emphasis: 'em',
  strike: 's',
  code: 'code',
};

/** The signs stay in sight, as the XEP recommends: what is shown is what was written. */
function drawn(text: string, spans: readonly Span[]): ComponentChildren[] {
  return spans.map((span) => {
    if (typeof span === 'string') return span;
    if ('href' in span) return <Link href={span.href} text={text.slice(span.start, span.end)} />;
    const Element = ELEMENT[span.kind];
    const sign = (
      <span class="sign" aria-hidden="true">
        {span.sign}
      </span>
    );
    return (
      <Element>
        {sign}
        {drawn(text, span.children)}
        {sign}
      </Element>
    );
  });
}

function drawnBlocks(blocks: readonly Block[]): ComponentChildren[] {
  return blocks.flatMap((block, i) => {
    if (block.kind === 'pre') return <pre>{block.text}</pre>;
    if (block.kind === 'quote') return <blockquote>{drawnBlocks(block.children)}</blockquote>;
    const line = drawn(block.text, block.spans);
    // Other blocks begin and end a line by themselves.
    return blocks[i + 1]?.kind === 'line' ? [...line, '\n'] : line;
  });
}

/** The words of a message, or of what came with a file. */
export function styled(text: string, unstyled?: boolean): ComponentChildren[] {
  return unstyled ? drawn(text, plainSpans(text)) : drawnBlocks(blocksOf(text));
}

/** Without blocks: what stands in a line behind something else. */
export function styledLine(text: string, unstyled?: boolean): ComponentChildren[] {
  if (unstyled) return drawn(text, plainSpans(text));
  return text.split('\n').flatMap((line, i) => [...(i ? ['\n'] : []), ...drawn(line, spansOf(line))]);
}
