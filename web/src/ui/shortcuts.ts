// Keys that work everywhere. Those of one view (composer, list, log, menu) are handled in that view.
import { signal } from '@preact/signals';
import type { Session } from '../store/model';
import { closeDetails, detailsShown } from './details/state';
import { menuIsOpen } from './kit/menu';
import { searchIn } from './list/search-in';
import { switcherOpen } from './list/switcher-state';
import { layout } from './look';
import { go, route } from './router';

export const helpOpen = signal(false);

const find = (selector: string) => document.querySelector<HTMLElement>(selector);
const visible = (el: HTMLElement | null) => el !== null && el.offsetParent !== null;

/** Pressed a second time, Ctrl+F is the browser's own. */
const canSearch = () => visible(find('.search-field')) && document.activeElement !== find('.search-field');

function step(session: Session, by: 1 | -1, unreadOnly: boolean): void {
  const order = session.chatOrder.peek();
  const at = route.peek().chat ? order.indexOf(route.peek().chat!) : by > 0 ? -1 : order.length;
  for (let i = at + by; i >= 0 && i < order.length; i += by) {
    const address = order[i]!;
    if (unreadOnly && session.chat(address).unread.peek() === 0) continue;
    go({ page: 'chats', chat: address }, route.peek().chat !== undefined);
    return;
  }
}

/** F6: the areas of the window in reading order. Each is entered where one would go on working. */
const AREAS = [
  '.rail [aria-current], .rail a',
  '.list input, .list a',
  '.log, .page-scroll',
  '.composer textarea',
  '.details .scroll',
];

function nextArea(by: 1 | -1): void {
  const areas = AREAS.map((selector) => [...document.querySelectorAll<HTMLElement>(selector)].find(visible)).filter(
    (el) => el !== undefined,
  );
  const holders = areas.map((el) => el.closest('.rail, .list, .log-box, .page-scroll, .composer, .details'));
  const now = holders.findIndex((holder) => holder?.contains(document.activeElement));
  areas[(now + by + areas.length) % areas.length]?.focus();
}

function onEscape(event: KeyboardEvent): void {
  const log = find('.log');
  if (detailsShown.peek() && layout.peek() !== 'full') closeDetails();
  else if (log && !(event.target as Element).closest('.list, .rail')) {
    log.dispatchEvent(new KeyboardEvent('keydown', { key: 'End' }));
    find('.composer textarea')?.focus({ preventScroll: true });
  } else if (log) find('.composer textarea')?.focus({ preventScroll: true });
}

/** A letter typed while nothing takes letters goes into the field that was meant. */
function typeAhead(event: KeyboardEvent): void {
  const at = event.target as HTMLElement;
  if (event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey || /\s/.test(event.key)) return;
  if (at.closest('input, textarea, select, [role="slider"], [role="menu"], dialog, .emoji')) return;
  if (at.closest('.msg') && /^[cefr]$/i.test(event.key)) return;
  const target = at.closest('.list, .rail') ? find('.list input') : (find('.composer textarea') ?? find('.list input'));
  if (visible(target)) target?.focus();
}

export function startShortcuts(session: () => Session | undefined): () => void {
  const onKeyDown = (event: KeyboardEvent) => {
    const here = session();
    if (!here || event.defaultPrevented || event.isComposing) return;
    const command = event.ctrlKey || event.metaKey;
    const inDialog = document.querySelector('dialog[open]') !== null;
    const key = event.key.toLowerCase();
    if (command && !event.shiftKey && !event.altKey && key === 'k') switcherOpen.value = !switcherOpen.peek();
    else if (inDialog || menuIsOpen()) return;
    else if (command && key === '/') helpOpen.value = true;
    else if (
      command &&
      !event.shiftKey &&
      key === 'f' &&
      route.peek().chat &&
      (event.target as Element).closest('.main')
    )
      searchIn(route.peek().chat!);
    else if (command && !event.shiftKey && key === 'f' && canSearch()) find('.search-field')?.focus();
    else if (event.key === 'F6') nextArea(event.shiftKey ? -1 : 1);
    else if (event.altKey && !command && (key === 'arrowdown' || key === 'arrowup'))
      step(here, key === 'arrowdown' ? 1 : -1, event.shiftKey);
    else if (command && (key === 'home' || key === 'end') && !(event.target as Element).closest('input')) {
      const field = (event.target as Element).closest('textarea');
      const log = find('.log');
      if (!log || (field && field.value !== '')) return;
      if (key === 'home') log.scrollTop = 0;
      else log.dispatchEvent(new KeyboardEvent('keydown', { key: 'End' }));
    } else if (event.shiftKey && !command && !event.altKey && event.key === 'PageUp') {
      // In a field that holds text it selects, as everywhere.
      const field = (event.target as Element).closest<HTMLTextAreaElement>('textarea, input');
      if (!find('.log') || (field && field.value !== '')) return;
      find('.log')?.dispatchEvent(new KeyboardEvent('keydown', { key: 'PageUp', shiftKey: true }));
    } else if (event.key === 'Escape') {
      onEscape(event);
      return;
    } else {
      typeAhead(event);
      return;
    }
    event.preventDefault();
  };
  addEventListener('keydown', onKeyDown);
  return () => removeEventListener('keydown', onKeyDown);
}
