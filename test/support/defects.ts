/** What brokers do wrong, one thing at a time, and the check that has to find it. */
import type { JsonObject } from "../../src/core/json.ts";
import { isJsonObject } from "../../src/core/json.ts";
import {
  type Call,
  type ConformantBroker,
  type Defect,
  type Kind,
  pathOf,
  plans,
  type Reply,
} from "./conformant-broker.ts";

export interface KnownDefect extends Defect {
  /** The one check that finds it. */
  readonly finds: string;
  /** The plan to look at; `quick` is synchronous, `slow` is not, `fixed` can be neither bound nor changed. */
  readonly on?: "quick" | "slow" | "fixed";
  /** The broker never lets go of what was made. */
  readonly leavesSomething?: true;
}

const objectOf = (value: unknown): JsonObject => (isJsonObject(value) ? value : {});
const refusal = (status: number, error = "Wrong"): Reply => ({
  status,
  body: { error, description: "This is wrong." },
});
const withBody = (reply: Reply, more: object): Reply => ({
  ...reply,
  body: { ...objectOf(reply.body), ...more } as JsonObject,
});
const without = (reply: Reply, ...members: readonly string[]): Reply => ({
  ...reply,
  body: Object.fromEntries(Object.entries(objectOf(reply.body)).filter(([name]) => !members.includes(name))),
});

/** The answer to this kind of request with this status becomes another one. */
const when =
  (kind: Kind, status: number, change: (reply: Reply, call: Call, broker: ConformantBroker) => Reply | undefined) =>
  (reply: Reply, call: Call, broker: ConformantBroker): Reply =>
    call.kind === kind && reply.status === status ? (change(reply, call, broker) ?? reply) : reply;

const isBinding = ({ path }: Call): boolean => path.includes("/service_bindings/");
/** Calls of a kind for the same thing, before this one. */
const before = (call: Call, { calls }: ConformantBroker, kind: Kind): number =>
  calls.filter((other) => other !== call && other.kind === kind && pathOf(other.path) === pathOf(call.path)).length;
const wasOrdered = (call: Call, broker: ConformantBroker): boolean =>
  before(call, broker, isBinding(call) ? "bind" : "provision") > 0;
const instanceWasOrdered = ({ path }: Call, { calls }: ConformantBroker): boolean =>
  calls.some(({ kind, path: other }) => kind === "provision" && path.startsWith(`${other}/`));
/** Only the instance of the long life, and its bindings, are ever fetched: nothing that is in a race. */
const wasFetched = (call: Call, broker: ConformantBroker): boolean => before(call, broker, "fetch") > 0;
const operationOf = ({ query }: Call, { operations }: ConformantBroker) => operations.get(query.get("operation") ?? "");
const runningOf = (call: Call, { things, operations }: ConformantBroker) =>
  operations.get(things.get(pathOf(call.path))?.running ?? "");
const hasCanary = ({ body }: Call): boolean => "lotse_conformance" in objectOf(body?.parameters);
const isPlain = ({ path }: Call): boolean => /^[\w/-]+$/.test(path);

const catalogDefects: Readonly<Record<string, KnownDefect>> = {
  "the catalog has no services": {
    finds: "catalog-answer",
    spoil: when("catalog", 200, () => ({ status: 200, body: { offerings: [] } })),
  },
  "an offering has no description": {
    finds: "catalog-offerings",
    catalog: (offering) => void delete offering.description,
  },
  "an offering does not say whether it is bindable": {
    finds: "catalog-offerings",
    catalog: (offering) => void delete offering.bindable,
  },
  "a plan has no name": { finds: "catalog-plans", catalog: ({ plans: { fixed } }) => void delete fixed.name },
  "a flag is a text": {
    finds: "catalog-types",
    catalog: (offering) => {
      offering.plan_updateable = "yes";
    },
  },
  "an offering requires something unheard of": {
    finds: "catalog-types",
    catalog: (offering) => {
      offering.requires = ["good_luck"];
    },
  },
  "two plans have one id": {
    finds: "catalog-unique-ids",
    catalog: (offering) => {
      offering.plans.fixed.id = offering.plans.slow.id;
    },
  },
  "two plans have one name": {
    finds: "catalog-unique-names",
    catalog: (offering) => {
      offering.plans.fixed.name = "slow";
    },
  },
  "ids are made anew at each fetch": {
    finds: "catalog-stable",
    spoil: when("catalog", 200, (reply, _call, { calls }) => {
      const text = JSON.stringify(reply.body).replaceAll(plans.fixed, `b0000000-0000-4000-8000-${calls.length}`);
      return { ...reply, body: JSON.parse(text) as JsonObject };
    }),
  },
  "a name has a space": {
    finds: "catalog-names",
    catalog: (offering) => {
      offering.plans.fixed.name = "the fixed one";
    },
  },
  "an id has a slash": {
    finds: "catalog-ids",
    catalog: (offering) => {
      offering.plans.fixed.id = "things/fixed";
    },
  },
  "a description is a novel": {
    finds: "catalog-text-length",
    catalog: (offering) => {
      offering.plans.fixed.description = "word ".repeat(60);
    },
  },
  "a schema does not name its draft": schemaDefect("catalog-schema-valid", { type: "object" }),
  "a schema is no schema": schemaDefect("catalog-schema-valid", {
    $schema: "http://json-schema.org/draft-04/schema#",
    type: "thing",
  }),
  "a schema refers to another server": schemaDefect("catalog-schema-references", {
    $schema: "http://json-schema.org/draft-04/schema#",
    properties: { a: { $ref: "https://elsewhere.example/a.json" } },
  }),
  "a schema is very long": schemaDefect("catalog-schema-size", {
    $schema: "http://json-schema.org/draft-04/schema#",
    description: "x".repeat(70_000),
  }),
  "a schema is of a new draft": schemaDefect("catalog-schema-draft", {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
  }),
  "a maintenance version is no semantic version": {
    finds: "catalog-maintenance-version",
    catalog: (offering) => {
      offering.plans.larger.maintenance_info = { version: "1.2", description: "New." };
    },
  },
  "a maintenance has no description": {
    finds: "catalog-maintenance-description",
    catalog: (offering) => {
      offering.plans.larger.maintenance_info = { version: "1.2.3" };
    },
  },
  "tags are null": {
    finds: "catalog-platform-limits",
    catalog: (offering) => {
      offering.tags = null;
    },
  },
  "operations may be polled for half a minute": {
    finds: "catalog-platform-limits",
    catalog: (offering) => {
      offering.plans.larger.maximum_polling_duration = 30;
    },
  },
  "whoever has any catalog is told that it is unchanged": {
    finds: "catalog-etag",
    instead: ({ kind, headers }) =>
      kind === "catalog" && headers["if-none-match"] !== undefined ? { status: 304, body: undefined } : undefined,
  },
};

function schemaDefect(finds: string, schema: object): KnownDefect {
  return {
    finds,
    catalog: (offering) => {
      offering.plans.fixed.schemas = { service_instance: { create: { parameters: schema } } };
    },
  };
}

const doorDefects: Readonly<Record<string, KnownDefect>> = {
  "a wrong password opens the catalog": {
    finds: "auth-catalog",
    instead: (call, broker) =>
      call.kind === "catalog" && call.headers.authorization?.startsWith("Basic ") === true && isVersion2(call)
        ? broker.serve(call)
        : undefined,
  },
  "polls need no password": {
    finds: "auth-every-fetch",
    instead: (call, broker) => (call.kind === "poll" ? broker.serve(call) : undefined),
  },
  "a missing version is an error of the broker's": {
    finds: "version-missing",
    instead: ({ headers }) =>
      headers["x-broker-api-version"] === undefined && headers.authorization !== undefined ? refusal(500) : undefined,
  },
  "another major version is a 400": {
    finds: "version-major",
    spoil: (reply) => (reply.status === 412 ? { ...reply, status: 400 } : reply),
  },
  "older platforms are refused": {
    finds: "version-minor",
    instead: ({ headers }) => (headers["x-broker-api-version"] === "2.13" ? refusal(412) : undefined),
  },
  "headers are known in lower case only": {
    finds: "version-header-case",
    instead: ({ names }) => (names.includes("X-BROKER-API-VERSION") ? refusal(400) : undefined),
  },
  "an originating identity that cannot be read is an error of the broker's": {
    finds: "identity-malformed",
    instead: ({ kind, headers }) =>
      kind === "catalog" && headers["x-broker-api-originating-identity"] !== undefined ? refusal(500) : undefined,
  },
  "an unknown instance is a 410": {
    finds: "fetch-unknown-instance",
    spoil: when("fetch", 404, (reply, call, broker) =>
      isBinding(call) || wasOrdered(call, broker) || !isPlain(call) ? undefined : { ...reply, status: 410 },
    ),
  },
  "an unknown binding is a 410": {
    finds: "fetch-unknown-binding",
    spoil: when("fetch", 404, (reply, call, broker) =>
      !isBinding(call) || wasOrdered(call, broker) ? undefined : { ...reply, status: 410 },
    ),
  },
  "an unknown instance is in progress": {
    finds: "poll-unknown-instance",
    spoil: when("poll", 404, (_reply, call) =>
      isBinding(call) ? undefined : { status: 200, body: { state: "in progress" } },
    ),
  },
  "an unknown binding is gone": {
    finds: "poll-unknown-binding",
    spoil: when("poll", 404, (reply, call) => (isBinding(call) ? { ...reply, status: 410 } : undefined)),
  },
  "a path that cannot be decoded is an error of the broker's": {
    finds: "path-malformed",
    instead: ({ path }) => (path.includes("%zz") ? refusal(500) : undefined),
  },
  "ids have to be GUIDs": {
    finds: "path-any-character",
    instead: (call) => (call.kind === "fetch" && !isPlain(call) ? refusal(400) : undefined),
  },
};

const isVersion2 = ({ headers }: Call): boolean => /^2\./.test(String(headers["x-broker-api-version"]));

const orderDefects: Readonly<Record<string, KnownDefect>> = {
  "an order needs no space": {
    finds: "provision-missing-fields",
    instead: (call, broker) =>
      call.kind === "provision" && call.body !== undefined && call.body.space_guid === undefined
        ? broker.serve({ ...call, body: { ...call.body, space_guid: "somewhere" } })
        : undefined,
  },
  "an order without a service is a 422": {
    finds: "provision-missing-fields",
    spoil: when("provision", 400, (_reply, { body, headers }) =>
      body !== undefined && body.service_id === undefined && headers["content-type"] === "application/json"
        ? refusal(422, "RequiresApp")
        : undefined,
    ),
  },
  "broken JSON is an error of the broker's": {
    finds: "provision-malformed",
    instead: ({ kind, raw }) => (kind === "provision" && raw.endsWith(", ") ? refusal(500) : undefined),
  },
  "parameters may be anything": {
    finds: "provision-malformed",
    instead: (call, broker) =>
      call.kind === "provision" && typeof call.body?.parameters === "string"
        ? broker.serve({ ...call, body: { ...call.body, parameters: {} } })
        : undefined,
  },
  "an unknown plan is taken for the first one": {
    finds: "provision-unknown-plan",
    instead: (call, broker) =>
      call.kind === "provision" && call.body !== undefined && !knownPlan(call)
        ? broker.serve({ ...call, body: { ...call.body, plan_id: plans.quick } })
        : undefined,
  },
  "nobody looks at the maintenance version of an order": {
    finds: "provision-maintenance",
    instead: (call, broker) =>
      call.kind === "provision" && /"version":"999/.test(call.raw) && call.headers.authorization !== undefined
        ? broker.serve({ ...call, body: { ...call.body, maintenance_info: {} } })
        : undefined,
  },
  "another maintenance version is a plain conflict": {
    finds: "provision-maintenance",
    spoil: when("provision", 422, (reply) =>
      objectOf(reply.body).error === "MaintenanceInfoConflict" ? refusal(409) : undefined,
    ),
  },
  "another content type is a 415": {
    finds: "content-type-refused",
    instead: ({ headers }) => (headers["content-type"] === "text/plain" ? refusal(415) : undefined),
  },
  "anybody can order": {
    finds: "auth-every-change",
    instead: (call, broker) =>
      call.kind === "provision" && call.headers.authorization === undefined ? broker.serve(call) : undefined,
  },
  "changing what is not there is an error of the broker's": {
    finds: "update-unknown-instance",
    spoil: when("update", 404, () => refusal(500)),
  },
  "binding what is not there is an error of the broker's": {
    finds: "bind-unknown-instance",
    spoil: when("bind", 404, (_reply, call, broker) => (instanceWasOrdered(call, broker) ? undefined : refusal(500))),
  },
  "deleting what never was is a 404": {
    finds: "deprovision-unknown",
    spoil: when("deprovision", 410, (_reply, call, broker) => (wasOrdered(call, broker) ? undefined : refusal(404))),
  },
  "unbinding what never was is a success": {
    finds: "unbind-unknown",
    spoil: when("unbind", 410, (_reply, call, broker) =>
      wasOrdered(call, broker) ? undefined : { status: 200, body: {} },
    ),
  },
  "a refused order is carried out nevertheless": {
    finds: "leak-refused-order",
    spoil: when("provision", 400, (_reply, call, { things }) => {
      things.set(pathOf(call.path), { asked: {}, made: {}, planId: plans.quick });
      return undefined;
    }),
  },
  "who does not accept 202 is told so with 400": {
    finds: "async-required",
    on: "slow",
    spoil: (reply) => (objectOf(reply.body).error === "AsyncRequired" ? { ...reply, status: 400 } : reply),
  },
  "who does not accept 202 gets it nevertheless": {
    finds: "async-only-if-accepted",
    on: "slow",
    instead: (call, broker) => {
      const patient = new URLSearchParams([...call.query, ["accepts_incomplete", "true"]]);
      patient.set("accepts_incomplete", "true");
      return call.kind === "provision" && call.body !== undefined && call.headers.authorization !== undefined
        ? broker.serve({ ...call, query: patient })
        : undefined;
    },
  },
  "orders fail": {
    finds: "provision-works",
    on: "slow",
    spoil: when("poll", 200, (reply, call, broker) =>
      operationOf(call, broker)?.kind === "provision" ? { ...reply, body: { state: "failed" } } : undefined,
    ),
  },
  "the operation is written down after the 202 was sent": {
    finds: "provision-poll-at-once",
    on: "slow",
    spoil: when("poll", 200, (_reply, call, broker) =>
      operationOf(call, broker)?.kind === "provision" && before(call, broker, "poll") === 0 ? refusal(404) : undefined,
    ),
  },
  "a repeated order is done although it is not": {
    finds: "provision-repeat-running",
    on: "slow",
    spoil: when("provision", 202, (reply, call, broker) =>
      before(call, broker, "provision") > 0 ? { ...without(reply, "operation"), status: 200 } : undefined,
    ),
  },
  "a different order during provisioning is a ConcurrencyError": {
    finds: "provision-conflict-running",
    on: "slow",
    spoil: when("provision", 409, (_reply, call, broker) =>
      runningOf(call, broker) === undefined ? undefined : refusal(422, "ConcurrencyError"),
    ),
  },
  "what is being provisioned can be fetched": {
    finds: "fetch-running",
    on: "slow",
    spoil: when("fetch", 404, (_reply, call, broker) =>
      runningOf(call, broker)?.kind === "provision" ? { status: 200, body: {} } : undefined,
    ),
  },
  "binding what is being provisioned is an error of the broker's": {
    finds: "bind-running",
    on: "slow",
    spoil: when("bind", 422, (reply) => (objectOf(reply.body).error === "ConcurrencyError" ? refusal(500) : undefined)),
  },
  "operations are forgotten when they are done": {
    finds: "poll-remembered",
    on: "slow",
    spoil: when("poll", 200, (reply, call, broker) =>
      operationOf(call, broker)?.kind === "provision" &&
      objectOf(reply.body).state === "succeeded" &&
      told(call, broker)
        ? refusal(404)
        : undefined,
    ),
  },
  "an instance is shown with another service": {
    finds: "fetch-instance",
    spoil: when("fetch", 200, (reply, call) =>
      isBinding(call) ? undefined : withBody(reply, { service_id: "other" }),
    ),
  },
  "instances cannot be fetched, whatever the catalog says": {
    finds: "fetch-instance",
    spoil: when("fetch", 200, (_reply, call, broker) =>
      isBinding(call) || before(call, broker, "fetch") > 0 ? undefined : refusal(404),
    ),
  },
  "the dashboard is told later only": {
    finds: "fetch-dashboard",
    spoil: (reply, { kind }) => (kind === "provision" && reply.status < 300 ? without(reply, "dashboard_url") : reply),
  },
  "the same order again is a conflict": {
    finds: "provision-repeat",
    spoil: when("provision", 200, (_reply, call, broker) => (wasFetched(call, broker) ? refusal(409) : undefined)),
  },
  "unknown members of an order are refused": {
    finds: "provision-unknown-fields",
    instead: (call) =>
      call.kind === "provision" && call.raw.includes("x-lotse-conformance") ? refusal(400) : undefined,
  },
  "another plan under the same id is overlooked": {
    finds: "provision-conflict",
    spoil: when("provision", 409, (_reply, { body }) =>
      body?.plan_id === plans.larger ? { status: 200, body: {} } : undefined,
    ),
  },
  "other parameters under the same id are overlooked": {
    finds: "provision-conflict-parameters",
    spoil: when("provision", 409, (_reply, call) => (hasCanary(call) ? { status: 200, body: {} } : undefined)),
  },
};

const knownPlan = ({ body }: Call): boolean =>
  body?.plan_id === undefined || Object.values(plans).some((id) => id === body.plan_id) || body.service_id === 17;

/** Whether the end of this operation was told before. */
const told = (call: Call, { calls, operations }: ConformantBroker): boolean => {
  const token = call.query.get("operation") ?? "";
  const polls = calls.filter(({ kind, query }) => kind === "poll" && query.get("operation") === token);
  return operations.get(token)?.state === "succeeded" && polls.length > 3;
};

const changeDefects: Readonly<Record<string, KnownDefect>> = {
  "a change to the same plan is refused": {
    finds: "update-same-plan",
    spoil: when("update", 200, (_reply, { body }) => (body?.plan_id === plans.quick ? refusal(422) : undefined)),
  },
  "a change needs no service": {
    finds: "update-missing-service",
    spoil: when("update", 400, (reply, { body }) =>
      body?.service_id === undefined ? { ...reply, status: 200, body: {} } : undefined,
    ),
  },
  "a change to an unknown plan is a success": {
    finds: "update-unknown-plan",
    spoil: when("update", 400, (_reply, { body }) =>
      body?.service_id !== undefined ? { status: 200, body: {} } : undefined,
    ),
  },
  "a plan that cannot be changed is": {
    finds: "update-not-claimed",
    on: "fixed",
    spoil: when("update", 422, (_reply, { body }) =>
      body?.plan_id === plans.larger ? { status: 200, body: {} } : undefined,
    ),
  },
  "nobody looks at the maintenance version of a change": {
    finds: "update-maintenance",
    spoil: when("update", 422, (reply) =>
      objectOf(reply.body).error === "MaintenanceInfoConflict" ? { status: 200, body: {} } : undefined,
    ),
  },
  "a refused maintenance is carried out": {
    finds: "update-refused-changes-nothing",
    spoil: when("fetch", 200, (reply, call, broker) =>
      !isBinding(call) && broker.calls.some(({ kind, raw }) => kind === "update" && raw.includes("999.0.0"))
        ? withBody(reply, { maintenance_info: { version: "999.0.0-other" } })
        : undefined,
    ),
  },
  "a change of context is refused, whatever the catalog says": {
    finds: "update-context",
    spoil: when("update", 200, (_reply, { body }) => (body?.context === undefined ? undefined : refusal(422))),
  },
  "a change of parameters is a conflict": {
    finds: "update-parameters",
    spoil: when("update", 200, (_reply, { body }) =>
      Object.keys(objectOf(body?.parameters)).length > 0 ? refusal(409) : undefined,
    ),
  },
  "a change of plan is told and not done": {
    finds: "update-plan",
    instead: ({ kind, body }) =>
      kind === "update" && body?.plan_id === plans.larger ? { status: 200, body: {} } : undefined,
  },
  "the same change again is refused while it is carried out": {
    finds: "update-repeat-running",
    on: "slow",
    spoil: when("update", 202, (_reply, call, broker) =>
      before(call, broker, "update") > 0 && sentBefore(call, broker) ? refusal(422, "ConcurrencyError") : undefined,
    ),
  },
};

const sentBefore = (call: Call, { calls }: ConformantBroker): boolean =>
  calls.some(
    (other) => other !== call && other.kind === call.kind && other.path === call.path && other.raw === call.raw,
  );

const bindDefects: Readonly<Record<string, KnownDefect>> = {
  "a binding needs no plan": {
    finds: "bind-missing-fields",
    instead: (call, broker) =>
      call.kind === "bind" && call.body?.service_id !== undefined && call.body.plan_id === undefined
        ? broker.serve({ ...call, body: { ...call.body, plan_id: plans.quick } })
        : undefined,
  },
  "a new binding is told as an old one": {
    finds: "bind-works",
    spoil: when("bind", 201, (reply, { body }) =>
      body?.predecessor_binding_id === undefined ? { ...reply, status: 200 } : undefined,
    ),
  },
  "a binding has nothing in it": {
    finds: "bind-data",
    spoil: (reply, { kind }) => (kind === "bind" && reply.status < 300 ? { ...reply, body: {} } : reply),
  },
  "credentials come before the binding is made": {
    finds: "bind-async-empty",
    on: "slow",
    spoil: when("bind", 202, (reply) => withBody(reply, { credentials: { user: "early" } })),
  },
  "nobody can fetch what was bound asynchronously": {
    finds: "bind-async-retrievable",
    on: "slow",
    catalog: (offering) => {
      offering.bindings_retrievable = false;
    },
  },
  "a repeated binding is done although it is not": {
    finds: "bind-repeat-running",
    on: "slow",
    spoil: when("bind", 202, (_reply, call, broker) =>
      before(call, broker, "bind") > 0 ? { status: 200, body: {} } : undefined,
    ),
  },
  "the same binding again has new credentials": {
    finds: "bind-repeat",
    spoil: when("bind", 200, (reply, call, broker) =>
      wasFetched(call, broker) ? withBody(reply, { credentials: { password: "a new one every time" } }) : undefined,
    ),
  },
  "the same binding again is a conflict": {
    finds: "bind-repeat",
    spoil: when("bind", 200, (_reply, call, broker) => (wasFetched(call, broker) ? refusal(409) : undefined)),
  },
  "other parameters of a binding are overlooked": {
    finds: "bind-conflict",
    spoil: when("bind", 409, (_reply, call) => (hasCanary(call) ? { status: 200, body: {} } : undefined)),
  },
  "all bindings share one password": {
    finds: "bind-own-credentials",
    spoil: (reply, { kind, path, body }, { things }) => {
      const thing = things.get(pathOf(path));
      if (kind !== "bind" || reply.status >= 300 || body?.predecessor_binding_id !== undefined || thing === undefined)
        return reply;
      thing.made = { ...thing.made, credentials: { password: "shared by everybody" } };
      return { ...reply, body: thing.made };
    },
  },
  "a log drain comes unannounced": {
    finds: "bind-declared",
    spoil: (reply, { kind }) =>
      kind === "bind" && reply.status < 300 ? withBody(reply, { syslog_drain_url: "syslog://drain.example" }) : reply,
  },
  "ports are numbers": {
    finds: "bind-endpoints",
    spoil: (reply, { kind }) =>
      kind === "bind" && reply.status < 300
        ? withBody(reply, { endpoints: [{ host: "things.example", ports: [5432] }] })
        : reply,
  },
  "a volume mount has no device": {
    finds: "bind-volume-mounts",
    catalog: (offering) => {
      offering.requires = ["volume_mount"];
    },
    spoil: (reply, { kind }) =>
      kind === "bind" && reply.status < 300
        ? withBody(reply, { volume_mounts: [{ driver: "nfs", container_dir: "/data", mode: "rw" }] })
        : reply,
  },
  "an expiry is written in words": {
    finds: "bind-metadata",
    spoil: (reply, { kind }) =>
      kind === "bind" && reply.status < 300 ? withBody(reply, { metadata: { expires_at: "tomorrow" } }) : reply,
  },
  "a binding is to be renewed after its expiry": {
    finds: "bind-metadata",
    spoil: (reply, { kind }) =>
      kind === "bind" && reply.status < 300
        ? withBody(reply, {
            metadata: { expires_at: "2030-01-01T00:00:00.0Z", renew_before: "2031-01-01T00:00:00.0Z" },
          })
        : reply,
  },
  "a fetched binding has other credentials": {
    finds: "fetch-binding",
    spoil: when("fetch", 200, (reply, call) =>
      isBinding(call) ? withBody(reply, { credentials: { password: "quite another" } }) : undefined,
    ),
  },
  "a rotation needs what a binding needs": {
    finds: "rotate-works",
    instead: ({ kind, body }) =>
      kind === "bind" && body?.predecessor_binding_id !== undefined && body.service_id === undefined
        ? refusal(400)
        : undefined,
  },
  "a rotation gives out the old credentials": {
    finds: "rotate-works",
    spoil: when("bind", 201, (_reply, { body, path }, { things }) => {
      const predecessor = `${pathOf(path).split("/")[0]}/${String(body?.predecessor_binding_id)}`;
      const thing = things.get(pathOf(path));
      const made = things.get(predecessor)?.made;
      if (thing === undefined || made === undefined) return undefined;
      thing.made = made;
      return { status: 201, body: made };
    }),
  },
  "a rotation ends its predecessor": {
    finds: "rotate-predecessor-stays",
    spoil: when("fetch", 200, (_reply, call, broker) => {
      const id = call.path.split("/").at(-1);
      const rotated = broker.calls.some(({ body }) => body?.predecessor_binding_id === id);
      return isBinding(call) && rotated ? refusal(404) : undefined;
    }),
  },
  "a binding that never was can be rotated": {
    finds: "rotate-unknown-predecessor",
    spoil: when("bind", 400, (_reply, { body }) =>
      body?.predecessor_binding_id === undefined
        ? undefined
        : { status: 201, body: { credentials: { password: "out of nothing" } } },
    ),
  },
  "taking a binding back needs no plan": {
    finds: "unbind-missing-query",
    instead: (call, broker) =>
      call.kind === "unbind" && call.query.get("plan_id") === null
        ? broker.serve({ ...call, query: new URLSearchParams({ service_id: "a", plan_id: "b" }) })
        : undefined,
  },
  "a binding taken back is a 201": {
    finds: "unbind-works",
    spoil: when("unbind", 200, (reply) => ({ ...reply, status: 201 })),
  },
  "the same deletion of a binding is a 410 while it is carried out": {
    finds: "unbind-repeat-running",
    on: "slow",
    spoil: when("unbind", 202, (_reply, call, broker) =>
      wasFetched(call, broker) && before(call, broker, "unbind") > 1 ? { status: 410, body: {} } : undefined,
    ),
  },
  "taking back what was taken back is a success": {
    finds: "unbind-repeat",
    spoil: when("unbind", 410, (_reply, call, broker) =>
      wasOrdered(call, broker) ? { status: 200, body: {} } : undefined,
    ),
  },
  "a binding that was taken back can be fetched": {
    finds: "unbind-gone",
    spoil: when("fetch", 404, (_reply, call, broker) =>
      isBinding(call) && wasOrdered(call, broker) ? { status: 200, body: {} } : undefined,
    ),
  },
  "a plan that cannot be bound is": {
    finds: "bind-not-claimed",
    on: "fixed",
    spoil: when("bind", 400, (_reply, call, broker) =>
      broker.things.has(pathOf(call.path).split("/")[0] ?? "") ? { status: 201, body: {} } : undefined,
    ),
  },
};

const endDefects: Readonly<Record<string, KnownDefect>> = {
  "a deletion needs no plan": {
    finds: "deprovision-missing-query",
    instead: (call, broker) =>
      call.kind === "deprovision" && call.query.get("plan_id") === null
        ? broker.serve({ ...call, query: new URLSearchParams({ service_id: "a", plan_id: "b" }) })
        : undefined,
  },
  "a deletion is a 201": {
    finds: "deprovision-works",
    spoil: when("deprovision", 200, (reply, call, broker) =>
      wasFetched(call, broker) ? { ...reply, status: 201 } : undefined,
    ),
  },
  "the same deletion again is done although it is not": {
    finds: "deprovision-repeat-running",
    on: "slow",
    spoil: when("deprovision", 202, (_reply, call, broker) =>
      before(call, broker, "deprovision") > 1 ? { status: 200, body: {} } : undefined,
    ),
  },
  "deleting what was deleted is a success": {
    finds: "deprovision-repeat",
    spoil: when("deprovision", 410, (_reply, call, broker) =>
      wasFetched(call, broker) ? { status: 200, body: {} } : undefined,
    ),
  },
  "what was deleted can be fetched": {
    finds: "deprovision-gone",
    spoil: when("fetch", 404, (_reply, call, broker) =>
      !isBinding(call) && wasOrdered(call, broker) && wasFetched(call, broker) ? { status: 200, body: {} } : undefined,
    ),
  },
  "what was deleted can be bound": {
    finds: "bind-removed-instance",
    spoil: when("bind", 404, (_reply, call, broker) =>
      instanceWasOrdered(call, broker)
        ? { status: 201, body: { credentials: { password: "to nothing at all" } } }
        : undefined,
    ),
  },
  "a deletion that is done is in progress again": {
    finds: "poll-after-deletion",
    on: "slow",
    spoil: when("poll", 200, (_reply, call, broker) =>
      operationOf(call, broker)?.kind === "deprovision" && told(call, broker)
        ? { status: 200, body: { state: "in progress" } }
        : undefined,
    ),
  },
};

const raceDefects: Readonly<Record<string, KnownDefect>> = {
  "the same order at once makes several instances": {
    finds: "race-same-orders",
    spoil: when("provision", 200, (reply, call, broker) =>
      wasFetched(call, broker) ? undefined : { ...reply, status: 201 },
    ),
  },
  "two different orders at once are both accepted": {
    finds: "race-different-orders",
    spoil: when("provision", 409, (_reply, call, broker) =>
      wasFetched(call, broker) ? undefined : { status: 201, body: {} },
    ),
  },
  "the same binding at once has several passwords": {
    finds: "race-same-bindings",
    spoil: when("bind", 200, (reply, call, broker) =>
      wasFetched(call, broker) ? undefined : withBody(reply, { credentials: { password: "one more" } }),
    ),
  },
  "the same deletion at once does not know what it deletes": {
    finds: "race-same-deletions",
    spoil: when("deprovision", 410, (_reply, call, broker) =>
      wasOrdered(call, broker) && !wasFetched(call, broker) ? refusal(404) : undefined,
    ),
  },
  "of several instances at once one is left": {
    finds: "leak-after-races",
    spoil: when("deprovision", 410, (_reply, call, broker) =>
      !wasFetched(call, broker) && before(call, broker, "deprovision") === 4 ? { status: 200, body: {} } : undefined,
    ),
  },
  "what was deleted during its creation comes back": {
    finds: "race-delete-during-create",
    on: "slow",
    instead: (call, { operations, things }) => {
      const path = pathOf(call.path);
      const running = runningOf(call, { operations, things } as ConformantBroker);
      if (call.kind !== "deprovision" || running?.kind !== "provision") return undefined;
      running.state = "failed";
      delete things.get(path)?.running;
      operations.set("op-in-vain", { kind: "deprovision", path, left: 1, state: "in progress", finish: () => {} });
      return { status: 202, body: { operation: "op-in-vain" } };
    },
  },
  "an order that was halted has succeeded": {
    finds: "race-delete-during-create-told",
    on: "slow",
    spoil: when("poll", 200, (_reply, call, broker) =>
      operationOf(call, broker)?.kind === "provision" && operationOf(call, broker)?.state === "failed"
        ? { status: 200, body: { state: "succeeded" } }
        : undefined,
    ),
  },
  "a binding cannot be taken back while it is made": {
    finds: "race-unbind-during-bind",
    on: "slow",
    instead: (call, broker) =>
      call.kind === "unbind" && runningOf(call, broker)?.kind === "bind" ? refusal(500) : undefined,
  },
  "a binding that was halted has succeeded": {
    finds: "race-unbind-during-bind-told",
    on: "slow",
    spoil: when("poll", 200, (_reply, call, broker) =>
      operationOf(call, broker)?.kind === "bind" && operationOf(call, broker)?.state === "failed"
        ? { status: 200, body: { state: "succeeded" } }
        : undefined,
    ),
  },
};

const answerDefects: Readonly<Record<string, KnownDefect>> = {
  "an instance cannot be removed": {
    finds: "leak-leftovers",
    leavesSomething: true,
    spoil: (reply, call, broker) => {
      const rivals = broker.calls.filter(({ kind, path }) => kind === "provision" && path === call.path);
      const orders = new Set(rivals.map(({ raw }) => raw));
      return call.kind === "deprovision" && orders.size === 2 && !wasFetched(call, broker) ? refusal(500) : reply;
    },
  },
  "a request is not answered": {
    finds: "answers-at-all",
    instead: (call) => (call.kind === "fetch" && !isPlain(call) ? "no answer" : undefined),
  },
  "a deletion has no body": {
    finds: "answers-object",
    spoil: when("deprovision", 200, () => ({ status: 200, body: undefined })),
  },
  "instances are fetched as text": {
    finds: "answers-content-type",
    spoil: when("fetch", 200, (reply) => ({ ...reply, headers: { "content-type": "text/plain" } })),
  },
  "there is null in an answer": {
    finds: "answers-null",
    spoil: (reply, { kind }) =>
      kind === "provision" && reply.status < 300 ? withBody(reply, { operation: null }) : reply,
  },
  "an operation is a number": {
    finds: "answers-operation",
    on: "slow",
    spoil: when("provision", 202, (reply) => withBody(reply, { operation: 17 })),
  },
  "an operation has a slash": {
    finds: "answers-operation-characters",
    on: "slow",
    token: (number) => `op/${number}`,
  },
  "labels are a list": {
    finds: "answers-metadata",
    spoil: (reply, { kind }) =>
      kind === "provision" && reply.status < 300 ? withBody(reply, { metadata: { labels: ["a"] } }) : reply,
  },
  "a poll has an empty description": {
    finds: "poll-states",
    on: "slow",
    spoil: when("poll", 200, (reply) => withBody(reply, { description: "" })),
  },
  "a success says that the instance is usable": {
    finds: "poll-flags",
    on: "slow",
    spoil: when("poll", 200, (reply) => withBody(reply, { instance_usable: true })),
  },
  "Retry-After is a date": {
    finds: "poll-retry-after",
    on: "slow",
    spoil: when("poll", 200, (reply) => ({ ...reply, headers: { "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT" } })),
  },
  "an error's code is a sentence": {
    finds: "errors-shape",
    spoil: when("provision", 409, (reply) => withBody(reply, { error: "There is one already" })),
  },
  "an error has an empty description": {
    finds: "errors-shape",
    spoil: when("provision", 409, (reply) => withBody(reply, { description: "" })),
  },
  "a refusal says nothing": {
    finds: "errors-say-why",
    spoil: when("provision", 400, (reply) => without(reply, "description")),
  },
  "a refused order says that the instance is usable": {
    finds: "errors-flags",
    spoil: when("provision", 400, (reply) => withBody(reply, { instance_usable: true })),
  },
  "an unknown plan is a 422 of the broker's own": {
    finds: "errors-coded-422",
    spoil: when("provision", 400, (reply) =>
      objectOf(reply.body).error === "UnknownPlan" ? { ...reply, status: 422 } : undefined,
    ),
  },
  "a 410 has no body": {
    finds: "gone-object",
    spoil: when("deprovision", 410, () => ({ status: 410, body: undefined })),
  },
  "a request's identity does not come back with errors": {
    finds: "request-identity",
    spoil: (reply) =>
      reply.status < 400
        ? reply
        : { ...reply, headers: { ...reply.headers, "x-broker-api-request-identity": undefined } },
  },
  "an error repeats the parameters": {
    finds: "leak-parameters",
    spoil: when("provision", 409, (reply, { body }) =>
      withBody(reply, { description: `There is one already: ${JSON.stringify(body?.parameters)}` }),
    ),
  },
  "a refusal repeats the password": {
    finds: "leak-password",
    spoil: (reply, { headers }) => {
      const [, value = ""] = (headers.authorization ?? "").split(" ");
      if (reply.status !== 401) return reply;
      return withBody(reply, { description: `Not known: ${Buffer.from(value, "base64").toString()}.` });
    },
  },
};

export const defects: Readonly<Record<string, KnownDefect>> = {
  ...catalogDefects,
  ...doorDefects,
  ...orderDefects,
  ...changeDefects,
  ...bindDefects,
  ...endDefects,
  ...raceDefects,
  ...answerDefects,
};
