/** Keeps compiled code, with its types taken out, from one start to the next: a third of a start's work. */
import { existsSync } from "node:fs";
import module from "node:module";
import { join } from "node:path";

/**
 * To be called before the code is loaded. The cache lies in the data directory, where nobody else may write, and only once
 * that exists: other commands leave nothing behind. Node writes it when the process ends, and notices changed files.
 *
 * @param {string | undefined} dataDirectory
 */
export function useCompileCache(dataDirectory) {
  const directory = dataDirectory || "data";
  if (existsSync(directory)) module.enableCompileCache(join(directory, "compile-cache"));
}
