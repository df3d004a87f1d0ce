/** How text is laid out for people: colours, folded lines, durations. */

export type Paint = (text: string) => string;
export type Paints = ReturnType<typeof paints>;

const plain: Paint = (text) => text;

export function paints(colours: boolean) {
  const painted = (code: number, end: number): Paint =>
    colours ? (text) => `\u001b[${code}m${text}\u001b[${end}m` : plain;
  return {
    bold: painted(1, 22),
    dim: painted(2, 22),
    red: painted(31, 39),
    green: painted(32, 39),
    yellow: painted(33, 39),
  };
}

/** Lines of at most so many characters, broken between words where there are any. Controls are made visible. */
export function fold(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = visible(text);
  while (rest.length > width) {
    const space = rest.lastIndexOf(" ", width);
    const at = space > width / 2 ? space : width;
    lines.push(rest.slice(0, at));
    rest = rest.slice(at).trimStart();
  }
  return [...lines, rest];
}

/** What a broker sends must not steer the terminal it is shown on. */
export const visible = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "·");

export function duration(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
