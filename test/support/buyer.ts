/**
 * A platform's code that orders anything from anybody: it knows OSB, and nothing of what it orders. It repeats what was not
 * answered, and polls what goes on.
 */
import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import type { Access, JsonObject } from "../../src/core/adapter.ts";
import type { Answer, Method } from "./broker.ts";

/** What is ordered: the ids of an offering and a plan of it, with parameters. */
export interface Choice {
  readonly offeringId: string;
  readonly planId: string;
  readonly parameters?: JsonObject;
  /** The version of the plan, as the catalog's `maintenance_info` tells it. */
  readonly maintenance?: string;
}

export interface Purchase {
  readonly id: string;
  change(choice: Choice): Promise<void>;
  /** Binds; with the name of a former binding, in its place. */
  bind(name: string, predecessor?: string): Promise<Access>;
  unbind(name: string): Promise<void>;
  giveBack(): Promise<void>;
  /** What last_operation has told so far. */
  readonly told: ReadonlySet<string>;
}

export type Ask = (method: Method, path: string, body?: unknown) => Promise<Answer>;

const pauseMs = 300;

export async function order(ask: Ask, id: string, space: string, first: Choice): Promise<Purchase> {
  const instance = `/service_instances/${id}`;
  const told = new Set<string>();
  let { offeringId, planId } = first;
  const ids = () => ({ service_id: offeringId, plan_id: planId });

  /** Resolves with the last answer; fails where the broker says that the operation failed. */
  async function insist(method: Method, path: string, body?: JsonObject): Promise<Answer> {
    const query =
      method === "DELETE"
        ? `?accepts_incomplete=true&service_id=${offeringId}&plan_id=${planId}`
        : "?accepts_incomplete=true";
    for (;;) {
      const answer = await ask(method, `${path}${query}`, body).catch(() => undefined);
      if (answer?.status === 202) return follow(path, answer.body.operation);
      if (answer !== undefined && answer.status < 500 && answer.body.error !== "ConcurrencyError") {
        assert.ok([200, 201, 410].includes(answer.status), `${method} ${path}: ${JSON.stringify(answer.body)}`);
        return answer;
      }
      await wait(pauseMs);
    }
  }

  async function follow(path: string, operation: unknown): Promise<Answer> {
    for (;;) {
      const answer = await ask("GET", `${path}/last_operation?operation=${operation}`).catch(() => undefined);
      if (typeof answer?.body.description === "string") told.add(answer.body.description);
      if (answer !== undefined && answer.status < 500 && answer.body.state !== "in progress") {
        const over = answer.status === 410 || answer.body.state === "succeeded";
        assert.ok(over, `${path}: ${JSON.stringify(answer.body)}`);
        return answer;
      }
      await wait(pauseMs);
    }
  }

  await insist("PUT", instance, {
    ...ids(),
    organization_guid: "organisation",
    space_guid: space,
    parameters: first.parameters ?? {},
  });
  return {
    id,
    told,
    async change(choice) {
      ({ offeringId } = choice);
      const { maintenance } = choice;
      await insist("PATCH", instance, {
        service_id: offeringId,
        plan_id: choice.planId,
        parameters: choice.parameters ?? {},
        ...(maintenance !== undefined && { maintenance_info: { version: maintenance } }),
      });
      ({ planId } = choice);
    },
    async bind(name, predecessor) {
      const path = `${instance}/service_bindings/${id}-${name}`;
      const body = predecessor === undefined ? ids() : { predecessor_binding_id: `${id}-${predecessor}` };
      await insist("PUT", path, body);
      for (;;) {
        const { status, body } = await ask("GET", path).catch((): Answer => ({ status: 0, body: {}, headers: {} }));
        if (status === 200) return { credentials: body.credentials as JsonObject };
        assert.ok(status === 0 || status >= 500, `${path}: ${JSON.stringify(body)}`);
        await wait(pauseMs);
      }
    },
    async unbind(name) {
      await insist("DELETE", `${instance}/service_bindings/${id}-${name}`);
    },
    async giveBack() {
      await insist("DELETE", instance);
    },
  };
}
