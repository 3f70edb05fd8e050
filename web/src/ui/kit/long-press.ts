// A finger that rests: what a right click is to a mouse.
import { useRef } from 'preact/hooks';

/** A finger that rests on something this long asks for its sheet. */
const LONG = 450;

/** A finger that goes up right after the sheet came must not click what is there now: the scrim, which closes it. */
function swallowClick(): void {
  const swallow = (event: Event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  const stop = () => removeEventListener('click', swallow, { capture: true });
  addEventListener('click', swallow, { capture: true, once: true });
  for (const end of ['pointerdown', 'keydown']) addEventListener(end, stop, { capture: true, once: true });
}

/** `not`: a selector of what has its own way with a finger that rests on it; '' for nothing. */
export function useLongPress(not: string, open: (target: Element) => void) {
  const timer = useRef(0);
  const from = useRef({ x: 0, y: 0 });
  const stop = () => clearTimeout(timer.current);
  return {
    onPointerDown: (event: PointerEvent) => {
      if (event.pointerType !== 'touch' || (not && (event.target as Element).closest(not))) return;
      from.current = { x: event.clientX, y: event.clientY };
      stop();
      const target = event.target as Element;
      timer.current = window.setTimeout(() => {
        swallowClick();
        open(target);
      }, LONG);
    },
    onPointerMove: (event: PointerEvent) => {
      if (Math.hypot(event.clientX - from.current.x, event.clientY - from.current.y) > 10) stop();
    },
    onPointerUp: stop,
    onPointerCancel: stop,
  };
}
