/**
 * A line to HTTP servers. It carries every request whole, and lets a test decide what becomes of it and of its answer.
 * Headers pass unchanged, so that signatures hold. Each request has a connection of its own to the server: none is closed
 * under it.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, request as plainly, type ServerResponse } from "node:http";
import { request as encrypted } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Test } from "tap";

export interface Asked {
  /** Counted from 1. */
  readonly nth: number;
  readonly method: string;
  /** As it was asked for at the line. */
  readonly path: string;
  readonly body: string;
}

export const isGet = ({ method }: Asked): boolean => method === "GET" || method === "HEAD";

/** `before`: the request gets lost; `after`: it takes effect, and the answer gets lost. */
export type Loss = "before" | "after" | undefined;

export interface Canned {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export type Verdict = Loss | Canned;

export interface Destination {
  readonly url: URL;
  /** In place of the header that the request came with. */
  readonly host?: string;
  /** PEM, for https. */
  readonly ca?: string;
}

export interface Watcher {
  /** What becomes of a request, or an answer in the server's place. Nothing is carried before it has resolved. */
  judge(asked: Asked): Verdict | Promise<Verdict>;
  /** The answer is there, or none will come. It is handed on when this has resolved, and gets lost if it rejects. */
  onAnswer?(asked: Asked): Promise<void>;
}

export interface Way extends Watcher {
  whereTo(path: string): Destination;
  /** The answer's body as it is handed on; `here` is the line's own address. */
  reword?(asked: Asked, text: Buffer, here: string): Buffer;
}

/** The line's own address. */
export async function startHttpLine(t: Test, { judge, onAnswer, whereTo, reword }: Way): Promise<string> {
  const sockets = new Set<Socket>();
  let count = 0;

  async function carry(question: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await buffer(question);
    const { method = "GET", url: path = "/" } = question;
    const asked = { nth: ++count, method, path, body: body.toString() };
    const verdict = await judge(asked);
    if (typeof verdict === "object") {
      answer.writeHead(verdict.status, { "content-type": "application/json", ...verdict.headers });
      answer.end(verdict.body);
      return;
    }
    if (verdict === "before") return void question.socket.destroy();
    const carried = ask(question, body, whereTo(path));
    await Promise.allSettled([carried]);
    await onAnswer?.(asked);
    const { reply, text } = await carried;
    if (verdict === "after") return void question.socket.destroy();
    const whole = reword?.(asked, text, here) ?? text;
    const { "transfer-encoding": _, connection: __, ...rest } = reply.headers;
    answer.writeHead(reply.statusCode ?? 502, { ...rest, "content-length": String(whole.length) });
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
    server.close();
  });
  const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return here;
}

async function ask(question: IncomingMessage, body: Buffer, { url, host, ca }: Destination) {
  const { connection: _, ...headers } = question.headers;
  const request = url.protocol === "https:" ? encrypted : plainly;
  const asking = request(url, {
    method: question.method,
    headers: { ...headers, ...(host !== undefined && { host }) },
    agent: false,
    ...(ca !== undefined && { ca }),
  });
  // Swift sends a body after HEAD, which Node takes for an error when the answer is there already.
  asking.on("error", () => undefined);
  asking.end(body);
  const [reply] = (await once(asking, "response")) as [IncomingMessage];
  return { reply, text: await buffer(reply) };
}

/** A line to one server. */
export function startLineTo(t: Test, url: string, watcher: Watcher, ca?: string): Promise<string> {
  return startHttpLine(t, {
    ...watcher,
    whereTo: (path) => ({ url: new URL(path, url), ...(ca !== undefined && { ca }) }),
  });
}
