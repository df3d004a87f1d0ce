/** What holds for every route: headers, order of checks, content types, identifiers and errors (OSB 2.17). */
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { type Test, test } from "tap";
import {
  type Answer,
  access,
  asyncPlan,
  hints,
  type Method,
  offering,
  offeringId,
  order,
  planOf,
  startTestBroker,
  syncPlan,
} from "../support/broker.ts";
import { createScripted } from "../support/scripted.ts";
import { accepted, openWorld, type World } from "../support/states.ts";

const instance = "/service_instances/i1";
const binding = `${instance}/service_bindings/b1`;
const routes: readonly (readonly [Method, string])[] = [
  ["GET", "/catalog"],
  ["PUT", instance],
  ["GET", instance],
  ["PATCH", instance],
  ["DELETE", instance],
  ["GET", `${instance}/last_operation`],
  ["PUT", binding],
  ["GET", binding],
  ["DELETE", binding],
  ["GET", `${binding}/last_operation`],
];

async function start(t: Test) {
  const scripted = createScripted();
  return { ...(await startTestBroker(t, { adapter: scripted.adapter })), ...scripted };
}

test("every route wants to know who asks, before anything else (Platform to Service Broker Authentication)", async (t) => {
  const { app } = await start(t);
  for (const [method, url] of [...routes, ["GET", "/nothing"] as const, ["POST", instance] as const]) {
    const answer = await app.inject({
      method,
      url: `/v2${url}`,
      headers: { "content-type": "text/plain", "x-broker-api-version": "1.0" },
      ...(method !== "GET" && { payload: "{broken" }),
    });
    t.equal(answer.statusCode, 401, `${method} ${url}`);
    t.match(answer.headers, { "www-authenticate": /^Basic /, "content-type": /^application\/json/ });
    t.match(answer.json(), { error: "Unauthorized", description: /./ });
  }
});

test("every route wants to know the version, before it looks at path or body (API Version Header)", async (t) => {
  const { ask, calls } = await start(t);
  for (const [method, url] of [...routes, ["GET", "/nothing"] as const, ["POST", instance] as const]) {
    const body = method === "GET" ? undefined : "{broken";
    const missing = await ask(method, url, body, { "x-broker-api-version": "" });
    t.match(missing, { status: 400, body: { error: "ApiVersionMissing", description: /X-Broker-API-Version/ } }, url);
    const old = await ask(method, url, body, { "x-broker-api-version": "1.17" });
    t.match(old, { status: 412, body: { error: "ApiVersionUnsupported", description: /2\.0/ } }, url);
  }
  t.strictSame(calls, []);
});

test("platforms of every minor version are served, older and younger than 2.17", async (t) => {
  const { ask } = await start(t);
  for (const version of ["2.0", "2.9", "2.10", "2.13", "2.14", "2.15", "2.16", "2.17", "2.18", "2.99"])
    t.equal((await ask("GET", "/catalog", undefined, { "x-broker-api-version": version })).status, 200, version);
});

test("an instance lives its life for a platform that knows nothing newer than 2.13", async (t) => {
  const { ask } = await start(t);
  const old = { "x-broker-api-version": "2.13" };
  t.equal((await ask("PUT", instance, order(), old)).status, 201);
  t.equal((await ask("PATCH", instance, { service_id: offeringId, parameters: { size: 2 } }, old)).status, 200);
  t.equal((await ask("PUT", binding, access(), old)).status, 201);
  t.equal((await ask("DELETE", `${binding}?${hints()}`, undefined, old)).status, 200);
  t.equal((await ask("DELETE", `${instance}?${hints()}`, undefined, old)).status, 200);
});

/** One answer of every status the broker gives, by the request that leads to it. */
async function oneOfEach(world: World, headers: Record<string, string> = {}): Promise<Answer[]> {
  const ready = await world.instance("ready");
  const bound = await world.withBinding("bound");
  const running = await world.instance("provisioning");
  const fresh = () => `/service_instances/fresh-${Math.random()}`;
  const failing = await world.instance("nothing");
  failing.script.provision.push(() => ({ state: "failed", reason: "Half made.", clean: false }));
  const asks: readonly [Method, string, unknown?, Record<string, string>?][] = [
    ["GET", "/catalog"],
    ["PUT", `${ready.url}?${accepted}`, order(asyncPlan)],
    ["PUT", `${bound.binding("new")}?${accepted}`, access(asyncPlan)],
    ["PUT", `${running.url}?${accepted}`, order(asyncPlan)],
    ["PUT", fresh(), "{"],
    ["PUT", fresh(), {}],
    ["GET", "/catalog", undefined, { authorization: "" }],
    ["GET", fresh()],
    ["GET", "/nothing"],
    ["POST", ready.url, {}],
    ["PUT", `${ready.url}?${accepted}`, order(asyncPlan, { space_guid: "other" })],
    ["DELETE", `${fresh()}?${hints()}`],
    ["GET", "/catalog", undefined, { "x-broker-api-version": "3.0" }],
    ["GET", "/catalog", undefined, { "x-broker-api-version": "" }],
    ["PUT", fresh(), JSON.stringify({ text: "x".repeat(1024 * 1024) })],
    ["PUT", fresh(), order(asyncPlan)],
    ["PUT", `${failing.url}?${accepted}`, order(asyncPlan)],
    ["PATCH", `${running.url}?${accepted}`, access(asyncPlan)],
    ["DELETE", `${bound.binding()}?${hints(asyncPlan)}&${accepted}`],
    ["DELETE", `${bound.url}?${hints(asyncPlan)}&${accepted}`],
    ["GET", bound.lastOperation],
    ["GET", "/service_instances/%zz"],
    ["GET", "/service_instances/%ff"],
  ];
  const answers: Answer[] = [];
  for (const [method, url, body, more] of asks)
    answers.push(await world.broker.ask(method, url, body, { ...headers, ...more }));
  running.open();
  return answers;
}

test("a request's identity comes back with every answer, good or bad (Request Identity)", async (t) => {
  const answers = await oneOfEach(await openWorld(t), { "x-broker-api-request-identity": "e26cee84-6b38" });
  const seen = new Set(answers.map(({ status }) => status));
  for (const status of [200, 201, 202, 400, 401, 404, 405, 409, 410, 412, 413, 422, 500])
    t.ok(seen.has(status), `${status} is among them`);
  for (const { status, headers } of answers)
    t.equal(headers["x-broker-api-request-identity"], "e26cee84-6b38", String(status));
  const without = await oneOfEach(await openWorld(t));
  t.notOk(without.some(({ headers }) => "x-broker-api-request-identity" in headers));
});

test("a repeated identity is no key: both requests are carried out", async (t) => {
  const { ask, inventory } = await start(t);
  const headers = { "x-broker-api-request-identity": "the same" };
  t.equal((await ask("PUT", instance, order(), headers)).status, 201);
  t.equal((await ask("PUT", "/service_instances/i2", order(), headers)).status, 201);
  t.equal(inventory.size, 2);
});

test("every answer is a JSON object that says so, without nulls, and errors tell what happened (Service Broker Errors)", async (t) => {
  const answers = await oneOfEach(await openWorld(t));
  for (const { status, body, headers } of answers) {
    t.match(headers, { "content-type": /^application\/json/ }, String(status));
    t.type(body, "object");
    t.notOk(Array.isArray(body));
    t.notMatch(JSON.stringify(body), /:null/, "no member is null");
    if (status < 400 || status === 410) continue;
    t.match(body, { error: /^[A-Z][A-Za-z]+$/, description: /\S/ }, String(status));
  }
});

test("only changes and deletions say whether the instance is usable, only changes whether to repeat (Service Broker Errors)", async (t) => {
  const world = await openWorld(t);
  for (const { status, body } of await oneOfEach(world))
    if (status >= 400) t.notOk("instance_usable" in body || "update_repeatable" in body, `${status} ${body.error}`);
  const s = await world.instance("unusable");
  s.script.update.push(() => ({ state: "failed", reason: "No.", clean: true }));
  t.match((await s.patch({ parameters: { size: 3 } })).body, { instance_usable: false, update_repeatable: true });
});

test("the defined codes come as 422 with the words that clients look for (Error Codes)", async (t) => {
  const needy = planOf("needy", { requiresApp: true });
  const world = await openWorld(t, { offerings: [{ ...offering, plans: [...offering.plans, needy] }] });
  const [running, bound] = [await world.instance("provisioning"), await world.instance("ready", "needy")];
  const told = async (answer: Promise<Answer>) => {
    const { status, body } = await answer;
    return [status, body.error, body.description];
  };
  t.strictSame(await told(world.broker.ask("PUT", running.url, order(asyncPlan))), [
    422,
    "AsyncRequired",
    "This service plan requires client support for asynchronous service operations.",
  ]);
  t.strictSame(await told(running.patch()), [
    422,
    "ConcurrencyError",
    "The Service Broker does not support concurrent requests that mutate the same resource.",
  ]);
  t.strictSame(await told(bound.bind()), [
    422,
    "RequiresApp",
    "This service supports generation of credentials through binding an application only.",
  ]);
  const conflict = bound.patch({ maintenance_info: { version: "9.0.0" } });
  t.strictSame((await told(conflict)).slice(0, 2), [422, "MaintenanceInfoConflict"]);
});

test("a 422 on an order or a binding always has a code that platforms know, or they would delete it", async (t) => {
  const known = ["AsyncRequired", "ConcurrencyError", "RequiresApp", "MaintenanceInfoConflict"];
  const world = await openWorld(t);
  for (const state of [
    "provisioning",
    "provision failed",
    "ready",
    "unusable",
    "updating",
    "deprovisioning",
  ] as const) {
    const s = await world.instance(state);
    for (const more of [{}, { parameters: { size: 0 } }, { maintenance_info: { version: "9.0.0" } }])
      for (const { status, body } of [
        await s.put(more),
        await s.bind(more),
        await s.ask("PUT", s.url, order(asyncPlan)),
      ])
        if (status === 422) t.ok(known.includes(String(body.error)), `${state}: ${body.error}`);
  }
});

test("a body is read whatever its type is called, as long as it is JSON (Content Type)", async (t) => {
  const { app, ask } = await start(t);
  const put = (type: string | undefined, payload: string) =>
    app.inject({
      method: "PUT",
      url: `/v2/service_instances/${Math.random()}`,
      headers: {
        authorization: "a",
        "x-broker-api-version": "2.17",
        ...(type !== undefined && { "content-type": type }),
      },
      payload,
    });
  for (const type of [
    undefined,
    "application/json",
    "application/json; charset=utf-8",
    "APPLICATION/JSON",
    "application/merge-patch+json",
  ])
    t.equal((await put(type, JSON.stringify(order()))).statusCode, 201, type ?? "none");
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "nonsense"])
    t.match(
      (await put(type, JSON.stringify(order()))).json(),
      { error: "MalformedRequest", description: /Content-Type/ },
      type,
    );
  for (const body of ["{", "[]", '"text"', "7", "null", "", "{}{}"])
    t.equal((await put("application/json", body)).statusCode, 400, body);
  for (const type of ["application/json", "text/plain"]) {
    const headers = { "content-type": type };
    t.equal(
      (await ask("GET", "/catalog", undefined, headers)).status,
      200,
      "a GET without a body may say what it likes",
    );
    t.equal((await ask("DELETE", `${instance}?${hints()}`, undefined, headers)).status, 410, "and so may a DELETE");
  }
});

test("an id may hold any characters, properly encoded (URL Properties)", async (t) => {
  const { app, ask, open } = await start(t);
  for (const id of [
    "a b",
    "ä/ö?#&=+%",
    "a..b/./c",
    "日本語",
    "a:b@c;d,e'f(g)*!",
    "$HOME",
    "<script>",
    "x".repeat(255),
  ]) {
    const url = `/service_instances/${encodeURIComponent(id)}`;
    t.equal((await ask("PUT", url, order())).status, 201, id);
    t.match(await open.store.readInstance("a", id), { instanceId: id });
    const bindingUrl = `${url}/service_bindings/${encodeURIComponent(`b ${id}`.slice(0, 255))}`;
    t.equal((await ask("PUT", bindingUrl, access())).status, 201, id);
    t.equal((await ask("GET", bindingUrl)).status, 200);
    t.equal((await ask("DELETE", `${bindingUrl}?${hints()}`)).status, 200);
    t.equal((await ask("DELETE", `${url}?${hints()}`)).status, 200);
  }
  for (const url of ["/v2/service_instances/%00", `/v2/service_instances/${"x".repeat(256)}`, "/v2/service_instances/"])
    t.ok(
      [400, 404].includes(
        (await app.inject({ url, headers: { authorization: "a", "x-broker-api-version": "2.17" } })).statusCode,
      ),
      url.slice(0, 30),
    );
});

test("tokens and ids the broker makes need no encoding and are short (URL Properties)", async (t) => {
  const world = await openWorld(t);
  for (const s of [
    await world.instance("provisioning"),
    await world.withBinding("binding"),
    await world.instance("updating"),
  ])
    t.match(s.operation, /^[A-Za-z0-9._~-]{1,255}$/);
});

test("empty values in a query count as absent", async (t) => {
  const { ask } = await start(t);
  t.equal((await ask("PUT", `${instance}?accepts_incomplete=`, order())).status, 201);
  t.equal((await ask("GET", `${instance}/last_operation?operation=&service_id=&plan_id=`)).status, 200);
  t.equal((await ask("GET", `${instance}?service_id=&plan_id=`)).status, 200);
  t.equal((await ask("PUT", `${instance}?accepts_incomplete=maybe`, order())).status, 400);
});

const identityOf = (value: object) => `cloudfoundry ${Buffer.from(JSON.stringify(value)).toString("base64")}`;

test("who asked is kept for the audit trail and told to the back end, and nobody needs to say it (Originating Identity)", async (t) => {
  const { ask, script, open, succeed } = await start(t);
  let seen: unknown;
  script.provision.push((given, tools) => {
    seen = given.requester;
    return succeed(given, tools);
  });
  const value = { user_id: "683ea748", more: ["ignored"] };
  t.equal(
    (await ask("PUT", instance, order(), { "x-broker-api-originating-identity": identityOf(value) })).status,
    201,
  );
  t.strictSame(seen, { platform: "cloudfoundry", value });
  const [entry] = await open.knex("audit").where({ action: "provision.begun" });
  t.match(JSON.stringify(entry), /683ea748/);
  t.equal(
    (await ask("DELETE", `${instance}?${hints()}`)).status,
    200,
    "a clean-up by the platform itself names nobody",
  );
});

test("an identity that cannot be read is logged and passed over, on every route", async (t) => {
  const { ask, logged } = await start(t);
  const broken = { "x-broker-api-originating-identity": "cloudfoundry not-base64!" };
  t.equal((await ask("GET", "/catalog", undefined, broken)).status, 200);
  t.equal((await ask("PUT", instance, order(), broken)).status, 201);
  t.equal((await ask("GET", `${instance}/last_operation`, undefined, broken)).status, 200);
  t.ok(logged.some((line) => line.includes("identity ignored")));
});

test("over a real connection: header names in any case, paths that cannot be decoded, and other methods", async (t) => {
  const { app } = await start(t);
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const send = (method: string, path: string, more: Record<string, string> = {}) =>
    new Promise<{ status: number | undefined; headers: object }>((resolve, reject) => {
      const headers = { Authorization: "a", "X-Broker-Api-Version": "2.15", ...more };
      const sent = request({ host: "127.0.0.1", port, method, path, headers, agent: false }, (answer) => {
        answer.resume();
        answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers }));
      });
      sent.on("error", reject);
      sent.end();
    });
  t.match(await send("GET", "/v2/catalog"), { status: 200 });
  t.match(await send("GET", "/v2/catalog", { "x-BROKER-api-REQUEST-identity": "r-9" }), {
    headers: { "x-broker-api-request-identity": "r-9" },
  });
  t.match(await send("GET", "/v2/service_instances/%zz", { "X-Broker-API-Request-Identity": "r-10" }), {
    status: 400,
    headers: { "x-broker-api-request-identity": "r-10" },
  });
  t.match(await send("POST", `/v2${instance}`), { status: 405, headers: { allow: "GET, PUT, PATCH, DELETE" } });
});

test("every answer comes well before the three seconds of the hastiest platform", async (t) => {
  const scripted = createScripted();
  const { ask, open } = await startTestBroker(t, { adapter: scripted.adapter, patience: { syncMs: 5000, quickMs: 1 } });
  scripted.script.provision.push(
    (_given, tools) =>
      new Promise((_resolve, reject) => tools.signal.addEventListener("abort", () => reject(new Error()))),
  );
  const begun = await ask("PUT", `${instance}?${accepted}`, order(syncPlan));
  t.match(begun, { status: 202, body: { operation: String } }, "although the provider has not answered yet");
  t.match(await open.store.readOperation(String(begun.body.operation)), { state: "open" }, "and it is on record");
});
