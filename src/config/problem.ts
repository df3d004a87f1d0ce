/** What is wrong in a configuration or catalog file, and how it is said. */
import { isAbsolute, relative } from "node:path";
import { distance } from "fastest-levenshtein";

/** A way into a document: keys and array positions, from the top. */
export type Path = readonly (string | number)[];

export interface Problem {
  /** The file as the operator knows it, or `environment`. */
  readonly file: string;
  /** 1 for the first line; absent where there is no line, as for an environment variable or a missing file. */
  readonly line?: number;
  /** Where in the document, `plans[0].name`; empty for the document as a whole. */
  readonly path: string;
  /** What is wrong and, where known, what would be right. Never shows a value from outside: it could be a secret. */
  readonly message: string;
  readonly severity: "error" | "warning";
}

/** One line: `lotse.yaml:12: osb.minApiVersion: must be a string`. */
export function formatProblem({ file, line, path, message, severity }: Problem): string {
  const place = line === undefined ? file : `${file}:${line}`;
  const what = path === "" ? message : `${path}: ${message}`;
  return `${place}: ${severity === "warning" ? "warning: " : ""}${what}`;
}

/** A file or directory as its operator opens it: relative to where they are if it is in there, else absolute. */
export function shownPath(path: string, cwd = process.cwd()): string {
  const inside = relative(cwd, path);
  return inside === "" || inside.startsWith("..") || isAbsolute(inside) ? path : inside;
}

/** For `sort`: by file, and in it from the top. */
export function byPlace(one: Problem, other: Problem): number {
  if (one.file !== other.file) return one.file < other.file ? -1 : 1;
  return (one.line ?? 0) - (other.line ?? 0);
}

/** `plans[0].name`; keys that are no plain words are quoted, so that none can pretend to be something else. */
export function formatPath(path: Path): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[\w-]{1,100}$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step.slice(0, 100))}]`;
  }
  return text;
}

/** The known word nearest to a misspelt one; undefined if none is near enough to be meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const apart = distance(word.toLowerCase(), candidate.toLowerCase());
    if (apart < bestDistance) {
      best = candidate;
      bestDistance = apart;
    }
  }
  return best;
}

/** `; did you mean "x"?`, or the list of what is known, or nothing. */
export function hint(word: string, known: readonly string[]): string {
  const meant = nearest(word, known);
  if (meant !== undefined) return `; did you mean "${meant}"?`;
  return known.length === 0 ? "" : `; known here: ${known.join(", ")}`;
}
