/** The adapter saas against a vendor that is one: a process with a store and logins of its own, over HTTP. */
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import t, { type Test } from "tap";
import saas from "../../brokers/saas/index.ts";
import { openApiText } from "../../brokers/saas/openapi.ts";
import { fill, fillHeader, fillPath } from "../../brokers/saas/template.ts";
import { checkSettings } from "../../src/config/providers.ts";
import type { Adapter, CallbackRequest, JsonObject, Settings } from "../../src/core/adapter.ts";
import { asyncPlan, order, settledState, startTestBroker } from "../support/broker.ts";
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

// ---- callbacks -------------------------------------------------------------------------------------------------------

const now = new Date("2026-11-30T12:00:00Z");
const at = (seconds: number) => String(now.getTime() / 1000 + seconds);
const keyOf = (secret: string) => Buffer.from(secret.slice("whsec_".length), "base64");

/** As the vendor signs it, unless told otherwise. */
function called(
  body: string,
  { secret = client.callbackSecret, timestamp = at(0), signed = body } = {},
): CallbackRequest {
  const signature = createHmac("sha256", keyOf(secret)).update(`msg_1.${timestamp}.${signed}`).digest("base64");
  const headers = { "webhook-id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": `v1,${signature}` };
  return { headers, body: Buffer.from(body) };
}

t.test("a callback names an operation, if the vendor signed it just now", async (t) => {
  const adapter = await open(vendor.url, { callbackSecret: client.callbackSecret });
  t.teardown(() => adapter.close?.());
  const body = JSON.stringify({ type: "order.finished", data: { key: "token.binding" } });
  const read = (request: CallbackRequest) => adapter.callback?.(request, now);
  t.same(read(called(body)), { token: "token" }, "the token is what the key begins with");
  t.same(read(called(body)), { token: "token" }, "said again it names the same operation, and nothing more happens");
  t.same(read(called(body, { timestamp: at(-299) })), { token: "token" }, "clocks may differ a little");
  t.same(read(called("{}")), {}, "one about nothing is genuine");
  t.same(read(called("not JSON")), {}, "whatever it says");
  const refused: Record<string, CallbackRequest> = {
    "by somebody else": called(body, { secret: newClient("other").callbackSecret }),
    "changed on its way": called(body, { signed: body.replace("token", "other") }),
    "too old": called(body, { timestamp: at(-301) }),
    "of a time to come": called(body, { timestamp: at(301) }),
    "of no time": called(body, { timestamp: "now" }),
    "not signed": { headers: {}, body: Buffer.from(body) },
    "signed by nothing": {
      ...called(body),
      headers: { ...called(body).headers, "webhook-signature": "v1, v2,abc v1,????" },
    },
    "under another id": { ...called(body), headers: { ...called(body).headers, "webhook-id": "msg_2" } },
  };
  for (const [what, request] of Object.entries(refused)) t.equal(read(request), undefined, what);
});

t.test("while the vendor changes its secret both are taken, and any of several signatures is enough", async (t) => {
  const fresh = newClient("fresh").callbackSecret;
  const adapter = await open(vendor.url, { callbackSecret: fresh, formerCallbackSecret: client.callbackSecret });
  t.teardown(() => adapter.close?.());
  const body = '{"data":{"key":"token"}}';
  const [former, newer] = [called(body), called(body, { secret: fresh })];
  t.same(adapter.callback?.(former, now), { token: "token" });
  t.same(adapter.callback?.(newer, now), { token: "token" });
  const both = `v1,AAAA ${newer.headers["webhook-signature"]}`;
  t.same(adapter.callback?.({ ...newer, headers: { ...newer.headers, "webhook-signature": both } }, now), {
    token: "token",
  });
});

t.test("an account without a callback secret takes no callbacks, and a weak secret is none", async (t) => {
  const adapter = await open(vendor.url);
  t.equal(adapter.callback, undefined);
  await adapter.close?.();
  await t.rejects(open(vendor.url, { callbackSecret: "whsec_c2hvcnQ=" }), { message: /openssl rand/ });
  await t.rejects(open(vendor.url, { callbackUrl: "https://lotse.example/callbacks/a" }), {
    message: /callbackSecret/,
  });
});

t.test(
  "over HTTP a callback answers 204 and brings the operation forward; another answers 401 and changes nothing",
  async (t) => {
    const polls: string[] = [];
    let state: "pending" | "done" = "pending";
    const looking = Promise.withResolvers<void>();
    const real = await open(vendor.url, { callbackSecret: client.callbackSecret });
    t.teardown(() => real.close?.());
    const adapter: Adapter = {
      ...real,
      // An hour away, unless somebody calls.
      provision: async () => ({ state: "pending", handle: { asked: true }, afterMs: 3_600_000 }),
      async poll(order) {
        polls.push(order.token);
        const seen = state;
        if (polls.length === 1) await looking.promise;
        return seen === "done" ? { state: "done" } : { state: "pending", handle: { asked: true }, afterMs: 3_600_000 };
      },
    };
    const broker = await startTestBroker(t, { adapter });
    const url = "/service_instances/i";
    const accepted = await broker.ask("PUT", `${url}?accepts_incomplete=true`, order(asyncPlan));
    t.match(accepted, { status: 202, body: { operation: String } });
    const token = String(accepted.body.operation);
    const call = ({ headers, body }: CallbackRequest, account = "scripted") =>
      broker.app.inject({
        method: "POST",
        url: `/callbacks/${account}`,
        headers: { "content-type": "application/json", ...headers },
        payload: body,
      });
    const genuine = (key: string, seconds = 0) =>
      called(JSON.stringify({ data: { key } }), { timestamp: String(Math.floor(Date.now() / 1000) + seconds) });
    const forged = called("{}", { secret: newClient("other").callbackSecret });
    t.equal((await call(forged)).statusCode, 401, "a wrong signature");
    t.equal((await call(genuine(token, -301))).statusCode, 401, "an old timestamp");
    t.equal((await call(genuine(token), "nobody")).statusCode, 401, "an unknown account");
    t.equal(polls.length, 0, "nobody looked");
    t.equal((await call(genuine("unknown"))).statusCode, 204, "an operation that is not known");
    t.equal((await call(genuine(token))).statusCode, 204, "an operation that is waiting");
    for (let n = 0; polls.length === 0 && n < 1000; n++) await new Promise((resolve) => setTimeout(resolve, 5));
    // That look has begun, and will see nothing yet: a call now must not be forgotten.
    const first = genuine(token);
    const calling = call(first);
    state = "done";
    looking.resolve();
    t.equal((await calling).statusCode, 204, "an operation that is being looked at");
    t.equal((await settledState(broker, `${url}/last_operation`)).body.state, "succeeded", "an hour early");
    t.equal((await call(first)).statusCode, 204, "said again");
    t.same(polls, [token, token], "it was looked at twice");
  },
);

// ---- a vendor with an API of its own -----------------------------------------------------------------------------------

/** Speaks of tenants, numbers them itself, and makes another at every POST. */
async function ownApi(t: Test) {
  const tenants = new Map<string, JsonObject>();
  const asked: { method: string; url: string; headers: IncomingMessage["headers"]; body: JsonObject }[] = [];
  let lose = false;
  const url = await serving(t, async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const body = (text === "" ? {} : JSON.parse(text)) as JsonObject;
    asked.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
    const send = (status: number, value: object) => void response.writeHead(status).end(JSON.stringify(value));
    if (request.headers["x-api-key"] !== "own-key") return send(401, {});
    const { pathname, searchParams } = new URL(request.url ?? "", "http://own");
    const number = pathname.split("/")[2] ?? "";
    if (pathname === "/ping") return send(200, { pong: true });
    if (request.method === "POST" && pathname === "/tenants") {
      const made = { no: String(tenants.size + 1), ...body, phase: "READY" };
      tenants.set(made.no, made);
      if (!lose) return send(201, { tenant: made });
      lose = false;
      return void request.socket.destroy();
    }
    if (pathname === "/tenants") {
      const hits = [...tenants.values()].filter(({ external }) => external === searchParams.get("external"));
      return send(200, { hits });
    }
    if (!tenants.has(number)) return send(404, {});
    if (request.method === "DELETE" && tenants.delete(number)) return send(200, { phase: "CLOSED" });
    if (request.method === "POST") return send(200, { phase: "READY", login: { name: "n", word: "w" } });
    return send(405, {});
  });
  return {
    url,
    asked,
    tenants,
    loseNext: () => {
      lose = true;
    },
  };
}

const states = { completed: ["READY"], "in-progress": ["QUEUED"], rejected: ["DECLINED"], gone: ["CLOSED"] };
const mapping: JsonObject = {
  ping: { method: "GET", path: "/ping" },
  find: {
    method: "GET",
    path: "/tenants",
    query: { external: "{/subscription/id}" },
    answer: { number: "/hits/0/no", state: "/hits/0/phase", states },
  },
  order: {
    method: "POST",
    path: "/tenants",
    headers: { "X-Customer": "{/customer/organization}" },
    body: {
      external: { $value: "/subscription/id" },
      size: { $value: "/plan", $words: { small: "S", large: "L" } },
      label: "Lotse {/subscription/id}: {/parameters/title}",
      settings: { $value: "/parameters" },
      quota: { $value: "/parameters/quota", $default: 5 },
      absent: { $value: "/parameters/nothing" },
    },
    answer: { number: "/tenant/no", state: "/tenant/phase", states },
  },
  cancel: { method: "DELETE", path: "/tenants/{/subscription/number}", answer: { state: "/phase", states } },
  grant: {
    method: "POST",
    path: "/tenants/{/subscription/number}/logins",
    body: { id: { $value: "/access/id" } },
    answer: {
      state: "/phase",
      states,
      access: { credentials: { username: { $value: "/login/name" }, password: { $value: "/login/word" } } },
    },
  },
  revoke: { method: "DELETE", path: "/tenants/{/subscription/number}", answer: { state: "/phase", states } },
};

t.test("a vendor with an API of its own is described, not programmed", async (t) => {
  const own = await ownApi(t);
  const account = { url: own.url, token: "own-key", tokenHeader: "X-Api-Key", settleMs: 1, mapping };
  const adapter = await saas.open(settings(account));
  t.teardown(() => adapter.close?.());
  t.equal(await adapter.check?.(new AbortController().signal), undefined);
  t.equal(adapter.update, undefined, "what is not described is not offered");
  t.equal(adapter.inventory, undefined);
  const stage = openStage({ ...subject(t, "tenant", "after"), secrets: ["own-key"] });

  const thing = stage.instance({
    title: '{/customer/space}", "admin": true, "$value": "/key',
    evil: { $value: "/key" },
  });
  own.loseNext();
  const order = stage.order("provision", thing);
  await t.rejects(stage.carry(adapter, order, thing), "the answer is lost");
  await stage.done(adapter, { ...order, attempt: 2, repeated: true }, thing);
  t.equal(own.tenants.size, 1, "the order given again finds what was made");
  t.same(thing.facts, { number: "1" }, "and remembers the vendor's own number");
  const { body, headers } = own.asked.filter(({ method }) => method === "POST")[0] as (typeof own.asked)[number];
  t.same(
    body,
    {
      external: thing.id,
      size: "S",
      label: `Lotse ${thing.id}: ${thing.parameters.title}`,
      settings: thing.parameters,
      quota: 5,
    },
    "what a customer writes stays a value, whatever it looks like",
  );
  t.equal(headers["x-customer"], "organisation");

  const binding = stage.binding(thing);
  const { access } = await stage.run(adapter, "bind", binding);
  t.same(access, { credentials: { username: "n", password: "w" } });
  await stage.run(adapter, "deprovision", thing);
  t.equal(own.tenants.size, 0);
  await stage.run(adapter, "deprovision", thing);

  const lost = stage.instance();
  own.loseNext();
  const given = stage.order("provision", lost);
  await t.rejects(stage.carry(adapter, given, lost));
  await stage.done(adapter, stage.order("deprovision", lost, { interrupted: { token: given.token } }), lost);
  t.equal(own.tenants.size, 0, "what a lost order made is found by Lotse's id and removed");
});

t.test("a value never becomes another path, header or member", async (t) => {
  const path = (text: string) => fillPath("/customers/{/name}/x", { name: text });
  t.equal(path("a/../b?c#d"), "/customers/a%2F..%2Fb%3Fc%23d/x");
  for (const text of ["", ".", ".."]) t.throws(() => path(text), { message: /path/ }, JSON.stringify(text));
  t.throws(() => fillPath("/customers/{/nothing}", {}), { message: /fill the path/ });
  t.throws(() => fillHeader("{/name}", { name: "a\r\nX-Admin: 1" }), { message: /header/ });
  t.equal(fill({ $value: "/constructor" }, { own: 1 }), undefined, "only what is there itself is found");
  t.same(fill({ a: "{/__proto__/b}", c: { $value: "/list/1" } }, { list: [1, 2] }), { c: 2 });
  t.throws(() => fill({ $value: "/plan", $words: { s: 1 } }, { plan: "toString" }), { message: /No word/ });
});

// ---- what else a vendor says -------------------------------------------------------------------------------------------

t.test(
  "a vendor that is busy is asked again when it says, and one that is full says so to whoever orders",
  async (t) => {
    const answers = [
      { status: 429, headers: { "retry-after": "7" }, body: {} },
      { status: 422, headers: {}, body: { title: "capacity", detail: "All 10 seats are taken." } },
    ];
    const url = await serving(t, (_, response) => {
      const { status, headers, body } = answers.shift() ?? { status: 500, headers: {}, body: {} };
      response.writeHead(status, headers).end(JSON.stringify(body));
    });
    const adapter = await open(url);
    t.teardown(() => adapter.close?.());
    const stage = openStage(subject(t, "ddatabox", "after"));
    const thing = stage.instance();
    const order = stage.order("provision", thing);
    t.match(await adapter.provision(order, stage.tools(order.token)), {
      state: "pending",
      afterMs: 7000,
      note: /busy/,
    });
    t.same(await adapter.provision(order, stage.tools(order.token)), {
      state: "failed",
      reason: "All 10 seats are taken.",
      clean: true,
    });
    await t.rejects(adapter.provision(order, stage.tools(order.token)), "a 500 is no answer");
  },
);

t.test("what was used is told as the vendor counted it", async (t) => {
  const adapter = await open(vendor.url);
  t.teardown(() => adapter.close?.());
  const stage = openStage(subject(t, "ddatabox", "after"));
  const thing = stage.instance();
  await stage.run(adapter, "provision", thing);
  const binding = stage.binding(thing);
  const { access } = await stage.run(adapter, "bind", binding);
  for (const _ of [1, 2, 3]) await signIn(access as JsonObject);
  const order = stage.order("provision", thing);
  const period = { from: new Date(Date.now() - 60_000), to: new Date(Date.now() + 60_000) };
  const used = await adapter.usage?.(order, period, stage.tools(order.token));
  t.match(used, [
    { meter: "sign-ins", quantity: "3", unit: "Sign-ins", period },
    { meter: "seats", quantity: "10", unit: "Users" },
  ]);
  await stage.run(adapter, "deprovision", thing);
});

t.test("a request that was withdrawn before it arrived does nothing when it does", async (t) => {
  const adapter = await open(vendor.url);
  t.teardown(() => adapter.close?.());
  const stage = openStage(subject(t, "ddatabox", "after"));
  const thing = stage.instance();
  const late = stage.order("provision", thing);
  await stage.done(adapter, stage.order("deprovision", thing, { interrupted: { token: late.token } }), thing);
  t.match(await stage.carry(adapter, late, thing), { state: "failed", reason: /withdrawn/ });
});

t.test("what Lotse asks and what the demonstration's vendor answers is as the OpenAPI document says", async (t) => {
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  ajv.addSchema(JSON.parse(openApiText()) as object, "contract");
  const fits = (schema: string, value: unknown, what: string) => {
    const validate = ajv.compile({ $ref: `contract#/components/schemas/${schema}` });
    t.ok(validate(value), `${what}: ${JSON.stringify(validate.errors)}`);
  };
  t.notOk(
    ajv.compile({ $ref: "contract#/components/schemas/Order" })({ id: "1", state: "perhaps" }),
    "it would be told",
  );

  const stage = openStage(subject(t, "ddatabox", "after"));
  const asked: { method: string; body: unknown }[] = [];
  const recorder = await serving(t, async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    asked.push({ method: `${request.method} ${request.url?.replace(/[a-z0-9]{26}/g, "ID")}`, body: JSON.parse(text) });
    response.writeHead(500).end();
  });
  const recorded = await open(recorder);
  t.teardown(() => recorded.close?.());
  const thing = stage.instance();
  const binding = stage.binding(thing);
  for (const [verb, about] of [
    ["provision", thing],
    ["update", thing],
    ["bind", binding],
  ] as const)
    await t.rejects(stage.carry(recorded, stage.order(verb, about), about));
  t.same(
    asked.map(({ method }) => method),
    ["PUT /subscriptions/ID", "PATCH /subscriptions/ID", "PUT /subscriptions/ID/accesses/ID"],
  );
  for (const { method, body } of asked) fits(method.includes("accesses") ? "Grant" : "Terms", body, method);

  const adapter = await open(vendor.url);
  t.teardown(() => adapter.close?.());
  const order = stage.order("provision", thing);
  await stage.done(adapter, order, thing);
  await stage.run(adapter, "bind", binding);
  const id = `/subscriptions/${thing.id}`;
  const send = async (method: string, path: string) => {
    const headers = { authorization: `Bearer ${client.token}`, "idempotency-key": order.token };
    return (await fetch(`${vendor.url}${path}`, { method, headers })).json();
  };
  const again = await send("DELETE", `${id}?withdraws=nothing`);
  fits("Problem", again, "a key used for something else");
  fits("SubscriptionPage", await asClient("/subscriptions"), "the list");
  fits("Subscription", await asClient(id), "a subscription");
  fits("AccessState", await asClient(`${id}/accesses/${binding.id}`), "an access");
  const year = "from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z";
  fits("UsageReport", await asClient(`${id}/usage?${year}`), "usage");
  fits("Problem", await asClient(`${id}/usage`), "a problem");
  await stage.run(adapter, "deprovision", thing);
});
