// What senders say of their links (XEP-0511): everything in it was written by a stranger.
import { expect, test } from 'vitest';
import { makeLink } from '../src/xmpp/mod/link';
import { parseMessage, textMessage } from '../src/xmpp/mod/message';
import { parse, write } from '../src/xmpp/xml';
import { png } from './png';

const URL = 'https://the.link.example.com/what';
const PICTURE = `data:image/png;base64,${png(16, 12, () => [9, 99, 109]).toString('base64')}`;

/** A message with these words and these things said of an address. */
function read(body: string, said: string, about = URL) {
  const rdf = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#';
  const description = `<rdf:Description xmlns:rdf='${rdf}' xmlns:og='https://ogp.me/ns#' rdf:about='${about}'>${said}</rdf:Description>`;
  const xml = `<message xmlns='jabber:client' from='ben@x/1' to='mia@x' type='chat' id='1'><body>${body}</body>${description}</message>`;
  return parseMessage(parse(xml), 'mia@x')!.link;
}
const TITLE = '<og:title>The Best Webpage</og:title>';

test('a title, some words, and a picture that is in the message itself', () => {
  const said = `${TITLE}<og:description>Really
    great</og:description><og:image>https://spy.example/x.png</og:image><og:image>${PICTURE}</og:image>`;
  expect(read(`Look: ${URL} nice`, said)).toEqual({
    url: URL,
    title: 'The Best Webpage',
    about: 'Really great',
    picture: PICTURE,
  });
});

test('nothing of an address that is not in the words, or that is none', () => {
  expect(read('Look at this', TITLE)).toBeUndefined();
  for (const url of ['javascript:alert(1)', 'ftp://a.example/', 'https://a:b@c.example/', ''])
    expect(read(`see ${url}`, TITLE, url)).toBeUndefined();
  expect(read(`see ${URL}`, '<og:description>no title</og:description>')).toBeUndefined();
});

test('words are short, on one line, and do not turn around; a picture from elsewhere is none', () => {
  const link = read(
    URL,
    `<og:title>\u202Egpj.\n${'x'.repeat(5000)}</og:title><og:image>https://spy.example/x.png</og:image>`,
  )!;
  expect(link.title).toMatch(/^gpj\. x+…$/);
  expect([...link.title]).toHaveLength(120);
  expect(link).not.toHaveProperty('picture');
  const emoji = read(URL, `<og:title>${'😀'.repeat(200)}</og:title>`)!;
  expect([...emoji.title].every((sign) => sign === '😀' || sign === '…')).toBe(true);
});

test('what is said is what is read, in the same bounds', () => {
  const link = makeLink(URL, ` The <best>\n"page" ${'x'.repeat(200)}`)!;
  const message = textMessage({ to: 'mia@x', id: '1', body: `see ${URL}`, ask: false, chatState: false, link });
  expect(parseMessage(parse(write(message)), 'mia@x')!.link).toEqual(link);
  expect([link.title.length, link.title.slice(0, 17)]).toEqual([120, 'The <best> "page"']);
  expect([makeLink('javascript:alert(1)', 'x'), makeLink(URL, ' \u202e ')]).toEqual([undefined, undefined]);
});
