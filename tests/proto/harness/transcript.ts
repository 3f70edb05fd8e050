// What everybody in the current test sent and received, in the order it happened: printed when something fails.

const started = { at: performance.now() };
const lines: string[] = [];

/** A flood would push the interesting part off the screen. */
const KEPT = 160;
const WIDTH = 1200;

export function beginTranscript(): void {
  started.at = performance.now();
  lines.length = 0;
}

export function note(who: string, arrow: '>' | '<' | '*', what: string): void {
  const ms = (performance.now() - started.at).toFixed(0).padStart(6);
  const text = what.length > WIDTH ? `${what.slice(0, WIDTH)}... (${what.length} characters)` : what;
  lines.push(`${ms} ${who} ${arrow} ${text}`);
  if (lines.length > KEPT * 2) lines.splice(0, lines.length - KEPT);
}

export function transcript(): string {
  return lines.slice(-KEPT).join('\n');
}

/** An error that carries the dialogue so far. */
export function dialogueError(what: string): Error {
  return new Error(`${what}\n--- the dialogue so far ---\n${transcript()}\n---`);
}
