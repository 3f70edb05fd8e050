// What another app of this device hands over, where this one is installed: words, an address, the title of its page (the manifest's
// share_target). It goes where one says, and nowhere by itself.
import { effect } from '@preact/signals';
import { makeLink } from '../../store/link';
import type { App } from '../../store/model';
import { type Shared, share } from './forward-state';
import { findLinks } from './links';

const MOST = 10_000;

/** Undefined: it is nothing. */
export function sharedIn(search: string): Shared | undefined {
  const said = new URLSearchParams(search);
  const [title, words, url] = ['title', 'text', 'url'].map((name) => said.get(`share-${name}`)?.trim() ?? '');
  // Some put the address into the words, some beside them, some do both.
  const parts = [words || (url ? '' : title), words?.includes(url ?? '') ? '' : url];
  const text = parts.filter(Boolean).join('\n').slice(0, MOST);
  if (text === '') return undefined;
  const [found] = findLinks(text);
  const address = found && text.slice(found.start, found.end);
  const link = address && title && title !== address ? makeLink(address, title) : undefined;
  return { text, ...(link && { link }) };
}

export function takeShare(app: App): void {
  const shared = sharedIn(location.search);
  history.replaceState(history.state, '', location.pathname + location.hash);
  if (!shared) return;
  const stop = effect(() => {
    if (!app.session.value) return;
    share(shared);
    queueMicrotask(() => stop());
  });
}
