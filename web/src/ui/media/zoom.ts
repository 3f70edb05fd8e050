// Where a picture stands in its stage: how much larger, and how far from the middle. Arithmetic only.

export interface Place {
  scale: number;
  /** Pixels from the middle. */
  x: number;
  y: number;
}

export const FIT: Place = { scale: 1, x: 0, y: 0 };
export const MOST = 8;

/** Never smaller than the stage, never with an edge further in than it has to be. `shown`: its size at scale 1. */
export function held(
  { scale, x, y }: Place,
  shown: { width: number; height: number },
  stage: { width: number; height: number },
): Place {
  const to = Math.min(MOST, Math.max(1, scale));
  const reach = (size: number, room: number) => Math.max(0, (size * to - room) / 2);
  const clamp = (v: number, by: number) => Math.min(by, Math.max(-by, v)) || 0;
  return {
    scale: to,
    x: clamp(x, reach(shown.width, stage.width)),
    y: clamp(y, reach(shown.height, stage.height)),
  };
}

/** Larger or smaller by a factor, with what is at a point (from the middle of the stage) staying there. */
export function zoomed(place: Place, by: number, at: { x: number; y: number }): Place {
  const scale = Math.min(MOST, Math.max(1, place.scale * by));
  const real = scale / place.scale;
  return { scale, x: at.x - (at.x - place.x) * real, y: at.y - (at.y - place.y) * real };
}
