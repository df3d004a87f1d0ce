/** What the OpenTofu adapter decides by itself: no program and no provider is needed for it. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import t, { type Test } from "tap";
import { collect } from "../../brokers/opentofu/collect.ts";
import type { Desk } from "../../brokers/opentofu/desk.ts";
import { birthOf, endOverdue, graceMs, type Holder, lives } from "../../brokers/opentofu/holder.ts";
import { readJournal, writeJournal } from "../../brokers/opentofu/journal.ts";
import { backendSchema } from "../../brokers/opentofu/plan.ts";
import type { Ending, Job, Told } from "../../brokers/opentofu/protocol.ts";
import { resultAfter } from "../../brokers/opentofu/result.ts";
import type { Account } from "../../brokers/opentofu/settings.ts";
import { readState } from "../../brokers/opentofu/state.ts";
import { serveState } from "../../brokers/opentofu/state-server.ts";
import { mask, reasonOf } from "../../brokers/opentofu/words.ts";
import { asEnvironment, directoryOf, workOf } from "../../brokers/opentofu/work.ts";
import { type KeptState, type Order, Secret, type States } from "../../src/core/adapter.ts";
import { temporaryDirectory } from "../support/broker.ts";
import { until } from "../support/crashes.ts";

t.test("a plan names modules and variables, and neither paths nor what Lotse tells", async (t) => {
  const fits = new Ajv({ strict: false }).compile(backendSchema);
  t.ok(fits({ module: "database", variables: { tier: "s" }, parameters: ["size"] }));
  for (const module of ["../etc", "/etc", "a/b", "", ".", "A"]) t.notOk(fits({ module }), module);
  t.notOk(fits({ module: "a", variables: { lotse_instance_id: "mine" } }));
  t.notOk(fits({ module: "a", parameters: ["lotse_instance_id"] }));
  t.notOk(fits({ module: "a", parameters: ["a=b"] }));
});

t.test("of one variable the plan's value goes before a parameter, and what Lotse tells before both", async (t) => {
  const order = {
    token: "token",
    plan: { id: "p", backend: {}, maintenanceVersion: "1.2.0" },
    instance: {
      id: "id",
      platformInstanceId: "platform",
      parameters: new Secret({ size: 5, tier: "free", other: 1, lotse_space: "theirs" }),
    },
  } as unknown as Order;
  const use = { module: "m", parameters: ["size", "tier", "absent", "lotse_space"], variables: { tier: "paid" } };
  t.same(workOf(order, use, { size: 1, host: "h" }), {
    module: "m",
    version: "1.2.0",
    variables: {
      size: 5,
      host: "h",
      tier: "paid",
      lotse_instance_id: "id",
      lotse_platform_instance_id: "platform",
      lotse_organization: "",
      lotse_space: "",
      lotse_operation: "token",
    },
  });
});

t.test("a module that has versions is used in the one that is asked for, and in no other", async (t) => {
  const root = temporaryDirectory(t);
  const put = (...path: string[]) => {
    mkdirSync(join(root, ...path), { recursive: true });
    writeFileSync(join(root, ...path, "main.tf"), "");
  };
  put("plain");
  put("plain", "part");
  put("mixed");
  put("mixed", "1.1.0");
  const directory = (module: string, version?: string) =>
    directoryOf({ modules: root } as Account, { module, ...(version !== undefined && { version }) });
  t.equal(directory("plain", "1.0.0"), join(root, "plain"), "one for all versions");
  t.equal(directory("mixed", "1.1.0"), join(root, "mixed", "1.1.0"));
  t.equal(directory("mixed"), join(root, "mixed"), "of before it had versions");
  t.throws(() => directory("mixed", "1.2.0"), /no mixed in version 1\.2\.0 \(they have 1\.1\.0\): put its files into/);
  t.throws(() => directory("none"), /no none: put its files into/);
});

t.test("texts go to OpenTofu as they are, and in anything else no text can ask for more", async (t) => {
  const sign = "$";
  const evil = `${sign}{file("x")} %{ if true }`;
  t.same(asEnvironment({ text: evil, number: 5, yes: true, none: null, list: [evil], map: { a: "$5 100%" } }), {
    TF_VAR_text: evil,
    TF_VAR_number: "5",
    TF_VAR_yes: "true",
    TF_VAR_list: `["${sign}${sign}{file(\\"x\\")} %%{ if true }"]`,
    TF_VAR_map: '{"a":"$5 100%"}',
  });
});

const holder: Holder = {
  token: "token",
  host: "here",
  pid: 1,
  born: "1",
  directory: "",
  key: "",
  work: { module: "m", variables: {} },
  purpose: "apply",
  tries: 2,
  touched: false,
  blind: false,
  mending: false,
};
const ending: Ending = { code: 0, stopped: false, overtime: false, touched: true, faults: [], drift: [], noise: "" };

t.test("how a run ended decides what is known of it", async (t) => {
  const after = (more: Partial<Ending>, of: Partial<Holder> = {}) =>
    resultAfter({ ...holder, ...of }, { ...ending, ...more }, ["a.b"], 5);
  t.match(after({}), { state: "through", blind: false, touched: true, tries: 2, resources: 1, at: 5 });
  t.match(after({ code: 1, touched: false }), {
    state: "faulty",
    touched: false,
    faults: [{ summary: /ended with 1/ }],
  });
  t.match(after({ code: 1, touched: false }, { touched: true }), { touched: true }, "an earlier run had begun");
  t.match(after({ code: 1, stopped: true }), { state: "stopped" });
  t.match(after({ code: 1, stopped: true, overtime: true }), { state: "faulty", blind: true });
  t.match(
    after({ code: 1 }, { mending: true, blind: true }),
    { blind: true, mending: true },
    "it is to be tried again",
  );
  const refused = [{ summary: "Invalid value for variable", detail: "" }];
  t.match(after({ code: 1, faults: refused }, { blind: true }), { blind: false }, "nothing can have begun");
  t.match(after({}, { blind: true }), { blind: false }, "it looked at everything again");
  t.match(after({ code: 1 }, { blind: true }), { blind: true }, "it may have ended before it looked");
  t.match(after({ code: null }), { state: "faulty", blind: true }, "OpenTofu itself was ended");
  t.match(after({ code: null, touched: false }), { blind: false }, "before it began anything");
  t.match(resultAfter(holder, "lost", [], 5), { state: "lost", blind: true, touched: true, tries: 1 });
  t.match(resultAfter(holder, "never begun", [], 5), { state: "lost", blind: false, tries: 1 });
  t.match(resultAfter({ ...holder, blind: true }, "never begun", [], 5), { blind: true });
  t.match(resultAfter({ ...holder, purpose: "destroy" }, "lost", [], 5), { blind: false });
});

t.test("a comparison changes nothing of what is known but what it found", async (t) => {
  const before = resultAfter(holder, ending, ["a.b", "a.c"], 5);
  const compare = { ...holder, purpose: "compare", token: "other", before } as const;
  t.same(resultAfter(compare, { ...ending, drift: ["a.b (update)"] }, ["a.b", "a.c"], 9), {
    ...before,
    comparedAt: 9,
    drift: ["a.b (update)"],
    gone: false,
  });
  const all = { ...ending, drift: ["a.b (delete)", "a.c (delete)"] };
  t.match(resultAfter(compare, all, ["a.b", "a.c"], 9), { token: "token", gone: true });
  t.same(resultAfter(compare, "lost", ["a.b"], 9), { ...before, comparedAt: 9 });
});

t.test("a state is read for its outputs and for what stands behind it", async (t) => {
  const body = JSON.stringify({
    version: 4,
    outputs: { host: { value: "h", type: "string" }, password: { value: "hush", type: "string", sensitive: true } },
    resources: [
      { mode: "managed", type: "vm", name: "a", instances: [{ attributes: { admin_password: "canary" } }] },
      { mode: "managed", type: "vm", name: "b", module: "module.m", instances: [{ index_key: 0 }, { index_key: "x" }] },
      { mode: "data", type: "image", name: "c", instances: [{}] },
    ],
  });
  const state = readState(body);
  t.same(state.resources, ["vm.a", "module.m.vm.b[0]", 'module.m.vm.b["x"]']);
  t.same(state.outputs.get("password"), { value: "hush", sensitive: true });
  t.same(state.secrets, ["canary"]);
  t.same(readState(undefined).resources, []);
  t.throws(() => readState('{"version":5}'), /version 5/);
  const account = {
    runMs: 1000,
    secretVariables: new Secret({ password: "account's" }),
    secretEnvironment: new Secret({}),
  } as unknown as Account;
  const faults = [{ summary: "No", detail: "canary, hush, account's and mine\n at all" }];
  const result = { ...resultAfter(holder, { ...ending, code: 1, faults }, [], 1) };
  t.equal(
    reasonOf(account, { ...result, work: { module: "m", variables: { note: "mine" } } }, state),
    "The provider's module ended with an error. No: …, …, … and … at all",
  );
});

t.test("a journal is nothing that anybody could read, and opens with its key only", async (t) => {
  const directory = temporaryDirectory(t);
  const key = randomBytes(32);
  t.equal(readJournal(directory, key), undefined);
  writeJournal(directory, key, { state: "canary", ending });
  t.same(readJournal(directory, key), { state: "canary", ending });
  const path = join(directory, "journal");
  t.notMatch(readFileSync(path, "latin1"), "canary");
  t.throws(() => readJournal(directory, randomBytes(32)));
  writeFileSync(path, readFileSync(path).fill(0, 20, 21));
  t.throws(() => readJournal(directory, key), "a changed one is not believed");
});

t.test("a process is told from a later one of the same number", async (t) => {
  t.type(birthOf(process.pid), "string");
  t.equal(birthOf(process.pid), birthOf(process.pid));
  t.equal(birthOf(0), undefined);
  if (process.platform === "linux") t.not(birthOf(process.pid), birthOf(1));
});

t.test(
  "a run lives while its runner does or OpenTofu, whatever program leads to that; a lock without a run does not",
  { skip: process.platform !== "linux" },
  async (t) => {
    t.equal(lives({ ...holder, pid: process.pid, born: birthOf(process.pid) ?? "" }), true);
    t.equal(lives({ ...holder, pid: process.pid, born: "another" }), false);
    t.equal(lives({ ...holder, pid: 0, born: "none" }), false, "the group of the kernel's own processes is none");
    const leads = programOf(t, `exec "${process.execPath}" -e "setInterval(() => {}, 1000)" -- "$@"`);
    const command = `"${leads}" apply -input=false -json & wait`;
    const runner = spawn("/bin/sh", ["-c", command], { detached: true, stdio: "ignore" });
    const { pid = 0 } = runner;
    const run = { ...holder, pid, born: birthOf(pid) ?? "" };
    await until(() => childrenOf(pid).some((line) => line.includes("setInterval")));
    runner.kill("SIGKILL");
    await once(runner, "exit");
    endOverdue(run, 60_000);
    t.equal(lives(run), true, "OpenTofu goes on without its runner");
    endOverdue(run, -graceMs);
    await until(() => !lives(run));
    t.pass("but not for ever");
  },
);

t.test("a state that OpenTofu could not hand over is handed over by the runner when it has ended", async (t) => {
  const state = JSON.stringify({ version: 4, serial: 7 });
  const { told } = await runOf(t, `echo '${state}' > errored.tfstate; exit 1`);
  t.match(told, [{ state }, { ending: { code: 1 } }]);
  const torn = await runOf(t, "printf '{' > errored.tfstate; kill -9 $$");
  t.match(torn.told, [{ ending: { code: null } }], "one that it was at when it was ended is none");
});

t.test("a run that is stopped between its commands is not through", async (t) => {
  const { told } = await runOf(t, 'trap "exit 0" INT; kill -TERM "$PPID"; while :; do sleep 0.05; done');
  t.match(told, [{ ending: { code: null, stopped: true } }]);
});

t.test("a value that the system does not hand on is an error of the run, and ends no runner", async (t) => {
  const { told, code } = await runOf(t, "exit 0", { TF_VAR_long: "x".repeat(200_000) });
  t.match(told, [{ ending: { code: null, faults: [{ summary: "OpenTofu could not be started", detail: /E2BIG/ }] } }]);
  t.equal(code, 0);
});

t.test("what OpenTofu wrote last is kept, and not what the journal had before", async (t) => {
  const key = randomBytes(32);
  const stateOf = (serial: number) => JSON.stringify({ version: 4, serial });
  for (const [despair, serial] of [
    [stateOf(2), 2],
    ["{", 1],
  ] as const) {
    const directory = temporaryDirectory(t);
    writeJournal(directory, key, { state: stateOf(1) });
    writeFileSync(join(directory, "errored.tfstate"), despair);
    const written: string[] = [];
    const states = {
      write: async (_id: string, _lock: string, body: Secret<string>) => written.push(body.reveal()),
      release: async () => true,
    } as unknown as States;
    const left = { ...holder, directory, key: key.toString("base64") };
    const lock = { id: "lock", holder: new Secret(JSON.parse(JSON.stringify(left))), seenAt: new Date() };
    await collect({ states } as Desk, { id: "id", instanceId: "id", lock } as KeptState);
    t.same(written, [stateOf(serial)]);
  }
});

t.test("a secret of several lines is hidden, too", async (t) => {
  t.equal(mask("refused: BEGIN abc def END, said it", ["BEGIN\nabc def\nEND\n"]), "refused: …, said it");
});

t.test("the back end of a run answers to its password, and lets the lock's holder write", async (t) => {
  const kept: string[] = [];
  const server = await serveState(null, async (state) => void kept.push(state));
  t.teardown(() => server.close());
  const { TF_HTTP_ADDRESS: address = "", TF_HTTP_USERNAME, TF_HTTP_PASSWORD } = server.environment;
  const login = `Basic ${Buffer.from(`${TF_HTTP_USERNAME}:${TF_HTTP_PASSWORD}`).toString("base64")}`;
  const ask = async (method: string, body?: string, query = "", authorization = login) => {
    const answer = await fetch(`${address}${query}`, { method, headers: { authorization }, ...(body && { body }) });
    return [answer.status, await answer.text()];
  };
  t.equal(new URL(address).hostname, "127.0.0.1");
  t.same(await ask("GET", undefined, "", "Basic bG90c2U6"), [401, ""]);
  t.same(await ask("GET"), [204, ""]);
  t.same(await ask("POST", "early"), [423, "{}"]);
  t.same(await ask("LOCK", '{"ID":"one"}'), [200, ""]);
  t.same(await ask("LOCK", '{"ID":"two"}'), [423, '{"ID":"one"}']);
  t.same(await ask("POST", "wrong", "?ID=two"), [423, '{"ID":"one"}']);
  t.same(await ask("POST", "state", "?ID=one"), [200, ""]);
  t.same(await ask("UNLOCK", '{"ID":"two"}'), [409, ""]);
  t.same(await ask("UNLOCK", '{"ID":"one"}'), [200, ""]);
  t.same(await ask("GET"), [200, "state"]);
  t.same(kept, ["state"]);
});

/** A program of these words, for a shell. */
function programOf(t: Test, words: string): string {
  const path = join(temporaryDirectory(t), "program");
  writeFileSync(path, `#!/bin/sh\n${words}\n`, { mode: 0o755 });
  return path;
}

/** What a runner tells of a run of this program, whose every question is answered with yes. */
async function runOf(t: Test, words: string, environment: Job["environment"] = {}) {
  const directory = temporaryDirectory(t);
  const runner = spawn(process.execPath, [fileURLToPath(new URL("../../brokers/opentofu/runner.ts", import.meta.url))]);
  const job: Job = {
    binary: programOf(t, words),
    commands: [["init"], ["apply"]],
    directory,
    environment: { PATH: process.env.PATH ?? "", ...environment },
    key: randomBytes(32).toString("base64"),
    state: null,
    limitMs: 60_000,
  };
  runner.stdin.write(`${JSON.stringify(job)}\n`);
  const told: Told[] = [];
  createInterface({ input: runner.stdout }).on("line", (line) => {
    const one = JSON.parse(line) as Told;
    told.push(one);
    if ("ask" in one) runner.stdin.write(`${JSON.stringify({ answer: one.ask, kept: true })}\n`);
  });
  const [code] = await once(runner, "close");
  return { told, code };
}

/** Command lines of a process's children. */
function childrenOf(pid: number): readonly string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .filter((child) => child !== "")
    .map((child) => readFileSync(`/proc/${child}/cmdline`, "utf8"));
}
