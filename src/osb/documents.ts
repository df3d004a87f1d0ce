/** What each route says of itself in openapi/osb.json. Bodies are checked by hand (wire.ts), so schemas only document. */
import type { RouteShorthandOptions } from "fastify";

const object = (properties: Record<string, object>, required: string[] = []) => ({
  type: "object",
  additionalProperties: true,
  properties,
  ...(required.length > 0 && { required }),
});
const text = { type: "string" };
const free = { type: "object", additionalProperties: true };
const maintenance = object({ version: text, description: text }, ["version"]);
const metadata = object({ labels: free, attributes: free });

const errorBody = object({
  error: { type: "string", description: "One of the codes listed under x-error-codes." },
  description: text,
  instance_usable: { type: "boolean" },
  update_repeatable: { type: "boolean" },
});

const instanceBody = object({ dashboard_url: text, operation: text, metadata });
const bindingBody = object({
  credentials: free,
  endpoints: { type: "array", items: object({ host: text, ports: { type: "array", items: text }, protocol: text }) },
  syslog_drain_url: text,
  route_service_url: text,
  volume_mounts: { type: "array", items: free },
  metadata: object({ expires_at: text, renew_before: text }),
  parameters: free,
});
const operationBody = object({ operation: text });
const stateBody = object(
  {
    state: { enum: ["in progress", "succeeded", "failed"] },
    description: text,
    instance_usable: { type: "boolean" },
    update_repeatable: { type: "boolean" },
  },
  ["state"],
);

const headers = object({
  "x-broker-api-version": { type: "string", description: "Required, for example 2.17." },
  "x-broker-api-originating-identity": text,
  "x-broker-api-request-identity": text,
});
const instanceParams = object({ instance_id: text }, ["instance_id"]);
const bindingParams = object({ instance_id: text, binding_id: text }, ["instance_id", "binding_id"]);
const incomplete = { accepts_incomplete: { type: "boolean" } };
const hints = { service_id: text, plan_id: text };

interface Said {
  readonly summary: string;
  readonly params?: object;
  readonly query?: Record<string, object>;
  readonly body?: object;
  readonly ok: Record<number, object>;
  readonly refused: readonly number[];
}

function say({ summary, params, query, body, ok, refused }: Said): RouteShorthandOptions {
  const said = (description: string, schema: object) => ({
    description,
    content: { "application/json": { schema } },
  });
  const response: Record<string, object> = {};
  for (const [status, schema] of Object.entries(ok))
    response[status] = said("As the Open Service Broker API says.", schema);
  for (const status of [...refused, 400, 401, 412, 500, 503]) response[status] = said("Refused.", errorBody);
  return {
    // Documents only: what is sent is not put through a schema again.
    validatorCompiler: () => () => true,
    serializerCompiler: () => (value) => JSON.stringify(value),
    schema: {
      summary,
      security: [{ basic: [] }],
      headers,
      ...(params !== undefined && { params }),
      ...(query !== undefined && { querystring: object(query) }),
      ...(body !== undefined && { body }),
      response,
    } as NonNullable<RouteShorthandOptions["schema"]>,
  };
}

const provisionBody = object(
  {
    service_id: text,
    plan_id: text,
    organization_guid: text,
    space_guid: text,
    context: free,
    parameters: free,
    maintenance_info: maintenance,
  },
  ["service_id", "plan_id", "organization_guid", "space_guid"],
);
const updateBody = object(
  {
    service_id: text,
    plan_id: text,
    context: free,
    parameters: free,
    previous_values: free,
    maintenance_info: maintenance,
  },
  ["service_id"],
);
const bindBody = object({
  service_id: text,
  plan_id: text,
  app_guid: text,
  bind_resource: object({ app_guid: text, route: text }),
  context: free,
  parameters: free,
  predecessor_binding_id: { type: "string", description: "Rotation: service_id and plan_id may then be left out." },
});

export const documented = {
  catalog: say({
    summary: "The catalog",
    ok: { 200: object({ services: { type: "array", items: free } }, ["services"]) },
    refused: [],
  }),
  provision: say({
    summary: "Provision a service instance",
    params: instanceParams,
    query: incomplete,
    body: provisionBody,
    ok: { 200: instanceBody, 201: instanceBody, 202: instanceBody },
    refused: [409, 422],
  }),
  fetchInstance: say({
    summary: "Fetch a service instance",
    params: instanceParams,
    query: hints,
    ok: { 200: object({ ...hints, dashboard_url: text, parameters: free, maintenance_info: maintenance, metadata }) },
    refused: [404, 422],
  }),
  update: say({
    summary: "Update a service instance",
    params: instanceParams,
    query: incomplete,
    body: updateBody,
    ok: { 200: instanceBody, 202: instanceBody },
    refused: [404, 422],
  }),
  deprovision: say({
    summary: "Deprovision a service instance",
    params: instanceParams,
    query: { ...hints, ...incomplete },
    ok: { 200: object({}), 202: operationBody, 410: object({}) },
    refused: [422],
  }),
  instanceLastOperation: say({
    summary: "Poll the last operation of a service instance",
    params: instanceParams,
    query: { ...hints, operation: text },
    ok: { 200: stateBody, 410: object({}) },
    refused: [404],
  }),
  bind: say({
    summary: "Create or rotate a service binding",
    params: bindingParams,
    query: incomplete,
    body: bindBody,
    ok: { 200: bindingBody, 201: bindingBody, 202: operationBody },
    refused: [404, 409, 422],
  }),
  fetchBinding: say({
    summary: "Fetch a service binding",
    params: bindingParams,
    query: hints,
    ok: { 200: bindingBody },
    refused: [404],
  }),
  unbind: say({
    summary: "Delete a service binding",
    params: bindingParams,
    query: { ...hints, ...incomplete },
    ok: { 200: object({}), 202: operationBody, 410: object({}) },
    refused: [422],
  }),
  bindingLastOperation: say({
    summary: "Poll the last operation of a service binding",
    params: bindingParams,
    query: { ...hints, operation: text },
    ok: { 200: stateBody, 410: object({}) },
    refused: [404],
  }),
} as const;
