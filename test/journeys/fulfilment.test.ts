/** KI-Gebäudeerkennung over plain OSB, carried out by people: a question back, a comment, an attachment, and days. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { projectCatalog } from "../../src/catalog/project.ts";
import { readCatalog } from "../../src/catalog/read-catalog.ts";
import type { JsonObject } from "../../src/core/adapter.ts";
import type { Offering, Plan } from "../../src/core/model.ts";
import { forgetBefore } from "../../src/store/retention.ts";
import { type AskAdmin, clientOf } from "../support/admin.ts";
import { type Answer, type TestBroker, temporaryDirectory } from "../support/broker.ts";
import { newSealingKey, shippedCatalog, startBrokerProcess } from "../support/broker-process.ts";
import { lotse } from "../support/command.ts";
import { contact, organisation, staffOf, startInboxBroker, stepsOf } from "../support/inbox.ts";
import { postgresqlForTests } from "../support/postgresql.ts";
import { onBothDatabases } from "../support/stories.ts";
import { createTurnedClock } from "../support/turned-clock.ts";

const server = await postgresqlForTests(t);
const story = onBothDatabases(t, server);
const day = 24 * 60 * 60 * 1000;

// ---- the shipped catalog -------------------------------------------------------------------------------------------

const inbox = "landesit-sued-inbox";
const { offerings, organisations } = readCatalog(shippedCatalog);
const shipped = projectCatalog(
  offerings.map(({ offering }) => offering),
  organisations,
  new Set([inbox]),
);
const ki = shipped.find(({ name }) => name === "ki-gebaeudeerkennung") as Offering;
const [plan] = ki.plans as [Plan, ...Plan[]];
/** The test's broker has one account, under its own name. */
const offered = [{ ...ki, plans: ki.plans.map((each) => ({ ...each, provider: "scripted" })) }];

const ids = { service_id: ki.id, plan_id: plan.id };
const order = {
  ...ids,
  organization_guid: "org",
  space_guid: "space",
  parameters: { area: "Musterstadt, canary-area", imageryYear: 2019 },
};
const instance = "/service_instances/gebaeude-1";
const binding = `${instance}/service_bindings/ergebnis-1`;
const named = `accepts_incomplete=true&service_id=${ki.id}&plan_id=${plan.id}`;

/** Polls, as a platform does, until the description says so; fails by returning the last answer after 10 s. */
async function told(ask: () => Promise<Answer>, words: RegExp): Promise<Answer> {
  const until = Date.now() + 10_000;
  for (;;) {
    const answer = await ask();
    if (words.test(`${answer.body.state}: ${answer.body.description ?? ""}`) || Date.now() > until) return answer;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

const lastOperation =
  (broker: Pick<TestBroker, "ask">, url = instance) =>
  () =>
    broker.ask("GET", `${url}/last_operation`);

// ---- the order -----------------------------------------------------------------------------------------------------

story("an order with a question back, a comment and an attachment is done days later", async (t, databaseUrl) => {
  const dataDir = temporaryDirectory(t);
  const clock = createTurnedClock();
  const start = () => startInboxBroker(t, { databaseUrl, dataDir, clock, offerings: offered });
  let broker = await start();
  const sina = await staffOf(broker);

  t.match(await broker.ask("PUT", instance, order), { status: 422, body: { error: "AsyncRequired" } });
  const ordered = await broker.ask("PUT", `${instance}?accepts_incomplete=true`, order);
  t.equal(ordered.status, 202);
  const first = await told(lastOperation(broker), /in its inbox/);
  t.match(first.body, {
    state: "in progress",
    description: /^Landes-IT Süd \(fiktiv\) has the order in its inbox as task/,
  });
  t.match(first.body.description, /It is due by .* at \d{2}:\d{2} CES?T\./);

  const [task] = await sina.tasks("open");
  const id = task?.id ?? "";
  t.match(task, { verb: "provision", title: "KI-Gebäudeerkennung, Lauf bis 10 km²", instanceId: "gebaeude-1" });
  const claimed = await sina.step(id, "claim");
  t.match(claimed.body, { state: "claimed", owner: "sina", wish: { parameters: order.parameters } });
  t.match(claimed.body.form, { properties: { area: { description: /Regionalschlüssel/ } } }, "with the plan's form");
  t.match((await told(lastOperation(broker), /works on/)).body.description, /works on the order, task/);

  await sina.step(id, "ask", { question: "Are the aerial images of 2023 fine as well?" });
  const question = await told(lastOperation(broker), /asks/);
  t.match(question.body, { state: "in progress", description: /asks: "Are the aerial images of 2023 fine as well\?"/ });
  t.ok(String(question.body.description).includes(contact) && String(question.body.description).includes(id));
  const before = await sina.ask("GET", `/tasks/${id}`);

  clock.turn(3 * day);
  await broker.stop();
  broker = await start();
  const sinaLater = await staffOf(broker);
  t.match((await lastOperation(broker)()).body, question.body, "whoever asks on another day reads the same");

  const administrator = await clientOf(broker, { name: "anna" });
  const answered = await stepsOf(administrator.ask).step(id, "answer", { answer: "Yes, by mail of Mr Muster." });
  t.equal(answered.body.state, "claimed");
  t.ok(Number(answered.body.waitedSeconds) >= (3 * day) / 1000, "how long the customer took is known");
  t.ok(String(answered.body.dueAt) > String(before.body.dueAt), "the customer's time is not the provider's");

  await sinaLater.ask("POST", `/tasks/${id}/comments`, { text: "Waits for the GPU until Tuesday.", toCustomer: true });
  t.match((await told(lastOperation(broker), /GPU/)).body.description, /says: "Waits for the GPU until Tuesday\."/);
  await sinaLater.ask("POST", `/tasks/${id}/comments`, { text: "Internal: canary-comment" });
  const content = Buffer.from("canary-attachment: area as GeoJSON");
  const attached = await sinaLater.ask("POST", `/tasks/${id}/attachments`, {
    name: "Gebiet Süd.json",
    mediaType: "application/json",
    content: content.toString("base64"),
  });
  const entries = attached.body.entries as unknown as readonly {
    id: string;
    kind: string;
    name: string;
    author: string;
  }[];
  t.match(
    entries.map(({ kind, author }) => `${kind} by ${author}`),
    ["question by sina", "answer by anna", "comment by sina", "comment by sina", "attachment by sina"],
  );
  const file = await broker.app.inject({
    method: "GET",
    url: `/api/v1/tasks/${id}/attachments/${entries.at(-1)?.id}`,
    headers: { authorization: `Bearer ${sinaLater.secret}` },
  });
  t.same(file.rawPayload, content, "it comes back as it was put there");
  t.match(file.headers["content-disposition"], /attachment; filename\*=UTF-8''Gebiet%20S%C3%BCd\.json/);

  clock.turn(4 * day);
  const done = await sinaLater.step(id, "complete", {
    reference: "A-2026-117",
    metadata: { labels: { run: "A-2026-117" }, attributes: { buildings: 4211 } },
  });
  t.equal(done.body.state, "completed");
  t.ok(Number(done.body.leadSeconds) >= (7 * day) / 1000, "and how long all of it took");
  t.match((await told(lastOperation(broker), /succeeded/)).body, { state: "succeeded" });
  t.match(await broker.ask("GET", instance), { status: 200, body: { metadata: { labels: { run: "A-2026-117" } } } });

  // ---- the result, and giving it back
  t.equal((await broker.ask("PUT", `${binding}?accepts_incomplete=true`, ids)).status, 202);
  const [bound] = await sinaLater.tasks("open");
  await sinaLater.step(bound?.id ?? "", "claim");
  t.match(await sinaLater.step(bound?.id ?? "", "complete", {}), {
    status: 400,
    body: { errors: [{ pointer: "#/access" }] },
  });
  const access = { credentials: { uri: "https://ergebnis.example/canary-access" } };
  const given = await sinaLater.step(bound?.id ?? "", "complete", { access });
  t.equal(given.status, 200);
  t.notMatch(given.text, "canary-access", "access is shown to whoever bound, and to nobody else");
  await told(lastOperation(broker, binding), /succeeded/);
  t.match(await broker.ask("GET", binding), { status: 200, body: access });

  for (const [url, verb] of [
    [binding, "unbind"],
    [instance, "deprovision"],
  ] as const) {
    t.equal((await broker.ask("DELETE", `${url}?${named}`)).status, 202, verb);
    const [removal] = await sinaLater.tasks("open");
    t.match(removal, { verb });
    await sinaLater.step(removal?.id ?? "", "claim");
    await sinaLater.step(removal?.id ?? "", "complete", {});
    t.match((await told(lastOperation(broker, url), /succeeded/)).body, { state: "succeeded" }, verb);
  }
  t.same(await broker.open.knex("tasks").whereNotNull("result").select("id"), [], "access is kept nowhere");

  // ---- what is kept, and what was measured
  const dump = JSON.stringify([
    await broker.open.knex("tasks"),
    await broker.open.knex("task_entries"),
    await broker.open.knex("operations"),
    await broker.open.knex("audit"),
    broker.logged,
  ]);
  for (const canary of ["canary-area", "canary-comment", "canary-access", "canary-attachment"])
    for (const shape of [canary, Buffer.from(canary).toString("base64").slice(0, 14)])
      t.notOk(dump.includes(shape), `${canary} is nowhere in the clear`);
  const audit = await administrator.ask("GET", `/audit?limit=200&instanceId=gebaeude-1`);
  const actions = (audit.body.items as unknown as readonly { action: string }[]).map(({ action }) => action);
  for (const action of ["put", "claim", "ask", "answer", "comment", "attach", "complete"])
    t.ok(actions.includes(`task.${action}`), `the audit trail has task.${action}`);
  const metrics = await broker.app.inject({ method: "GET", url: "/metrics" });
  t.match(
    metrics.body,
    /lotse_task_lead_time_seconds_count\{provider="scripted",verb="provision",outcome="completed"\} 1/,
  );
  await forgetBefore(broker.open.knex, clock.now() + day);
  for (const table of ["tasks", "task_entries"])
    t.same(await broker.open.knex(table), [], `${table} are forgotten with the instance`);
});

story("a change is noticed although the step that looked before it is still under way", async (t, databaseUrl) => {
  const broker = await startInboxBroker(t, { databaseUrl, offerings: offered });
  const sina = await staffOf(broker);
  await broker.ask("PUT", `${instance}?accepts_incomplete=true`, order);
  const [task] = await sina.tasks("open");
  // Somebody holds the operation's lease, having read the task as it was.
  const { token } = await broker.open.knex("operations").first("token");
  await told(lastOperation(broker), /in its inbox/);
  const held = await broker.open.store.claim(token, { owner: "frozen", until: Date.now() + 60_000 }, Date.now());
  t.ok(held);
  await sina.step(task?.id ?? "", "claim");
  await sina.step(task?.id ?? "", "complete", {});
  t.match((await told(lastOperation(broker), /succeeded/)).body, { state: "succeeded" });
  const late = { dueAt: Date.now() + day, lease: null };
  const only = { state: "open", leaseNumber: held?.leaseNumber ?? 0 } as const;
  t.equal(
    await broker.open.store.apply([{ update: "operation", token, only, set: late }]),
    false,
    "the late step is turned away",
  );
});

story(
  "an order that nobody carries out ends at its deadline, and what was begun is removed",
  async (t, databaseUrl) => {
    const clock = createTurnedClock();
    const broker = await startInboxBroker(t, { databaseUrl, clock, offerings: offered });
    const sina = await staffOf(broker);
    await broker.ask("PUT", `${instance}?accepts_incomplete=true`, order);
    await told(lastOperation(broker), /in its inbox/);
    const [task] = await sina.tasks("open");
    await sina.step(task?.id ?? "", "claim");
    await told(lastOperation(broker), /works on/);
    clock.turn(plan.maximumPollingDuration * 1000);
    t.match((await told(lastOperation(broker), /failed/)).body, {
      state: "failed",
      description: /did not finish in time/,
    });
    await told(
      async () => ({ status: 200, headers: {}, body: { state: String((await sina.tasks("open")).length) } }),
      /^1/,
    );
    const [removal] = await sina.tasks("open");
    t.match(removal, { verb: "deprovision" });
    await sina.step(removal?.id ?? "", "claim");
    t.match(await sina.step(removal?.id ?? "", "reject", { reason: "No." }), {
      status: 409,
      body: { code: "NotRejectable" },
    });
    t.equal((await sina.step(removal?.id ?? "", "complete", {})).status, 200);
  },
);

story("a change, and the end of an instance with access, are tasks one after the other", async (t, databaseUrl) => {
  const eAkte = shipped.find(({ name }) => name === "e-akte") as Offering;
  const [akte] = eAkte.plans as [Plan, ...Plan[]];
  const offerings = [{ ...eAkte, plans: [{ ...akte, provider: "scripted" }] }];
  const broker = await startInboxBroker(t, { databaseUrl, offerings });
  const sina = await staffOf(broker);
  const own = { service_id: eAkte.id, plan_id: akte.id };
  const all = `accepts_incomplete=true&service_id=${eAkte.id}&plan_id=${akte.id}`;
  const next = async (body: JsonObject = {}) => {
    const [task] = await sina.tasks("open");
    const claimed = await sina.step(task?.id ?? "", "claim");
    t.match(await sina.step(task?.id ?? "", "complete", body), { status: 200 });
    return claimed.body;
  };
  await broker.ask("PUT", `${instance}?accepts_incomplete=true`, { ...order, ...own, parameters: { users: 20 } });
  await next();
  await told(lastOperation(broker), /succeeded/);
  await broker.ask("PUT", `${binding}?accepts_incomplete=true`, own);
  await next({ access: { credentials: { user: "admin" } } });
  await told(lastOperation(broker, binding), /succeeded/);

  await broker.ask("PATCH", `${instance}?accepts_incomplete=true`, { ...own, parameters: { users: 50 } });
  t.match(await next(), { verb: "update", wish: { parameters: { users: 50 }, before: { parameters: { users: 20 } } } });
  await told(lastOperation(broker), /succeeded/);
  t.match((await broker.ask("GET", instance)).body, { parameters: { users: 50 } });

  const end = () => broker.ask("DELETE", `${instance}?${all}`);
  t.equal((await end()).status, 202);
  t.match(await next(), { verb: "unbind" }, "its access first");
  await told(lastOperation(broker), /has the cancellation/);
  const [removal] = await sina.tasks("open");
  t.match(removal, { verb: "deprovision" });
  await sina.step(removal?.id ?? "", "claim");
  await sina.step(removal?.id ?? "", "reject", { reason: "The files have to be handed over first." });
  const refused = await told(lastOperation(broker), /failed/);
  t.match(refused.body, { state: "failed", description: /handed over first/, instance_usable: true });
  t.equal((await end()).status, 202, "and is asked for again");
  t.match(await next(), { verb: "deprovision" });
  t.match((await told(lastOperation(broker), /succeeded/)).body, { state: "succeeded" });
  t.equal((await broker.ask("GET", instance)).status, 404);
});

// ---- who may what --------------------------------------------------------------------------------------------------

story("a provider's people see their own tasks and nothing else", async (t, databaseUrl) => {
  const broker = await startInboxBroker(t, { databaseUrl, offerings: offered });
  const [sina, otto] = [await staffOf(broker), await staffOf(broker, "otto", "another")];
  const ben = await staffOf(broker, "ben");
  const reviewer = await clientOf(broker, { name: "rike", roles: ["reviewer"] });
  const auditor = await clientOf(broker, { name: "aud", roles: ["auditor"] });
  await broker.ask("PUT", `${instance}?accepts_incomplete=true`, order);
  const [task] = await sina.tasks("open");
  const path = `/tasks/${task?.id}`;
  const etag = { "if-match": '"1"' };

  const unknown = await otto.ask("GET", "/tasks/none");
  const others = await otto.ask("GET", path);
  t.same(
    { ...others.body, instance: "" },
    { ...unknown.body, instance: "" },
    "another provider's is as unknown as none",
  );
  t.same((await otto.ask("GET", "/tasks")).body, { items: [] });
  t.same((await otto.ask("GET", "/tasks?provider=scripted")).body, { items: [] });
  for (const [action, body] of [
    ["claim", undefined],
    ["complete", {}],
    ["reject", { reason: "x" }],
    ["answer", { answer: "x" }],
    ["comments", { text: "x" }],
    ["attachments", { name: "x", mediaType: "text/plain", content: "eA==" }],
  ] as const)
    t.match(
      await otto.ask("POST", `${path}/${action}`, body, etag),
      { status: 404, body: { code: "NotFound" } },
      action,
    );
  t.match(await reviewer.ask("GET", path), { status: 403, body: { code: "Forbidden" } });
  t.match(await auditor.ask("POST", `${path}/claim`, undefined, etag), { status: 403 });
  const seen = await auditor.ask("GET", path);
  t.equal(seen.status, 200);
  t.notMatch(seen.text, "canary-area", "who only looks reads nothing of what was ordered");
  for (const other of ["/instances", "/operations", "/providers", "/audit", "/tokens"])
    t.equal((await sina.ask("GET", other)).status, 403, `a fulfiller and ${other}`);

  t.match(await sina.ask("POST", `${path}/complete`, {}, etag), { status: 409, body: { code: "NotClaimed" } });
  t.match(await sina.ask("POST", `${path}/claim`), { status: 428, body: { code: "PreconditionRequired" } });
  const both = await Promise.all([sina, ben].map(({ ask }) => ask("POST", `${path}/claim`, undefined, etag)));
  t.same(both.map(({ status }) => status).sort(), [200, 412], "of two at once one claims it");
  const [owner, other] = both[0]?.status === 200 ? [sina, ben] : [ben, sina];
  t.match(await other.step(task?.id ?? "", "complete", {}), { status: 409, body: { code: "NotClaimed" } });
  t.match(await owner.step(task?.id ?? "", "answer", { answer: "x" }), { status: 409, body: { code: "NotAsked" } });
  t.match(await other.step(task?.id ?? "", "claim"), { status: 200 }, "and may be taken over");

  // ---- what nobody should send
  const attach = (content: string, more: JsonObject = {}) =>
    other.ask("POST", `${path}/attachments`, { name: "x.bin", mediaType: "application/pdf", content, ...more });
  t.match(await attach(Buffer.alloc(512 * 1024 + 1).toString("base64")), { status: 413, body: { code: "TooLarge" } });
  t.match(await attach("A".repeat(1_100_000)), { status: 413, body: { code: "TooLarge" } });
  t.equal((await attach("eA==", { name: "../../etc/passwd" })).status, 400);
  t.equal((await attach("eA==", { mediaType: "text/html\r\nx: y" })).status, 400);
  t.equal((await attach("<script>")).status, 400);
  const results = await Promise.all(Array.from({ length: 22 }, () => attach("eA==")));
  t.equal(results.filter(({ status }) => status === 200).length, 20, "twenty, and no more, also at once");
  t.match(results.find(({ status }) => status !== 200)?.body, { code: "TooManyAttachments" });
  for (const body of [
    { access: { credentials: { a: "b" } } },
    { dashboardUrl: "javascript:alert(1)" },
    { facts: {} },
    { reference: "bell\u0007" },
  ])
    t.equal((await other.step(task?.id ?? "", "complete", body)).status, 400, JSON.stringify(body));
  t.match(await other.step(task?.id ?? "", "reject", { reason: "The images do not exist." }), { status: 200 });
  const failed = await told(lastOperation(broker), /failed/);
  t.match(failed.body, { state: "failed", description: `${organisation} rejected it: The images do not exist.` });
  t.match(await other.step(task?.id ?? "", "comments"), { status: 400 });
  t.match(await other.step(task?.id ?? "", "claim"), { status: 409, body: { code: "TaskOver" } });
});

// ---- kill -9 -------------------------------------------------------------------------------------------------------

story("an order goes on where it stood after kill -9, and is not made twice", async (t, databaseUrl) => {
  const directory = join(temporaryDirectory(t), "data");
  const { port, user, password } = server;
  const sealingKey = newSealingKey();
  const providers = { [inbox]: { adapter: "manual", settings: { organisation } } };
  const start = () =>
    startBrokerProcess(t, {
      directory,
      databaseUrl,
      sealingKey,
      provider: { port, publicPort: port, user, password },
      providers,
    });
  let broker = await start();
  const { adminToken } = JSON.parse(readFileSync(join(directory, "first-run.json"), "utf8")) as { adminToken: string };
  const staff = stepsOf((...request) => askBroker(broker.url, adminToken, ...request));
  const killed = async () => {
    await broker.end("SIGKILL");
    broker = await start();
  };
  // Killed in the middle of the answer, or before it: the platform asks again.
  const ask = () => broker.ask("PUT", `${instance}?accepts_incomplete=true`, order).catch(() => undefined);
  if (databaseUrl === "") {
    const asked = ask();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await killed();
    await asked;
  }
  t.equal((await ask())?.status, 202);
  await told(lastOperation(broker), /in its inbox/);
  const open = await staff.tasks("open");
  t.equal(open.length, 1, "one order, one task");
  const id = open[0]?.id ?? "";
  await staff.step(id, "claim");
  await staff.step(id, "ask", { question: "Which format?" });
  t.match((await told(lastOperation(broker), /Which format/)).body, { state: "in progress" });
  await staff.step(id, "answer", { answer: "GeoJSON" });
  t.match(await staff.step(id, "complete", {}), { status: 200 });
  await killed();
  t.match((await told(lastOperation(broker), /succeeded/)).body, { state: "succeeded" });
  if (databaseUrl !== "") return;

  // ---- the same by the command line
  const tasks = (...words: readonly string[]) =>
    lotse(["tasks", ...words], { LOTSE_URL: broker.url, LOTSE_TOKEN: adminToken });
  await broker.ask("PUT", `${binding}?accepts_incomplete=true`, ids);
  const listed = await tasks();
  const [bound = ""] = listed.stdout.split("\t");
  const operations = (...words: readonly string[]) =>
    lotse(["operations", ...words], { LOTSE_URL: broker.url, LOTSE_TOKEN: adminToken });
  const waiting = await operations();
  const [token = ""] = waiting.stdout.split("\t");
  t.match(
    waiting.stdout,
    /^\S+\tbind\tlandesit-sued-inbox\tbinding \S+ of instance \S+\t0 failures in a row, next at /,
  );
  t.match(waiting.stdout, /\n {2}\S/, "and beneath it what its customer reads");
  t.match(await operations("retry", token), { code: 0, stdout: `${token}\tbind\t` });
  t.match(await operations("retry", "none"), { code: 1, stderr: /There is no such thing here/ });
  t.match(await operations("retry"), { code: 2, stderr: /no command/ });
  t.match(listed.stdout, /\topen\tlandesit-sued-inbox\tbind\tKI-Gebäudeerkennung, Lauf bis 10 km²\t-\tdue /);
  t.match((await tasks("claim", bound)).stdout, `${bound}: claimed`);
  t.match((await tasks("attach", bound, "LICENSE")).stdout, `${bound}: claimed`);
  const result = join(directory, "result.yaml");
  writeFileSync(result, "access:\n  credentials: { uri: https://ergebnis.example/1 }\n");
  t.match(await tasks("complete", bound, result), { code: 0, stdout: `${bound}: completed\n` });
  t.match(await tasks("show", id), { stdout: /area: "Musterstadt, canary-area" {2}\(Name oder/ });
  while ((await operations()).stdout !== "No operation is under way.\n")
    await new Promise((next) => setTimeout(next, 50));
  t.match(await operations("retry", token), { code: 1, stderr: /The operation is over/ });
  t.match(await tasks("reject", id, "too late"), { code: 1, stderr: /The task is over/ });
});

const askBroker = async (url: string, token: string, ...[method, path, body, headers]: Parameters<AskAdmin>) => {
  const answer = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: JSON.parse(text) as JsonObject, text, headers: answer.headers };
};
