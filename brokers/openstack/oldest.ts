/** OpenStack lets several things have one name; where two calls made one each, both keep the same one. */

/** Oldest first; of the same second, by id, so that everybody who looks sees the same order. */
export function oldestFirst<T extends { readonly id: string }>(
  things: readonly T[],
  created: (thing: T) => string,
): T[] {
  return things.toSorted((a, b) => created(a).localeCompare(created(b)) || a.id.localeCompare(b.id));
}
