// A virtual list of rows whose heights are known (chats, contacts): 10,000 of them cost what 20 cost.
// One tab stop; arrows, Home and End move inside it. The focused row stays mounted while it is scrolled away.
import type { ComponentChildren } from 'preact';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';

interface Props<T> {
  label: string;
  items: readonly T[];
  keyOf(item: T): string;
  /** In pixels; the row is given exactly this. */
  heightOf(item: T): number;
  render(item: T, tabIndex: 0 | -1): ComponentChildren;
  /** Which rows can be focused; labels cannot. */
  focusable?: (item: T) => boolean;
  /** The row that is the tab stop when the list has not been used yet (the open chat). */
  current?: string | undefined;
  /** Stands before the rows and scrolls with them. */
  before?: ComponentChildren;
  busy?: boolean;
}

const OVER = 6;

export function Rows<T>(props: Props<T>) {
  const { items, keyOf, heightOf, render, focusable = () => true } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLUListElement>(null);
  const [view, setView] = useState({ top: 0, height: 800 });
  const [active, setActive] = useState<string | undefined>(undefined);
  const wantsFocus = useRef(false);

  const tops = useMemo(() => {
    const sums = new Float64Array(items.length + 1);
    items.forEach((item, i) => {
      sums[i + 1] = sums[i]! + heightOf(item);
    });
    return sums;
  }, [items, heightOf]);

  /** The first row that ends below y. */
  const at = (y: number) => {
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (tops[middle + 1]! <= y) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  const look = useCallback(() => {
    const outer = scroller.current;
    const list = inner.current;
    if (!outer || !list) return;
    const top = Math.max(0, outer.scrollTop - list.offsetTop);
    setView((old) =>
      Math.abs(old.top - top) < 60 && old.height === outer.clientHeight ? old : { top, height: outer.clientHeight },
    );
  }, []);
  useLayoutEffect(look, [items.length]);
  useEffect(() => {
    const observer = new ResizeObserver(look);
    if (scroller.current) observer.observe(scroller.current);
    return () => observer.disconnect();
  }, []);

  const reveal = (i: number) => {
    const outer = scroller.current!;
    const top = tops[i]! + inner.current!.offsetTop;
    const height = heightOf(items[i]!);
    if (top < outer.scrollTop) outer.scrollTop = i === 0 ? 0 : top;
    else if (top + height > outer.scrollTop + outer.clientHeight)
      outer.scrollTop = top + height - outer.clientHeight + 8;
  };
  // What is open elsewhere (Alt+Down, a link) is in sight here, and is where Tab leads.
  useEffect(() => {
    const i = props.current === undefined ? -1 : items.findIndex((item) => keyOf(item) === props.current);
    if (i < 0 || inner.current?.contains(document.activeElement)) return;
    setActive(undefined);
    reveal(i);
  }, [props.current]);

  const from = Math.max(0, at(view.top) - OVER);
  const to = Math.min(items.length, at(view.top + view.height) + 1 + OVER);
  const shown: number[] = [];
  for (let i = from; i < to; i++) shown.push(i);

  const stop = active ?? props.current;
  let stopAt = stop === undefined ? -1 : items.findIndex((item) => keyOf(item) === stop);
  if (stopAt >= 0 && (stopAt < from || stopAt >= to)) {
    const focused = inner.current?.contains(document.activeElement) || wantsFocus.current;
    if (focused) shown.push(stopAt);
    else stopAt = -1;
  }
  if (stopAt < 0) stopAt = shown.find((i) => focusable(items[i]!)) ?? -1;

  useLayoutEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    inner.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus({ preventScroll: true });
  });

  const move = (to: number, step: 1 | -1) => {
    let i = to;
    while (i >= 0 && i < items.length && !focusable(items[i]!)) i += step;
    if (i < 0 || i >= items.length) return;
    reveal(i);
    wantsFocus.current = true;
    setActive(keyOf(items[i]!));
    look();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(view.height / 70) - 1);
    if (event.key === 'ArrowDown') move(stopAt + 1, 1);
    else if (event.key === 'ArrowUp') move(stopAt - 1, -1);
    else if (event.key === 'Home') move(0, 1);
    else if (event.key === 'End') move(items.length - 1, -1);
    else if (event.key === 'PageDown') move(Math.min(items.length - 1, stopAt + page), -1);
    else if (event.key === 'PageUp') move(Math.max(0, stopAt - page), 1);
    else return;
    event.preventDefault();
  };

  return (
    <div class="rows" ref={scroller} onScroll={look}>
      {props.before}
      <ul
        class="rows-in"
        ref={inner}
        aria-label={props.label}
        aria-busy={props.busy || undefined}
        style={{ height: `${tops[items.length]}px` }}
        onKeyDown={onKeyDown}
        onFocusCapture={(event) => {
          const key = (event.target as HTMLElement).closest<HTMLElement>('[data-key]')?.dataset.key;
          if (key !== undefined && key !== active) setActive(key);
        }}
      >
        {shown.map((i) => {
          const item = items[i]!;
          return (
            <li
              key={keyOf(item)}
              data-key={keyOf(item)}
              aria-setsize={items.length}
              aria-posinset={i + 1}
              style={{ top: `${tops[i]}px`, height: `${heightOf(item)}px` }}
            >
              {render(item, i === stopAt ? 0 : -1)}
            </li>
          );
        })}
      </ul>
    </div>
  );
}
