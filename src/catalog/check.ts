/** Every rule a catalog has to keep beyond its schemas: OSB's, the platforms', and the domain's. All violations at once. */
import { explain } from "../config/explain.ts";
import { ownSchemaCompiler, type SchemaCompiler, schemaCompiler } from "../config/json-schema.ts";
import { byPlace, hint, type Problem } from "../config/problem.ts";
import type { AdapterKind } from "../core/adapter.ts";
import { type Draft, type OfferingDraft, type Report, reportOn } from "./draft.ts";
import type { PlanFile } from "./files.ts";
import { type KnownOrganisations, organisationRules } from "./organisation-rules.ts";
import { type Overlay, readOverlays } from "./overlay.ts";
import { type ReadCatalog, readCatalog } from "./read-catalog.ts";
import { schemaRules } from "./schema-rules.ts";
import { uniqueIn } from "./unique.ts";

export interface CheckedCatalog extends Omit<ReadCatalog, "drafts"> {
  readonly overlays: ReadonlyMap<string, Overlay>;
}

/** A catalog directory with everything that is wrong in it, by file and line. `accounts`: adapter kind by account. */
export function checkCatalog(
  directory: string,
  kinds: ReadonlyMap<string, AdapterKind>,
  accounts: ReadonlyMap<string, string>,
): CheckedCatalog {
  const { organisations, offerings, drafts, problems } = readCatalog(directory);
  const { overlays, problems: overlayProblems } = readOverlays(directory);
  const all = [...problems, ...checkRules(drafts, kinds, accounts), ...overlayProblems];
  return { organisations, offerings, overlays, problems: all.sort(byPlace) };
}

function checkRules(
  { organisations, offerings }: ReadCatalog["drafts"],
  kinds: ReadonlyMap<string, AdapterKind>,
  accounts: ReadonlyMap<string, string>,
): readonly Problem[] {
  const problems: Problem[] = [];
  // One for all plans: it compiles what they share once, and a fresh one costs eight times as much for each schema.
  const compiler = schemaCompiler();
  const backends = ownSchemaCompiler();
  const known = organisations === undefined ? undefined : organisationRules(organisations, problems);
  const seen = new Map<string, string>();
  for (const draft of offerings) {
    const { id, name, plans, schemas = {} } = draft.content;
    const report = reportOn(draft, problems);
    const unique = uniqueIn(draft.file, seen, report);
    if (id !== undefined) unique(`id ${id}`, ["id"]);
    if (name !== undefined) unique(`name ${name}`, ["name"]);
    offeringRules(draft.content, report);
    for (const [index, plan] of plans.entries()) {
      const at: Report = (path, message, severity) => report(["plans", index, ...path], message, severity);
      if (plan.id !== undefined) unique(`id ${plan.id}`, ["plans", index, "id"]);
      if (plan.name !== undefined) unique(`plan ${draft.file.file} ${plan.name}`, ["plans", index, "name"]);
      planRules(plan, at);
      if (known !== undefined) organisationsOfPlan(plan, known, at);
      accountRules(plan, kinds, accounts, at);
      backendRule(plan, kinds, accounts, backends, at);
      for (const [key, schema] of Object.entries(plan.schemas ?? {}))
        schemaRules(schema, ["schemas", key], compiler, at);
    }
    for (const [key, schema] of Object.entries(schemas)) schemaRules(schema, ["schemas", key], compiler, report);
    portableRule(draft, report);
  }
  return problems;
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

function offeringRules({ focus, tags = [] }: OfferingDraft, report: Report): void {
  if (focus !== undefined && !focusPairs.has(`${focus.serviceCategory}/${focus.serviceSubcategory}`))
    report(["focus"], "is no pair of service category and subcategory of FOCUS");
  if (tags.join("").length > longestTags)
    report(["tags"], `are longer than ${longestTags} characters together, which Cloud Foundry refuses`);
}

function planRules({ name, price, acquisition, subscription, maintenance }: Partial<PlanFile>, at: Report): void {
  if (name === "reference-instance") at(["name"], "is reserved by SAP Service Manager");
  if (price !== undefined && price.model !== "free" && price.components.length === 0)
    at(["price", "components"], "must not be empty unless the price model is free");
  if (acquisition === "subscription" && subscription === undefined)
    at(["subscription"], "is missing for a plan acquired as a subscription");
  if (JSON.stringify(maintenance ?? {}).length > 2000) at(["maintenance"], "is longer than 2000 characters");
}

function organisationsOfPlan(plan: Partial<PlanFile>, known: KnownOrganisations, at: Report): void {
  for (const role of ["provider", "integrator", "publisher"] as const) {
    const key = plan[role];
    if (key !== undefined && !known.has(key))
      at([role], `is no organisation of organisations.yaml${hint(key, [...known.keys()])}`);
  }
  const kindOf = (key: string | undefined) => (key === undefined ? undefined : known.get(key)?.kind);
  if (kindOf(plan.provider) === "external")
    at(["provider"], "must be a public authority; external organisations are publishers behind an integrator");
  if (kindOf(plan.publisher) === "external" && plan.provider !== undefined && plan.integrator !== plan.provider)
    at(["integrator"], "must be the provider, because the publisher is external");
}

function accountRules(
  { account, accountKind }: Partial<PlanFile>,
  kinds: ReadonlyMap<string, AdapterKind>,
  accounts: ReadonlyMap<string, string>,
  at: Report,
): void {
  const configured = account === undefined ? undefined : accounts.get(account);
  if (accountKind !== undefined && !kinds.has(accountKind))
    at(["accountKind"], `is no adapter${hint(accountKind, [...kinds.keys()])}`);
  if (accountKind !== undefined && configured !== undefined && configured !== accountKind)
    at(["account"], `is an account of the adapter ${configured}, and the plan needs one of ${accountKind}`);
  if (account !== undefined && configured === undefined && accountKind === undefined)
    at(
      ["account"],
      `is no account that is configured, so that the plan is not offered${hint(account, [...accounts.keys()])}`,
      "warning",
    );
}

/** What the plan says to its adapter, where it is known which one that is. */
function backendRule(
  { account = "", accountKind, backend }: Partial<PlanFile>,
  kinds: ReadonlyMap<string, AdapterKind>,
  accounts: ReadonlyMap<string, string>,
  compiler: SchemaCompiler,
  at: Report,
): void {
  const kind = kinds.get(accountKind ?? accounts.get(account) ?? "");
  if (kind === undefined || backend === undefined) return;
  const validate = compiler.compile(kind.backend);
  if (validate(backend)) return;
  for (const { path, message } of explain(validate.errors ?? [], backend))
    at(["backend", ...path], `${message} (adapter ${kind.name})`);
}

// What is compared between plans.
const compared: ReadonlySet<string | number> = new Set(["publisher", "equivalenceClass", "migration"]);

/** A portable offering keeps its promise only if each class is produced by two who could stand in for each other. */
function portableRule({ content: offering, faults }: Draft<OfferingDraft>, report: Report): void {
  if (offering.portable !== true) return;
  const unclear = faults.some(([key, , inner]) => key === "plans" && (inner === undefined || compared.has(inner)));
  if (unclear) {
    // Not in the plans themselves: a place that is wrong already is not reported twice.
    report(["portable"], "can be looked at only once the mistakes in the plans are mended", "warning");
    return;
  }
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
