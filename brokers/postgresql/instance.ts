/** Makes, changes, reads and removes databases. */
import type { Json, Made, Order, Outcome, Tools, UpdateOrder, Usage } from "#adapter";
import { namesOf } from "./names.ts";
import { type Server, sqlState } from "./server.ts";
import { readBackend } from "./settings.ts";
import {
  addExtensions,
  closeLogins,
  databaseSize,
  dropDatabase,
  dropRoles,
  findNames,
  grantDatabase,
  limitDatabase,
  lockInstance,
  loginRoles,
  makeDatabase,
  makeGroupRoles,
  shareSchema,
} from "./sql.ts";

export async function provision(server: Server, order: Order, tools: Tools): Promise<Outcome> {
  const backend = readBackend(order.plan.backend);
  const names = namesOf(order.instance.id);
  const extensions = extensionsOf(order);
  const refusal = refusalOf(order);
  if (refusal !== undefined) return refusal;
  try {
    await server.session(tools.signal, async (session) => {
      await lockInstance(session, order.instance.id);
      const there = await findNames(session, [names.database, names.owner, names.reader]);
      await makeGroupRoles(session, names, there);
      if (!there.has(names.database)) await makeDatabase(session, names, backend);
      await grantDatabase(session, names);
      await server.inside(names.database, tools.signal, async (inside) => {
        await shareSchema(inside, names);
        if (extensions.length > 0) await addExtensions(inside, extensions);
      });
      await limitDatabase(session, names, backend, noteFor(order));
    });
    return { state: "done" };
  } catch (error) {
    // Not clean: roles and a database may be there already.
    return refusedByServer(error, tools, { clean: false }) ?? Promise.reject(error);
  }
}

/** The plan's limit and settings, and extensions that were added; extensions already there stay. */
export async function update(server: Server, order: UpdateOrder, tools: Tools): Promise<Outcome> {
  const backend = readBackend(order.plan.backend);
  const names = namesOf(order.instance.id);
  const extensions = extensionsOf(order);
  const refusal = refusalOf(order);
  if (refusal !== undefined) return refusal;
  let changed = false;
  try {
    return await server.session(tools.signal, async (session): Promise<Outcome> => {
      await lockInstance(session, order.instance.id);
      const there = await findNames(session, [names.database]);
      if (!there.has(names.database)) return vanished;
      // Extensions come first: if one cannot be had, the limits are still as they were.
      if (extensions.length > 0) {
        await server.inside(names.database, tools.signal, (inside) => addExtensions(inside, extensions));
        changed = true;
      }
      await limitDatabase(session, names, backend, noteFor(order));
      return { state: "done" };
    });
  } catch (error) {
    return refusedByServer(error, tools, { clean: !changed, repeatable: false }) ?? Promise.reject(error);
  }
}

/** An empty database in its place would pass for the customer's data. */
export const vanished: Outcome = {
  state: "failed",
  reason: "The database does not exist at the provider any more. Delete the instance, or ask the provider.",
  clean: true,
  usable: false,
  repeatable: false,
};

function extensionsOf(order: Order): readonly string[] {
  const { extensions } = order.instance.parameters.reveal() as { readonly extensions?: Json };
  return Array.isArray(extensions) ? extensions.filter((name): name is string => typeof name === "string") : [];
}

/** What the plan does not allow, told before anything is tried. */
export function refusalOf(order: Order): Outcome | undefined {
  const { allowedExtensions } = readBackend(order.plan.backend);
  if (extensionsOf(order).every((name) => allowedExtensions.includes(name))) return undefined;
  const allowed = allowedExtensions.join(", ") || "none";
  return {
    state: "failed",
    reason: `parameters.extensions names an extension this plan does not allow. Allowed: ${allowed}.`,
    clean: true,
    repeatable: false,
  };
}

const refusals: ReadonlyMap<string, string> = new Map([
  // feature_not_supported, undefined_file: which of the two depends on the server's version.
  ["0A000", "The provider's server does not have one of the extensions, or not this locale and encoding."],
  ["58P01", "The provider's server does not have one of the extensions installed."],
  // invalid_schema_name: extensions live in the schema public, which the customer may have dropped.
  ["3F000", "The database has no schema public that the extensions could go to. Create it, then try again."],
  // invalid_parameter_value, wrong_object_type: which of the two depends on the server's version.
  ["22023", "The provider's server does not accept the plan's locale or one of its settings."],
  ["42809", "The provider's server does not accept the plan's locale."],
  // insufficient_privilege
  ["42501", "The provider's account has too few rights for this plan. The provider finds the details in the log."],
]);

/** The server's own "no", if the error is one. */
function refusedByServer(
  error: unknown,
  { log }: Tools,
  hints: { readonly clean: boolean; readonly repeatable?: boolean },
): Outcome | undefined {
  const reason = refusals.get(sqlState(error) ?? "");
  if (reason === undefined) return undefined;
  log.warn({ err: error }, "the server refused");
  return { state: "failed", reason, ...hints };
}

function noteFor(order: Order): string {
  const { id, platformInstanceId, organization, space } = order.instance;
  return JSON.stringify({ by: "lotse", instance: platformInstanceId, id, organization, space, operation: order.token });
}

export async function deprovision(server: Server, order: Order, tools: Tools): Promise<Outcome> {
  const names = namesOf(order.instance.id);
  await server.session(tools.signal, async (session) => {
    await lockInstance(session, order.instance.id);
    const logins = await loginRoles(session, names);
    await closeLogins(session, logins);
    await dropDatabase(session, names.database);
    await dropRoles(session, [...logins, names.reader, names.owner]);
  });
  return { state: "done" };
}

export async function fetchInstance(server: Server, order: Order, tools: Tools): Promise<Made | undefined> {
  const sizeBytes = await sizeOf(server, order, tools);
  return sizeBytes === undefined ? undefined : { metadata: { attributes: { sizeBytes } } };
}

/** The server keeps no history: what it holds now, whatever period is asked for. */
export async function usage(server: Server, order: Order, tools: Tools): Promise<readonly Usage[]> {
  const sizeBytes = await sizeOf(server, order, tools);
  if (sizeBytes === undefined) return [];
  const now = tools.now();
  return [{ meter: "stored", quantity: (sizeBytes / 1e9).toFixed(9), unit: "GB", period: { from: now, to: now } }];
}

/** Undefined: there is no database. */
async function sizeOf(server: Server, order: Order, { signal }: Tools): Promise<number | undefined> {
  const { database } = namesOf(order.instance.id);
  return server.session(signal, async (session) =>
    (await findNames(session, [database])).has(database) ? databaseSize(session, database) : undefined,
  );
}
