/**
 * A small vendor of software: a process of its own with a store of its own, that implements openapi/saas-provider.json and
 * lets customers sign in. It knows nothing of Lotse but the contract.
 *
 * What it needs comes as one line of JSON on standard input, because it holds secrets; when that ends, it ends. It tells
 * its port by one line of JSON on standard output.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { answerApp } from "./app.ts";
import { answerContract } from "./contract.ts";
import { Problem, sendProblem } from "./http.ts";
import { openStore } from "./store.ts";
import { startWork } from "./work.ts";

interface Settings {
  readonly directory: string;
  /** How long it takes to set up what takes a while. */
  readonly workMs: number;
  readonly clients: readonly { readonly name: string; readonly token: string; readonly callbackSecret: string }[];
}

const host = "127.0.0.1";

async function serve({ directory, workMs, clients }: Settings): Promise<() => void> {
  const store = openStore(directory);
  const digest = (token: string) => createHash("sha256").update(token).digest("hex");
  const byToken = new Map(clients.map(({ name, token }) => [digest(token), name]));
  const secrets = new Map(
    clients.map(({ name, callbackSecret }) => [name, Buffer.from(callbackSecret.replace(/^whsec_/, ""), "base64")]),
  );
  const work = startWork(store, (client) => secrets.get(client));
  let base = "";
  const parts = {
    store,
    work,
    workMs,
    clientOf: (token: string) => byToken.get(digest(token)),
    appUrl: (subscription: string) => `${base}/apps/${subscription}/`,
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://vendor");
      const path = pathname.split("/").slice(1).map(decodeURIComponent);
      const [first, id = ""] = path;
      if (first === "apps" && path.length <= 3) await answerApp(store, id, request, response);
      else if (first === "subscriptions" || first === "orders")
        await answerContract(parts, path, searchParams, request, response);
      else throw new Problem(404, "not-found", "There is nothing at this path.");
    } catch (error) {
      if (!(error instanceof Problem || error instanceof URIError)) console.error(error);
      sendProblem(response, error instanceof URIError ? new Problem(400, "path", "The path cannot be read.") : error);
    }
  }

  const server = createServer((request, response) => void answer(request, response));
  const port = await listen(server, join(directory, "port"));
  base = `http://${host}:${port}`;
  process.stdout.write(`${JSON.stringify({ port })}\n`);
  return () => {
    work.stop();
    server.close(() => store.close());
    server.closeAllConnections();
  };
}

/** How long a former process may take to let go of the port, in ms. */
const handOverMs = 2_000;

/** The port of the last start, so that access handed out before keeps working. */
async function listen(server: Server, file: string): Promise<number> {
  const remembered = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
  for (let waited = 0; remembered > 0 && waited < handOverMs; waited += 50) {
    if (await opened(server, remembered)) return remembered;
    await wait(50);
  }
  if (!(await opened(server, 0))) throw new Error(`No free port was found on ${host}.`);
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  writeFileSync(file, `${port}\n`);
  return port;
}

function opened(server: Server, port: number): Promise<boolean> {
  return new Promise((done) => {
    const failed = () => done(false);
    server.once("error", failed);
    server.listen(port, host, () => {
      server.off("error", failed);
      done(true);
    });
  });
}

const input = createInterface({ input: process.stdin });
let stop = () => {};
input.once("line", (line) => {
  serve(JSON.parse(line) as Settings).then(
    (end) => {
      stop = end;
    },
    (error: unknown) => {
      console.error(error);
      process.exitCode = 1;
      input.close();
      process.stdin.destroy();
    },
  );
});
input.once("close", () => stop());
// Ctrl-C is for the program that started this one, and reaches this one as well.
process.on("SIGINT", () => {});
