/** The door of the management API: tokens, roles, errors, pages and changes that meet; on both databases. */
import Fastify from "fastify";
import t, { type Test } from "tap";
import { addAuthentication } from "../../src/admin/authenticate.ts";
import { addGuard } from "../../src/admin/guard.ts";
import { makeToken } from "../../src/http/bearer-auth.ts";
import { type AdminAnswer, type AskAdmin, askerOf, clientOf } from "../support/admin.ts";
import type { TestBroker } from "../support/broker.ts";
import { storiesOnBothDatabases } from "../support/stories.ts";

const story = await storiesOnBothDatabases(t);

/** Every item of a list, page by page, as a client follows `next`. */
async function all(ask: AskAdmin, path: string): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = [];
  for (let cursor = ""; ; ) {
    const { body } = await ask("GET", `${path}${path.includes("?") ? "&" : "?"}limit=2${cursor}`);
    items.push(...(body.items as Record<string, unknown>[]));
    if (body.next === undefined) return items;
    cursor = `&cursor=${body.next}`;
  }
}

function isProblem(t: Test, answer: AdminAnswer, status: number, code: string, errors?: unknown): void {
  t.equal(answer.status, status, `${code}: status`);
  t.equal(answer.headers.get("content-type"), "application/problem+json");
  t.match(answer.body, { type: "about:blank", status, code, title: String, detail: /\.$/, instance: /^\/requests\/./ });
  if (errors !== undefined) t.same(answer.body.errors, errors);
}

const auditOf = async ({ open }: TestBroker, action: string): Promise<Record<string, unknown>[]> =>
  await open.knex("audit").where({ action }).orderBy("id");

story("without a valid token nobody learns anything, not even which paths there are", async (t, start) => {
  const broker = await start();
  const expired = await clientOf(broker, { expiresAt: Date.now() - 1 });
  const revoked = await clientOf(broker);
  await clientOf(broker);
  await broker.admin.desk.revoke(revoked.id, {});
  const never = `Bearer ${makeToken((size) => Buffer.alloc(size, 1)).token.reveal()}`;
  const instanceless = ({ body: { instance: _, ...body } }: AdminAnswer) => body;
  const nobody = await (await askerOf(broker))("GET", "/me");
  isProblem(t, nobody, 401, "Unauthenticated");
  t.equal(nobody.headers.get("www-authenticate"), 'Bearer realm="lotse"');
  const refused = [expired.ask, revoked.ask, await askerOf(broker, never), await askerOf(broker, "Bearer lotse_x")];
  for (const ask of refused) {
    for (const path of ["/me", "/tokens?nonsense=1", "/no-such-path", "/%c3%28"]) {
      const answer = await ask("GET", path);
      if (path.startsWith("/%")) isProblem(t, answer, 400, "Malformed");
      else t.same(instanceless(answer), instanceless(nobody), "unknown, expired and revoked are told nothing apart");
    }
    const { headers } = await ask("DELETE", "/me");
    t.equal(headers.get("www-authenticate"), 'Bearer realm="lotse", error="invalid_token"');
  }
});

story("a revoked token is refused with the next request, on another replica too", async (t, start) => {
  const broker = await start();
  const replica = await start();
  const anna = await clientOf(broker);
  const bert = await clientOf(broker, { name: "bert" });
  const elsewhere = await askerOf(replica, `Bearer ${bert.secret}`);
  t.equal((await bert.ask("GET", "/me")).status, 200);
  t.equal((await elsewhere("GET", "/me")).status, 200);
  t.equal((await anna.ask("DELETE", `/tokens/${bert.id}`)).status, 204);
  isProblem(t, await bert.ask("GET", "/me"), 401, "Unauthenticated");
  isProblem(t, await elsewhere("GET", "/me"), 401, "Unauthenticated");
  t.equal((await anna.ask("DELETE", `/tokens/${bert.id}`)).status, 204, "again: it is revoked");
  isProblem(t, await anna.ask("DELETE", "/tokens/unknown"), 404, "NotFound");
  const [row, ...more] = await auditOf(broker, "token.revoked");
  t.same(more, [], "and is told once");
  t.same(JSON.parse(String(row?.actor)), { by: "token", principal: "anna", token: anna.id });
  t.same(JSON.parse(String(row?.details)), { token: bert.id });
});

story("somebody who guesses tokens is refused quickly, and their guesses are kept nowhere", async (t, start) => {
  const broker = await start();
  const anna = await clientOf(broker);
  const guess = `Bearer lotse_${"canary".repeat(8).slice(0, 43)}`;
  const ask = await askerOf(broker, guess);
  const answers = await Promise.all(Array.from({ length: 300 }, () => ask("GET", "/platforms")));
  t.ok(
    answers.every(({ status, text }) => status === 401 && !text.includes("canary")),
    "no slow hash, no waiting: three hundred at once",
  );
  t.equal((await anna.ask("GET", "/me")).status, 200, "who has a token gets in meanwhile");
  t.notOk(broker.logged.join("\n").includes("canary"), "not in the log");
});

story(
  "a new token says whose it is; its secret is in that answer only, and its use is noted to the minute",
  async (t, start) => {
    const broker = await start();
    const anna = await clientOf(broker);
    const wish = { name: "laptop", principal: "bert", roles: ["provider-editor"], providers: ["it-nord"] };
    const made = await anna.ask("POST", "/tokens", wish);
    t.equal(made.status, 201);
    t.match(made.body, { ...wish, createdBy: "anna", secret: /^lotse_[\w-]{43}$/ });
    t.equal(made.headers.get("cache-control"), "no-store");
    const days = (Date.parse(String(made.body.expiresAt)) - Date.now()) / 86_400_000;
    t.ok(days > 89.9 && days <= 90, "ends in 90 days when nothing else is said");
    const secret = String(made.body.secret);
    const bert = await askerOf(broker, `Bearer ${secret}`);
    const { body } = await bert("GET", "/me");
    t.match(body, { principal: "bert", token: made.body.id, roles: ["provider-editor"], providers: ["it-nord"] });

    const list = await anna.ask("GET", "/tokens");
    t.match(list.body, { items: [{ id: made.body.id, lastUsedAt: String }, { id: anna.id }] }, "newest first");
    const noted = async () => (await anna.ask("GET", "/tokens?principal=bert")).body;
    const before = await noted();
    await bert("GET", "/me");
    t.same(await noted(), before, "the second use within a minute is not written");
    const [{ revision } = { revision: 0 }] = await broker.open.knex("revisions").where({ name: "accounts" });
    await broker.open
      .knex("admin_tokens")
      .where({ id: made.body.id })
      .update({ last_used_at: Date.now() - 61_000 });
    await bert("GET", "/me");
    t.not((await noted()).items, undefined);
    const [row] = await broker.open.knex("admin_tokens").where({ id: made.body.id });
    t.ok(row.last_used_at > Date.now() - 60_000, "the next minute's is");
    t.same(
      (await broker.open.knex("revisions").where({ name: "accounts" }))[0]?.revision,
      revision,
      "and is no change",
    );

    const everywhere = JSON.stringify([
      list.body,
      await broker.open.knex("admin_tokens"),
      await broker.open.knex("audit"),
      broker.logged,
    ]);
    t.ok(everywhere.includes("laptop"));
    t.notOk(everywhere.includes(secret), "neither in lists nor in the database, its audit trail, or the log");
    const [told] = await auditOf(broker, "token.added").then((rows) => rows.slice(-1));
    t.match(JSON.parse(String(told?.details)), { token: made.body.id, principal: "bert", roles: ["provider-editor"] });
  },
);

story("a token is refused that is wrong, too long-lived, or of another shape", async (t, start) => {
  const { ask } = await clientOf(await start());
  const good = { name: "laptop", principal: "bert", roles: ["reviewer"] };
  const wrong: readonly [object, object][] = [
    [{}, { pointer: "#/name", detail: "is missing" }],
    [
      { ...good, role: 1 },
      { pointer: "#/role", detail: 'is not known here; did you mean "roles"?' },
    ],
    [
      { ...good, roles: [] },
      { pointer: "#/roles", detail: "must have at least 1 entry" },
    ],
    [
      { ...good, roles: ["auditer"] },
      {
        pointer: "#/roles/0",
        detail:
          'must be one of "administrator", "provider-editor", "reviewer", "auditor", "fulfiller"; did you mean "auditor"?',
      },
    ],
    [
      { ...good, "a/b~c": 1 },
      { pointer: "#/a~1b~0c", detail: /is not known here/ },
    ],
    [
      { ...good, providers: ["it-nord"] },
      { pointer: "#/providers", detail: /for a provider-editor or fulfiller only/ },
    ],
    [
      { ...good, roles: ["provider-editor"] },
      { pointer: "#/providers", detail: /is missing/ },
    ],
    [
      { ...good, expiresAt: "2020-01-01T00:00:00Z" },
      { pointer: "#/expiresAt", detail: /must lie ahead/ },
    ],
    [{ ...good, expiresAt: new Date(Date.now() + 400 * 86_400_000).toISOString() }, { detail: /at most a year/ }],
    [
      { ...good, expiresAt: "tomorrow" },
      { pointer: "#/expiresAt", detail: "must be a valid date-time" },
    ],
  ];
  for (const [body, error] of wrong) {
    const answer = await ask("POST", "/tokens", body);
    isProblem(t, answer, 400, "Invalid");
    t.match((answer.body.errors as object[])[0], error);
  }
  const three = await ask("POST", "/tokens", { name: "A", principal: 7, roles: ["x"] });
  t.equal((three.body.errors as object[]).length, 3, "everything wrong is told at once");
  isProblem(t, await ask("POST", "/tokens", "{"), 400, "Malformed");
  isProblem(t, await ask("POST", "/tokens", '{"name":1,"name":2}'), 400, "Malformed");
  isProblem(t, await ask("POST", "/tokens", "x", { "content-type": "text/plain" }), 400, "Malformed");
  isProblem(t, await ask("POST", "/tokens", JSON.stringify({ name: "x".repeat(1_100_000) })), 413, "TooLarge");
});

story("the last administrator's token cannot be revoked, whoever asks at the same time", async (t, start) => {
  const broker = await start();
  const anna = await clientOf(broker);
  await clientOf(broker, { expiresAt: Date.now() - 1 });
  await clientOf(broker, { roles: ["auditor"] });
  isProblem(t, await anna.ask("DELETE", `/tokens/${anna.id}`), 409, "LastAdministrator");
  const bert = await clientOf(broker, { name: "bert" });
  const answers = await Promise.all([
    anna.ask("DELETE", `/tokens/${bert.id}`),
    bert.ask("DELETE", `/tokens/${anna.id}`),
  ]);
  t.equal(answers.filter(({ status }) => status === 204).length, 1, "of two who revoke each other, one succeeds");
  const left = await Promise.all([anna.ask("GET", "/me"), bert.ask("GET", "/me")]);
  t.same(left.map(({ status }) => status).sort(), [200, 401], "and one is left");
});

story("each role is let in where it belongs, and told so where it does not", async (t, start) => {
  const broker = await start();
  const body = { name: "cf" };
  const asked: readonly [string, string, unknown, string][] = [
    ["GET", "/me", undefined, "administrator provider-editor reviewer auditor"],
    ["GET", "/tokens", undefined, "administrator auditor"],
    ["GET", "/platforms", undefined, "administrator reviewer auditor"],
    ["GET", "/instances", undefined, "administrator provider-editor reviewer auditor"],
    ["GET", "/operations", undefined, "administrator provider-editor reviewer auditor"],
    ["GET", "/audit", undefined, "administrator auditor"],
    ["GET", "/audit/verification", undefined, "administrator auditor"],
    ["POST", "/platforms", body, "administrator"],
    ["POST", "/platforms/none/disable", undefined, "administrator"],
    ["POST", "/tokens", {}, "administrator"],
    ["DELETE", "/tokens/none", undefined, "administrator"],
  ];
  for (const role of ["administrator", "provider-editor", "reviewer", "auditor"] as const) {
    const { ask } = await clientOf(broker, { roles: [role], providers: role === "provider-editor" ? ["it-nord"] : [] });
    for (const [method, path, sent, allowed] of asked) {
      const answer = await ask(method, path, sent);
      if (allowed.split(" ").includes(role)) t.not(answer.status, 403, `${role}: ${method} ${path}`);
      else isProblem(t, answer, 403, "Forbidden");
    }
  }
});

story("platforms are registered, listed in pages and given new passwords; secrets are shown once", async (t, start) => {
  const broker = await start();
  const { ask, id } = await clientOf(broker);
  const passwords: string[] = [];
  for (const name of ["cf", "korifi", "k8s", "cf-2", "cf-3"]) {
    const made = await ask("POST", "/platforms", { name });
    t.equal(made.status, 201);
    t.match(made.body, { name, username: name, state: "active", version: 1, password: /^[\w-]{43}$/ });
    t.equal(made.headers.get("location"), `/api/v1/platforms/${name}`);
    passwords.push(String(made.body.password));
  }
  isProblem(t, await ask("POST", "/platforms", { name: "cf" }), 409, "NameTaken");
  isProblem(t, await ask("POST", "/platforms", { name: "C F" }), 400, "Invalid");
  const listed = await all(ask, "/platforms");
  t.same(
    listed.map(({ name }) => name),
    ["cf", "cf-2", "cf-3", "k8s", "korifi"],
  );
  const one = await ask("GET", "/platforms/cf");
  t.equal(one.headers.get("etag"), '"1"');
  const rotated = await ask("POST", "/platforms/cf/rotate", undefined, { "if-match": '"1"' });
  t.match(rotated.body, { version: 2, password: /^[\w-]{43}$/ });
  passwords.push(String(rotated.body.password));
  const again = await ask("POST", "/platforms/cf/rotate", undefined, { "if-match": '"2"' });
  passwords.push(String(again.body.password));
  const kept = await broker.open.knex("platform_passwords").where({ platform_id: one.body.id });
  t.equal(kept.length, 2, "the newest two are valid: one that leaked is gone with the second rotation");
  const changed = await ask("POST", "/platforms/cf/disable", undefined, { "if-match": '"3"' });
  t.match(changed.body, { state: "disabled", version: 4 });
  isProblem(t, await ask("POST", "/platforms/cf/rotate", undefined, { "if-match": '"4"' }), 409, "Disabled");
  t.same((await all(ask, "/platforms?state=disabled")).length, 1);
  t.equal((await ask("POST", "/platforms/cf/enable", undefined, { "if-match": '"4"' })).body.state, "active");
  isProblem(t, await ask("GET", "/platforms/nowhere"), 404, "NotFound");

  for (const action of ["platform.added", "platform.rotated", "platform.disabled", "platform.enabled"]) {
    const [row] = await auditOf(broker, action);
    t.same(JSON.parse(String(row?.actor)), { by: "token", principal: "anna", token: id }, action);
    t.equal(row?.platform_id, one.body.id);
    t.ok(row?.request_id);
  }
  const seen = JSON.stringify([await all(ask, "/platforms"), one.body, await broker.open.knex("audit"), broker.logged]);
  for (const password of passwords) t.notOk(seen.includes(password), "a password is shown once");
  t.notOk(seen.includes("$scrypt$"), "and hashes are not shown at all");
});

story("of two administrators who change the same thing, one gets 412 and the ETag there is now", async (t, start) => {
  const broker = await start();
  const anna = await clientOf(broker);
  const bert = await clientOf(broker, { name: "bert" });
  await anna.ask("POST", "/platforms", { name: "cf" });
  const etag = (await anna.ask("GET", "/platforms/cf")).headers.get("etag") ?? "";
  isProblem(t, await anna.ask("POST", "/platforms/cf/disable"), 428, "PreconditionRequired");
  const [one, other] = await Promise.all([
    anna.ask("POST", "/platforms/cf/disable", undefined, { "if-match": etag }),
    bert.ask("POST", "/platforms/cf/rotate", undefined, { "if-match": etag }),
  ]);
  const [first, second] = one.status === 200 ? [one, other] : [other, one];
  t.equal(first.status, 200);
  t.equal(first.headers.get("etag"), '"2"');
  if (second.status !== 409) isProblem(t, second, 412, "Stale");
  const late = await bert.ask("POST", "/platforms/cf/enable", undefined, { "if-match": etag });
  isProblem(t, late, 412, "Stale");
  t.equal(late.headers.get("etag"), '"2"', "what to read again");
  t.equal((await bert.ask("POST", "/platforms/cf/enable", undefined, { "if-match": 'W/"2"' })).status, 412, "weak");
  t.equal((await bert.ask("POST", "/platforms/cf/enable", undefined, { "if-match": '"1", "2"' })).status, 200);
});

story(
  "what a list does not know is refused with what was meant, and cursors of elsewhere are refused",
  async (t, start) => {
    const { ask } = await clientOf(await start());
    const wrong: readonly [string, object][] = [
      ["/platforms?limits=5", { parameter: "limits", detail: 'is not known here; did you mean "limit"?' }],
      ["/platforms?limit=0", { parameter: "limit", detail: "must be at least 1" }],
      ["/platforms?limit=201", { parameter: "limit", detail: "must be at most 200" }],
      ["/platforms?limit=ten", { parameter: "limit", detail: "must be a whole number" }],
      ["/platforms?limit=1&limit=2", { parameter: "limit", detail: "must be a whole number" }],
      [
        "/platforms?state=disable",
        { parameter: "state", detail: 'must be one of "active", "disabled"; did you mean "disabled"?' },
      ],
      ["/platforms?cursor=nonsense", { parameter: "cursor", detail: "is none that this list gave out" }],
      ["/me?x=1", { parameter: "x", detail: "is not known here" }],
    ];
    for (const [path, error] of wrong) isProblem(t, await ask("GET", path), 400, "Invalid", [error]);
    for (const name of ["a", "b", "c"]) await ask("POST", "/platforms", { name });
    const page = await ask("GET", "/platforms?limit=2&state=active");
    const cursor = String(page.body.next);
    t.equal(
      page.headers.get("link"),
      `</api/v1/platforms?limit=2&state=active&cursor=${cursor}>; rel="next"`,
      "the address of the next page",
    );
    t.match((await ask("GET", `/platforms?limit=2&cursor=${cursor}`)).body, { items: [{ name: "c" }] });
    isProblem(t, await ask("GET", `/tokens?cursor=${cursor}`), 400, "Invalid");
    const last = await ask("GET", "/platforms?limit=3");
    t.equal(last.body.next, undefined, "a page that is exactly full is known to be the last one");
    t.equal(last.headers.get("link"), null);
  },
);

story("methods: HEAD as GET without the body, 405 with Allow, and 404 in the form of all errors", async (t, start) => {
  const { ask } = await clientOf(await start());
  const head = await ask("HEAD", "/platforms");
  t.equal(head.status, 200);
  t.equal(head.text, "");
  const wrong = await ask("PUT", "/platforms?x=1", {});
  isProblem(t, wrong, 405, "MethodNotAllowed");
  t.equal(wrong.headers.get("allow"), "GET, HEAD, POST");
  isProblem(t, await ask("GET", "/platforms/cf/rotate"), 405, "MethodNotAllowed");
  isProblem(t, await ask("GET", "/no-such-path"), 404, "NotFound");
});

t.test("a route that does not say what it does is not served at all", async (t) => {
  const app = Fastify();
  const nobody = { byHash: async () => undefined, used: async () => {} };
  addAuthentication(app, { tokens: nobody, now: Date.now });
  addGuard(app);
  t.throws(() => app.get("/everything", async () => "secrets"), /GET \/everything does not say what it does/);
  t.doesNotThrow(() => app.get("/me", { config: { action: "signed-in" } }, async () => "me"));
  await app.close();
});
