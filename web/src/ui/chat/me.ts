/** `/me waves` is told as an action; gives `waves`, or undefined for every other text. */
export function meText(body: string): string | undefined {
  return /^\/me\s/.test(body) ? body.slice(4).trim() : undefined;
}
