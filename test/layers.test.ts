/** The lint rules of layers.jsonc: what a folder must not import is reported, what it may import is not. */
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import t from "tap";
import { checkout, ended, reachableDirectory } from "./support/command.ts";

/** Folder (a file in it), then what it tries to import. */
type Attempt = readonly [file: string, imported: string];

const forbidden: readonly Attempt[] = [
  ["src/core/x.ts", "node:crypto"],
  ["src/core/x.ts", "ajv"],
  ["src/core/x.ts", "../store/store.ts"],
  ["src/config/x.ts", "../store/open.ts"],
  ["src/catalog/x.ts", "../store/plans.ts"],
  ["src/store/x.ts", "../engine/engine.ts"],
  ["src/store/x.ts", "../config.ts"],
  ["src/store/sqlite/x.ts", "../../lifecycle/lifecycle.ts"],
  ["src/engine/x.ts", "../lifecycle/lifecycle.ts"],
  ["src/engine/x.ts", "knex"],
  ["src/engine/x.ts", "../../brokers/postgresql/index.ts"],
  ["src/lifecycle/x.ts", "../osb/wire.ts"],
  ["src/lifecycle/x.ts", "fastify"],
  ["src/lifecycle/x.ts", "better-sqlite3"],
  ["src/http/x.ts", "../osb/wire.ts"],
  ["src/osb/x.ts", "../admin/routes.ts"],
  ["src/osb/x.ts", "pg"],
  ["src/admin/x.ts", "../osb/routes.ts"],
  ["src/admin/x.ts", "knex"],
  ["src/embedded/x.ts", "../store/open.ts"],
  ["src/conformance/x.ts", "../osb/wire.ts"],
  ["src/conformance/x.ts", "fastify"],
  ["src/conformance/checks/x.ts", "../../config.ts"],
  ["src/app.ts", "../brokers/index.ts"],
  ["src/cli.ts", "./main.ts"],
  ["src/providers/x.ts", "../admin/routes.ts"],
  ["src/providers/x.ts", "knex"],
  ["src/catalog/x.ts", "../providers/onboarding.ts"],
  ["src/app.ts", "./main.ts"],
  ["src/app.ts", "./embedded/demo.ts"],
  ["src/metrics.ts", "knex"],
  ["src/main.ts", "../brokers/postgresql/index.ts"],
  ["src/main.ts", "knex"],
  ["brokers/index.ts", "../src/main.ts"],
  ["brokers/postgresql/x.ts", "../../src/core/model.ts"],
  ["brokers/postgresql/x.ts", "../other/index.ts"],
  ["brokers/postgresql/x.ts", "knex"],
  ["src/outbound/x.ts", "../store/open.ts"],
  ["src/outbound/x.ts", "fastify"],
];

const allowed: readonly Attempt[] = [
  ["src/core/y.ts", "./model.ts"],
  ["src/config/y.ts", "../core/json.ts"],
  ["src/catalog/y.ts", "../config/problem.ts"],
  ["src/store/y.ts", "knex"],
  ["src/store/sqlite/y.ts", "../columns.ts"],
  ["src/engine/y.ts", "../store/store.ts"],
  ["src/lifecycle/y.ts", "../engine/engine.ts"],
  ["src/osb/y.ts", "../http/errors.ts"],
  ["src/admin/y.ts", "../store/accounts.ts"],
  ["src/conformance/y.ts", "../core/json.ts"],
  ["src/conformance/y.ts", "undici"],
  ["src/conformance/checks/y.ts", "../stories/life.ts"],
  ["src/local-commands.ts", "../brokers/index.ts"],
  ["brokers/index.ts", "./postgresql/index.ts"],
  ["brokers/postgresql/y.ts", "#adapter"],
  ["brokers/postgresql/y.ts", "#outbound"],
  ["brokers/postgresql/y.ts", "pg"],
  ["src/outbound/y.ts", "undici"],
];

/** Ways to reach for a module, a line each; a type alone counts as well. */
const ways: readonly ((module: string, name: string) => string)[] = [
  (module, name) => `import * as ${name} from "${module}"; export const ${name}1 = ${name};`,
  (module, name) => `import type { ${name}2 } from "${module}"; export type ${name}3 = ${name}2;`,
  (module, name) => `export type { ${name}4 } from "${module}";`,
  (module, name) => `export const ${name}5 = () => import("${module}");`,
];

interface Report {
  readonly diagnostics: readonly {
    readonly location: { readonly path: string; readonly start: { readonly line: number } };
  }[];
}

/** How many of the ways were reported for each attempt, in a project that has our lint rules and nothing else. */
async function reportsOn(directory: string, attempts: readonly Attempt[]): Promise<number[]> {
  for (const name of ["biome.json", "layers.jsonc"]) copyFileSync(join(checkout, name), join(directory, name));
  const lines = new Map<string, string[]>();
  const places = new Map<string, number>();
  for (const [index, [file, module]] of attempts.entries())
    for (const [number, way] of ways.entries()) {
      const text = lines.get(file) ?? [];
      text.push(way(module, `x${index}_${number}_`));
      lines.set(file, text);
      places.set(`${file}:${text.length}`, index);
    }
  for (const [file, text] of lines) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), `${text.join("\n")}\n`);
  }
  const biome = join(checkout, "node_modules/.bin/biome");
  const args = ["lint", "--vcs-enabled=false", "--only=style/noRestrictedImports", "--max-diagnostics=none"];
  const { stdout } = await ended(spawn(biome, [...args, "--reporter=json", "."], { cwd: directory }));
  const counts = attempts.map(() => 0);
  for (const { location } of (JSON.parse(stdout) as Report).diagnostics) {
    const index = places.get(`${location.path}:${location.start.line}`) ?? -1;
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
}

t.test("an import that no layer allows is reported, however it is written", async (t) => {
  const counts = await reportsOn(reachableDirectory(t), forbidden);
  for (const [index, [file, module]] of forbidden.entries())
    t.equal(counts[index], ways.length, `${file} must not know ${module}`);
});

t.test("an import that the layers allow is not", async (t) => {
  const counts = await reportsOn(reachableDirectory(t), allowed);
  for (const [index, [file, module]] of allowed.entries()) t.equal(counts[index], 0, `${file} may know ${module}`);
});

t.test("every folder of src has its rule", async (t) => {
  const folders = readdirSync(join(checkout, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders) {
    const [count] = await reportsOn(reachableDirectory(t), [[`src/${name}/x.ts`, "../main.ts"]]);
    t.equal(count, ways.length, `src/${name} must not know src/main.ts`);
  }
});

t.test("no type is imported inside a type, where the lint rule does not look", async (t) => {
  for (const file of readdirSync(join(checkout, "src"), { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue;
    const text = readFileSync(join(checkout, "src", file), "utf8");
    t.notMatch(text, /(?<!await |=> )\bimport\(/, file);
  }
});

t.test("only the store and the demonstration's own servers speak SQL", async (t) => {
  for (const file of readdirSync(join(checkout, "src"), { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts") || /^(store|embedded)\//.test(file) || file === "http/log-redaction.ts") continue;
    const text = readFileSync(join(checkout, "src", file), "utf8");
    t.notMatch(text, /["'`]\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE|ALTER) \w/, file);
  }
});
