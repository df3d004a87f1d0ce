/** The headers of OSB, and what the log may say of requests and errors. */
import { test } from "tap";
import type { JsonObject } from "../../src/core/json.ts";
import { defaultSwitches } from "../../src/core/switches.ts";
import { describeError } from "../../src/http/log-redaction.ts";
import { checkApiVersion } from "../../src/osb/api-version.ts";
import { readOriginatingIdentity } from "../../src/osb/originating-identity.ts";
import { requestIdentity } from "../../src/osb/request-identity.ts";
import { type Answered, createRequestLog } from "../../src/request-log.ts";

test("every 2.x version from the configured one on is spoken (API Version Header)", (t) => {
  for (const version of ["2.0", "2.9", "2.13", "2.17", "2.18", "2.100", "2.017"]) {
    t.equal(checkApiVersion(version, defaultSwitches), undefined, version);
  }
  const switches = { ...defaultSwitches, minApiVersion: "2.10" };
  t.equal(checkApiVersion("2.10", switches), undefined);
  t.match(checkApiVersion("2.9", switches), {
    status: 412,
    error: "ApiVersionUnsupported",
    description: /accepts 2\.10 /,
  });
  t.end();
});

test("a missing version is a 400, or a 412 for older platforms, and says which header to send", (t) => {
  for (const header of [undefined, ""]) {
    const refusal = { status: 400, error: "ApiVersionMissing", description: /X-Broker-API-Version/ };
    t.match(checkApiVersion(header, defaultSwitches), refusal);
    t.match(checkApiVersion(header, { ...defaultSwitches, missingVersionStatus: 412 }), { ...refusal, status: 412 });
  }
  t.end();
});

test("another major version, or what is no version, is a 412 that names the versions spoken", (t) => {
  for (const version of [
    "1.17",
    "3.0",
    "20.1",
    "2",
    "2.",
    ".17",
    "2.17.0",
    "v2.17",
    "2.-1",
    "2.1e1",
    "2,17",
    "2.17, 2.17",
  ]) {
    const refusal = { status: 412, error: "ApiVersionUnsupported", description: /accepts 2\.0 and every later/ };
    t.match(checkApiVersion(version, defaultSwitches), refusal, version);
  }
  t.match(checkApiVersion(["2.17", "2.17"], defaultSwitches), { status: 412 }, "twice");
  t.match(
    checkApiVersion(`2.${"9".repeat(400)}`, defaultSwitches),
    { status: 412, description: /^.{0,200}$/ },
    "endless",
  );
  t.throws(() => checkApiVersion("2.17", { ...defaultSwitches, minApiVersion: "new" }), /minApiVersion/);
  t.end();
});

const encoded = (text: string) => Buffer.from(text).toString("base64");

test("the originating identity is read whatever properties it has (Originating Identity)", (t) => {
  t.equal(readOriginatingIdentity(undefined), undefined);
  const identities = [
    { platform: "cloudfoundry", value: { user_id: "683ea748", anything: ["else"] } },
    { platform: "kubernetes", value: { username: "duke", uid: "c2dde242" } },
    { platform: "sapbtp", value: {} },
  ];
  for (const identity of identities) {
    const header = `${identity.platform} ${encoded(JSON.stringify(identity.value))}`;
    t.strictSame(readOriginatingIdentity(header), identity, identity.platform);
  }
  t.end();
});

test("a malformed originating identity is told from a good one by a sentence, never by a throw", (t) => {
  const good = encoded('{"user_id":"hunter22"}');
  const cases: readonly (readonly [string | string[], RegExp])[] = [
    ["", /one space/],
    ["cloudfoundry", /one space/],
    ["cloudfoundry ", /one space/],
    [` ${good}`, /one space/],
    [`cloudfoundry  ${good}`, /one space/],
    [`cloudfoundry ${good} ${good}`, /one space/],
    [`cloudfoundry\t${good}`, /one space/],
    [`wölfe ${good}`, /one space/],
    [`${"x".repeat(65)} ${good}`, /one space/],
    [`cloudfoundry ${good}, cloudfoundry ${good}`, /one space/],
    ["cloudfoundry {}", /not valid Base64/],
    [`cloudfoundry ${good.replace(/=+$/, "")}`, /not valid Base64/],
    ["cloudfoundry e30-", /not valid Base64/],
    [`cloudfoundry ${encoded("[]")}`, /not an object/],
    [`cloudfoundry ${encoded('{"user_id":"hunter2"')}`, /ends too early/],
    [`cloudfoundry ${encoded('{"user_id":1,"user_id":2}')}`, /twice/],
    [`cloudfoundry ${encoded('{"__proto__":{}}')}`, /__proto__/],
    [`cloudfoundry ${Buffer.from('{"name":"ü"}', "latin1").toString("base64")}`, /not UTF-8/],
    [`cloudfoundry ${encoded(`{"groups":"${"x".repeat(8192)}"}`)}`, /longer than 8192/],
    [[`cloudfoundry ${good}`, `cloudfoundry ${good}`], /more than once/],
  ];
  for (const [header, problem] of cases) {
    const result = readOriginatingIdentity(header);
    t.match(result, { problem }, String(header).slice(0, 40));
    t.notMatch(result, { problem: /hunter2/ });
  }
  t.end();
});

test("a request keeps the identity its platform gave it, if that can be repeated safely (Request Identity)", (t) => {
  const made = "00000000-0000-4000-8000-000000000000";
  const identity = (header: string | string[] | undefined) => requestIdentity(header, () => made);
  for (const header of ["e26cee84-6b38-4456-b34e-d1a9f002c956", "x", "trace/1;a=b", "x".repeat(255)]) {
    t.equal(identity(header), header);
  }
  for (const header of [
    undefined,
    "",
    "two words",
    "line\r\nSet-Cookie: a=b",
    "ümlaut",
    "\u0000",
    "x".repeat(256),
    ["a", "b"],
  ]) {
    t.equal(identity(header), made, String(header).slice(0, 12));
  }
  t.end();
});

/** Planted wherever a secret could hide; no line may show it. */
const canary = "hunter2-canary";

/** The line that a request leaves, read as the JSON it is. */
function lineOf(answered: Answered): JsonObject {
  const lines: string[] = [];
  createRequestLog({ write: (line) => lines.push(line) })(answered);
  const [line = "", ...others] = lines;
  if (others.length > 0 || !/^\{[^\n]*\}\n$/.test(line)) throw new Error("That is not one line.");
  return JSON.parse(line) as JsonObject;
}

const answered: Answered = {
  method: "PUT",
  route: "/v2/service_instances/:instance_id",
  status: 202,
  requestId: "r1",
  platform: "cf",
  instance: "i1",
  binding: "b1",
  ms: 1.2345,
};

test("a request's log line has its route, not its path, and of the query only what OSB defines", (t) => {
  const asked = { service_id: "s1", plan_id: "p1", accepts_incomplete: "true", operation: "op" };
  const { time, ...line } = lineOf({ ...answered, query: { ...asked, token: canary, a: [canary] } });
  t.match(time, /^2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  t.strictSame(line, { level: 30, ...answered, query: asked, ms: 1.2, msg: "request" });
  const { method, route, status, requestId } = answered;
  const least = lineOf({ method, route, status, requestId, ms: 0 });
  t.strictSame(Object.keys(least), ["level", "time", "method", "route", "status", "requestId", "ms", "msg"]);
  t.equal(lineOf({ ...answered, query: { service_id: ["a", "b"] } }).query, undefined, "given twice");
  t.end();
});

test("what a caller sends cannot fake a log line, hide text or fill the disk", (t) => {
  const line = lineOf({
    ...answered,
    requestId: "a\r\nlevel=info forged",
    platform: "\u001b[2Jcleared\u202etxt",
    instance: 'x","status":200,"y":"\\',
    binding: "ü".repeat(100_000),
    query: { plan_id: "x".repeat(100_000) },
  });
  t.equal(line.requestId, "a level=info forged");
  t.equal(line.platform, "[2Jcleared txt");
  t.equal(line.instance, 'x","status":200,"y":"\\');
  t.equal(line.status, 202);
  t.ok(JSON.stringify(line).length < 1000);
  t.end();
});

test("an error's line has type, message, code, frames and causes", (t) => {
  const root = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  const both = new AggregateError([root, root], "all addresses failed");
  const line = describeError(new TypeError("could not\nsave", { cause: both }));
  t.match(line, {
    type: "TypeError",
    message: "could not save",
    stack: /^ {4}at .*edge\.test\.ts/,
    cause: {
      type: "AggregateError",
      message: "all addresses failed",
      parts: [{ type: "Error", message: "connect ECONNREFUSED", code: "ECONNREFUSED" }, { code: "ECONNREFUSED" }],
    },
  });
  t.end();
});

test("what drivers hang on an error stays out of the log", (t) => {
  class DatabaseError extends Error {}
  const error = Object.assign(new DatabaseError('duplicate key value violates unique constraint "instances_pk"'), {
    name: "error",
    code: "23505",
    detail: `Key (password)=(${canary}) already exists.`,
    where: canary,
    internalQuery: canary,
    parameters: [canary],
    input: `postgres://u:${canary}@db/`,
    toJSON: () => canary,
  });
  const line = describeError(error);
  t.notOk(JSON.stringify(line).includes(canary));
  t.match(line, { type: "DatabaseError", code: "23505", message: /"instances_pk"/ });
  t.end();
});

test("messages known to quote data lose it", (t) => {
  const thrownBy = (act: () => unknown): unknown => {
    try {
      return act();
    } catch (error) {
      return error;
    }
  };
  const withCode = (code: string, message: string) => Object.assign(new Error(message), { code });
  const bound = `insert into "accounts" ("hash") values ('${canary} - x') - UNIQUE constraint failed: accounts.name`;
  const cases: readonly (readonly [unknown, string])[] = [
    [thrownBy(() => JSON.parse(`{"p": ${canary}}`)), "The text is not valid JSON."],
    [new Error(bound), "(statement) - UNIQUE constraint failed: accounts.name"],
    [new Error(`update "a"\nset b = '${canary}' - failed`), "(statement) - failed"],
    [
      withCode("22P02", `invalid input syntax for type uuid: "${canary} "x" y"`),
      'invalid input syntax for type uuid: "…"',
    ],
    [withCode("42601", `syntax error at or near "${canary}"`), 'syntax error at or near "…"'],
  ];
  for (const [error, message] of cases) {
    const line = describeError(error);
    t.equal(line.message, message);
    t.notOk(JSON.stringify(line).includes(canary), message);
  }
  t.end();
});

test("anything thrown can be logged, and what is not an error is not shown", (t) => {
  for (const thrown of [canary, { password: canary }, [canary], Symbol(canary), () => canary, 7, null, undefined]) {
    t.strictSame(describeError(thrown), { type: typeof thrown, message: "What was thrown is not an Error." });
  }
  const circular = new Error("round");
  circular.cause = circular;
  t.match(describeError(circular), { cause: { cause: { message: "round" } } });
  const hostile = new Error("hostile");
  Object.defineProperty(hostile, "message", {
    get: () => {
      throw new Error(canary);
    },
  });
  Object.defineProperty(hostile, "cause", {
    get: () => {
      throw new Error(canary);
    },
  });
  t.match(describeError(hostile), { type: "Error", message: "" });
  const endless = new Error("x".repeat(1_000_000), { cause: new Error(`line\n${"y\n".repeat(100_000)}`) });
  t.ok(JSON.stringify(describeError(endless)).length < 20_000);
  t.end();
});

test("a message that imitates stack frames brings no data into the stack", (t) => {
  const message = `first\n    at ${canary} (file.js:1:2)`;
  t.notMatch(describeError(new Error(message)).stack, new RegExp(canary));
  t.end();
});
