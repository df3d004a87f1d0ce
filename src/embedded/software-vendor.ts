/** Runs the demonstration's vendor of software (demo/vendor) as a process of its own on loopback. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface VendorOptions {
  /** Kept across starts; holds the vendor's store and its port. */
  readonly directory: string;
  /** What the clients' secrets derive from, so that they are the same at every start. */
  readonly password: string;
  /** Names of the accounts that order there. */
  readonly clients: readonly string[];
}

export interface VendorClient {
  readonly name: string;
  readonly token: string;
  readonly callbackSecret: string;
}

export interface SoftwareVendor {
  readonly url: string;
  readonly pid: number;
  readonly clients: readonly VendorClient[];
  stop(): Promise<void>;
}

/** How long it takes to set up what takes a while: long enough to be seen, in ms. */
const workMs = 700;
const startLimitMs = 30_000;

export async function startVendor({ directory, password, clients: names }: VendorOptions): Promise<SoftwareVendor> {
  const secret = (name: string, purpose: string, encoding: "base64" | "base64url") =>
    createHmac("sha256", password).update(`${purpose} of ${name}`).digest(encoding);
  const clients = names.map((name) => ({
    name,
    token: secret(name, "token", "base64url"),
    callbackSecret: `whsec_${secret(name, "callback secret", "base64")}`,
  }));
  const script = fileURLToPath(new URL("../../demo/vendor/main.ts", import.meta.url));
  // A group of its own: Ctrl-C is for Lotse, which then stops what it started in order.
  const vendor = spawn(process.execPath, [script], { stdio: "pipe", detached: true });
  let complaint = "";
  vendor.stderr.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  vendor.stdin.on("error", () => undefined);
  // Never ended but by `stop`: when Lotse ends, however it does, the vendor's input ends, and so does the vendor.
  vendor.stdin.write(`${JSON.stringify({ directory, workMs, clients })}\n`);
  const port = await portOf(vendor).catch((cause: Error) => {
    vendor.kill("SIGKILL");
    throw new Error(`The demonstration's software vendor did not start. ${complaint.trim()}`, { cause });
  });
  return { url: `http://127.0.0.1:${port}`, pid: vendor.pid ?? 0, clients, stop: () => stop(vendor) };
}

async function portOf(vendor: ChildProcessWithoutNullStreams): Promise<number> {
  const limit = AbortSignal.timeout(startLimitMs);
  const ended = once(vendor, "exit", { signal: limit }).then(() => {
    throw new Error("It ended.");
  });
  const told = once(createInterface({ input: vendor.stdout }), "line", { signal: limit });
  const [line] = (await Promise.race([told, ended])) as [string];
  ended.catch(() => undefined);
  return (JSON.parse(line) as { readonly port: number }).port;
}

async function stop(vendor: ChildProcessWithoutNullStreams): Promise<void> {
  if (vendor.exitCode !== null || vendor.signalCode !== null) return;
  const ended = once(vendor, "exit");
  vendor.stdin.end();
  const hurry = setTimeout(() => vendor.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(hurry);
}
