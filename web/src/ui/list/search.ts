/** Words in any order, from the beginning of a word or anywhere in an address; marks and capitals do not matter. */
const plain = (text: string) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

const kept = new Map<string, string>();
function plainKept(text: string): string {
  let made = kept.get(text);
  if (made === undefined) {
    if (kept.size > 50_000) kept.clear();
    made = plain(text);
    kept.set(text, made);
  }
  return made;
}

export function matches(query: string, name: string, address: string): boolean {
  const wanted = plain(query).split(/\s+/).filter(Boolean);
  if (wanted.length === 0) return true;
  const hay = `${plainKept(name)} ${address}`;
  return wanted.every((word) => hay.includes(word));
}

/** Better hits first: a name that begins with it, then a word that does, then the rest. */
export function rank(query: string, name: string): number {
  const wanted = plain(query.trim());
  const hay = plainKept(name);
  return hay.startsWith(wanted) ? 0 : hay.includes(` ${wanted}`) ? 1 : 2;
}
