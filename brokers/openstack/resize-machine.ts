/**
 * Moves a machine to another plan and other parameters. A resize is asked for, waited for, and confirmed:
 *
 * | the server is                    | the call                                                               |
 * | -------------------------------- | ---------------------------------------------------------------------- |
 * | of the wanted flavor, up or off  | goes on to firewall and address                                        |
 * | of another flavor, up or off     | asks for the resize; or waits for one; did Nova give it up, fails |
 * | RESIZE, REVERT_RESIZE, BUILD     | waits                                                                  |
 * | VERIFY_RESIZE, wanted flavor     | confirms                                                               |
 * | VERIFY_RESIZE, another flavor    | reverts: an earlier change was given up half-way                       |
 * | ERROR                            | fails as unusable                                                      |
 */
import type { Json, Outcome, Tools, UpdateOrder } from "#adapter";
import { statusOf } from "./answers.ts";
import type { Cloud, Session } from "./client.ts";
import { type Handle, readFacts, readHandle } from "./facts.ts";
import { settleAddress } from "./finish-machine.ts";
import { ensureGroup } from "./firewall.ts";
import { chooseFlavor, type Flavor } from "./flavors.ts";
import { readMachinePlan, readWish } from "./machine-plan.ts";
import { describeMarks, machineName, marksOf } from "./names.ts";
import { sessionToFind } from "./projects.ts";
import { reasonOf, reasonOfFault } from "./reasons.ts";
import { actOn, findServers, lastAction, listFlavors, markServer, type Server } from "./servers.ts";
import { together } from "./together.ts";

export async function update(cloud: Cloud, order: UpdateOrder, handle: Json, tools: Tools): Promise<Outcome> {
  const plan = readMachinePlan(order.plan.backend);
  const facts = readFacts(order);
  const fixed = whatIsFixed(order);
  if (fixed !== undefined) return refuse(`${fixed} is decided when a machine is built. Order a new one to change it.`);
  if (plan.region !== undefined && facts.region !== undefined && plan.region !== facts.region)
    return refuse("A machine cannot move to another region. Order a new one there.");
  const wish = readWish(order.instance.parameters.reveal(), plan);
  if (wish.floatingAddress && cloud.account.externalNetwork === undefined)
    return refuse("This provider gives no floating addresses.");
  const session = await sessionToFind(cloud, order, facts, plan.region, tools.signal);
  const [server] = session === undefined ? [] : await findServers(session, machineName(order.instance.id));
  if (session === undefined || server === undefined)
    return {
      state: "failed",
      reason: "The machine does not exist at the provider any more.",
      clean: true,
      usable: false,
    };
  const flavors = await listFlavors(session);
  const flavor = chooseFlavor(flavors, plan.flavor, plan.equivalentFlavors);
  if (flavor === undefined)
    return refuse(`The cloud has no flavor ${plan.flavor}, and none as good. The machine is as it was.`);
  try {
    const waiting = await resize(session, server, flavor, readHandle(handle), tools.now());
    if (waiting !== undefined)
      return waiting.state === "pending" ? { ...waiting, afterMs: cloud.account.pollMs } : waiting;
    await together([
      ensureGroup(session, machineName(order.instance.id), describeMarks(order), wish.openings),
      settleAddress(cloud, session, order, server, wish.floatingAddress),
      markServer(session, server.id, marksOf(order)),
    ]);
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === undefined) throw error;
    tools.log.warn({ err: error }, "the cloud refused a change");
    const clean = server.flavor.original_name !== flavor.name;
    return { state: "failed", reason: `${reason} The machine works${clean ? " as before" : ""}.`, clean };
  }
  return { state: "done" };
}

function refuse(reason: string): Outcome {
  return { state: "failed", reason, clean: true, repeatable: false };
}

/** What a running machine cannot be given, if the order asks for it. */
function whatIsFixed({ instance, before }: UpdateOrder): string | undefined {
  const [now, then] = [instance.parameters.reveal(), before.parameters.reveal()];
  return ["operatingSystem", "publicKey", "userData"].find(
    (name) => now[name] !== undefined && now[name] !== then[name],
  );
}

/** A resize of which nothing was heard for so long was forgotten, such as by a Nova that was restarted. */
const forgottenMs = 10 * 60_000;

/** One step; undefined: the server has the flavor. */
async function resize(
  session: Session,
  server: Server,
  flavor: Flavor,
  { resizing: asked = false }: Handle,
  now: Date,
): Promise<Exclude<Outcome, { state: "done" }> | undefined> {
  const isWanted = server.flavor.original_name === flavor.name;
  switch (server.status) {
    case "ERROR":
      return { state: "failed", reason: reasonOfFault(server.fault), clean: false, usable: false };
    case "RESIZE":
    case "REVERT_RESIZE":
    case "BUILD":
      return { state: "pending", handle: { resizing: asked }, note: "The machine is being resized." };
    case "VERIFY_RESIZE":
      await actUnlessBusy(session, server.id, isWanted ? { confirmResize: null } : { revertResize: null });
      return {
        state: "pending",
        handle: { resizing: asked && isWanted },
        note: isWanted ? "The new size is being confirmed." : "An earlier change is being undone.",
      };
  }
  if (isWanted) return undefined;
  // Nova rests between two hosts it tries, and looks idle then; only its own record tells whether it has given up.
  const last = await lastAction(session, server.id);
  if (last?.action === "resize" && !last.failed && now.getTime() - last.at.getTime() < forgottenMs)
    return { state: "pending", handle: { resizing: true }, note: "The machine is being resized." };
  if (asked)
    return {
      state: "failed",
      reason:
        "The cloud has no room for the machine in its new size at the moment. It works as before; try again later.",
      clean: true,
    };
  const begun = await actUnlessBusy(session, server.id, { resize: { flavorRef: flavor.id } });
  return { state: "pending", handle: { resizing: begun }, note: "The machine is being resized." };
}

/**
 * False: it is in the middle of something else (409), or the resize is being confirmed or reverted already (400, while the
 * server still is VERIFY_RESIZE); the next look tells.
 */
async function actUnlessBusy(
  session: Session,
  id: string,
  action: { readonly [name: string]: Json },
): Promise<boolean> {
  try {
    await actOn(session, id, action);
    return true;
  } catch (error) {
    const status = statusOf(error);
    if (status === 409 || (status === 400 && !("resize" in action))) return false;
    throw error;
  }
}
