/** The cloud's own rules for a catalog: who may offer what, at which price, and what "portable" promises. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { parse, stringify } from "yaml";
import { adapterKinds } from "../brokers/index.ts";
import { checkCatalog } from "../src/catalog/check.ts";
import { temporaryDirectory } from "./support/broker.ts";

type Entry = Record<string, unknown>;
interface Files {
  readonly offering: Entry & { readonly plans: Entry[] };
  readonly organisations: Entry[];
  /** The plan of a public publisher, and the one of an external publisher behind an integrator. */
  readonly own: Entry;
  readonly external: Entry;
}

const accounts = new Map([
  ["it-nord", "postgresql"],
  ["aurora-via-krz-mitte", "postgresql"],
]);

/** What is told of the shipped catalog after a change to it, without the lines. */
function told(t: Test, change: (files: Files) => void): string[] {
  const directory = join(temporaryDirectory(t), "catalog");
  cpSync(join(import.meta.dirname, "../catalog"), directory, { recursive: true });
  const paths = [join(directory, "postgresql.yaml"), join(directory, "organisations.yaml")] as const;
  const offering = parse(readFileSync(paths[0], "utf8")) as Files["offering"];
  const people = parse(readFileSync(paths[1], "utf8")) as { readonly organisations: Entry[] };
  const [own = {}, , external = {}] = offering.plans;
  change({ offering, organisations: people.organisations, own, external });
  writeFileSync(paths[0], stringify(offering, { aliasDuplicateObjects: false }));
  writeFileSync(paths[1], stringify(people));
  return checkCatalog(directory, adapterKinds, accounts).map(({ path, message }) => `${path}: ${message}`);
}

const cases: readonly (readonly [string, (files: Files) => void, RegExp])[] = [
  [
    "an external organisation as provider",
    ({ own }) => Object.assign(own, { provider: "aurora", integrator: undefined }),
    /plans\[0\]\.provider: must be a public authority/,
  ],
  [
    "an external publisher without an integrator",
    ({ external }) => Object.assign(external, { integrator: undefined }),
    /plans\[2\]\.integrator: must be the provider/,
  ],
  [
    "an integrator who is not the provider",
    ({ external }) => Object.assign(external, { integrator: "it-nord" }),
    /plans\[2\]\.integrator: must be the provider/,
  ],
  [
    "a publisher nobody knows",
    ({ own }) => Object.assign(own, { publisher: "nobody" }),
    /publisher: is no organisation/,
  ],
  [
    "an external organisation that is more than a supplier",
    ({ organisations }) => Object.assign(organisations[2] ?? {}, { roles: ["supplier", "provider"] }),
    /organisations\.aurora: an external organisation can only be a supplier/,
  ],
  [
    "a public provider that lives off the market",
    ({ organisations }) => Object.assign(organisations[0] ?? {}, { openMarketSharePercent: 20 }),
    /organisations\.it-nord: a public provider earns less than 20 percent/,
  ],
  [
    "an invented organisation that looks real",
    ({ organisations }) => Object.assign(organisations[0] ?? {}, { legalName: "IT-Dienst Nord AöR" }),
    /organisations\.it-nord: a fictional organisation is marked/,
  ],
  [
    "a price without components",
    ({ own }) => Object.assign(own, { price: { model: "flat", illustrative: true, components: [] } }),
    /price\.components: must not be empty/,
  ],
  [
    "a subscription without terms",
    ({ own }) => Object.assign(own, { subscription: undefined }),
    /subscription: is missing/,
  ],
  [
    "a portable offering with a plan of no class",
    ({ own }) => Object.assign(own, { equivalenceClass: undefined }),
    /plans\[0\]\.equivalenceClass: is missing in a portable offering/,
  ],
  [
    "a class that only one organisation produces",
    ({ offering }) => offering.plans.forEach((plan) => void Object.assign(plan, { publisher: "it-nord" })),
    /equivalenceClass: is produced by one organisation only/,
  ],
  [
    "a class without a common way to move",
    ({ own }) => Object.assign(own, { migration: ["image-export"] }),
    /migration: (shares no method|must)/,
  ],
  [
    "a pair of categories that FOCUS does not have",
    ({ offering }) => Object.assign(offering, { focus: { serviceCategory: "Storage", serviceSubcategory: "Caching" } }),
    /focus: is no pair/,
  ],
  [
    "a default that its own schema refuses",
    ({ offering }) => {
      const schema = { type: "object", properties: { size: { type: "integer", default: "big" } } };
      Object.assign(offering, {
        schemas: { create: { $schema: "http://json-schema.org/draft-04/schema#", ...schema } },
      });
    },
    /schemas\.create\.properties\.size\.default: does not fit its own schema/,
  ],
  [
    "a wish that the adapter does not know",
    ({ own }) => Object.assign(own, { backend: { replicas: 3 } }),
    /plans\[0\]\.backend.*adapter postgresql/,
  ],
  [
    "a plan for an operator's account of another adapter than that account has",
    ({ own }) => Object.assign(own, { accountKind: "osb" }),
    /plans\[0\]\.account: is an account of the adapter postgresql/,
  ],
  [
    "a wish that the adapter of an operator's account does not know",
    ({ own }) => Object.assign(own, { account: "later", accountKind: "postgresql", backend: { replicas: 3 } }),
    /plans\[0\]\.backend.*adapter postgresql/,
  ],
  [
    "an operator's account of an adapter that does not exist",
    ({ own }) => Object.assign(own, { account: "later", accountKind: "postgres" }),
    /plans\[0\]\.accountKind: is no adapter/,
  ],
];

for (const [what, change, words] of cases)
  t.test(`the catalog check does not let pass ${what}`, async (t) => {
    const problems = told(t, change);
    t.ok(
      problems.some((problem) => words.test(problem)),
      problems.join("\n"),
    );
  });

t.test("several mistakes are told together", async (t) => {
  const problems = told(t, (files) => {
    for (const [, change] of cases.slice(4, 9)) change(files);
  });
  t.ok(problems.length >= 5, problems.join("\n"));
});
