// What is typed finds what was written: the cases of the server's test (tests/unit/terms_test.c), and where it stands.
import { describe, expect, test } from 'vitest';
import { placesOf, TERM_BYTES_MAX, TERMS_MAX, termsMatch, termsOf } from '../src/store/terms';

const words = (text: string) =>
  termsOf(text)
    .map((it) => it.text)
    .join(' ');
const finds = (wanted: string, text: string) => termsMatch(termsOf(text), termsOf(wanted));

test.each([
  ['', ''],
  [' ... !', ''],
  ['Hello, World', 'hello world'],
  ["don't", 'don t'],
  ['3.14 at example.org', '3 14 at example org'],
  ['Größe', 'grosse'],
  ['Crème BRÛLÉE', 'creme brulee'],
  ['e\u0301t\u00e9', 'ete'],
  ['\ufb01ne', 'fine'],
  ['Привет Ёж', 'привет еж'],
  ['ΟΔΟΣ οδος', 'οδοσ οδοσ'],
  ['a\u{1f355}z', 'a \u{1f355} z'],
  ['東京都', '東京 京都 都'],
  ['abc猫def', 'abc 猫 def'],
])('the words of %j', (text, expected) => {
  expect(words(text)).toBe(expected);
});

describe('matching', () => {
  test.each([
    ['京', '東京都', true],
    ['東京', '東京都', true],
    ['都京', '東京都', false],
    ['한', '한국어', true],
    ['국', '한국어', false],
    ['hel wor', 'World, hello', true],
    ['hel x', 'World, hello', false],
    ['ello', 'hello', false],
    ['cafe', 'Café', true],
    ['CAFÉ', 'cafe', true],
  ])('%s in %s: %s', (wanted, text, expected) => {
    expect(finds(wanted, text)).toBe(expected);
  });
});

test('long texts and long words have an end', () => {
  expect(termsOf('a '.repeat(10_000)).length).toBe(TERMS_MAX);
  const long = 'a'.repeat(20_000);
  expect(termsOf(long).map((it) => it.text.length)).toEqual([TERM_BYTES_MAX]);
  expect(finds(long, long)).toBe(true);
});

test.each([
  ['caf', 'A Café, a cafeteria', ['Caf', 'caf']],
  ['cafe', 'A Cafe\u0301, here', ['Cafe']],
  ['strasse', 'Die Straße da', ['Straße']],
  ['京都', '東京都', ['京都']],
  ['fi', '\ufb01ne', ['\ufb01']],
  ['x', 'nothing', []],
  ['a an', 'an answer', ['an', 'an']],
])('%s is found in %s', (wanted, text, expected) => {
  expect(placesOf(text, termsOf(wanted)).map((it) => text.slice(it.start, it.end))).toEqual(expected);
});
