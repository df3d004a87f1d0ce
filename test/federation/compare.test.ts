/** What counts as a change of a provider's catalog, and which changes wait for a person. */
import t from "tap";
import { compareCatalogs } from "../../src/catalog/compare.ts";
import { lenientCheck, providersCompiler } from "../../src/catalog/parameter-schemas.ts";
import { reasonsToHold } from "../../src/catalog/publication.ts";
import { sameRules, stillTakes } from "../../src/catalog/schema-change.ts";
import type { JsonObject, ProviderOffering, ProviderPlan } from "../../src/core/adapter.ts";
import { rulesWith } from "../../src/core/publication-rules.ts";

t.test("a schema is broken when something that was valid may be refused now", async (t) => {
  const size = { type: "integer", minimum: 1, maximum: 10 };
  const before = { type: "object", properties: { size, name: { type: "string" } }, required: ["size"] };
  const property = (change: JsonObject) => ({ ...before, properties: { ...before.properties, size: change } });
  const widened: Record<string, JsonObject> = {
    "nothing changed": before,
    "a title more": { ...before, title: "Parameters" },
    "a default more": property({ ...size, default: 3 }),
    "a larger maximum": property({ ...size, maximum: 100 }),
    "no maximum": property({ type: "integer", minimum: 1 }),
    "a smaller minimum": property({ ...size, minimum: 0 }),
    "numbers besides integers": property({ ...size, type: "number" }),
    "null besides integers": property({ ...size, type: ["integer", "null"] }),
    "nothing required any more": { type: "object", properties: before.properties },
    "an optional property more": { ...before, properties: { ...before.properties, zone: { type: "string" } } },
    "no properties named": { type: "object", required: ["size"] },
    "no rules at all": {},
  };
  for (const [what, after] of Object.entries(widened)) t.ok(stillTakes(before, after), what);
  const broken: Record<string, JsonObject> = {
    "another type": property({ ...size, type: "string" }),
    "a smaller maximum": property({ ...size, maximum: 9 }),
    "a multiple wanted": property({ ...size, multipleOf: 2 }),
    "only some values": property({ ...size, enum: [1, 2] }),
    "one more required": { ...before, required: ["size", "name"] },
    "a new property required": {
      ...before,
      properties: { ...before.properties, zone: { type: "string" } },
      required: ["size", "zone"],
    },
    "nothing else allowed": { ...before, additionalProperties: false },
    "a property gone, nothing else allowed": {
      type: "object",
      properties: { size },
      required: ["size"],
      additionalProperties: false,
    },
    "a word that is not understood": { ...before, not: { required: ["name"] } },
    "a pattern": { ...before, properties: { ...before.properties, name: { type: "string", pattern: "^a" } } },
  };
  for (const [what, after] of Object.entries(broken)) t.notOk(stillTakes(before, after), what);
  t.notOk(stillTakes(undefined, { type: "object", required: ["size"] }), "a first schema that wants something");
  t.ok(stillTakes({ enum: ["a", "b"] }, { enum: ["a", "b", "c"] }), "a value more");
  t.notOk(stillTakes({ enum: ["a", "b"] }, { const: "a" }), "a value less");
  t.ok(stillTakes({ items: { enum: [1] } }, { items: { enum: [1, 2] } }), "inside lists");
  const named = { type: "object", properties: { title: { type: "string", description: "words" } } };
  t.ok(sameRules(named, { ...named, properties: { title: { type: "string" } } }), "words are no rules");
  t.notOk(sameRules(named, { type: "object", properties: {} }), "a property called title is one");
});

const plan = (name: string, more: Partial<ProviderPlan> = {}): ProviderPlan => ({
  id: `${name}-id`,
  name,
  description: `The plan ${name}.`,
  free: false,
  bindable: true,
  planUpdateable: true,
  schemas: { create: { type: "object", properties: { size: { type: "integer", maximum: 10 } } } },
  metadata: { costs: [{ amount: { eur: 10 }, unit: "MONTHLY" }], bullets: ["quick"] },
  backend: { serviceId: "db-id", planId: `${name}-id` },
  ...more,
});
const db = (plans: readonly ProviderPlan[], more: Partial<ProviderOffering> = {}): ProviderOffering => ({
  id: "db-id",
  name: "db",
  description: "Databases.",
  allowContextUpdates: false,
  metadata: {},
  plans,
  ...more,
});

const before = [db([plan("s"), plan("m"), plan("l"), plan("xl")])];
const living = (planId: string) => (planId === "s-id" ? 3 : 0);
const kinds = (after: readonly ProviderOffering[]) =>
  compareCatalogs(before, after, living).map((change) => `${change.kind} ${change.plan ?? ""}`.trim());
const withS = (more: Partial<ProviderPlan>) => [db([plan("s", more), plan("m"), plan("l"), plan("xl")])];

t.test("every difference that somebody would notice has a name, and counts who is touched", async (t) => {
  t.same(kinds(before), []);
  t.same(kinds(withS({ description: "Better." })), ["described s"]);
  t.same(kinds(withS({ name: "small" })), ["renamed small"]);
  t.same(kinds(withS({ name: "queue", description: "A queue." })), ["id-reused queue"]);
  t.same(kinds(withS({ free: true })), ["price-changed s"]);
  t.same(kinds(withS({ metadata: { costs: [], bullets: ["quick"] } })), ["price-changed s"]);
  t.same(kinds(withS({ bindable: false })), ["made-unbindable s"]);
  t.same(kinds(withS({ planUpdateable: false })), ["made-unupdatable s"]);
  t.same(kinds(withS({ maintenanceInfo: { version: "2.0.0" } })), ["maintenance-changed s"]);
  t.same(kinds(withS({ maximumPollingDuration: 60 })), ["terms-changed s"]);
  t.same(kinds(withS({ schemas: {} })), ["schema-widened s"]);
  t.same(kinds(withS({ schemas: { create: { type: "object", required: ["size"] } } })), ["schema-broken s"]);
  t.same(kinds([db([plan("s"), plan("m"), plan("l")])]), ["plan-removed xl"]);
  t.same(kinds([db([...(before[0]?.plans ?? []), plan("xxl")])]), ["plan-added xxl"]);
  t.same(kinds([]), ["offering-removed"]);
  t.same(kinds([...before, { ...db([plan("q")]), id: "q-id", name: "q" }]), ["offering-added"]);
  const moved = [db([plan("m"), plan("l"), plan("xl")]), { ...db([plan("s")]), id: "q-id", name: "q" }];
  t.same(kinds(moved), ["offering-added", "plan-moved s"]);
  const [change] = compareCatalogs(before, withS({ free: true }), living);
  t.match(change, { instances: 3, detail: /→ free$/ });
});

t.test("what costs more, takes away or looks wrong waits for a person; what only says more does not", async (t) => {
  const held = (after: readonly ProviderOffering[], departures = {}) =>
    reasonsToHold(before, after, compareCatalogs(before, after, living), rulesWith(departures));
  t.same(held(withS({ description: "Better." })), []);
  t.same(held(withS({ maintenanceInfo: { version: "2.0.0" } })), []);
  t.same(held(withS({ free: true })), ["db/s: price-changed, 3 living instances."]);
  t.same(held(withS({ free: true }), { changes: { "price-changed": "always" } }), [], "unless the operator says so");
  const withoutSmall = [db([plan("m"), plan("l"), plan("xl")])];
  t.same(held(withoutSmall), ["db/s: plan-removed, 3 living instances."]);
  t.same(held([db([plan("s"), plan("m"), plan("l")])]), [], "a plan that nobody has may go");
  t.same(held([db([plan("s"), plan("m")])]), ["2 of 4 plans are gone at once."]);
  t.same(held([db([plan("s"), plan("m")])], { massRemovalPercent: 50 }), []);
  t.same(held([]), ["The catalog is empty."]);
  t.match(held([{ ...db([plan("q")]), id: "q-id" }]), [/another broker's/]);
  t.same(held(withS({ bindable: false })), ["db/s: made-unbindable, 3 living instances."]);
});

t.test("a list of a hundred thousand values is compared as one with three", async (t) => {
  const many = Array.from({ length: 100_000 }, (_, index) => ({ a: index, b: "x" }));
  const turned = many.map(({ a, b }) => ({ b, a })).reverse();
  t.ok(stillTakes({ enum: many }, { enum: [...turned, "more"] }));
  t.notOk(stillTakes({ enum: many }, { enum: turned.slice(1) }));
  const names = many.map(({ a }) => `p${a}`);
  t.ok(stillTakes({ required: names }, { required: [...names].reverse() }));
});

t.test("a stranger's schema never keeps the broker busy: what could, takes everything", async (t) => {
  const fits = (schema: JsonObject, parameters: JsonObject) =>
    lenientCheck(schema, providersCompiler())(parameters).length === 0;
  const named = (pattern: string) => ({ type: "object", properties: { name: { type: "string", pattern } } });
  const long = { name: `${"a".repeat(50_000)}!` };
  for (const pattern of ["^(a+)+$", "(a|aa)+$", "^(a*)*b", "a*a*a*b", "([a-z]+)*x", "^a(?=(a+)+b)", "[a-z]+1", "("])
    t.ok(fits(named(pattern), long), pattern);
  const plain = ["^[a-z0-9-]{1,63}$", "^[a-z][a-z0-9-]*[a-z]$", "^v\\d+\\.\\d+$", "x"];
  for (const pattern of plain) t.notOk(fits(named(pattern), { name: "B_" }), `${pattern} is still looked at`);
  t.ok(fits(named("^v\\d+\\.\\d+$"), { name: "v1.20" }));

  const doubling = Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => {
      const next = { $ref: `#/definitions/d${index + 1}` };
      return [`d${index}`, { allOf: [next, next] }];
    }),
  );
  const bomb = {
    definitions: { ...doubling, d40: { type: "object" } },
    allOf: [{ $ref: "#/definitions/d0" }],
    required: ["x"],
  };
  t.ok(fits(bomb, {}), "references that double at each step");
  t.ok(fits({ allOf: [{ $ref: "#" }], required: ["x"] }, {}), "a schema that is itself");
  t.ok(fits({ $ref: "http://127.0.0.1/schema", required: ["x"] }, {}), "nothing is fetched from elsewhere");
  const list = Array.from({ length: 150_000 }, (_, index) => [index]);
  t.ok(fits({ properties: { list: { uniqueItems: true } } }, { list }), "each compared with each");
  const shared = {
    definitions: { size: { type: "integer", maximum: 3 } },
    properties: { size: { $ref: "#/definitions/size" } },
  };
  t.notOk(fits(shared, { size: 4 }), "what is in use is looked at, references too");
});
