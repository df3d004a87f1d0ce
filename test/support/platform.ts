/** A platform that never gives up: repeats what was not answered, and polls what goes on. */
import { setTimeout as wait } from "node:timers/promises";
import type { Answer } from "./broker.ts";
import { type BrokerProcess, largerPlan, offeringId, smallPlan } from "./broker-process.ts";

/** What a platform wants done to one instance (and to its one binding). */
export type Wish = "provision" | "update" | "bind" | "unbind" | "deprovision";

/** In the order of a life. */
export const wishes: readonly Wish[] = ["provision", "update", "bind", "unbind", "deprovision"];

export interface Platform {
  /** One request; rejects when no answer came. */
  send(wish: Wish, instanceId: string): Promise<Answer>;
  /** Polls an operation that a 202 named until it is over. */
  follow(wish: Wish, instanceId: string, operation: unknown): Promise<Answer>;
  /** Repeats the request, or polls, until it is over; resolves with the answer that said so. */
  insist(wish: Wish, instanceId: string): Promise<Answer>;
  fetchInstance(instanceId: string): Promise<Answer>;
  fetchBinding(instanceId: string): Promise<Answer>;
}

export interface PlatformParts {
  /** Where to ask now: a broker that was started again has another address, and there may be several. */
  readonly broker: () => BrokerProcess;
  /** Resolves when it makes sense to go on after a request that was not finished; at once if absent. */
  readonly patience?: () => Promise<void>;
  /** Whether this instance's requests allow to be answered 202. */
  readonly waits: (instanceId: string) => boolean;
}

export const bindingOf = (instanceId: string): string => `${instanceId}-binding`;

const pauseMs = 200;

export function createPlatform({ broker, patience = async () => {}, waits }: PlatformParts): Platform {
  const moved = new Set<string>();

  function send(wish: Wish, instanceId: string): Promise<Answer> {
    const instance = `/service_instances/${instanceId}`;
    const binding = `${instance}/service_bindings/${bindingOf(instanceId)}`;
    const incomplete = `accepts_incomplete=${waits(instanceId)}`;
    const plan_id = wish === "update" || moved.has(instanceId) ? largerPlan : smallPlan;
    const ids = { service_id: offeringId, plan_id };
    const named = `${incomplete}&service_id=${offeringId}&plan_id=${plan_id}`;
    switch (wish) {
      case "provision": {
        const where = { organization_guid: "org", space_guid: "space" };
        return broker().ask("PUT", `${instance}?${incomplete}`, { ...ids, ...where });
      }
      case "update":
        return broker().ask("PATCH", `${instance}?${incomplete}`, {
          ...ids,
          parameters: { extensions: ["pg_trgm"] },
        });
      case "bind":
        return broker().ask("PUT", `${binding}?${incomplete}`, ids);
      case "unbind":
        return broker().ask("DELETE", `${binding}?${named}`);
      case "deprovision":
        return broker().ask("DELETE", `${instance}?${named}`);
    }
  }

  function poll(wish: Wish, instanceId: string, operation: unknown): Promise<Answer> {
    const binding = wish === "bind" || wish === "unbind" ? `/service_bindings/${bindingOf(instanceId)}` : "";
    return broker().ask("GET", `/service_instances/${instanceId}${binding}/last_operation?operation=${operation}`);
  }

  async function follow(wish: Wish, instanceId: string, operation: unknown): Promise<Answer> {
    for (;;) {
      const answer = await poll(wish, instanceId, operation).catch(() => undefined);
      if (answer !== undefined && answer.status < 500 && answer.body.state !== "in progress") return answer;
      await wait(pauseMs);
    }
  }

  async function untilOver(wish: Wish, instanceId: string): Promise<Answer> {
    for (;;) {
      const answer = await send(wish, instanceId).catch(() => undefined);
      if (answer !== undefined && isFinal(answer)) return answer;
      await patience();
      if (answer?.status === 202) return follow(wish, instanceId, answer.body.operation);
      await wait(pauseMs);
    }
  }

  return {
    send,
    follow,
    async insist(wish, instanceId) {
      const answer = await untilOver(wish, instanceId);
      if (wish === "update") moved.add(instanceId);
      return answer;
    },
    fetchInstance: (instanceId) => broker().ask("GET", `/service_instances/${instanceId}`),
    fetchBinding: (instanceId) =>
      broker().ask("GET", `/service_instances/${instanceId}/service_bindings/${bindingOf(instanceId)}`),
  };
}

/** No answer, a 5xx and "something is under way" are worth another request. */
function isFinal({ status, body }: Answer): boolean {
  return status !== 202 && status < 500 && body.error !== "ConcurrencyError";
}
