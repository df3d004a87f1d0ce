/** The report's first orders of software, over plain OSB, with a vendor whose logins work and stop working. */
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import t from "tap";
import type { JsonObject } from "../../src/core/adapter.ts";
import { reachableDirectory, type Serving, serve } from "../support/command.ts";
import { postgresqlForTests } from "../support/postgresql.ts";
import { onBothDatabases } from "../support/stories.ts";
import { signIn } from "../support/vendor.ts";

interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

const story = onBothDatabases(t, await postgresqlForTests(t));

story(
  "dMessenger and dDatabox are ordered, used, changed, renewed and returned, also through kill -9",
  async (t, databaseUrl) => {
    const data = join(reachableDirectory(t), "data");
    const port = await freePort();
    const start = () => serve(t, { LOTSE_DATA_DIR: data, LOTSE_DATABASE_URL: databaseUrl, LOTSE_PORT: String(port) });
    let lotse: Serving = await start();
    const crash = async () => {
      await lotse.stop("SIGKILL");
      lotse = await start();
    };
    const { password } = JSON.parse(readFileSync(join(data, "first-run.json"), "utf8")) as { password: string };
    const authorization = `Basic ${Buffer.from(`platform:${password}`).toString("base64")}`;

    async function osb(method: string, path: string, body?: object): Promise<Answer> {
      const headers = { authorization, "x-broker-api-version": "2.17", "content-type": "application/json" };
      const sent = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
      const response = await fetch(`${lotse.url}/v2${path}`, sent);
      return { status: response.status, body: (await response.json()) as JsonObject };
    }
    async function over(path: string): Promise<unknown> {
      for (;;) {
        const { body } = await osb("GET", `${path}/last_operation`);
        if (body.state !== "in progress") return body.state;
        await wait(100);
      }
    }
    async function ids(offering: string, plan: string) {
      type Named = { readonly id: string; readonly name: string; readonly plans: readonly Named[] };
      const { services } = (await osb("GET", "/catalog")).body as unknown as { services: readonly Named[] };
      const found = services.find(({ name }) => name === offering);
      return { service_id: found?.id ?? "", plan_id: found?.plans.find(({ name }) => name === plan)?.id ?? "" };
    }
    const where = { organization_guid: "stadt", space_guid: "hauptamt" };
    const named = (about: { service_id: string; plan_id: string }) => `${new URLSearchParams(about)}`;
    const instance = (name: string) => `/service_instances/${name}`;
    const binding = (name: string, own: string) => `${instance(name)}/service_bindings/${own}`;

    const messenger = await ids("dmessenger", "100");
    const box = await ids("ddatabox", "basic");

    const ordered = await osb("PUT", `${instance("messenger")}?accepts_incomplete=true`, {
      ...messenger,
      ...where,
      parameters: { title: "Hauptamt" },
    });
    t.equal(ordered.status, 202, "dMessenger takes a moment to be set up");
    await crash();
    t.equal(await over(instance("messenger")), "succeeded", "killed while it was set up, it goes on");
    t.match((await osb("GET", instance("messenger"))).body, { dashboard_url: /^http:.*\/apps\// });

    t.equal((await osb("PUT", instance("box"), { ...box, ...where })).status, 201, "dDatabox is there at once");

    const first = (await osb("PUT", binding("messenger", "first"), messenger)).body;
    const boxed = (await osb("PUT", binding("box", "only"), box)).body;
    t.match(
      (await signIn(first)).body,
      { product: "dmessenger", plan: "100", title: "Hauptamt" },
      "access opens the door",
    );
    t.equal((await signIn(boxed)).status, 200, "so does the other one's");
    t.equal(
      (await signIn({ credentials: { ...(first.credentials as JsonObject), password: "guessed" } })).status,
      401,
      "and nothing else does",
    );

    await crash();
    t.equal((await signIn(first)).status, 200, "access handed out before goes on working after kill -9");

    const larger = await ids("dmessenger", "1000");
    const change = await osb("PATCH", `${instance("messenger")}?accepts_incomplete=true`, larger);
    t.equal(change.status, 202, "the plan is changed");
    t.equal(await over(instance("messenger")), "succeeded");
    t.match((await signIn(first)).body, { plan: "1000" }, "which shows to whoever signs in");
    const calledBack = /"route":"\/callbacks\/:account","status":204/;
    for (let waited = 0; waited < 20_000 && !calledBack.test(lotse.output()); waited += 100) await wait(100);
    t.match(lotse.output(), calledBack, "the vendor calls when it is over");

    const renewed = (await osb("PUT", binding("messenger", "second"), { ...larger, predecessor_binding_id: "first" }))
      .body;
    t.equal((await signIn(renewed)).status, 200, "renewed access works");
    t.equal((await signIn(first)).status, 200, "beside the former one");
    t.equal((await osb("DELETE", `${binding("messenger", "first")}?${named(larger)}`)).status, 200);
    t.equal((await signIn(first)).status, 401, "until that is given back");
    t.equal((await signIn(renewed)).status, 200);

    t.equal((await osb("DELETE", `${binding("box", "only")}?${named(box)}`)).status, 200);
    t.equal((await signIn(boxed)).status, 401, "access that was given back is refused");
    const returned = await osb("DELETE", `${instance("messenger")}?${named(larger)}&accepts_incomplete=true`);
    if (returned.status === 202) await over(instance("messenger"));
    t.equal((await osb("DELETE", `${instance("box")}?${named(box)}`)).status, 200);
    t.equal((await signIn(renewed)).status, 401, "no access outlives what it was for");

    const secret = readFileSync(join(data, "providers.password"), "utf8").trim();
    const token = createHmac("sha256", secret).update("token of it-nord-software").digest("base64url");
    const vendor = new URL(String((renewed.credentials as JsonObject).uri)).origin;
    const list = await fetch(`${vendor}/subscriptions`, { headers: { authorization: `Bearer ${token}` } });
    t.same(await list.json(), { subscriptions: [] }, "nothing is left at the vendor");
    await lotse.stop();
    await t.rejects(fetch(vendor), "the vendor ends with Lotse");
  },
);
