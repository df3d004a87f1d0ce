/** Takes a container away: its users first, then all that is in it, then itself. */
import type { Json, Order, Outcome, Tools } from "#adapter";
import { statusOf } from "./answers.ts";
import type { Cloud, Session } from "./client.ts";
import { listObjects, removeContainer, removeObjects, removeVersion, type StoredObject } from "./containers.ts";
import { containerName, partsName } from "./names.ts";
import { findStore } from "./object-store.ts";
import { listUsers, ownSession, removeUser } from "./object-users.ts";

/** Objects removed by one call: a few seconds' work, so that progress is seen. */
const atATime = 100;
/** Requests for single versions under way at once. */
const sideBySide = 8;

/** `removed`: how many objects are gone so far, for the note only. */
interface Handle {
  readonly removed: number;
}

export async function deprovision(cloud: Cloud, order: Order, handle: Json, tools: Tools): Promise<Outcome> {
  const { removed = 0 } = (handle ?? {}) as unknown as Partial<Handle>;
  const session = await findStore(cloud, order, tools);
  if (session === undefined) return { state: "done" };
  const { id } = order.instance;
  if (removed === 0) await removeUsers(cloud, await ownSession(cloud, session, tools.signal), id);
  let now = 0;
  for (const name of [partsName(id), containerName(id)]) {
    const round = await removeRound(session, name);
    now += round.removed;
    if (round.left !== undefined) return goOn(cloud, removed + now, round.left);
  }
  return { state: "done" };
}

function goOn({ account }: Cloud, removed: number, left: number): Outcome {
  const note =
    removed === 0
      ? "The container is being emptied."
      : `The container is being emptied: ${removed} objects are removed${left > 0 ? `, about ${left} are left` : ""}.`;
  // Where nothing could be removed, the cloud's listings lag behind and want time.
  return { state: "pending", handle: { removed }, afterMs: left > 0 ? 0 : account.pollMs, note };
}

/** `left`: about how many objects are still there; undefined: nothing, the container is gone. */
async function removeRound(session: Session, name: string): Promise<{ removed: number; left?: number }> {
  const listed = await listObjects(session, name, atATime);
  // Removed all the same: Swift may be wrong about it, and only another removal mends an account that lists what is gone.
  if (listed === undefined) return (await removeContainer(session, name)) ? { removed: 0 } : { removed: 0, left: 0 };
  const { container, objects } = listed;
  if (container.versioned) await removeVersions(session, name, objects);
  else if (objects.length > 0)
    await removeObjects(
      session,
      name,
      objects.map((object) => object.name),
    );
  const removed = objects.length;
  if (removed === atATime) return { removed, left: Math.max(container.objects - removed, 1) };
  return (await removeContainer(session, name)) ? { removed } : { removed, left: 0 };
}

async function removeVersions(session: Session, name: string, objects: readonly StoredObject[]): Promise<void> {
  const due = [...objects];
  const work = async () => {
    for (let object = due.shift(); object !== undefined; object = due.shift())
      await removeVersion(session, name, object);
  };
  await Promise.all(Array.from({ length: sideBySide }, work));
}

/** An account without accessRole never made users, and may not be allowed to list them. */
async function removeUsers(cloud: Cloud, own: Session, instanceId: string): Promise<void> {
  try {
    const users = await listUsers(own, instanceId);
    await Promise.all(users.map((user) => removeUser(own, user)));
  } catch (error) {
    if (statusOf(error) !== 403 || cloud.account.accessRole !== undefined) throw error;
  }
}
