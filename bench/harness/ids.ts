/** Instance ids for load: UUID-shaped, scattered like random ones, yet computable from a number, so that they can be asked for. */

const digits = Buffer.from("0123456789abcdef");
const template = Buffer.from("00000000-0000-4000-8000-000000000000");

/** Length of an id in bytes. */
export const idLength = template.length;

/** The id number `index` of a space; two spaces share no ids, and the last 12 digits keep ids of one space apart. */
export function idText(space: number, index: number): string {
  const target = Buffer.alloc(idLength);
  writeId(target, 0, space, index);
  return target.toString("latin1");
}

/** Writes `idText(space, index)` into a request that lies ready in `target`. */
export function writeId(target: Buffer, at: number, space: number, index: number): void {
  template.copy(target, at);
  // The leading digits decide where a key lands in an index, so they are the scattered ones.
  writeHex(target, at, 8, scatter(index ^ Math.imul(space, 0x9e3779b1)));
  writeHex(target, at + 9, 4, space >>> 16);
  writeHex(target, at + 15, 3, space >>> 4);
  writeHex(target, at + 20, 3, space);
  writeHex(target, at + 28, 8, index);
}

function writeHex(target: Buffer, at: number, width: number, value: number): void {
  let rest = value;
  for (let place = at + width - 1; place >= at; place--) {
    target[place] = digits[rest & 15] ?? 0;
    rest >>>= 4;
  }
}

/** A mixing step on 32 bits (shifts and odd multipliers): neighbours end up far apart, and no two inputs meet. */
function scatter(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
