/** Looking through what was ordered and done: pages, filters, what an editor sees, and that an index leads everywhere. */
import t, { type Test } from "tap";
import type { Period, Usage } from "../../src/core/adapter.ts";
import type { Change } from "../../src/core/change.ts";
import type { Instance, Operation } from "../../src/core/model.ts";
import { Secret } from "../../src/core/secret.ts";
import { mergePages } from "../../src/store/walk.ts";
import { type AskAdmin, clientOf } from "../support/admin.ts";
import { access, asyncPlan, order, startTestBroker, type TestBroker } from "../support/broker.ts";
import { createGate } from "../support/gate.ts";
import { postgresqlForTests } from "../support/postgresql.ts";
import { type Asked, queryPlan } from "../support/query-plan.ts";
import { createScripted } from "../support/scripted.ts";
import { startStatementProxy } from "../support/statement-proxy.ts";
import { storiesOnBothDatabases } from "../support/stories.ts";

const story = await storiesOnBothDatabases(t);

type Item = Readonly<Record<string, unknown>>;

/** Every item of a list, page by page; no page may be longer than asked for, and none repeats an item. */
async function all(t: Test, ask: AskAdmin, path: string, limit = 7): Promise<Item[]> {
  const items: Item[] = [];
  for (let cursor = ""; ; ) {
    const { body, status } = await ask("GET", `${path}${path.includes("?") ? "&" : "?"}limit=${limit}${cursor}`);
    if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
    const page = body.items as Item[];
    if (page.length > limit) t.fail("a page is too long");
    items.push(...page);
    if (body.next === undefined) return items;
    cursor = `&cursor=${body.next}`;
  }
}

const canary = "canary-that-nobody-may-see";
const number = (index: number) => String(index).padStart(6, "0");

function instanceRow(index: number, more: Partial<Instance> = {}): Instance {
  return {
    uid: `uid-${number(index)}`,
    platformId: index % 2 === 0 ? "p-even" : "p-odd",
    instanceId: `instance-${index}`,
    incarnation: 1,
    bindsBegun: 0,
    offeringId: `offering-${index % 3}`,
    planId: `plan-${index % 5}`,
    provider: ["it-nord", "aurora", "borealis"][index % 3] ?? "",
    organization: `org-${index % 4}`,
    space: "space",
    parameters: new Secret({ note: canary }),
    context: { note: canary },
    facts: new Secret({ note: canary }),
    dashboardUrl: `https://dashboard.example/${canary}`,
    labels: { note: canary },
    attributes: { note: canary },
    usable: true,
    state: index % 10 === 0 ? "deleted" : index % 10 === 1 ? "provision-failed" : "ready",
    version: 1,
    createdAt: 1_700_000_000_000 + index,
    updatedAt: 1_700_000_000_000 + index,
    ...more,
  };
}

function operationRow(index: number): Operation {
  const { uid, platformId, instanceId, provider } = instanceRow(index);
  return {
    token: `token-${number(index)}`,
    kind: index % 4 === 0 ? "update" : "provision",
    purpose: "request",
    platformId,
    instanceUid: uid,
    instanceId,
    provider,
    state: index % 10 === 1 ? "failed" : index % 10 === 2 ? "open" : "succeeded",
    handle: new Secret({ note: canary }),
    requester: { note: canary },
    attempt: 1,
    failures: 0,
    dueAt: Number.MAX_SAFE_INTEGER,
    deadlineAt: Number.MAX_SAFE_INTEGER / 1024,
    leaseNumber: 0,
    again: false,
    startedAt: 1_700_000_000_000 + index,
  };
}

const count = 120;

async function fill({ open }: TestBroker): Promise<void> {
  for (const [id, name] of [
    ["p-even", "even"],
    ["p-odd", "odd"],
  ])
    await open.knex("platforms").insert({ id, name, username: name, state: "active", created_at: 1 });
  const changes: Change[] = [];
  for (let index = 0; index < count; index++)
    changes.push(
      { insert: "instance", row: instanceRow(index) },
      { insert: "operation", row: { ...operationRow(index), dueAt: 9_000_000_000_000, deadlineAt: 9_000_000_000_000 } },
    );
  t.ok(await open.store.apply(changes));
}

const rows = Array.from({ length: count }, (_, index) => instanceRow(index)).reverse();
const operationRows = Array.from({ length: count }, (_, index) => operationRow(index)).reverse();
const platformOf = ({ platformId }: { readonly platformId: string }) => platformId.slice(2);

const instanceFilters: readonly (readonly [string, (row: Instance) => boolean])[] = [
  ["", () => true],
  ["platform=odd", (row) => platformOf(row) === "odd"],
  ["provider=aurora", (row) => row.provider === "aurora"],
  ["offering=offering-1", (row) => row.offeringId === "offering-1"],
  ["plan=plan-3", (row) => row.planId === "plan-3"],
  ["organization=org-2", (row) => row.organization === "org-2"],
  ["state=ready", (row) => row.state === "ready"],
  ["state=deleted", (row) => row.state === "deleted"],
  ["state=provision-failed", (row) => row.state === "provision-failed"],
  ["state=updating", () => false],
  [
    "platform=odd&plan=plan-3&state=ready",
    (row) => platformOf(row) === "odd" && row.planId === "plan-3" && row.state === "ready",
  ],
  ["provider=nobody", () => false],
];

const operationFilters: readonly (readonly [string, (row: Operation) => boolean])[] = [
  ["", () => true],
  ["platform=even", (row) => platformOf(row) === "even"],
  ["provider=borealis", (row) => row.provider === "borealis"],
  ["instance=uid-000007", (row) => row.instanceUid === "uid-000007"],
  ["kind=update", (row) => row.kind === "update"],
  ["state=open", (row) => row.state === "open"],
  ["state=failed", (row) => row.state === "failed"],
  ["state=succeeded&provider=aurora", (row) => row.state === "succeeded" && row.provider === "aurora"],
];

story("every filter finds exactly what fits, newest first, page by page", async (t, start) => {
  const broker = await start();
  await fill(broker);
  const { ask } = await clientOf(broker, { roles: ["auditor"] });
  for (const [filter, fits] of instanceFilters) {
    const found = await all(t, ask, `/instances?${filter}`);
    t.same(
      found.map(({ uid }) => uid),
      rows.filter(fits).map(({ uid }) => uid),
      `instances ${filter}`,
    );
  }
  for (const [filter, fits] of operationFilters) {
    const found = await all(t, ask, `/operations?${filter}`);
    t.same(
      found.map(({ token }) => token),
      operationRows.filter(fits).map(({ token }) => token),
      `operations ${filter}`,
    );
  }
  t.match(await all(t, ask, "/instances?state=deleted"), [{ platform: "even", createdAt: /^2023-/ }]);
  t.match((await ask("GET", "/instances?platform=evne")).body.errors, [
    { parameter: "platform", detail: 'is not the name of a platform; did you mean "even"?' },
  ]);
  t.match((await ask("GET", "/instances?state=redy")).body.errors, [{ detail: /did you mean "ready"\?$/ }]);
});

story(
  "an editor sees the instances and operations of their own providers, and of others not even that they are",
  async (t, start) => {
    const broker = await start();
    await fill(broker);
    const editor = { roles: ["provider-editor"] as const };
    const one = await clientOf(broker, { ...editor, providers: ["aurora"] });
    const two = await clientOf(broker, { ...editor, providers: ["aurora", "borealis"] });
    const keys = (items: readonly Item[], key: string) => items.map((item) => item[key]);
    const aurora = rows.filter(({ provider }) => provider === "aurora");
    const both = rows.filter(({ provider }) => provider !== "it-nord");
    t.same(
      keys(await all(t, one.ask, "/instances"), "uid"),
      aurora.map(({ uid }) => uid),
    );
    t.same(
      keys(await all(t, two.ask, "/instances"), "uid"),
      both.map(({ uid }) => uid),
      "both, in one order",
    );
    t.same(
      keys(await all(t, two.ask, "/instances?platform=odd"), "uid"),
      both.filter((row) => platformOf(row) === "odd").map(({ uid }) => uid),
    );
    t.same(
      keys(await all(t, two.ask, "/operations?state=failed"), "token"),
      operationRows
        .filter(({ state, provider }) => state === "failed" && provider !== "it-nord")
        .map(({ token }) => token),
    );
    t.same(await all(t, one.ask, "/instances?provider=it-nord"), [], "another's provider");
    t.same(await all(t, one.ask, "/instances?provider=nobody"), [], "and one that does not exist: the same");
    t.same(await all(t, one.ask, "/instances?platform=nobody"), [], "names of platforms are not told either");
    const without = ({ body: { instance: _, ...body }, status }: Awaited<ReturnType<AskAdmin>>) => ({
      ...body,
      status,
    });
    for (const [foreign, unknown] of [
      ["/instances/uid-000003", "/instances/nobody"],
      ["/operations/token-000003", "/operations/nobody"],
    ] as const) {
      t.equal((await one.ask("GET", foreign)).status, 404);
      t.same(without(await one.ask("GET", foreign)), without(await one.ask("GET", unknown)), "word for word");
    }
    t.equal((await one.ask("GET", "/instances/uid-000001")).status, 200);
    t.equal((await one.ask("GET", "/operations/token-000001")).status, 200);
  },
);

story("parameters, facts, context, credentials and the requester are never shown", async (t, start) => {
  const broker = await start();
  await fill(broker);
  const answer = await broker.ask("PUT", "/service_instances/i1", order(undefined, { context: { note: canary } }));
  t.equal(answer.status, 201);
  t.equal((await broker.ask("PUT", "/service_instances/i1/service_bindings/b1", access())).status, 201);
  const { ask } = await clientOf(broker);
  const [newest] = await all(t, ask, "/instances?provider=scripted");
  const one = await ask("GET", `/instances/${newest?.uid}`);
  t.match(one.body, {
    instanceId: "i1",
    platform: "a",
    provider: "scripted",
    state: "ready",
    bindings: [{ bindingId: "b1", state: "bound" }],
  });
  const operations = await all(t, ask, `/operations?instance=${newest?.uid}`);
  t.same(
    operations.map(({ kind, state }) => `${kind} ${state}`),
    ["bind succeeded", "provision succeeded"],
  );
  const shown = JSON.stringify([
    one.body,
    operations,
    (await ask("GET", `/operations/${operations[0]?.token}`)).body,
    await all(t, ask, "/instances"),
    await all(t, ask, "/operations"),
  ]);
  t.notOk(shown.includes(canary));
  t.notMatch(shown, /password|credentials|secret/);
});

story("the clean-up of a failed order has no deadline, and lists tell none", async (t, start) => {
  const broker = await start();
  broker.script.provision.push(() => ({ state: "failed", reason: "The disk is full.", clean: false }));
  broker.script.deprovision.push(() => {
    throw new Error("connect ECONNREFUSED");
  });
  t.equal((await broker.ask("PUT", "/service_instances/i1", order())).status, 500);
  const { ask } = await clientOf(broker);
  const operations = () => all(t, ask, "/operations?provider=scripted");
  const [cleanup, failed] = await operations();
  t.match(failed, { kind: "provision", state: "failed", deadlineAt: /Z$/ });
  t.match(cleanup, { kind: "deprovision", purpose: "cleanup", interrupts: failed?.token, deadlineAt: undefined });
  t.match(await ask("GET", `/operations/${cleanup?.token}`), { status: 200, body: { deadlineAt: undefined } });
  while ((await operations())[0]?.state === "open") await new Promise((resolve) => setTimeout(resolve, 20));
  t.match(await operations(), [{ state: "succeeded", attempt: 2 }, { state: "failed" }]);
  t.equal(broker.inventory.size, 0);
});

story("an operation that waits is taken up at once when somebody says so, and the trail says who", async (t, start) => {
  const broker = await start();
  const hourMs = 3_600_000;
  broker.script.provision.push(() => ({ state: "pending", handle: {}, afterMs: hourMs }));
  const asked = await broker.ask("PUT", "/service_instances/i1?accepts_incomplete=true", order(asyncPlan));
  t.equal(asked.status, 202);
  const { ask, id } = await clientOf(broker);
  const waits = async () => (await all(t, ask, "/operations?state=open"))[0];
  while (Date.parse(String((await waits())?.dueAt)) < Date.now() + hourMs / 2)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const path = `/operations/${(await waits())?.token}`;

  const others = await clientOf(broker, { roles: ["provider-editor"], providers: ["it-nord"] });
  t.equal((await others.ask("POST", `${path}/retry`)).status, 404, "another provider's is as unknown as none");
  const auditor = await clientOf(broker, { roles: ["auditor"] });
  t.equal((await auditor.ask("POST", `${path}/retry`)).status, 403);
  t.equal((await ask("POST", "/operations/none/retry")).status, 404);

  const gate = createGate(broker.succeed);
  broker.script.poll.push(gate.act);
  t.match(await ask("POST", `${path}/retry`), { status: 200, body: { state: "open" } });
  await gate.entered;
  t.equal((await ask("POST", `${path}/retry`)).status, 200, "a step that is under way is left to it");
  gate.open();
  while ((await ask("GET", path)).body.state === "open") await new Promise((resolve) => setTimeout(resolve, 20));
  t.match((await ask("GET", path)).body, { state: "succeeded", attempt: 2 });
  t.match(await ask("POST", `${path}/retry`), { status: 409, body: { code: "OperationOver" } });
  const [trail, ...more] = await all(t, ask, "/audit?action=operation.retried");
  t.match(trail, { actor: { principal: "anna", token: id }, instanceId: "i1", details: { provider: "scripted" } });
  t.same(more, [], "where nothing was hurried, nothing is noted");
});

story("the audit trail is found by action, platform, instance and time", async (t, start) => {
  const broker = await start();
  const { ask, id } = await clientOf(broker);
  for (const name of ["one", "two"]) await ask("POST", "/platforms", { name });
  await ask("POST", "/platforms/one/disable", undefined, { "if-match": '"1"' });
  for (const name of ["i1", "i2"]) await broker.ask("PUT", `/service_instances/${name}`, order());
  const minute = 60_000;
  const first = Date.now() - 400 * minute;
  for (let index = 0; index < 300; index++)
    await broker.open.knex("audit").insert({ at: first + index * minute, action: "test.tick", outcome: "succeeded" });
  const actions = async (filter: string) => (await all(t, ask, `/audit?${filter}`, 50)).map(({ action }) => action);
  t.same(await actions("action=platform.added"), ["platform.added", "platform.added"]);
  t.same(await actions("platform=one"), ["platform.disabled", "platform.added"]);
  t.same(await actions("instanceId=i2"), ["provision.succeeded", "provision.begun"]);
  t.same(await actions("action=provision.begun"), ["provision.begun", "provision.begun"]);
  t.same(await actions("action=provision.begun&instanceId=i1"), ["provision.begun"]);
  t.same(await actions("action=nothing.of.the.kind"), []);
  const [disabled] = await all(t, ask, "/audit?action=platform.disabled");
  t.match(disabled, { platform: "one", actor: { by: "token", principal: "anna", token: id }, at: /Z$/ });
  t.match(await all(t, ask, "/audit?action=token.added"), [
    { details: { principal: "anna", roles: ["administrator"] } },
  ]);
  const at = (index: number) => encodeURIComponent(new Date(first + index * minute).toISOString());
  const times = async (filter: string) =>
    (await all(t, ask, `/audit?action=test.tick&${filter}`, 20)).map(({ at }) => at);
  t.same((await times("")).length, 300);
  t.same((await times(`since=${at(290)}`)).length, 10, "since: that time or later");
  t.same((await times(`until=${at(10)}`)).length, 10, "until: before that time");
  t.same((await times(`since=${at(100)}&until=${at(103)}`)).length, 3);
  t.same(await actions(`since=${at(298)}&until=${at(300)}`), ["test.tick", "test.tick"]);
  t.equal((await ask("GET", "/audit?since=yesterday")).status, 400);
  t.equal((await ask("GET", `/audit?cursor=${Buffer.from("audit abc").toString("base64url")}`)).status, 400);
  const editor = await clientOf(broker, { roles: ["provider-editor"], providers: ["it-nord"] });
  t.equal((await editor.ask("GET", "/audit")).status, 403);
});

story(
  "a page is short rather than slow when many rows have to be passed over, and the next one goes on",
  async (t, start) => {
    const broker = await start();
    await fill(broker);
    const { ask } = await clientOf(broker);
    const sixth = 6_000;
    // Behind the few that fit, more that do not than are looked at for one page.
    for (let from = 0; from < sixth; from += 500) {
      const changes = Array.from({ length: 500 }, (_, index) => ({
        insert: "instance" as const,
        row: instanceRow(1_000 + from + index, { planId: "plan-x", organization: "org-x", state: "ready" }),
      }));
      await broker.open.store.apply(changes);
    }
    const { body } = await ask("GET", "/instances?organization=org-x&plan=plan-3");
    t.same(body.items, []);
    t.type(body.next, "string", "nothing yet, but not the end");
    t.same(await all(t, ask, "/instances?organization=org-x&plan=plan-3"), []);
    const found = await all(t, ask, "/instances?state=ready&platform=odd&plan=plan-3");
    t.same(
      found.map(({ uid }) => uid),
      rows
        .filter((row) => row.state === "ready" && platformOf(row) === "odd" && row.planId === "plan-3")
        .map(({ uid }) => uid),
    );
  },
);

t.test("walks that saw down to different keys are merged only as far as all of them saw", async (t) => {
  const row = (key: string) => ({ key });
  const walks = [
    { rows: [row("f"), row("b")], seenTo: "b" },
    { rows: [row("e"), row("a")] },
    { rows: [row("d")], seenTo: "c" },
  ];
  t.same(mergePages(walks, 10, "key"), { rows: [row("f"), row("e"), row("d")], next: "c" });
  t.same(mergePages(walks, 2, "key"), { rows: [row("f"), row("e")], next: "e" });
  t.same(mergePages([{ rows: [row("b")] }, { rows: [row("a")] }], 2, "key"), { rows: [row("b"), row("a")] });
  t.same(mergePages([{ rows: [], seenTo: "c" }], 2, "key"), { rows: [], next: "c" });
});

/** What a list asks the database for, and the index that leads: named where one filter stands alone. */
const led: readonly (readonly [string, string | RegExp])[] = [
  ["/instances?provider=aurora", "instances_by_provider"],
  ["/instances?plan=plan-3", "instances_by_plan"],
  ["/instances?organization=org-2", "instances_by_organization"],
  ["/instances?state=deleted", "instances_gone"],
  ["/instances?state=provision-failed", "instances_by_rare_state"],
  ["/instances?provider=aurora&platform=odd", "instances_by_provider"],
  ["/operations?provider=aurora", "operations_by_provider"],
  ["/operations?instance=uid-000001", /operations_instance_uid_token_index/],
  ["/operations?state=failed", "operations_failed"],
  ["/audit?instanceId=i1", "audit_by_instance"],
  ["/audit?action=platform.added", "audit_by_action"],
];
const unled = [
  "/instances?state=ready",
  "/instances?platform=odd",
  "/instances?offering=offering-1",
  "/operations?platform=odd",
  "/operations?state=succeeded",
  "/operations?kind=update",
  "/audit?platform=odd",
  "/instances",
  "/audit",
];

story(
  "an index leads every filter in the order of its list: nothing is sorted, and no table read through",
  async (t, start) => {
    const broker = await start();
    await fill(broker);
    const { knex, dialect } = broker.open;
    const { ask } = await clientOf(broker);
    const asked: Asked[] = [];
    knex.on("query", (query) => asked.push(query));

    async function plansOf(path: string): Promise<string[]> {
      const first = await ask("GET", `${path}${path.includes("?") ? "&" : "?"}limit=1`);
      asked.length = 0;
      const next = first.body.next === undefined ? "" : `cursor=${first.body.next}`;
      await ask("GET", `${path}${path.includes("?") ? "&" : "?"}${next}`);
      const lists = asked.filter(({ sql }) => /from "?`?(instances|operations|audit)\b/.test(sql) && /limit/.test(sql));
      t.ok(lists.length > 0, `${path} asks the database`);
      const plans: string[] = [];
      for (const { sql, bindings } of [...lists]) plans.push(await queryPlan(knex, { sql, bindings }));
      return plans;
    }

    for (const [path, index] of led)
      for (const plan of await plansOf(path)) {
        t.match(plan, index, path);
        t.notMatch(plan, /TEMP B-TREE|Sort|Seq Scan/, `${path}: ${plan}`);
        if (dialect === "sqlite") t.notMatch(plan, /SCAN (instances|operations|audit)/, path);
      }
    for (const path of unled)
      for (const plan of await plansOf(path))
        t.notMatch(plan, /TEMP B-TREE|Sort|Seq Scan/, `${path}: in the order of the key: ${plan}`);
  },
);

t.test(
  "whoever looks while PostgreSQL is away is told 503 and to ask again, and then sees what is there",
  async (t) => {
    const server = await postgresqlForTests(t);
    let away = false;
    const proxy = await startStatementProxy(t, server, { judge: () => (away ? "cut before" : "pass") });
    const databaseUrl = (await server.emptyDatabase("away")).replace(`:${server.port}/`, `:${proxy.port}/`);
    const broker = await startTestBroker(t, { ...createScripted(), databaseUrl });
    const { ask } = await clientOf(broker);
    const paths = ["/instances", "/operations", "/providers", "/platforms", "/audit", "/orphans"];
    for (const path of paths) t.equal((await ask("GET", path)).status, 200, path);
    away = true;
    for (const path of paths) {
      const { status, body, headers } = await ask("GET", path);
      t.match(
        { status, code: body.code, again: headers.get("retry-after") },
        { status: 503, code: "Unavailable", again: "1" },
        path,
      );
    }
    away = false;
    for (const path of paths) t.equal((await ask("GET", path)).status, 200, path);
  },
);

story(
  "what an instance used is told as its provider counted it, and only to whom the instance is shown",
  async (t, start) => {
    const { adapter } = createScripted();
    const asked: Period[] = [];
    let count: () => Promise<readonly Usage[]> = async () => [];
    const broker = await start({
      adapter: {
        ...adapter,
        usage(_order, period) {
          asked.push(period);
          return count();
        },
      },
    });
    await broker.ask("PUT", "/service_instances/used", order());
    const { ask } = await clientOf(broker);
    const [listed] = await all(t, ask, "/instances");
    const path = (more = "") =>
      `/instances/${listed?.uid}/usage?from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00%2B01:00${more}`;
    const period = { from: new Date("2026-11-01T00:00:00Z"), to: new Date("2026-11-30T23:00:00Z") };
    const moment = { from: period.to, to: period.to };
    count = async () => [
      { meter: "vcpu", quantity: "1439.5", unit: "Hours", period },
      { meter: "stored", quantity: "20", unit: "GB", period: moment },
    ];
    t.match(await ask("GET", path()), {
      status: 200,
      body: {
        instance: listed?.uid,
        from: "2026-11-01T00:00:00.000Z",
        to: "2026-11-30T23:00:00.000Z",
        usage: [
          { meter: "vcpu", quantity: "1439.5", unit: "Hours", from: "2026-11-01T00:00:00.000Z" },
          { meter: "stored", quantity: "20", unit: "GB", from: "2026-11-30T23:00:00.000Z" },
        ],
      },
    });
    t.same(asked, [period], "in the period that was asked for");
    count = () => Promise.reject(new Error("the provider is away"));
    t.match(await ask("GET", path()), {
      status: 503,
      body: { code: "Unavailable", detail: /provider does not tell just now/ },
    });
    t.match(await ask("GET", `/instances/unknown/usage?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z`), {
      status: 404,
    });
    for (const wrong of [
      "",
      "?from=2026-11-01T00:00:00Z",
      "?from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z",
      "?from=2020-11-02T00:00:00Z&to=2026-11-01T00:00:00Z",
      "?from=yesterday&to=today",
    ])
      t.match(
        await ask("GET", `/instances/${listed?.uid}/usage${wrong}`),
        { status: 400, body: { code: "Invalid" } },
        wrong,
      );
    const stranger = await clientOf(broker, { name: "bert", roles: ["provider-editor"], providers: ["another"] });
    t.match(await stranger.ask("GET", path()), { status: 404 });
  },
);

story("of a provider that counts nothing it is said that it does not tell", async (t, start) => {
  const broker = await start();
  await broker.ask("PUT", "/service_instances/plain", order());
  const { ask } = await clientOf(broker);
  const [listed] = await all(t, ask, "/instances");
  const path = `/instances/${listed?.uid}/usage?from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z`;
  t.match(await ask("GET", path), { status: 409, body: { code: "UsageUntold" } });
});
