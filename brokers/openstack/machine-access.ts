/**
 * Access to a machine: a door in the firewall for this binding, and an SSH key with a certificate that the machine trusts.
 * A cloud gives keys to a machine only at its first boot; the certificate's authority is what is given to it then, so that
 * every binding can have a key of its own later.
 */
import type { Access, BindingOrder, Json, Made, Outcome, Tools } from "#adapter";
import { addressesOf } from "./addresses.ts";
import type { Cloud, Session } from "./client.ts";
import { authorityOf, type Facts, readFacts } from "./facts.ts";
import { changeGroups, ensureGroup, findGroups, findPorts, type Port, removeGroup, setOpenings } from "./firewall.ts";
import { type Opening, readMachinePlan } from "./machine-plan.ts";
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

/** What `bind` hands to its next step: the door was opened, and is looked at once more. */
const opened = "opened";

/**
 * A port has one list of groups, and whoever changes it writes the whole of it: two who open doors of one machine at once may
 * each write without the other's (`changeGroups`). So a door counts as open when it still is a while after it was opened.
 */
export async function bind(cloud: Cloud, order: BindingOrder, handle: Json, tools: Tools): Promise<Outcome> {
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
    const [ports, , addresses] = await together([
      findPorts(session, server.id),
      ensureGroup(session, name, describeMarks(order), openings),
      cloud.account.externalNetwork === undefined ? [] : addressesOf(session, order.instance.id),
    ]);
    const [port] = ports;
    if (port === undefined) throw new Error("The machine has no port at the moment.");
    const stayed = await openDoor(session, port, name, openings);
    if (!stayed || handle !== opened)
      return {
        state: "pending",
        handle: opened,
        afterMs: cloud.account.pollMs,
        note: "The machine's firewall is being opened.",
      };
    const host = addresses[0]?.floating_ip_address ?? port.fixed_ips[0]?.ip_address;
    if (host === undefined) throw new Error("The machine has no address at the moment.");
    return { state: "done", made: { access: accessTo(order, tools, facts, host, given) } };
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === undefined) throw error;
    tools.log.warn({ err: error }, "the cloud refused access to a machine");
    return (await shut(session, name, server.id)) ? refuse(reason) : { state: "failed", reason, clean: false };
  }
}

function refuse(reason: string): Outcome {
  return { state: "failed", reason, clean: true };
}

/**
 * The port is in the oldest group of that name and in no younger one: two calls at once may have made one each. True if it
 * was so already.
 */
async function openDoor(session: Session, port: Port, name: string, openings: readonly Opening[]): Promise<boolean> {
  const [kept, ...twins] = await findGroups(session, name);
  if (kept === undefined) throw new Error("The door was removed by somebody else.");
  if (twins.length > 0) await setOpenings(session, kept, openings);
  const spare = new Set(twins.map(({ id }) => id));
  await changeGroups(session, port, (groups) => [...groups.filter((id) => !spare.has(id) && id !== kept.id), kept.id]);
  const gone = await together(twins.map(({ id }) => removeGroup(session, id)));
  if (gone.includes(false)) throw new Error("The door was made twice, and both are in use.");
  return twins.length === 0 && port.security_groups.includes(kept.id);
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
  const name = doorName(order.instance.id, order.binding.id);
  if (session === undefined) return { state: "done" };
  const [server] = await findServers(session, machineName(order.instance.id));
  if (await shut(session, name, server?.id)) return { state: "done" };
  return { state: "pending", afterMs: cloud.account.pollMs, note: "The machine's firewall is being changed." };
}

/** False: something still uses the door. */
async function shut(session: Session, name: string, serverId: string | undefined): Promise<boolean> {
  const doors = new Set((await findGroups(session, name)).map(({ id }) => id));
  if (doors.size === 0) return true;
  const ports = serverId === undefined ? [] : await findPorts(session, serverId);
  for (const port of ports) await changeGroups(session, port, (groups) => groups.filter((id) => !doors.has(id)));
  const gone = await together([...doors].map((id) => removeGroup(session, id)));
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
