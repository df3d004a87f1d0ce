/** What a stranger's bytes may do: over a real socket, every oversized or broken request is a clear 4xx and nothing more. */
import { connect } from "node:net";
import t from "tap";
import { offeringId, order, startTestBroker, syncPlan } from "../support/broker.ts";
import { createScripted } from "../support/scripted.ts";

interface Heard {
  readonly status: number;
  readonly body: string;
}

/** Sends bytes as they are and reads until the server hangs up. */
function send(port: number, ...parts: readonly (string | Buffer)[]): Promise<Heard> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let heard = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => {
      heard += chunk;
    });
    // A server that refuses early resets the connection while we still write; what it said before counts.
    socket.on("error", () => {});
    socket.on("close", () => {
      const [head = "", body = ""] = heard.split("\r\n\r\n");
      resolve({ status: Number(head.split(" ")[1] ?? 0), body });
    });
    for (const part of parts) socket.write(part);
  });
}

const path = "/v2/service_instances/i1";
const fixed = "Host: lotse\r\nConnection: close\r\nAuthorization: a\r\nX-Broker-API-Version: 2.17\r\n";
const json = "Content-Type: application/json\r\n";

const head = (target: string, headers: string, method = "PUT") =>
  `${method} ${target} HTTP/1.1\r\n${fixed}${headers}\r\n`;

function put(body: string | Buffer, target = path, headers = json): (string | Buffer)[] {
  return [head(target, `${headers}Content-Length: ${Buffer.byteLength(body)}\r\n`), body];
}

const good = JSON.stringify(order());
const withField = (name: string, value: string) => `${good.slice(0, -1)},"${name}":${value}}`;
const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
const chunked = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
const mebibyte = 1024 * 1024;
const identity = (text: string | Buffer) =>
  `${json}X-Broker-API-Originating-Identity: cloudfoundry ${Buffer.from(text).toString("base64")}\r\n`;

/** What is sent, the status it deserves, and words the answer must have. */
const cases: readonly (readonly [string, readonly (string | Buffer)[], number, RegExp])[] = [
  ["a body of more than 1 MiB", put(withField("x", `"${"x".repeat(mebibyte)}"`)), 413, /PayloadTooLarge/],
  [
    "such a body in chunks, without a length",
    [head(path, `${json}Transfer-Encoding: chunked\r\n`), chunked(withField("x", `"${"x".repeat(mebibyte)}"`))],
    413,
    /PayloadTooLarge/,
  ],
  [
    "a length of 1 TiB with nothing behind it",
    [head(path, `${json}Content-Length: ${2 ** 40}\r\n`)],
    413,
    /PayloadTooLarge/,
  ],
  ["headers of more than 16 KiB", [head(path, `X-Long: ${"x".repeat(17_000)}\r\n`)], 431, /16 KiB/],
  ["two thousand headers", [head(path, "X-Many: 1\r\n".repeat(2000))], 431, /16 KiB/],
  ["a path of more than 16 KiB", [head(`${path}${"x".repeat(17_000)}`, "")], 431, /16 KiB/],
  ["an instance id of 256 characters", put(good, `/v2/service_instances/${"x".repeat(256)}`), 400, /255 characters/],
  ["an instance id with U+0000", put(good, "/v2/service_instances/a%00b"), 400, /control characters/],
  ["an instance id with a line break", put(good, "/v2/service_instances/a%0Ab"), 400, /control characters/],
  ["an instance id that is not UTF-8", put(good, "/v2/service_instances/a%ff"), 400, /percent-encoded/],
  ["half an escape in the path", put(good, "/v2/service_instances/a%4"), 400, /percent-encoded/],
  ["a query value with U+0000", [head(`${path}?service_id=%00&plan_id=p`, "", "DELETE")], 400, /MalformedRequest/],
  [
    "a query value given twice",
    [head(`${path}?service_id=a&service_id=b&plan_id=p`, "", "DELETE")],
    400,
    /more than once/,
  ],
  ["accepts_incomplete=maybe", put(good, `${path}?accepts_incomplete=maybe`), 400, /true or false/],
  ["no body at all", [head(path, json)], 400, /JSON body/],
  ["a body that ends too early", put(good.slice(0, -1)), 400, /ends too early/],
  ["a body that goes on after its end", put(`${good}{}`), 400, /goes on/],
  ["objects 33 deep", put(withField("parameters", nested(32))), 400, /nested deeper/],
  ["a hundred thousand open brackets", put("[".repeat(100_000)), 400, /not an object/],
  ["an object deeper than any stack", put(nested(100_000)), 400, /nested deeper/],
  ["a key given twice", put(withField("plan_id", `"${syncPlan}"`)), 400, /twice/],
  ["the key __proto__", put(withField("__proto__", "{}")), 400, /__proto__/],
  ["U+0000 in a string", put(withField("x", '"a\\u0000"')), 400, /U\+0000/],
  ["half a surrogate pair", put(withField("x", '"\\ud800"')), 400, /surrogate/],
  [
    "bytes that are not UTF-8",
    put(Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')])),
    400,
    /UTF-8/,
  ],
  ["a byte order mark", put(`\ufeff${good}`), 400, /byte order mark/],
  ["a number that would change", put(withField("x", "9007199254740993")), 400, /number/],
  ["a list instead of an object", put("[]"), 400, /not an object/],
  ["null instead of an object", put("null"), 400, /not an object/],
  ["a number as plan_id", put(good.replace(`"${syncPlan}"`, "1")), 400, /plan_id must be a string/],
  ["a list as service_id", put(good.replace(`"${offeringId}"`, "[]")), 400, /service_id must be a string/],
  ["a text as parameters", put(withField("parameters", '"x"')), 400, /parameters must be an object/],
  ["a list as context", put(withField("context", "[]")), 400, /context must be an object/],
  ["a number as maintenance_info", put(withField("maintenance_info", "1")), 400, /maintenance_info must be an object/],
  ["parameters that the plan's schema refuses", put(withField("parameters", '{"size":"x"}')), 400, /parameters\.size/],
  [
    "a form instead of JSON",
    put("a=b", path, "Content-Type: application/x-www-form-urlencoded\r\n"),
    400,
    /application\/json/,
  ],
  ["XML", put("<a/>", path, "Content-Type: text/xml\r\n"), 400, /application\/json/],
  [
    "a compressed body",
    put(Buffer.from([0x1f, 0x8b, 8, 0]), path, `${json}Content-Encoding: gzip\r\n`),
    400,
    /Content-Encoding/,
  ],
  ["a coding the body does not have", put(good, path, `${json}Content-Encoding: gzip\r\n`), 400, /Content-Encoding/],
  ["no Host", [`PUT ${path} HTTP/1.1\r\nConnection: close\r\n\r\n`], 400, /Host/],
  ["an expectation nobody knows", [head(path, `${json}Expect: banana\r\nContent-Length: 0\r\n`)], 417, /100-continue/],
  [
    "length and chunks at once",
    [head(path, `${json}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n`), chunked(good)],
    400,
    /./,
  ],
  ["two different lengths", [head(path, `${json}Content-Length: 5\r\nContent-Length: 6\r\n`), "{}"], 400, /./],
  ["what is no HTTP", ["\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"], 400, /./],
  ["a header with U+0000", [head(path, "X-Bad: a\x00b\r\n")], 400, /./],
  ["a method nobody knows", [head(path, "", "BREW")], 400, /./],
  ["a method this path does not know", [head(path, "Content-Length: 0\r\n", "POST")], 405, /MethodNotAllowed/],
  ["a path nobody knows", [head("/v2/nowhere", "", "GET")], 404, /NotFound/],
  ["a path that climbs", [head("/docs/static/..%2f..%2f..%2fpackage.json", "", "GET")], 404, /NotFound|not found/i],
  ["an identity that is no JSON", put(good, path, identity("{")), 400, /ends too early/],
  ["an identity that is not UTF-8", put(good, path, identity(Buffer.from([0x7b, 0xff, 0x7d]))), 400, /UTF-8/],
];

t.test("every broken or oversized request is refused in words, and changes nothing", async (t) => {
  const scripted = createScripted();
  const broker = await startTestBroker(t, { adapter: scripted.adapter, switches: { strictOriginatingIdentity: true } });
  await broker.app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = broker.app.server.address() as { readonly port: number };
  const rows = async () => {
    const counts: Record<string, number> = {};
    for (const table of ["instances", "bindings", "operations", "audit"])
      counts[table] = Number((await broker.open.knex(table).count({ count: "*" }).first())?.count);
    return counts;
  };
  const before = await rows();
  for (const [what, bytes, status, words] of cases) {
    const heard = await send(port, ...bytes);
    t.equal(heard.status, status, what);
    t.match(heard.body, words, `${what}: ${heard.body.slice(0, 200)}`);
    t.match(JSON.parse(heard.body), { error: String, description: String }, "in the form OSB wants");
    t.notMatch(heard.body, /node_modules|\.ts\b|\n\s+at /, "and nothing of our insides");
  }
  t.same(await rows(), before, "no row was written");
  t.same(scripted.calls, [], "no provider was asked");
  t.equal(
    (await send(port, ...put(withField("parameters", '{"size":1}')))).status,
    201,
    "a good order is still served",
  );
  t.equal(
    (await send(port, ...put(good, `/v2/service_instances/${"x".repeat(255)}`))).status,
    201,
    "also at the limit",
  );
});
