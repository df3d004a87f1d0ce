/** What a load run sends: a request as plain data, and as bytes on the wire. */
import { idLength, writeId } from "./ids.ts";

/** One kind of request; plain data, because it travels to the load process. */
export interface RequestSpec {
  readonly method: "GET" | "PUT" | "DELETE";
  /** May hold `{id}`. */
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

/** A request's bytes, with the places of its id. Each connection has its own, since the id is written into it. */
export class ReadyRequest {
  readonly #bytes: Buffer;
  readonly #idsAt: readonly number[];
  readonly #ids: IdSource;

  constructor(spec: RequestSpec, host: string, ids: IdSource) {
    const parts = wireText(spec, host).split("{id}");
    this.#bytes = Buffer.from(parts.join("-".repeat(idLength)));
    let at = -idLength;
    this.#idsAt = parts.slice(0, -1).map((part) => {
      at += Buffer.byteLength(part) + idLength;
      return at;
    });
    this.#ids = ids;
  }

  /** The bytes to send now; valid until the next call. */
  next(): Buffer {
    if (this.#idsAt.length === 0) return this.#bytes;
    const id = this.#ids.next();
    for (const at of this.#idsAt) writeId(this.#bytes, at, this.#ids.space, id);
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
