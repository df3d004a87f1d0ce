/** The verbs of bindings: what a plan makes for each, and the credentials put together from the cluster's own answers. */
import type { Access, BindingOrder, Json, Made, Outcome, Tools } from "#adapter";
import { stateOf } from "./conditions.ts";
import { answered, mayHaveBegun, waiting, whatIsThere } from "./instance.ts";
import { kubeconfig } from "./kubeconfig.ts";
import { make } from "./make.ts";
import { bindingOwner } from "./marks.ts";
import { nameOf, type Objects, type Ref } from "./objects.ts";
import { type Plan, readPlan, type Source, type TokenSource } from "./plan.ts";
import { findRecord } from "./record.ts";
import { removeAll } from "./remove.ts";
import { bindingRoots, given } from "./scope.ts";
import { fill, type Roots, walk } from "./template.ts";

type Bindable = NonNullable<Plan["binding"]>;

export async function bind(objects: Objects, order: BindingOrder, tools: Tools): Promise<Outcome> {
  let traces = mayHaveBegun(order);
  return answered(
    () => !traces,
    async () => {
      const { signal } = tools;
      const plan = readPlan(order.plan.backend);
      if (plan.binding === undefined)
        return { state: "failed", reason: "This plan gives no access of its own.", clean: !traces };
      if ((await findRecord(objects, order.instance.id, signal)) === undefined)
        return { state: "failed", reason: "The instance does not exist at the provider any more.", clean: !traces };
      const wanted = {
        owner: bindingOwner(order),
        manifests: fill(plan.binding.manifests, bindingRoots(order, plan, tools)),
        parameters: given(order),
      };
      const record = await findRecord(objects, order.binding.id, signal);
      const begun = () => {
        traces = true;
      };
      await make(objects, wanted, record, begun, signal);
      return accessWhenReady(objects, order, plan, plan.binding, tools);
    },
  );
}

/** Looks again whether what was applied for the binding is ready, and then asks for its credentials. */
export async function goOn(objects: Objects, order: BindingOrder, tools: Tools): Promise<Outcome> {
  const plan = readPlan(order.plan.backend);
  const { binding } = plan;
  if (binding === undefined) return bind(objects, order, tools);
  return answered(
    () => false,
    () => accessWhenReady(objects, order, plan, binding, tools),
  );
}

async function accessWhenReady(
  objects: Objects,
  order: BindingOrder,
  plan: Plan,
  binding: Bindable,
  tools: Tools,
): Promise<Outcome> {
  const { signal } = tools;
  const roots = bindingRoots(order, plan, tools);
  const filled = (all: Bindable["ready"]) => all.map((one) => ({ ...one, of: fill({ ...one.of }, roots) }));
  const conditions = { ready: filled(binding.ready), failed: filled(binding.failed) };
  const look = (ref: Ref) => objects.find(ref, signal);
  const state = await stateOf(objects, conditions, look, given(order), signal);
  if (state.is === "failed") return { state: "failed", reason: state.reason, clean: false };
  if (state.is === "waiting") return { ...waiting(objects, state.note), handle: { waitsFor: "ready" } };
  try {
    return { state: "done", made: { access: await accessOf(objects, order, plan, binding, tools) } };
  } catch (error) {
    if (!(error instanceof NotYet)) throw error;
    return { ...waiting(objects, error.message), handle: { waitsFor: "ready" } };
  }
}

/** A controller has not written yet what the credentials are made of. */
class NotYet extends Error {}

async function accessOf(
  objects: Objects,
  order: BindingOrder,
  plan: Plan,
  binding: Bindable,
  tools: Tools,
): Promise<Access> {
  const roots = bindingRoots(order, plan, tools);
  const sources: { [name: string]: Roots[string] } = {};
  const ends: string[] = [];
  for (const [name, source] of Object.entries(
    fill(binding.sources as unknown as Json, roots) as unknown as Bindable["sources"],
  )) {
    if ("token" in source) {
      const token = await tokenOf(objects, source.token, tools.signal);
      sources[name] = token;
      ends.push(token.expiresAt);
    } else sources[name] = await readSource(objects, source, tools.signal);
  }
  const credentials = fill(binding.credentials, bindingRoots(order, plan, tools, sources));
  return { credentials, ...lifetime(ends, tools.now()) };
}

/** The first token to end decides; a third of its life is left to renew it. */
function lifetime(ends: readonly string[], now: Date): Pick<Access, "expiresAt" | "renewBefore"> {
  if (ends.length === 0) return {};
  const end = Math.min(...ends.map((text) => Date.parse(text)));
  const renew = end - Math.max(end - now.getTime(), 0) / 3;
  return { expiresAt: new Date(end).toISOString(), renewBefore: new Date(renew).toISOString() };
}

/** Kubernetes: TokenRequest. The server may give another lifetime than was asked for, and says which. */
async function tokenOf(objects: Objects, source: TokenSource, signal: AbortSignal) {
  const { namespace, serviceAccount, seconds = 3600, audiences } = source;
  const ref = { apiVersion: "v1", kind: "ServiceAccount", namespace, name: serviceAccount };
  const spec = { expirationSeconds: seconds, ...(audiences !== undefined && { audiences }) };
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
  const told = await objects.create(ref, "token", body, signal);
  const [token, expiresAt] = [walk(told, ["status", "token"]), walk(told, ["status", "expirationTimestamp"])];
  if (typeof token !== "string" || typeof expiresAt !== "string")
    throw new Error(`The API server gave no token for ${nameOf(ref)}.`);
  const { publicServer, publicCa } = objects.api.account;
  return {
    token,
    expiresAt,
    server: publicServer,
    ca: publicCa ?? "",
    kubeconfig: kubeconfig({ server: publicServer, ca: publicCa, namespace, user: serviceAccount, token }),
  };
}

/** Gaps are filled by what the Secret or the object holds by then; without it, the access has to wait. */
async function readSource(
  objects: Objects,
  source: Exclude<Source, { token: TokenSource }>,
  signal: AbortSignal,
): Promise<(rest: string) => Json> {
  const ref = "secret" in source ? { apiVersion: "v1", kind: "Secret", ...source.secret } : source.object;
  const object = await objects.find(ref, signal);
  return (rest) => {
    // A Secret's keys may have dots in them.
    const value = "secret" in source ? decoded(walk(object, ["data", rest])) : walk(object, rest.split("."));
    if (value === undefined || value === null || value === "")
      throw new NotYet(`${nameOf(ref)} ${object === undefined ? "is not there" : "is not filled"} yet.`);
    return value;
  };
}

const decoded = (value: Json | undefined): Json | undefined =>
  typeof value === "string" ? Buffer.from(value, "base64").toString("utf8") : undefined;

export async function unbind(objects: Objects, order: BindingOrder, { signal }: Tools): Promise<Outcome> {
  return answered(
    () => false,
    async () => {
      const record = await findRecord(objects, order.binding.id, signal);
      if (record === undefined) return { state: "done" };
      const note = await removeAll(objects, [record], signal);
      return note === undefined ? { state: "done" } : waiting(objects, note);
    },
  );
}

export async function fetchBinding(
  objects: Objects,
  order: BindingOrder,
  { signal }: Tools,
): Promise<Made | undefined> {
  const record = await findRecord(objects, order.binding.id, signal);
  return record && whatIsThere(objects, record, bindingOwner(order), signal);
}
