// A message drawn aside with a finger is answered.
import { useRef } from 'preact/hooks';

/** From here on it counts, in pixels; it follows the finger no further than this. */
const FAR = 56;
const MOST = 72;

export function useSwipe(run: (() => void) | undefined) {
  const from = useRef<{ x: number; y: number; id: number } | undefined>(undefined);
  const far = useRef(false);
  const line = (event: PointerEvent) =>
    (event.currentTarget as HTMLElement).querySelector<HTMLElement>('.bubble-line') ?? undefined;
  const reset = (event: PointerEvent) => {
    const el = line(event);
    from.current = undefined;
    far.current = false;
    el?.style.removeProperty('translate');
    el?.classList.remove('swiped', 'armed');
  };
  return {
    onPointerDown: (event: PointerEvent) => {
      if (!run || event.pointerType !== 'touch' || (event.target as Element).closest('input')) return;
      from.current = { x: event.clientX, y: event.clientY, id: event.pointerId };
    },
    onPointerMove: (event: PointerEvent) => {
      const begin = from.current;
      const el = begin?.id === event.pointerId ? line(event) : undefined;
      if (!begin || !el) return;
      const rtl = getComputedStyle(el).direction === 'rtl' ? -1 : 1;
      const by = Math.max(0, (event.clientX - begin.x) * rtl);
      // Up and down is scrolling.
      if (Math.abs(event.clientY - begin.y) > Math.max(12, by)) return reset(event);
      if (by < 10) return;
      far.current = by >= FAR;
      el.classList.add('swiped');
      el.classList.toggle('armed', far.current);
      el.style.translate = `${Math.min(by, MOST) * rtl}px`;
    },
    onPointerUp: (event: PointerEvent) => {
      const done = far.current;
      reset(event);
      if (done) run?.();
    },
    onPointerCancel: reset,
  };
}
