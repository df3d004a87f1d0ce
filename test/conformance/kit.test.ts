/** The conformance kit against Lotse itself, its reports, and the command: what a team that owns a broker gets to see. */
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import t, { type Test } from "tap";
import { areas } from "../../src/conformance/checks/index.ts";
import { conformance } from "../../src/conformance/command.ts";
import type { Report } from "../../src/conformance/report.ts";
import { writeJson } from "../../src/conformance/report-json.ts";
import { writeJunit } from "../../src/conformance/report-junit.ts";
import { writeText } from "../../src/conformance/report-text.ts";
import { runConformance } from "../../src/conformance/run.ts";
import type { Options, Target } from "../../src/conformance/target.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { Secret } from "../../src/core/secret.ts";
import { asyncPlan, largerPlan, offering, planOf, startTestBroker, syncPlan } from "../support/broker.ts";
import { createAuthority } from "../support/certificates.ts";
import { checkout, ended, lotse, reachableDirectory, serve } from "../support/command.ts";
import { type Call, type Defect, login, secretOf, startConformantBroker } from "../support/conformant-broker.ts";
import { defects } from "../support/defects.ts";
import { client, startOidcProvider } from "../support/oidc.ts";
import { type Act, createScripted } from "../support/scripted.ts";

const quickly = { longestPauseMs: 1, operationTimeoutMs: 10_000 } as const;
const asPlatform = { username: login.username, password: new Secret(login.password) };

const broken = ({ results }: Report) => results.filter(({ outcome }) => outcome === "broken");
const proofs = (report: Report) => JSON.stringify(broken(report), undefined, 2);

/** A real Lotse on loopback, whose slow plans are done when they were polled often enough. */
async function startLotse(t: Test) {
  const scripted = createScripted();
  const slow = [asyncPlan, slowLarger];
  /** Waits for people who look: until so many polls came since it began. */
  const afterPolls = (count: number): Act => {
    const begun = polls();
    return (order, tools) =>
      polls() - begun < count
        ? { state: "pending", handle: {}, afterMs: 5, made: { dashboardUrl: dashboardOf(order.instance.id) } }
        : scripted.succeed(order, tools);
  };
  const waiting = new Map<string, Act>();
  const act: Act = (order, tools) => {
    if (!slow.includes(order.plan.id)) return scripted.succeed(order, tools);
    const wait = waiting.get(order.token) ?? afterPolls(3);
    waiting.set(order.token, wait);
    return wait(order, tools);
  };
  const broker = await startTestBroker(t, {
    adapter: {
      provision: async (order, tools) => act(order, tools),
      update: async (order, tools) => act(order, tools),
      deprovision: async (order, tools) => act(order, tools),
      bind: async (order, tools) => act(order, tools),
      unbind: async (order, tools) => act(order, tools),
      poll: async (order, _handle, tools) => act(order, tools),
    },
    offerings: [
      {
        ...offering,
        plans: [...offering.plans, planOf(slowLarger, { execution: "async" }), planOf(unbindable, fixed)].map(
          (plan) => ({
            ...plan,
            maintenanceInfo: { version: "1.0.0", description: "A maintenance for tests." },
          }),
        ),
      },
    ],
    authenticate: (header) => (header === "Bearer right" ? { id: "a", name: "a" } : "unauthenticated"),
  });
  const polls = () => broker.logged.filter((line) => line.includes("last_operation")).length;
  await broker.app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = broker.app.server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, scripted };
}

/** As the scripted back end names it in the end; platforms want it in the first answer. */
const dashboardOf = (id: string): string => `https://dashboard.example/${id}`;

const slowLarger = "20000000-0000-4000-8000-000000000004";
const unbindable = "20000000-0000-4000-8000-000000000005";
const fixed = { bindable: false, bindingRotatable: false, planUpdateable: false } as const;
const credentials = { token: new Secret("right") };

t.test("Lotse keeps every rule, on plans that are quick, slow, and cannot be bound", async (t) => {
  const { url, scripted } = await startLotse(t);
  const cases = [
    { plans: [syncPlan, unbindable], updatePlan: largerPlan },
    { plans: [asyncPlan], updatePlan: slowLarger },
  ];
  for (const { plans, updatePlan } of cases) {
    const report = await runConformance({ url, credentials, plans, updatePlan }, quickly);
    t.equal(broken(report).length, 0, proofs(report));
    t.match(report, { verdict: "conforming", leftovers: [], counts: { notReached: 0 } });
    t.same([...scripted.inventory], [], "and nothing is left at the provider");
  }
});

t.test("Lotse with its PostgreSQL servers, checked by the command, conforms to the last check", async (t) => {
  const data = join(reachableDirectory(t), "data");
  const broker = await serve(t, { LOTSE_DATA_DIR: data });
  const { username, password } = JSON.parse(readFileSync(join(data, "first-run.json"), "utf8")) as typeof login;
  const file = join(reachableDirectory(t), "password");
  writeFileSync(file, `${password}\n`);
  const who = ["conformance", broker.url, "--username", username, "--password-file", file];
  const reading = await run(t, ...who.slice(1), "--read-only");
  t.match(reading, { code: 0, stdout: /read-only: nothing but GET was sent[\s\S]*0 MUST broken · 0 SHOULD broken/ });
  const living = await lotse([...who, "--plan", "it-nord-s", "--update-plan", "it-nord-m"], {});
  t.match(living, { code: 0, stdout: /0 MUST broken · 0 SHOULD broken · \d+ not claimed · 0 not reached/ });
  t.match(living.stdout, /were made, and all were removed[\s\S]*keeps every MUST and SHOULD/);
  t.notOk((reading.stdout + living.stdout).includes(password), "and the password is nowhere to be read");
});

t.test("whoever only reads sends nothing but GET", async (t) => {
  const broker = await startConformantBroker(t);
  const target: Target = { url: broker.url, credentials: asPlatform, plans: ["quick"] };
  const report = await runConformance(target, { ...quickly, readOnly: true });
  t.ok(broker.calls.length > 20);
  t.same([...new Set(broker.calls.map(({ method }) => method))], ["GET"]);
  t.match(report, { readOnly: true, verdict: "conforming", made: { instances: 0, bindings: 0 }, tales: [] });
});

t.test("nothing is ordered on a plan that nobody named", async (t) => {
  const broker = await startConformantBroker(t);
  await runConformance({ url: broker.url, credentials: asPlatform, plans: ["slow"] }, quickly);
  const catalog = JSON.stringify(broker.serve(catalogCall).body);
  const named = new Set(
    broker.calls.map(({ body }) => body?.plan_id).filter((id) => catalog.includes(`"${String(id)}"`)),
  );
  t.equal(named.size, 1, "of the plans in the catalog only one was ever mentioned");
});

const catalogCall: Call = {
  method: "GET",
  path: "/v2/catalog",
  query: new URLSearchParams(),
  headers: {},
  names: [],
  raw: "",
  body: undefined,
  kind: "catalog",
};

t.test("a target that cannot be checked is told so before anything is made", async (t) => {
  const broker = await startConformantBroker(t);
  const check = (more: Partial<Target>, options: Options = {}) =>
    runConformance({ url: broker.url, credentials: asPlatform, plans: [], ...more }, { ...quickly, ...options });
  await t.rejects(check({}), { message: /--plan[\s\S]*things \/ quick/ }, "no plan: which there are");
  await t.rejects(check({ plans: ["huge"] }), { message: /no plan "huge"/ });
  await t.rejects(check({ plans: ["quick"], service: "other" }), { message: /no plan "quick"/ });
  await t.rejects(check({ plans: ["quick"] }, { only: ["no-such-check"] }), { message: /no check "no-such-check"/ });
  t.ok(broker.calls.every(({ method }) => method === "GET"));
  await t.rejects(check({ url: "http://127.0.0.1:1" }), { message: /could not be reached: ECONNREFUSED/ });
});

t.test("only the checks that are named are made, with what they need", async (t) => {
  const broker = await startConformantBroker(t);
  const target: Target = { url: broker.url, credentials: asPlatform, plans: ["quick"] };
  const report = await runConformance(target, { ...quickly, only: ["unbind-works", "catalog-answer"] });
  t.same(
    report.results.map(({ id, outcome }) => [id, outcome]),
    [
      ["catalog-answer", "kept"],
      ["unbind-works", "kept"],
    ],
  );
  t.equal(broker.things.size, 0);
});

t.test("a broker that wants another password is told so once, and not blamed for everything else", async (t) => {
  const broker = await startConformantBroker(t);
  const credentials = { username: login.username, password: new Secret("the wrong one") };
  const report = await runConformance({ url: broker.url, credentials, plans: ["quick"] }, quickly);
  t.same(
    broken(report).map(({ id }) => id),
    ["catalog-answer"],
  );
  t.match(broken(report)[0]?.findings[0]?.message, /are the credentials right/);
  t.equal(report.counts.notReached, report.results.length - report.counts.kept - 1);
});

t.test("a broker behind OAuth 2 is checked with tokens of a real OpenID provider, which no report shows", async (t) => {
  const issuer = await startOidcProvider(t);
  const tokens = new Set<string>();
  const accepts = async (authorization = "") => {
    const fine = await issuer.accepts(authorization);
    if (fine) tokens.add(authorization.replace("Bearer ", ""));
    return fine;
  };
  // Shows whoever asks what they logged in with, as a careless broker may.
  const mirror: Defect = {
    spoil: (reply, { headers, kind }) =>
      kind === "provision" && reply.status === 201
        ? {
            ...reply,
            body: { ...(reply.body as JsonObject), metadata: { labels: { seen: String(headers.authorization) } } },
          }
        : reply,
  };
  const broker = await startConformantBroker(t, mirror, { accepts });
  const secretVariable = "CLIENT_SECRET_OF_THE_TEST";
  t.intercept(process, "env", { value: { ...process.env, [secretVariable]: client.secret } });
  const who = ["--token-url", issuer.tokenUrl, "--client-id", client.id, "--scope", client.scope];
  const told = await run(
    t,
    broker.url,
    ...who,
    "--client-secret-env",
    secretVariable,
    "--plan",
    "quick",
    "--only",
    "catalog-answer",
  );
  t.match(told, { code: 0, stdout: /OAuth 2, as lotse/ });
  const target = { ...client, tokenUrl: issuer.tokenUrl, clientId: client.id, clientSecret: new Secret(client.secret) };
  const report = await runConformance({ url: broker.url, credentials: target, plans: ["quick", "slow"] }, quickly);
  t.same(
    broken(report).map(({ id }) => id),
    ["leak-password"],
    "the token it logged in with was repeated",
  );
  t.match(report, { verdict: "conforming", counts: { notReached: 0 } });
  t.equal(issuer.granted(), 2, "one token serves a whole run");
  t.ok(tokens.size > 0);
  for (const token of [...tokens, client.secret])
    for (const shown of [
      told.stdout + told.stderr,
      writeJson(report),
      writeText(report, { colours: false, width: 100 }),
      writeJunit(report),
    ])
      t.notOk(shown.includes(token), "a token is shown");
  const stranger = { ...target, clientSecret: new Secret("wrong-secret") };
  await t.rejects(
    runConformance({ url: broker.url, credentials: stranger, plans: ["quick"] }, quickly),
    /could not be reached: no token was to be had/,
  );
});

t.test("a broker that knows its clients by certificate is checked with one, and refuses the kit without", async (t) => {
  const authority = createAuthority("Authority for tests");
  const tls = { ...authority.certify("127.0.0.1"), ca: authority.ca, requestCert: true, rejectUnauthorized: true };
  const broker = await startConformantBroker(t, {}, { tls });
  const { cert, key } = authority.certify("kit");
  const directory = reachableDirectory(t);
  const file = (name: string, content: string) => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const who = ["--username", login.username, "--password-file", file("password", login.password)];
  const ca = ["--ca", file("ca.pem", authority.ca)];
  const certificate = ["--client-certificate", file("cert.pem", cert), "--client-key", file("key.pem", key)];
  t.match(await run(t, broker.url, ...who, ...ca, ...certificate, "--plan", "quick"), {
    code: 0,
    stdout: /The broker conforms/,
  });
  t.match(await run(t, broker.url, ...who, ...ca, "--plan", "quick"), { code: 3, stderr: /could not be reached/ });
});

t.test("whatever breaks in between, what was made is removed", async (t) => {
  const broker = await startConformantBroker(t);
  const target: Target = { url: broker.url, credentials: asPlatform, plans: ["slow"] };
  const crash = (what: string) => {
    if (/binding is made/.test(what)) throw new Error("a fault of the kit");
  };
  await t.rejects(runConformance(target, { ...quickly, progress: crash }), { message: "a fault of the kit" });
  t.ok(broker.calls.some(({ kind }) => kind === "provision"));
  t.equal(broker.things.size, 0);
});

t.test("an order that was not answered in time is looked for, and removed", async (t) => {
  let lost = 0;
  const defect: Defect = {
    instead(call, broker) {
      if (call.kind !== "provision" || broker.serve(call).status >= 300 || lost > 0) return undefined;
      lost += 1;
      return "no answer";
    },
  };
  const broker = await startConformantBroker(t, defect);
  const target: Target = { url: broker.url, credentials: asPlatform, plans: ["quick"] };
  const report = await runConformance(target, { ...quickly, only: ["provision-works", "answers-at-all"] });
  t.match(report.results, [
    { id: "provision-works", outcome: "not reached", reason: /gave no answer/ },
    { id: "answers-at-all", outcome: "broken" },
  ]);
  t.same([broker.things.size, report.leftovers.length], [0, 0]);
});

/** A broker that does many things wrong and repeats every secret it hears. */
async function checkBadly(t: Test): Promise<Report> {
  const names = [
    "ports are numbers",
    "a fetched binding has other credentials",
    "an error repeats the parameters",
    "a refusal repeats the password",
    "an instance cannot be removed",
    "tags are null",
    "a wrong password opens the catalog",
  ];
  const chosen = names.map((name): Defect => defects[name] ?? {});
  const broker = await startConformantBroker(t, {
    catalog: (all) => {
      for (const defect of chosen) defect.catalog?.(all);
    },
    instead: (call, all) => chosen.map((defect) => defect.instead?.(call, all)).find((reply) => reply !== undefined),
    spoil(reply, call, all) {
      const spoilt = chosen.reduce((now, defect) => defect.spoil?.(now, call, all) ?? now, reply);
      // As a careless broker tells in an error what it was about to hand out.
      const handedOut = [...all.things.keys()].filter((path) => path.includes("/")).map(secretOf);
      return spoilt.status === 409
        ? { ...spoilt, body: { error: "Conflict", description: `${call.raw} <&> \u0007 ${handedOut.join()}` } }
        : spoilt;
    },
  });
  return runConformance(
    {
      url: broker.url,
      credentials: asPlatform,
      plans: ["quick", "slow"],
      parameters: { password: "parameter-canary-of-the-order" },
      bindParameters: { password: "parameter-canary-of-the-binding" },
    },
    quickly,
  );
}

t.test(
  "the reports tell the same to people, to machines and to continuous integration, and no secret to anybody",
  async (t) => {
    const report = await checkBadly(t);
    t.equal(report.verdict, "not conforming");
    const json = writeJson(report);
    const junit = writeJunit(report);
    const text = writeText(report, { colours: true, width: 100 });

    const schema = JSON.parse(readFileSync(join(checkout, "src/conformance/report.schema.json"), "utf8")) as object;
    const validate = new Ajv2020({ strict: true, allErrors: true }).compile(schema);
    t.ok(validate(JSON.parse(json)), JSON.stringify(validate.errors));
    t.notOk(validate({ ...report, verdict: "perhaps" }), "and the schema would say so");

    const elements = readXml(junit);
    const failures = elements.filter((name) => name === "failure").length;
    t.equal(elements.filter((name) => name === "testcase").length, report.results.length);
    t.equal(failures, report.counts.mustBroken, "a warning is no failure");
    t.throws(() => readXml(junit.replace("</testsuite>", "")), "and the reader of XML would say so");

    for (const { id, level, findings } of broken(report)) {
      t.ok(text.includes(id) && junit.includes(id), id);
      t.ok(findings.length > 0, `${id}: ${level}`);
    }
    for (const { path } of report.leftovers)
      t.ok(text.includes(`DELETE ${path}`), "what is left is told with how to remove it");
    const unseen = [...text].filter((character) => character < " " && character !== "\n" && character !== "\u001b");
    t.same(unseen, [], "a broker does not steer the terminal");

    const secrets = [login.password, "credential-canary", "parameter-canary", "canary-that-must-not"];
    const basic = Buffer.from(`${login.username}:${login.password}`).toString("base64");
    for (const [name, written] of Object.entries({ json, junit, text }))
      for (const secret of [...secrets, basic]) t.notOk(written.includes(secret), `${name}: ${secret}`);
  },
);

/** The names of all elements, in order; throws at the first thing that is not well-formed. */
function readXml(xml: string): string[] {
  const names: string[] = [];
  const open: string[] = [];
  const body = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, "");
  const attribute = '\\s+[a-z]+="(?:[^<&"]|&(?:amp|lt|gt|quot);)*"';
  const token = new RegExp(
    `<([a-z-]+)((?:${attribute})*)\\s*(/?)>|</([a-z-]+)>|((?:[^<&]|&(?:amp|lt|gt|quot);)+)`,
    "gy",
  );
  while (token.lastIndex < body.length) {
    const at = token.lastIndex;
    const [, name, , empty, closed] = token.exec(body) ?? [];
    if (token.lastIndex === 0) throw new Error(`not well-formed at ${body.slice(at, at + 80)}`);
    if (name !== undefined) names.push(name);
    if (name !== undefined && empty === "") open.push(name);
    if (closed !== undefined && open.pop() !== closed) throw new Error(`</${closed}> closes nothing`);
  }
  if (open.length > 0) throw new Error(`${open.join(", ")} stays open`);
  return names;
}

/** The command within this process, and what it printed. */
async function run(t: Test, ...args: readonly string[]) {
  const [out, err] = [t.capture(console, "log"), t.capture(console, "error")];
  const code = await conformance(args);
  out.restore();
  err.restore();
  const text = (captured: typeof out) => captured.args().flat().join("\n");
  return { code, stdout: text(out), stderr: text(err) };
}

t.test("the command's exit code tells what came of it, and its files hold the reports", async (t) => {
  const directory = reachableDirectory(t);
  const password = join(directory, "password");
  writeFileSync(password, `${login.password}\n`);
  const who = ["--username", login.username, "--password-file", password];
  const good = await startConformantBroker(t);
  const files = { json: join(directory, "report.json"), junit: join(directory, "report.xml") };
  const written = ["--json", files.json, "--junit", files.junit];
  const fine = await run(t, `${good.url}/`, ...who, "--plan", "quick", ...written);
  t.match(fine, { code: 0, stderr: "", stdout: /The broker conforms/ });
  t.match(JSON.parse(readFileSync(files.json, "utf8")), { format: "lotse-conformance/1", verdict: "conforming" });
  t.ok(readXml(readFileSync(files.junit, "utf8")).length > 100);

  const bad = await startConformantBroker(t, defects["ports are numbers"]);
  const wrong = await run(t, bad.url, ...who, "--plan", "quick", "--only", "bind-endpoints");
  t.match(wrong, { code: 1, stdout: /✗ MUST {2}bind-endpoints/ });
  const warned = await startConformantBroker(t, defects["a name has a space"]);
  t.match(
    await run(t, warned.url, ...who, "--read-only"),
    { code: 0, stdout: /1 SHOULD broken/ },
    "a warning is no failure",
  );
  t.match(await run(t, "http://127.0.0.1:1", "--read-only"), { code: 3, stderr: /could not be reached/ });
});

t.test("the command refuses what it does not understand, makes nothing, and repeats no secret", async (t) => {
  const { url, calls } = await startConformantBroker(t);
  const tries: (readonly string[])[] = [
    [],
    [url, "hunter2-hunter2"],
    [url, "--password=hunter2-hunter2"],
    [url, "--password", "hunter2-hunter2"],
    [url.replace("//", "//platform:hunter2-hunter2@")],
    [url, "--username", "platform"],
    [url, "--token-env", "hunter2-hunter2"],
    [url, "--token-url", "https://issuer.example/token", "--client-id", "kit"],
    [url, "--token-url", "http://issuer.example/token", "--client-id", "kit", "--client-secret-env", "HOME"],
    [url, "--username", "platform", "--password-env", "HOME", "--token-env", "HOME"],
    [url, "--client-certificate", "/nowhere.pem"],
    [url, "--parameters", "/nowhere.json"],
    [url, "--timeout", "soon"],
    ["ftp://broker.example"],
  ];
  for (const args of tries) {
    const { code, stdout, stderr } = await run(t, ...args);
    t.equal(code, 2, args.join(" "));
    t.notMatch(stdout + stderr, /hunter2/);
  }
  t.equal(calls.length, 0);
  t.match(await run(t, "--help"), { code: 0, stdout: /--read-only/ });
});

t.test("Ctrl-C ends the checks and removes what they made", async (t) => {
  const waiting: Defect = {
    spoil: (reply, { kind, query }, { operations }) =>
      kind === "poll" && operations.get(query.get("operation") ?? "")?.kind === "provision"
        ? { status: 200, body: { state: "in progress" } }
        : reply,
  };
  const broker = await startConformantBroker(t, waiting);
  const args = [
    "conformance",
    broker.url,
    "--username",
    login.username,
    "--password-env",
    "PASSWORD",
    "--plan",
    "slow",
  ];
  const child = spawn(process.execPath, [join(checkout, "src/lotse.js"), ...args], {
    env: { PATH: process.env.PATH ?? "", PASSWORD: login.password },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const end = ended(child);
  while (!broker.calls.some(({ kind, query }) => kind === "poll" && query.get("operation") !== null))
    await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(broker.things.size, 1, "an instance is being made");
  child.kill("SIGINT");
  const { code, stdout, stderr } = await end;
  t.equal(code, 130);
  t.match(stderr, /Removing what was made[\s\S]*removing the instance/);
  t.match(stdout, /0 MUST broken[\s\S]*interrupted; this says nothing about the broker/, "which is not blamed");
  t.equal(broker.things.size, 0);
});

t.test("the page about the kit names every check, option and exit code", async (t) => {
  const page = readFileSync(join(checkout, "docs/conformance-kit.md"), "utf8");
  const rows = page.split("\n").map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
  for (const [area, own] of Object.entries(areas))
    for (const check of own) {
      const where = check.about === "plan" ? "plan" : "broker";
      const wanted = [
        `\`${check.id}\``,
        check.title,
        check.level,
        check.section,
        (check.needs ?? []).join(", "),
        where,
      ];
      const row = rows.find(([, id]) => id === wanted[0])?.slice(1, 7);
      t.same(row, wanted, `${area}: | ${wanted.join(" | ")} |`);
    }
  const listed = rows.flatMap(([, id = ""]) => (/^`[a-z]+(-[a-z0-9]+)+`$/.test(id) ? [id] : []));
  t.equal(listed.length, Object.values(areas).flat().length, "and no check that is no more");
  const { stdout } = await run(t, "--help");
  for (const [option] of stdout.matchAll(/--[a-z-]+/g)) t.ok(page.includes(option), option);
});
