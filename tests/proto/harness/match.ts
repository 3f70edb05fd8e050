// Does a received element fit the pattern that a test wrote down?
//
// A pattern is XML. Its attributes must be there with these values, in any order: '*' means any value, '!' means the
// attribute must be absent, and one that begins with '~' is a regular expression. Attributes that the pattern leaves
// out are not looked at, but for `type` of a stanza, which decides what the stanza is. Its children must be there in
// this order, others may stand between them; with the attribute `_only='yes'` there may be no others, and with
// `_without='name name'` none of these names. Text must be the same without the white space around it; '*' is any.

import { type El, NS } from './xml.ts';

const STANZAS = new Set(['message', 'presence', 'iq']);

/** A message without a type is a normal one, a presence without a type is available. */
function effectiveType(el: El): string | undefined {
  return el.attr('type') ?? (el.name === 'message' ? 'normal' : undefined);
}

function attrDiffers(pattern: string, actual: string | undefined): boolean {
  if (pattern === '*') return actual === undefined;
  if (pattern === '!') return actual !== undefined;
  if (pattern.startsWith('~'))
    return actual === undefined || !new RegExp(`^(?:${pattern.slice(1)})$`, 'su').test(actual);
  return pattern !== actual;
}

/** The first reason why `actual` does not fit, or undefined when it does. */
export function mismatch(pattern: El, actual: El): string | undefined {
  const here = `<${actual.name}/>`;
  if (pattern.name !== '_any' && (pattern.name !== actual.name || pattern.ns !== actual.ns)) {
    return `expected <${pattern.name} xmlns='${pattern.ns}'/>, got <${actual.name} xmlns='${actual.ns}'/>`;
  }
  for (const [name, value] of pattern.attrs) {
    if (name === '_only') continue;
    if (name === '_without') {
      const found = value.split(' ').find((n) => actual.child(n));
      if (found) return `${here} must not contain <${found}/>`;
      continue;
    }
    const got = name === 'type' && value !== '!' ? effectiveType(actual) : actual.attr(name);
    // Who is delivered to a bare JID may find the full one filled in.
    if (name === 'to' && got?.startsWith(`${value}/`)) continue;
    if (attrDiffers(value, got))
      return `${here}: attribute ${name} is ${got === undefined ? 'absent' : `'${got}'`}, expected '${value}'`;
  }
  if (STANZAS.has(pattern.name) && pattern.ns === NS.client && !pattern.attrs.has('type')) {
    if (effectiveType(pattern) !== effectiveType(actual))
      return `${here}: type is '${actual.attr('type')}', expected none`;
  }
  return childMismatch(pattern, actual);
}

function childMismatch(pattern: El, actual: El): string | undefined {
  const wanted = pattern.elements();
  const got = actual.elements();
  let i = 0;
  for (const want of wanted) {
    let reason: string | undefined;
    for (; i < got.length; i++) {
      const why = mismatch(want, got[i]!);
      if (!why) break;
      // The reason worth telling is that of the child of the same name.
      if (got[i]!.name === want.name) reason = why;
    }
    if (i === got.length) return reason ?? `<${actual.name}/> has no (further) child like ${want}`;
    i++;
  }
  if (pattern.attr('_only') && got.length !== wanted.length) {
    return `<${actual.name}/> has ${got.length} children, expected only ${wanted.length}`;
  }
  const text = pattern.text.trim();
  if (wanted.length > 0 || text === '') return undefined;
  const actualText = actual.text.trim();
  if (text === '*' ? actualText === '' : actualText !== text)
    return `<${actual.name}/> has the text '${actualText}', expected '${text}'`;
  return undefined;
}
