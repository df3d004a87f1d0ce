/**
 * Builds a machine. Every call looks what is there and takes the next step, so it may break off anywhere:
 *
 * | there is                         | the call                                                    |
 * | -------------------------------- | ----------------------------------------------------------- |
 * | no server, no volume being made  | makes network, firewall, key pair, volume, server           |
 * | a volume that is being written   | waits                                                       |
 * | a server in BUILD                | waits                                                       |
 * | a server in ERROR                | takes everything away and fails with the reason             |
 * | a server in any other state      | gives it its floating address and is done                   |
 */
import type { Json, Order, Outcome, Tools } from "#adapter";
import { bootVolume } from "./boot-volume.ts";
import type { Cloud, Session } from "./client.ts";
import { authorityLine, authoritySeed, factsOf, readFacts, readHandle } from "./facts.ts";
import { settleAddress, settleGroups, settleVolumes } from "./finish-machine.ts";
import { ensureGroup } from "./firewall.ts";
import { architectureOf, chooseFlavor, readScsName } from "./flavors.ts";
import { chooseImage, type Image, loginUserOf, readOperatingSystem } from "./images.ts";
import { type MachinePlan, type MachineWish, readMachinePlan, readWish } from "./machine-plan.ts";
import { describeMarks, machineName, marksOf } from "./names.ts";
import { ensureNetwork, networkId } from "./networks.ts";
import { sessionToMake } from "./projects.ts";
import { reasonOf, reasonOfFault } from "./reasons.ts";
import { removeAll } from "./remove-machine.ts";
import {
  findFault,
  findServers,
  listFlavors,
  makeKeyPair,
  makeServer,
  removeServer,
  type Server,
  seeServers,
} from "./servers.ts";
import { readPublicLine } from "./ssh.ts";
import { together } from "./together.ts";
import { userData } from "./user-data.ts";

export async function provision(cloud: Cloud, order: Order, handle: Json, tools: Tools): Promise<Outcome> {
  const plan = readMachinePlan(order.plan.backend);
  const wish = readWish(order.instance.parameters.reveal(), plan);
  const session = await sessionToMake(cloud, order, plan.region, tools.signal);
  const name = machineName(order.instance.id);
  // Of a first call nothing can be there yet, also where Nova cannot reach all of its cells.
  const find = order.repeated ? findServers : seeServers;
  const [server, ...younger] = await find(session, name);
  // Two calls at once made one each. All who look keep the oldest.
  await together(younger.map(({ id }) => removeServer(session, id)));
  if (server !== undefined) return goOn(cloud, session, order, wish, server, handle, tools);
  try {
    return await build(cloud, session, order, plan, wish, tools);
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === undefined) throw error;
    tools.log.warn({ err: error }, "the cloud refused a machine");
    // It may be the other call's machine that used up the quota.
    if ((await find(session, name)).length > 0) return waiting(cloud, "The machine is being built.");
    return clear(cloud, session, order, reason);
  }
}

export async function pollProvision(cloud: Cloud, order: Order, handle: Json, tools: Tools): Promise<Outcome> {
  const { clearing } = readHandle(handle);
  if (clearing === undefined) return provision(cloud, order, handle, tools);
  const plan = readMachinePlan(order.plan.backend);
  return clear(cloud, await sessionToMake(cloud, order, plan.region, tools.signal), order, clearing);
}

async function goOn(
  cloud: Cloud,
  session: Session,
  order: Order,
  wish: MachineWish,
  server: Server,
  handle: Json,
  tools: Tools,
): Promise<Outcome> {
  if (server.status === "BUILD") return waiting(cloud, "The machine is being built.");
  if (server.status === "ERROR") {
    // A list leaves the fault out where the machine never came to a host.
    const fault = server.fault ?? (await findFault(session, server.id));
    // Nova says that it failed a moment before it says why.
    if (fault === undefined && readHandle(handle).faultless !== true)
      return { ...waiting(cloud, "The machine is being built."), handle: { faultless: true } };
    tools.log.warn({ server: server.id, fault }, "the cloud could not build a machine");
    return clear(cloud, session, order, reasonOfFault(fault));
  }
  try {
    await settleGroups(session, machineName(order.instance.id), server);
    if (server.flavor.disk === 0) await settleVolumes(session, machineName(order.instance.id));
    await settleAddress(cloud, session, order, server, wish.floatingAddress);
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === undefined) throw error;
    tools.log.warn({ err: error }, "the cloud refused what a machine needs");
    return clear(cloud, session, order, reason);
  }
  const ownNetwork = readFacts(order).ownNetwork ?? cloud.account.network === undefined;
  const user = readFacts(order).user ?? server.metadata.lotse_user ?? "";
  return { state: "done", made: { facts: factsOf(session, authoritySeed(order, tools), user, ownNetwork) } };
}

type Pending = Extract<Outcome, { state: "pending" }>;

/** Takes away whatever was made, over as many calls as it needs; then the order has failed with nothing left. */
async function clear(cloud: Cloud, session: Session, order: Order, reason: string): Promise<Outcome> {
  const left = await removeAll(session, order.instance.id, cloud.account.network === undefined);
  if (left === undefined) return { state: "failed", reason, clean: true };
  return { state: "pending", handle: { clearing: reason }, afterMs: cloud.account.pollMs, note: left };
}

function waiting(cloud: Cloud, note: string): Pending {
  return { state: "pending", afterMs: cloud.account.pollMs, note };
}

async function build(
  cloud: Cloud,
  session: Session,
  order: Order,
  plan: MachinePlan,
  wish: MachineWish,
  tools: Tools,
): Promise<Outcome> {
  const { account } = cloud;
  const name = machineName(order.instance.id);
  if (wish.publicKey !== undefined && readPublicLine(wish.publicKey) === undefined)
    return refuse("publicKey is no SSH public key in one line, as in a file id_ed25519.pub.");
  const seed = authoritySeed(order, tools);
  const data = userData(authorityLine(seed), wish.userData);
  if (data === undefined) return refuse("userData is too long: at most about 45 kB.");
  if (wish.floatingAddress && account.externalNetwork === undefined)
    return refuse("This provider gives no floating addresses. Order the machine without one.");
  const [flavors, images] = await together([listFlavors(session), findImages(session, wish.operatingSystem)]);
  const flavor = chooseFlavor(flavors, plan.flavor, plan.equivalentFlavors);
  if (flavor === undefined)
    return refuse(
      `The cloud has no flavor ${plan.flavor}, and none as good. Choose another plan, or ask the provider.`,
    );
  const architecture = architectureOf(readScsName(flavor.name));
  const image = chooseImage(images, readOperatingSystem(wish.operatingSystem), architecture);
  if (image === undefined)
    return refuse(
      "The cloud has no image of this operatingSystem for this plan. Order another one, or ask the provider.",
    );

  const description = describeMarks(order);
  const marks = { ...marksOf(order), lotse_user: loginUserOf(image) };
  const [group, network] = await together([
    ensureGroup(session, name, description, wish.openings),
    account.network === undefined
      ? ensureNetwork(session, account, name, description)
      : networkId(session, account.network),
    wish.publicKey === undefined ? undefined : makeKeyPair(session, name, wish.publicKey),
  ]);
  if (network === undefined) throw new Error(`The cloud has no network ${account.network}. Check the setting network.`);
  const facts = factsOf(session, seed, loginUserOf(image), account.network === undefined);
  let volumeId: string | undefined;
  if (flavor.disk === 0) {
    const volume = await bootVolume(session, plan, image, name, marks);
    if (volume.state === "failed") return clear(cloud, session, order, volume.reason);
    if (volume.state === "pending")
      return { ...waiting(cloud, "The machine's disk is being written."), made: { facts } };
    volumeId = volume.id;
  }
  await makeServer(session, {
    name,
    flavorRef: flavor.id,
    networks: [{ uuid: network }],
    security_groups: [{ name: group.id }],
    metadata: marks,
    user_data: data,
    ...(wish.publicKey !== undefined && { key_name: name }),
    ...(plan.availabilityZone !== undefined && { availability_zone: plan.availabilityZone }),
    ...(volumeId === undefined
      ? { imageRef: image.id }
      : {
          block_device_mapping_v2: [
            {
              boot_index: 0,
              uuid: volumeId,
              source_type: "volume",
              destination_type: "volume",
              delete_on_termination: true,
            },
          ],
        }),
  });
  return { state: "pending", afterMs: account.pollMs, note: "The machine is being built.", made: { facts } };
}

function refuse(reason: string): Outcome {
  return { state: "failed", reason, clean: true };
}

async function findImages(session: Session, operatingSystem: string): Promise<readonly Image[]> {
  const { distro, version } = readOperatingSystem(operatingSystem);
  const { images } = await session.ask<{ readonly images: readonly Image[] }>({
    service: "image",
    method: "GET",
    path: ["images"],
    query: { os_distro: distro, os_version: version, status: "active", sort: "created_at:desc", limit: "200" },
  });
  return images;
}
