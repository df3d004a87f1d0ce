/** Reads a YAML document and remembers on which line everything stands. */
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { formatPath, type Path, type Problem } from "./problem.ts";

export interface YamlFile {
  readonly file: string;
  /** The document as plain data; undefined if it is no well-formed YAML, null if it is empty. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** The line on which something stands; for something missing, the line of what it is missing from. */
  lineOf(path: Path): number;
  /** A problem at that place. */
  problem(path: Path, message: string, severity?: Problem["severity"]): Problem;
}

/** Parses YAML 1.2: words such as `no` and dates stay text, and a key may stand only once. */
export function parseYamlFile(text: string, file: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems: Problem[] = [...document.errors, ...document.warnings].map((error) => ({
    file,
    line: lines.linePos(error.pos[0]).line,
    path: "",
    message: `is not valid YAML: ${error.message}`,
    severity: "error",
  }));
  const lineOf = (path: Path) => lines.linePos(offsetOf(document, path)).line || 1;
  const value = problems.length > 0 ? undefined : plain(document, file, problems);
  return {
    file,
    value,
    problems,
    lineOf,
    problem: (path, message, severity = "error") => ({
      file,
      line: lineOf(path),
      path: formatPath(path),
      message,
      severity,
    }),
  };
}

/** An alias to nowhere, or a document that aliases blow up, is found only here. */
function plain(document: Document.Parsed, file: string, problems: Problem[]): unknown {
  try {
    return document.toJS();
  } catch (error) {
    const message = error instanceof Error ? error.message : "it cannot be read";
    problems.push({ file, line: 1, path: "", message: `is not valid YAML: ${message}`, severity: "error" });
    return undefined;
  }
}

/** Follows the path as far as it goes; for a map's entry the key's place counts, not the value's. */
function offsetOf(document: Document.Parsed, path: Path): number {
  let node: Node | null = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const step of path) {
    const here: Node | undefined = isAlias(node) ? node.resolve(document) : (node ?? undefined);
    if (isMap(here)) {
      const pair = here.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value as Node | null;
    } else if (isSeq(here) && typeof step === "number") {
      const item = here.items[step] as Node | undefined;
      if (item === undefined) return offset;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else {
      return offset;
    }
  }
  return offset;
}
