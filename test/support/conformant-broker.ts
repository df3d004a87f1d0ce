/** A small OSB broker that does everything as the specification has it, but for the defect that it is given. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Test } from "tap";
import { isJsonObject, type Json, type JsonObject, sameJson } from "../../src/core/json.ts";
import type { BrokerWishes } from "./scripted-broker.ts";

export interface Call {
  readonly method: string;
  /** Percent-encoded, as it came. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  /** Names of the headers as they were written. */
  readonly names: readonly string[];
  readonly raw: string;
  readonly body: JsonObject | undefined;
  readonly kind: Kind;
}

export type Kind =
  | "catalog"
  | "provision"
  | "fetch"
  | "update"
  | "deprovision"
  | "bind"
  | "unbind"
  | "poll"
  | "elsewhere";

export interface Reply {
  readonly status: number;
  readonly body: Json | undefined;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** One thing that a broker does wrong. */
export interface Defect {
  /** Instead of the right answer, if it returns one. */
  readonly instead?: (call: Call, broker: ConformantBroker) => Reply | "no answer" | undefined;
  /** What becomes of the right answer. */
  readonly spoil?: (reply: Reply, call: Call, broker: ConformantBroker) => Reply;
  /** What becomes of the catalog. */
  readonly catalog?: (offering: MutableOffering) => void;
  /** How the operation with this number is named. */
  readonly token?: (number: number) => string;
}

export type Mutable = Record<string, unknown>;
export interface MutableOffering extends Mutable {
  readonly plans: Record<keyof typeof plans, Mutable>;
}

export interface Thing {
  readonly asked: JsonObject;
  made: JsonObject;
  planId: string;
  /** The operation under way. */
  running?: string;
}

interface Operation {
  readonly kind: "provision" | "update" | "deprovision" | "bind" | "unbind";
  readonly path: string;
  left: number;
  state: "in progress" | "succeeded" | "failed";
  readonly finish: () => void;
}

export interface ConformantBroker {
  readonly url: string;
  readonly calls: Call[];
  /** What exists, by path below /v2/service_instances/. */
  readonly things: Map<string, Thing>;
  readonly operations: Map<string, Operation>;
  /** The right answer. */
  serve(call: Call): Reply;
}

export const login = { username: "platform", password: "right-password-of-the-test" };
export const secretOf = (path: string): string =>
  `credential-canary-of-${path.replaceAll(/[^a-z0-9]/g, "").slice(0, 40)}`;

const serviceId = "a0000000-0000-4000-8000-000000000001";
export const plans = {
  quick: "b0000000-0000-4000-8000-000000000001",
  slow: "b0000000-0000-4000-8000-000000000002",
  larger: "b0000000-0000-4000-8000-000000000003",
  fixed: "b0000000-0000-4000-8000-000000000004",
};

const parameters = {
  $schema: "http://json-schema.org/draft-04/schema#",
  type: "object",
  properties: { colour: { type: "string" }, password: { type: "string" } },
};

function offeringOfTheTest(): MutableOffering {
  const plan = (name: keyof typeof plans, more: object = {}): Mutable => ({
    id: plans[name],
    name,
    description: `The ${name} plan.`,
    free: true,
    bindable: true,
    binding_rotatable: true,
    plan_updateable: true,
    maximum_polling_duration: 600,
    maintenance_info: { version: "1.2.3", description: "A new version." },
    schemas: {
      service_instance: { create: { parameters }, update: { parameters } },
      service_binding: { create: { parameters } },
    },
    ...more,
  });
  return structuredClone({
    id: serviceId,
    name: "things",
    description: "Things for tests.",
    bindable: true,
    instances_retrievable: true,
    bindings_retrievable: true,
    allow_context_updates: true,
    plan_updateable: true,
    tags: ["test"],
    plans: {
      quick: plan("quick"),
      slow: plan("slow"),
      larger: plan("larger"),
      fixed: plan("fixed", { bindable: false, binding_rotatable: false, plan_updateable: false }),
    },
  });
}

const pollsUntilDone = 3;
const allowed = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;

export async function startConformantBroker(
  t: Test,
  defect: Defect = {},
  wishes: BrokerWishes = {},
): Promise<ConformantBroker> {
  const knows = wishes.accepts ?? (async (authorization) => authorization === allowed);
  const things = new Map<string, Thing>();
  const operations = new Map<string, Operation>();
  /** The newest operation of a path, also when it is done. */
  const newest = new Map<string, string>();
  const calls: Call[] = [];
  const offering = offeringOfTheTest();
  defect.catalog?.(offering);
  let tokens = 0;

  const refuse = (status: number, error: string, more: object = {}): Reply => ({
    status,
    body: { error, description: `This cannot be done: ${error}.`, ...more } as JsonObject,
  });
  const busy = () => refuse(422, "ConcurrencyError");
  const gone: Reply = { status: 410, body: {} };
  const missing = () => refuse(404, "NotFound");

  function begin(kind: Operation["kind"], path: string, finish: () => void): string {
    tokens += 1;
    const token = defect.token?.(tokens) ?? `op-${tokens}`;
    operations.set(token, { kind, path, left: pollsUntilDone, state: "in progress", finish });
    newest.set(path, token);
    const thing = things.get(path);
    if (thing !== undefined) thing.running = token;
    return token;
  }

  function end(token: string, state: "succeeded" | "failed"): void {
    const operation = operations.get(token);
    if (operation === undefined) return;
    operation.state = state;
    const thing = things.get(operation.path);
    if (thing?.running === token) delete thing.running;
    if (state === "succeeded") operation.finish();
  }

  const runningOf = (path: string) => operations.get(things.get(path)?.running ?? "");

  function serve(call: Call): Reply {
    const { kind, query, body } = call;
    const path = pathOf(call.path);
    switch (kind) {
      case "catalog":
        return serveCatalog(call);
      case "elsewhere":
        return missing();
      case "fetch":
        return serveFetch(path);
      case "poll":
        return servePoll(path, query.get("operation") ?? newest.get(path));
      case "deprovision":
      case "unbind":
        if (!query.get("service_id") || !query.get("plan_id")) return refuse(400, "MalformedRequest");
        return serveRemoval(call, path);
      default:
        if (body === undefined) return refuse(400, "MalformedRequest");
        if (kind === "provision") return serveOrder(call, path, body);
        return kind === "update" ? serveUpdate(call, path, body) : serveBind(call, path, body);
    }
  }

  function serveCatalog({ headers }: Call): Reply {
    const etag = '"catalog-1"';
    if (headers["if-none-match"] === etag) return { status: 304, body: undefined, headers: { etag } };
    return { status: 200, body: catalogOf(offering), headers: { etag } };
  }

  function serveFetch(path: string): Reply {
    const thing = things.get(path);
    const running = runningOf(path);
    if (thing === undefined || running?.kind === "provision" || running?.kind === "bind") return missing();
    if (running !== undefined) return path.includes("/") ? missing() : busy();
    const shown = path.includes("/") ? {} : { service_id: serviceId, plan_id: thing.planId };
    return { status: 200, body: { ...thing.made, ...shown } };
  }

  function servePoll(path: string, token: string | undefined): Reply {
    const operation = operations.get(token ?? "");
    if (operation === undefined || operation.path !== path || token === undefined) return missing();
    if (operation.state === "in progress" && --operation.left <= 0) end(token, "succeeded");
    const { state } = operation;
    if (state === "in progress")
      return { status: 200, body: { state, description: "working" }, headers: { "retry-after": "0" } };
    return { status: 200, body: { state, ...(state === "failed" && { description: "cancelled" }) } };
  }

  const planOf = (id: unknown) =>
    Object.values(offering.plans).find((plan) => plan.id === id) as JsonObject | undefined;
  const isSlow = (planId: Json | undefined) => planId === plans.slow;
  /** Whoever was ordered slowly stays slow, whatever plan it is moved to. */
  const slow = (path: string) => isSlow(things.get(path.split("/")[0] ?? "")?.asked.plan_id);
  const accepts = ({ query }: Call) => query.get("accepts_incomplete") === "true";
  const isText = (value: unknown) => typeof value === "string" && value !== "";

  function otherMaintenance(planId: unknown, { maintenance_info: info }: JsonObject): boolean {
    const wanted = isJsonObject(info ?? null) ? (info as JsonObject).version : undefined;
    const known = planOf(planId)?.maintenance_info as JsonObject | undefined;
    return wanted !== undefined && wanted !== known?.version;
  }

  function serveOrder(call: Call, path: string, body: JsonObject): Reply {
    const required = ["service_id", "plan_id", "organization_guid", "space_guid"];
    if (!required.every((name) => isText(body[name]))) return refuse(400, "MalformedRequest");
    if (!isJsonObject(body.parameters ?? {})) return refuse(400, "MalformedRequest");
    if (body.service_id !== serviceId || planOf(body.plan_id) === undefined) return refuse(400, "UnknownPlan");
    const planId = String(body.plan_id);
    if (isSlow(planId) && !accepts(call)) return refuse(422, "AsyncRequired");
    const there = things.get(path);
    if (there !== undefined) {
      const running = runningOf(path);
      const same = [...required, "parameters"].every((name) => {
        const before = name === "plan_id" ? there.planId : (there.asked[name] ?? {});
        return sameJson(before, body[name] ?? {});
      });
      if (!same) return refuse(409, "Conflict");
      if (running?.kind === "provision")
        return { status: 202, body: { ...there.made, operation: there.running ?? "" } };
      return running?.kind === "deprovision" ? busy() : { status: 200, body: there.made };
    }
    if (otherMaintenance(planId, body)) return refuse(422, "MaintenanceInfoConflict");
    const made = { dashboard_url: `https://things.example/${path}`, metadata: { labels: { kind: "test" } } };
    things.set(path, { asked: body, made, planId });
    if (!isSlow(planId)) return { status: 201, body: made };
    return { status: 202, body: { ...made, operation: begin("provision", path, () => {}) } };
  }

  function serveUpdate(call: Call, path: string, body: JsonObject): Reply {
    if (!isText(body.service_id)) return refuse(400, "MalformedRequest");
    const thing = things.get(path);
    if (body.plan_id !== undefined && planOf(body.plan_id) === undefined) return refuse(400, "UnknownPlan");
    if (thing === undefined) return missing();
    const planId = String(body.plan_id ?? thing.planId);
    const running = runningOf(path);
    if (running?.kind === "update" && planId !== thing.planId)
      return { status: 202, body: { operation: thing.running ?? "" } };
    if (running !== undefined) return busy();
    if (otherMaintenance(planId, body)) return refuse(422, "MaintenanceInfoConflict");
    if (planId === thing.planId) return { status: 200, body: {} };
    if (planOf(thing.planId)?.plan_updateable !== true)
      return refuse(422, "PlanChangeNotSupported", { update_repeatable: false });
    const finish = () => {
      thing.planId = planId;
    };
    if (slow(path)) {
      if (!accepts(call)) return refuse(422, "AsyncRequired");
      return { status: 202, body: { operation: begin("update", path, finish) } };
    }
    finish();
    return { status: 200, body: {} };
  }

  function serveBind(call: Call, path: string, body: JsonObject): Reply {
    const instancePath = path.split("/")[0] ?? "";
    const instance = things.get(instancePath);
    const predecessor = body.predecessor_binding_id;
    const named = isText(body.service_id) && isText(body.plan_id);
    if (predecessor === undefined && !named) return refuse(400, "MalformedRequest");
    if (instance === undefined) return missing();
    if (slow(path) && !accepts(call)) return refuse(422, "AsyncRequired");
    const there = things.get(path);
    if (there !== undefined) {
      const same = ["service_id", "plan_id", "parameters", "app_guid", "predecessor_binding_id"].every((name) =>
        sameJson(there.asked[name] ?? {}, body[name] ?? {}),
      );
      if (!same) return refuse(409, "Conflict");
      const running = runningOf(path);
      if (running?.kind === "bind") return { status: 202, body: { operation: there.running ?? "" } };
      return running === undefined ? { status: 200, body: there.made } : busy();
    }
    if (instance.running !== undefined) return busy();
    if (planOf(instance.planId)?.bindable !== true) return refuse(400, "NotBindable");
    if (predecessor !== undefined && !things.has(`${instancePath}/${String(predecessor)}`))
      return refuse(400, "InvalidPredecessor");
    const made = {
      credentials: { host: "things.example", username: path.slice(-8), password: secretOf(path) },
      endpoints: [{ host: "things.example", ports: ["5432"] }],
      metadata: { expires_at: "2031-12-31T23:59:59.0Z", renew_before: "2031-11-30T23:59:59.0Z" },
    };
    things.set(path, { asked: body, made, planId: instance.planId });
    if (!slow(path)) return { status: 201, body: made };
    return { status: 202, body: { operation: begin("bind", path, () => {}) } };
  }

  function serveRemoval(call: Call, path: string): Reply {
    const thing = things.get(path);
    if (thing === undefined) return gone;
    const running = runningOf(path);
    if (slow(path) && !accepts(call)) return refuse(422, "AsyncRequired");
    if (running?.kind === "deprovision" || running?.kind === "unbind")
      return { status: 202, body: { operation: thing.running ?? "" } };
    if (running?.kind === "update") return busy();
    // A creation under way is halted.
    if (thing.running !== undefined) end(thing.running, "failed");
    const finish = () => {
      for (const name of things.keys()) if (name === path || name.startsWith(`${path}/`)) things.delete(name);
    };
    if (slow(path))
      return { status: 202, body: { operation: begin(path.includes("/") ? "unbind" : "deprovision", path, finish) } };
    finish();
    return { status: 200, body: {} };
  }

  /** What comes before the route: who asks, and in which version. */
  function atTheDoor({ headers }: Call, welcome: boolean): Reply | undefined {
    if (!welcome) return { ...refuse(401, "Unauthorized"), headers: { "www-authenticate": "Basic" } };
    const version = headers["x-broker-api-version"];
    if (version === undefined) return refuse(400, "ApiVersionMissing");
    return /^2\.\d+$/.test(String(version)) ? undefined : refuse(412, "ApiVersionUnsupported");
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const raw = await text(request);
    const [path = "", query = ""] = (request.url ?? "").split("?");
    const call: Call = {
      method: request.method ?? "",
      path,
      query: new URLSearchParams(query),
      headers: request.headers,
      names: request.rawHeaders.filter((_, index) => index % 2 === 0),
      raw,
      body: readObject(raw),
      kind: kindOf(request.method ?? "", path),
    };
    calls.push(call);
    const welcome = await knows(request.headers.authorization);
    const replied = defect.instead?.(call, broker) ?? atTheDoor(call, welcome) ?? serve(call);
    if (replied === "no answer") {
      response.destroy();
      return;
    }
    const { status, body, headers = {} } = defect.spoil?.(replied, call, broker) ?? replied;
    const identity = request.headers["x-broker-api-request-identity"];
    const all = {
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(identity !== undefined && { "x-broker-api-request-identity": String(identity) }),
      ...headers,
    };
    const sent = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
    response.writeHead(status, Object.fromEntries(sent)).end(body === undefined ? "" : JSON.stringify(body));
  }

  const listen = (request: IncomingMessage, response: ServerResponse) => void handle(request, response);
  const server = wishes.tls === undefined ? createServer(listen) : createTlsServer(wishes.tls, listen);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const broker: ConformantBroker = {
    url: `${wishes.tls === undefined ? "http" : "https"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    things,
    operations,
    serve,
  };
  return broker;
}

/** The body of the catalog. */
export const catalogOf = (offering: MutableOffering): JsonObject =>
  ({ services: [{ ...offering, plans: Object.values(offering.plans) }] }) as unknown as JsonObject;

/** `INSTANCE` or `INSTANCE/BINDING`. */
export function pathOf(path: string): string {
  return path
    .replace(/^\/v2\/service_instances\//, "")
    .replace(/\/last_operation$/, "")
    .replace("/service_bindings/", "/");
}

function kindOf(method: string, path: string): Kind {
  if (path === "/v2/catalog") return "catalog";
  const [, binding, poll] =
    /^\/v2\/service_instances\/[^/]+(\/service_bindings\/[^/]+)?(\/last_operation)?$/.exec(path) ?? [];
  if (!/^\/v2\/service_instances\/[^/]+/.test(path) || path.includes("%zz")) return "elsewhere";
  if (poll !== undefined) return "poll";
  if (method === "GET") return "fetch";
  if (method === "DELETE") return binding === undefined ? "deprovision" : "unbind";
  if (method === "PATCH") return "update";
  return binding === undefined ? "provision" : "bind";
}

function readObject(raw: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(raw);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
