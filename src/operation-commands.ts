/** The commands about operations that are not over. They ask a running broker's management API. */
import type { JsonObject } from "./core/json.ts";
import { type Api, connect, type Environment, itemsOf, reporting } from "./management-client.ts";

export const operationHelp = `  lotse operations              operations that are not over, how often each failed, and when it is tried next
  lotse operations retry TOKEN  take its next step now: what kept it from going on was mended`;

export function isOperationCommand([group, ...words]: readonly string[]): boolean {
  if (group !== "operations") return false;
  const [action, token] = words;
  if (action === undefined) return true;
  return action === "retry" && words.length === 2 && token !== undefined && token !== "" && !token.startsWith("-");
}

/** Returns the exit code. */
export function operationCommand(args: readonly string[], env: Environment, cwd: string): Promise<number> {
  const [, action, token = ""] = args;
  return reporting(async () => {
    const api = connect(env, cwd);
    if (action === undefined) await list(api);
    else console.log(told((await api.ask("POST", `/operations/${encodeURIComponent(token)}/retry`)).body));
  });
}

async function list(api: Api): Promise<void> {
  let any = false;
  for await (const operation of itemsOf(api, "/operations", { state: "open" })) {
    any = true;
    console.log(told(operation));
  }
  if (!any) console.log("No operation is under way.");
}

function told({
  token,
  kind,
  purpose,
  provider,
  instanceId,
  bindingId,
  failures,
  dueAt,
  deadlineAt,
  description,
}: JsonObject): string {
  const what = purpose === "cleanup" ? `${kind} (clean-up)` : kind;
  const about = bindingId === undefined ? `instance ${instanceId}` : `binding ${bindingId} of instance ${instanceId}`;
  const next = `${failures} failures in a row, next at ${dueAt}, ${deadlineAt === undefined ? "never given up" : `given up at ${deadlineAt}`}`;
  const line = [token, what, provider, about, next].join("\t");
  return description === undefined ? line : `${line}\n  ${description}`;
}
