/** What a hostile or careless provider, or its editor, cannot do to the others. On both databases. */
import { gzipSync } from "node:zlib";
import t from "tap";
import type { JsonObject } from "../../src/core/json.ts";
import {
  brokerWith,
  federationStories,
  service,
  servicePlan,
  settingsFor,
  type TestFederation,
} from "../support/federation.ts";
import { type Fault, type ScriptedBroker, send } from "../support/scripted-broker.ts";

const story = await federationStories(t);

const anna = { name: "anna" };

const bert = { name: "bert", releases: true };

const versionOf = async (federation: TestFederation, name: string) =>
  (await federation.providers.byName(name))?.version ?? 0;

/** Registered, checked and submitted by anna. */
async function submit(federation: TestFederation, name: string, broker: ScriptedBroker, more: object = {}) {
  const { onboarding } = federation;
  await onboarding.register(name, { adapter: "osb", settings: settingsFor(broker), ...more }, anna);
  await onboarding.check(name, anna);
  return onboarding.submit(name, await versionOf(federation, name), anna);
}

/** And published by bert. */
async function publish(federation: TestFederation, name: string, broker: ScriptedBroker, more: object = {}) {
  await submit(federation, name, broker, more);
  return federation.onboarding.publish(name, await versionOf(federation, name), "For tests.", bert);
}

story("a secret is not sent to another address than it was given for", async (t, start) => {
  const land = await brokerWith(t, service("db", ["s"]));
  const thief = await brokerWith(t, service("db", ["s"]));
  const federation = await start();
  const { onboarding } = federation;
  const { password, ...settings } = settingsFor(land);
  await onboarding.register("land", { adapter: "osb", settings: { ...settings, password: password ?? null } }, anna);
  const edit = async (changed: JsonObject) =>
    onboarding.edit("land", await versionOf(federation, "land"), { adapter: "osb", settings: changed }, anna);
  t.match(await edit({ ...settings, retries: 2 }), { done: { state: "draft" } }, "with the address it had it stays");
  t.match(await edit({ ...settings, url: thief.url }), {
    obstacle: { code: "Invalid", problems: [{ path: ["settings", "password"], message: /given again, because url/ }] },
  });
  await onboarding.check("land", anna);
  t.equal(thief.calls.length, 0);
  t.match(await edit({ ...settings, url: thief.url, password: "another" }), { done: { state: "draft" } });
  t.match(await edit({ url: land.url, password: null }), { done: { state: "draft" } });
  t.same((await federation.providers.byName("land"))?.settings?.reveal(), { url: land.url }, "or it is taken away");
});

story("what passes the check is what was checked, and what is published is what was reviewed", async (t, start) => {
  const land = await brokerWith(t, service("db", ["s"]));
  const other = await brokerWith(t, service("trap", ["s"]));
  const federation = await start();
  const { onboarding } = federation;
  const wish = { adapter: "osb", settings: settingsFor(land) };
  await onboarding.register("land", wish, anna);
  const edited: unknown[] = [];
  land.script.catalog.push(async (_call, response, serve) => {
    edited.push(await onboarding.edit("land", 1, { ...wish, settings: settingsFor(other) }, anna));
    send(response, serve());
  });
  t.match(
    await onboarding.check("land", anna),
    { obstacle: { code: "Stale" } },
    "its settings changed under the check",
  );
  t.match(edited, [{ done: { state: "draft" } }]);
  t.match(await onboarding.edit("land", 2, wish, anna), { done: { state: "draft" } });

  await onboarding.check("land", anna);
  t.match(await onboarding.submit("land", await versionOf(federation, "land"), anna), { done: { state: "in-review" } });
  land.services = [service("trap", ["s"])];
  t.match(await federation.releasing.refresh("land"), { done: { is: "held" } }, "the provider changes its catalog");
  await onboarding.publish("land", await versionOf(federation, "land"), "For tests.", bert);
  t.same(federation.served(), ["db/s"]);
  const [newest] = await federation.providers.snapshots("land", undefined, 1);
  t.match(newest, { state: "held" }, "and the new one waits for somebody to look at it");
});

story("another broker's catalog is read, though it goes by the same ETag", async (t, start) => {
  const tagged = (broker: ScriptedBroker) =>
    broker.script.catalog.push(
      ...[1, 2, 3, 4].map(
        (): Fault => (call, response, serve) => {
          response.setHeader("etag", '"1"');
          if (call.headers["if-none-match"] === '"1"') response.writeHead(304).end();
          else send(response, serve());
        },
      ),
    );
  const test = await brokerWith(t, service("db", ["test"]));
  const real = await brokerWith(t, service("db", ["s", "m"]));
  tagged(test);
  tagged(real);
  const federation = await start();
  const { onboarding } = federation;
  await onboarding.register("land", { adapter: "osb", settings: settingsFor(test) }, anna);
  await federation.releasing.refresh("land");
  await onboarding.edit("land", 1, { adapter: "osb", settings: settingsFor(real) }, anna);
  t.match(await federation.releasing.refresh("land"), { done: { is: "held", snapshot: { plans: 2 } } });
  t.match(await federation.releasing.refresh("land"), { done: { is: "unchanged", snapshot: { plans: 2 } } });
});

/** Nested this deep, as JSON text: written by hand, as JSON.stringify could not. */
const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

story("a catalog that could not be kept or shown is refused whole, and harms no other", async (t, start) => {
  const land = await brokerWith(t, service("db", ["s"]));
  const stadt = await brokerWith(t, service("web", ["s"]));
  const federation = await start({ accounts: { land: { broker: land }, stadt: { broker: stadt } } });
  await federation.reader.readDue();
  t.same(federation.served(), ["db/s", "web/s"]);
  const bad: Record<string, JsonObject> = {
    "a character that PostgreSQL cannot keep": service("d\u0000b", ["s"]),
    "half a character": service("db\ud800", ["s"]),
    "a line break in a name": service("db\nweb", ["s"]),
    "a name that looks like another": service("wеb", ["s"]),
    "a name that reads backwards": service("db\u202e", ["s"]),
    "a name without end": service("db".repeat(100_000), ["s"]),
    "a plan's name without end": service("db", ["s".repeat(100_000)]),
    "a NUL in an id": service("db", ["s"], { id: "d\u0000b" }),
    "a NUL in metadata": service("db", ["s"], { metadata: { displayName: "d\u0000b" } }),
    "a key that means something else": service("db", ["s"], { metadata: JSON.parse('{"__proto__": {"a": 1}}') }),
  };
  for (const [what, hostile] of Object.entries(bad)) {
    land.services = [hostile];
    t.match(await federation.releasing.refresh("land"), { obstacle: { code: "Unreadable" } }, what);
  }
  const whole =
    (body: string | Buffer, headers: Record<string, string> = {}): Fault =>
    (_call, response) =>
      void response.writeHead(200, { "content-type": "application/json", ...headers }).end(body);
  const inMetadata = (depth: number) =>
    JSON.stringify({ services: [service("db", ["s"], { metadata: { x: "X" } })] }).replace('"X"', nested(depth));
  const bodies: Record<string, Fault> = {
    "nested a little too deep": whole(inMetadata(100)),
    "nested without end": whole(inMetadata(500_000)),
    "bytes that are no text": whole(
      Buffer.concat([Buffer.from('{"services":["'), Buffer.from([0xff, 0xfe]), Buffer.from('"]}')]),
    ),
    "compressed although nobody asked for it": whole(gzipSync('{"services": []}'), { "content-encoding": "gzip" }),
    "a page instead of a catalog": whole("<html></html>", { "content-type": "text/html" }),
    "another address instead of a catalog": (_call, response) =>
      void response.writeHead(302, { location: `${stadt.url}/v2/catalog` }).end(),
    "unchanged, though nobody said since when": (_call, response) => void response.writeHead(304).end(),
    "more than is read of any answer": whole(`{"services": [], "x": "${"x".repeat(9 * 1024 * 1024)}"}`),
  };
  await federation.knex("providers").update({ reading: JSON.stringify({ failures: 0 }) });
  const asked = stadt.calls.length;
  for (const [what, fault] of Object.entries(bodies)) {
    land.script.catalog.push(fault);
    const answer = await federation.releasing.refresh("land");
    t.match(answer, { obstacle: { code: "Unreadable" } }, what);
  }
  t.equal(stadt.calls.length, asked, "nobody is led to another address");
  stadt.services = [service("web", ["s"], { description: "Better." })];
  await federation.releasing.refresh("stadt");
  t.same(federation.served(), ["db/s", "web/s"]);
  t.match(
    federation.keeper
      .current()
      .offerings.map(({ description }) => description)
      .sort(),
    ["Better.", "The service db."],
  );
});

story("nobody takes another provider's ids, whatever their name and whatever they claim", async (t, start) => {
  const land = await brokerWith(t, service("db", ["s"]));
  const stadt = await brokerWith(t, service("web", ["s"]));
  const federation = await start();
  // Registered before those it robs.
  const early = await brokerWith(t, service("web", ["s"]));
  await submit(federation, "early", early, { identities: "downstream" });
  await publish(federation, "land", land);
  await publish(federation, "stadt", stadt, { identities: "downstream" });
  const [db] = federation.keeper.current().offerings;
  const taken = [
    service("db", ["s"], { id: db?.id ?? "" }),
    { ...service("db", ["s"]), plans: [servicePlan("db", "s", { id: db?.plans[0]?.id ?? "" })] },
    service("web", ["s"]),
  ];
  for (const [index, wanted] of taken.entries()) {
    // Their names come before the others' in the alphabet.
    const thief = await brokerWith(t, wanted);
    const refused = await publish(federation, `a-thief-${index}`, thief, { identities: "downstream" });
    t.match(refused, { obstacle: { code: "IdTaken", detail: /is used by another/ } });
  }
  t.match(await federation.onboarding.publish("early", await versionOf(federation, "early"), "For tests.", bert), {
    obstacle: { code: "IdTaken" },
  });
  stadt.services = [service("web", ["s"]), taken[0] ?? {}];
  t.match(
    await federation.releasing.refresh("stadt"),
    { done: { is: "held", snapshot: { reasons: [/offering-added/, /is used by another/] } } },
    "nor later, by a changed catalog",
  );
  const [held] = await federation.providers.snapshots("stadt", undefined, 1);
  t.match(
    await federation.releasing.publishSnapshot("stadt", await versionOf(federation, "stadt"), held?.id ?? "", bert),
    { obstacle: { code: "IdTaken" } },
  );
  t.same(federation.served(), ["db/s", "web/s"]);
  t.same(
    federation.keeper
      .current()
      .offerings.flatMap(({ plans }) => plans.map(({ provider }) => provider))
      .sort(),
    ["land", "stadt"],
  );
});

story("what customers will see of a suspended provider is not changed by its editor", async (t, start) => {
  const land = await brokerWith(t, service("db", ["s"]));
  const federation = await start();
  await publish(federation, "land", land);
  await federation.onboarding.suspend("land", await versionOf(federation, "land"), "Incident.", bert);
  const overlay = { offerings: [{ offering: "db", description: "Free of charge." }] };
  t.match(await federation.curating.setOverlay("land", 0, overlay, anna), { obstacle: { code: "Published" } });
  t.match(await federation.curating.setOverlay("land", 0, overlay, bert), { done: undefined });
});
