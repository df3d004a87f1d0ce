/** What a vendor handed out, in Lotse's words. Whatever is not as the contract says is left out. */
import type { Access, Endpoint, Json, JsonObject, Made } from "#adapter";
import type { Reading } from "./mapping.ts";
import type { AnyOrder } from "./scope.ts";
import { factsOf, isBinding } from "./scope.ts";
import { fill, textAt } from "./template.ts";

export function madeOf(order: AnyOrder, body: Json | undefined, reading: Reading): Made {
  const number = textAt(body, reading.number);
  const before = factsOf(isBinding(order) ? order.binding.facts : order.instance.facts).number;
  const fresh = number !== undefined && number !== before;
  const facts = fresh ? { facts: { number } } : {};
  if (isBinding(order)) {
    const access = accessOf(body, reading);
    return { ...facts, ...(access !== undefined && { access }) };
  }
  const dashboardUrl = webAddress(textAt(body, reading.dashboardUrl));
  return { ...facts, ...(dashboardUrl !== undefined && { dashboardUrl }) };
}

/** People click on it, so it leads to the web and nowhere else. */
function webAddress(text: string | undefined): string | undefined {
  return text !== undefined && /^https?:\/\//i.test(text) && URL.canParse(text) ? text : undefined;
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function accessOf(body: Json | undefined, { access: template }: Reading): Access | undefined {
  const said = template === undefined || body === undefined ? undefined : fill(template, body);
  if (!isObject(said) || !isObject(said.credentials) || Object.keys(said.credentials).length === 0) return undefined;
  const endpoints = Array.isArray(said.endpoints) ? said.endpoints.flatMap(endpointOf) : [];
  const expires = typeof said.expiresAt === "string" ? Date.parse(said.expiresAt) : Number.NaN;
  return {
    credentials: said.credentials,
    ...(endpoints.length > 0 && { endpoints }),
    ...(!Number.isNaN(expires) && { expiresAt: new Date(expires).toISOString() }),
  };
}

function endpointOf(value: Json): Endpoint[] {
  if (!isObject(value) || typeof value.host !== "string" || !Array.isArray(value.ports)) return [];
  return [{ host: value.host, ports: value.ports.map(String), protocol: "tcp" }];
}
