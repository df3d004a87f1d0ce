/** What a plan says of its module, compared by the real program with what the module says of itself. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import { parse } from "yaml";
import kind from "../../brokers/opentofu/index.ts";
import { type JsonObject, Secret } from "../../src/core/adapter.ts";
import { temporaryDirectory } from "../support/broker.ts";
import { databasePlan, houseForTests, modules, workDirectoryFor } from "../support/opentofu.ts";
import { onPeer } from "../support/peers.ts";

const shipped = fileURLToPath(new URL("../../brokers/opentofu/modules", import.meta.url));
const label = `
variable "text" { type = string }
variable "size" { default = 1 }
variable "lotse_instance_id" { type = string }
output "label" { value = var.text }
output "version" { value = 1 }
output "secret" {
  value     = "s"
  sensitive = true
}`;

void onPeer(t, "opentofu", async (facts) => {
  const { house } = await houseForTests(t);

  /** Asks an account with these modules about plans. */
  async function account(t: Test, directory: string, settings: JsonObject = {}, hidden: JsonObject = {}) {
    const adapter = await kind.open(
      {
        values: {
          binary: String(facts.binary),
          pluginMirror: String(facts.mirror),
          modules: directory,
          workDirectory: workDirectoryFor(t),
          ...settings,
        },
        secrets: { secretVariables: new Secret(JSON.stringify(hidden)) },
      },
      house,
    );
    t.teardown(() => adapter.close?.());
    const { signal } = new AbortController();
    return (backend: JsonObject, maintenanceVersion?: string) =>
      adapter.checkPlan?.(
        { id: "plan", backend, ...(maintenanceVersion !== undefined && { maintenanceVersion }) },
        signal,
      );
  }

  function modulesOf(t: Test, files: { readonly [directory: string]: string }): string {
    const root = temporaryDirectory(t);
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(root, name), { recursive: true });
      writeFileSync(join(root, name, "main.tf"), text);
    }
    return root;
  }

  await t.test("nothing is said of a plan that fits its modules", async (t) => {
    const ask = await account(
      t,
      modules,
      { variables: { host: "h", port: 1, url: "postgres://h" } },
      { password: "secret" },
    );
    t.same(await ask(databasePlan), []);
    const volumes = await account(t, shipped);
    const { plans } = parse(readFileSync(new URL("../../catalog/block-volume.yaml", import.meta.url), "utf8"));
    for (const { name, backend } of plans) t.same(await volumes(backend), [], name);
  });

  await t.test("what a plan names and its module lacks is told, with what the module has", async (t) => {
    const ask = await account(t, modulesOf(t, { label }));
    const plan = { module: "label", parameters: ["text"], credentials: ["label", "secret"] };
    t.same(await ask(plan), []);
    const lacks = (name: string) => `module label has no output "${name}"; it has label, secret, version.`;
    t.same(await ask({ ...plan, credentials: ["secrett", "label"] }), [lacks("secrett")]);
    t.same(await ask({ ...plan, endpoint: { host: "host", port: "version" } }), [lacks("host")]);
    t.same(await ask({ ...plan, endpoint: { host: "label", port: "port" } }), [lacks("port")]);
    t.same(await ask({ ...plan, dashboardUrl: "console", attributes: ["console", "tier"] }), [
      lacks("console"),
      lacks("tier"),
    ]);
    t.same(await ask({ ...plan, variables: { siez: 3 }, parameters: ["text", "colour"] }), [
      `module label has no variable "siez", which the plan's variables name; it has size, text.`,
      `module label has no variable "colour", which the plan's parameters name; it has size, text.`,
    ]);
    t.match(await ask({ ...plan, attributes: ["secret"], dashboardUrl: "secret" }), [
      /calls its output "secret" sensitive, so it is not shown: take it out of attributes/,
      /take it out of dashboardUrl/,
    ]);
  });

  await t.test("a value that a module needs has to come from somewhere", async (t) => {
    const root = modulesOf(t, { label });
    const ask = await account(t, root);
    const needs = [/needs a value for its variable "text", and nobody gives it one: name it under the plan's/];
    t.match(await ask({ module: "label" }), needs);
    t.match(await ask({ module: "label", variables: { text: null } }), needs, "null is no value");
    t.same(await ask({ module: "label", variables: { text: "a" } }), []);
    t.same(await (await account(t, root, { variables: { text: "a" } }))({ module: "label" }), []);
    t.same(await (await account(t, root, {}, { text: "a" }))({ module: "label" }), []);
    const odd = await account(t, modulesOf(t, { odd: `variable "lotse_binding_id" {}` }));
    t.same(await odd({ module: "odd" }), [
      `module odd needs a value for its variable "lotse_binding_id", and Lotse tells it no such thing.`,
    ]);
  });

  await t.test("a binding's module gets the instance's outputs, and access comes from both", async (t) => {
    const access = `
variable "label" {}
variable "lotse_binding_id" {}
variable "colour" {}
output "token" { value = var.colour }`;
    const ask = await account(t, modulesOf(t, { label, access }));
    const plan = {
      module: "label",
      parameters: ["text"],
      credentials: ["token", "label"],
      binding: { module: "access", parameters: ["colour"] },
    };
    t.same(await ask(plan), []);
    t.same(await ask({ ...plan, credentials: ["tokens"] }), [
      `neither module access nor module label has an output "tokens"; they have token, label, secret, version.`,
    ]);
    t.match(await ask({ ...plan, attributes: ["token"] }), [/module label has no output "token"/]);
    t.match(await ask({ ...plan, binding: { module: "access" } }), [/module access needs .*"colour"/]);
    t.match(await ask({ ...plan, binding: { module: "acess", parameters: ["colour"] } }), [
      /modules have no acess: put its files into .*\/acess\.$/,
    ]);
  });

  await t.test("a module has to be there, and in the version of the plan", async (t) => {
    const root = modulesOf(t, { "label/1.0.0": label, "label/2.0.0": `${label}\noutput "more" { value = 1 }` });
    const ask = await account(t, root);
    const plan = { module: "label", parameters: ["text"], attributes: ["more"] };
    t.match(await ask({ module: "lable" }), [/modules have no lable: put its files into/]);
    t.match(await ask(plan, "1.0.0"), [/has no output "more"/]);
    t.same(await ask(plan, "2.0.0"), []);
    t.match(await ask(plan, "3.0.0"), [
      /version 3\.0\.0 \(they have 1\.0\.0, 2\.0\.0\): put its files into .*label\/3\.0\.0/,
    ]);
    t.match(await ask(plan), [/modules have no label: put/]);
    t.same(readdirSync(join(root, "label", "2.0.0")), ["main.tf"], "and nothing is written there");
  });

  await t.test("a program that cannot say what a module declares is not held to it", async (t) => {
    const old = join(temporaryDirectory(t), "tofu");
    writeFileSync(
      old,
      `#!/bin/sh\n[ "$1" = version ] && exec ${facts.binary} "$@"\necho "flag provided but not defined" >&2\nexit 1\n`,
    );
    chmodSync(old, 0o755);
    const ask = await account(t, modulesOf(t, { label, broken: "output {" }), { binary: old });
    t.same(await ask({ module: "label", attributes: ["nothing"] }), []);
    t.match(await ask({ module: "lable" }), [/modules have no lable/]);
    const real = await account(t, modulesOf(t, { broken: "output {" }));
    t.same(await real({ module: "broken", attributes: ["nothing"] }), [], "a broken module is told of by the check");
  });
});
