// What another app hands over: each puts title, words and address where it likes.
import { beforeAll, expect, test } from 'vitest';

let sharedIn: typeof import('../src/ui/chat/share').sharedIn;
beforeAll(async () => {
  ({ sharedIn } = await import('../src/ui/chat/share'));
});

const URL = 'https://news.example/lake';
const of = (it: { title?: string; text?: string; url?: string }) =>
  sharedIn(`?${new URLSearchParams(Object.entries(it).map(([k, v]) => [`share-${k}`, v]))}`);

test('an address with its title, wherever it stands', () => {
  const link = { url: URL, title: 'The lake', about: '' };
  expect(of({ title: 'The lake', url: URL })).toEqual({ text: URL, link });
  expect(of({ title: 'The lake', text: URL })).toEqual({ text: URL, link });
  expect(of({ title: 'The lake', text: `Look: ${URL}`, url: URL })).toEqual({ text: `Look: ${URL}`, link });
  expect(of({ title: 'The lake', text: 'Look', url: URL })).toEqual({ text: `Look\n${URL}`, link });
  expect(of({ title: URL, url: URL })).toEqual({ text: URL });
});

test('words alone, a title alone, nothing', () => {
  expect(of({ text: ' milk and bread ' })).toEqual({ text: 'milk and bread' });
  expect(of({ title: 'milk', text: 'and bread' })).toEqual({ text: 'and bread' });
  expect(of({ title: 'milk' })).toEqual({ text: 'milk' });
  expect(of({ title: 'x', url: 'javascript:alert(1)' })).toEqual({ text: 'javascript:alert(1)' });
  expect([of({}), of({ text: ' ' }), sharedIn('?text=x')]).toEqual([undefined, undefined, undefined]);
  expect(of({ text: 'x'.repeat(20_000) })!.text.length).toBe(10_000);
});
