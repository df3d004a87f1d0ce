/** Ids that sort by the time they were made: 26 lower-case letters and digits (ULID in Crockford's base 32). */

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const timeLength = 10;
const randomLength = 16;

/**
 * A maker of ids from a clock (epoch milliseconds) and a source of random bytes. Ids of one maker never go backwards,
 * also within a millisecond, so that "the newest" is the greatest.
 */
export function createIds(now: () => number, fillRandom: (bytes: Uint8Array) => void): () => string {
  const bytes = new Uint8Array(randomLength);
  const digits = new Uint8Array(randomLength);
  let last = -1;
  let prefix = "";
  return () => {
    const time = Math.max(now(), last);
    if (time === last) {
      increment(digits);
    } else {
      last = time;
      prefix = timePart(time);
      fillRandom(bytes);
      for (let i = 0; i < randomLength; i++) digits[i] = (bytes[i] ?? 0) & 31;
    }
    let id = prefix;
    for (let i = 0; i < randomLength; i++) id += alphabet[digits[i] ?? 0];
    return id;
  };
}

function timePart(time: number): string {
  let text = "";
  let rest = time;
  for (let i = 0; i < timeLength; i++) {
    text = alphabet[rest % 32] + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function increment(digits: Uint8Array): void {
  for (let i = digits.length - 1; i >= 0; i--) {
    const digit = digits[i] ?? 0;
    if (digit < 31) {
      digits[i] = digit + 1;
      return;
    }
    digits[i] = 0;
  }
}
