// Chance that can be repeated: all of a run's comes from one number, which it prints.

export type Chance = () => number;

/** A small generator (mulberry32): numbers from 0 to 1, always the same for one seed. */
export function chance(seed: number): Chance {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** From `low` to `high`, both included. */
export const between = (rng: Chance, low: number, high: number): number => low + Math.floor(rng() * (high - low + 1));

export function oneOf<T>(rng: Chance, list: readonly T[]): T {
  return list[Math.floor(rng() * list.length)]!;
}
