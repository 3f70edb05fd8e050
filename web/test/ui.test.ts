// The arithmetic and the rules of the views that need no browser.
import { describe, expect, test } from 'vitest';
import { Heights } from '../src/ui/chat/heights';
import { findLinks, onlyEmoji } from '../src/ui/chat/links';
import { meText } from '../src/ui/chat/me';
import { t } from '../src/ui/i18n';
import { hueAngle, hueOf } from '../src/ui/kit/hue';
import { matches } from '../src/ui/list/search';

test('a sentence ends with one full stop, whoever it is about', () => {
  expect(t('log.beginEmpty', { name: 'Gina' })).toBe('Nothing written yet. Say hello to Gina.');
  expect(t('log.beginEmpty', { name: 'Gina G.' })).toBe('Nothing written yet. Say hello to Gina G.');
});

describe('heights of the rows of a log', () => {
  const plain = (heights: number[]) => ({
    sum: (count: number) => heights.slice(0, count).reduce((a, b) => a + b, 0),
    at: (y: number) => {
      let top = 0;
      for (let i = 0; i < heights.length; i++) {
        top += heights[i]!;
        if (y < top) return i;
      }
      return Math.max(0, heights.length - 1);
    },
  });

  test('agree with adding them up, while they are measured and rows are added', () => {
    let state = 7;
    const random = () => {
      state = (state * 1103515245 + 12345) & 0x7fffffff;
      return state / 0x7fffffff;
    };
    const values = Array.from({ length: 150 }, () => 10 + Math.floor(random() * 90));
    const heights = new Heights(values.length, (i) => values[i]!);
    for (let step = 0; step < 400; step++) {
      if (random() < 0.4) {
        const height = 10 + Math.floor(random() * 90);
        values.push(height);
        heights.push(height);
      } else {
        const i = Math.floor(random() * values.length);
        values[i] = 10 + Math.floor(random() * 300);
        heights.set(i, values[i]!);
      }
      const count = Math.floor(random() * (values.length + 1));
      expect(heights.sum(count)).toBe(plain(values).sum(count));
      const y = Math.floor(random() * (heights.total + 50));
      expect(heights.at(y)).toBe(plain(values).at(y));
    }
    expect(heights.length).toBe(values.length);
  });

  test('of nothing are nothing', () => {
    const none = new Heights(0, () => 0);
    expect(none.total).toBe(0);
    expect(none.at(100)).toBe(0);
    none.push(20);
    expect(none.total).toBe(20);
  });
});

test('colours of addresses follow XEP-0392', () => {
  expect(hueAngle('Romeo')).toBeCloseTo(327.255249, 4);
  expect(hueAngle('juliet@capulet.lit')).toBeCloseTo(209.4104, 4);
  expect(hueAngle('😺')).toBeCloseTo(331.199341, 4);
  expect(hueAngle('council')).toBeCloseTo(359.994507, 4);
  expect(hueOf('Romeo')).toBe(8);
});

describe('links', () => {
  const links = (body: string) => findLinks(body).map((it) => body.slice(it.start, it.end));
  test('end where a reader would end them', () => {
    expect(links('see https://example.org/cabin (bring boots).')).toEqual(['https://example.org/cabin']);
    expect(links('(https://en.example.org/wiki/Boat_(small)), and www.example.org!')).toEqual([
      'https://en.example.org/wiki/Boat_(small)',
      'www.example.org',
    ]);
    expect(links('xmpp:mia@example.org?message mailto:mia@example.org')).toHaveLength(2);
    expect(links('“https://example.org/ä?q=1&b=2#x”, said she')).toEqual(['https://example.org/ä?q=1&b=2#x']);
  });
  test('are only of schemes that lead somewhere harmless', () => {
    for (const body of [
      'javascript:alert(1)',
      'data:text/html,hi',
      'vbscript:x',
      'file:///etc/passwd',
      'http://',
      'https://user',
      'xhttps://example.org',
    ])
      expect(links(body)).toEqual([]);
    for (const it of findLinks('https://example.org/"onclick="x www.example.org')) expect(it.href).toMatch(/^https:/);
  });
  test('do not take long over hostile text', () => {
    const before = process.cpuUsage(); // what others do on this machine does not count
    links(`https://example.org/${')'.repeat(20_000)}`);
    links('www.'.repeat(20_000));
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(1000);
  });
});

test('up to three emoji and nothing else are shown large', () => {
  for (const body of ['🎉', '🎉🙌', ' 👨‍👩‍👧‍👦 ', '👍🏽', '🇳🇴', '❤️ ❤️ ❤️']) expect(onlyEmoji(body), body).toBe(true);
  for (const body of ['', '1', '#', 'ok 👍', '🎉🎉🎉🎉', 'a']) expect(onlyEmoji(body), body).toBe(false);
});

test('/me is an action only at the very beginning', () => {
  expect(meText('/me waves')).toBe('waves');
  expect(meText('/meeting')).toBeUndefined();
  expect(meText(' /me waves')).toBeUndefined();
});

test('searching forgives marks and capitals, and takes words in any order', () => {
  expect(matches('hoh bart', 'Bartholomew von Hohenstein', 'b@example.org')).toBe(true);
  expect(matches('jose', 'José', 'j@example.org')).toBe(true);
  expect(matches('@example.net', 'Mia', 'mia@example.org')).toBe(false);
});
