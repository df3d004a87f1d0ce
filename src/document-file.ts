/** Files that commands are given: YAML documents of keys and values. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { formatProblem, type Problem } from "./config/problem.ts";
import { parseYamlFile, type YamlFile } from "./config/yaml-file.ts";
import { isJsonObject, type JsonObject } from "./core/json.ts";
import { Refusal } from "./management-client.ts";

export function readDocument(path: string, cwd: string): JsonObject {
  return readDocumentFile(path, cwd).document;
}

export function readDocumentFile(
  path: string,
  cwd: string,
): { readonly file: YamlFile; readonly document: JsonObject } {
  const file = parseYamlFile(textOf(path, cwd), path);
  if (file.problems.length > 0) throw new Refusal(listed(file.problems));
  if (!isJsonObject(file.value)) throw new Refusal(`${path} must hold keys and values.`);
  return { file, document: file.value };
}

export const listed = (problems: readonly Problem[]): string => problems.map(formatProblem).join("\n");

function textOf(path: string, cwd: string): string {
  try {
    return readFileSync(resolve(cwd, path), "utf8");
  } catch (error) {
    const { code } = error as { readonly code?: string };
    const why = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a directory" : String(code);
    throw new Refusal(`${path} cannot be read: ${why}.`);
  }
}
