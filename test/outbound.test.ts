/** What adapters are told of answers that are too large, too late or never come, and of how long to wait. */
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import t, { type Test } from "tap";
import { Agent, request } from "undici";
import { createTokenSource } from "../src/oauth/client-credentials.ts";
import { bounded, queryOf, readObject, retryAfterMs, whyUnanswered, within } from "../src/outbound/http.ts";

const bounds = { connections: 1, connectTimeoutMs: 1000, timeoutMs: 300, maxResponseBytes: 2000 };

async function serverOf(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.closeAllConnections());
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What is told of one request; its answer where one came. */
async function told(t: Test, url: string, signal = new AbortController().signal): Promise<string> {
  const agent = new Agent(bounded(bounds, {}));
  t.teardown(() => agent.destroy());
  try {
    const { body } = await request(`${url}/x?password=geheim`, { dispatcher: agent, signal: within(bounds, signal) });
    return await body.text();
  } catch (error) {
    return whyUnanswered(error, signal, "The vendor");
  }
}

t.test("an answer that is too large, too slow or never comes is told without what was asked", async (t) => {
  const slowly = await serverOf(t, (_, reply) => {
    reply.write("a first piece");
  });
  t.equal(await told(t, slowly), "The vendor did not answer in time.");
  const large = await serverOf(t, (_, reply) => {
    reply.end("x".repeat(2001));
  });
  t.equal(await told(t, large), "The vendor answered with more than is allowed.");
  t.equal(
    await told(
      t,
      await serverOf(t, (_, reply) => {
        reply.end("x".repeat(2000));
      }),
    ),
    "x".repeat(2000),
    "up to the limit it is read",
  );
  t.equal(await told(t, "http://127.0.0.1:1"), "The vendor could not be asked (ECONNREFUSED).");
  const cut = await serverOf(t, ({ socket }) => {
    socket.destroy();
  });
  t.equal(await told(t, cut), "The vendor could not be asked (UND_ERR_SOCKET).");
  t.equal(await told(t, slowly, AbortSignal.abort()), "The request was given up.");
});

t.test("`Retry-After` is read in seconds and as a date, for a day at most", async (t) => {
  t.equal(retryAfterMs("120"), 120_000);
  t.equal(retryAfterMs(" 0 "), 0);
  t.equal(retryAfterMs("999999999"), 86_400_000, "more is taken for a mistake");
  const inAMinute = retryAfterMs(new Date(Date.now() + 60_000).toUTCString()) ?? 0;
  t.ok(inAMinute > 50_000 && inAMinute <= 60_000, `${inAMinute} ms`);
  t.equal(retryAfterMs("Wed, 21 Oct 2015 07:28:00 GMT"), 0, "a time that is over is now");
  for (const nothing of ["", "soon", "12345678901", undefined]) t.equal(retryAfterMs(nothing), undefined, `${nothing}`);
});

t.test("what is no JSON object is none, and what is not given is not asked for", async (t) => {
  t.same(readObject('{"a":1}'), { a: 1 });
  for (const text of ["[1]", "null", "1", "{", ""]) t.equal(readObject(text), undefined, text);
  t.equal(queryOf({ a: "b c&d", e: undefined }), "?a=b+c%26d");
  t.equal(queryOf({ e: undefined }), "");
  t.equal(queryOf(), "");
});

t.test("a token endpoint that answers without end does not fill the memory", async (t) => {
  const endless = await serverOf(t, (_, reply) => {
    reply.writeHead(200, { "content-type": "application/json" });
    const more = () => {
      while (reply.write("x".repeat(64 * 1024)));
    };
    reply.on("drain", more);
    more();
  });
  const source = createTokenSource({
    tokenUrl: `${endless}/token`,
    clientId: "lotse",
    clientSecret: "geheim",
    connectTimeoutMs: 1000,
    tls: {},
  });
  await t.rejects(source.token(new AbortController().signal));
});
