/** TCP between a client and a server, with the faults that networks have. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Test } from "tap";

export interface Wire {
  readonly port: number;
  /** Whether the fault has come about. */
  readonly lost: () => boolean;
}

/**
 * Leads to `port`, and takes the line down in place of the server's answer to the `nth` question it did work for; or, with
 * `before`, in place of the question.
 */
export async function losingWire(
  t: Test,
  port: number,
  nth: number,
  isQuestion: (data: Buffer) => boolean,
  moment: "before" | "after" = "after",
): Promise<Wire> {
  let questions = 0;
  let lost = false;
  const server = createServer((client) => {
    const back = connect(port, "127.0.0.1");
    let asked = 0;
    ignoreErrors(client, back);
    client.on("data", (data) => {
      if (isQuestion(data)) asked = ++questions;
      if (moment === "before" && asked === nth && !lost) {
        lost = true;
        client.destroy();
        back.end();
        return;
      }
      back.write(data);
    });
    back.on("data", (data) => {
      if (moment === "before" || asked === 0 || asked < nth || lost) {
        client.write(data);
        return;
      }
      lost = true;
      client.destroy();
      back.end();
    });
    client.on("close", () => back.end());
    back.on("close", () => client.destroy());
  });
  return { port: await listen(t, server), lost: () => lost };
}

/** Takes what it is sent and never says a word. `reached` resolves with the first of it. */
export async function silentWire(t: Test): Promise<{ readonly port: number; readonly reached: Promise<unknown> }> {
  let arrived: (data: unknown) => void = () => {};
  const reached = new Promise((resolve) => {
    arrived = resolve;
  });
  const server = createServer((client) => {
    ignoreErrors(client);
    client.once("data", arrived);
  });
  return { port: await listen(t, server), reached };
}

/** A port of this machine where nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function ignoreErrors(...sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.on("error", () => socket.destroy());
}

async function listen(t: Test, server: Server): Promise<number> {
  const open = new Set<Socket>();
  server.on("connection", (socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
