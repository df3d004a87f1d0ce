/**
 * Access to a machine: a door in the firewall for this binding, and an SSH key with a certificate that the machine trusts.
 * A cloud gives keys to a machine only at its first boot; the certificate's authority is what is given to it then, so that
 * every binding can have a key of its own later.
 */
import type { Access, BindingOrder, Made, Outcome, Tools } from "#adapter";
import { addressesOf } from "./addresses.ts";
import type { Cloud, Session } from "./client.ts";
import { settleDoors } from "./doors.ts";
import { authorityOf, type Facts, readFacts } from "./facts.ts";
import { ensureGroup, findGroups, removeGroup, setOpenings } from "./firewall.ts";
import { readMachinePlan } from "./machine-plan.ts";
import { describeMarks, doorName, machineName } from "./names.ts";
import { sessionToFind } from "./projects.ts";
import { reasonOf } from "./reasons.ts";
import { findServers } from "./servers.ts";
import { certificate, privateFile, publicLine, readPublicLine, sshKeyFrom } from "./ssh.ts";
import { together } from "./together.ts";

const sshPort = 22;
const anywhere = ["0.0.0.0/0"];
/** Clocks differ: a certificate is good from a little before it was made. */
const earlierMs = 5 * 60_000;
const dayMs = 24 * 60 * 60_000;

interface Wish {
  readonly publicKey?: string;
  readonly allowedFrom?: readonly string[];
}

export async function bind(cloud: Cloud, order: BindingOrder, tools: Tools): Promise<Outcome> {
  const facts = readFacts(order) as Facts;
  const wish = order.binding.parameters.reveal() as Wish;
  const given = wish.publicKey === undefined ? undefined : readPublicLine(wish.publicKey);
  if (wish.publicKey !== undefined && given === undefined)
    return refuse("publicKey is no SSH public key in one line, as in a file id_ed25519.pub.");
  const session = await sessionOf(cloud, order, tools);
  const [server] = session === undefined ? [] : await findServers(session, machineName(order.instance.id));
  if (session === undefined || server === undefined || facts.authority === undefined)
    return refuse("The machine does not exist at the provider any more.");
  const name = doorName(order.instance.id, order.binding.id);
  const openings = (wish.allowedFrom ?? anywhere).map((from) => ({
    protocol: "tcp" as const,
    fromPort: sshPort,
    toPort: sshPort,
    from,
  }));
  try {
    const [, addresses] = await together([
      ensureGroup(session, name, describeMarks(order), openings),
      cloud.account.externalNetwork === undefined ? [] : addressesOf(session, order.instance.id),
    ]);
    const { ports, doors } = await settleDoors(session, order.instance.id, server.id);
    const [port] = ports;
    if (port === undefined) throw new Error("The machine has no port at the moment.");
    const [door, ...twins] = doors.filter((one) => one.name === name);
    if (door === undefined || !port.security_groups.includes(door.id))
      throw new Error("The door was changed by somebody else.");
    // Two calls at once may have made one each.
    const gone = await together(twins.map(({ id }) => removeGroup(session, id)));
    if (gone.includes(false)) throw new Error("The door was made twice, and both are in use.");
    const host = addresses[0]?.floating_ip_address ?? port.fixed_ips[0]?.ip_address;
    if (host === undefined) throw new Error("The machine has no address at the moment.");
    return { state: "done", made: { access: accessTo(order, tools, facts, host, given) } };
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === undefined) throw error;
    tools.log.warn({ err: error }, "the cloud refused access to a machine");
    return (await shut(session, order, server.id)) ? refuse(reason) : { state: "failed", reason, clean: false };
  }
}

function refuse(reason: string): Outcome {
  return { state: "failed", reason, clean: true };
}

function accessTo(
  order: BindingOrder,
  tools: Tools,
  { authority, user }: Facts,
  host: string,
  given: ReturnType<typeof readPublicLine>,
): Access {
  const keyId = doorName(order.instance.id, order.binding.id);
  const own = given === undefined ? sshKeyFrom(tools.secret("ssh key")) : undefined;
  const subject = given ?? { type: "ssh-ed25519", blob: (own as NonNullable<typeof own>).blob };
  const now = tools.now().getTime();
  const validTo = new Date(now + readMachinePlan(order.plan.backend).certificateDays * dayMs);
  const signed = certificate({
    authority: authorityOf(authority),
    subject,
    keyId,
    principal: user,
    validFrom: new Date(now - earlierMs),
    validTo,
    nonce: tools.secret("ssh nonce"),
  });
  return {
    credentials: {
      uri: `ssh://${user}@${host.includes(":") ? `[${host}]` : host}:${sshPort}`,
      host,
      port: sshPort,
      username: user,
      certificate: signed,
      ...(own !== undefined && { privateKey: privateFile(own, keyId), publicKey: publicLine(own, keyId) }),
    },
    endpoints: [{ host, ports: [String(sshPort)], protocol: "tcp" }],
    expiresAt: validTo.toISOString(),
  };
}

export async function unbind(cloud: Cloud, order: BindingOrder, tools: Tools): Promise<Outcome> {
  const session = await sessionOf(cloud, order, tools);
  if (session === undefined) return { state: "done" };
  const [server] = await findServers(session, machineName(order.instance.id));
  if (await shut(session, order, server?.id)) return { state: "done" };
  return { state: "pending", afterMs: cloud.account.pollMs, note: "The machine's firewall is being changed." };
}

/** False: something still uses the door. */
async function shut(
  session: Session,
  { instance, binding }: BindingOrder,
  serverId: string | undefined,
): Promise<boolean> {
  const doors = await findGroups(session, doorName(instance.id, binding.id));
  if (doors.length === 0) return true;
  await together(doors.map((door) => setOpenings(session, door, [])));
  if (serverId !== undefined) await settleDoors(session, instance.id, serverId);
  const gone = await together(doors.map(({ id }) => removeGroup(session, id)));
  return gone.every(Boolean);
}

/** Whether the door is there and leads somewhere. */
export async function fetchAccess(cloud: Cloud, order: BindingOrder, tools: Tools): Promise<Made | undefined> {
  const session = await sessionOf(cloud, order, tools);
  if (session === undefined) return undefined;
  const name = doorName(order.instance.id, order.binding.id);
  const [[server], groups] = await together([
    findServers(session, machineName(order.instance.id)),
    findGroups(session, name),
  ]);
  if (server === undefined || groups[0] === undefined) return undefined;
  return { metadata: { attributes: { securityGroup: name } } };
}

function sessionOf(cloud: Cloud, order: BindingOrder, tools: Tools): Promise<Session | undefined> {
  const { region } = readMachinePlan(order.plan.backend);
  return sessionToFind(cloud, order, readFacts(order), region, tools.signal);
}
