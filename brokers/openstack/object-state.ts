/** Looks at containers and their users, and changes nothing. */
import type { Found, Made, Order, Tools, Usage } from "#adapter";
import { statusOf } from "./answers.ts";
import type { Cloud, Session } from "./client.ts";
import { type Container, listContainers, lookAtContainer } from "./containers.ts";
import { containerName, partsName, readMark, readName } from "./names.ts";
import { findStore, hasRegion } from "./object-store.ts";
import { listUsers, ownSession, roleId, type User } from "./object-users.ts";
import { everySession } from "./projects.ts";

export async function fetchContainer(cloud: Cloud, order: Order, tools: Tools): Promise<Made | undefined> {
  const session = await findStore(cloud, order, tools);
  const there = session && (await lookAtContainer(session, containerName(order.instance.id)));
  return there && { metadata: { attributes: { bytes: there.bytes, objects: there.objects } } };
}

/** Swift counts what there is at the moment, old versions included, and keeps no history. */
export async function usage(cloud: Cloud, order: Order, tools: Tools): Promise<readonly Usage[]> {
  const session = await findStore(cloud, order, tools);
  if (session === undefined) return [];
  const { id } = order.instance;
  const [container, parts] = await Promise.all([
    lookAtContainer(session, containerName(id)),
    lookAtContainer(session, partsName(id)),
  ]);
  if (container === undefined) return [];
  const sum = (what: (one: Container) => number) => what(container) + (parts === undefined ? 0 : what(parts));
  const now = tools.now();
  const period = { from: now, to: now };
  return [
    { meter: "stored", quantity: (sum(({ bytes }) => bytes) / 1e9).toFixed(9), unit: "GB", period },
    { meter: "objects", quantity: String(sum(({ objects }) => objects)), unit: "Objects", period },
  ];
}

/** Undefined, or what is wrong and what to do. A cloud without an object store is not asked for containers. */
export async function checkObjects(cloud: Cloud, signal: AbortSignal): Promise<string | undefined> {
  const { accessRole } = cloud.account;
  try {
    for (const region of await cloud.regions("object-store", signal)) {
      const session = await cloud.session({ region }, signal);
      if (!hasRegion(session)) return `The cloud has no region ${region}, or nothing in it. Check the setting regions.`;
      if (session.endpoint("object-store") === undefined) continue;
      await session.askWhole({ service: "object-store", method: "HEAD", path: [] });
      if (accessRole === undefined) continue;
      await roleId(session, accessRole);
      await listUsers(session);
    }
    return undefined;
  } catch (error) {
    const words = error instanceof Error ? error.message : "no answer";
    return statusOf(error) === 403
      ? `The account has too few rights for object storage (${words}). It needs a role that Swift takes for an operator's${accessRole === undefined ? "" : ", and the right to list and make users in its domain, or no accessRole"}.`
      : `Object storage cannot be used as configured: ${words}`;
  }
}

/** All containers in all regions and projects of the account, and the users of their bindings. */
export async function inventory(cloud: Cloud, signal: AbortSignal): Promise<readonly Found[]> {
  const regions = await cloud.regions("object-store", signal);
  const sessions = (await Promise.all(regions.map((region) => everySession(cloud, region, signal)))).flat();
  const lost = sessions.find((session) => !hasRegion(session));
  if (lost !== undefined) throw new Error(`The cloud has no region ${lost.region}.`);
  const able = sessions.filter((session) => session.endpoint("object-store") !== undefined);
  const [first] = able;
  if (first === undefined) return [];
  const names = (await Promise.all(able.map((session) => listContainers(session, "lotse-")))).flat();
  const instances = instancesIn(names);
  const whole = new Set(instances.filter(({ remains }) => remains !== true).map(({ id }) => id));
  // Other accounts may have users in the same domain.
  const projects = new Set(able.map(({ projectId }) => projectId));
  const users = (await usersIfAllowed(cloud, await ownSession(cloud, first, signal))).filter((user) =>
    projects.has(user.default_project_id ?? ""),
  );
  return [...instances, ...users.flatMap((user) => bindingFound(user, whole))];
}

function instancesIn(names: readonly string[]): readonly Found[] {
  const there = new Set(names);
  return names.flatMap((name): Found[] => {
    const [base = ""] = name.split("+segments");
    const ids = readName(base);
    if (ids === undefined || ids.binding !== undefined || (name !== base && there.has(base))) return [];
    return [
      { thing: "instance", id: ids.instance, name: `container ${name}`, ...(name !== base && { remains: true }) },
    ];
  });
}

function bindingFound({ name, description }: User, whole: ReadonlySet<string>): readonly Found[] {
  const ids = readName(name);
  if (ids?.binding === undefined) return [];
  const operation = readMark(description, "operation");
  return [
    {
      thing: "binding",
      id: ids.binding,
      instance: ids.instance,
      name: `user ${name}`,
      ...(operation !== undefined && { operation }),
      ...(!whole.has(ids.instance) && { remains: true }),
    },
  ];
}

async function usersIfAllowed(cloud: Cloud, own: Session): Promise<readonly User[]> {
  try {
    return await listUsers(own);
  } catch (error) {
    if (statusOf(error) === 403 && cloud.account.accessRole === undefined) return [];
    throw error;
  }
}
