/** A line to one HTTP server that fails as networks do; headers pass unchanged, so that signatures hold. */
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Test } from "tap";
import type { Loss } from "./openstack-line.ts";

/** `judge` says of each request what becomes of it. The line's own address. */
export async function startLosingLine(t: Test, url: string, judge: () => Loss): Promise<string> {
  const sockets = new Set<Socket>();
  async function carry(question: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await buffer(question);
    const verdict = judge();
    if (verdict === "before") return void question.socket.destroy();
    const { method, url: path = "/", headers } = question;
    const asking = request(new URL(path, url), { method, headers, agent: false });
    asking.end(body);
    const [reply] = (await once(asking, "response")) as [IncomingMessage];
    const text = await buffer(reply);
    if (verdict === "after") return void question.socket.destroy();
    const { "transfer-encoding": _, connection: __, ...rest } = reply.headers;
    answer.writeHead(reply.statusCode ?? 502, { ...rest, "content-length": String(text.length) });
    answer.end(text);
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
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
