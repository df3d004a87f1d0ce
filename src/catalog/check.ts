/** Every rule a catalog has to keep beyond its schemas: OSB's, the platforms', and the domain's. All violations at once. */
import { draft04, draftOf, type SchemaCompiler, schemaCompiler } from "../config/json-schema.ts";
import type { Path, Problem } from "../config/problem.ts";
import type { YamlFile } from "../config/yaml-file.ts";
import type { AdapterKind } from "../core/adapter.ts";
import { isJsonObject, type Json, type JsonSchema } from "../core/json.ts";
import type { OfferingFile, Organisation, PlanFile } from "./files.ts";
import { type ReadCatalog, readCatalog } from "./read-catalog.ts";

/** Schema problems and rule violations of a catalog directory. `accounts`: adapter kind by account, where known. */
export function checkCatalog(
  directory: string,
  kinds: ReadonlyMap<string, AdapterKind>,
  accounts: ReadonlyMap<string, string>,
): readonly Problem[] {
  const read = readCatalog(directory);
  return [...read.problems, ...checkRules(read, kinds, accounts)];
}

export function checkRules(
  read: ReadCatalog,
  kinds: ReadonlyMap<string, AdapterKind>,
  accounts: ReadonlyMap<string, string>,
): readonly Problem[] {
  const problems: Problem[] = [];
  // One for all plans: it compiles what they share once, and a fresh one costs eight times as much for each schema.
  const compiler = schemaCompiler();
  const organisations = new Map(read.organisations.map((organisation) => [organisation.key, organisation]));
  problems.push(...organisationRules(read.organisations));
  const seen = new Map<string, string>();
  for (const { file, offering } of read.offerings) {
    const report = (path: Path, message: string) => void problems.push(file.problem(path, message));
    unique(seen, `id ${offering.id}`, ["id"], file, report);
    unique(seen, `name ${offering.name}`, ["name"], file, report);
    offeringRules(offering, report);
    for (const [index, plan] of offering.plans.entries()) {
      const at: Report = (path, message) => report(["plans", index, ...path], message);
      unique(seen, `id ${plan.id}`, ["plans", index, "id"], file, report);
      unique(seen, `plan ${offering.id} ${plan.name}`, ["plans", index, "name"], file, report);
      planRules(plan, organisations, at);
      backendRule(plan, kinds, accounts, compiler, at);
      for (const [key, schema] of Object.entries(plan.schemas ?? {}))
        schemaRules(schema, ["schemas", key], compiler, at);
    }
    for (const [key, schema] of Object.entries(offering.schemas ?? {}))
      schemaRules(schema, ["schemas", key], compiler, report);
    portableRule(offering, report);
  }
  return problems;
}

type Report = (path: Path, message: string) => void;

function unique(seen: Map<string, string>, what: string, path: Path, file: YamlFile, report: Report): void {
  const place = `${file.file}:${file.lineOf(path)}`;
  const first = seen.get(what);
  if (first !== undefined) report(path, `is used already at ${first}`);
  else seen.set(what, place);
}

/** Organisations: the domain's invariants on who may be what. */
function organisationRules(organisations: readonly Organisation[]): Problem[] {
  const file = "catalog/organisations.yaml";
  return organisations.flatMap((organisation) => {
    const path = `organisations.${organisation.key}`;
    const problem = (message: string): Problem => ({ file, path, message, severity: "error" });
    const external = organisation.kind === "external";
    const forbidden = organisation.roles.filter((role) => external && role !== "supplier");
    return [
      ...(forbidden.length > 0 ? [problem("an external organisation can only be a supplier")] : []),
      ...((organisation.openMarketSharePercent ?? 0) >= 20
        ? [problem("a public provider earns less than 20 percent on the open market")]
        : []),
      ...(organisation.fictional !== organisation.legalName.endsWith("(fiktiv)")
        ? [problem('a fictional organisation is marked "(fiktiv)" in its name, and only such a one')]
        : []),
    ];
  });
}

// FOCUS 1.2: each subcategory has exactly one category. The pairs that offerings of the catalogue use.
const focusPairs = new Set([
  "Databases/Relational Databases",
  "Databases/Caching",
  "Databases/Other (Databases)",
  "Storage/Object Storage",
  "Storage/Block Storage",
  "Storage/Backup Storage",
  "Compute/Virtual Machines",
  "Compute/Containers",
  "Networking/Application Networking",
  "Business Applications/Productivity and Collaboration",
  "Business Applications/Other (Business Applications)",
  "AI and Machine Learning/Machine Learning",
  "Developer Tools/Developer Platforms",
  "Integration/Messaging",
  "Identity/Identity and Access Management",
  "Migration/Other (Migration)",
]);

// Cloud Controller adds up the lengths of all tags.
const longestTags = 2048;

function offeringRules(offering: OfferingFile, report: Report): void {
  const { serviceCategory, serviceSubcategory } = offering.focus;
  if (!focusPairs.has(`${serviceCategory}/${serviceSubcategory}`))
    report(["focus"], "is no pair of service category and subcategory of FOCUS");
  if ((offering.tags ?? []).join("").length > longestTags)
    report(["tags"], `are longer than ${longestTags} characters together, which Cloud Foundry refuses`);
}

function planRules(plan: PlanFile, organisations: ReadonlyMap<string, Organisation>, at: Report): void {
  for (const role of ["provider", "integrator", "publisher"] as const) {
    const key = plan[role];
    if (key !== undefined && !organisations.has(key)) at([role], "is no organisation of organisations.yaml");
  }
  if (plan.name === "reference-instance") at(["name"], "is reserved by SAP Service Manager");
  if (organisations.get(plan.provider)?.kind === "external")
    at(["provider"], "must be a public authority; external organisations are publishers behind an integrator");
  const external = organisations.get(plan.publisher)?.kind === "external";
  if (external && plan.integrator !== plan.provider)
    at(["integrator"], "must be the provider, because the publisher is external");
  if (plan.price.model !== "free" && plan.price.components.length === 0)
    at(["price", "components"], "must not be empty unless the price model is free");
  if (plan.acquisition === "subscription" && plan.subscription === undefined)
    at(["subscription"], "is missing for a plan acquired as a subscription");
  if (JSON.stringify(plan.maintenance ?? {}).length > 2000) at(["maintenance"], "is longer than 2000 characters");
}

function backendRule(
  plan: PlanFile,
  kinds: ReadonlyMap<string, AdapterKind>,
  accounts: ReadonlyMap<string, string>,
  compiler: SchemaCompiler,
  at: Report,
): void {
  const { accountKind } = plan;
  const configured = accounts.get(plan.account);
  if (accountKind !== undefined && !kinds.has(accountKind)) at(["accountKind"], "is no adapter");
  if (accountKind !== undefined && configured !== undefined && configured !== accountKind)
    at(["account"], `is an account of the adapter ${configured}, and the plan needs one of ${accountKind}`);
  const kind = kinds.get(accountKind ?? configured ?? "");
  if (kind === undefined) return;
  const validate = compiler.compile(kind.backend);
  if (validate(plan.backend)) return;
  for (const error of validate.errors ?? [])
    at(
      ["backend", ...error.instancePath.split("/").slice(1)],
      `${error.message ?? "does not fit"} (adapter ${kind.name})`,
    );
}

// OSB, Input Parameters Schema Object.
const largestSchema = 64 * 1024;

function schemaRules(schema: JsonSchema, path: Path, compiler: SchemaCompiler, report: Report): void {
  const fault = schemaFault(schema, compiler);
  if (fault !== undefined) report([...path, ...fault.path], fault.message);
  else compileRule(schema, path, compiler, report);
}

/** The first rule that the schema as a document breaks. */
function schemaFault(
  schema: JsonSchema,
  compiler: SchemaCompiler,
): { readonly path: Path; readonly message: string } | undefined {
  if (schema.$schema === undefined) return { path: [], message: "needs $schema" };
  if (draftOf(schema.$schema) === undefined) return { path: ["$schema"], message: "names no known draft" };
  if (JSON.stringify(schema).length > largestSchema) return { path: [], message: "is larger than 64 kB" };
  if (hasOutsideReference(schema)) return { path: [], message: "has a $ref to somewhere outside itself" };
  if (compiler.faults(schema).length > 0) return { path: [], message: "is no valid schema of its draft" };
  return undefined;
}

function compileRule(schema: JsonSchema, path: Path, compiler: SchemaCompiler, report: Report): void {
  if (compiler.faults(schema, draft04).length > 0)
    report(path, "is no valid draft-04 schema, and Cloud Foundry holds every schema against draft-04");
  try {
    compiler.compile(schema);
    for (const place of wrongDefaults(schema, compiler)) report([...path, ...place], "does not fit its own schema");
  } catch (error) {
    report(path, `cannot be compiled: ${error instanceof Error ? error.message : "unknown reason"}`);
  }
}

function hasOutsideReference(value: Json): boolean {
  if (Array.isArray(value)) return value.some(hasOutsideReference);
  if (!isJsonObject(value)) return false;
  const { $ref } = value;
  if (typeof $ref === "string" && !$ref.startsWith("#")) return true;
  return Object.values(value).some(hasOutsideReference);
}

/** Paths of defaults that their own schema refuses. */
function wrongDefaults(schema: JsonSchema, compiler: SchemaCompiler): Path[] {
  const { properties } = schema;
  if (properties === undefined || !isJsonObject(properties)) return [];
  return Object.entries(properties).flatMap(([name, property]) => {
    if (!isJsonObject(property) || property.default === undefined) return [];
    const draft = schema.$schema ?? null;
    const fits = compiler.compile({ ...property, $schema: draft })(property.default);
    return fits ? [] : [["properties", name, "default"]];
  });
}

/** A portable offering keeps its promise only if each class is produced by two who could stand in for each other. */
function portableRule(offering: OfferingFile, report: Report): void {
  if (!offering.portable) return;
  for (const [index, plan] of offering.plans.entries()) {
    const { equivalenceClass } = plan;
    if (equivalenceClass === undefined) {
      report(["plans", index, "equivalenceClass"], "is missing in a portable offering");
      continue;
    }
    const alike = offering.plans.filter((other) => other.equivalenceClass === equivalenceClass);
    if (new Set(alike.map((other) => other.publisher)).size < 2)
      report(
        ["plans", index, "equivalenceClass"],
        "is produced by one organisation only; a portable offering needs two",
      );
    const common = (plan.migration ?? []).filter((method) => alike.every((other) => other.migration?.includes(method)));
    if (common.length === 0)
      report(["plans", index, "migration"], "shares no method with the other plans of its class");
  }
}
