/** What an operator may choose where the specification leaves a choice, and what each choice does. */
import { test } from "tap";
import { configSchema } from "../../src/config/schema.ts";
import { defaultSwitches } from "../../src/core/switches.ts";
import { access, asyncPlan, order } from "../support/broker.ts";
import { concurrency, openWorld, told } from "../support/states.ts";

test("a missing version header may be a 412, as older platforms expect (missingVersionStatus)", async (t) => {
  const { broker } = await openWorld(t, { switches: { missingVersionStatus: 412 } });
  t.equal((await broker.ask("GET", "/catalog", undefined, { "x-broker-api-version": "" })).status, 412);
});

test("platforms older than a version may be kept out (minApiVersion)", async (t) => {
  const { broker } = await openWorld(t, { switches: { minApiVersion: "2.10" } });
  const at = async (version: string) =>
    (await broker.ask("GET", "/catalog", undefined, { "x-broker-api-version": version })).status;
  t.strictSame([await at("2.9"), await at("2.10"), await at("2.17")], [412, 200, 200]);
});

test("a finished deletion may be told as 410 (deletedLastOperation)", async (t) => {
  const { instance, withBinding } = await openWorld(t, { switches: { deletedLastOperation: 410 } });
  const s = await instance("deprovisioning");
  t.match(await s.ask("GET", s.lastOperation), { status: 200, body: { state: "in progress" } });
  s.open();
  await s.end();
  t.strictSame(told(await s.ask("GET", s.lastOperation)), [410, {}]);
  const b = await withBinding("deleted");
  t.strictSame(told(await b.ask("GET", `${b.binding()}/last_operation`)), [410, {}]);
  const failed = await instance("deprovision failed");
  t.match(await failed.ask("GET", failed.lastOperation), { status: 200, body: { state: "failed" } });
  const ready = await instance("ready");
  t.match(await ready.ask("GET", ready.lastOperation), { status: 200, body: { state: "succeeded" } });
});

test("an operation nobody knows may be a 404, never a 400 (strictOperation)", async (t) => {
  const { instance } = await openWorld(t, { switches: { strictOperation: true } });
  const s = await instance("provisioning");
  const poll = async (query: string) => (await s.ask("GET", `${s.lastOperation}${query}`)).status;
  t.strictSame(
    [
      await poll("?operation=unknown"),
      await poll(""),
      await poll("?operation="),
      await poll(`?operation=${s.operation}`),
    ],
    [404, 200, 200, 200],
  );
});

test("an identity that cannot be read may be a 400 (strictOriginatingIdentity)", async (t) => {
  const { broker } = await openWorld(t, { switches: { strictOriginatingIdentity: true } });
  const broken = { "x-broker-api-originating-identity": "nonsense" };
  t.match(await broker.ask("GET", "/catalog", undefined, broken), { status: 400, body: { error: "MalformedRequest" } });
  t.equal((await broker.ask("GET", "/catalog")).status, 200, "none is still no fault");
});

test("a deletion may have to wait until the order is carried out (onDeleteDuringCreate: refuse)", async (t) => {
  const { instance, withBinding } = await openWorld(t, { switches: { onDeleteDuringCreate: "refuse" } });
  const s = await instance("provisioning");
  t.match(await s.remove(), { status: 422, body: concurrency });
  s.open();
  await s.end();
  t.match(await s.ask("GET", `${s.lastOperation}?operation=${s.operation}`), { body: { state: "succeeded" } });
  t.equal((await s.remove()).status, 200);
  const b = await withBinding("binding");
  t.match(await b.unbind(), { status: 422, body: concurrency });
  b.open();
  await b.end();
  t.equal((await b.unbind()).status, 200);
});

test("an instance with bindings may have to stay (onDeprovisionWithBindings: reject)", async (t) => {
  const { withBinding } = await openWorld(t, { switches: { onDeprovisionWithBindings: "reject" } });
  const s = await withBinding("bound");
  t.match(await s.remove(), { status: 400, body: { error: "HasBindings", description: /./, instance_usable: true } });
  t.equal((await s.ask("GET", s.binding())).status, 200);
  await s.unbind();
  t.equal((await s.remove()).status, 200);
});

test("one binding at a time may be made on an instance (serializeBindings)", async (t) => {
  const { withBinding } = await openWorld(t, { switches: { serializeBindings: true } });
  const s = await withBinding("binding");
  t.match(await s.bind({}, "second"), { status: 422, body: concurrency });
  t.match(await s.patch({ parameters: { size: 2 } }), { status: 422, body: concurrency });
  t.match(await s.bind(), { status: 202, body: { operation: s.operation } }, "the same one again is no second");
  s.open();
  await s.end();
  t.equal((await s.bind({}, "second")).status, 201);
  s.script.update.push(() => ({ state: "pending", afterMs: 3_600_000 }));
  t.equal((await s.patch({ parameters: { size: 2 } })).status, 202);
  t.match(await s.unbind(), { status: 422, body: concurrency });
});

test("bindings of an instance are made side by side, and while it is changed only if allowed (allowBindingsDuringUpdate)", async (t) => {
  const { instance, withBinding } = await openWorld(t, { switches: { allowBindingsDuringUpdate: true } });
  const s = await instance("updating");
  t.equal((await s.bind()).status, 201);
  const b = await withBinding("binding");
  t.equal((await b.bind({}, "second")).status, 201);
});

test("endpoints and metadata may be kept from clients that cannot read them (emitEndpoints, emitMetadata)", async (t) => {
  const { instance } = await openWorld(t, { switches: { emitEndpoints: false, emitMetadata: false } });
  const s = await instance("nothing");
  s.script.provision.push(() => ({ state: "done", made: { metadata: { labels: { a: "b" } } } }));
  t.strictSame((await s.put()).body, {});
  t.notOk("metadata" in (await s.ask("GET", s.url)).body);
  s.script.bind.push(() => ({
    state: "done",
    made: {
      access: {
        credentials: { user: "u" },
        endpoints: [{ host: "h", ports: ["1"] }],
        expiresAt: "2030-01-01T00:00:00Z",
      },
    },
  }));
  t.strictSame((await s.bind()).body, { credentials: { user: "u" } });
  t.strictSame((await s.ask("GET", s.binding())).body, { credentials: { user: "u" }, parameters: {} });
});

test("how long platforms wait between polls is the operator's choice (retryAfterSeconds)", async (t) => {
  const { instance } = await openWorld(t, { switches: { retryAfterSeconds: 61 } });
  const s = await instance("provisioning");
  t.match((await s.ask("GET", s.lastOperation)).headers, { "retry-after": "61" });
});

test("organisation and space may be left out where the operator says so (requireOrgSpaceGuid)", async (t) => {
  const { broker, instance } = await openWorld(t, { switches: { requireOrgSpaceGuid: false } });
  const s = await instance("nothing");
  const url = `${s.url}?accepts_incomplete=true`;
  t.equal((await broker.ask("PUT", url, access(asyncPlan))).status, 201);
  t.equal((await broker.ask("PUT", url, access(asyncPlan))).status, 200);
  t.equal((await broker.ask("PUT", url, order(asyncPlan))).status, 409, "named now, it is another order");
  t.equal((await broker.ask("PUT", url, { ...access(asyncPlan), space_guid: 7 })).status, 400);
});

test("results are kept for at least a week, whatever is configured, and every switch can be (operationRetentionDays)", (t) => {
  const { osb } = configSchema.properties as unknown as { osb: { properties: Record<string, { minimum?: number }> } };
  t.equal(osb.properties.operationRetentionDays?.minimum, 7);
  t.strictSame(Object.keys(osb.properties).sort(), Object.keys(defaultSwitches).sort());
  t.end();
});
