/** The adapter saas against a vendor that is one: a process with a store and logins of its own, over HTTP. */
import { createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import t, { type Test } from "tap";
import saas from "../../brokers/saas/index.ts";
import { checkSettings } from "../../src/config/providers.ts";
import { type Adapter, type CallbackRequest, type JsonObject, Secret, type Settings } from "../../src/core/adapter.ts";
import { faultProxy, type Loss, newClient, signIn, startVendor } from "../support/vendor.ts";
import { keepsEveryPromise, openStage, type Subject } from "./promise.ts";

const client = newClient("lotse");
const vendor = await startVendor(t, t.testdir(), [client, newClient("somebody-else")]);

/** As production reads settings: checked, defaults filled in, secrets apart. */
function settings(values: JsonObject): Settings {
  const problems: string[] = [];
  const read = checkSettings(structuredClone(values), saas, (path, message) =>
    problems.push(`${path.join(".")} ${message}`),
  );
  if (problems.length > 0) throw new Error(problems.join("; "));
  return read;
}

const open = (url: string, more: JsonObject = {}): Promise<Adapter> =>
  saas.open(settings({ url, token: client.token, busyMs: 10, settleMs: 1, ...more }));

const asClient = async (path: string): Promise<JsonObject> => {
  const response = await fetch(`${vendor.url}${path}`, { headers: { authorization: `Bearer ${client.token}` } });
  return (await response.json()) as JsonObject;
};

/** A server that answers every request by `answer`. */
async function serving(t: Test, answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function subject(t: Test, product: string, when: Loss["when"]): Subject {
  return {
    open: () => open(vendor.url),
    async losing(nth) {
      const proxy = await faultProxy(t, vendor.port, { nth, when });
      return { adapter: await open(proxy.url), lost: proxy.lost };
    },
    async hanging() {
      let arrived: (value: unknown) => void = () => {};
      const reached = new Promise((resolve) => {
        arrived = resolve;
      });
      return { adapter: await open(await serving(t, arrived)), reached };
    },
    broken: async () =>
      new Map([
        ["a token nobody knows", await saas.open(settings({ url: vendor.url, token: "wrong" }))],
        ["nobody listens", await open("http://127.0.0.1:9")],
        ["an address of something else", await open(`${vendor.url}/elsewhere`)],
        ["a page for every path", await open(await serving(t, (_, response) => void response.end("<html>")))],
      ]),
    async inventory() {
      const { subscriptions } = (await asClient("/subscriptions")) as { subscriptions: JsonObject[] };
      return subscriptions.map(({ id, plan, state, name, accesses }) =>
        JSON.stringify({ id, plan, state, name, accesses }),
      );
    },
    works: async (access) => (await signIn(access as JsonObject)).status === 200,
    backend: { product, plan: "small", options: { seats: 10 } },
    largerBackend: { product, plan: "large", options: { seats: 100 } },
    parameters: { title: "Bauamt" },
    changedParameters: { title: "Bauamt und Planung" },
    bindingParameters: { role: "member" },
    refused: { parameters: { title: "<geheim>" }, text: "<geheim>" },
    secrets: [client.token],
  };
}

t.test("every promise, with software that is there at once, and each answer lost on its way back", (t) =>
  keepsEveryPromise(t, subject(t, "ddatabox", "after")),
);
t.test("every promise, with software that takes a while, and each request lost on its way there", (t) =>
  keepsEveryPromise(t, subject(t, "dmessenger", "before")),
);
