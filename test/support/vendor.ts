/** The demonstration's vendor of software, for tests: a process of its own, and what stands in the way of its answers. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Test } from "tap";
import type { Access, JsonObject } from "../../src/core/adapter.ts";

export interface VendorClient {
  readonly name: string;
  readonly token: string;
  readonly callbackSecret: string;
}

export interface VendorProcess {
  readonly port: number;
  readonly url: string;
  readonly child: ChildProcess;
  /** Kills it and waits for the end. */
  kill(): Promise<void>;
}

export const newClient = (name: string): VendorClient => ({
  name,
  token: randomBytes(24).toString("base64url"),
  callbackSecret: `whsec_${randomBytes(32).toString("base64")}`,
});

export async function startVendor(
  t: Test,
  directory: string,
  clients: readonly VendorClient[],
  workMs = 30,
): Promise<VendorProcess> {
  const script = fileURLToPath(new URL("../../demo/vendor/main.ts", import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  child.stdin.write(`${JSON.stringify({ directory, workMs, clients })}\n`);
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const { port } = JSON.parse(line) as { port: number };
  const kill = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  t.teardown(kill);
  return { port, url: `http://127.0.0.1:${port}`, child, kill };
}

/** Signs in with access that was handed out: the status, and what the application shows. */
export async function signIn(access: Access | JsonObject): Promise<{ status: number; body: JsonObject }> {
  const { uri, username, password } = access.credentials as Record<string, string>;
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  const response = await fetch(String(uri), { headers: { authorization } });
  return { status: response.status, body: (await response.json()) as JsonObject };
}

/** Which request is lost: before it reaches the vendor, or its answer after it took effect. */
export type Loss = { readonly nth: number; readonly when: "before" | "after" };

export interface FaultProxy {
  readonly url: string;
  readonly lost: () => boolean;
  close(): Promise<void>;
}

/** Stands in front of a server and loses one request or answer. */
export async function faultProxy(t: Test, port: number, { nth, when }: Loss): Promise<FaultProxy> {
  let seen = 0;
  let lost = false;
  const server = createServer((incoming: IncomingMessage, outgoing: ServerResponse) => {
    seen += 1;
    const chosen = seen === nth;
    if (chosen) lost = true;
    if (chosen && when === "before") return void incoming.socket.destroy();
    const { method, url: path, headers } = incoming;
    const onward = send({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
      if (!chosen) {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
        return;
      }
      answer.resume();
      answer.once("end", () => incoming.socket.destroy());
    });
    onward.once("error", () => incoming.socket.destroy());
    incoming.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async () => {
    server.closeAllConnections();
    server.close();
  };
  t.teardown(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, lost: () => lost, close };
}
