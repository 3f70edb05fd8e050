// The shape of a sound: a few dozen levels from 0 to 31. Arithmetic only.

export const BARS = 44;
const TOP = 31;

/** Many levels made into few: the loudest of each stretch, the loudest of all at the top. */
export function squeeze(levels: readonly number[], count = BARS): number[] {
  if (levels.length === 0) return [];
  const n = Math.min(count, levels.length);
  const out = Array.from({ length: n }, (_, i) => {
    const from = Math.floor((i * levels.length) / n);
    const to = Math.max(from + 1, Math.floor(((i + 1) * levels.length) / n));
    let most = 0;
    for (let k = from; k < to; k++) most = Math.max(most, levels[k]!);
    return most;
  });
  const top = Math.max(...out, 1e-6);
  // Quiet speech is to be seen too: levels are shown by their root.
  return out.map((v) => Math.round(TOP * Math.sqrt(Math.max(0, v) / top)));
}

/** Of decoded samples. */
export function waveOf(samples: Float32Array, count = BARS): number[] {
  const step = Math.max(1, Math.floor(samples.length / (count * 20)));
  const levels: number[] = [];
  for (let i = 0; i + step <= samples.length; i += step) {
    let sum = 0;
    for (let k = i; k < i + step; k++) sum += samples[k]! * samples[k]!;
    levels.push(Math.sqrt(sum / step));
  }
  return squeeze(levels, count);
}
