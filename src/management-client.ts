/** A running broker's management API, as the commands ask it, from wherever they are. */
import { resolve } from "node:path";
import { isJsonObject, type Json, type JsonObject } from "./core/json.ts";
import { Secret } from "./core/secret.ts";
import { firstRunFile, readFirstRun } from "./first-run.ts";

/** What a no of the broker's is told as. */
export class Refusal extends Error {}

export type Environment = { readonly [name: string]: string | undefined };

/** The exit code of what `run` does; a refusal is told. */
export async function reporting(run: () => Promise<number | undefined>): Promise<number> {
  try {
    return (await run()) ?? 0;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(`lotse: ${error.message}`);
    return 1;
  }
}

export interface Api {
  ask(method: string, path: string, body?: Json, headers?: Readonly<Record<string, string>>): Promise<Told>;
}

export interface Told {
  readonly body: JsonObject;
  readonly etag: string;
}

export function connect(env: Environment, cwd: string): Api {
  const file = firstRunFile(resolve(cwd, env.LOTSE_DATA_DIR || "data"));
  const first = readFirstRun(file);
  const url = (env.LOTSE_URL || first.url)?.replace(/\/+$/, "");
  const token = new Secret(env.LOTSE_TOKEN || first.adminToken || "");
  if (url === undefined || token.reveal() === "")
    throw new Refusal(
      `this command asks a running broker. Set LOTSE_URL to its address and LOTSE_TOKEN to a token of its management API, or LOTSE_DATA_DIR to its data directory, whose first-run.json says both; ${file} does not.`,
    );
  return {
    async ask(method, path, body, headers = {}) {
      const answer = await fetch(`${url}/api/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token.reveal()}`,
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }).catch((error: Error) => {
        const { cause } = error;
        const why = cause instanceof Error ? cause : error;
        const refused = "code" in why && why.code === "ECONNREFUSED";
        throw new Refusal(
          `the broker at ${url} cannot be asked: ${refused ? "nothing answers there. Does it run?" : why.message}`,
        );
      });
      const json = readJson(await answer.text());
      if (isJsonObject(json) && answer.ok) return { body: json, etag: answer.headers.get("etag") ?? "" };
      throw new Refusal(isJsonObject(json) && "detail" in json ? explain(json) : notLotse(answer.url, answer.status));
    },
  };
}

/** Undefined: it is no JSON, and so no answer of the management API. */
function readJson(text: string): Json | undefined {
  try {
    return text === "" ? {} : (JSON.parse(text) as Json);
  } catch {
    return undefined;
  }
}

/** Every no of the management API says why; whatever answers otherwise is something else. */
const notLotse = (asked: string, status: number): string =>
  `${asked} answered ${status}, and not as Lotse's management API does. LOTSE_URL is to be the broker's own address and no more, such as http://127.0.0.1:8080.`;

/** A problem of RFC 9457 for a terminal: what, and beneath it where. */
function explain({ detail, errors }: JsonObject): string {
  const places = Array.isArray(errors) ? (errors as readonly JsonObject[]) : [];
  const lines = places.map((each) => `  ${each.pointer ?? each.parameter ?? ""}: ${each.detail ?? ""}`);
  return [String(detail), ...lines].join("\n");
}

/** Every item of a list, page by page. */
export async function* itemsOf(
  api: Api,
  path: string,
  query: Readonly<Record<string, string>>,
): AsyncGenerator<JsonObject> {
  for (let cursor: string | undefined; ; ) {
    const asked = new URLSearchParams({ ...query, limit: "200", ...(cursor !== undefined && { cursor }) });
    const { body } = await api.ask("GET", `${path}?${asked}`);
    yield* body.items as readonly JsonObject[];
    if (typeof body.next !== "string") return;
    cursor = body.next;
  }
}
