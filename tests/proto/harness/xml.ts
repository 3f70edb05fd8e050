// XML as the tests see it: a small tree, a strict reader for streams and for single documents, and a template tag
// that escapes what is put into it. The reader is the `saxes` parser, which has nothing in common with the server's
// scanner or the app's DOM; what XMPP forbids on top of XML (comments, CDATA as a choice of the server, processing
// instructions, a DTD) is an error here, so that every test also checks what the server writes.

import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from 'saxes';

export const NS = {
  client: 'jabber:client',
  stream: 'http://etherx.jabber.org/streams',
  framing: 'urn:ietf:params:xml:ns:xmpp-framing',
  streams: 'urn:ietf:params:xml:ns:xmpp-streams',
  stanzas: 'urn:ietf:params:xml:ns:xmpp-stanzas',
  tls: 'urn:ietf:params:xml:ns:xmpp-tls',
  sasl: 'urn:ietf:params:xml:ns:xmpp-sasl',
  sasl2: 'urn:xmpp:sasl:2',
  bind: 'urn:ietf:params:xml:ns:xmpp-bind',
  bind2: 'urn:xmpp:bind:0',
  fast: 'urn:xmpp:fast:0',
  saslUpgrade: 'urn:xmpp:sasl:upgrade:0',
  scramUpgrade: 'urn:xmpp:scram-upgrade:0',
  cam: 'urn:xmpp:cam:0',
  saslCb: 'urn:xmpp:sasl-cb:0',
  session: 'urn:ietf:params:xml:ns:xmpp-session',
  sm: 'urn:xmpp:sm:3',
  roster: 'jabber:iq:roster',
  rosterver: 'urn:xmpp:features:rosterver',
  register: 'jabber:iq:register',
  ping: 'urn:xmpp:ping',
  mam: 'urn:xmpp:mam:2',
  rsm: 'http://jabber.org/protocol/rsm',
  data: 'jabber:x:data',
  forward: 'urn:xmpp:forward:0',
  delay: 'urn:xmpp:delay',
  sid: 'urn:xmpp:sid:0',
  blocking: 'urn:xmpp:blocking',
  blockingErrors: 'urn:xmpp:blocking:errors',
  info: 'http://jabber.org/protocol/disco#info',
  items: 'http://jabber.org/protocol/disco#items',
  version: 'jabber:iq:version',
  caps: 'http://jabber.org/protocol/caps',
  chatstates: 'http://jabber.org/protocol/chatstates',
  receipts: 'urn:xmpp:receipts',
  markers: 'urn:xmpp:chat-markers:0',
  hints: 'urn:xmpp:hints',
  limits: 'urn:xmpp:stream-limits:0',
  carbons: 'urn:xmpp:carbons:2',
} as const;

export type Node = El | string;

export class El {
  constructor(
    readonly name: string,
    readonly ns: string,
    /** By local name; `xml:lang` keeps its prefix, another namespace is written `{uri}name`. */
    readonly attrs: ReadonlyMap<string, string>,
    readonly children: Node[] = [],
    /** The namespaces declared on this very element, by prefix ('' is the default). */
    readonly declared: ReadonlyMap<string, string> = new Map(),
    readonly prefix = '',
  ) {}

  attr(name: string): string | undefined {
    return this.attrs.get(name);
  }

  /** An attribute the test cannot go on without. */
  need(name: string): string {
    const value = this.attrs.get(name);
    if (value === undefined) throw new Error(`no attribute ${name} in ${this}`);
    return value;
  }

  elements(): El[] {
    return this.children.filter((c): c is El => c instanceof El);
  }

  all(name: string, ns?: string): El[] {
    return this.elements().filter((c) => c.name === name && (ns === undefined || c.ns === ns));
  }

  child(name: string, ns?: string): El | undefined {
    return this.all(name, ns)[0];
  }

  /** The element at a path of local names, or an error that shows what there is. */
  at(...path: string[]): El {
    let here: El = this;
    for (const name of path) {
      const next = here.child(name);
      if (!next) throw new Error(`no <${name}/> in ${here}`);
      here = next;
    }
    return here;
  }

  get text(): string {
    return this.children.map((c) => (typeof c === 'string' ? c : c.text)).join('');
  }

  toString(): string {
    return serialize(this, '');
  }
}

export function escapeXml(s: string): string {
  return s.replace(/[&<>'"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&apos;', '"': '&quot;' })[c]!);
}

/** With default namespaces only, whatever prefixes it was read with. */
export function serialize(el: El, inherited: string): string {
  let s = `<${el.name}`;
  if (el.ns !== inherited) s += ` xmlns='${escapeXml(el.ns)}'`;
  let extra = 0;
  for (const [name, value] of el.attrs) {
    const foreign = /^\{(.*)\}(.*)$/.exec(name);
    if (foreign) {
      extra++;
      s += ` xmlns:a${extra}='${escapeXml(foreign[1]!)}' a${extra}:${foreign[2]}='${escapeXml(value)}'`;
    } else s += ` ${name}='${escapeXml(value)}'`;
  }
  if (el.children.length === 0) return `${s}/>`;
  const inner = el.children.map((c) => (typeof c === 'string' ? escapeXml(c) : serialize(c, el.ns))).join('');
  return `${s}>${inner}</${el.name}>`;
}

/** Marks a string as XML that `x` puts in as it is. */
export class Raw {
  constructor(readonly xml: string) {}
}

export const raw = (xml: string): Raw => new Raw(xml);

export type Hole = string | number | Raw | El | { readonly jid: string };

/** Template tag: strings are escaped, elements and raw(...) go in as they are, whoever has a JID is written as that. */
export function x(parts: TemplateStringsArray, ...holes: Hole[]): string {
  return parts.map((part, i) => (i === 0 ? '' : fill(holes[i - 1]!)) + part).join('');
}

function fill(hole: Hole): string {
  if (hole instanceof Raw) return hole.xml;
  if (hole instanceof El) return serialize(hole, NS.client);
  if (typeof hole === 'object') return escapeXml(hole.jid);
  return escapeXml(String(hole));
}

export interface StreamHandler {
  open(root: El): void;
  element(el: El): void;
  close(): void;
  error(err: Error): void;
}

function attrName(a: SaxesAttributeNS): string {
  if (a.prefix === '') return a.local;
  return a.prefix === 'xml' ? `xml:${a.local}` : `{${a.uri}}${a.local}`;
}

function toEl(tag: SaxesTagNS): El {
  const attrs = new Map<string, string>();
  const declared = new Map<string, string>();
  for (const a of Object.values(tag.attributes)) {
    if (a.name === 'xmlns') declared.set('', a.value);
    else if (a.prefix === 'xmlns') declared.set(a.local, a.value);
    else attrs.set(attrName(a), a.value);
  }
  return new El(tag.local, tag.uri, attrs, [], declared, tag.prefix);
}

/** Reads one stream: the root tag, then its children one by one. A restarted stream takes a new reader. */
export class StreamReader {
  private readonly parser = new SaxesParser({ xmlns: true, position: true });
  private readonly stack: El[] = [];
  private failed = false;

  constructor(handler: StreamHandler) {
    const p = this.parser;
    const fail = (err: Error) => {
      if (!this.failed) {
        this.failed = true;
        handler.error(err);
      }
    };
    p.on('error', fail);
    p.on('comment', () => fail(new Error('a comment in the stream')));
    p.on('cdata', () => fail(new Error('a CDATA section in the stream')));
    p.on('processinginstruction', () => fail(new Error('a processing instruction in the stream')));
    p.on('doctype', () => fail(new Error('a DTD in the stream')));
    p.on('opentag', (tag) => {
      const el = toEl(tag);
      if (this.stack.length === 0) handler.open(el);
      else if (this.stack.length > 1) this.stack.at(-1)!.children.push(el);
      this.stack.push(el);
    });
    p.on('text', (text) => {
      if (this.stack.length > 1) this.stack.at(-1)!.children.push(text);
      else if (this.stack.length === 1 && text.trim() !== '') fail(new Error(`text between stanzas: ${text}`));
    });
    p.on('closetag', () => {
      const el = this.stack.pop()!;
      if (this.stack.length === 1) handler.element(el);
      if (this.stack.length === 0) handler.close();
    });
  }

  write(chunk: string): void {
    if (!this.failed) this.parser.write(chunk);
  }
}

/** Reads one whole document, as a WebSocket message of RFC 7395 is. */
export function parseDocument(text: string): El {
  let root: El | undefined;
  let failure: Error | undefined;
  const wrapper = new StreamReader({
    open: () => {},
    element: (el) => {
      root = el;
    },
    close: () => {},
    error: (err) => {
      failure ??= err;
    },
  });
  // The wrapper declares nothing: a prefix that the message does not declare itself is an error.
  wrapper.write(`<_>${text}</_>`);
  if (failure) throw failure;
  if (!root) throw new Error(`no element in: ${text}`);
  return root;
}

/** Reads the literals of the tests: any number of elements, jabber:client unless they say otherwise. */
export function parseLiteral(text: string): El[] {
  const found: El[] = [];
  const reader = new StreamReader({
    open: () => {},
    element: (el) => {
      found.push(el);
    },
    close: () => {},
    error: (err) => {
      throw new Error(`in the literal ${text}: ${err.message}`);
    },
  });
  reader.write(`<_ xmlns='${NS.client}' xmlns:stream='${NS.stream}'>${text}</_>`);
  return found;
}
