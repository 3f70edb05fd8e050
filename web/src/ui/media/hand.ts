// A picture under a hand: the wheel, one finger or the mouse, two fingers. What a hand does to it is zoom.ts's arithmetic.
import { useLayoutEffect, useRef } from 'preact/hooks';
import { type Place, zoomed } from './zoom';

interface Point {
  x: number;
  y: number;
}

interface Hand {
  /** Where the picture stands now. */
  place(): Place;
  put(next: Place): void;
  /** One finger moves it; else a finger means something that only the stage knows. */
  drags(): boolean;
}

/** `stage`: what the picture is moved in. Its pointer events go to the handlers given back. */
export function useHand(stage: { current: HTMLElement | null }, { place, put, drags }: Hand) {
  const fingers = useRef(new Map<number, Point>()).current;

  /** From the middle of the stage. */
  const at = (event: { clientX: number; clientY: number }): Point => {
    const box = stage.current!.getBoundingClientRect();
    return { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
  };
  const wheel = useRef((_: WheelEvent) => {});
  wheel.current = (event) => {
    event.preventDefault();
    put(zoomed(place(), Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), at(event)));
  };
  useLayoutEffect(() => {
    // Not by a property: a wheel listener that may stop the page has to say so.
    const listener = (event: WheelEvent) => wheel.current(event);
    const box = stage.current;
    box?.addEventListener('wheel', listener, { passive: false });
    return () => box?.removeEventListener('wheel', listener);
  }, []);

  const spread = () => {
    const [a, b] = [...fingers.values()];
    return a && b ? { far: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 } : undefined;
  };
  return {
    at,
    /** How many touch it. */
    count: () => fingers.size,
    /** False: it is none that counts. */
    down(event: PointerEvent): boolean {
      if (event.button !== 0) return false;
      (event.currentTarget as Element).setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, at(event));
      return true;
    },
    move(event: PointerEvent): void {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const here = at(event);
      const apart = spread();
      fingers.set(event.pointerId, here);
      const next = spread();
      const now = place();
      if (apart && next) {
        const grown = zoomed(now, next.far / Math.max(1, apart.far), next);
        put({ ...grown, x: grown.x + next.x - apart.x, y: grown.y + next.y - apart.y });
      } else if (drags()) put({ ...now, x: now.x + here.x - before.x, y: now.y + here.y - before.y });
    },
    /** False: it had not gone down here. */
    up: (event: PointerEvent): boolean => fingers.delete(event.pointerId),
  };
}
