// Which pane shows what, kept in the part of the address after # so that any file server will do.
// Each pane is a history entry: Back on a phone goes from details to chat to list.
import { signal } from '@preact/signals';
import type { Address } from '../store/model';

export const SECTIONS = ['profile', 'appearance', 'chats', 'privacy', 'devices', 'account', 'keyboard'] as const;
export type Section = (typeof SECTIONS)[number];

export interface Route {
  page: 'chats' | 'people' | 'settings';
  /** The open chat, on the pages with chats and with people. */
  chat?: Address;
  /** The details of that chat are asked for (a pane of its own, or over the chat). */
  info?: boolean;
  section?: Section;
}

function parse(hash: string): Route {
  const [page, what, more] = hash.replace(/^#\/?/, '').split('/').map(decode);
  if (page === 'settings') {
    const section = SECTIONS.find((s) => s === what);
    return section ? { page, section } : { page };
  }
  const base: Route = { page: page === 'people' ? 'people' : 'chats' };
  if (!what) return base;
  return more === 'info' ? { ...base, chat: what, info: true } : { ...base, chat: what };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

export function hrefOf(to: Route): string {
  if (to.page === 'settings') return to.section ? `#/settings/${to.section}` : '#/settings';
  const base = to.page === 'people' ? '#/people' : '#/chat';
  if (!to.chat) return to.page === 'people' ? base : '#/';
  const address = encodeURIComponent(to.chat).replace('%40', '@');
  return `${base}/${address}${to.info ? '/info' : ''}`;
}

export const route = signal<Route>(parse(location.hash));

/** How many entries of ours lie below this one, so that our Back never leaves the app. */
const depth = () => (history.state as { depth?: number } | null)?.depth ?? 0;

export function go(to: Route, replace = false): void {
  const href = hrefOf(to);
  if (hrefOf(route.value) === href) return;
  if (replace) history.replaceState({ depth: depth() }, '', href);
  else history.pushState({ depth: depth() + 1 }, '', href);
  route.value = to;
}

/** The pane that lies under this one. */
export function parent(of: Route): Route {
  if (of.info && of.chat) return { page: of.page, chat: of.chat };
  return { page: of.page };
}

export function back(): void {
  if (depth() > 0) history.back();
  else go(parent(route.value), true);
}

addEventListener('popstate', () => {
  route.value = parse(location.hash);
});
addEventListener('hashchange', () => {
  route.value = parse(location.hash);
});
