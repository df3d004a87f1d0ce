/** Makes and takes back access: a database role of its own for every binding, and a tag that tells of it. */
import type { BindingOrder, Made, Outcome, Tools } from "#adapter";
import { bind as bindRole, fetchBinding as fetchRole, unbind as unbindRole } from "../postgresql/access.ts";
import type { Server } from "../postgresql/server.ts";
import { insideOrder, openServer, readFacts } from "./inside.ts";
import type { Provider } from "./instance.ts";
import { bindingTag, mostBindings, readBindingTag, serverName } from "./names.ts";
import type { DatabaseServer } from "./rds.ts";
import { noteOfStatus } from "./words.ts";

interface Place {
  readonly server: DatabaseServer;
  readonly inside: Server;
}

/** Undefined: there is no database. Throws while it cannot be reached. */
async function findPlace({ account, rds }: Provider, order: BindingOrder, tools: Tools): Promise<Place | undefined> {
  const server = await rds.find(serverName(order.instance.id), tools.signal);
  const facts = readFacts(order.instance.facts);
  if (server === undefined || facts === undefined) return undefined;
  if (server.endpoint === undefined || server.status === "deleting") throw new Error(noteOfStatus(server.status));
  return { server, inside: openServer(account, server.endpoint, facts.password) };
}

/** The tag comes first and goes last, so that no role is without one. */
export async function bind(provider: Provider, order: BindingOrder, tools: Tools): Promise<Outcome> {
  const place = await findPlace(provider, order, tools);
  if (place === undefined)
    return { state: "failed", reason: "The database does not exist at the provider any more.", clean: true };
  const { server, inside } = place;
  const key = bindingTag(order.binding.id);
  if (!server.tags.has(key)) {
    const bindings = [...server.tags.keys()].filter((tag) => readBindingTag(tag) !== undefined);
    if (bindings.length >= mostBindings)
      return {
        state: "failed",
        reason: `This database has ${mostBindings} bindings, as many as it may. Delete one that is not used any more.`,
        clean: true,
      };
    await provider.rds.tag(server.arn, new Map([[key, order.token]]), tools.signal);
  }
  return bindRole(inside, insideOrder(order), tools);
}

export async function unbind(provider: Provider, order: BindingOrder, tools: Tools): Promise<Outcome> {
  const place = await findPlace(provider, order, tools);
  if (place === undefined) return { state: "done" };
  const outcome = await unbindRole(place.inside, insideOrder(order), tools);
  const key = bindingTag(order.binding.id);
  if (outcome.state === "done" && place.server.tags.has(key))
    await provider.rds.untag(place.server.arn, key, tools.signal);
  return outcome;
}

export async function fetchBinding(provider: Provider, order: BindingOrder, tools: Tools): Promise<Made | undefined> {
  const place = await findPlace(provider, order, tools);
  return place && (await fetchRole(place.inside, insideOrder(order), tools));
}
