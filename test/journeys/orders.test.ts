/** Orders over OSB, on both databases, against a back end that fails when told to. */
import t from "tap";
import { access, asyncPlan, hints, largerPlan, order, settledState, syncPlan } from "../support/broker.ts";
import { storiesOnBothDatabases } from "../support/stories.ts";

const story = await storiesOnBothDatabases(t);

const instance = "/service_instances/i1";
const binding = `${instance}/service_bindings/b1`;

story("a database is ordered, used and given back", async (t, start) => {
  const { ask, inventory } = await start();
  const made = await ask("PUT", instance, order());
  t.equal(made.status, 201);
  t.match(made.body, { dashboard_url: /^https:/ });
  t.equal((await ask("PUT", instance, order())).status, 200, "the same order again finds it there");
  t.equal((await ask("PUT", instance, order(syncPlan, { parameters: { size: 2 } }))).status, 409);
  const bound = await ask("PUT", binding, access());
  t.equal(bound.status, 201);
  const again = await ask("PUT", binding, access());
  t.equal(again.status, 200);
  t.same(again.body, bound.body, "with the same credentials");
  t.match((await ask("GET", instance)).body, { plan_id: syncPlan, parameters: {} });
  t.match((await ask("GET", binding)).body, { credentials: { password: String } });
  t.equal((await ask("DELETE", `${binding}?${hints()}`)).status, 200);
  t.equal((await ask("DELETE", `${binding}?${hints()}`)).status, 410);
  t.equal((await ask("DELETE", `${instance}?${hints()}`)).status, 200);
  t.same(await ask("DELETE", `${instance}?${hints()}`).then(({ status, body }) => [status, body]), [410, {}]);
  t.equal(inventory.size, 0);
  t.equal((await ask("PUT", instance, order())).status, 201, "the id may be used again");
});

story("an order that takes long is answered 202 and told of until it is done", async (t, start) => {
  const { ask, script, succeed } = await start();
  script.provision.push(() => ({ state: "pending", handle: { job: 1 }, afterMs: 20, note: "Half done." }));
  script.poll.push(succeed);
  const begun = await ask("PUT", `${instance}?accepts_incomplete=true`, order(asyncPlan));
  t.equal(begun.status, 202);
  t.match(begun.headers, { "retry-after": "10" });
  const repeated = await ask("PUT", `${instance}?accepts_incomplete=true`, order(asyncPlan));
  if (repeated.status === 202) t.equal(repeated.body.operation, begun.body.operation);
  const end = await settledState({ ask } as never, `${instance}/last_operation?operation=${begun.body.operation}`);
  t.same(end.body, { state: "succeeded" });
  t.equal((await ask("PUT", instance, order(asyncPlan))).body.error, "AsyncRequired");
});

story("fifty identical orders at once make one instance", async (t, start) => {
  const { ask, inventory, calls } = await start();
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => ask("PUT", `${instance}?accepts_incomplete=true`, order())),
  );
  t.ok(
    answers.every(({ status }) => [200, 201, 202].includes(status)),
    JSON.stringify(answers.map((a) => a.status)),
  );
  t.equal(inventory.size, 1);
  t.equal(calls.length, 1);
});

story("of fifty different orders on one id one wins and the others conflict", async (t, start) => {
  const { ask, inventory } = await start();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      ask("PUT", instance, order(syncPlan, { parameters: { size: index + 1 } })),
    ),
  );
  t.equal(answers.filter(({ status }) => status === 201).length, 1);
  t.equal(answers.filter(({ status }) => status === 409).length, 49);
  t.equal(inventory.size, 1);
});

story("a deletion while the order is carried out halts it and leaves nothing", async (t, start) => {
  const { ask, script, succeed, inventory } = await start();
  script.provision.push(async (given, tools) => {
    succeed(given, tools);
    await new Promise((resolve) => tools.signal.addEventListener("abort", resolve));
    throw new Error("halted after it took effect");
  });
  const first = ask("PUT", `${instance}?accepts_incomplete=true`, order());
  while (inventory.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  t.equal((await ask("GET", instance)).status, 404);
  t.equal((await ask("PATCH", instance, access())).body.error, "ConcurrencyError");
  t.equal((await ask("PUT", binding, access())).body.error, "ConcurrencyError");
  const removal = await ask("DELETE", `${instance}?${hints()}&accepts_incomplete=true`);
  t.ok([200, 202].includes(removal.status));
  const begun = await first;
  t.equal((await settledState({ ask } as never, `${instance}/last_operation`)).body.state, "succeeded");
  t.equal(inventory.size, 0);
  if (begun.status === 202)
    t.match((await ask("GET", `${instance}/last_operation?operation=${begun.body.operation}`)).body, {
      state: "failed",
    });
});

story("a provider's clean no is a 400 and the id stays free", async (t, start) => {
  const { ask, script } = await start();
  script.provision.push(() => ({ state: "failed", reason: "No room left.", clean: true }));
  const refused = await ask("PUT", instance, order());
  t.equal(refused.status, 400);
  t.match(refused.body, { error: "ProvisionFailed", description: "No room left." });
  t.equal((await ask("PUT", instance, order(syncPlan, { parameters: { size: 3 } }))).status, 201);
});

story("what a failure may have left behind is cleaned up by the broker itself", async (t, start) => {
  const { ask, script, succeed, inventory } = await start();
  script.provision.push((given, tools) => {
    succeed(given, tools);
    return { state: "failed", reason: "Half made.", clean: false };
  });
  script.deprovision.push(() => Promise.reject(new Error("the provider is away")));
  t.equal((await ask("PUT", instance, order())).status, 500);
  while (inventory.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  t.pass("although the first clean-up failed");
  t.equal((await ask("PUT", instance, order(syncPlan, { parameters: { size: 3 } }))).status, 409);
  const removal = await ask("DELETE", `${instance}?${hints()}&accepts_incomplete=true`);
  t.ok([200, 202].includes(removal.status));
});

story("an answer that was lost is asked for again with the same token", async (t, start) => {
  const { ask, script, succeed, inventory } = await start();
  const tokens: string[] = [];
  script.provision.push((given, tools) => {
    tokens.push(given.token);
    succeed(given, tools);
    throw new Error("connection reset");
  });
  script.provision.push((given, tools) => {
    tokens.push(given.token);
    return succeed(given, tools);
  });
  t.equal((await ask("PUT", instance, order())).status, 201);
  t.equal(tokens[0], tokens[1]);
  t.equal(inventory.size, 1);
});

story("an instance is moved to another plan, and a failed move leaves it as it was", async (t, start) => {
  const { ask, script } = await start();
  await ask("PUT", instance, order());
  t.equal((await ask("PATCH", instance, access(largerPlan))).status, 200);
  t.equal((await ask("GET", instance)).body.plan_id, largerPlan);
  t.equal((await ask("PATCH", instance, access(largerPlan))).status, 200, "again changes nothing");
  script.update.push(() => ({ state: "failed", reason: "Too full.", clean: true, repeatable: false }));
  const failed = await ask("PATCH", instance, access(syncPlan));
  t.equal(failed.status, 400);
  t.match(failed.body, { instance_usable: true, update_repeatable: false });
  t.equal((await ask("GET", instance)).body.plan_id, largerPlan);
  t.equal(
    (await ask("PATCH", instance, access(largerPlan, { maintenance_info: { version: "9.9.9" } }))).body.error,
    "MaintenanceInfoConflict",
  );
  t.match(
    (await ask("PATCH", instance, access(largerPlan, { parameters: { size: 0 } }))).body.description,
    /parameters\.size/,
  );
  t.equal((await ask("PATCH", "/service_instances/unknown", access())).status, 404);
});

story("removing an instance removes its bindings first", async (t, start) => {
  const { ask, calls, inventory } = await start();
  await ask("PUT", instance, order());
  await ask("PUT", binding, access());
  await ask("PUT", `${instance}/service_bindings/b2`, access());
  t.equal((await ask("DELETE", `${instance}?${hints()}`)).status, 200);
  t.same(
    calls.slice(-3).map((call) => call.split(" ")[0]),
    ["unbind", "unbind", "deprovision"],
  );
  t.equal(inventory.size, 0);
  t.equal((await ask("GET", binding)).status, 404);
});

story("a binding is rotated without naming the plan, and both are valid", async (t, start) => {
  const { ask } = await start();
  await ask("PUT", instance, order());
  const old = await ask("PUT", binding, access(syncPlan, { parameters: { size: 4 } }));
  const next = `${instance}/service_bindings/b2`;
  const fresh = await ask("PUT", next, { predecessor_binding_id: "b1" });
  t.equal(fresh.status, 201);
  t.notSame(fresh.body, old.body);
  t.same((await ask("GET", next)).body.parameters, { size: 4 }, "it inherits the parameters");
  t.equal((await ask("PUT", next, { predecessor_binding_id: "b1" })).status, 200);
  t.equal((await ask("DELETE", `${binding}?${hints()}`)).status, 200);
  t.equal((await ask("GET", next)).status, 200);
  t.equal((await ask("PUT", `${instance}/service_bindings/b3`, { predecessor_binding_id: "b1" })).status, 400);
});

story("a platform sees nothing of another platform's instances", async (t, start) => {
  const { ask } = await start();
  await ask("PUT", instance, order());
  const other = { authorization: "b" };
  const unknown = await ask("GET", "/service_instances/nobody", undefined, other);
  t.same(await ask("GET", instance, undefined, other).then(({ status, body }) => [status, body]), [
    unknown.status,
    unknown.body,
  ]);
  t.equal((await ask("DELETE", `${instance}?${hints()}`, undefined, other)).status, 410);
  t.equal((await ask("GET", `${instance}/last_operation`, undefined, other)).status, 404);
  t.equal((await ask("PUT", instance, order(), other)).status, 201, "and may use the same id");
  t.equal((await ask("GET", instance)).status, 200);
});

story("bad input gets a clear answer and changes nothing", async (t, start) => {
  const { ask, calls, app } = await start();
  const wrong: [string, unknown, number][] = [
    ["no service", { plan_id: syncPlan, organization_guid: "o", space_guid: "s" }, 400],
    ["an unknown plan", order("nope"), 400],
    ["no organisation", access(), 400],
    ["parameters of the wrong type", order(syncPlan, { parameters: [] }), 400],
    ["parameters that break the schema", order(syncPlan, { parameters: { size: "large" } }), 400],
    ["an old maintenance version", order(syncPlan, { maintenance_info: { version: "0.1.0" } }), 422],
    ["text that is no JSON", "{", 400],
    ["a list", "[]", 400],
    ["a key twice", '{"service_id":"a","service_id":"b"}', 400],
    [
      "a body that is too large",
      JSON.stringify(order(syncPlan, { parameters: { text: "x".repeat(1024 * 1024) } })),
      413,
    ],
  ];
  for (const [what, body, status] of wrong) t.equal((await ask("PUT", instance, body)).status, status, what);
  t.equal((await ask("DELETE", instance)).status, 400);
  t.equal((await ask("PUT", `${instance}?accepts_incomplete=maybe`, order())).status, 400);
  t.equal((await ask("POST", instance, {})).status, 405);
  t.equal((await ask("GET", "/nothing")).status, 404);
  t.equal((await ask("GET", "/catalog", undefined, { "x-broker-api-version": "" })).status, 400);
  t.equal((await ask("GET", "/catalog", undefined, { "x-broker-api-version": "3.0" })).status, 412);
  t.equal((await app.inject({ url: "/v2/catalog" })).statusCode, 401);
  t.same(calls, []);
});

story("the catalog answers 304 to whoever has it already, per platform", async (t, start) => {
  const { ask, app } = await start();
  const first = await ask("GET", "/catalog", undefined, { "x-broker-api-request-identity": "r-1" });
  t.equal(first.headers["x-broker-api-request-identity"], "r-1");
  const etag = String(first.headers.etag);
  t.equal((await ask("GET", "/catalog", undefined, { "if-none-match": etag })).status, 304);
  t.not((await ask("GET", "/catalog", undefined, { authorization: "b" })).headers.etag, etag);
  t.equal((await app.inject({ url: "/readyz" })).statusCode, 200);
});

story("secrets appear in no log line and nowhere in the database in the clear", async (t, start) => {
  const { ask, logged, open } = await start();
  await ask("PUT", instance, order(syncPlan, { parameters: { canary: "canary-in-parameters" } }));
  const bound = await ask("PUT", binding, access());
  const password = String((bound.body.credentials as { password: string }).password);
  t.equal(logged.filter((line) => line.includes("canary-in") || line.includes(password)).length, 0);
  for (const table of ["instances", "bindings", "operations", "audit"]) {
    const rows = await open.knex(table).select();
    const text = JSON.stringify(rows, (_key, value) =>
      value?.type === "Buffer" ? Buffer.from(value.data).toString("latin1") : value,
    );
    t.notMatch(text, /canary-in-parameters/);
    t.equal(text.includes(password), false, table);
  }
});

story("an operation that waits for its provider is taken up again when it is due", async (t, start) => {
  const { ask, script, succeed, inventory, stop } = await start({ leaseMs: 300 });
  script.provision.push(() => ({ state: "pending", handle: 1, afterMs: 100 }));
  script.poll.push(succeed);
  const begun = await ask("PUT", `${instance}?accepts_incomplete=true`, order(asyncPlan));
  t.equal(begun.status, 202);
  t.equal((await settledState({ ask } as never, `${instance}/last_operation`)).body.state, "succeeded");
  t.equal(inventory.size, 1);
  await stop();
});
