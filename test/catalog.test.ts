/** The cloud's own rules for a catalog: who may offer what, at which price, and what "portable" promises. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { parse, stringify } from "yaml";
import { adapterKinds } from "../brokers/index.ts";
import { checkCatalog } from "../src/catalog/check.ts";
import { formatProblem } from "../src/config/problem.ts";
import { demoAccounts } from "../src/embedded/demo.ts";
import { temporaryDirectory } from "./support/broker.ts";

type Entry = Record<string, unknown>;
interface Files {
  readonly offering: Entry & { readonly plans: Entry[] };
  readonly organisations: Entry[];
  /** The plan of a public publisher, and the one of an external publisher behind an integrator. */
  readonly own: Entry;
  readonly external: Entry;
}

const shipped = join(import.meta.dirname, "../catalog");
const accounts = new Map([
  ["it-nord", "postgresql"],
  ["aurora-via-krz-mitte", "postgresql"],
]);

/** What is told of the shipped catalog after a change to it, without the lines. */
function told(t: Test, change: (files: Files) => void): string[] {
  const directory = join(temporaryDirectory(t), "catalog");
  cpSync(shipped, directory, { recursive: true });
  const paths = [join(directory, "postgresql.yaml"), join(directory, "organisations.yaml")] as const;
  const offering = parse(readFileSync(paths[0], "utf8")) as Files["offering"];
  const people = parse(readFileSync(paths[1], "utf8")) as { readonly organisations: Entry[] };
  const [own = {}, , external = {}] = offering.plans;
  change({ offering, organisations: people.organisations, own, external });
  writeFileSync(paths[0], stringify(offering, { aliasDuplicateObjects: false }));
  writeFileSync(paths[1], stringify(people));
  return checkCatalog(directory, adapterKinds, accounts).problems.map(({ path, message }) => `${path}: ${message}`);
}

/**
 * What is told of the shipped catalog after changes to the texts of its files, by their names. For the number of a line
 * stands its text, so that the catalog may grow.
 */
function linesAfter(
  t: Test,
  changes: Readonly<Record<string, (text: string) => string>>,
  known = demoAccounts,
): string[] {
  const directory = join(temporaryDirectory(t), "catalog");
  cpSync(shipped, directory, { recursive: true });
  mkdirSync(join(directory, "overlays"));
  for (const [name, change] of Object.entries(changes)) {
    const path = join(directory, name);
    const before = existsSync(path) ? readFileSync(path, "utf8") : "";
    writeFileSync(path, change(before));
  }
  const { problems } = checkCatalog(directory, adapterKinds, known);
  return problems.map((problem) => {
    const { file, line } = problem;
    const there = line === undefined ? "" : ` ${readFileSync(file, "utf8").split("\n")[line - 1]?.trim()}`;
    return formatProblem(problem)
      .replace(line === undefined ? file : `${file}:${line}`, file.slice(directory.length + 1) + there)
      .replaceAll(`${directory}/`, "");
  });
}

/** Replaces in turn the first of each text, which has to be there. */
const swap =
  (...pairs: readonly (readonly [string, string])[]) =>
  (text: string): string =>
    pairs.reduce((done, [from, to]) => {
      if (!done.includes(from)) throw new Error(`"${from}" is not there`);
      return done.replace(from, to);
    }, text);

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
    /organisations\[2\]\.roles: .*an external organisation can only be a supplier/,
  ],
  [
    "a public provider that lives off the market",
    ({ organisations }) => Object.assign(organisations[0] ?? {}, { openMarketSharePercent: 20 }),
    /organisations\[0\]\.openMarketSharePercent: must be below 20/,
  ],
  [
    "an invented organisation that looks real",
    ({ organisations }) => Object.assign(organisations[0] ?? {}, { legalName: "IT-Dienst Nord AöR" }),
    /organisations\[0\]\.legalName: must end in "\(fiktiv\)"/,
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

t.test("the catalog that comes with Lotse has neither mistakes nor warnings for the demonstration", async (t) => {
  t.same(linesAfter(t, {}), []);
});

t.test("overlays are checked with the rest, because serve refuses to start with a wrong one", async (t) => {
  const overlay = "offerings:\n  - offering: mysql\n    discription: MySQL\n    plans:\n      - plna: small\n";
  t.same(linesAfter(t, { "overlays/land.yaml": () => overlay }), [
    'overlays/land.yaml discription: MySQL: offerings[0].discription: is not known here; did you mean "description"?',
    "overlays/land.yaml - plna: small: offerings[0].plans[0].plan: is missing",
    'overlays/land.yaml - plna: small: offerings[0].plans[0].plna: is not known here; did you mean "plan"?',
  ]);
});

t.test("a file that breaks its schema is held against all other rules in the same run", async (t) => {
  const change = swap(
    ["deliveryModel: PaaS", "deliveryModel: Paas"],
    ["serviceSubcategory: Relational Databases", "serviceSubcategory: Containers"],
    ["default: read-write", "default: everything"],
    ["displayName: S – IT-Dienst Nord", "displayName: 7"],
    ["provider: it-nord", "provider: it-nrod"],
    ["connectionLimit: 20", "connectionLimt: 20"],
    ["maximumPollingDuration: 3600", "maximumPollingDuration: 5"],
    ["subscription: { minTermMonths: 1, renewalMonths: 1, noticeDays: 30 }", "subscription: soon"],
    ["integrator: krz-mitte", "integrator: it-nord"],
  );
  t.same(linesAfter(t, { "postgresql.yaml": change }), [
    'postgresql.yaml deliveryModel: Paas: deliveryModel: must be one of "SaaS", "PaaS", "IaaS", "other"; did you mean "PaaS"?',
    "postgresql.yaml focus: { serviceCategory: Databases, serviceSubcategory: Containers }: focus: is no pair of service category and subcategory of FOCUS",
    "postgresql.yaml default: everything: schemas.bind.properties.access.default: does not fit its own schema",
    "postgresql.yaml displayName: 7: plans[0].displayName: must be a string: put it in quotes",
    'postgresql.yaml provider: it-nrod: plans[0].provider: is no organisation of organisations.yaml; did you mean "it-nord"?',
    'postgresql.yaml connectionLimt: 20: plans[0].backend.connectionLimt: is not known here; did you mean "connectionLimit"? (adapter postgresql)',
    "postgresql.yaml maximumPollingDuration: 5: plans[0].maximumPollingDuration: must be at least 61",
    "postgresql.yaml subscription: soon: plans[0].subscription: must be a map of keys and values",
    "postgresql.yaml integrator: it-nord: plans[2].integrator: must be the provider, because the publisher is external",
  ]);
});

t.test("what cannot be looked at yet because of another mistake is named", async (t) => {
  t.match(linesAfter(t, { "backup.yaml": () => "id: [\nname: x\n" }), [
    /^backup\.yaml .*: is not valid YAML/,
    /^backup\.yaml .*: warning: its other rules can be looked at only once it is valid YAML$/,
  ]);
  t.match(linesAfter(t, { "postgresql.yaml": swap(["equivalenceClass: pg/s", "equivalenceClass: 1"]) }), [
    "postgresql.yaml portable: true: warning: portable: can be looked at only once the mistakes in the plans are mended",
    /plans\[0\]\.equivalenceClass: must be a string/,
  ]);
});

t.test("organisations that cannot be read are told once, and not with every plan that names one", async (t) => {
  t.same(linesAfter(t, { "organisations.yaml": swap(["organisations:", "organisation:"]) }), [
    "organisations.yaml: warning: the organisations that plans name can be looked at only once this file is right",
    "organisations.yaml organisation:: organisations: is missing",
    'organisations.yaml organisation:: organisation: is not known here; did you mean "organisations"?',
  ]);
  const directory = join(temporaryDirectory(t), "catalog");
  cpSync(shipped, directory, { recursive: true });
  rmSync(join(directory, "organisations.yaml"));
  const { problems } = checkCatalog(directory, adapterKinds, demoAccounts);
  t.match(problems, [{ file: /organisations\.yaml$/, message: /^is missing/, severity: "error" }]);
  t.equal(problems.length, 1);
});

t.test("what is wrong with organisations has its line, and from a doubled one nothing is concluded", async (t) => {
  const external =
    "  - { key: it-nord, legalName: Nord SE (fiktiv), country: FR, kind: external, roles: [supplier], fictional: true }\n";
  const change = (text: string) =>
    swap(
      ["openMarketSharePercent: 5", "openMarketSharePercent: 50"],
      ["legalName: KRZ Mitte (fiktiv)", "legalName: KRZ Mitte"],
    )(text) + external;
  t.match(linesAfter(t, { "organisations.yaml": change }), [
    "organisations.yaml openMarketSharePercent: 50: organisations[0].openMarketSharePercent: must be below 20: a public provider earns less than that on the open market",
    'organisations.yaml legalName: KRZ Mitte: organisations[1].legalName: must end in "(fiktiv)" if the organisation is fictional, and only then',
    /^organisations\.yaml - \{ key: it-nord.*: organisations\[\d+\]\.key: is used already at organisations\.yaml:3$/,
  ]);
});

t.test("a wrong parameter schema is told with the place in it and what is wrong there", async (t) => {
  const told = (from: string, to: string) => linesAfter(t, { "postgresql.yaml": swap([from, to]) });
  const wrongType =
    'must be one of "array", "boolean", "integer", "null", "number", "object", "string"; did you mean "array"?';
  t.same(told("type: array", "type: aray"), [
    `postgresql.yaml type: aray: schemas.create.properties.extensions.type: ${wrongType} (as the schema's own draft says)`,
    `postgresql.yaml type: aray: schemas.update.properties.extensions.type: ${wrongType} (as the schema's own draft says)`,
  ]);
  t.match(told("default: read-write", "defualt: read-write"), [
    'postgresql.yaml defualt: read-write: schemas.bind.properties.access.defualt: cannot be compiled: strict mode: unknown keyword: "defualt"',
  ]);
  t.match(told("default: read-write", "allOf: [{ $ref: '#/nowhere' }]"), [
    /schemas\.bind\.properties\.access\.allOf\[0\]\["\$ref"\]: cannot be compiled: can't resolve reference #\/nowhere/,
  ]);
  const draft = ["draft-04/schema#", "draft-07/schema#"] as const;
  t.match(linesAfter(t, { "postgresql.yaml": swap(draft, draft, ["default: read-write", "exclusiveMinimum: 3"]) }), [
    /schemas\.bind\.properties\.access.*draft-04/,
  ]);
});

t.test("an account that nobody configured is warned of, with the one that was probably meant", async (t) => {
  const change = swap(["account: it-nord", "account: it-nrod"]);
  t.same(linesAfter(t, { "postgresql.yaml": change }), [
    'postgresql.yaml account: it-nrod: warning: plans[0].account: is no account that is configured, so that the plan is not offered; did you mean "it-nord"?',
  ]);
  const known = new Map([["it-nord", "postgresql"]]);
  const lines = linesAfter(t, {}, known).filter((line) => line.startsWith("postgresql.yaml"));
  t.match(
    lines,
    [/warning: plans\[2\]\.account: .*; known here: it-nord$/, /plans\[3\]/],
    "plans for operators' accounts need none",
  );
});

t.test("a directory that is not there is told, and one without the schema files is checked all the same", async (t) => {
  const { problems } = checkCatalog(join(temporaryDirectory(t), "nowhere"), adapterKinds, demoAccounts);
  t.match(problems, [
    { file: /nowhere$/, message: /ENOENT.*LOTSE_CATALOG; the one that comes with Lotse is .*catalog/ },
  ]);
  t.equal(problems.length, 1);
  const directory = join(temporaryDirectory(t), "catalog");
  cpSync(shipped, directory, { recursive: true, filter: (path) => !path.endsWith(".schema.json") });
  t.same(checkCatalog(directory, adapterKinds, demoAccounts).problems, []);
});
