/** What a load run sends: a request as plain data, and as bytes on the wire. */
import { idLength, writeId } from "./ids.ts";

/** One kind of request; plain data, because it travels to the load process. */
export interface RequestSpec {
  readonly method: "GET" | "PUT" | "DELETE";
  /** May hold `{id}` once. */
  readonly path: string;
  readonly headers: { readonly [name: string]: string };
  readonly body?: string;
  /** What stands for `{id}`: an id never used before, or one of the first `count` ids of a space at random. */
  readonly ids?: "fresh" | { readonly space: number; readonly count: number };
  /** The only status that counts as an answer; any other breaks the run. */
  readonly expect: number;
}

/** Gives the next id's number within a space. */
export interface IdSource {
  readonly space: number;
  next(): number;
}

/** A request's bytes, with the place of its id. Each connection has its own, since the id is written into it. */
export class ReadyRequest {
  readonly #bytes: Buffer;
  readonly #idAt: number;
  readonly #ids: IdSource;

  constructor(spec: RequestSpec, host: string, ids: IdSource) {
    const text = wireText(spec, host);
    const idAt = text.indexOf("{id}");
    this.#bytes = Buffer.from(idAt < 0 ? text : text.replace("{id}", "-".repeat(idLength)));
    this.#idAt = idAt < 0 ? idAt : Buffer.byteLength(text.slice(0, idAt));
    this.#ids = ids;
  }

  /** The bytes to send now; valid until the next call. */
  next(): Buffer {
    if (this.#idAt >= 0) writeId(this.#bytes, this.#idAt, this.#ids.space, this.#ids.next());
    return this.#bytes;
  }
}

function wireText(spec: RequestSpec, host: string): string {
  const headers: Record<string, string> = { Host: host, ...spec.headers };
  if (spec.body !== undefined) {
    headers["Content-Type"] = "application/json";
    headers["Content-Length"] = String(Buffer.byteLength(spec.body));
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${spec.method} ${spec.path} HTTP/1.1\r\n${lines.join("")}\r\n${spec.body ?? ""}`;
}
