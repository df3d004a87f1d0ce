/**
 * An integrator brings another broker in by the command line, and a customer orders through both: two real brokers in a
 * chain, a real PostgreSQL at its end.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import t from "tap";
import type { JsonObject } from "../../src/core/json.ts";
import { readFirstRun } from "../../src/first-run.ts";
import { lotse, reachableDirectory, serve } from "../support/command.ts";
import { postgresqlForTests } from "../support/postgresql.ts";
import { onBothDatabases } from "../support/stories.ts";

const story = onBothDatabases(t, await postgresqlForTests(t));

story(
  "a broker is registered, checked, reviewed, published, ordered from, suspended and retired",
  async (t, databaseUrl) => {
    const directory = reachableDirectory(t);
    const [north, south] = [join(directory, "north"), join(directory, "south")];
    const downstream = await serve(t, { LOTSE_DATA_DIR: south });
    const database = { LOTSE_DATA_DIR: north, LOTSE_DATABASE_URL: databaseUrl };
    const broker = await serve(t, database);
    const env = { ...database, LOTSE_URL: broker.url };
    const tokenFor = async (...words: string[]) =>
      /^token: (\S+)$/m.exec((await lotse(["token", "add", ...words], env)).stdout)?.[1] ?? "";
    const anna = { ...env, LOTSE_TOKEN: await tokenFor("anna", "provider-editor", "land") };
    const bert = { ...env, LOTSE_TOKEN: await tokenFor("bert", "reviewer") };

    const { username = "", password = "" } = readFirstRun(join(south, "first-run.json"));
    const land = join(directory, "land.yaml");
    writeFileSync(
      land,
      `adapter: osb\nsettings: { url: "${downstream.url}", username: ${username}, password: { env: LAND_PASSWORD } }
testPlan: { offering: postgresql, plan: it-nord-s }
`,
    );
    const withoutSecret = await lotse(["provider", "register", "land", land], anna);
    t.match(withoutSecret, {
      code: 1,
      stderr: /settings\.password: the environment variable LAND_PASSWORD is not set/,
    });
    const secret = { LAND_PASSWORD: password };
    t.match(await lotse(["provider", "register", "land", land], { ...anna, ...secret }), {
      code: 0,
      stdout: "land: draft\n",
    });
    t.match(await lotse(["provider", "check", "land"], anna), {
      code: 0,
      stdout: /can be used; rules of OSB it must keep and breaks: 0 .*checked/,
    });
    t.match(await lotse(["provider", "publish", "land"], anna), { code: 1, stderr: /Your roles do not allow this/ });
    t.match(await lotse(["provider", "publish", "land"], bert), { code: 1, stderr: /Only what was submitted/ });
    t.match(await lotse(["provider", "submit", "land"], anna), { code: 0, stdout: "land: in-review\n" });
    t.match(await lotse(["provider", "publish", "land"], bert), { code: 0, stdout: "land: published\n" });
    t.match((await lotse(["provider", "list"], env)).stdout, /^land\tpublished\tosb\tregistered\tread /m);
    t.match(
      (await lotse(["snapshots", "list", "land"], anna)).stdout,
      /published\t\d+ offerings, \d+ plans\n(.*\n)*? +offering-added postgresql, /,
    );

    const first = readFirstRun(join(north, "first-run.json"));
    const authorization = `Basic ${Buffer.from(`${first.username}:${first.password}`).toString("base64")}`;
    async function ask(method: string, path: string, body?: object): Promise<{ status: number; body: JsonObject }> {
      const answer = await fetch(`${broker.url}/v2${path}`, {
        method,
        headers: { authorization, "X-Broker-API-Version": "2.17", "Content-Type": "application/json" },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: answer.status, body: (await answer.json()) as JsonObject };
    }
    async function settled(path: string): Promise<unknown> {
      for (;;) {
        const { body } = await ask("GET", `${path}/last_operation`);
        if (body.state !== "in progress") return body.state;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    interface Service {
      readonly id: string;
      readonly name: string;
      readonly plans: readonly { readonly id: string; readonly name: string }[];
    }
    const services = (await ask("GET", "/catalog")).body.services as unknown as readonly Service[];
    t.same(
      services.map(({ name }) => name).filter((name) => name.startsWith("postgresql")),
      ["postgresql", "postgresql-land"],
      "one catalog, the names told apart",
    );
    const service = services.find(({ name }) => name === "postgresql-land");
    const plan = service?.plans.find(({ name }) => name === "it-nord-s");
    const ids = { service_id: service?.id, plan_id: plan?.id };
    const order = { ...ids, organization_guid: "org", space_guid: "space" };
    const hints = `service_id=${ids.service_id}&plan_id=${ids.plan_id}&accepts_incomplete=true`;
    const instance = "/service_instances/through-both";

    t.match((await ask("PUT", instance, order)).body, { error: "AsyncRequired" });
    t.match((await ask("PUT", `${instance}?accepts_incomplete=true`, order)).status, /20[12]/);
    t.equal(await settled(instance), "succeeded");
    const binding = `${instance}/service_bindings/b`;
    const bound = await ask("PUT", `${binding}?accepts_incomplete=true`, ids);
    t.match(bound.status, /20[12]/);
    t.equal(await settled(binding), "succeeded");
    const { credentials } = (await ask("GET", binding)).body as { readonly credentials?: { readonly uri: string } };
    const client = new pg.Client({ connectionString: credentials?.uri });
    await client.connect();
    t.match((await client.query("SELECT 1 AS one")).rows, [{ one: 1 }], "a customer uses the database at the end");
    await client.end();

    t.match(await lotse(["provider", "suspend", "land", "Incident 42."], bert), {
      code: 0,
      stdout: "land: suspended\n",
    });
    const refused = await ask("PUT", "/service_instances/too-late?accepts_incomplete=true", order);
    t.match(refused, { status: 400, body: { error: "UnknownPlan" } });
    t.match(await lotse(["provider", "retire", "land"], env), { code: 1, stderr: /1 living instance/ });
    t.match((await ask("DELETE", `${instance}?${hints}`)).status, /20[02]/, "what is there stays manageable");
    t.equal(await settled(instance), "succeeded");
    t.match(await lotse(["provider", "retire", "land"], env), { code: 0, stdout: "land: retired\n" });
    t.notMatch(broker.output() + downstream.output(), password, "no log says the password");

    t.match(await lotse(["provider", "list"], { ...env, LOTSE_TOKEN: "wrong" }), { code: 1, stderr: /token/ });
    t.match(await lotse(["provider", "list"], { ...env, LOTSE_URL: "http://127.0.0.1:1" }), {
      code: 1,
      stderr: /cannot be asked/,
    });
    t.equal((await lotse(["provider", "suspend", "land"], bert)).code, 2, "a reason is needed");
  },
);
