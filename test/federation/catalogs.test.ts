/** One catalog from many brokers: what is served while theirs change, break, vanish and come back. On both databases. */
import t from "tap";
import { newIds } from "../../src/configured-store.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { Secret } from "../../src/core/secret.ts";
import { asyncPlan, largerPlan, offering, planOf, syncPlan } from "../support/broker.ts";
import {
  brokerWith,
  federationStories,
  service,
  servicePlan,
  settingsFor,
  type TestFederation,
} from "../support/federation.ts";
import { createScripted } from "../support/scripted.ts";

const story = await federationStories(t);

/** Reads the provider's catalog now; what became of it, and why it was held. */
async function read(federation: TestFederation, name = "land"): Promise<readonly string[]> {
  const result = await federation.releasing.refresh(name);
  if ("obstacle" in result) return [result.obstacle.code, result.obstacle.detail];
  return result.done.is === "unchanged" ? ["unchanged"] : [result.done.is, ...result.done.snapshot.reasons];
}

/** A living instance of a plan that is served, written as an order would. */
async function instanceOf(federation: TestFederation, planName: string): Promise<string> {
  const { placements } = federation.keeper.current();
  const placement = [...placements.values()].find(({ plan }) => plan.name === planName);
  if (placement === undefined) throw new Error(`${planName} is not served.`);
  const uid = newIds()();
  await federation.store.apply([
    {
      insert: "instance",
      row: {
        uid,
        platformId: "p",
        instanceId: uid,
        incarnation: 1,
        bindsBegun: 0,
        offeringId: placement.offering.id,
        planId: placement.plan.id,
        provider: placement.plan.provider,
        organization: "org",
        space: "space",
        parameters: new Secret({}),
        context: {},
        facts: new Secret(null),
        labels: {},
        attributes: {},
        usable: true,
        state: "ready",
        version: 1,
        createdAt: Date.now(),
        updatedAt: Date.now(),
      },
    },
  ]);
  return placement.plan.id;
}

const versionOf = async (federation: TestFederation, name = "land") =>
  (await federation.providers.byName(name))?.version ?? 0;

story("an empty, cut off, foreign or half gone catalog is held, and what was published stays", async (t, start) => {
  const db = service("db", ["s", "m", "l", "xl"]);
  const land = await brokerWith(t, db);
  const federation = await start({ accounts: { land: { broker: land } } });
  t.same(federation.served(), [], "before the first reading");
  await federation.reader.readDue();
  const all = ["db/l", "db/m", "db/s", "db/xl"];
  t.same(federation.served(), all, "the operator's own account is taken over at once");
  t.same(await read(federation), ["unchanged"]);

  land.services = [];
  t.same(await read(federation), ["held", "The catalog is empty."]);
  land.services = [service("db", ["s", "m"])];
  t.same(await read(federation), ["held", "2 of 4 plans are gone at once."]);
  land.services = [service("queue", ["q"])];
  t.match(await read(federation), ["held", /another broker's/]);
  land.script.catalog.push((_call, response) => void response.end('{"services":[{"id":"db-id","na'));
  t.match(await read(federation), ["Unreadable", /cut off/]);
  land.script.catalog.push((_call, response, serve) => {
    const { services } = serve().body as { readonly services: readonly JsonObject[] };
    const broken = services.map((each) => ({ ...each, plans: [{ id: "x" }] }));
    response.end(JSON.stringify({ services: broken }));
  });
  t.match(await read(federation), ["Unreadable", /services\/0\/plans\/0 must have required property 'name'/]);
  land.script.catalog.push((_call, response) => void response.writeHead(503).end());
  t.match(await read(federation), ["Unreadable", /answered 503/]);
  t.match((await federation.providers.byName("land"))?.reading, { failures: 3, failure: /503/ });
  t.same(federation.served(), all, "all the while everything was served as before");

  land.services = [db];
  t.same(await read(federation), ["unchanged"], "back again: nothing waits any more");
  const states = (await federation.providers.snapshots("land", undefined, 10)).map(({ state }) => state);
  t.same(states, ["passed-over", "passed-over", "passed-over", "published"]);
  land.services = [service("queue", ["q"])];
  t.match(await read(federation), ["held", /another/], "and the same fault once more is held once more");
});

story(
  "prices, schemas and reused ids are held where they touch somebody, with the number of instances",
  async (t, start) => {
    const land = await brokerWith(t, service("db", ["s", "m"]));
    const federation = await start({ accounts: { land: { broker: land } } });
    await federation.reader.readDue();
    await instanceOf(federation, "s");
    const withS = (more: JsonObject) => [
      { ...service("db", []), plans: [servicePlan("db", "s", more), servicePlan("db", "m")] },
    ];
    land.services = withS({ description: "The same, said better." });
    t.same(await read(federation), ["published"]);
    land.services = withS({ metadata: { costs: [{ amount: { eur: 12 }, unit: "MONTHLY" }] } });
    t.same(
      await read(federation),
      ["held", "db/s: described, 1 living instance.", "db/s: price-changed, 1 living instance."].filter(
        (line) => !line.includes("described"),
      ),
    );
    land.services = withS({
      schemas: { service_instance: { create: { parameters: { type: "object", required: ["size"] } } } },
    });
    t.same(await read(federation), ["held", "db/s: schema-broken, 1 living instance."]);
    land.services = withS({ name: "queue", description: "Something else altogether." });
    t.same(await read(federation), ["held", "db/queue: id-reused, 1 living instance."]);
    land.services = withS({ bindable: false });
    t.same(await read(federation), ["held", "db/s: made-unbindable, 1 living instance."]);
    const moved = { ...service("other", []), plans: [servicePlan("db", "s")] };
    land.services = [{ ...service("db", ["m"]) }, moved];
    const [is, ...reasons] = await read(federation);
    t.equal(is, "held");
    t.match(reasons.join(" "), /plan-moved, 1 living instance.*has instances and cannot move to another offering/);
    const [held] = await federation.providers.snapshots("land", undefined, 1);
    const version = await versionOf(federation);
    const forced = await federation.releasing.publishSnapshot("land", version, held?.id ?? "", { name: "anna" });
    t.match(forced, { obstacle: { code: "HasInstances", detail: /cannot move/ } }, "nor can anybody release that");
  },
);

story("a plan that disappears stays for its instances, and is not offered for new ones", async (t, start) => {
  const land = await brokerWith(t, service("db", ["s", "m", "l", "xl", "xxl"]));
  const federation = await start({ accounts: { land: { broker: land } } });
  await federation.reader.readDue();
  const planId = await instanceOf(federation, "s");
  land.services = [service("db", ["m", "l", "xl", "xxl"])];
  t.same(await read(federation), ["held", "db/s: plan-removed, 1 living instance."]);
  const [held] = await federation.providers.snapshots("land", undefined, 1);
  const by = { name: "anna" };
  const released = await federation.releasing.publishSnapshot("land", await versionOf(federation), held?.id ?? "", by);
  t.match(released, { done: { state: "published", decidedBy: "anna" } });
  t.same(federation.served(), ["db/l", "db/m", "db/xl", "db/xxl"]);
  t.match(federation.keeper.current().placements.get(planId), {
    offered: false,
    plan: { name: "s", provider: "land" },
  });
  await federation.knex("instances").update({ state: "deleted" });
  await federation.keeper.rebuild();
  t.notOk(federation.keeper.current().placements.has(planId), "until the last one is gone");
});

story(
  "going back to an earlier catalog is one call, and the later one does not come back by itself",
  async (t, start) => {
    const land = await brokerWith(t, service("db", ["s", "m"]));
    const federation = await start({ accounts: { land: { broker: land } } });
    await federation.reader.readDue();
    const [first] = await federation.providers.snapshots("land", undefined, 1);
    land.services = [service("db", ["s", "m"], { description: "Now with a mistake." })];
    t.same(await read(federation), ["published"]);
    const by = { name: "anna" };
    const stale = await federation.releasing.publishSnapshot("land", 1, first?.id ?? "", by);
    t.match(stale, { obstacle: { code: "Stale" } }, "who has not seen the newest state is told so");
    await federation.releasing.publishSnapshot("land", await versionOf(federation), first?.id ?? "", by);
    t.equal(federation.keeper.current().offerings[0]?.description, "The service db.");
    await federation.knex("providers").update({ reading: JSON.stringify({ failures: 0 }) });
    t.same(await read(federation), ["held", "An earlier catalog was gone back to."]);
    t.equal(federation.keeper.current().offerings[0]?.description, "The service db.");
    const [newest] = await federation.providers.snapshots("land", undefined, 1);
    await federation.releasing.publishSnapshot("land", await versionOf(federation), newest?.id ?? "", by);
    t.equal(
      federation.keeper.current().offerings[0]?.description,
      "Now with a mistake.",
      "but is released by a person",
    );
    land.services = [service("db", ["s", "m"], { description: "Right again." })];
    t.same(await read(federation), ["published"], "from then on the rules hold again");
  },
);

story("a broker registered twice has two sets of ids, and names that collide stay apart for ever", async (t, start) => {
  const land = await brokerWith(t, service("db", ["s"]));
  const federation = await start({ accounts: { b: { broker: land } } });
  await federation.reader.readDue();
  t.same(federation.served(), ["db/s"]);
  const idOf = (from: TestFederation, name: string) =>
    from.keeper.current().offerings.find((each) => each.name === name)?.id;
  const id = idOf(federation, "db");
  await federation.stop();
  const both = await start({ accounts: { a: { broker: land }, b: { broker: land } } });
  await both.reader.readDue();
  t.same(both.served(), ["db-a/s", "db/s"], "who was there first keeps the name");
  t.equal(idOf(both, "db"), id);
  await both.stop();
  const again = await start({ accounts: { a: { broker: land }, b: { broker: land } } });
  t.same(again.served(), ["db-a/s", "db/s"], "also after a restart, from the snapshots, without asking anybody");
  t.equal(land.calls.length, 2);
  await again.stop();
  const alone = await start({ accounts: { a: { broker: land } } });
  t.same(alone.served(), ["db-a/s"], "and when the other is gone");
});

story("an operator renames, prices, hides, and puts plans into an offering of his own", async (t, start) => {
  const files = {
    id: "10000000-0000-4000-8000-0000000000aa",
    name: "postgresql",
    description: "Portable.",
    bindable: true,
    planUpdateable: true,
    allowContextUpdates: false,
    metadata: {},
    plans: [
      planOf("20000000-0000-4000-8000-0000000000aa", {
        name: "own",
        provider: "land",
        offeringId: "10000000-0000-4000-8000-0000000000aa",
      }),
    ],
  };
  const land = await brokerWith(t, service("pg", ["s", "m", "l"]), service("queue", ["q"]), service("spare", ["x"]));
  const federation = await start({ accounts: { land: { broker: land } }, offerings: [files] });
  await federation.reader.readDue();
  const by = { name: "anna", releases: true };
  const overlay = {
    unlisted: "hidden",
    offerings: [
      {
        offering: "pg",
        into: "postgresql",
        plans: [
          {
            plan: "s",
            price: {
              model: "flat",
              illustrative: true,
              components: [{ kind: "recurring", amount: "9.90", unit: "MONTHLY" }],
            },
            dvc: { equivalenceClass: "pg/s" },
          },
          { plan: "m", name: "land-medium" },
        ],
      },
      { offering: "queue", name: "messages", displayName: "Nachrichten", plans: [{ plan: "q" }, { plan: "gone" }] },
    ],
  };
  t.same(await federation.curating.setOverlay("land", 0, overlay, by), { done: undefined });
  t.same(federation.served(), ["messages/q", "postgresql/land-medium", "postgresql/land-s", "postgresql/own"]);
  const [portable] = federation.keeper.current().offerings;
  t.match(portable?.plans.find(({ name }) => name === "land-s")?.metadata, {
    costs: [{ amount: { eur: 9.9 }, unit: "MONTHLY" }],
    dvc: { equivalenceClass: "pg/s", priceComponents: [{ amount: "9.90", currency: "EUR" }] },
  });
  t.match(federation.keeper.notes().join(), /names the plan "queue\/gone", which is not there/);
  t.match(await federation.curating.setOverlay("land", 0, overlay, by), { obstacle: { code: "Stale" } });
  t.match(await federation.curating.setOverlay("land", 1, { ofers: [] }, by), {
    obstacle: { code: "Invalid", problems: [{ message: /is not known here/ }] },
  });
  await instanceOf(federation, "land-s");
  t.match(
    await federation.curating.setOverlay("land", 1, undefined, by),
    { obstacle: { code: "HasInstances" } },
    "a plan with instances does not change its offering",
  );
});

story(
  "who registers a provider does not publish it; suspended it takes no orders and keeps its instances",
  async (t, start) => {
    const land = await brokerWith(t, service("db", ["s"]));
    const federation = await start();
    const { onboarding } = federation;
    const [anna, bert] = [{ name: "anna" }, { name: "bert" }];
    const wish = { adapter: "osb", settings: settingsFor(land) };
    t.match(await onboarding.register("land", { adapter: "osb", settings: { url: "http://broker.example" } }, anna), {
      obstacle: { code: "Invalid", problems: [{ path: ["settings"], message: /must begin with https/ }] },
    });
    t.match(
      await onboarding.register("land", { adapter: "osb", settings: { ...wish.settings, ca: "/etc/passwd" } }, anna),
      { obstacle: { problems: [{ message: "ca must be a certificate in PEM text." }] } },
      "nobody reads files by way of a setting",
    );
    t.match(
      await onboarding.register(
        "land",
        { adapter: "postgresql", settings: { host: "127.0.0.1", user: "x", password: "x" } },
        anna,
      ),
      { obstacle: { code: "Invalid" } },
    );
    t.match(await onboarding.register("land", wish, anna), { done: { state: "draft", version: 1 } });
    t.match(await onboarding.register("land", wish, anna), { obstacle: { code: "NameTaken" } });
    t.match(await onboarding.submit("land", 1, anna), { obstacle: { code: "NotChecked" } });
    t.match(await onboarding.check("land", anna), { done: { state: "checked", details: { check: { ok: true } } } });
    t.match(await onboarding.submit("land", 2, anna), { done: { state: "in-review" } });
    t.match(await onboarding.publish("land", 3, undefined, anna), { obstacle: { code: "FourEyes" } });
    t.match(await onboarding.reject("land", 3, "No price list.", bert), {
      done: { state: "draft", details: { reason: "No price list." } },
    });
    await onboarding.check("land", anna);
    await onboarding.submit("land", 5, anna);
    t.same(federation.served(), []);
    t.match(
      await onboarding.publish("land", 6, undefined, bert),
      { obstacle: { code: "NotConformant", detail: /It breaks [1-9]\d* rules/ } },
      "the conformance kit looked at it",
    );
    t.match(await onboarding.publish("land", 6, "A broker for tests.", bert), {
      done: {
        state: "published",
        details: { publishedBy: "bert", override: { by: "bert", reason: "A broker for tests." } },
      },
    });
    t.same(federation.served(), ["db/s"]);
    t.match(federation.adapters.get("land"), { provision: Function });
    const planId = await instanceOf(federation, "s");
    for (const change of [{ slots: 9 }, { testPlan: { offering: "db", plan: "s" } }, { publication: {} }])
      t.match(
        await onboarding.edit("land", 7, { ...wish, ...change }, anna),
        { obstacle: { code: "Published" } },
        Object.keys(change).join(),
      );
    t.match(await onboarding.edit("land", 7, { ...wish, settings: { ...wish.settings, retries: 2 } }, anna), {
      obstacle: { code: "Published" },
    });
    t.match(
      await onboarding.edit("land", 7, { ...wish, settings: { ...wish.settings, password: "new" } }, anna),
      { done: { state: "published" } },
      "but for its secrets",
    );
    t.match(await onboarding.suspend("land", 8, "Incident.", bert), { done: { state: "suspended" } });
    t.same(federation.served(), []);
    t.match(federation.keeper.current().placements.get(planId), { offered: false, updatable: true }, "manageable");
    t.match(await onboarding.retire("land", 9, bert), { obstacle: { code: "HasInstances", detail: /1 living/ } });
    t.match(await onboarding.resume("land", 9, bert), { done: { state: "published" } });
    t.same(federation.served(), ["db/s"]);
    await federation.knex("instances").update({ state: "deleted" });
    await onboarding.suspend("land", 10, "End of contract.", bert);
    t.match(await onboarding.retire("land", 11, bert), { done: { state: "retired" } });
    t.notOk(federation.adapters.has("land"));
    t.match(
      await onboarding.register("land", wish, anna),
      { obstacle: { code: "NameTaken" } },
      "names are not given away again",
    );
    const trail = await federation.knex("audit").select("action", "actor").orderBy("id");
    t.match(trail.map(({ action }) => action).slice(0, 6), [
      "provider.registered",
      "provider.check",
      "provider.submit",
      "provider.reject",
      "provider.check",
      "provider.submit",
    ]);
    const everything = JSON.stringify([
      trail,
      federation.logged,
      await federation.knex("providers").select("details", "reading"),
    ]);
    t.notMatch(everything, String(wish.settings.password), "its password is nowhere to be read");
  },
);

story(
  "a check looks at every plan that is offered of the provider, and names the one that does not fit",
  async (t, start) => {
    const { adapter } = createScripted();
    const looked: string[] = [];
    let wrong: string | undefined;
    const federation = await start({
      accounts: { another: { broker: await brokerWith(t) } },
      offerings: [
        {
          ...offering,
          plans: [
            planOf(syncPlan, { name: "small", backend: { size: 1 } }),
            planOf(asyncPlan, { name: "large", backend: { size: 9 } }),
            planOf(largerPlan, { name: "elsewhere", provider: "another" }),
          ],
        },
      ],
      scripted: {
        ...adapter,
        check: async () => wrong,
        async checkPlan({ id, backend, maintenanceVersion }) {
          looked.push(`${JSON.stringify(backend)} ${maintenanceVersion}`);
          if (id === asyncPlan) return ["size 9 is not made here.", "It has no place."];
          if (wrong !== undefined) throw new Error("Nobody is there.");
          return [];
        },
      },
    });
    const check = async () => {
      const result = await federation.onboarding.check("scripted", { name: "anna" });
      return "done" in result
        ? [result.done.state, result.done.details.check?.ok, result.done.details.check?.problems]
        : [];
    };
    const unfit = ["scripted/large: size 9 is not made here.", "scripted/large: It has no place."];
    t.same(await check(), ["published", false, unfit]);
    t.same(federation.served(), ["scripted/elsewhere", "scripted/large", "scripted/small"]);
    t.same(looked, ['{"size":1} 1.0.0', '{"size":9} 1.0.0']);
    wrong = "The account is locked.";
    t.same(
      await check(),
      ["published", false, [wrong, "scripted/small: Nobody is there.", ...unfit]],
      "beside what is wrong with the account",
    );
  },
);
