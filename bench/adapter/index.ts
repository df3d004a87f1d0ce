/** The adapter of the benchmarks: hands orders on to `provider.ts` by HTTP; without a `url`, does nothing, at once. */
import { Pool } from "undici";
import type { Adapter, AdapterKind, BindingOrder, JsonObject, Made, Order, Outcome, Tools } from "#adapter";
import { exchange, type Reply } from "./exchange.ts";

/** Connections to the provider, as many as the load has at most. */
const connections = 64;

/** The pace at which a platform would look, so that both legs of the way are alike. */
const lookAgainMs = 100;

export const openPool = (url: string): Pool => new Pool(url, { connections });

/** Orders an instance. */
export async function provisionAt(
  pool: Pool,
  id: string,
  token: string,
  parameters: JsonObject,
  signal?: AbortSignal,
): Promise<Outcome> {
  const body = JSON.stringify({ token, parameters });
  return outcome(await exchange(pool, "PUT", `/v2/service_instances/${id}`, body, signal));
}

class ProviderAdapter implements Adapter {
  readonly #pool: Pool;

  constructor(url: string) {
    this.#pool = openPool(url);
  }

  provision({ instance, token }: Order, { signal }: Tools): Promise<Outcome> {
    return provisionAt(this.#pool, instance.id, token, instance.parameters.reveal(), signal);
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

/** Calls nobody and is done at once: what is left is the broker's own work. */
const instant: Adapter = {
  provision: async () => ({ state: "done" }),
  deprovision: async () => ({ state: "done" }),
};

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
    additionalProperties: false,
  },
  secrets: [],
  backend: { type: "object" },
  open: async ({ values }) => (values.url === undefined ? instant : new ProviderAdapter(String(values.url))),
};

export default kind;
