/** Chance that can be repeated: everything drawn from one seed is drawn again from the same one. */

export interface Chance {
  /** In [0, 1). */
  next(): number;
  /** From `least` to `most`, both included. */
  whole(least: number, most: number): number;
  /** True in that share of all cases. */
  happens(share: number): boolean;
  pick<T>(of: readonly [T, ...T[]]): T;
}

/** Different `names` are different chances of the same seed, which do not depend on the order they are asked in. */
export function chanceOf(seed: number, name = ""): Chance {
  let state = seed >>> 0;
  for (const byte of Buffer.from(name)) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
  // Mulberry32: small, and even enough to choose faults with.
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const whole = (least: number, most: number) => least + Math.floor(next() * (most - least + 1));
  return {
    next,
    whole,
    happens: (share) => next() < share,
    pick: (of) => of[whole(0, of.length - 1)] ?? of[0],
  };
}
