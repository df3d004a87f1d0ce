/** The ten routes of the Open Service Broker API 2.17. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { JsonObject } from "../core/json.ts";
import type { Caller } from "../core/model.ts";
import { refuse } from "../core/refusal.ts";
import { Secret } from "../core/secret.ts";
import type { Switches } from "../core/switches.ts";
import { Refused } from "../http/errors.ts";
import type { Reply } from "../lifecycle/carry-out.ts";
import type { Lifecycle } from "../lifecycle/lifecycle.ts";
import type { CatalogResponse } from "./catalog-response.ts";
import { documented } from "./documents.ts";
import {
  type Query,
  readAcceptsIncomplete,
  readId,
  readMaintenanceVersion,
  readObject,
  readParameters,
  readQuery,
  readText,
  refusalBody,
  requireText,
} from "./wire.ts";

export interface OsbParts {
  readonly lifecycle: Lifecycle;
  readonly catalog: () => CatalogResponse;
  readonly switches: Switches;
  readonly callerOf: (request: FastifyRequest) => Caller;
}

type Params = { readonly instance_id: string; readonly binding_id: string };

export function addOsbRoutes(app: FastifyInstance, parts: OsbParts): void {
  const { lifecycle, callerOf } = parts;
  const instance = "/service_instances/:instance_id";
  const binding = `${instance}/service_bindings/:binding_id`;
  const param = (request: FastifyRequest, name: keyof Params) => readId((request.params as Params)[name], name);
  const query = (request: FastifyRequest) => request.query as Query;
  const body = (request: FastifyRequest): JsonObject => {
    if (request.body === undefined || request.body === null)
      throw new Refused(refuse(400, "MalformedRequest", "The request needs a JSON body."));
    return request.body as JsonObject;
  };

  app.get("/catalog", documented.catalog, (request, reply) => sendCatalog(parts, request, reply));

  app.put(instance, documented.provision, async (request, reply) => {
    const given = body(request);
    const context = readObject(given, "context") ?? {};
    const maintenanceVersion = readMaintenanceVersion(given);
    const answer = await lifecycle.provision({
      caller: callerOf(request),
      instanceId: param(request, "instance_id"),
      offeringId: requireText(given, "service_id"),
      planId: requireText(given, "plan_id"),
      organization: organisationOf(given, "organization_guid", parts.switches),
      space: organisationOf(given, "space_guid", parts.switches),
      parameters: readParameters(given) ?? new Secret({}),
      context,
      acceptsIncomplete: readAcceptsIncomplete(query(request)),
      ...(maintenanceVersion !== undefined && { maintenanceVersion }),
    });
    return send(reply, answer);
  });

  app.get(instance, documented.fetchInstance, async (request, reply) =>
    send(reply, await lifecycle.fetchInstance(callerOf(request).platform.id, param(request, "instance_id"))),
  );

  app.patch(instance, documented.update, async (request, reply) => {
    const given = body(request);
    const planId = readText(given, "plan_id");
    const parameters = readParameters(given);
    const context = readObject(given, "context");
    const maintenanceVersion = readMaintenanceVersion(given);
    readObject(given, "previous_values");
    const answer = await lifecycle.update({
      caller: callerOf(request),
      instanceId: param(request, "instance_id"),
      offeringId: requireText(given, "service_id"),
      acceptsIncomplete: readAcceptsIncomplete(query(request)),
      ...(planId !== undefined && { planId }),
      ...(parameters !== undefined && { parameters }),
      ...(context !== undefined && { context }),
      ...(maintenanceVersion !== undefined && { maintenanceVersion }),
    });
    return send(reply, answer);
  });

  app.delete(instance, documented.deprovision, async (request, reply) => {
    const offeringId = readQuery(query(request), "service_id");
    const planId = readQuery(query(request), "plan_id");
    if (offeringId === undefined || planId === undefined)
      throw new Refused(refuse(400, "MalformedRequest", "The query needs service_id and plan_id."));
    const ask = {
      caller: callerOf(request),
      instanceId: param(request, "instance_id"),
      acceptsIncomplete: readAcceptsIncomplete(query(request)),
    };
    return send(reply, await lifecycle.deprovision(ask, { offeringId, planId }));
  });

  app.get(`${instance}/last_operation`, documented.instanceLastOperation, async (request, reply) => {
    const operation = readQuery(query(request), "operation");
    const answer = await lifecycle.lastOperation({
      platformId: callerOf(request).platform.id,
      instanceId: param(request, "instance_id"),
      ...(operation !== undefined && { operation }),
    });
    return send(reply, answer);
  });

  app.put(binding, documented.bind, async (request, reply) => {
    const given = body(request);
    const predecessor = readText(given, "predecessor_binding_id");
    const rotation = predecessor !== undefined;
    const offeringId = rotation ? readText(given, "service_id") : requireText(given, "service_id");
    const planId = rotation ? readText(given, "plan_id") : requireText(given, "plan_id");
    const resource = readObject(given, "bind_resource");
    const appGuid = (resource && readText(resource, "app_guid")) ?? readText(given, "app_guid");
    const parameters = readParameters(given);
    const answer = await lifecycle.bind({
      caller: callerOf(request),
      instanceId: param(request, "instance_id"),
      bindingId: param(request, "binding_id"),
      context: readObject(given, "context") ?? {},
      acceptsIncomplete: readAcceptsIncomplete(query(request)),
      ...(offeringId !== undefined && { offeringId }),
      ...(planId !== undefined && { planId }),
      ...(appGuid !== undefined && { appGuid }),
      ...(resource !== undefined && { bindResource: resource }),
      ...(parameters !== undefined && { parameters }),
      ...(predecessor !== undefined && { predecessor }),
    });
    return send(reply, answer);
  });

  app.get(binding, documented.fetchBinding, async (request, reply) =>
    send(
      reply,
      await lifecycle.fetchBinding(
        callerOf(request).platform.id,
        param(request, "instance_id"),
        param(request, "binding_id"),
      ),
    ),
  );

  app.delete(binding, documented.unbind, async (request, reply) => {
    const offeringId = readQuery(query(request), "service_id");
    const planId = readQuery(query(request), "plan_id");
    const answer = await lifecycle.unbind({
      caller: callerOf(request),
      instanceId: param(request, "instance_id"),
      bindingId: param(request, "binding_id"),
      acceptsIncomplete: readAcceptsIncomplete(query(request)),
      ...(offeringId !== undefined && { offeringId }),
      ...(planId !== undefined && { planId }),
    });
    return send(reply, answer);
  });

  app.get(`${binding}/last_operation`, documented.bindingLastOperation, async (request, reply) => {
    const operation = readQuery(query(request), "operation");
    const answer = await lifecycle.lastOperation({
      platformId: callerOf(request).platform.id,
      instanceId: param(request, "instance_id"),
      bindingId: param(request, "binding_id"),
      ...(operation !== undefined && { operation }),
    });
    return send(reply, answer);
  });
}

/** Required by OSB although deprecated; an operator may let platforms leave it out. */
function organisationOf(body: JsonObject, name: string, switches: Switches): string {
  return switches.requireOrgSpaceGuid ? requireText(body, name) : (readText(body, name) ?? "");
}

function send(reply: FastifyReply, answer: Reply): FastifyReply {
  if ("refusal" in answer) {
    const { refusal } = answer;
    // A deletion of what is not there is told with an empty object: some clients refuse anything else.
    return reply.code(refusal.status).send(refusal.status === 410 ? {} : refusalBody(refusal));
  }
  const { status, body, retryAfter } = answer.answer;
  if (retryAfter !== undefined) reply.header("retry-after", String(retryAfter));
  return reply.code(status).send(body);
}

function sendCatalog(parts: OsbParts, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, headers, body } = parts.catalog().answer(parts.callerOf(request).platform, request.headers);
  return reply.code(status).headers(headers).send(body);
}
