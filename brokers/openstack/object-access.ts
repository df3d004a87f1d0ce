/** Gives and takes access to a container: a user of its own for every binding, with a key for S3 and a password for Swift. */
import { createHash } from "node:crypto";
import type { BindingOrder, JsonObject, Made, Outcome, Tools } from "#adapter";
import { statusOf } from "./answers.ts";
import { type Cloud, connectTo, type Session } from "./client.ts";
import { abilitiesOf } from "./containers.ts";
import { containerName, userName } from "./names.ts";
import { findStore } from "./object-store.ts";
import { type AccessKind, findUser, makeKey, makeUser, openTo, ownSession, removeUser } from "./object-users.ts";

interface Wish {
  readonly access: AccessKind;
  readonly api: "both" | "s3" | "swift";
}

export async function bind(cloud: Cloud, order: BindingOrder, tools: Tools): Promise<Outcome> {
  if (cloud.account.accessRole === undefined)
    return no(
      "The provider's account gives no access to object storage. The provider has to name a role in accessRole.",
    );
  const { access = "read-write", api = "both" } = order.binding.parameters.reveal() as Partial<Wish>;
  const session = await findStore(cloud, order, tools);
  if (session === undefined) return vanished;
  const s3 = await s3Of(cloud, session);
  if (api === "s3" && s3 === undefined) return no("This cloud does not speak S3. Ask for a binding with api swift.");
  const own = await ownSession(cloud, session, tools.signal);
  const password = tools.secret("password");
  try {
    const user = await makeUser(cloud, own, session, order, access, password);
    const key = s3 && api !== "swift" ? await keyFor(cloud, session, order, tools) : undefined;
    if (!(await openTo(own, session, order.instance.id))) {
      await removeUser(own, user);
      return vanished;
    }
    const credentials: JsonObject = {
      container: containerName(order.instance.id),
      access,
      ...(s3 && key && { bucket: containerName(order.instance.id), ...s3, pathStyle: true, ...key }),
      ...(api !== "s3" && swiftAccess(cloud, session, user.name, password)),
    };
    return { state: "done", made: { access: { credentials, endpoints: endpointsOf(session, s3?.endpoint) } } };
  } catch (error) {
    if (statusOf(error) !== 403) throw error;
    // Nothing is made before Keystone says so, and what a former attempt made goes with the removal that follows.
    tools.log.warn({ err: error }, "the account may not make users");
    return {
      state: "failed",
      reason:
        "The provider's account may not make users at this cloud, so it cannot give access. The provider finds the rights it needs in the adapter's description.",
      clean: false,
    };
  }
}

export async function unbind(cloud: Cloud, order: BindingOrder, tools: Tools): Promise<Outcome> {
  const session = await findStore(cloud, order, tools);
  if (session === undefined) return { state: "done" };
  // Tokens and keys end with their user. Its id stays in the container's list until the next binding, and names nobody.
  const own = await ownSession(cloud, session, tools.signal);
  const user = await findUserIfAllowed(cloud, own, userName(order.instance.id, order.binding.id));
  if (user !== undefined) await removeUser(own, user);
  return { state: "done" };
}

export async function fetchAccess(cloud: Cloud, order: BindingOrder, tools: Tools): Promise<Made | undefined> {
  const session = await findStore(cloud, order, tools);
  if (session === undefined) return undefined;
  const own = await ownSession(cloud, session, tools.signal);
  const user = await findUserIfAllowed(cloud, own, userName(order.instance.id, order.binding.id));
  return user && {};
}

/** An account without accessRole never made a user, and may not be allowed to look for one. */
async function findUserIfAllowed(cloud: Cloud, own: Session, name: string) {
  try {
    return await findUser(own, name);
  } catch (error) {
    if (statusOf(error) === 403 && cloud.account.accessRole === undefined) return undefined;
    throw error;
  }
}

/** Made by the user itself, in a connection of its own. */
async function keyFor(cloud: Cloud, session: Session, order: BindingOrder, tools: Tools): Promise<Key> {
  const login = {
    kind: "password",
    username: userName(order.instance.id, order.binding.id),
    userDomain: cloud.account.projectDomain,
    password: tools.secret("password"),
    project: session.projectId,
  } as const;
  const key = {
    // As Keystone's own: 32 hexadecimal digits.
    accessKeyId: createHash("sha256").update(tools.secret("access key")).digest("hex").slice(0, 32),
    secretAccessKey: tools.secret("secret key"),
  };
  const theirs = connectTo({ ...cloud.account, login });
  try {
    const user = await theirs.session({ projectId: session.projectId, region: session.region }, tools.signal);
    await makeKey(user, key.accessKeyId, key.secretAccessKey);
  } finally {
    await theirs.close();
  }
  return key;
}

interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Where S3 is spoken; undefined where it is not. */
async function s3Of({ account }: Cloud, session: Session) {
  const region = account.s3Region ?? session.region;
  if (account.s3Endpoint !== undefined) return { endpoint: account.s3Endpoint, region };
  const swift = session.endpoint("object-store");
  if (swift === undefined || !(await abilitiesOf(session)).s3) return undefined;
  return { endpoint: new URL(swift).origin, region };
}

function swiftAccess({ account }: Cloud, session: Session, username: string, password: string): JsonObject {
  return {
    authUrl: account.authUrl,
    username,
    userDomain: account.projectDomain,
    password,
    projectId: session.projectId,
    regionName: session.region,
    storageUrl: session.endpoint("object-store") ?? "",
  };
}

function endpointsOf(session: Session, s3: string | undefined) {
  const hosts = [s3, session.endpoint("object-store")].flatMap((url) => (url === undefined ? [] : [new URL(url)]));
  const all = hosts.map(({ hostname, port, protocol }) => ({
    host: hostname,
    ports: [port || (protocol === "https:" ? "443" : "80")],
    protocol: "tcp" as const,
  }));
  return all.filter(
    ({ host, ports }, index) => all.findIndex((o) => o.host === host && o.ports[0] === ports[0]) === index,
  );
}

const no = (reason: string): Outcome => ({ state: "failed", reason, clean: true });
const vanished = no("The container does not exist at the provider any more. Delete the instance, or ask the provider.");
