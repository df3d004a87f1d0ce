/** Providers over the management API: who may do what, what is shown, and what a stale or wrong request is told. */
import t from "tap";
import type { JsonObject } from "../../src/core/json.ts";
import { clientOf } from "../support/admin.ts";
import { syncPlan } from "../support/broker.ts";
import { service, settingsFor } from "../support/federation.ts";
import { startScriptedBroker } from "../support/scripted-broker.ts";
import { storiesOnBothDatabases } from "../support/stories.ts";

const story = await storiesOnBothDatabases(t);
const version = (answer: { readonly headers: Headers }) => ({ "if-match": answer.headers.get("etag") ?? "" });

story(
  "an editor brings in a provider, a reviewer publishes it, and neither does the other's work",
  async (t, start) => {
    const broker = await start();
    const land = await startScriptedBroker(t);
    land.services = [service("db", ["s", "m"])];
    const anna = await clientOf(broker, { name: "anna", roles: ["provider-editor"], providers: ["land"] });
    const bert = await clientOf(broker, { name: "bert", roles: ["reviewer"] });
    const eva = await clientOf(broker, { name: "eva", roles: ["provider-editor"], providers: ["other"] });
    const dora = await clientOf(broker, { name: "dora", roles: ["auditor"] });
    const wish = { name: "land", adapter: "osb", settings: settingsFor(land) };

    const nothing = 'There is no provider "land", or your token is not for it.';
    t.match(await eva.ask("POST", "/providers", wish), { status: 404, body: { detail: nothing } }, "not one's own");
    t.match(await bert.ask("GET", "/providers/land"), { status: 404, body: { detail: nothing } }, "not there");
    t.match(await bert.ask("POST", "/providers", wish), {
      status: 403,
      body: { code: "Forbidden", detail: /It takes a token of role administrator or provider-editor/ },
    });
    const wrong = await anna.ask("POST", "/providers", { ...wish, settings: { urll: "x" }, slot: 3 });
    t.match(wrong, {
      status: 400,
      body: { code: "Invalid", errors: [{ pointer: "#/slot", detail: /did you mean "slots"/ }] },
    });
    const unfit = await anna.ask("POST", "/providers", { ...wish, settings: { ...wish.settings, retries: -1 } });
    t.match(unfit, { status: 400, body: { errors: [{ pointer: "#/settings/retries" }] } });
    const made = await anna.ask("POST", "/providers", wish);
    t.match(made, {
      status: 201,
      body: { state: "draft", origin: "registered", secrets: ["password"], editors: ["anna"] },
    });
    t.equal(made.headers.get("location"), "/api/v1/providers/land");
    t.match(await anna.ask("POST", "/providers", wish), { status: 409, body: { code: "NameTaken" } });

    t.match(await anna.ask("POST", "/providers/land/submit"), { status: 428, body: { code: "PreconditionRequired" } });
    const early = await anna.ask("POST", "/providers/land/submit", undefined, version(made));
    t.match(early, { status: 409, body: { code: "NotChecked", detail: /Run the check first/ } });
    const checked = await anna.ask("POST", "/providers/land/check");
    t.match(checked, { status: 200, body: { state: "checked", check: { ok: true, by: "anna", problems: [] } } });
    const late = await anna.ask("POST", "/providers/land/submit", undefined, version(made));
    t.match(late, { status: 412, body: { code: "Stale" } });
    t.equal(late.headers.get("etag"), checked.headers.get("etag"));
    const submitted = await anna.ask("POST", "/providers/land/submit", undefined, version(checked));
    t.match(submitted, { status: 200, body: { state: "in-review", submittedBy: "anna" } });
    t.match(await anna.ask("POST", "/providers/land/publish", {}, version(submitted)), { status: 403 });
    const overlay = { offerings: [{ offering: "db", name: "database" }] };
    const sly = await anna.ask("PUT", "/providers/land/overlay", overlay, { "if-none-match": "*" });
    t.match(
      sly,
      { status: 409, body: { code: "InReview" } },
      "what is reviewed does not change under the reviewer's eyes",
    );
    t.match(await dora.ask("POST", "/providers/land/suspend", { reason: "x" }, version(submitted)), { status: 403 });
    const broken = await bert.ask("POST", "/providers/land/publish", undefined, version(submitted));
    t.match(broken, { status: 409, body: { code: "NotConformant", detail: /rules that a broker must keep/ } });
    const { report } = checked.body.check as { readonly report: string };
    const read = await dora.ask("GET", `/providers/land/reports/${report}`);
    t.match(read.body, { content: { format: "lotse-conformance/1", readOnly: true } }, "nothing was ordered");
    t.equal((await eva.ask("GET", `/providers/land/reports/${report}`)).status, 404);
    const override = { override: "A broker for tests." };
    const published = await bert.ask("POST", "/providers/land/publish", override, version(submitted));
    t.match(published, { status: 200, body: { state: "published", publishedBy: "bert", editors: [] } });

    t.match(await anna.ask("PUT", "/providers/land/overlay", overlay, { "if-none-match": "*" }), {
      status: 409,
      body: { code: "Published" },
    });
    t.equal((await bert.ask("PUT", "/providers/land/overlay", overlay, { "if-none-match": "*" })).status, 204);
    const shown = await anna.ask("GET", "/catalog");
    t.match(shown.body.offerings, [{ name: "database", plans: [{ name: "s", provider: "land" }, { name: "m" }] }]);
    t.same((await eva.ask("GET", "/catalog")).body, { notes: [], offerings: [] });
    const { etag = "" } = Object.fromEntries((await bert.ask("GET", "/providers/land/overlay")).headers);
    t.equal((await bert.ask("PUT", "/providers/land/overlay", overlay, { "if-none-match": "*" })).status, 412);
    t.equal((await bert.ask("DELETE", "/providers/land/overlay", undefined, { "if-match": etag })).status, 204);
    t.equal((await bert.ask("GET", "/providers/land/overlay")).status, 404);

    land.services = [service("db", ["s", "m", "l"])];
    const refreshed = await anna.ask("POST", "/providers/land/refresh");
    t.match(refreshed.body, {
      is: "held",
      snapshot: { reasons: ["db/l: plan-added."], changes: [{ kind: "plan-added", plan: "l", instances: 0 }] },
    });
    const snapshots = await dora.ask("GET", "/providers/land/snapshots?limit=1");
    t.match(snapshots.body, { items: [{ state: "held", plans: 3 }], next: String });
    const [held] = snapshots.body.items as readonly { readonly id: string }[];
    const older = await dora.ask("GET", `/providers/land/snapshots?limit=1&cursor=${snapshots.body.next}`);
    t.match(older.body.items, [{ state: "published", plans: 2, decidedBy: "bert" }]);
    t.match((await dora.ask("GET", `/providers/land/snapshots/${held?.id}`)).body.content, [{ name: "db" }]);
    const path = `/providers/land/snapshots/${held?.id}/publish`;
    t.match(await anna.ask("POST", path, undefined, version(published)), { status: 403 });
    const current = await bert.ask("GET", "/providers/land");
    t.match(await bert.ask("POST", path, undefined, version(current)), { status: 200, body: { state: "published" } });

    const before = await bert.ask("GET", "/providers/land");
    const suspended = await bert.ask("POST", "/providers/land/suspend", { reason: "Incident 42." }, version(before));
    t.match(suspended, { status: 200, body: { state: "suspended", reason: "Incident 42." } });
    t.same((await anna.ask("GET", "/catalog")).body.offerings, []);

    t.match((await eva.ask("GET", "/providers")).body, { items: [] });
    t.equal((await eva.ask("GET", "/providers/land")).status, 404);
    t.match((await dora.ask("GET", "/providers?state=suspended")).body.items, [{ name: "land" }]);
    const everything = await Promise.all(
      ["/providers", "/providers/land", `/providers/land/snapshots/${held?.id}`].map((url) => dora.ask("GET", url)),
    );
    const password = String((wish.settings as JsonObject).password);
    t.notMatch(
      everything.map(({ text }) => text).join() + broker.logged.join(),
      password,
      "the password is shown nowhere",
    );
    const trail: { actor: string }[] = await broker.open.knex("audit").where({ action: "provider.publish" });
    const [by] = trail.map(({ actor }) => JSON.parse(actor) as object);
    t.match(by, { principal: "bert", token: bert.id });
  },
);

story(
  "who sees what is set thing by thing, and two who do so at once do not overwrite each other",
  async (t, start) => {
    const broker = await start();
    const { ask } = await clientOf(broker);
    const grants = { grants: [{ platform: "cf-north" }, { organization: "org-1" }] };
    t.match(await ask("PUT", "/visibility/plan/x", grants), { status: 428 });
    const first = { "if-none-match": "*" };
    const both = await Promise.all([
      ask("PUT", "/visibility/plan/x", grants, first),
      ask("PUT", "/visibility/plan/x", grants, first),
    ]);
    t.same(both.map(({ status }) => status).sort(), [200, 412]);
    t.same(both.find(({ status }) => status === 200)?.body.notes, [
      'There is no plan "x" at present; it will count once there is one.',
      'There is no platform "cf-north" at present; nobody sees it by this grant.',
    ]);
    const known = { grants: [{ platform: "cf" }] };
    t.match(await ask("PUT", `/visibility/plan/${syncPlan}`, known, first), { status: 200, body: { notes: [] } });
    const { body: page } = await ask("GET", "/visibility?limit=1");
    const { body: rest } = await ask("GET", `/visibility?limit=1&cursor=${page.next}`);
    const things = (part: JsonObject) => (part.items as { readonly thing: string }[]).map(({ thing }) => thing);
    t.same([...things(page), ...things(rest)].sort(), [syncPlan, "x"].sort(), "page by page");
    t.equal(rest.next, undefined);
    t.match((await ask("GET", "/visibility?kind=offering")).body, { items: [] });
    t.equal((await ask("DELETE", `/visibility/plan/${syncPlan}`, undefined, { "if-match": '"1"' })).status, 204);
    t.match((await ask("GET", "/visibility")).body.items, [
      { kind: "plan", thing: "x", grants: grants.grants, version: 1 },
    ]);
    t.match(await ask("PUT", "/visibility/plan/x", { grants: [{}] }, { "if-match": '"1"' }), { status: 400 });
    t.match(
      await ask("PUT", "/visibility/platform/x", grants, first),
      { status: 400 },
      "there is no such kind of thing",
    );
    t.equal((await ask("DELETE", "/visibility/plan/x", undefined, { "if-match": '"1"' })).status, 204);
    t.same((await ask("GET", "/visibility")).body, { items: [] });
  },
);
