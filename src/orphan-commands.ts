/** The commands about orphans and adoption. They ask a running broker's management API, from wherever they are. */
import type { Json, JsonObject } from "./core/json.ts";
import { readDocument } from "./document-file.ts";
import { type Api, connect, type Environment, itemsOf, Refusal, reporting } from "./management-client.ts";

export const orphanHelp = `  lotse orphans                 what providers have and Lotse does not know of, what they miss, and what to do
  lotse orphans look NAME       compare now with what the provider has
  lotse orphans dismiss ID REASON   say why it stays as it is; nothing changes at the provider
  lotse adopt FILE              what adopting the instance in the YAML file would write, and what is in the way
  lotse adopt FILE --for-real   adopt it`;

export function isOrphanCommand([group, ...words]: readonly string[]): boolean {
  const plain = (word: string | undefined) => word !== undefined && word !== "" && !word.startsWith("-");
  if (group === "orphans") {
    const [action, first, second] = words;
    if (action === undefined) return true;
    if (action === "look") return words.length === 2 && plain(first);
    return action === "dismiss" && words.length === 3 && plain(first) && plain(second);
  }
  return (
    group === "adopt" && plain(words[0]) && (words.length === 1 || (words.length === 2 && words[1] === "--for-real"))
  );
}

/** Returns the exit code. */
export function orphanCommand(args: readonly string[], env: Environment, cwd: string): Promise<number> {
  const [group, action, first = "", second = ""] = args;
  return reporting(async () => {
    const api = connect(env, cwd);
    if (group === "adopt") return adopt(api, readDocument(action ?? "", cwd), args.includes("--for-real"));
    if (action === "look") await look(api, first);
    else if (action === "dismiss") await dismiss(api, first, second);
    else await list(api);
  });
}

async function list(api: Api): Promise<void> {
  let any = false;
  for await (const orphan of itemsOf(api, "/orphans", { state: "open" })) {
    any = true;
    const { id, kind, provider, name, firstSeen, operation, suggestion } = orphan;
    console.log([id, kind, provider, name, `since ${firstSeen}`, `operation ${operation ?? "unknown"}`].join("\t"));
    console.log(`  ${suggestion}`);
  }
  if (!any) console.log("Nothing is open: as far as was looked, Lotse and the providers agree.");
}

async function look(api: Api, name: string): Promise<void> {
  const { body } = await api.ask("POST", `/providers/${encodeURIComponent(name)}/inventory`);
  if (body.is !== "compared") throw new Refusal(`${name} could not be compared: ${body.reason}`);
  console.log(`${name}: ${body.found} differences, ${body.fresh} of them new; ${body.gone} earlier ones are gone`);
}

async function dismiss(api: Api, id: string, reason: string): Promise<void> {
  const path = `/orphans/${encodeURIComponent(id)}`;
  const { etag } = await api.ask("GET", path);
  const { body } = await api.ask("POST", `${path}/dismiss`, { reason }, { "if-match": etag });
  console.log(`${id}: ${body.state}`);
}

/** The exit code tells whether it was, or could be, adopted. */
async function adopt(api: Api, document: JsonObject, forReal: boolean): Promise<number> {
  const { body } = await api.ask("POST", "/adoptions", { ...document, dryRun: !forReal });
  const obstacles = listOf(body.obstacles);
  for (const { code, detail, bindingId } of obstacles)
    console.error(`${bindingId === undefined ? "" : `binding ${bindingId}: `}${detail} (${code})`);
  for (const note of listOf(body.notes)) console.log(note as unknown as string);
  if (obstacles.length > 0) return 1;
  const { provider, instanceId } = (body.instance ?? {}) as JsonObject;
  const bound = listOf(body.bindings).map((binding) => String(binding.bindingId));
  const all = [`instance ${instanceId}`, ...bound.map((binding) => `binding ${binding}`)].join(", ");
  console.log(`${forReal ? "Adopted" : "Could be adopted"} from ${provider}: ${all}.`);
  return 0;
}

const listOf = (value: Json | undefined): readonly JsonObject[] => (value ?? []) as readonly JsonObject[];
