/** What a hostile or careless provider, or its editor, cannot do to the others. On both databases. */
import t, { type Test } from "tap";
import type { JsonObject } from "../../src/core/json.ts";
import { temporaryDirectory } from "../support/broker.ts";
import {
  type FederationWishes,
  service,
  settingsFor,
  startFederation,
  type TestFederation,
} from "../support/federation.ts";
import { postgresqlForTests } from "../support/postgresql.ts";
import { type ScriptedBroker, startScriptedBroker } from "../support/scripted-broker.ts";
import { onBothDatabases } from "../support/stories.ts";

const server = await postgresqlForTests(t);
const onBoth = onBothDatabases(t, server);

type Start = (wishes?: Omit<FederationWishes, "databaseUrl" | "dataDir">) => Promise<TestFederation>;

function story(name: string, tell: (t: Test, start: Start) => Promise<void>): void {
  onBoth(name, async (t, databaseUrl) => {
    const dataDir = temporaryDirectory(t);
    await tell(t, (wishes = {}) => startFederation(t, { databaseUrl, dataDir, ...wishes }));
  });
}

async function brokerWith(t: Test, ...services: readonly JsonObject[]): Promise<ScriptedBroker> {
  const broker = await startScriptedBroker(t);
  broker.services = services;
  return broker;
}

const anna = { name: "anna" };

const versionOf = async (federation: TestFederation, name: string) =>
  (await federation.providers.byName(name))?.version ?? 0;

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
