/** Where machines are connected: a network that is given, or one for each machine, with a router to the outside. */
import type { JsonObject } from "#adapter";
import { statusOf, unlessGone } from "./answers.ts";
import type { Session } from "./client.ts";
import { oldestFirst } from "./oldest.ts";
import type { Account } from "./settings.ts";
import { together } from "./together.ts";

interface Named {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly created_at: string;
}

export type Network = Named;
export type Router = Named;

const uuid = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/;

/** Id of the network called so, whoever shares it; undefined: there is none. */
export async function networkId(session: Session, nameOrId: string): Promise<string | undefined> {
  if (uuid.test(nameOrId)) return nameOrId;
  const { networks } = await session.ask<{ readonly networks: readonly Network[] }>({
    service: "network",
    method: "GET",
    path: ["networks"],
    query: { name: nameOrId, fields: ["id"] },
  });
  return networks[0]?.id;
}

/** Networks of the project by that name, or all; oldest first. */
export async function findNetworks(session: Session, name?: string): Promise<readonly Network[]> {
  const { networks } = await session.ask<{ readonly networks: readonly Network[] }>({
    service: "network",
    method: "GET",
    path: ["networks"],
    query: { project_id: session.projectId, name },
  });
  return oldestFirst(networks, ({ created_at }) => created_at);
}

export async function findRouters(session: Session, name?: string): Promise<readonly Router[]> {
  const { routers } = await session.ask<{ readonly routers: readonly Router[] }>({
    service: "network",
    method: "GET",
    path: ["routers"],
    query: { project_id: session.projectId, name },
  });
  return oldestFirst(routers, ({ created_at }) => created_at);
}

/** Id of the machine's own network, made with all that belongs to it as far as it is missing. */
export async function ensureNetwork(
  session: Session,
  account: Account,
  name: string,
  description: string,
): Promise<string> {
  const [networks, routers] = await together([findNetworks(session, name), findRouters(session, name)]);
  const network =
    networks[0] ??
    (await make<{ readonly network: Network }>(session, "networks", { network: { name, description } })).network;
  const subnetId = await ensureSubnet(session, network.id, account.cidr, name, description);
  if (account.externalNetwork === undefined) return network.id;
  const outside = await externalNetworkId(session, account);
  const router =
    routers[0] ??
    (
      await make<{ readonly router: Router }>(session, "routers", {
        router: { name, description, external_gateway_info: { network_id: outside } },
      })
    ).router;
  await session
    .ask({
      service: "network",
      method: "PUT",
      path: ["routers", router.id, "add_router_interface"],
      body: { subnet_id: subnetId },
    })
    .catch(async (error: unknown) => {
      // 400 and 409 are also said when it is connected already, which a look tells.
      const status = statusOf(error);
      const connected = status === 400 || status === 409 ? await interfacesOf(session, router.id) : [];
      if (!connected.includes(subnetId)) throw error;
    });
  return network.id;
}

/** Throws with advice where the account names none, or one that is not there. */
export async function externalNetworkId(session: Session, { externalNetwork }: Account): Promise<string> {
  if (externalNetwork === undefined) throw new Error("The account names no externalNetwork.");
  const id = await networkId(session, externalNetwork);
  if (id === undefined) throw new Error(`The cloud has no network ${externalNetwork}. Check externalNetwork.`);
  return id;
}

async function ensureSubnet(
  session: Session,
  networkId: string,
  cidr: string,
  name: string,
  description: string,
): Promise<string> {
  const look = async () =>
    (
      await session.ask<{ readonly subnets: readonly { readonly id: string }[] }>({
        service: "network",
        method: "GET",
        path: ["subnets"],
        query: { network_id: networkId, fields: ["id"] },
      })
    ).subnets[0]?.id;
  const there = await look();
  if (there !== undefined) return there;
  try {
    const { subnet } = await make<{ readonly subnet: { readonly id: string } }>(session, "subnets", {
      subnet: { name, description, network_id: networkId, ip_version: 4, cidr },
    });
    return subnet.id;
  } catch (error) {
    // Two subnets of one network may not overlap, so another call's is in the way, and serves as well.
    const other = statusOf(error) === 400 || statusOf(error) === 409 ? await look() : undefined;
    if (other === undefined) throw error;
    return other;
  }
}

function make<T>(session: Session, plural: string, body: JsonObject): Promise<T> {
  return session.ask<T>({ service: "network", method: "POST", path: [plural], body });
}

/** Ids of the subnets that the router is connected to. */
async function interfacesOf(session: Session, routerId: string): Promise<readonly string[]> {
  const { ports } = await session.ask<{
    readonly ports: readonly { readonly fixed_ips: readonly { readonly subnet_id: string }[] }[];
  }>({
    service: "network",
    method: "GET",
    path: ["ports"],
    query: { device_id: routerId, device_owner: "network:router_interface" },
  });
  return ports.flatMap(({ fixed_ips }) => fixed_ips.map(({ subnet_id }) => subnet_id));
}

/** False: something is still connected. Networks of that name but `keep`, and their routers. */
export async function removeNetworks(session: Session, name: string): Promise<boolean> {
  const [networks, routers] = await together([findNetworks(session, name), findRouters(session, name)]);
  for (const router of routers) {
    for (const subnet_id of await interfacesOf(session, router.id))
      await tolerate([404, 409], {
        service: "network",
        method: "PUT",
        path: ["routers", router.id, "remove_router_interface"],
        body: { subnet_id },
      });
    if (!(await tolerate([404], { service: "network", method: "DELETE", path: ["routers", router.id] }))) return false;
  }
  for (const network of networks)
    if (!(await tolerate([404], { service: "network", method: "DELETE", path: ["networks", network.id] })))
      return false;
  return true;

  /** False: 409, in use. */
  async function tolerate(fine: readonly number[], question: Parameters<Session["ask"]>[0]): Promise<boolean> {
    try {
      await unlessGone(session.ask(question));
      return true;
    } catch (error) {
      const status = statusOf(error);
      if (status !== undefined && fine.includes(status)) return true;
      if (status === 409) return false;
      throw error;
    }
  }
}
