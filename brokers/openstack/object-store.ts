/** The object store an order is about: a session in its project and region, where Swift is. */
import type { Order, Tools } from "#adapter";
import type { Cloud, Session } from "./client.ts";
import { readObjectFacts, readObjectPlan } from "./object-plan.ts";
import { sessionToFind } from "./projects.ts";

/** Undefined: there is no project that could hold the order's container. Throws where the region has no Swift. */
export async function findStore(cloud: Cloud, order: Order, { signal }: Tools): Promise<Session | undefined> {
  const { region } = readObjectPlan(order.plan.backend);
  const session = await sessionToFind(cloud, order, readObjectFacts(order), region, signal);
  if (session !== undefined && session.endpoint("object-store") === undefined)
    throw new Error(`The cloud has no Swift (object-store) in region ${session.region}, or not for this project.`);
  return session;
}

/** A region that a cloud has is one with any of the services that are used here. */
export function hasRegion(session: Session): boolean {
  return (["object-store", "compute", "network"] as const).some((service) => session.endpoint(service) !== undefined);
}
