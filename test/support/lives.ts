/** Lives of instances, drawn by chance, and a platform that leads them: it repeats what was not answered, and polls. */
import { setTimeout as wait } from "node:timers/promises";
import type { JsonObject } from "../../src/core/adapter.ts";
import type { Answer, Method } from "./broker.ts";
import { keepNote, login, untilAnswered } from "./crashes.ts";
import type { Chance } from "./seeded.ts";

/** What is ordered; the platform's own ids. */
export interface Wares {
  readonly offeringId: string;
  readonly plans: readonly [string, ...string[]];
}

interface Wish {
  /** Whether a 202 will do. */
  readonly waits: boolean;
}

/** The platform changes its mind: deletes what it ordered so soon after asking for it. */
interface Order extends Wish {
  readonly regretMs?: number;
}

export type Step =
  | (Order & { readonly wish: "provision"; readonly plan: string; readonly parameters: JsonObject })
  | (Order & {
      readonly wish: "bind";
      readonly binding: string;
      readonly predecessor?: string;
      readonly parameters: JsonObject;
    })
  | (Wish & { readonly wish: "update"; readonly plan: string; readonly parameters: JsonObject })
  | (Wish & { readonly wish: "unbind"; readonly binding: string })
  | (Wish & { readonly wish: "deprovision" });

const extensions = ["citext", "hstore", "pg_trgm", "unaccent"] as const;

/** One life from its order on; about every third instance is still there at its end. */
export function drawLife(chance: Chance, { plans }: Wares): Step[] {
  const wish = () => ({ waits: chance.happens(0.6) });
  const regret = (share: number) => (chance.happens(share) ? { regretMs: chance.whole(0, 800) } : {});
  const some = () => extensions.filter(() => chance.happens(0.3));
  const steps: Step[] = [];
  let plan = chance.pick(plans);
  let parameters: JsonObject = { extensions: some() };
  const first = { ...wish(), ...regret(0.2), wish: "provision", plan, parameters } as const;
  steps.push(first);
  if ("regretMs" in first) {
    if (chance.happens(0.4)) return steps;
    steps.push({ ...wish(), wish: "provision", plan, parameters });
  }
  const bound: string[] = [];
  let bindings = 0;
  for (let left = chance.whole(2, 6); left > 0; left--) {
    const what = chance.pick(["bind", "rotate", "update", "unbind"]);
    const predecessor = bound.length === 0 ? undefined : chance.pick(bound as [string, ...string[]]);
    if (what === "update") {
      if (chance.happens(0.5)) plan = chance.pick(plans);
      parameters = { extensions: some() };
      steps.push({ ...wish(), wish: "update", plan, parameters });
    } else if (what === "unbind" && predecessor !== undefined) {
      bound.splice(bound.indexOf(predecessor), 1);
      steps.push({ ...wish(), wish: "unbind", binding: predecessor });
    } else {
      const binding = `b${++bindings}`;
      const order = { ...wish(), ...regret(0.1), wish: "bind", binding } as const;
      if (!("regretMs" in order)) bound.push(binding);
      if (what === "rotate" && predecessor !== undefined) steps.push({ ...order, predecessor, parameters: {} });
      else steps.push({ ...order, parameters: chance.happens(0.3) ? { access: "read-only" } : {} });
    }
  }
  if (chance.happens(0.65)) steps.push({ ...wish(), wish: "deprovision" });
  return steps;
}

/** How an instance stands, by what its platform was told. */
export interface Standing {
  /** Absent: it is deleted. */
  living?: { plan: string; parameters: JsonObject; readonly bindings: Map<string, unknown>; noted: boolean };
  /** Credentials that were taken back. */
  readonly former: unknown[];
  /** What a platform must not be told, by the step it was told at. */
  readonly problems: string[];
}

export interface LifeParts {
  readonly id: string;
  readonly wares: Wares;
  readonly ask: (method: Method, path: string, body?: unknown) => Promise<Answer>;
}

/** Shorter than a platform's, and long enough that many of them do not keep a broker busy with nothing else. */
const pauseMs = 300;

export async function leadLife(steps: readonly Step[], parts: LifeParts): Promise<Standing> {
  const standing: Standing = { former: [], problems: [] };
  for (const [index, step] of steps.entries()) {
    const problem = await lead(step, standing, parts);
    if (problem === undefined) continue;
    standing.problems.push(`${parts.id}, step ${index + 1} of ${steps.map(({ wish }) => wish).join()}: ${problem}`);
    break;
  }
  return standing;
}

/** Carries one wish out, and notes how things stand then; returns what went wrong. */
async function lead(step: Step, standing: Standing, parts: LifeParts): Promise<string | undefined> {
  const { id, wares, ask } = parts;
  const instance = `/service_instances/${id}`;
  const path = "binding" in step ? `${instance}/service_bindings/${id}-${step.binding}` : instance;
  const incomplete = `accepts_incomplete=${step.waits}`;
  const plan_id = "plan" in step ? step.plan : (standing.living?.plan ?? wares.plans[0]);
  const ids = { service_id: wares.offeringId, plan_id };
  const poll = (operation: unknown) => ask("GET", `${path}/last_operation?operation=${operation}`);
  const put = (body: object) => () => ask("PUT", `${path}?${incomplete}`, body);
  // To take back what is on its way, a platform has to wait.
  const remove = (query = incomplete) =>
    insist(() => ask("DELETE", `${path}?${query}&service_id=${wares.offeringId}&plan_id=${plan_id}`), poll);

  const create = async (request: () => Promise<Answer>, regretMs: number | undefined) => {
    if (regretMs === undefined) return insist(request, poll);
    const regret = { comes: false };
    const creating = insist(request, poll, () => regret.comes);
    await Promise.race([wait(regretMs), creating]);
    regret.comes = true;
    const first = await remove("accepts_incomplete=true");
    if (!isGone(first)) return first;
    await creating;
    // The order may have come after its removal.
    return remove("accepts_incomplete=true");
  };

  switch (step.wish) {
    case "provision": {
      const { plan, parameters, regretMs } = step;
      // The space tells the line which life a request belongs to.
      const answer = await create(put({ ...ids, organization_guid: "org", space_guid: id, parameters }), regretMs);
      if (regretMs !== undefined) return isGone(answer) ? undefined : told(answer);
      if (!isDone(answer)) return told(answer);
      standing.living = { plan, parameters, bindings: new Map(), noted: false };
      return undefined;
    }
    case "bind": {
      const { predecessor, parameters, regretMs } = step;
      const body =
        predecessor === undefined ? { ...ids, parameters } : { predecessor_binding_id: `${id}-${predecessor}` };
      const answer = await create(put(body), regretMs);
      if (regretMs !== undefined) return isGone(answer) ? undefined : told(answer);
      if (!isDone(answer)) return told(answer);
      const fetched = await untilAnswered(() => ask("GET", path));
      const credentials = answer.body.credentials ?? fetched.body.credentials;
      if (JSON.stringify(credentials) !== JSON.stringify(fetched.body.credentials))
        return "fetched credentials are others";
      if (credentials === undefined) return `no credentials: ${told(fetched)}`;
      const { living } = standing;
      living?.bindings.set(step.binding, credentials);
      const writes = predecessor === undefined && parameters.access === undefined;
      const works = await login(credentials, writes ? keepNote : undefined);
      if (writes && living !== undefined) living.noted = true;
      return works === "works" ? undefined : `new credentials: ${works}`;
    }
    case "update": {
      const { plan, parameters } = step;
      const answer = await insist(() => ask("PATCH", `${path}?${incomplete}`, { ...ids, parameters }), poll);
      if (!isDone(answer)) return told(answer);
      if (standing.living !== undefined) Object.assign(standing.living, { plan, parameters });
      return undefined;
    }
    case "unbind": {
      const answer = await remove();
      if (!isGone(answer)) return told(answer);
      const credentials = standing.living?.bindings.get(step.binding);
      standing.living?.bindings.delete(step.binding);
      standing.former.push(credentials);
      const works = await login(credentials);
      return works.startsWith("28") ? undefined : `credentials that were taken back: ${works}`;
    }
    case "deprovision": {
      const answer = await remove();
      if (!isGone(answer)) return told(answer);
      standing.former.push(...(standing.living?.bindings.values() ?? []));
      delete standing.living;
      return undefined;
    }
  }
}

/** Repeats a request until it is answered, and polls until it is over. `given`: somebody else decides how it goes on. */
async function insist(
  request: () => Promise<Answer>,
  poll: (operation: unknown) => Promise<Answer>,
  given: () => boolean = () => false,
): Promise<Answer> {
  for (;;) {
    const answer = await request().catch(() => undefined);
    if (answer?.status === 202) return follow(() => poll(answer.body.operation));
    const over = answer !== undefined && !isPassing(answer);
    if (over || given()) return answer ?? { status: 0, body: {}, headers: {} };
    await wait(pauseMs);
  }
}

async function follow(poll: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await poll().catch(() => undefined);
    if (answer !== undefined && answer.status < 500 && answer.body.state !== "in progress") return answer;
    await wait(pauseMs);
  }
}

/**
 * Worth asking again: also what was not done within the request and is being undone, which a slow machine may bring
 * about. A broker that says it failed is believed.
 */
function isPassing({ status, body }: Answer): boolean {
  return body.error === "ConcurrencyError" || (status >= 500 && !/Failed/.test(String(body.error)));
}

const isDone = ({ status, body }: Answer): boolean =>
  (status === 200 || status === 201) && (body.state === undefined || body.state === "succeeded");
const isGone = (answer: Answer): boolean => answer.status === 410 || isDone(answer);

const told = ({ status, body }: Answer): string => `${status} ${JSON.stringify(body)}`;
