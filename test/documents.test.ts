/** What the documents say is true: settings and defaults, examples, commands and links. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import t from "tap";
import { parse } from "yaml";
import { adapterKinds } from "../brokers/index.ts";
import { configSchema } from "../src/config/schema.ts";
import { readConfig } from "../src/config.ts";
import { isJsonObject, type Json } from "../src/core/json.ts";
import { createAuthority } from "./support/certificates.ts";
import { checkout, reachableDirectory } from "./support/command.ts";

const read = (name: string): string => readFileSync(join(checkout, name), "utf8");
const configuration = read("docs/configuration.md");

const documents = readdirSync(checkout, { recursive: true, encoding: "utf8" }).filter(
  (name) => name.endsWith(".md") && !/(^|\/)(node_modules|\.tap|data)\//.test(name),
);

/** Every key with the default it has, as the schema of lotse.yaml knows them. */
function keysOf(schema: Json, path: string): [string, Json | undefined][] {
  if (!isJsonObject(schema)) return [];
  const { properties, additionalProperties, items } = schema;
  if (isJsonObject(properties ?? null))
    return Object.entries(properties as object).flatMap(([key, inner]) =>
      keysOf(inner as Json, path === "" ? key : `${path}.${key}`),
    );
  if (isJsonObject(additionalProperties ?? null)) return keysOf(additionalProperties as Json, `${path}.NAME`);
  if (isJsonObject(items ?? null)) return [[path, schema.default], ...keysOf(items as Json, `${path}[]`)];
  return [[path, schema.default]];
}

t.test("the configuration page has every setting, with its default", async (t) => {
  const keys = keysOf(configSchema, "");
  t.ok(keys.length > 30, "settings");
  for (const [key, value] of keys) {
    const row =
      configuration.split("\n").find((line) => line.startsWith("|") && line.split("|")[1]?.includes(`\`${key}\``)) ??
      "";
    t.ok(row !== "", key);
    if (value !== undefined) {
      const shown = typeof value === "string" ? [`\`${value}\``, `\`"${value}"\``] : [`\`${JSON.stringify(value)}\``];
      t.ok(
        shown.some((text) => row.split("|")[2]?.includes(text)),
        `${key}: ${shown[0]} in ${row}`,
      );
    }
  }
  const source = read("src/config/environment.ts");
  for (const [name] of source.matchAll(/"LOTSE_[A-Z_]+"/g)) t.match(configuration, name.replaceAll('"', "`"));
});

t.test("the example of lotse.yaml is a configuration that is accepted", async (t) => {
  const cwd = reachableDirectory(t);
  const [, yaml = ""] = /```yaml\n(.*?)```/s.exec(configuration) ?? [];
  writeFileSync(join(cwd, "lotse.yaml"), yaml);
  for (const name of ["secrets", "tls"]) mkdirSync(join(cwd, name));
  const certificate = createAuthority("Test").certify("lotse.example");
  writeFileSync(join(cwd, "tls/lotse.pem"), certificate.cert);
  writeFileSync(join(cwd, "tls/lotse.key"), certificate.key);
  writeFileSync(join(cwd, "secrets/sealing-2026"), Buffer.alloc(32, 1).toString("base64"));
  writeFileSync(join(cwd, "secrets/it-nord"), "only for this test");
  const config = readConfig({}, cwd, adapterKinds);
  t.match(config, { keys: [{ id: "2026" }], http: { tls: { cert: certificate.cert } }, warnings: [] });
  t.same([...(config.providers?.keys() ?? [])], ["it-nord"]);
});

t.test("commands and links in the documents lead somewhere", async (t) => {
  const { scripts } = JSON.parse(read("package.json")) as { readonly scripts: Record<string, string> };
  for (const name of documents) {
    const text = read(name);
    for (const [, script = ""] of text.matchAll(/npm run ([a-z:]+)/g))
      t.ok(script in scripts, `${name}: npm run ${script}`);
    for (const [, link = ""] of text.matchAll(/\]\((?!https?:)([^)#\s]+)[^)]*\)/g))
      t.ok(existsSync(join(checkout, dirname(name), link)), `${name}: ${link}`);
  }
});

t.test("publiccode.yml says what package.json says, within the standard's lengths", async (t) => {
  const code = parse(read("publiccode.yml")) as {
    readonly softwareVersion: string;
    readonly legal: { readonly license: string };
    readonly description: Record<string, { shortDescription: string; longDescription: string; features: string[] }>;
  };
  const { version, license } = JSON.parse(read("package.json")) as Record<string, string>;
  t.equal(code.softwareVersion, version);
  t.equal(code.legal.license, license);
  for (const { shortDescription, longDescription, features } of Object.values(code.description)) {
    t.ok(shortDescription.length <= 150);
    t.ok(longDescription.length >= 150 && longDescription.length <= 10_000);
    t.ok(features.length > 0);
  }
});
