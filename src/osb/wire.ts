/** The wire's words and ours: every snake_case name of the OSB API is read and written here and nowhere else. */

import type { Json, JsonObject } from "../core/json.ts";
import { isJsonObject } from "../core/json.ts";
import type { Offering, Plan } from "../core/model.ts";
import { malformed, type Refusal } from "../core/refusal.ts";
import { Secret } from "../core/secret.ts";
import { Refused } from "../http/errors.ts";

// Platforms keep ids in columns of 255 characters (Cloud Controller, varchar(255)).
const longestId = 255;
const controlCharacters = /\p{Cc}/u;

function bad(description: string): Refused {
  return new Refused(malformed(description));
}

/** An id from the path: any characters but control characters. */
export function readId(value: string | undefined, name: string): string {
  if (value === undefined || value === "") throw bad(`The path needs a ${name}.`);
  if (value.length > longestId) throw bad(`${name} is longer than ${longestId} characters.`);
  if (controlCharacters.test(value) || !value.isWellFormed()) throw bad(`${name} must not hold control characters.`);
  return value;
}

export type Query = { readonly [name: string]: string | string[] | undefined };

export function readAcceptsIncomplete(query: Query): boolean {
  const value = query.accepts_incomplete;
  if (value === undefined || value === "" || value === "false") return false;
  if (value === "true") return true;
  throw bad("accepts_incomplete must be true or false.");
}

/** A query value; empty counts as absent, as some platforms send empty ones. */
export function readQuery(query: Query, name: string): string | undefined {
  const value = query[name];
  if (Array.isArray(value)) throw bad(`${name} was sent more than once.`);
  if (value !== undefined && (value.includes("\u0000") || !value.isWellFormed()))
    throw bad(`${name} holds forbidden characters.`);
  return value === "" ? undefined : value;
}

export function readText(body: JsonObject, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw bad(`${name} must be a string.`);
  return value === "" ? undefined : value;
}

export function requireText(body: JsonObject, name: string): string {
  const value = readText(body, name);
  if (value === undefined) throw bad(`${name} is required and must be a non-empty string.`);
  return value;
}

export function readObject(body: JsonObject, name: string): JsonObject | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) throw bad(`${name} must be an object.`);
  return value;
}

export function readParameters(body: JsonObject): Secret<JsonObject> | undefined {
  const parameters = readObject(body, "parameters");
  return parameters === undefined ? undefined : new Secret(parameters);
}

/** Only `version` counts; without it the whole object counts as absent, as some platforms send it. */
export function readMaintenanceVersion(body: JsonObject): string | undefined {
  const info = readObject(body, "maintenance_info");
  return info === undefined ? undefined : readText(info, "version");
}

export function refusalBody(refusal: Refusal): JsonObject {
  return {
    error: refusal.error,
    description: refusal.description,
    ...(refusal.usable !== undefined && { instance_usable: refusal.usable }),
    ...(refusal.repeatable !== undefined && { update_repeatable: refusal.repeatable }),
  };
}

const texts = new WeakMap<Plan, string>();

/**
 * GET /v2/catalog as JSON text: optional fields are left out rather than null, as Cloud Controller refuses nulls. The text
 * of each plan is made once: after a change of one most are as they were.
 */
export function catalogText(offerings: readonly Offering[]): string {
  const services = offerings.map((offering) => {
    const head = JSON.stringify(offeringBody(offering));
    return `${head.slice(0, -1)},"plans":[${offering.plans.map(planText).join()}]}`;
  });
  return `{"services":[${services.join()}]}`;
}

function planText(plan: Plan): string {
  let text = texts.get(plan);
  if (text === undefined) {
    text = JSON.stringify(planBody(plan));
    texts.set(plan, text);
  }
  return text;
}

function offeringBody(offering: Offering): JsonObject {
  return {
    name: offering.name,
    id: offering.id,
    description: offering.description,
    ...(offering.tags !== undefined && { tags: offering.tags }),
    ...(offering.requires !== undefined && { requires: offering.requires }),
    bindable: offering.bindable,
    instances_retrievable: true,
    bindings_retrievable: true,
    allow_context_updates: offering.allowContextUpdates,
    plan_updateable: offering.planUpdateable,
    metadata: offering.metadata,
  };
}

function planBody(plan: Plan): Json {
  const { create, update, bind } = plan.schemas;
  const instance = {
    ...(create !== undefined && { create: { parameters: create } }),
    ...(update !== undefined && { update: { parameters: update } }),
  };
  const schemas = {
    ...(Object.keys(instance).length > 0 && { service_instance: instance }),
    ...(bind !== undefined && plan.bindable && { service_binding: { create: { parameters: bind } } }),
  };
  return {
    id: plan.id,
    name: plan.name,
    description: plan.description,
    free: plan.free,
    bindable: plan.bindable,
    binding_rotatable: plan.bindingRotatable,
    plan_updateable: plan.planUpdateable,
    maximum_polling_duration: plan.maximumPollingDuration,
    ...(plan.maintenanceInfo !== undefined && { maintenance_info: { ...plan.maintenanceInfo } }),
    ...(Object.keys(schemas).length > 0 && { schemas }),
    metadata: plan.metadata,
  };
}
