/** Users of object storage: one at Keystone for each binding, who may enter one container and nothing else. */
import type { BindingOrder } from "#adapter";
import { statusOf, unlessGone } from "./answers.ts";
import type { Cloud, Session } from "./client.ts";
import { changeContainer } from "./containers.ts";
import { containerName, describeMarks, partsName, readName, userName } from "./names.ts";

export type AccessKind = "read-write" | "read-only";

export interface User {
  readonly id: string;
  readonly name: string;
  readonly description?: string | null;
  /** The project of its container. */
  readonly default_project_id?: string | null;
}

/**
 * What is asked of Keystone about users is asked as Lotse in its own project (`own`), where it has the right to; the
 * container may be in another one.
 */
export function ownSession(cloud: Cloud, { region }: Session, signal: AbortSignal): Promise<Session> {
  return cloud.session({ region }, signal);
}

/** All users of Lotse's bindings, or of one instance's. */
export async function listUsers(own: Session, instanceId = ""): Promise<readonly User[]> {
  const prefix = `lotse-${instanceId}`;
  const { users } = await own.ask<{ readonly users: readonly User[] }>({
    service: "identity",
    method: "GET",
    path: ["users"],
    query: { domain_id: own.domainId, name__startswith: prefix },
  });
  // A Keystone that does not know the filter lists everybody.
  return users.filter(({ name }) => name.startsWith(prefix) && readName(name)?.binding !== undefined);
}

export async function findUser(own: Session, name: string): Promise<User | undefined> {
  const { users } = await own.ask<{ readonly users: readonly User[] }>({
    service: "identity",
    method: "GET",
    path: ["users"],
    query: { domain_id: own.domainId, name },
  });
  return users[0];
}

export async function removeUser(own: Session, { id }: User): Promise<void> {
  await unlessGone(own.askWhole({ service: "identity", method: "DELETE", path: ["users", id] }));
}

/** The binding's user, with the role in the project; made if there is none. Keystone keeps names unique. */
export async function makeUser(
  cloud: Cloud,
  own: Session,
  session: Session,
  order: BindingOrder,
  access: AccessKind,
  password: string,
): Promise<User> {
  const name = userName(order.instance.id, order.binding.id);
  const user = await own
    .ask<{ readonly user: User }>({
      service: "identity",
      method: "POST",
      path: ["users"],
      body: {
        user: {
          name,
          domain_id: own.domainId,
          default_project_id: session.projectId,
          description: `lotse_access=${access} ${describeMarks(order)}`.slice(0, 255),
          password,
          options: { ignore_change_password_upon_first_use: true, ignore_password_expiry: true },
        },
      },
    })
    .then(({ user }) => user)
    .catch(async (error: unknown) => {
      const made = statusOf(error) === 409 ? await findUser(own, name) : undefined;
      if (made === undefined) throw error;
      return made;
    });
  const role = await roleId(own, cloud.account.accessRole ?? "");
  await own.askWhole({
    service: "identity",
    method: "PUT",
    path: ["projects", session.projectId, "users", user.id, "roles", role],
  });
  return user;
}

export async function roleId(own: Session, name: string): Promise<string> {
  const { roles } = await own.ask<{ readonly roles: readonly { readonly id: string }[] }>({
    service: "identity",
    method: "GET",
    path: ["roles"],
    query: { name },
  });
  if (roles[0] === undefined) throw new Error(`The cloud has no role ${name}. Set accessRole.`);
  return roles[0].id;
}

/** An access key of the user's; asked for by the user, as Keystone lets nobody else but its administrators do so. */
export async function makeKey(user: Session, access: string, secret: string): Promise<void> {
  await user
    .askWhole({
      service: "identity",
      method: "POST",
      path: ["credentials"],
      body: {
        credential: {
          type: "ec2",
          user_id: user.userId,
          project_id: user.projectId,
          blob: JSON.stringify({ access, secret }),
        },
      },
    })
    .catch((error: unknown) => {
      // Keystone derives the id from `access`: this very key is there already.
      if (statusOf(error) !== 409) throw error;
    });
}

/**
 * Lets those in whom Keystone lists as users of the instance, and nobody else. Two bindings may do so at once: whoever
 * writes looks again afterwards, so that the last one to write has seen all users. False: there is no container.
 */
export async function openTo(own: Session, session: Session, instanceId: string): Promise<boolean> {
  for (let wanted = await accessList(own, session, instanceId); ; ) {
    if (!(await changeContainer(session, partsName(instanceId), wanted))) return false;
    if (!(await changeContainer(session, containerName(instanceId), wanted))) return false;
    const now = await accessList(own, session, instanceId);
    if (now["x-container-read"] === wanted["x-container-read"]) return true;
    wanted = now;
  }
}

async function accessList(own: Session, session: Session, instanceId: string): Promise<Record<string, string>> {
  const users = await listUsers(own, instanceId);
  const entries = (some: readonly User[]) => some.map(({ id }) => `${session.projectId}:${id}`).sort();
  return {
    "x-container-read": entries(users).join(","),
    "x-container-write": entries(users.filter(mayWrite)).join(","),
  };
}

function mayWrite({ description }: User): boolean {
  return description?.startsWith("lotse_access=read-write ") ?? false;
}
