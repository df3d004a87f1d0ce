/** The catalog: what it must and should look like, and what platforms refuse as a whole. */
import { Ajv } from "ajv";
import { Ajv2019 } from "ajv/dist/2019.js";
import { Ajv2020 } from "ajv/dist/2020.js";
import AjvDraft04 from "ajv-draft-04";
import { isJsonObject, type Json, type JsonObject, sameJson } from "../../core/json.ts";
import { type CatalogOffering, type CatalogPlan, objects } from "../catalog.ts";
import { answerOf, type BrokerCheck, type BrokerContext, type Finding, finding, fine, NotClaimed } from "../check.ts";
import { surface } from "../stories/surface.ts";

type Look = (context: BrokerContext) => readonly string[] | Promise<readonly string[]>;

/** A check whose findings are sentences about the catalog, all in one finding. */
function catalogCheck(check: Omit<BrokerCheck, "about" | "run"> & { readonly look: Look }): BrokerCheck {
  const { look, ...data } = check;
  return {
    ...data,
    about: "broker",
    async run(context) {
      const wrong = await look(context);
      return wrong.length === 0 ? fine : finding(wrong.join("\n"), context.catalog.exchange);
    },
  };
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
const nameOf = (offering: CatalogOffering): string => `offering "${offering.name || offering.id || "without a name"}"`;
const planName = ({ name, id, offering }: CatalogPlan): string =>
  `plan "${name || id || "without a name"}" of ${nameOf(offering)}`;
const plansOf = ({ catalog }: BrokerContext): readonly CatalogPlan[] => catalog.offerings.flatMap(({ plans }) => plans);

function twice<T>(items: readonly T[], key: (item: T) => string): readonly string[] {
  const seen = new Set<string>();
  const found = new Set<string>();
  for (const item of items) {
    const value = key(item);
    if (value !== "" && seen.has(value)) found.add(value);
    seen.add(value);
  }
  return [...found];
}

/** Wrong members of one object, by what each has to be. */
function wrongMembers(
  raw: JsonObject,
  what: string,
  rules: Readonly<Record<string, (value: Json) => string>>,
): string[] {
  return Object.entries(rules).flatMap(([member, rule]) => {
    const value = raw[member];
    const wanted = value === undefined || value === null ? "" : rule(value);
    return wanted === "" ? [] : [`${member} of ${what} must be ${wanted}.`];
  });
}

const aBoolean = (value: Json): string => (typeof value === "boolean" ? "" : "true or false");
const anObject = (value: Json): string => (isJsonObject(value) ? "" : "an object");
const texts = (value: Json): string =>
  Array.isArray(value) && value.every((item) => typeof item === "string") ? "" : "a list of texts";
const requirable = ["syslog_drain", "route_forwarding", "volume_mount"];

const semanticVersion =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$/;

interface ParameterSchema {
  readonly where: string;
  readonly schema: Json;
}

const schemaPlaces = [
  ["service_instance", "create"],
  ["service_instance", "update"],
  ["service_binding", "create"],
] as const;

function schemasOf(context: BrokerContext): readonly ParameterSchema[] {
  return plansOf(context).flatMap((plan) =>
    schemaPlaces.flatMap(([thing, verb]) => {
      const schemas = memberOf(plan.raw, "schemas");
      const schema = memberOf(memberOf(memberOf(schemas, thing), verb), "parameters");
      return schema === undefined ? [] : [{ where: `${thing}.${verb}.parameters of ${planName(plan)}`, schema }];
    }),
  );
}

const memberOf = (value: Json | undefined, key: string): Json | undefined =>
  value !== undefined && isJsonObject(value) ? value[key] : undefined;

function refsIn(value: Json): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(refsIn);
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "$ref" && typeof inner === "string" ? [inner] : refsIn(inner),
  );
}

const longestSchema = 64 * 1024;
const options = { strict: false, logger: false, validateFormats: false } as const;

/** Made when it is needed first: to compile a metaschema takes a while. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

const validators = [
  [/draft-04/, once(() => new AjvDraft04.default(options))],
  [/draft-0[67]/, once(() => new Ajv(options))],
  [/2019-09/, once(() => new Ajv2019(options))],
  [/2020-12/, once(() => new Ajv2020(options))],
] as const;

/** What is wrong with a schema in the words of its own metaschema; empty for a good one, or a draft nobody here knows. */
function schemaTrouble(schema: JsonObject): string {
  const draft = typeof schema.$schema === "string" ? schema.$schema : "";
  const [, validator] = validators.find(([drafts]) => drafts.test(draft)) ?? [];
  const ajv = validator?.();
  if (ajv === undefined) return "";
  const { $schema: _draft, ...plain } = schema;
  return ajv.validateSchema(plain) === true ? "" : ajv.errorsText(ajv.errors, { dataVar: "the schema" });
}

export const catalogChecks: readonly BrokerCheck[] = [
  {
    id: "catalog-answer",
    title: "The catalog is answered 200 with a list of services.",
    section: "Catalog Management",
    level: "MUST",
    about: "broker",
    async run({ catalog: { exchange } }) {
      const { status, body } = answerOf(exchange, "catalog");
      if (status === 401) return finding("The catalog was answered 401: are the credentials right?", exchange);
      if (status !== 200) return finding(`The catalog was answered ${status}; expected: 200.`, exchange);
      if (!Array.isArray(body?.services)) return finding("The catalog's body has no list `services`.", exchange);
      if (body.services.some((service) => !isJsonObject(service)))
        return finding("The catalog's `services` has members that are no objects.", exchange);
      return fine;
    },
  },
  catalogCheck({
    id: "catalog-offerings",
    title: "Every offering has id, name, description, bindable and at least one plan.",
    section: "Service Offering Object",
    level: "MUST",
    look: ({ catalog }) =>
      catalog.offerings.flatMap((offering) => {
        const { raw } = offering;
        const missing = ["id", "name", "description"].filter((member) => !isText(raw[member]));
        const wrong = missing.map(
          (member) => `The ${nameOf(offering)} has no ${member}, which must be a text, not empty.`,
        );
        if (typeof raw.bindable !== "boolean")
          wrong.push(`The ${nameOf(offering)} does not say whether it is bindable.`);
        if (objects(raw.plans).length === 0) wrong.push(`The ${nameOf(offering)} has no plan.`);
        return wrong;
      }),
  }),
  catalogCheck({
    id: "catalog-plans",
    title: "Every plan has id, name and description.",
    section: "Service Plan Object",
    level: "MUST",
    look: (context) =>
      plansOf(context).flatMap((plan) =>
        ["id", "name", "description"]
          .filter((member) => !isText(plan.raw[member]))
          .map((member) => `The ${planName(plan)} has no ${member}, which must be a text, not empty.`),
      ),
  }),
  catalogCheck({
    id: "catalog-types",
    title: "What else an offering or plan says has the type the specification gives it.",
    section: "Service Offering Object",
    level: "MUST",
    look: (context) => [
      ...context.catalog.offerings.flatMap((offering) =>
        wrongMembers(offering.raw, nameOf(offering), {
          tags: texts,
          requires: (value) =>
            Array.isArray(value) && value.every((word) => typeof word === "string" && requirable.includes(word))
              ? ""
              : `a list of ${requirable.join(", ")}`,
          metadata: anObject,
          dashboard_client: anObject,
          plan_updateable: aBoolean,
          instances_retrievable: aBoolean,
          bindings_retrievable: aBoolean,
          allow_context_updates: aBoolean,
        }),
      ),
      ...plansOf(context).flatMap((plan) =>
        wrongMembers(plan.raw, planName(plan), {
          metadata: anObject,
          free: aBoolean,
          bindable: aBoolean,
          binding_rotatable: aBoolean,
          plan_updateable: aBoolean,
          schemas: anObject,
          maximum_polling_duration: (value) => (Number.isInteger(value) ? "" : "a whole number of seconds"),
        }),
      ),
    ],
  }),
  catalogCheck({
    id: "catalog-unique-ids",
    title: "No id stands for two offerings or two plans.",
    section: "Catalog Management",
    level: "MUST",
    look: (context) => [
      ...twice(context.catalog.offerings, ({ id }) => id).map((id) => `Two offerings have the id ${id}.`),
      ...twice(plansOf(context), ({ id }) => id).map((id) => `Two plans have the id ${id}.`),
    ],
  }),
  catalogCheck({
    id: "catalog-unique-names",
    title: "No two offerings have one name, and no two plans of one offering.",
    section: "Catalog Management",
    level: "MUST",
    look: ({ catalog: { offerings } }) => [
      ...twice(offerings, ({ name }) => name).map((name) => `Two offerings have the name "${name}".`),
      ...offerings.flatMap((offering) =>
        twice(offering.plans, ({ name }) => name).map(
          (name) => `Two plans of ${nameOf(offering)} have the name "${name}".`,
        ),
      ),
    ],
  }),
  catalogCheck({
    id: "catalog-stable",
    title: "The catalog has the same ids when it is fetched again.",
    section: "Catalog Management",
    level: "MUST",
    async look(context) {
      const { catalogAgain } = await context.story(surface);
      const ids = (services: Json | undefined): string[] =>
        objects(services).flatMap(({ id, plans }) => [String(id), ...objects(plans).map((plan) => String(plan.id))]);
      const before = ids(context.catalog.exchange.answer?.body?.services);
      const now = ids(answerOf(catalogAgain, "second catalog").body?.services);
      return sameJson(before.sort(), now.sort())
        ? []
        : ["The ids of offerings and plans differ between two fetches: a new id is a new offering to a platform."];
    },
  }),
  catalogCheck({
    id: "catalog-names",
    title: "Names can be typed on a command line: letters, digits, points and hyphens.",
    section: "Catalog Management",
    level: "SHOULD",
    look: (context) => [
      ...context.catalog.offerings
        .filter(({ name }) => name !== "" && !cliFriendly(name))
        .map((offering) => `The name of ${nameOf(offering)} cannot be typed easily.`),
      ...plansOf(context)
        .filter(({ name }) => name !== "" && !cliFriendly(name))
        .map((plan) => `The name of ${planName(plan)} cannot be typed easily.`),
    ],
  }),
  catalogCheck({
    id: "catalog-ids",
    title: "Ids need no encoding in URLs.",
    section: "URL Properties",
    level: "SHOULD",
    look: (context) =>
      [...context.catalog.offerings, ...plansOf(context)]
        .map(({ id }) => id)
        .filter((id) => !/^[A-Za-z0-9._~-]*$/.test(id))
        .map((id) => `The id "${id}" has characters other than letters, digits, "-", ".", "_" and "~".`),
  }),
  catalogCheck({
    id: "catalog-text-length",
    title: "Texts for users have at most 255 characters.",
    section: "Catalog Management",
    level: "SHOULD",
    look: (context) => {
      const long = (raw: JsonObject, what: string) =>
        ["name", "description"]
          .filter((member) => isText(raw[member]) && String(raw[member]).length > 255)
          .map((member) => `The ${member} of ${what} has ${String(raw[member]).length} characters.`);
      return [
        ...context.catalog.offerings.flatMap((offering) => long(offering.raw, nameOf(offering))),
        ...plansOf(context).flatMap((plan) => long(plan.raw, planName(plan))),
      ];
    },
  }),
  catalogCheck({
    id: "catalog-schema-valid",
    title: "Schemas of parameters are JSON schemas that name their draft.",
    section: "Input Parameters Schema Object",
    level: "MUST",
    look: (context) =>
      schemasOf(context).flatMap(({ where, schema }) => {
        if (!isJsonObject(schema)) return [`${where} is no object.`];
        if (!isText(schema.$schema)) return [`${where} has no $schema.`];
        const trouble = schemaTrouble(schema);
        return trouble === "" ? [] : [`${where} is no valid schema of its draft: ${trouble}.`];
      }),
  }),
  catalogCheck({
    id: "catalog-schema-references",
    title: "Schemas of parameters refer to nothing outside themselves.",
    section: "Input Parameters Schema Object",
    level: "MUST",
    look: (context) =>
      schemasOf(context).flatMap(({ where, schema }) =>
        refsIn(schema)
          .filter((reference) => !reference.startsWith("#"))
          .map((reference) => `${where} refers to ${reference}.`),
      ),
  }),
  catalogCheck({
    id: "catalog-schema-size",
    title: "No schema of parameters is larger than 64 kB.",
    section: "Input Parameters Schema Object",
    level: "MUST",
    look: (context) =>
      schemasOf(context)
        .map(({ where, schema }) => ({ where, bytes: Buffer.byteLength(JSON.stringify(schema)) }))
        .filter(({ bytes }) => bytes > longestSchema)
        .map(({ where, bytes }) => `${where} has ${bytes} bytes.`),
  }),
  catalogCheck({
    id: "catalog-schema-draft",
    title: "Schemas of parameters are of draft 4, the only one that every platform understands.",
    section: "Input Parameters Schema Object",
    level: "SHOULD",
    look: (context) =>
      schemasOf(context)
        .filter(({ schema }) => isText(memberOf(schema, "$schema")))
        .filter(({ schema }) => !String(memberOf(schema, "$schema")).includes("draft-04"))
        .map(({ where, schema }) => `${where} is of ${String(memberOf(schema, "$schema"))}.`),
  }),
  catalogCheck({
    id: "catalog-maintenance-version",
    title: "maintenance_info has a version of Semantic Versioning 2.0.",
    section: "Maintenance Info Object",
    level: "MUST",
    look: (context) =>
      plansOf(context).flatMap((plan) => {
        const info = plan.raw.maintenance_info;
        if (info === undefined || info === null) return [];
        const version = memberOf(info, "version");
        return isText(version) && semanticVersion.test(version)
          ? []
          : [`The maintenance_info.version of ${planName(plan)} is no semantic version.`];
      }),
  }),
  catalogCheck({
    id: "catalog-maintenance-description",
    title: "maintenance_info says in words what the maintenance does.",
    section: "Maintenance Info Object",
    level: "SHOULD",
    look: (context) =>
      plansOf(context)
        .filter(({ raw }) => isJsonObject(raw.maintenance_info ?? null))
        .filter(({ raw }) => !isText(memberOf(raw.maintenance_info, "description")))
        .map((plan) => `The maintenance_info of ${planName(plan)} has no description.`),
  }),
  catalogCheck({
    id: "catalog-platform-limits",
    title: "The catalog keeps the limits of Cloud Foundry and Kubernetes service-catalog, which else refuse all of it.",
    section: "Platforms",
    level: "SHOULD",
    look: platformLimits,
  }),
  {
    id: "catalog-etag",
    title: "Who has the catalog's ETag is told 304 without a body, and nobody else.",
    section: "Catalog Management",
    level: "SHOULD",
    about: "broker",
    async run(context): Promise<readonly Finding[]> {
      const { unchanged, changed } = await context.story(surface);
      if (unchanged === undefined || changed === undefined) throw new NotClaimed("the catalog has no ETag");
      const same = answerOf(unchanged);
      if (same.status !== 304) return finding(`With the catalog's own ETag the answer was ${same.status}.`, unchanged);
      if (same.text !== "") return finding("The 304 has a body.", unchanged);
      const { status } = answerOf(changed);
      return status === 200 ? fine : finding(`With another catalog's ETag the answer was ${status}.`, changed);
    },
  },
];

const cliFriendly = (name: string): boolean => /^[A-Za-z0-9.-]+$/.test(name) && /[A-Za-z0-9]/.test(name);

/** What the two platforms check beyond the specification. */
function platformLimits(context: BrokerContext): readonly string[] {
  const wrong: string[] = [];
  const services = context.catalog.exchange.answer?.body?.services;
  if (Array.isArray(services) && services.length === 0)
    wrong.push("There are no offerings: Cloud Foundry refuses an empty catalog.");
  for (const offering of context.catalog.offerings) {
    const { raw } = offering;
    for (const member of ["tags", "requires"])
      if (raw[member] === null) wrong.push(`${member} of ${nameOf(offering)} is null: Cloud Foundry wants it absent.`);
    const tags = Array.isArray(raw.tags) ? raw.tags.join("") : "";
    if (tags.length > 2048)
      wrong.push(`The tags of ${nameOf(offering)} have ${tags.length} characters, more than 2048.`);
    const client = raw.dashboard_client;
    if (client !== undefined && isJsonObject(client))
      for (const member of ["id", "secret", "redirect_uri"])
        if (!isText(client[member])) wrong.push(`dashboard_client of ${nameOf(offering)} has no ${member}.`);
    wrong.push(...longNames(offering.id, offering.name, nameOf(offering)), ...blanks(raw, nameOf(offering)));
    for (const plan of offering.plans) {
      wrong.push(...longNames(plan.id, plan.name, planName(plan)), ...blanks(plan.raw, planName(plan)));
      const info = plan.raw.maintenance_info;
      const unknown = isJsonObject(info ?? null)
        ? Object.keys(info as JsonObject).filter((key) => key !== "version" && key !== "description")
        : [];
      if (unknown.length > 0)
        wrong.push(`maintenance_info of ${planName(plan)} has ${unknown.join(", ")}, which Cloud Foundry refuses.`);
      const duration = plan.raw.maximum_polling_duration;
      if (typeof duration === "number" && duration <= 60)
        wrong.push(
          `maximum_polling_duration of ${planName(plan)} is ${duration} s: Cloud Foundry polls once a minute, then deletes.`,
        );
    }
  }
  return wrong;
}

function longNames(id: string, name: string, what: string): string[] {
  return Object.entries({ id, name })
    .filter(([, text]) => text.length > 63)
    .map(([member, text]) => `The ${member} of ${what} has ${text.length} characters; Kubernetes takes 63.`);
}

function blanks(raw: JsonObject, what: string): string[] {
  return ["id", "name", "description"]
    .filter((member) => isText(raw[member]) && String(raw[member]).trim() === "")
    .map((member) => `The ${member} of ${what} is blank.`);
}
