// Every word on a screen comes from lang/<language>.json through t(); those of views that are fetched when first shown
// from lang/<language>-later.json, through i18n-later.ts. Plurals: `key_one`, `key_other` (and what
// else the language has), chosen by the parameter `n`. Parameters are text, so nothing here can become markup.
import type { ComponentChildren } from 'preact';
import en from '../lang/en.json';

/** Of a key in a file, what t() is called with. */
export type Strip<K extends string> = K extends `${infer B}_one` ? B : K extends `${infer B}_other` ? B : K;
export type Key = Strip<keyof typeof en>;
type Params = Record<string, string | number>;

let words: Record<string, string> = en;
/** More of them, of a part that has been fetched. */
export function addWords(table: Record<string, string>): void {
  words = { ...table, ...words };
}
export let language = 'en';
let plurals = new Intl.PluralRules(language);

/** For another language file of the same shape; views have to be drawn anew after it. */
export function useLanguage(tag: string, table: Record<string, string>): void {
  language = tag;
  words = { ...words, ...table };
  plurals = new Intl.PluralRules(tag);
  document.documentElement.lang = tag;
  document.documentElement.dir = /^(ar|fa|he|ur)\b/.test(tag) ? 'rtl' : 'ltr';
}

function pattern(key: Key, n: string | number | undefined): string {
  if (typeof n === 'number') {
    const found = words[`${key}_${plurals.select(n)}`] ?? words[`${key}_other`];
    if (found !== undefined) return found;
  }
  return words[key] ?? key;
}

export function t(key: Key, params: Params = {}): string {
  return pattern(key, params.n).replace(/\{(\w+)\}(\.?)/g, (_, name: string, stop: string) => {
    const value = params[name];
    const text = typeof value === 'number' ? number(value) : (value ?? '');
    // "Say hello to Gina G." ends with one full stop.
    return text.endsWith('.') ? text : text + stop;
  });
}

/** The same with nodes as parameters: a name in bold, a key cap, a link. */
export function tn(key: Key, params: Record<string, ComponentChildren>): ComponentChildren[] {
  return pattern(key, undefined)
    .split(/(\{\w+\})/)
    .map((part) => (part.startsWith('{') ? params[part.slice(1, -1)] : part));
}

export function number(n: number): string {
  return new Intl.NumberFormat(language).format(n);
}

/** What the command key is called on this machine's keyboard. */
export const COMMAND = /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl';
