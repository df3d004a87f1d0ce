/** Lotse as a platform towards a downstream broker that does everything wrong which brokers and networks do. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import t, { type Test } from "tap";
import osb from "../../brokers/osb/index.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { Secret } from "../../src/core/secret.ts";
import {
  access,
  asyncPlan,
  hints,
  largerPlan,
  offering,
  order,
  planOf,
  settledState,
  startTestBroker,
  syncPlan,
  type TestBroker,
} from "../support/broker.ts";
import { createAuthority } from "../support/certificates.ts";
import { type Chapter, createFaultTable, requestsIn } from "../support/fault-table.ts";
import { client, startOidcProvider } from "../support/oidc.ts";
import { answers, basic, faults, type ScriptedBroker, send, startScriptedBroker } from "../support/scripted-broker.ts";

const backend = (planId: string, more: object = {}): JsonObject => ({
  serviceId: "downstream service",
  planId: `downstream ${planId}`,
  instancesRetrievable: true,
  bindingsRetrievable: true,
  ...more,
});

const fast = { repeatMs: 5, busyMs: 5, settleMs: 10 };

const basicValues = (url: string): JsonObject => ({
  url,
  username: basic.username,
  apiVersion: "2.17",
  context: "pass",
  originatingIdentity: "pass",
  requestIdentity: "pass",
  // Far beyond what a busy machine takes: the requests that reach the downstream are counted.
  timeoutMs: 4_000,
  connectTimeoutMs: 1000,
  connections: 8,
  maxResponseBytes: 50_000,
  retries: 4,
  pace: fast,
  breaker: { failures: 1000, coolDownMs: 100 },
});

const openAdapter = (url: string, more: JsonObject = {}, password: string = basic.password) =>
  osb.open({ values: { ...basicValues(url), ...more }, secrets: { password: new Secret(password) } });

interface Chain {
  readonly lotse: TestBroker;
  readonly downstream: ScriptedBroker;
  /** A new instance and binding for each round; what exists downstream is all of this round. */
  next(): void;
  instance: string;
  binding: string;
}

async function chain(
  t: Test,
  { settings = {}, backendMore = {} }: { settings?: JsonObject; backendMore?: object } = {},
): Promise<Chain> {
  const downstream = await startScriptedBroker(t);
  const adapter = await openAdapter(downstream.url, settings);
  const plans = [syncPlan, asyncPlan, largerPlan].map((id) => planOf(id, { backend: backend(id, backendMore) }));
  const lotse = await startTestBroker(t, { adapter, offerings: [{ ...offering, plans }], leaseMs: 30_000 });
  t.teardown(() => adapter.close?.());
  let round = 0;
  const both: Chain = {
    lotse,
    downstream,
    instance: "",
    binding: "",
    next() {
      both.instance = `/service_instances/i${++round}`;
      both.binding = `${both.instance}/service_bindings/b${round}`;
      downstream.inventory.clear();
      downstream.calls.length = 0;
      downstream.polls = 0;
    },
  };
  both.next();
  return both;
}

/** Two chains: what is too late for the second is what nobody should wait for in a test. */
async function chains(t: Test): Promise<(fault: string) => Chain> {
  const patient = await chain(t);
  const impatient = await chain(t, { settings: { timeoutMs: 400 } });
  return (fault) => (fault === "answers too late" ? impatient : patient);
}

const incomplete = "?accepts_incomplete=true";

/** Asks, and waits for the end where the answer is 202. The last state, or the status. */
async function end(lotse: TestBroker, method: "PUT" | "PATCH" | "DELETE", url: string, body?: object): Promise<string> {
  const query = method === "DELETE" ? `?${hints()}&accepts_incomplete=true` : incomplete;
  const answer = await lotse.ask(method, `${url}${query}`, body);
  if (answer.status !== 202)
    return answer.status < 300 ? "succeeded" : `${answer.status} ${answer.body.description ?? ""}`;
  const state = await settledState(lotse, `${url}/last_operation?operation=${answer.body.operation}`);
  return state.body.state === "failed" ? `failed ${state.body.description ?? ""}` : String(state.body.state);
}

const verbs = {
  provision: ({ lotse, instance }: Chain) => end(lotse, "PUT", instance, order()),
  update: ({ lotse, instance }: Chain) => end(lotse, "PATCH", instance, access(largerPlan)),
  bind: ({ lotse, binding }: Chain) => end(lotse, "PUT", binding, access()),
  unbind: ({ lotse, binding }: Chain) => end(lotse, "DELETE", binding),
  deprovision: ({ lotse, instance }: Chain) => end(lotse, "DELETE", instance),
};
type Verb = keyof typeof verbs;

async function upTo(both: Chain, verb: Verb): Promise<void> {
  const before: { [V in Verb]: readonly Verb[] } = {
    provision: [],
    update: ["provision"],
    bind: ["provision"],
    unbind: ["provision", "bind"],
    deprovision: ["provision", "bind"],
  };
  for (const earlier of before[verb]) await verbs[earlier](both);
}

/** What Lotse says exists, and what does. */
async function agree(t: Test, { lotse, downstream, instance, binding }: Chain, what: string): Promise<void> {
  const says = [(await lotse.ask("GET", instance)).status === 200, (await lotse.ask("GET", binding)).status === 200];
  const names = [...downstream.inventory.keys()];
  const is = [names.some((name) => !name.includes("/")), names.some((name) => name.includes("/"))];
  t.same(is, says, `${what}: both know of the same`);
  t.ok(names.filter((name) => !name.includes("/")).length <= 1, `${what}: nothing is there twice`);
}

/** Until our own clean-up has removed what matches, for which nobody has to ask. */
async function nothingLeft({ downstream }: Chain, of: (name: string) => boolean = () => true): Promise<void> {
  const until = Date.now() + 10_000;
  while ([...downstream.inventory.keys()].some(of) && Date.now() < until) await moment();
}

const dropped = faults["drops the answer"]?.fault ?? answers(500);
const moment = () => new Promise((resolve) => setTimeout(resolve, 5));

// ---- the table of faults: each of them at each request, and what comes of it ---------------------------------------

const page = fileURLToPath(new URL("../../docs/faults.md", import.meta.url));
const seen = createFaultTable(`# When the provider's broker or the network fails

What Lotse does when it orders from another OSB broker (adapter \`osb\`) and that broker, or the way to it, fails.
\`npm run faults\` writes this page from what \`test/brokers/osb.test.ts\` sees; the test fails when the page says
something else. Cells name the requests that reached the downstream broker from the fault on: a second \`provision\` is a
repeat with the same ids, \`poll\` asks for last_operation, \`fetch\` reads back what is there, \`catalog\` makes sure that
a broker is there at all. The account's \`retries\` is 4 here.`);

const operations = Object.keys(verbs) as Verb[];

const once = (polls: number): Chapter => ({
  title: polls === 0 ? "Once, at a synchronous broker" : "Once, at an asynchronous broker",
  says: "The customer is told that it succeeded, in every cell, and what is left downstream is what the customer was told: nothing twice, nothing lost. There is nothing to clean up.",
  first: "it …",
  columns: operations,
});

for (const polls of [0, 2]) {
  const chapter = once(polls);
  t.test(
    `whatever goes wrong once is put right (${polls === 0 ? "synchronous" : "asynchronous"} downstream)`,
    async (t) => {
      const chainFor = await chains(t);
      for (const [name, { fault }] of Object.entries(faults))
        for (const verb of operations)
          await t.test(`it ${name} at ${verb}`, async (t) => {
            const both = chainFor(name);
            both.next();
            await upTo(both, verb);
            both.downstream.polls = polls;
            both.downstream.script[verb].push(fault);
            both.downstream.calls.length = 0;
            t.equal(await verbs[verb](both), "succeeded");
            seen.note(chapter, name, verb, requestsIn(both.downstream.calls));
            await agree(t, both, verb);
          });
    },
  );
}

const polled = ["provision", "update", "bind", "deprovision", "unbind"] as const;

const whilePolling: Chapter = {
  title: "Twice in a row, while it is asked how far it is",
  says: "No fault of an answer about the progress makes an operation fail: the customer is told that it succeeded, and both sides know of the same. After `404` the request itself is said again, since the downstream may have forgotten it; `410` is the end of a removal, and to everything else no answer.",
  first: "to the poll it …",
  columns: polled,
};

t.test("whatever goes wrong while polling is no failure", async (t) => {
  const more = {
    "answers 404": answers(404),
    "answers 410": answers(410),
    "answers 400": answers(400),
    "answers 403": answers(403),
    "answers a state that OSB does not know": answers(200, { state: "perhaps" }),
  };
  const plain = Object.entries(faults).map(([name, { fault }]) => [name, fault] as const);
  const chainFor = await chains(t);
  for (const [name, fault] of [...plain, ...Object.entries(more)])
    for (const verb of polled)
      await t.test(`it ${name} when asked about ${verb}`, async (t) => {
        const both = chainFor(name);
        both.next();
        await upTo(both, verb);
        both.downstream.polls = 2;
        both.downstream.script.poll.push(fault, fault);
        both.downstream.calls.length = 0;
        t.equal(await verbs[verb](both), "succeeded");
        seen.note(whilePolling, name, verb, requestsIn(both.downstream.calls));
        // 410 says that it is gone; what it was said before it was true is not asked for twice.
        both.downstream.script.poll.length = 0;
        both.downstream.finish();
        await agree(t, both, verb);
      });
});

const refused: Chapter = {
  title: "A no",
  says: "Status and `error` that the customer is told, with the downstream's description. It is believed, and nothing was changed: a refused create leaves nothing, and its id is free; after a refused change or removal things are as they were. There is nothing to clean up.",
  first: "it answers …",
  columns: operations,
};

t.test("a no is told as one, and things are as they were", async (t) => {
  const both = await chain(t);
  for (const status of [400, 403, 404, 409, 410, 413, 422])
    for (const verb of operations)
      await t.test(`${status} to ${verb}`, async (t) => {
        both.next();
        await removable(both, verb);
        const before = [...both.downstream.inventory.keys()];
        both.downstream.script[verb].push(answers(status, { description: "The provider says no." }));
        both.downstream.calls.length = 0;
        const told = await verbs[verb](both);
        seen.note(refused, String(status), verb, `${told}: ${requestsIn(both.downstream.calls)}`);
        if (told !== "succeeded") t.same([...both.downstream.inventory.keys()], before, "nothing has changed");
        else t.ok(verb === "deprovision" || verb === "unbind", "what is gone is gone");
      });
});

const again: Chapter = {
  title: "Again and again, after a first 502 with a reason",
  says: 'After `retries` repeats it counts as failed: the customer is told the first reason (`ProvisionFailed`, `BindFailed` or `UpdateFailed`, 500), since later ones tend to be about its consequences. Lotse removes what may have been made, and takes back what may have been changed, without being asked; then both sides know of the same again. Faults that say "not now" or "not you" (408, 429, ConcurrencyError, 401, 412) do not count: they wait until the operation\'s time is up.',
  first: "then it …",
  columns: ["provision", "update", "bind"],
};

/** Without those that are repeated until the deadline, and those that are as good as an answer. */
const lasting = Object.entries(faults).filter(
  ([name]) => !/429|408|Concurrency|401|412|slowly|does not know/.test(name),
);

t.test("what keeps failing is given up, told with its first reason, and cleaned up", async (t) => {
  const chainFor = await chains(t);
  for (const [name, { fault }] of lasting)
    for (const verb of ["provision", "update", "bind"] as const)
      await t.test(`it ${name} at ${verb}, again and again`, async (t) => {
        const both = chainFor(name);
        both.next();
        await upTo(both, verb);
        both.downstream.calls.length = 0;
        both.downstream.script[verb].push(answers(502, { description: "the first reason" }), ...Array(4).fill(fault));
        t.match(await verbs[verb](both), /the first reason/);
        await cleanedUp(both);
        seen.note(again, name, verb, requestsIn(both.downstream.calls));
        const times = both.downstream.calls.filter((call) => call.asked === verb).length;
        t.equal(times, verb === "update" ? 6 : 5, "within the budget");
        await agree(t, both, verb);
      });
});

const removals = ["unbind", "deprovision"] as const;

const removedLater: Chapter = {
  title: "A removal, again and again, after a first 502 with a reason",
  says: "After `retries` repeats the removal counts as failed: the customer is told the first reason (`UnbindFailed` or `DeprovisionFailed`, 500), and the thing stays on record, whether it is still there downstream or not. Lotse does not go on by itself, since the platform owns what it did not see go; the next DELETE finishes it, and both sides know of the same. Cells: until the failure; with the next DELETE.",
  first: "then it …",
  columns: removals,
};

t.test("a removal that keeps failing is told as failed, and the next one finishes it", async (t) => {
  const chainFor = await chains(t);
  for (const [name, { fault }] of lasting)
    for (const verb of removals)
      await t.test(`it ${name} at ${verb}, again and again`, async (t) => {
        const both = chainFor(name);
        const { downstream } = both;
        both.next();
        await removable(both, verb);
        downstream.calls.length = 0;
        downstream.script[verb].push(answers(502, { description: "the first reason" }), ...Array(4).fill(fault));
        t.match(await verbs[verb](both), /the first reason/);
        const first = requestsIn(downstream.calls.splice(0));
        t.equal(await verbs[verb](both), "succeeded");
        seen.note(removedLater, name, verb, `${first}; ${requestsIn(downstream.calls)}`);
        await agree(t, both, verb);
      });
});

/** What a removal needs before it; without a binding, which would be taken first. */
const removable = (both: Chain, verb: Verb) => (verb === "deprovision" ? verbs.provision(both) : upTo(both, verb));

/** Until Lotse has put right on its own what a failure may have left: no operation of its own is open any more. */
async function cleanedUp({ lotse }: Chain): Promise<void> {
  const until = Date.now() + 10_000;
  const open = () => lotse.open.knex("operations").where({ state: "open" }).first("token");
  while ((await open()) !== undefined && Date.now() < until) await moment();
}

t.test("docs/faults.md says what was seen", async (t) => {
  const meanings = new Map(Object.entries(faults).map(([name, { means }]) => [name, means]));
  const text = seen.text(meanings);
  if (process.env.FAULTS === "write") writeFileSync(page, text);
  t.equal(existsSync(page) ? readFileSync(page, "utf8") : "", text, "or it is stale: npm run faults");
});

t.test("a considered no reaches the customer in the downstream's words, without secrets", async (t) => {
  const both = await chain(t);
  const no = { error: "QuotaExceeded", description: "No room for hunter2hunter2, ask your \u001b[31mprovider." };
  both.downstream.script.provision.push(answers(400, no));
  const wanted = order(syncPlan, { parameters: { size: 1, note: "hunter2hunter2" } });
  const answer = await both.lotse.ask("PUT", `${both.instance}${incomplete}`, wanted);
  t.equal(answer.status, 400);
  t.equal(answer.body.description, "No room for […], ask your  [31mprovider. (QuotaExceeded)");
  t.equal((await both.lotse.ask("PUT", `${both.instance}${incomplete}`, order())).status, 201, "the id stays free");
});

t.test("what Lotse signs in with is not shown by a broker that repeats it", async (t) => {
  const both = await chain(t);
  const header = `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString("base64")}`;
  const fetched = "Bearer eyJhbGciOi.JIUzI1NiJ9.c2lnbmF0dXJl";
  const description = `I got ${header}, that is ${basic.password} and ${header.slice(6)}, and not ${fetched}.`;
  both.downstream.script.provision.push(answers(400, { description }));
  const { body } = await both.lotse.ask("PUT", both.instance, order());
  t.equal(body.description, "I got Basic […], that is […] and […], and not Bearer […]");
});

t.test(
  "maintenance is handed on when it is asked for, and a new order never meets a version of yesterday",
  async (t) => {
    const both = await chain(t);
    await verbs.provision(both);
    const at = (version: string) =>
      [syncPlan, largerPlan].map((id) => planOf(id, { backend: backend(id), maintenanceInfo: { version } }));
    both.lotse.offer([{ ...offering, plans: at("1.1.0") }]);
    const newer = { maintenance_info: { version: "1.1.0" } };
    t.equal((await both.lotse.ask("PATCH", both.instance, access(syncPlan, newer))).status, 200);
    t.equal((await both.lotse.ask("PATCH", both.instance, access(largerPlan))).status, 200);
    const sent = both.downstream.calls.map(({ asked, body }) => [asked, body.maintenance_info]);
    // Lotse may serve an earlier catalog than the downstream's: one that is held, or that was gone back to.
    t.same(sent, [
      ["provision", undefined],
      ["update", { version: "1.1.0" }],
      ["update", undefined],
    ]);
  },
);

t.test("a no after a lost answer is not believed to mean that nothing is there", async (t) => {
  const both = await chain(t);
  both.downstream.script.provision.push(dropped, answers(400, { description: "Quota." }));
  t.match(await verbs.provision(both), /failed|500/);
  await nothingLeft(both);
  t.equal(both.downstream.inventory.size, 0);
});

t.test("a broker that answers every repeat with 409 still gives its instance and credentials", async (t) => {
  for (const verb of ["provision", "bind"] as const) {
    const both = await chain(t);
    await upTo(both, verb);
    both.downstream.forgetful = true;
    both.downstream.script[verb].push(dropped);
    t.equal(await verbs[verb](both), "succeeded");
    await agree(t, both, verb);
  }
});

t.test("an asynchronous failure downstream is a failure here, and its leavings are removed", async (t) => {
  const both = await chain(t);
  both.downstream.polls = 1;
  both.downstream.script.poll.push((_call, response, serve) => {
    serve();
    send(response, { status: 200, body: { state: "failed", description: "The disk broke." } });
  });
  t.equal(await verbs.provision(both), "failed The disk broke.");
  both.downstream.polls = 0;
  await nothingLeft(both);
  t.equal(both.downstream.inventory.size, 0);
});

t.test("an update that failed downstream says what is left of the instance", async (t) => {
  const both = await chain(t);
  await verbs.provision(both);
  both.downstream.polls = 1;
  const failed = { state: "failed", description: "No.", instance_usable: true, update_repeatable: false };
  both.downstream.script.poll.push(answers(200, failed));
  const begun = await both.lotse.ask("PATCH", `${both.instance}${incomplete}`, access(largerPlan));
  const state = await settledState(both.lotse, `${both.instance}/last_operation?operation=${begun.body.operation}`);
  t.same(state.body, failed);
  t.match((await both.lotse.ask("GET", both.instance)).body, { plan_id: syncPlan });
});

t.test("the downstream's pace and words are passed on", (t) => pacedOnce(t, "3600", fast));

t.test("a downstream that wants to be asked at once is asked at the account's own pace", async (t) => {
  const hourly = { ...fast, repeatMs: 3_600_000 };
  await pacedOnce(t, "0", hourly);
  await pacedOnce(t, "Wed, 21 Oct 2015 07:28:00 GMT", hourly);
});

/** Once it was asked how far it is, and answered with this `Retry-After`, an hour goes by. */
async function pacedOnce(t: Test, retryAfter: string, pace: typeof fast): Promise<void> {
  const both = await chain(t, { settings: { pace } });
  both.downstream.polls = 3;
  both.downstream.script.poll.push((_call, response, serve) => {
    response.setHeader("retry-after", retryAfter);
    send(response, serve());
  });
  const begun = await both.lotse.ask("PUT", `${both.instance}${incomplete}`, order());
  t.equal(begun.status, 202);
  const until = Date.now() + 5000;
  let told: unknown;
  for (; told !== "half way" && Date.now() < until; await moment())
    told = (await both.lotse.ask("GET", `${both.instance}/last_operation`)).body.description;
  t.equal(told, "half way");
  const polled = () => both.downstream.calls.filter(({ asked }) => asked === "poll").length;
  t.equal(polled(), 1, "an hour is an hour");
}

t.test("ids are Lotse's own, so that two platforms which chose the same never meet downstream", async (t) => {
  const both = await chain(t);
  for (const platform of ["a", "b"]) {
    t.equal((await both.lotse.ask("PUT", both.instance, order(), { authorization: platform })).status, 201);
    t.equal((await both.lotse.ask("PUT", both.binding, access(), { authorization: platform })).status, 201);
  }
  const names = [...both.downstream.inventory.keys()];
  t.equal(names.length, 4);
  for (const name of names) t.match(name, /^[0-9a-f-]{36}(\/service_bindings\/[0-9a-f-]{36})?$/);
});

t.test("who asked, why and under which name is passed on, rewritten or withheld as the operator says", async (t) => {
  const headers = {
    "x-broker-api-originating-identity": `cloudfoundry ${Buffer.from('{"user_id":"u1"}').toString("base64")}`,
    "x-broker-api-request-identity": "request 1".replace(" ", "-"),
  };
  const context = { platform: "cloudfoundry", organization_name: "Amt" };
  const asked = async (settings: JsonObject) => {
    const both = await chain(t, { settings });
    await both.lotse.ask("PUT", both.instance, order(syncPlan, { context }), headers);
    const [call] = both.downstream.calls;
    return {
      context: call?.body.context,
      organization: call?.body.organization_guid,
      identity: call?.headers["x-broker-api-originating-identity"],
      request: call?.headers["x-broker-api-request-identity"],
      version: call?.headers["x-broker-api-version"],
    };
  };
  t.match(await asked({}), {
    context,
    organization: "org",
    identity: /^cloudfoundry /,
    request: "request-1",
    version: "2.17",
  });
  t.match(await asked({ context: "rewrite", apiVersion: "2.13" }), {
    context: { platform: "lotse" },
    organization: "lotse",
    version: "2.13",
  });
  t.same(await asked({ context: "withhold", originatingIdentity: "withhold", requestIdentity: "withhold" }), {
    context: undefined,
    organization: "lotse",
    identity: undefined,
    request: undefined,
    version: "2.17",
  });
});

t.test("a rotation is handed on where the downstream knows it, and is a fresh binding where it does not", async (t) => {
  for (const bindingRotatable of [true, false]) {
    const both = await chain(t, { backendMore: { bindingRotatable } });
    await verbs.provision(both);
    await both.lotse.ask("PUT", both.binding, access(syncPlan, { parameters: { size: 3 } }));
    const next = await both.lotse.ask("PUT", `${both.instance}/service_bindings/b2`, { predecessor_binding_id: "b1" });
    t.equal(next.status, 201);
    const [first, second] = both.downstream.calls.filter(({ asked }) => asked === "bind");
    t.same(second?.body.parameters, { size: 3 });
    const predecessor = bindingRotatable ? first?.path.split("/").at(-1) : undefined;
    t.equal(second?.body.predecessor_binding_id, predecessor);
    t.equal((await both.lotse.ask("GET", both.binding)).status, 200, "both are valid in parallel");
  }
});

t.test("a broker that is down is left alone for a while and costs no operation", async (t) => {
  const both = await chain(t, { settings: { breaker: { failures: 2, coolDownMs: 150 }, retries: 50 } });
  both.downstream.script.provision.push(...Array(2).fill(faults["drops the request"]?.fault));
  t.equal(await verbs.provision(both), "succeeded");
  t.equal(both.downstream.calls.filter(({ asked }) => asked === "provision").length, 3);
});

t.test("an address where nobody answers, a refused password and a wrong address are told by the check", async (t) => {
  const downstream = await startScriptedBroker(t);
  const check = async (url: string, password?: string) => {
    const adapter = await openAdapter(url, {}, password);
    const told = await adapter.check?.(AbortSignal.timeout(5000));
    await adapter.close?.();
    return told;
  };
  t.equal(await check(downstream.url), undefined);
  t.match(await check(downstream.url, "wrong"), /refuses the credentials/);
  t.match(await check("http://127.0.0.1:1"), /cannot be asked/);
  downstream.script.catalog.push(answers(404));
  t.match(await check(downstream.url), /does not answer like an OSB broker/);
  downstream.script.catalog.push(answers(412, { description: "Speak 2.13." }));
  t.match(await check(downstream.url), /Speak 2.13/);
});

t.test(
  "a downstream is reached only over TLS that can be verified, and with a certificate where it wants one",
  async (t) => {
    const authority = createAuthority("Authority for tests");
    const server = authority.certify("127.0.0.1");
    const downstream = await startScriptedBroker(t, {
      tls: { ...server, ca: authority.ca, requestCert: true, rejectUnauthorized: true },
    });
    const client = authority.certify("lotse");
    const check = async (values: JsonObject, secrets: { [name: string]: Secret<string> } = {}) => {
      const password = new Secret(basic.password);
      const given = { ...basicValues(downstream.url), ...values };
      const adapter = await osb.open({ values: given, secrets: { password, ...secrets } });
      t.teardown(() => adapter.close?.());
      return adapter.check?.(AbortSignal.timeout(5000));
    };
    const mutual = { clientKey: new Secret(client.key) };
    t.equal(await check({ ca: authority.ca, clientCertificate: client.cert }, mutual), undefined);
    t.match(await check({ clientCertificate: client.cert }, mutual), /cannot be asked/, "an authority nobody named");
    const other = createAuthority("Another").ca;
    t.match(await check({ ca: other, clientCertificate: client.cert }, mutual), /cannot be asked/, "the wrong one");
    t.match(await check({ ca: authority.ca }), /cannot be asked/, "without a certificate of its own");
    t.equal(downstream.calls.length, 1);
  },
);

t.test(
  "with client credentials a real OpenID provider's token is fetched, kept, and replaced when it is refused",
  async (t) => {
    const issuer = await startOidcProvider(t);
    const downstream = await startScriptedBroker(t, { accepts: issuer.accepts });
    const { username: _username, ...rest } = basicValues(downstream.url);
    const values = { ...rest, tokenUrl: issuer.tokenUrl, clientId: client.id, scope: client.scope };
    const open = (secret: string) => osb.open({ values, secrets: { clientSecret: new Secret(secret) } });
    const adapter = await open(client.secret);
    t.teardown(() => adapter.close?.());
    const check = () => adapter.check?.(AbortSignal.timeout(5000));
    t.same(await Promise.all([check(), check()]), [undefined, undefined]);
    t.equal(issuer.granted(), 1, "one token serves many");
    await issuer.revokeAll();
    t.match(await check(), /refuses the credentials/);
    t.equal(await check(), undefined, "the next request brings a new one");
    t.equal(issuer.granted(), 2);
    const stranger = await open("wrong");
    t.teardown(() => stranger.close?.());
    const told = await stranger.check?.(AbortSignal.timeout(5000));
    t.match(told, /No token was to be had/);
    t.notMatch(told, /wrong/, "the secret is not repeated");
  },
);

t.test("settings that contradict each other or would send secrets in the clear are refused", async (t) => {
  const open = (values: JsonObject, secrets: { [name: string]: Secret<string> } = {}) => osb.open({ values, secrets });
  const word = new Secret("x");
  await t.rejects(open({ url: "http://broker.example" }), /must begin with https/);
  await t.rejects(open({ url: "https://b.example", username: "u" }), /needed together/);
  await t.rejects(open({ url: "https://b.example", username: "u" }, { password: word, token: word }), /Give one of/);
  await t.rejects(open({ url: "https://b.example", tokenUrl: "https://t.example" }), /needed together/);
  await t.rejects(
    open({ url: "https://b.example", tokenUrl: "http://t.example", clientId: "c" }, { clientSecret: word }),
    /must begin with https/,
  );
  await t.rejects(open({ url: "https://b.example" }, { clientKey: word }), /needed together/);
});
