/** Makes and changes containers of objects. */
import type { Order, Outcome, Tools } from "#adapter";
import type { Cloud } from "./client.ts";
import { abilitiesOf, changeContainer, lookAtContainer, putContainer } from "./containers.ts";
import { containerName, marksOf, partsName } from "./names.ts";
import { type ObjectPlan, readObjectPlan, wantsVersions } from "./object-plan.ts";
import { findStore } from "./object-store.ts";
import { sessionToMake } from "./projects.ts";
import { reasonOf } from "./reasons.ts";

export async function provision(cloud: Cloud, order: Order, tools: Tools): Promise<Outcome> {
  const plan = readObjectPlan(order.plan.backend);
  const session = await sessionToMake(cloud, order, plan.region, tools.signal);
  if (wantsVersions(order, plan) && !(await abilitiesOf(session)).versions) return withoutVersions;
  try {
    const headers = { ...limitsOf(plan), ...markHeaders(order) };
    await putContainer(session, partsName(order.instance.id), headers);
    // The last step: where the container is, all of it is.
    const versions = wantsVersions(order, plan) ? { "x-versions-enabled": "true" } : {};
    await putContainer(session, containerName(order.instance.id), { ...headers, ...versions });
    return { state: "done", made: { facts: { projectId: session.projectId, region: session.region } } };
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === undefined) throw error;
    tools.log.warn({ err: error }, "the cloud refused");
    return { state: "failed", reason, clean: false };
  }
}

/** The plan's limits, and versions switched on or off. */
export async function update(cloud: Cloud, order: Order, tools: Tools): Promise<Outcome> {
  const plan = readObjectPlan(order.plan.backend);
  const session = await findStore(cloud, order, tools);
  const name = containerName(order.instance.id);
  const there = session && (await lookAtContainer(session, name));
  if (session === undefined || there === undefined) return vanished;
  if (there.bytes > (plan.maxBytes ?? Infinity) || there.objects > (plan.maxObjects ?? Infinity))
    return tooFull(there.bytes, there.objects, plan);
  if (wantsVersions(order, plan) && !(await abilitiesOf(session)).versions) return withoutVersions;
  const headers = { ...limitsOf(plan), ...markHeaders(order) };
  // Where versions were never kept, nothing is said about them, so that the container stays one without.
  const versions = { "x-versions-enabled": String(wantsVersions(order, plan)) };
  const told = wantsVersions(order, plan) || there.versioned ? { ...headers, ...versions } : headers;
  await changeContainer(session, partsName(order.instance.id), headers);
  return (await changeContainer(session, name, told)) ? { state: "done" } : vanished;
}

/** An empty value takes a limit away. Both containers get the limit: parts of large objects are in one of their own. */
function limitsOf({ maxBytes, maxObjects }: ObjectPlan): Record<string, string> {
  return {
    "x-container-meta-quota-bytes": maxBytes === undefined ? "" : String(maxBytes),
    "x-container-meta-quota-count": maxObjects === undefined ? "" : String(maxObjects),
  };
}

/** Headers take no other characters than these. */
function markHeaders(order: Order): Record<string, string> {
  return Object.fromEntries(
    Object.entries(marksOf(order)).map(([name, value]) => [
      `x-container-meta-${name.replaceAll("_", "-")}`,
      encodeURIComponent(value).slice(0, 250),
    ]),
  );
}

function tooFull(bytes: number, objects: number, { maxBytes, maxObjects }: ObjectPlan): Outcome {
  const limits = [
    ...(maxBytes === undefined ? [] : [`${maxBytes} bytes`]),
    ...(maxObjects === undefined ? [] : [`${maxObjects} objects`]),
  ];
  return {
    state: "failed",
    reason: `The container is too full for this plan: it holds ${bytes} bytes in ${objects} objects, the plan allows ${limits.join(" and ")}. Remove some first, or choose a larger plan.`,
    clean: true,
  };
}

const withoutVersions: Outcome = {
  state: "failed",
  reason: "This cloud's object storage keeps no versions. Order without parameters.versioning.",
  clean: true,
  repeatable: false,
};

const vanished: Outcome = {
  state: "failed",
  reason: "The container does not exist at the provider any more. Delete the instance, or ask the provider.",
  clean: true,
  usable: false,
  repeatable: false,
};
