/** Makes, changes, reads and removes databases. */
import type { Json, Made, Order, Outcome, Tools, UpdateOrder } from "#adapter";
import { namesOf } from "./names.ts";
import { type Server, sqlState } from "./server.ts";
import { type Backend, readBackend } from "./settings.ts";
import {
  databaseExists,
  dropDatabase,
  dropRole,
  lockInstance,
  loginRoles,
  makeDatabase,
  makeGroupRole,
  shapeDatabase,
  shapeInside,
} from "./sql.ts";

export async function provision(server: Server, order: Order, tools: Tools): Promise<Outcome> {
  return shape(server, order, tools);
}

/** The plan's limits and settings, and extensions that were added; extensions already there stay. */
export async function update(server: Server, order: UpdateOrder, tools: Tools): Promise<Outcome> {
  return shape(server, order, tools);
}

/** Both verbs want the same in the end: a database as the plan and the parameters say. */
async function shape(server: Server, order: Order, tools: Tools): Promise<Outcome> {
  const backend = readBackend(order.plan.backend);
  const names = namesOf(order.instance.id);
  const extensions = extensionsOf(order);
  const refusal = refuseExtensions(backend, extensions);
  if (refusal !== undefined) return refusal;
  try {
    await server.session(tools.signal, async (session) => {
      await lockInstance(session, order.instance.id);
      await makeGroupRole(session, names.owner);
      await makeGroupRole(session, names.reader);
      await makeDatabase(session, names, backend);
      // Extensions come first: if one cannot be had, the limits are still as they were.
      await server.inside(names.database, tools.signal, (inside) => shapeInside(inside, names, extensions));
      await shapeDatabase(session, names, backend, noteFor(order));
    });
    return { state: "done" };
  } catch (error) {
    return refusedByServer(order, error) ?? Promise.reject(error);
  }
}

function extensionsOf(order: Order): readonly string[] {
  const { extensions } = order.instance.parameters.reveal() as { readonly extensions?: Json };
  return Array.isArray(extensions) ? extensions.filter((name): name is string => typeof name === "string") : [];
}

function refuseExtensions(backend: Backend, extensions: readonly string[]): Outcome | undefined {
  const refused = extensions.filter((name) => !backend.allowedExtensions.includes(name));
  if (refused.length === 0) return undefined;
  const allowed = backend.allowedExtensions.join(", ") || "none";
  return {
    state: "failed",
    reason: `parameters.extensions names an extension this plan does not allow. Allowed: ${allowed}.`,
    clean: true,
    repeatable: false,
  };
}

// 0A000 feature_not_supported and 58P01 undefined_file: the extension is not installed there. 42501: our role may not.
const refusals: ReadonlyMap<string, string> = new Map([
  ["0A000", "The provider's server does not offer one of the extensions, or not this locale and encoding."],
  ["58P01", "The provider's server does not have one of the extensions installed."],
  ["22023", "The provider's server does not accept the plan's locale or one of its settings."],
  ["42501", "The provider's account has too few rights for this plan. The provider has been told in the broker's log."],
]);

/** The server's own "no": not clean, since roles and a database may be there already. */
function refusedByServer(order: Order, error: unknown): Outcome | undefined {
  const reason = refusals.get(sqlState(error) ?? "");
  return reason === undefined
    ? undefined
    : { state: "failed", reason, clean: false, repeatable: order.verb !== "update" };
}

function noteFor(order: Order): string {
  const { id, platformInstanceId, organization, space } = order.instance;
  return JSON.stringify({ by: "lotse", instance: platformInstanceId, id, organization, space, operation: order.token });
}

export async function deprovision(server: Server, order: Order, tools: Tools): Promise<Outcome> {
  const names = namesOf(order.instance.id);
  await server.session(tools.signal, async (session) => {
    await lockInstance(session, order.instance.id);
    await dropDatabase(session, names.database);
    for (const login of await loginRoles(session, names)) await dropRole(session, login);
    await dropRole(session, names.reader);
    await dropRole(session, names.owner);
  });
  return { state: "done" };
}

export async function fetchInstance(server: Server, order: Order, tools: Tools): Promise<Made | undefined> {
  const { database } = namesOf(order.instance.id);
  return server.session(tools.signal, async (session) => {
    if (!(await databaseExists(session, database))) return undefined;
    const size = await session.query("SELECT pg_database_size($1::name)::float8 AS bytes", [database]);
    return { metadata: { attributes: { sizeBytes: Number(size.rows[0]?.bytes ?? 0) } } };
  });
}
