/** A broker whose provider is people: its adapter's inbox lies in the broker's own database, as in production. */
import type { Test } from "tap";
import manual from "../../brokers/manual/index.ts";
import { newIds } from "../../src/configured-store.ts";
import type { Adapter, House, JsonObject, Verb } from "../../src/core/adapter.ts";
import { createHouses } from "../../src/house.ts";
import { openSeal } from "../../src/store/seal.ts";
import { type AskAdmin, type Client, clientOf } from "./admin.ts";
import { keys, startTestBroker, type TestBroker, type Wanted } from "./broker.ts";

export const organisation = "Landes-IT Süd (fiktiv)";
export const contact = "auftrag@landesit-sued.example";

export interface InboxBroker extends TestBroker {
  readonly house: House;
}

/** What it is asked before it is open waits: the engine may find due work at once. */
export async function startInboxBroker(t: Test, wanted: Omit<Wanted, "adapter"> = {}): Promise<InboxBroker> {
  const opened = Promise.withResolvers<Adapter>();
  const adapter: Adapter = {
    provision: async (order, tools) => (await opened.promise).provision(order, tools),
    update: async (order, tools) => must((await opened.promise).update?.(order, tools)),
    deprovision: async (order, tools) => (await opened.promise).deprovision(order, tools),
    bind: async (order, tools) => must((await opened.promise).bind?.(order, tools)),
    unbind: async (order, tools) => must((await opened.promise).unbind?.(order, tools)),
    fetch: async (order, tools) => (await opened.promise).fetch?.(order, tools),
    inventory: async (signal) => must((await opened.promise).inventory?.(signal)),
  };
  const broker = await startTestBroker(t, { ...wanted, adapter });
  const { knex } = broker.open;
  const parts = { knex, seal: openSeal(keys), newId: newIds(), now: broker.admin.now };
  const house = createHouses(parts, broker.catalog)("scripted");
  opened.resolve(await openManual(house));
  return { ...broker, house };
}

export const openManual = (house: House): Promise<Adapter> =>
  manual.open({ values: { organisation, contact }, secrets: {} }, house);

function must<T>(answer: Promise<T> | undefined): Promise<T> {
  if (answer === undefined) throw new Error("The adapter cannot do this.");
  return answer;
}

// ---- a member of staff ---------------------------------------------------------------------------------------------

export interface Seen extends JsonObject {
  readonly id: string;
  readonly verb: Verb;
  readonly state: string;
  readonly instance: string;
  readonly binding?: string;
  readonly wish: { readonly parameters: JsonObject };
}

/** Somebody at the provider, who works over the management API. */
export interface Staff extends Client {
  /** Tasks in this state, the oldest first. */
  tasks(state: string): Promise<readonly Seen[]>;
  /** One step on a task as it is now. */
  step(id: string, action: string, body?: JsonObject): ReturnType<AskAdmin>;
}

export async function staffOf(broker: TestBroker, name = "sina", provider = "scripted"): Promise<Staff> {
  const client = await clientOf(broker, { name, roles: ["fulfiller"], providers: [provider] });
  return { ...client, ...stepsOf(client.ask) };
}

export function stepsOf(ask: AskAdmin): Pick<Staff, "tasks" | "step"> {
  return {
    async tasks(state) {
      const { body } = await ask("GET", `/tasks?limit=200&state=${state}`);
      return (body.items as unknown as readonly Seen[]).toReversed();
    },
    async step(id, action, body) {
      const { headers } = await ask("GET", `/tasks/${id}`);
      return ask("POST", `/tasks/${id}/${action}`, body, { "if-match": headers.get("etag") ?? "" });
    },
  };
}
