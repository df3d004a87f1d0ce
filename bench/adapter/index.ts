/** The adapter of the benchmarks: hands every order on to `provider.ts` by HTTP, the instance's id in the path. */

import { Pool } from "undici";
import type { Adapter, AdapterKind, BindingOrder, Made, Order, Outcome, Tools } from "#adapter";
import { exchange, type Reply } from "./exchange.ts";

/** Connections to the provider, as many as the load has at most. */
const connections = 64;

/** The pace at which a platform would look, so that both legs of the way are alike. */
const lookAgainMs = 100;

class ProviderAdapter implements Adapter {
  readonly #pool: Pool;

  constructor(url: string) {
    this.#pool = new Pool(url, { connections });
  }

  async provision(order: Order, { signal }: Tools): Promise<Outcome> {
    const body = JSON.stringify({ token: order.token, parameters: order.instance.parameters.reveal() });
    return outcome(await exchange(this.#pool, "PUT", instancePath(order), body, signal));
  }

  async deprovision(order: Order, { signal }: Tools): Promise<Outcome> {
    return outcome(await exchange(this.#pool, "DELETE", instancePath(order), null, signal));
  }

  async poll(order: Order, _handle: unknown, { signal }: Tools): Promise<Outcome> {
    const reply = await exchange(this.#pool, "GET", `${instancePath(order)}/last_operation`, null, signal);
    if (reply.status === 410) return { state: "done" };
    return JSON.parse(reply.body).state === "succeeded" ? { state: "done" } : pending;
  }

  async bind(order: BindingOrder, { signal }: Tools): Promise<Outcome> {
    const reply = await exchange(this.#pool, "PUT", bindingPath(order), "{}", signal);
    const made: Made = { access: JSON.parse(reply.body) };
    return reply.status === 201 ? { state: "done", made } : outcome(reply);
  }

  async unbind(order: BindingOrder, { signal }: Tools): Promise<Outcome> {
    return outcome(await exchange(this.#pool, "DELETE", bindingPath(order), null, signal));
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

const pending: Outcome = { state: "pending", handle: "1", afterMs: lookAgainMs };

const instancePath = (order: Order) => `/v2/service_instances/${order.instance.id}`;
const bindingPath = (order: BindingOrder) => `${instancePath(order)}/service_bindings/${order.binding.id}`;

/** OSB's meaning of a status; what it does not say is unknown, and so thrown. */
function outcome({ status }: Reply): Outcome {
  if (status === 200 || status === 201 || status === 410) return { state: "done" };
  if (status === 202) return pending;
  if (status === 400) return { state: "failed", reason: "The provider refused the order.", clean: true };
  throw new Error(`the provider answered ${status}`);
}

const kind: AdapterKind = {
  name: "bench",
  settings: {
    type: "object",
    properties: { url: { type: "string" } },
    required: ["url"],
    additionalProperties: false,
  },
  secrets: [],
  backend: { type: "object" },
  open: async ({ values }) => new ProviderAdapter(String(values.url)),
};

export default kind;
