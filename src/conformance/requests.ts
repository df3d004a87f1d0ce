/** The requests of the life cycle as a platform sends them, for one plan. */
import type { JsonObject } from "../core/json.ts";
import type { PlanContext } from "./check.ts";
import type { Exchange, Method, Question } from "./client.ts";
import { type Ending, followToEnd, pollQuery } from "./poll.ts";

export const organization = "11111111-1111-4111-8111-111111111111";
export const otherOrganization = "22222222-2222-4222-8222-222222222222";
const space = "33333333-3333-4333-8333-333333333333";
export const app = "44444444-4444-4444-8444-444444444444";

/** The name of an extension that no broker knows. */
export const unknownField = "x-lotse-conformance";

/** How the kit is called where a platform would name its user. */
export const originatingIdentity = `cloudfoundry ${Buffer.from(
  JSON.stringify({ user_id: "55555555-5555-4555-8555-555555555555" }),
).toString("base64")}`;

const contextOf = (more: JsonObject = {}): JsonObject => ({
  platform: "cloudfoundry",
  organization_guid: organization,
  organization_name: "conformance",
  space_guid: space,
  space_name: "conformance",
  ...more,
});

export const incomplete = { accepts_incomplete: "true" } as const;

export type Hints = { readonly service_id: string; readonly plan_id: string };

export interface Requests {
  readonly hints: Hints;
  /** The path of a new instance. */
  instance(): string;
  /** The path of a new binding. */
  binding(instance: string): string;
  order(more?: JsonObject): JsonObject;
  access(more?: JsonObject): JsonObject;
  put(path: string, body: JsonObject, query?: Question["query"], headers?: Question["headers"]): Promise<Exchange>;
  patch(path: string, body: JsonObject, query?: Question["query"]): Promise<Exchange>;
  get(path: string, query?: Question["query"]): Promise<Exchange>;
  remove(path: string, query?: Question["query"]): Promise<Exchange>;
  poll(path: string, accepted: Exchange | undefined): Promise<Exchange>;
  /** Until the operation that a 202 began is done. */
  follow(path: string, accepted: Exchange): Promise<Ending>;
}

export function requestsFor({ client, plan, newId, target, pace, ledger, signal }: PlanContext): Requests {
  const hints = { service_id: plan.serviceId, plan_id: plan.id };
  const ask = (method: Method, path: string, more: Partial<Question> = {}) => client.ask({ method, path, ...more });
  const byUser = { "x-broker-api-originating-identity": originatingIdentity };
  return {
    hints,
    instance: () => `/v2/service_instances/${newId()}`,
    binding: (instance) => `${instance}/service_bindings/${newId()}`,
    order: (more = {}) => ({
      ...hints,
      organization_guid: organization,
      space_guid: space,
      context: contextOf({ instance_name: "conformance" }),
      ...(target.parameters !== undefined && { parameters: target.parameters }),
      ...(plan.maintenanceVersion !== undefined && { maintenance_info: { version: plan.maintenanceVersion } }),
      ...more,
    }),
    access: (more = {}) => ({
      ...hints,
      context: contextOf(),
      app_guid: app,
      bind_resource: { app_guid: app, space_guid: space },
      ...(target.bindParameters !== undefined && { parameters: target.bindParameters }),
      ...more,
    }),
    put: (path, body, query = incomplete, headers = {}) =>
      ask("PUT", path, { body, query, headers: { ...byUser, ...headers } }),
    patch: (path, body, query = incomplete) => ask("PATCH", path, { body, query, headers: byUser }),
    get: (path, query = hints) => ask("GET", path, { query }),
    remove: (path, query = { ...hints, ...incomplete }) => ask("DELETE", path, { query }),
    poll: (path, accepted) => ask("GET", `${path}/last_operation`, { query: pollQuery(hints, accepted) }),
    async follow(path, accepted) {
      const ending = await followToEnd(client.ask, path, pollQuery(hints, accepted), pace, signal);
      const deleted = accepted.question.method === "DELETE" && ["succeeded", "gone"].includes(ending.state);
      if (deleted) ledger.gone(path);
      return ending;
    },
  };
}

/** Context alone, as it comes when an instance is renamed. */
export const renamed = (): JsonObject => contextOf({ instance_name: "conformance-renamed" });

/** Whether the request led to what it asked for: at once, or in the end. */
export const achieved = (accepted: Exchange | undefined, ending: Ending | undefined): boolean => {
  const status = accepted?.answer?.status;
  if (status === 200 || status === 201) return true;
  return status === 202 && (ending?.state === "succeeded" || ending?.state === "gone");
};
