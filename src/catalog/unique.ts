/** What may stand in a catalog only once. */
import type { Path } from "../config/problem.ts";
import type { YamlFile } from "../config/yaml-file.ts";
import type { Report } from "./draft.ts";

/** Tells the second and every later place of the same thing, each with the first. `seen` may serve several files. */
export function uniqueIn(
  file: YamlFile,
  seen: Map<string, string>,
  report: Report,
): (what: string, path: Path) => void {
  return (what, path) => {
    const first = seen.get(what);
    if (first !== undefined) report(path, `is used already at ${first}`);
    else seen.set(what, `${file.file}:${file.lineOf(path)}`);
  };
}
