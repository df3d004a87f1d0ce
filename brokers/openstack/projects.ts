/** Which project a customer's things are in: the account's own, or one for each organisation. */
import type { Order } from "#adapter";
import { LoginRefused, statusOf } from "./answers.ts";
import type { Cloud, Session } from "./client.ts";
import { projectName } from "./names.ts";

interface Project {
  readonly id: string;
  readonly tags?: readonly string[];
  readonly name: string;
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
  const project = (await findProject(own, name)) ?? (await makeProject(own, name, organization));
  return enter(cloud, own, project, region, signal);
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
  return project && enter(cloud, own, project, place.region, signal);
}

/** Sessions in the account's own project and in all that it works in for organisations. */
export async function everySession(cloud: Cloud, region: string, signal: AbortSignal): Promise<readonly Session[]> {
  const own = await cloud.session({ region }, signal);
  if (!cloud.account.projectPerOrganization) return [own];
  const { projects } = await own.ask<{ readonly projects: readonly Project[] }>({
    service: "identity",
    method: "GET",
    path: ["projects"],
    query: { domain_id: own.domainId, tags: tagsOf(own).join(",") },
  });
  return Promise.all([own, ...projects.map((project) => enter(cloud, own, project, region, signal))]);
}

/** Other accounts may have projects in the same domain, and those that they alone work in are none of this one's business. */
const tagsOf = (own: Session): readonly string[] => ["lotse", `lotse-account-${own.projectId}`];

/**
 * Whoever made the project may have been cut off before it joined, another account's user is no member, and the account's
 * user may have been replaced: it joins then.
 */
async function enter(
  cloud: Cloud,
  own: Session,
  project: Project,
  region: string | undefined,
  signal: AbortSignal,
): Promise<Session> {
  const place = { projectId: project.id, region };
  try {
    return await cloud.session(place, signal);
  } catch (error) {
    if (!(error instanceof LoginRefused && error.status === 401)) throw error;
    await joinProject(cloud, own, project);
    return cloud.session(place, signal);
  }
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

/** Keystone keeps names unique, so of two who make it one finds the other's. */
function makeProject(own: Session, name: string, organization: string): Promise<Project> {
  return own
    .ask<{ readonly project: Project }>({
      service: "identity",
      method: "POST",
      path: ["projects"],
      body: {
        project: {
          name,
          domain_id: own.domainId,
          description: `Made by Lotse for ${organization}`.slice(0, 255),
          tags: tagsOf(own),
        },
      },
    })
    .then(({ project }) => project)
    .catch(async (error: unknown) => {
      const other = statusOf(error) === 409 ? await findProject(own, name) : undefined;
      if (other === undefined) throw error;
      return other;
    });
}

/** Tagged first: a project that the account's user is in, and the account would not look into, would stay so. */
async function joinProject(cloud: Cloud, own: Session, { id: projectId, tags = [] }: Project): Promise<void> {
  for (const tag of tagsOf(own).filter((one) => !tags.includes(one)))
    await own
      .ask({ service: "identity", method: "PUT", path: ["projects", projectId, "tags", tag] })
      .catch((error: unknown) => {
        // Not everywhere may tag who may make projects with tags: another account's project is worked in all the same.
        if (statusOf(error) !== 403) throw error;
      });
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
