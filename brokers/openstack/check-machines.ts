/** Whether machines can be made with this account, found out by looking. */
import type { Cloud, Session } from "./client.ts";
import { externalNetworkId, networkId } from "./networks.ts";

/** Undefined, or what is wrong and what to do. A cloud without Nova is not asked for machines. */
export async function checkMachines(cloud: Cloud, signal: AbortSignal): Promise<string | undefined> {
  try {
    for (const region of await cloud.regions("compute", signal)) {
      const session = await cloud.session({ region }, signal);
      if (session.endpoint("compute") === undefined) continue;
      const wrong = await checkRegion(cloud, session);
      if (wrong !== undefined) return `In region ${region}: ${wrong}`;
    }
    return undefined;
  } catch (error) {
    return `The cloud cannot be used as configured: ${error instanceof Error ? error.message : "no answer"}`;
  }
}

async function checkRegion({ account }: Cloud, session: Session): Promise<string | undefined> {
  for (const service of ["network", "image"] as const)
    if (session.endpoint(service) === undefined) return `the cloud has no ${service} service for this project.`;
  // Also finds out which microversions Nova speaks, and says if they are too old.
  await session.ask({ service: "compute", method: "GET", path: ["limits"] });
  if (!session.roles.some((role) => role === account.memberRole || role === "admin"))
    return `the account lacks the role ${account.memberRole} in its project; it has ${session.roles.join(", ") || "none"}.`;
  const { network } = account;
  if (network !== undefined) {
    const id = await networkId(session, network);
    if (id === undefined) return `there is no network ${network}. Check the setting network.`;
    await session.ask({ service: "network", method: "GET", path: ["networks", id] });
  }
  if (account.externalNetwork !== undefined) await externalNetworkId(session, account);
  if (!account.projectPerOrganization) return undefined;
  await session.ask({
    service: "identity",
    method: "GET",
    path: ["projects"],
    query: { domain_id: session.domainId, tags: "lotse" },
  });
  await session.ask({ service: "identity", method: "GET", path: ["roles"], query: { name: account.memberRole } });
  return undefined;
}
