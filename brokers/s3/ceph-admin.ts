/** Ceph's admin API (docs.ceph.com, "Admin Operations"): plain HTTP, signed as requests to S3 are. */
import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import { Agent, request } from "undici";
import { bounded } from "#outbound";
import type { Account } from "./settings.ts";

/** Undefined: there is no such thing. Throws an error whose name is Ceph's code. */
export type AskCeph = (
  method: "GET" | "PUT" | "DELETE",
  what: "user" | "bucket",
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => Promise<unknown>;

/** A user's record or a bucket's figures: some kilobytes. */
const maxResponseBytes = 4 * 1024 * 1024;

export async function openAdmin(account: Account): Promise<AskCeph> {
  const { SignatureV4 } = await import("@smithy/signature-v4");
  const { accessKeyId, secretAccessKey, region, endpoint = "", requestTimeoutMs: timeoutMs } = account;
  const signer = new SignatureV4({
    service: "s3",
    region,
    credentials: { accessKeyId, secretAccessKey },
    sha256: Sha256,
    uriEscapePath: false,
  });
  const { protocol, hostname, port, host, origin } = new URL(endpoint);
  const bounds = { connectTimeoutMs: timeoutMs, timeoutMs, maxResponseBytes };
  const dispatcher = new Agent(bounded(bounds, account.ca === undefined ? {} : { ca: account.ca }));
  return async (method, what, query, signal) => {
    signal.throwIfAborted();
    const path = `/admin/${what}`;
    const question = { method, protocol, hostname, path, query: { ...query }, headers: { host } };
    const { headers } = await signer.sign({ ...question, ...(port !== "" && { port: Number(port) }) });
    const url = `${origin}${path}?${new URLSearchParams(query).toString().replaceAll("+", "%20")}`;
    const { statusCode, body } = await request(url, { method, headers, signal, dispatcher });
    const text = await body.text();
    if (statusCode < 300) return text === "" ? {} : JSON.parse(text);
    const code = codeIn(text);
    if (["NoSuchUser", "NoSuchBucket"].includes(code)) return undefined;
    throw Object.assign(new Error(`Ceph's admin API answered ${statusCode} ${code}.`), { name: code });
  };
}

function codeIn(text: string): string {
  return /"Code":"(\w+)"/.exec(text)?.[1] ?? /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? "Unknown";
}

/** Node's own, in the shape the signer wants. */
class Sha256 {
  #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", bytesOf(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    this.#hash = createHash("sha256");
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === "string") return Buffer.from(data);
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
}
