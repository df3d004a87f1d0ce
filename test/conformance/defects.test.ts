/** The conformance kit finds what brokers do wrong: one thing at a time, by exactly the check that is about it. */
import t from "tap";
import { checks } from "../../src/conformance/checks/index.ts";
import { runConformance } from "../../src/conformance/run.ts";
import { Secret } from "../../src/core/secret.ts";
import { type Defect, login, plans, startConformantBroker } from "../support/conformant-broker.ts";
import { defects } from "../support/defects.ts";

async function check(t: Parameters<typeof startConformantBroker>[0], plan: string, defect?: Defect) {
  const broker = await startConformantBroker(t, defect);
  const credentials = { username: login.username, password: new Secret(login.password) };
  const report = await runConformance(
    { url: broker.url, credentials, plans: [plan], updatePlan: "larger", parameters: { colour: "blue" } },
    { longestPauseMs: 1, operationTimeoutMs: 5_000 },
  );
  const broken = report.results.filter(({ outcome }) => outcome === "broken");
  return { broker, report, found: [...new Set(broken.map(({ id }) => id))] };
}

t.test("a broker that does everything right is found to do so, and every check that can be made is", async (t) => {
  for (const plan of ["quick", "slow", "fixed"]) {
    const { broker, report, found } = await check(t, plan);
    t.same(found, [], plan);
    t.match(report, { verdict: "conforming", leftovers: [], counts: { notReached: 0 } }, plan);
    t.equal(broker.things.size, 0, "and nothing is left");
  }
});

t.test("each of the things that brokers do wrong is found, by one check and no other", async (t) => {
  for (const [name, { finds, on = "quick", leavesSomething, ...defect }] of Object.entries(defects)) {
    const { broker, report, found } = await check(t, on, defect);
    t.same(found, [finds], name);
    const level = checks.find(({ id }) => id === finds)?.level;
    t.equal(report.verdict, level === "MUST" ? "not conforming" : "conforming", `${name}: a ${level}`);
    t.equal(report.leftovers.length, leavesSomething ? 1 : 0, `${name}: what could not be removed is told`);
    if (!leavesSomething) t.equal(broker.things.size, 0, `${name}: nothing is left`);
  }
});

t.test("what the specification leaves to a broker is held against none", async (t) => {
  const fair: Readonly<Record<string, Defect>> = {
    "a change between these two plans is refused with 422": {
      instead: ({ kind, body }) =>
        kind === "update" && body?.plan_id === plans.larger
          ? {
              status: 422,
              body: { error: "PlanChangeNotSupported", description: "Not from here.", update_repeatable: false },
            }
          : undefined,
    },
  };
  for (const [name, way] of Object.entries(fair)) {
    const { found, report } = await check(t, "quick", way);
    t.same([found, report.counts.notReached], [[], 0], name);
  }
});

t.test("there is no check that has never found anything, and none without a name of its own", async (t) => {
  const ids = checks.map(({ id }) => id);
  const finding = new Set(Object.values(defects).map(({ finds }) => finds));
  t.same(
    ids.filter((id) => !finding.has(id)),
    [],
  );
  t.equal(new Set(ids).size, ids.length);
  t.ok(ids.length >= 60 && Object.keys(defects).length >= 30);
});
