// A reaction is the same whether or not its program writes the selector that asks for colours behind it (U+FE0F): Dino
// writes it everywhere, others only where Unicode wants it.

/** What all ways to write a sign have in common; to compare, not to show. */
export const signKey = (sign: string): string => sign.replaceAll('\ufe0f', '');

export const sameSign = (a: string, b: string): boolean => signKey(a) === signKey(b);

/** As it has been written first, so that others count it with that. */
export const asWritten = (known: readonly string[], sign: string): string =>
  known.find((it) => sameSign(it, sign)) ?? sign;
