/** A virtual platform: orders an instance, waits for it, binds, looks, unbinds, removes, waits; and times every call. */
import { randomUUID } from "node:crypto";
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import type { Dispatcher, Pool } from "undici";
import { offeringId, planId, planIndex } from "../harness/offerings.ts";
import { osbHeaders, planQuery, provisionBody } from "./osb-requests.ts";

/** Pace at which the platform asks for the last operation. */
const pollEveryMs = 100;

export const calls = ["provision", "poll", "bind", "fetch binding", "unbind", "deprovision"] as const;
type Call = (typeof calls)[number];

/** Latencies by call, and of whole lifecycles, in nanoseconds. */
export type Latencies = { readonly [call in Call | "lifecycle"]: RecordableHistogram };

export function emptyLatencies(): Latencies {
  return {
    provision: createHistogram(),
    poll: createHistogram(),
    bind: createHistogram(),
    "fetch binding": createHistogram(),
    unbind: createHistogram(),
    deprovision: createHistogram(),
    lifecycle: createHistogram(),
  };
}

const identity = `cloudfoundry ${Buffer.from(JSON.stringify({ user_id: "683ea748-3092-4ff4-b656-39cacc4d5360" })).toString("base64")}`;
const platformHeaders = { ...osbHeaders, "X-Broker-API-Originating-Identity": identity };

const plan = planQuery("async");
const orderBody = provisionBody("async", "large");
const bindBody = JSON.stringify({
  service_id: offeringId(0),
  plan_id: planId(0, planIndex.async),
  context: { platform: "benchmark" },
  bind_resource: { app_guid: "3f5c7a10-93c4-4d1b-9a64-4a0f6f1d7b03" },
});

/** One lifecycle on the asynchronous plan, beginning to end. Throws on an answer that does not belong there. */
export async function liveOnce(pool: Pool, latencies: Latencies): Promise<void> {
  const beganAt = performance.now();
  const client = new Client(pool, latencies);
  const instance = `/v2/service_instances/${randomUUID()}`;
  const binding = `${instance}/service_bindings/${randomUUID()}`;
  const made = await client.send("provision", "PUT", `${instance}?accepts_incomplete=true`, 202, orderBody);
  await client.waitFor(instance, made);
  await client.send("bind", "PUT", `${binding}?accepts_incomplete=true`, 201, bindBody);
  await client.send("fetch binding", "GET", binding, 200);
  await client.send("unbind", "DELETE", `${binding}?accepts_incomplete=true&${plan}`, 200);
  const removed = await client.send("deprovision", "DELETE", `${instance}?accepts_incomplete=true&${plan}`, 202);
  await client.waitFor(instance, removed);
  record(latencies.lifecycle, beganAt);
}

function record(histogram: RecordableHistogram, beganAt: number): void {
  histogram.record(Math.max(1, Math.round((performance.now() - beganAt) * 1e6)));
}

/** The part of an answer that says how to go on. */
interface Answer {
  readonly status: number;
  readonly operation?: string;
  readonly state?: string;
}

class Client {
  readonly #pool: Pool;
  readonly #latencies: Latencies;

  constructor(pool: Pool, latencies: Latencies) {
    this.#pool = pool;
    this.#latencies = latencies;
  }

  /** One call; any status but `expect` breaks the run. */
  async send(
    call: Call,
    method: Dispatcher.HttpMethod,
    path: string,
    expect: number | readonly number[],
    body: string | null = null,
  ): Promise<Answer> {
    const headers: Record<string, string> = { ...platformHeaders, "X-Broker-API-Request-Identity": randomUUID() };
    if (body !== null) headers["content-type"] = "application/json";
    const beganAt = performance.now();
    const answer = await this.#pool.request({ method, path, headers, body });
    const text = await answer.body.text();
    record(this.#latencies[call], beganAt);
    const status = answer.statusCode;
    if (![expect].flat().includes(status)) throw new Error(`${call}: expected ${expect}, got ${status}: ${text}`);
    return { status, ...JSON.parse(text) };
  }

  /** Asks for the last operation until it succeeded; 410 is how the end of a removal may be told. */
  async waitFor(instance: string, { operation }: Answer): Promise<void> {
    const named = operation === undefined ? "" : `&operation=${encodeURIComponent(operation)}`;
    for (;;) {
      await delay(pollEveryMs);
      const { status, state } = await this.send(
        "poll",
        "GET",
        `${instance}/last_operation?${plan}${named}`,
        [200, 410],
      );
      if (status === 410 || state === "succeeded") return;
      if (state === "failed") throw new Error("the operation failed");
    }
  }
}
