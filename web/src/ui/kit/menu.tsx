// One list of actions, shown as a menu at the pointer or, for fingers, as a sheet from below.
import { signal } from '@preact/signals';
import { type ComponentChildren, Fragment } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { touch } from '../look';
import { Dialog } from './dialog';
import { Icon, type IconName } from './icon';

export interface Item {
  label: string;
  icon?: IconName;
  keys?: string;
  danger?: boolean;
  /** For a choice of one among several. */
  checked?: boolean;
  /** A line before this item. */
  apart?: boolean;
  /** Instead of an icon: an avatar, a presence mark. */
  sign?: ComponentChildren;
  end?: ComponentChildren;
  run(): void;
}

interface Menu {
  label: string;
  items: Item[];
  /** A line of facts at the foot, e.g. when a message was sent. */
  note?: string;
  /** Where: a point (right click) or an element (a button), in the window's pixels. */
  at: { x: number; y: number } | DOMRect;
  /** Under or over the beginning of the element, not its end. */
  fromStart?: boolean;
  /** Stands over the items, by itself. */
  top?: (close: () => void) => ComponentChildren;
  /** What a sheet lifts over the scrim. */
  lifted?: { rect: DOMRect; view: ComponentChildren };
  sheet: boolean;
  /** Where the focus was, to go back to. */
  before: Element | null;
}

const open = signal<Menu | undefined>(undefined);

export function showMenu(menu: Omit<Menu, 'sheet' | 'before'>, asSheet = touch.matches): void {
  open.value = { ...menu, sheet: asSheet, before: document.activeElement };
}

/** Gives the focus back first: an action that runs after it may then take it elsewhere. */
function closeMenu(): void {
  const before = open.value?.before;
  open.value = undefined;
  if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
}
export const menuIsOpen = () => open.value !== undefined;

const roleOf = ({ checked }: Item) =>
  checked === undefined
    ? ({ role: 'menuitem' } as const)
    : ({ role: 'menuitemradio', 'aria-checked': checked } as const);

function Items({ menu, close }: { menu: Menu; close(): void }) {
  return (
    <>
      {menu.items.map((item) => (
        <Fragment key={item.label}>
          {item.apart && <hr />}
          <button
            type="button"
            class={`menu-item ${item.danger ? 'danger' : ''}`}
            {...roleOf(item)}
            tabIndex={-1}
            onClick={() => {
              close();
              item.run();
            }}
          >
            {item.sign ?? (item.icon && <Icon name={item.icon} />)}
            <span class="menu-label">{item.label}</span>
            {item.end}
            {item.checked && <Icon name="check" />}
            {item.keys && (
              <span class="keycap" aria-hidden="true">
                {item.keys}
              </span>
            )}
          </button>
        </Fragment>
      ))}
    </>
  );
}

/** Arrows, Home, End and first letters move; Tab leaves, as in every menu. */
function onMenuKey(event: KeyboardEvent, box: HTMLElement, close: () => void): void {
  const items = [...box.querySelectorAll<HTMLElement>('.menu-item')];
  const top = [...box.querySelectorAll<HTMLElement>('.quick button')];
  const inTop = top.indexOf(document.activeElement as HTMLElement);
  const now = items.indexOf(document.activeElement as HTMLElement);
  const focus = (i: number) => items[(i + items.length) % items.length]?.focus();
  const sideways = (by: number) => {
    const way = getComputedStyle(box).direction === 'rtl' ? -by : by;
    top[(Math.max(0, inTop) + (inTop < 0 ? 0 : way) + top.length) % top.length]?.focus();
  };
  // Enter on one of the row is its own click.
  if (inTop >= 0 && /^[a-z]$/i.test(event.key)) return;
  if (top.length > 0 && event.key === 'ArrowRight') sideways(1);
  else if (top.length > 0 && event.key === 'ArrowLeft') sideways(-1);
  else if (event.key === 'ArrowUp' && now === 0 && top[0]) top[0].focus();
  else if (event.key === 'ArrowDown') focus(now + 1);
  else if (event.key === 'ArrowUp') focus(now < 0 ? -1 : now - 1);
  else if (event.key === 'Home') focus(0);
  else if (event.key === 'End') focus(-1);
  else if (event.key === 'Escape' || event.key === 'Tab') close();
  else if (event.key.length === 1 && /\S/.test(event.key) && !event.ctrlKey && !event.metaKey) {
    const starts = (el: HTMLElement) => el.textContent?.trim().toLowerCase().startsWith(event.key.toLowerCase());
    [...items.slice(now + 1), ...items.slice(0, now + 1)].find(starts)?.focus();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

function Pop({ menu, close }: { menu: Menu; close(): void }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const el = box.current;
    if (!el) return;
    const { at } = menu;
    const rtl = getComputedStyle(el).direction === 'rtl';
    const anchor = 'width' in at ? at : new DOMRect(at.x, at.y, 0, 0);
    const { width, height } = el.getBoundingClientRect();
    const below = anchor.bottom + 6 + height <= innerHeight - 8;
    const top = below ? anchor.bottom + 6 : anchor.top - 6 - height;
    const atRight = anchor.width > 0 && rtl === (menu.fromStart ?? false);
    const left = atRight ? anchor.right - width : anchor.left;
    el.style.top = `${Math.max(8, Math.min(top, innerHeight - height - 8))}px`;
    el.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
    // The row over the items stands at the end of what is mine.
    el.classList.toggle('at-end', atRight || (!menu.fromStart && left > innerWidth / 2));
    el.querySelector<HTMLElement>('[aria-checked="true"], .menu-item')?.focus({ preventScroll: true });
  }, [menu]);
  useEffect(() => {
    const outside = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) close();
    };
    addEventListener('pointerdown', outside, true);
    addEventListener('resize', close);
    addEventListener('blur', close);
    return () => {
      removeEventListener('pointerdown', outside, true);
      removeEventListener('resize', close);
      removeEventListener('blur', close);
    };
  }, []);
  const onKeyDown = (event: KeyboardEvent) => box.current && onMenuKey(event, box.current, close);
  const items = (
    <>
      <Items menu={menu} close={close} />
      {menu.note && <p class="menu-note">{menu.note}</p>}
    </>
  );
  if (menu.top)
    return (
      // biome-ignore lint/a11y/noStaticElementInteractions: the menu in it and the row over it share their keys.
      <div class="ctx" ref={box} onKeyDown={onKeyDown}>
        {menu.top(close)}
        <div class="menu pop" role="menu" tabIndex={-1} aria-label={menu.label}>
          {items}
        </div>
      </div>
    );
  return (
    <div ref={box} class="menu pop floating" role="menu" tabIndex={-1} aria-label={menu.label} onKeyDown={onKeyDown}>
      {items}
    </div>
  );
}

function Sheet({ menu, close }: { menu: Menu; close(): void }) {
  const box = useRef<HTMLDivElement>(null);
  const lifted = useRef<HTMLDivElement>(null);
  const rect = menu.lifted?.rect;
  // What the sheet would cover moves up.
  useLayoutEffect(() => {
    const el = lifted.current;
    const sheet = box.current?.closest('.sheet');
    if (!el || !rect || !sheet) return;
    const room = innerHeight - sheet.clientHeight - 12;
    el.style.top = `${Math.max(8, Math.min(rect.top, room - rect.height))}px`;
  }, [menu]);
  return (
    <Dialog bare title={menu.label} class="sheet" onClose={close}>
      {rect && (
        <div
          ref={lifted}
          class="lifted"
          aria-hidden="true"
          style={{ top: `${rect.top}px`, left: `${rect.left}px`, width: `${rect.width}px` }}
        >
          {menu.lifted?.view}
        </div>
      )}
      {menu.top?.(close)}
      <div
        ref={box}
        class="sheet-in"
        role="menu"
        tabIndex={-1}
        data-first
        aria-label={menu.label}
        onKeyDown={(event) => box.current && event.key !== 'Escape' && onMenuKey(event, box.current, close)}
      >
        <Items menu={menu} close={close} />
        {menu.note && <p class="menu-note">{menu.note}</p>}
      </div>
    </Dialog>
  );
}

/** Stands once in the shell. */
export function Menus() {
  const menu = open.value;
  if (!menu) return null;
  return menu.sheet ? <Sheet menu={menu} close={closeMenu} /> : <Pop menu={menu} close={closeMenu} />;
}
