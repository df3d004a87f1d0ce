/** The catalog: what it must and should look like, and what platforms refuse as a whole. */
import { isJsonObject, type Json, type JsonObject, sameJson } from "../../core/json.ts";
import { objects } from "../catalog.ts";
import { answerOf, type BrokerCheck, type Finding, finding, fine, NotClaimed } from "../check.ts";
import { surface } from "../stories/surface.ts";
import { catalogCheck, isText, memberOf, nameOf, planName, plansOf } from "./catalog-check.ts";
import { platformLimits } from "./platform-limits.ts";
import { schemaChecks } from "./schemas.ts";

const cliFriendly = (name: string): boolean => /^[A-Za-z0-9.-]+$/.test(name) && /[A-Za-z0-9]/.test(name);

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
  ...schemaChecks,
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
