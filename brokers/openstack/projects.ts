/** Which project a customer's things are in: the account's own, or one for each organisation. */
import type { Order } from "#adapter";
import { statusOf } from "./answers.ts";
import type { Cloud, Session } from "./client.ts";
import { projectName } from "./names.ts";

interface Project {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
}

/** Where the order's things are, as far as anybody remembers. */
export interface Remembered {
  readonly projectId?: string;
  readonly region?: string;
}

/** A session where the order's things are to be; makes the organisation's project if there is none. */
export async function sessionToMake(
  cloud: Cloud,
  order: Order,
  region: string | undefined,
  signal: AbortSignal,
): Promise<Session> {
  const { organization } = order.instance;
  if (!cloud.account.projectPerOrganization || organization === undefined) return cloud.session({ region }, signal);
  const own = await cloud.session({ region }, signal);
  const name = projectName(organization);
  const project = (await findProject(own, name)) ?? (await makeProject(cloud, own, name, organization));
  return cloud.session({ projectId: project.id, region }, signal);
}

/** A session where the order's things are; undefined: there is no project that could hold any. */
export async function sessionToFind(
  cloud: Cloud,
  order: Order,
  remembered: Remembered,
  region: string | undefined,
  signal: AbortSignal,
): Promise<Session | undefined> {
  const place = { projectId: remembered.projectId, region: remembered.region ?? region };
  const { organization } = order.instance;
  if (place.projectId !== undefined || !cloud.account.projectPerOrganization || organization === undefined) {
    const own = await cloud.session({ region: place.region }, signal);
    return place.projectId === undefined || place.projectId === own.projectId ? own : cloud.session(place, signal);
  }
  const own = await cloud.session({ region: place.region }, signal);
  const project = await findProject(own, projectName(organization));
  return project && cloud.session({ projectId: project.id, region: place.region }, signal);
}

/** Sessions in the account's own project and in all that Lotse made for organisations. */
export async function everySession(cloud: Cloud, region: string, signal: AbortSignal): Promise<readonly Session[]> {
  const own = await cloud.session({ region }, signal);
  if (!cloud.account.projectPerOrganization) return [own];
  const { projects } = await own.ask<{ readonly projects: readonly Project[] }>({
    service: "identity",
    method: "GET",
    path: ["projects"],
    query: { domain_id: own.domainId, tags: "lotse" },
  });
  return Promise.all([own, ...projects.map(({ id: projectId }) => cloud.session({ projectId, region }, signal))]);
}

async function findProject(own: Session, name: string): Promise<Project | undefined> {
  const { projects } = await own.ask<{ readonly projects: readonly Project[] }>({
    service: "identity",
    method: "GET",
    path: ["projects"],
    query: { domain_id: own.domainId, name },
  });
  return projects[0];
}

/** With Lotse's user as a member of it. Keystone keeps names unique, so of two who make it one finds the other's. */
async function makeProject(cloud: Cloud, own: Session, name: string, organization: string): Promise<Project> {
  const project = await own
    .ask<{ readonly project: Project }>({
      service: "identity",
      method: "POST",
      path: ["projects"],
      body: {
        project: {
          name,
          domain_id: own.domainId,
          description: `Made by Lotse for ${organization}`.slice(0, 255),
          tags: ["lotse"],
        },
      },
    })
    .then(({ project }) => project)
    .catch(async (error: unknown) => {
      const other = statusOf(error) === 409 ? await findProject(own, name) : undefined;
      if (other === undefined) throw error;
      return other;
    });
  await joinProject(cloud, own, project.id);
  return project;
}

async function joinProject(cloud: Cloud, own: Session, projectId: string): Promise<void> {
  const { memberRole } = cloud.account;
  const { roles } = await own.ask<{ readonly roles: readonly { readonly id: string }[] }>({
    service: "identity",
    method: "GET",
    path: ["roles"],
    query: { name: memberRole },
  });
  const role = roles[0];
  if (role === undefined) throw new Error(`The cloud has no role ${memberRole}. Set memberRole.`);
  await own.ask({
    service: "identity",
    method: "PUT",
    path: ["projects", projectId, "users", own.userId, "roles", role.id],
  });
}
