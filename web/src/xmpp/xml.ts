// A small strict reader and writer for the XML that XMPP allows: no DTD, no processing instructions,
// no comments, no entities but the five predefined ones. Our own, because DOMParser is a Trusted Types
// sink in the browser and is missing in workers and in node, where the tests run.

export type Node = El | string;
export type Attrs = Record<string, string | number | undefined>;

/** Deeper than any honest stanza; keeps hostile input from growing the stack of elements. */
const DEPTH_MAX = 100;
const XML_NS = 'http://www.w3.org/XML/1998/namespace';

export class XmlError extends Error {}

export class El {
  /** Empty: the namespace of the parent (only in elements built here; the reader always fills it in). */
  ns: string;
  attrs: Map<string, string>;
  constructor(
    readonly name: string,
    ns: string,
    attrs: Map<string, string> = new Map(),
    readonly children: Node[] = [],
  ) {
    this.ns = ns;
    this.attrs = attrs;
  }

  attr(name: string): string | undefined {
    return this.attrs.get(name);
  }

  /** First child element of that name and namespace (by default this element's own). */
  child(name: string, ns = this.ns): El | undefined {
    for (const c of this.children) {
      if (typeof c !== 'string' && c.name === name && (c.ns || this.ns) === ns) return c;
    }
    return undefined;
  }

  /** All child elements, or those of one name and namespace. */
  elements(name?: string, ns = this.ns): El[] {
    return this.children.filter(
      (c): c is El => typeof c !== 'string' && (name === undefined || (c.name === name && (c.ns || this.ns) === ns)),
    );
  }

  /** First child element in a namespace, whatever its name. */
  inNs(ns: string): El | undefined {
    return this.children.find((c): c is El => typeof c !== 'string' && c.ns === ns);
  }

  is(name: string, ns: string): boolean {
    return this.name === name && this.ns === ns;
  }

  /** The text directly inside. */
  text(): string {
    let s = '';
    for (const c of this.children) if (typeof c === 'string') s += c;
    return s;
  }

  toString(): string {
    return write(this);
  }
}

/** Builds an element: `x('body', {}, 'hi')`, `x('query', { xmlns: NS.roster, ver })`. Undefined attributes and children are left out. */
export function x(name: string, attrs: Attrs = {}, ...children: (Node | undefined | false)[]): El {
  const map = new Map<string, string>();
  let ns = '';
  for (const [k, v] of Object.entries(attrs)) {
    if (v === undefined) continue;
    if (k === 'xmlns') ns = String(v);
    else map.set(k, String(v));
  }
  return new El(
    name,
    ns,
    map,
    children.filter((c): c is Node => c !== undefined && c !== false),
  );
}

// --- writing ---

/** What XML 1.0 cannot carry at all: most controls, non-characters, lone halves of a surrogate pair. */
const ILLEGAL =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are exactly what must go
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\r': '&#13;',
  '\n': '&#10;',
  '\t': '&#9;',
};

/** Text that can travel: whatever XML forbids becomes U+FFFD, so that a pasted control character never ends the stream. */
export function clean(text: string): string {
  return text.replace(ILLEGAL, '\ufffd');
}

function escapeText(text: string): string {
  return clean(text).replace(/[&<>\r]/g, (c) => ESCAPES[c]!);
}

function escapeAttr(text: string): string {
  return clean(text).replace(/[&<>"'\r\n\t]/g, (c) => ESCAPES[c]!);
}

/** Writes an element; xmlns is written only where it differs from the parent's. */
export function write(el: El, parentNs = ''): string {
  let s = `<${el.name}`;
  const ns = el.ns || parentNs;
  if (ns !== parentNs) s += ` xmlns="${escapeAttr(ns)}"`;
  let made = 0;
  for (const [k, v] of el.attrs) {
    // Attributes in a foreign namespace are read as {ns}local; they get a prefix of their own.
    const foreign = /^\{(.*)\}(.*)$/s.exec(k);
    if (foreign) {
      const prefix = `n${made++}`;
      s += ` xmlns:${prefix}="${escapeAttr(foreign[1]!)}" ${prefix}:${foreign[2]}="${escapeAttr(v)}"`;
    } else s += ` ${k}="${escapeAttr(v)}"`;
  }
  if (el.children.length === 0) return `${s}/>`;
  s += '>';
  for (const c of el.children) s += typeof c === 'string' ? escapeText(c) : write(c, ns);
  return `${s}</${el.name}>`;
}

// --- reading ---

const NAME = /[A-Za-z_\u00c0-\u{effff}][\w.\-\u00b7-\u{effff}]*/uy;
const SPACE = /[ \t\r\n]*/y;
const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function isLegalCode(code: number): boolean {
  return (
    code === 9 ||
    code === 10 ||
    code === 13 ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0x10ffff)
  );
}

function resolveText(raw: string, attribute: boolean): string {
  ILLEGAL.lastIndex = 0;
  if (ILLEGAL.test(raw)) throw new XmlError('illegal character');
  let s = raw.replace(/\r\n?/g, '\n');
  if (attribute) s = s.replace(/[\t\n]/g, ' ');
  if (!s.includes('&')) return s;
  const out = s.replace(/&(#x[0-9a-fA-F]{1,6}|#[0-9]{1,7}|[a-z]+);/g, (_, ref: string) => {
    if (ref[0] !== '#') {
      const known = Object.hasOwn(ENTITIES, ref) ? ENTITIES[ref] : undefined;
      if (known === undefined) throw new XmlError(`unknown entity ${ref}`);
      return known === '&' ? '\u0000' : known; // a stand-in, so that the check below sees only bare ampersands
    }
    const code = ref[1] === 'x' ? Number.parseInt(ref.slice(2), 16) : Number.parseInt(ref.slice(1), 10);
    if (!isLegalCode(code)) throw new XmlError('illegal character reference');
    return code === 38 ? '\u0000' : String.fromCodePoint(code);
  });
  if (out.includes('&')) throw new XmlError('bare ampersand');
  return out.replaceAll('\u0000', '&');
}

type Scope = Map<string, string>;

class Reader {
  private pos = 0;
  constructor(private readonly src: string) {}

  document(): El {
    this.space();
    const root = this.tree();
    this.space();
    if (this.pos !== this.src.length) throw new XmlError('something follows the element');
    return root;
  }

  /** Reads one element with an explicit stack, so that depth costs no call frames. */
  private tree(): El {
    const stack: { el: El; raw: string; scope: Scope }[] = [];
    for (;;) {
      const top = stack.at(-1);
      if (top) {
        const next = this.src.indexOf('<', this.pos);
        if (next < 0) throw new XmlError('element not closed');
        if (next > this.pos) this.text(top.el, next);
      }
      if (this.src.startsWith('</', this.pos)) {
        if (!top) throw new XmlError('end tag without start');
        this.pos += 2;
        if (this.rawName() !== top.raw) throw new XmlError('mismatched end tag');
        this.space();
        this.expect('>');
        stack.pop();
        if (stack.length === 0) return top.el;
      } else if (top && this.src.startsWith('<![CDATA[', this.pos)) {
        const end = this.src.indexOf(']]>', this.pos);
        if (end < 0) throw new XmlError('CDATA not closed');
        append(top.el, resolveText(this.src.slice(this.pos + 9, end).replaceAll('&', '&amp;'), false));
        this.pos = end + 3;
      } else {
        const { el, raw, scope, empty } = this.startTag(top?.scope);
        if (top) top.el.children.push(el);
        if (empty && !top) return el;
        if (!empty) {
          if (stack.length >= DEPTH_MAX) throw new XmlError('too deep');
          stack.push({ el, raw, scope });
        }
      }
    }
  }

  private text(el: El, end: number): void {
    const raw = this.src.slice(this.pos, end);
    if (raw.includes(']]>')) throw new XmlError('bare ]]>');
    append(el, resolveText(raw, false));
    this.pos = end;
  }

  private startTag(outer: Scope | undefined): { el: El; raw: string; scope: Scope; empty: boolean } {
    this.expect('<');
    const raw = this.rawName();
    const seen = new Map<string, string>();
    for (;;) {
      const spaced = this.space();
      const c = this.src[this.pos];
      if (c === '>' || c === '/') break;
      if (!spaced) throw new XmlError('space expected');
      const name = this.rawName();
      this.space();
      this.expect('=');
      this.space();
      const quote = this.src[this.pos];
      if (quote !== '"' && quote !== "'") throw new XmlError('quote expected');
      const end = this.src.indexOf(quote, this.pos + 1);
      if (end < 0) throw new XmlError('attribute not closed');
      const value = this.src.slice(this.pos + 1, end);
      if (value.includes('<')) throw new XmlError('< in an attribute');
      if (seen.has(name)) throw new XmlError('attribute twice');
      seen.set(name, resolveText(value, true));
      this.pos = end + 1;
    }
    const empty = this.src[this.pos] === '/';
    if (empty) this.pos++;
    this.expect('>');
    return { ...resolve(raw, seen, outer), raw, empty };
  }

  private rawName(): string {
    const first = this.match(NAME);
    if (!first) throw new XmlError('name expected');
    if (this.src[this.pos] !== ':') return first;
    this.pos++;
    const second = this.match(NAME);
    if (!second) throw new XmlError('name expected after colon');
    return `${first}:${second}`;
  }

  private space(): boolean {
    return this.match(SPACE).length > 0;
  }

  private match(re: RegExp): string {
    re.lastIndex = this.pos;
    const m = re.exec(this.src);
    if (!m) return '';
    this.pos += m[0].length;
    return m[0];
  }

  private expect(c: string): void {
    if (this.src[this.pos] !== c) throw new XmlError(`${c} expected`);
    this.pos++;
  }
}

function append(el: El, text: string): void {
  const last = el.children.length - 1;
  if (typeof el.children[last] === 'string') el.children[last] += text;
  else if (text) el.children.push(text);
}

/** Turns prefixes into namespaces. */
function resolve(raw: string, seen: Map<string, string>, outer: Scope | undefined): { el: El; scope: Scope } {
  let scope: Scope = outer ?? new Map([['xml', XML_NS]]);
  for (const [k, v] of seen) {
    if (k !== 'xmlns' && !k.startsWith('xmlns:')) continue;
    const prefix = k === 'xmlns' ? '' : k.slice(6);
    if (prefix === 'xmlns' || (prefix === 'xml') !== (v === XML_NS)) throw new XmlError('reserved prefix');
    if (prefix && !v) throw new XmlError('empty namespace for a prefix');
    if (scope === outer) scope = new Map(outer);
    scope.set(prefix, v);
  }
  const find = (prefix: string) => {
    const ns = scope.get(prefix);
    if (ns === undefined && prefix) throw new XmlError(`unknown prefix ${prefix}`);
    return ns ?? '';
  };
  const attrs = new Map<string, string>();
  for (const [k, v] of seen) {
    if (k === 'xmlns' || k.startsWith('xmlns:')) continue;
    const colon = k.indexOf(':');
    let key = k;
    if (colon > 0 && !k.startsWith('xml:')) key = `{${find(k.slice(0, colon))}}${k.slice(colon + 1)}`;
    if (attrs.has(key)) throw new XmlError('attribute twice');
    attrs.set(key, v);
  }
  const colon = raw.indexOf(':');
  const el = colon < 0 ? new El(raw, find(''), attrs) : new El(raw.slice(colon + 1), find(raw.slice(0, colon)), attrs);
  return { el, scope };
}

/** Reads exactly one element, or throws XmlError. */
export function parse(src: string): El {
  return new Reader(src).document();
}
