/** The commands about providers and their catalogs. They ask a running broker's management API, from wherever they are. */
import { dirname, resolve } from "node:path";
import type { Problem } from "./config/problem.ts";
import { readSecret } from "./config/secrets.ts";
import { isJsonObject, type Json, type JsonObject } from "./core/json.ts";
import { listed, readDocument, readDocumentFile } from "./document-file.ts";
import { type Api, connect, type Environment, itemsOf, Refusal, reporting } from "./management-client.ts";

export const providerHelp = `  lotse provider list           list providers, their state and what the last reading of their catalogs came to
  lotse provider show NAME      everything about one, but its secrets
  lotse provider register NAME FILE   register one: adapter, settings and so on in YAML, secrets as { env: NAME } or { file: path }
  lotse provider edit NAME FILE       change one; secrets that are left out stay, unless its address changes
  lotse provider check NAME     whether it can be reached and used, and how it keeps OSB where a test plan is named
  lotse provider submit NAME    submit what passed its check for review
  lotse provider reject NAME REASON   send it back to its editor
  lotse provider publish NAME [REASON]   publish it; REASON: why, although it breaks rules that a broker must keep
  lotse provider suspend NAME REASON  no new orders from now on; what is there stays manageable
  lotse provider resume NAME    take orders again
  lotse provider retire NAME    final, and only without living instances
  lotse provider refresh NAME   read its catalog now
  lotse snapshots list NAME     its catalogs as they were read, what changed, and why they were held
  lotse snapshots publish NAME ID  release a held catalog, or go back to an earlier one
  lotse overlay set NAME FILE   rename, hide, describe, price and group what it offers (docs/federation.md)`;

/** Of each command how many words follow it, at least and at most. */
const commands: Readonly<Record<string, readonly [number, number]>> = {
  "provider list": [0, 0],
  "provider show": [1, 1],
  "provider register": [2, 2],
  "provider edit": [2, 2],
  "provider check": [1, 1],
  "provider submit": [1, 1],
  "provider reject": [2, 2],
  "provider publish": [1, 2],
  "provider suspend": [2, 2],
  "provider resume": [1, 1],
  "provider retire": [1, 1],
  "provider refresh": [1, 1],
  "snapshots list": [1, 1],
  "snapshots publish": [2, 2],
  "overlay set": [2, 2],
};

export function isProviderCommand(args: readonly string[]): boolean {
  const range = commands[args.slice(0, 2).join(" ")];
  const words = args.length - 2;
  return (
    range !== undefined && words >= range[0] && words <= range[1] && !args.slice(2).some((word) => word.startsWith("-"))
  );
}

/** Names of an adapter's settings that hold secrets; none for an adapter that is not known here. */
export type SecretsOf = (adapter: string) => Promise<readonly string[]>;

/** Returns the exit code. LOTSE_URL and LOTSE_TOKEN say whom to ask and who asks; without, the first start's file does. */
export function providerCommand(
  args: readonly string[],
  env: Environment,
  cwd: string,
  secretsOf: SecretsOf,
): Promise<number> {
  const [group = "", action = "", name = "", word] = args;
  return reporting(async () => {
    const api = connect(env, cwd);
    if (group === "snapshots")
      await (action === "list" ? listSnapshots(api, name) : publishSnapshot(api, name, word ?? ""));
    else if (group === "overlay") await setOverlay(api, name, readDocument(word ?? "", cwd));
    else if (action === "list") await list(api);
    else if (action === "register" || action === "edit")
      await write(api, action, name, await withSecrets(word ?? "", env, cwd, secretsOf));
    else if (action === "refresh") await refresh(api, name);
    else await act(api, action, name, word);
  });
}

const pathOf = (name: string) => `/providers/${encodeURIComponent(name)}`;

async function list(api: Api): Promise<void> {
  for await (const provider of itemsOf(api, "/providers", {})) {
    const reading = isJsonObject(provider.reading) ? provider.reading : {};
    const catalog = reading.failure ?? (reading.readAt === undefined ? "-" : `read ${reading.readAt}`);
    console.log([provider.name, provider.state, provider.adapter, provider.origin, catalog].join("\t"));
  }
}

async function act(api: Api, action: string, name: string, word: string | undefined): Promise<void> {
  if (action === "show") return show((await api.ask("GET", pathOf(name))).body);
  if (action === "check") return checked((await api.ask("POST", `${pathOf(name)}/check`)).body);
  const { etag } = await api.ask("GET", pathOf(name));
  const reason = action === "publish" ? "override" : "reason";
  const body = word === undefined ? undefined : { [reason]: word };
  const after = await api.ask("POST", `${pathOf(name)}/${action}`, body, { "if-match": etag });
  console.log(`${name}: ${after.body.state}`);
}

const show = (body: JsonObject): void => console.log(JSON.stringify(body, undefined, 2));

function checked({ name, state, check }: JsonObject): void {
  const { ok, problems, failedMusts, report, untried } = (check ?? {}) as JsonObject;
  for (const problem of (problems ?? []) as readonly string[]) console.error(problem);
  const tried =
    failedMusts === undefined ? "" : `; rules of OSB it must keep and breaks: ${failedMusts} (report ${report})`;
  const conformance = untried === undefined ? tried : `; not tried with the conformance kit: ${untried}`;
  console.log(`${name}: ${ok === true ? "can be used" : "cannot be used"}${conformance}, ${state}`);
  if (ok !== true) throw new Refusal("the check found something wrong.");
}

async function write(api: Api, action: "register" | "edit", name: string, document: JsonObject): Promise<void> {
  if (action === "register") {
    const { body } = await api.ask("POST", "/providers", { name, ...document });
    console.log(`${name}: ${body.state}`);
    return;
  }
  const { etag } = await api.ask("GET", pathOf(name));
  const { body } = await api.ask("PUT", pathOf(name), document, { "if-match": etag });
  console.log(`${name}: ${body.state}`);
}

async function refresh(api: Api, name: string): Promise<void> {
  const { body } = await api.ask("POST", `${pathOf(name)}/refresh`);
  console.log(`${name}: ${body.is}`);
  if (isJsonObject(body.snapshot)) tell(body.snapshot);
}

async function listSnapshots(api: Api, name: string): Promise<void> {
  const { body } = await api.ask("GET", `${pathOf(name)}/snapshots`);
  for (const snapshot of body.items as readonly JsonObject[]) tell(snapshot);
}

function tell({ id, readAt, state, offerings, plans, changes, reasons }: JsonObject): void {
  console.log(`${id}\t${readAt}\t${state}\t${offerings} offerings, ${plans} plans`);
  for (const change of (changes ?? []) as readonly JsonObject[]) {
    const thing = change.plan === undefined ? change.offering : `${change.offering}/${change.plan}`;
    const detail = change.detail === undefined ? "" : ` (${change.detail})`;
    console.log(`  ${change.kind} ${thing}${detail}, ${change.instances} instances`);
  }
  for (const reason of (reasons ?? []) as readonly string[]) console.log(`  held: ${reason}`);
}

async function publishSnapshot(api: Api, name: string, id: string): Promise<void> {
  const { etag } = await api.ask("GET", pathOf(name));
  const path = `${pathOf(name)}/snapshots/${encodeURIComponent(id)}/publish`;
  const { body } = await api.ask("POST", path, undefined, { "if-match": etag });
  console.log(`${name}: catalog ${id} is ${body.state}`);
}

async function setOverlay(api: Api, name: string, document: JsonObject): Promise<void> {
  const path = `${pathOf(name)}/overlay`;
  const before = await api.ask("GET", path).catch((error: Error) => {
    if (error instanceof Refusal) return undefined;
    throw error;
  });
  const seen = before === undefined ? { "if-none-match": "*" } : { "if-match": before.etag };
  await api.ask("PUT", path, document, seen);
  console.log(`${name}: overlay set`);
  const { body } = await api.ask("GET", "/catalog");
  for (const note of body.notes as readonly string[]) if (note.startsWith(`${name}: `)) console.log(`  ${note}`);
}

/**
 * References to secrets below `settings` are replaced by what they point to, here, where those are. What the adapter calls
 * a secret must be such a reference, as in lotse.yaml; null takes a secret away.
 */
async function withSecrets(path: string, env: Environment, cwd: string, secretsOf: SecretsOf): Promise<JsonObject> {
  const { file, document } = readDocumentFile(path, cwd);
  const settings = isJsonObject(document.settings) ? document.settings : {};
  const source = { env, directory: dirname(resolve(cwd, path)) };
  const problems: Problem[] = [];
  const secrets = await secretsOf(String(document.adapter));
  const read = Object.entries(settings).map(([key, value]): [string, Json] => {
    const isReference = isJsonObject(value) && ("env" in value || "file" in value);
    if (!isReference && (value === null || !secrets.includes(key))) return [key, value];
    const secret = readSecret(value, source);
    if (typeof secret !== "string") return [key, secret.reveal()];
    problems.push(file.problem(["settings", key], secret));
    return [key, null];
  });
  if (problems.length > 0) throw new Refusal(listed(problems));
  return { ...document, settings: Object.fromEntries(read) };
}
