/** OpenTofu's `http` backend for one run: on the loopback address, behind a password that only this run knows. */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";

export interface StateServer {
  /** What tells OpenTofu where its state is. */
  readonly environment: { readonly [name: string]: string };
  close(): void;
}

/** More than any state should have. */
const longestState = 256 * 1024 * 1024;

/**
 * `keep` gets each state that OpenTofu writes, and has OpenTofu wait until it resolves. Only the holder of the lock may
 * write: OpenTofu takes the lock first and gives it back at its end.
 */
export async function serveState(first: string | null, keep: (state: string) => Promise<void>): Promise<StateServer> {
  const password = randomBytes(24).toString("base64url");
  const wanted = Buffer.from(`Basic ${Buffer.from(`lotse:${password}`).toString("base64")}`);
  let state = first;
  let lock: { readonly id: string; readonly info: string } | undefined;

  async function answer(request: IncomingMessage): Promise<readonly [status: number, body?: string]> {
    const given = Buffer.from(request.headers.authorization ?? "");
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return [401];
    const body = await read(request);
    switch (request.method) {
      case "GET":
        return state === null ? [204] : [200, state];
      case "LOCK":
        if (lock !== undefined) return [423, lock.info];
        lock = { id: idIn(body), info: body };
        return [200];
      case "UNLOCK":
        if (lock?.id !== idIn(body)) return [409];
        lock = undefined;
        return [200];
      case "POST": {
        const id = new URL(request.url ?? "", "http://localhost").searchParams.get("ID");
        if (lock === undefined || lock.id !== id) return [423, lock?.info ?? "{}"];
        await keep(body);
        state = body;
        return [200];
      }
      default:
        return [405];
    }
  }

  const server = createServer((request, response) => {
    answer(request).then(
      ([status, body]) => response.writeHead(status, { "content-type": "application/json" }).end(body),
      () => response.writeHead(500).end(),
    );
  });
  // A connection that is closed while a state is on its way over it would have OpenTofu despair.
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  const address = `http://127.0.0.1:${port}/state`;
  return {
    environment: {
      TF_HTTP_ADDRESS: address,
      TF_HTTP_LOCK_ADDRESS: address,
      TF_HTTP_UNLOCK_ADDRESS: address,
      TF_HTTP_USERNAME: "lotse",
      TF_HTTP_PASSWORD: password,
      // Nothing gets lost between processes of one machine: who does not answer is gone.
      TF_HTTP_RETRY_MAX: "0",
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > longestState) throw new Error("The state is too long.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

const idIn = (info: string): string => String((JSON.parse(info) as { readonly ID?: unknown }).ID);
