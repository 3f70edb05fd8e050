// Message styling by the rules and the examples of XEP-0393.
import { describe, expect, test } from 'vitest';
import { type Block, blocksOf, type Span, spansOf } from '../src/ui/chat/styling';

const TAG = { strong: 'b', emphasis: 'i', strike: 's', code: 'c' };
const write = (line: string, spans: readonly Span[]): string =>
  spans
    .map((it) =>
      typeof it === 'string'
        ? it
        : 'href' in it
          ? `[${line.slice(it.start, it.end)}]`
          : `<${TAG[it.kind]}>${write(line, it.children)}</${TAG[it.kind]}>`,
    )
    .join('');
const line = (text: string) => write(text, spansOf(text));
const all = (blocks: readonly Block[]): unknown[] =>
  blocks.map((it) =>
    it.kind === 'line' ? write(it.text, it.spans) : it.kind === 'pre' ? { pre: it.text } : { quote: all(it.children) },
  );
const text = (body: string) => all(blocksOf(body));

describe('spans', () => {
  test.each([
    // The examples of the XEP.
    ['plain span', 'plain span'],
    ['*strong span*', '<b>strong span</b>'],
    ['plain _emphasis_ plain', 'plain <i>emphasis</i> plain'],
    ['`pre` plain *strong*', '<c>pre</c> plain <b>strong</b>'],
    ['*strong*plain*', '<b>strong</b>plain*'],
    ['* plain *strong*', '* plain <b>strong</b>'],
    ['not strong*', 'not strong*'],
    ['*not strong', '*not strong'],
    ['*not *strong', '*not *strong'],
    ['**', '**'],
    ['***', '***'],
    ['****', '****'],
    ['Two spans, both *alike in dignity*', 'Two spans, both <b>alike in dignity</b>'],
    ['Everyone ~dis~likes cake.', 'Everyone <s>dis</s>likes cake.'],
    ['This is `monospace`', 'This is <c>monospace</c>'],
    ['This is `*monospace*`', 'This is <c>*monospace*</c>'],
    ['This is *`monospace and bold`*', 'This is <b><c>monospace and bold</c></b>'],
    // What people write.
    ['snake_case_name and 2*3*4', 'snake_case_name and 2*3*4'],
    ['_*~all~*_', '<i><b><s>all</s></b></i>'],
    ['*a _b* c_', '<b>a _b</b> c_'],
    ['*a *', '*a *'],
    ['** a **', '** a **'],
    ['\u00a0*no-break*\u3000_wide_', '\u00a0<b>no-break</b>\u3000<i>wide</i>'],
    ['*😀*', '<b>😀</b>'],
    // Links are whole, whatever signs they hold.
    ['https://a.example/_b_/*c*', '[https://a.example/_b_/*c]*'],
    ['_see https://a.example/b_c_', '<i>see [https://a.example/b_c]</i>'],
    ['*https://a.example*', '<b>[https://a.example]</b>'],
    ['`https://a.example`', '<c>https://a.example</c>'],
  ])('%s', (written, expected) => {
    expect(line(written)).toBe(expected);
  });
});

describe('blocks', () => {
  test.each<[string, unknown[]]>([
    ['*not \n strong*', ['*not ', ' strong*']],
    ['but there is no *formatting\nas spans* may not', ['but there is no *formatting', 'as spans* may not']],
    [
      '```ignored\n(println "*Hello*, world!")\n```\nThis should *show*',
      [{ pre: '(println "*Hello*, world!")' }, 'This should <b>show</b>'],
    ],
    ['> ```\n> (println "Hello, world!")\nplain', [{ quote: [{ pre: '(println "Hello, world!")' }] }, 'plain']],
    ['> That that is, is.\nSaid', [{ quote: ['That that is, is.'] }, 'Said']],
    ['>> That that is, is.\n> Said\nWho?', [{ quote: [{ quote: ['That that is, is.'] }, 'Said'] }, 'Who?']],
    ['```\nno end', [{ pre: 'no end' }]],
    ['```\na\n``` \n```', [{ pre: 'a\n``` ' }]],
    ['>  two spaces', [{ quote: [' two spaces'] }]],
    ['a > b', ['a > b']],
    ['>', [{ quote: [''] }]],
  ])('%s', (written, expected) => {
    expect(text(written)).toEqual(expected);
  });
});

test('what is written to be slow or deep is neither', () => {
  const n = 200_000;
  const start = performance.now();
  for (const unit of ['*a ', '_*~`', '*_a', '`a', ' *', '>', '> ', '>\n', '```\n', 'a*', '*https://a.example/ '])
    expect(blocksOf(unit.repeat(n / unit.length)).length).toBeGreaterThan(0);
  // Anything that grows with the square would take minutes.
  expect(performance.now() - start).toBeLessThan(20_000);
});
