/** Adoption: instances that existed at a provider before Lotse. */
import type { FastifyInstance } from "fastify";
import type { AdoptionObstacle, AdoptionWish } from "../core/adoption.ts";
import { actorOf } from "./desk.ts";
import type { AdminParts } from "./parts.ts";
import { Problem, problemResponse } from "./problem.ts";
import { describeRoute, text } from "./shapes.ts";

const id = { type: "string", minLength: 1, maxLength: 255 } as const;
const free = { type: "object", additionalProperties: true } as const;

const wish = {
  type: "object",
  additionalProperties: false,
  required: ["platform", "instanceId", "offeringId", "planId", "organization", "space", "reference"],
  properties: {
    dryRun: { type: "boolean", default: true, description: "True: look and tell, write nothing." },
    platform: { ...id, description: "Name of the platform it belongs to." },
    instanceId: { ...id, description: "What the platform calls it." },
    offeringId: { ...id, description: "As in Lotse's catalog." },
    planId: { ...id, description: "As in Lotse's catalog." },
    organization: { ...id, description: "The platform's organization_guid." },
    space: { ...id, description: "The platform's space_guid." },
    reference: { ...id, description: "What the provider calls it; for an OSB broker its instance id." },
    parameters: { ...free, description: "Absent: as the provider has them, where it tells." },
    context: free,
    unseen: { type: "boolean", description: "You know that it is there, where the provider cannot be asked." },
    bindings: {
      type: "array",
      maxItems: 100,
      items: {
        type: "object",
        additionalProperties: false,
        required: ["bindingId", "reference"],
        properties: { bindingId: id, reference: id, appGuid: id, parameters: free },
      },
    },
  },
} as const;

const report = {
  type: "object",
  properties: {
    dryRun: { type: "boolean" },
    written: { type: "boolean" },
    obstacles: {
      type: "array",
      items: { type: "object", properties: { code: text, detail: text, bindingId: text } },
      description: "Everything in the way.",
    },
    notes: { type: "array", items: text },
    instance: {
      type: "object",
      properties: {
        id: { type: "string", description: "Lotse's own id of it; a dry run's is not kept." },
        provider: text,
        planId: text,
        instanceId: text,
        organization: text,
        space: text,
        parameters: { type: "array", items: text, description: "Their names." },
        dashboardUrl: text,
      },
    },
    bindings: {
      type: "array",
      items: {
        type: "object",
        properties: {
          id: text,
          bindingId: text,
          credentials: { type: "boolean", description: "They were read, and Lotse will hand them out." },
        },
      },
    },
  },
} as const;

export function addAdoptionRoutes(app: FastifyInstance, { orphans }: AdminParts): void {
  app.post(
    "/adoptions",
    {
      config: { action: "adoption.manage" },
      schema: describeRoute("Take over an instance that existed before Lotse; a dry run unless dryRun is false", {
        body: wish,
        response: { 200: report, 201: report, default: problemResponse },
      }),
    },
    async (request, reply) => {
      const { dryRun = true, ...rest } = request.body as AdoptionWish & { readonly dryRun?: boolean };
      const done = await orphans.adopting.adopt(rest, dryRun, actorOf(request));
      if (!dryRun && !done.written)
        throw new Problem("NotAdoptable", { errors: done.obstacles.map((each) => placed(each, rest)) });
      return reply.code(done.written ? 201 : 200).send(done);
    },
  );
}

/** Where in the body the obstacle is. */
function placed({ code, detail, bindingId }: AdoptionObstacle, { bindings = [] }: AdoptionWish) {
  const index = bindingId === undefined ? -1 : bindings.findIndex((binding) => binding.bindingId === bindingId);
  return { pointer: index === -1 ? "#" : `#/bindings/${index}`, detail: `${code}: ${detail}` };
}
