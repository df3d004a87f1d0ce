/** Limits of platforms, which refuse the catalog as a whole where one is passed. */
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { BrokerContext } from "../check.ts";
import { isText, nameOf, planName } from "./catalog-check.ts";

/** What the two platforms check beyond the specification. */
export function platformLimits(context: BrokerContext): readonly string[] {
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
