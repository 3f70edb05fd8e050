// The words of views that are fetched when they are first shown come with them: their modules import t() from here, which
// knows all keys. A module of the start that names one of these does not compile.
import type { ComponentChildren } from 'preact';
import later from '../lang/en-later.json';
import { addWords, type Key as StartKey, type Strip, tn as startNodes, t as startText } from './i18n';

export { COMMAND, language, number } from './i18n';

addWords(later);

export type Key = StartKey | Strip<keyof typeof later>;
export const t = startText as (key: Key, params?: Record<string, string | number>) => string;
export const tn = startNodes as (key: Key, params: Record<string, ComponentChildren>) => ComponentChildren[];
