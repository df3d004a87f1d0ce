/**
 * A line to all services of a cloud that fails as networks do. It stands in for every address in Keystone's catalog, so that
 * whoever logs in through it asks everything through it: `http://LINE/PORT/…` leads to `http://127.0.0.1:PORT/…`.
 */
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Test } from "tap";

/** `before`: the request gets lost; `after`: it takes effect, and the answer gets lost. */
export type Loss = "before" | "after" | undefined;

export interface Asked {
  /** Counted from 1. */
  readonly nth: number;
  readonly method: string;
  /** With the port in front. */
  readonly path: string;
  readonly body: string;
}

export interface CloudLine {
  /** Keystone's address by this line. */
  readonly authUrl: string;
  /** Whether anything got lost. */
  lost(): boolean;
  /** Everything that was asked so far. */
  asked(): readonly Asked[];
}

/** `judge` says of each request what becomes of it, or answers in the cloud's place. */
export async function startCloudLine(
  t: Test,
  authUrl: string,
  judge: (
    asked: Asked,
  ) => Loss | { readonly status: number; readonly headers?: Record<string, string>; readonly body: string },
): Promise<CloudLine> {
  const agent = new Agent({ keepAlive: true });
  const sockets = new Set<Socket>();
  const log: Asked[] = [];
  let lost = false;

  async function carry(question: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await buffer(question);
    const { method = "GET", url: path = "/" } = question;
    const asked = { nth: log.length + 1, method, path, body: body.toString() };
    log.push(asked);
    const verdict = judge(asked);
    if (typeof verdict === "object") {
      answer.writeHead(verdict.status, { "content-type": "application/json", ...verdict.headers });
      answer.end(verdict.body);
      return;
    }
    lost ||= verdict !== undefined;
    if (verdict === "before") return void question.socket.destroy();
    const [, port = "", rest = ""] = /^\/(\d+)(\/.*)$/.exec(path) ?? [];
    const asking = request({
      host: "127.0.0.1",
      port,
      path: rest,
      method,
      headers: { ...question.headers, host: `127.0.0.1:${port}` },
      agent,
    });
    // Swift sends a body after HEAD, which Node takes for an error when the answer is there already.
    asking.on("error", () => undefined);
    asking.end(body);
    const [reply] = (await once(asking, "response")) as [IncomingMessage];
    const text = await buffer(reply);
    if (verdict === "after") return void question.socket.destroy();
    const isToken = method === "POST" && path.endsWith("/auth/tokens");
    const whole = isToken ? Buffer.from(text.toString().replace(/http:\/\/127\.0\.0\.1:(\d+)/g, `${here}/$1`)) : text;
    const { "transfer-encoding": _, connection: __, ...headers } = reply.headers;
    answer.writeHead(reply.statusCode ?? 502, { ...headers, "content-length": String(whole.length) });
    answer.end(whole);
  }

  const server = createServer((question, answer) => {
    question.on("error", () => undefined);
    answer.on("error", () => undefined);
    carry(question, answer).catch(() => question.socket.destroy());
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    agent.destroy();
    server.close();
  });
  const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { port, pathname } = new URL(authUrl);
  return { authUrl: `${here}/${port}${pathname}`, lost: () => lost, asked: () => log };
}
