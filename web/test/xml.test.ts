import { describe, expect, it } from 'vitest';
import { clean, El, parse, write, XmlError, x } from '../src/xmpp/xml';

describe('reader', () => {
  it('resolves namespaces, prefixed and default', () => {
    const el = parse(
      "<s:features xmlns:s='urn:s' xmlns='urn:d'><a s:k='1' k='2'/><s:b xmlns:s='urn:other'/><c xmlns=''/></s:features>",
    );
    expect(el.is('features', 'urn:s')).toBe(true);
    const a = el.child('a', 'urn:d')!;
    expect(a.attr('{urn:s}k')).toBe('1');
    expect(a.attr('k')).toBe('2');
    expect(el.child('b', 'urn:other')).toBeDefined();
    expect(el.elements()[2]!.ns).toBe('');
  });

  it('reads entities, character references, CDATA and line ends', () => {
    expect(parse('<a>&lt;&amp;amp;&#x1F600;&#65;\r\nx\ry<![CDATA[<&amp;]]></a>').text()).toBe('<&amp;😀A\nx\ny<&amp;');
    expect(parse("<a b='1\t2\n3&#10;4&apos;'/>").attr('b')).toBe("1 2 3\n4'");
  });

  it.each([
    '',
    'text',
    '<a>',
    '<a></b>',
    '<a/><b/>',
    '<a/>x',
    '</a>',
    '<a b=1/>',
    "<a b='1' b='2'/>",
    "<a b='1'c='2'/>",
    "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
    '<p:a/>',
    "<a p:b='1'/>",
    "<a b='<'/>",
    '<a>&nbsp;</a>',
    '<a>&constructor;</a>',
    '<a>&</a>',
    '<a>&#0;</a>',
    '<a>&#xD800;</a>',
    '<a>&#x110000;</a>',
    '<a>\u0000</a>',
    '<a>\u0008</a>',
    '<a>\ud800</a>',
    '<a>\udc00\ud800</a>',
    '<a>\ufffe</a>',
    '<a>]]></a>',
    '<a><![CDATA[x</a>',
    '<!-- c --><a/>',
    '<a><!-- c --></a>',
    '<?xml version="1.0"?><a/>',
    '<a><?pi?></a>',
    '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>',
    "<a xmlns:xmlns='u'/>",
    "<a xmlns:p=''/>",
    "<a xmlns:xml='urn:not-xml'/>",
    '< a/>',
    '<1a/>',
    '<a:b:c/>',
    '<a/ >',
    "<a b='x",
  ])('refuses %j', (text) => {
    expect(() => parse(text)).toThrow(XmlError);
  });

  it('refuses what is too deep, without overflowing', () => {
    expect(() => parse('<a>'.repeat(100_000))).toThrow(XmlError);
    expect(parse('<a>'.repeat(100) + '</a>'.repeat(100)).name).toBe('a');
  });

  it('survives any input: an element or XmlError, nothing else', () => {
    const random = generator(20261122);
    const pieces = [
      '<',
      '>',
      '/',
      'a',
      'b:',
      ' ',
      "x='1'",
      '"',
      '&',
      ';',
      '#x',
      ']]>',
      '<![CDATA[',
      'xmlns=',
      "'u'",
      '\ud83d',
      '\ude00',
      'é',
    ];
    for (let i = 0; i < 20_000; i++) {
      let s = '';
      for (let n = random(14); n >= 0; n--) s += pieces[random(pieces.length)];
      try {
        expect(parse(s)).toBeInstanceOf(El);
      } catch (e) {
        expect(e).toBeInstanceOf(XmlError);
      }
    }
  });
});

describe('writer', () => {
  it('declares a namespace only where it changes', () => {
    expect(
      write(x('a', { xmlns: 'u' }, x('b'), x('c', { xmlns: 'u' }), x('d', { xmlns: 'v', k: 1, no: undefined }))),
    ).toBe('<a xmlns="u"><b/><c/><d xmlns="v" k="1"/></a>');
  });

  it('never writes what cannot be read', () => {
    expect(clean('a\u0000b\ud800c😀\ufffe')).toBe('a�b�c😀�');
    const body = x('body', { k: '\u0001"\'<>&\t\n\r' }, ']]>\u0000\r\n<&\udfff😀');
    const back = parse(write(body));
    expect(back.text()).toBe(']]>�\r\n<&�😀');
    expect(back.attr('k')).toBe('�"\'<>&\t\n\r');
  });

  it('reads back what it wrote (20 000 random trees)', () => {
    const random = generator(7395);
    const chars = ['a', '<', '&', '"', "'", ' ', '\n', '\r', 'é', '😀', '漢', '>', ']]>', '\u200f'];
    const text = () => Array.from({ length: random(6) }, () => chars[random(chars.length)]).join('');
    const tree = (depth: number): El => {
      const el = x(`n${random(4)}`, { xmlns: `u${random(3)}`, a: text(), '{urn:f}z': random(2) ? text() : undefined });
      let last = '';
      for (let n = random(4); n > 0 && depth < 4; n--) {
        const t: string = text();
        // Two texts side by side are one when read.
        if (random(2) || last) el.children.push(tree(depth + 1));
        else if (t) el.children.push(t);
        last = typeof el.children.at(-1) === 'string' ? 'text' : '';
      }
      return el;
    };
    for (let i = 0; i < 2_000; i++) {
      const el = tree(0);
      const once = write(el);
      expect(write(parse(once))).toBe(once);
    }
  });
});

/** A small seeded generator: the same numbers in every run. */
function generator(seed: number): (below: number) => number {
  let s = seed >>> 0;
  return (below) => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return Math.floor((s / 2 ** 32) * below);
  };
}
