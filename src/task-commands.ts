/** The commands about orders that people carry out. They ask a running broker's management API. */
import { readFileSync, statSync } from "node:fs";
import { basename, extname, resolve } from "node:path";
import { isJsonObject, type JsonObject } from "./core/json.ts";
import { readDocument } from "./document-file.ts";
import { type Api, connect, type Environment, itemsOf, Refusal, reporting } from "./management-client.ts";

export const taskHelp = `  lotse tasks                   orders that people carry out and that are not over
  lotse tasks list [STATE]      the same, or those in a state: open, claimed, asked, completed, rejected, withdrawn
  lotse tasks show ID           one task: what was ordered, and what was written
  lotse tasks claim ID          take it on, or over
  lotse tasks release ID        put it back for somebody else
  lotse tasks complete ID [FILE]   it is done; FILE (YAML) holds access, reference, dashboardUrl, metadata
  lotse tasks reject ID REASON  it will not be done; the customer reads the reason
  lotse tasks ask ID QUESTION   ask the customer, who reads it in last_operation
  lotse tasks answer ID ANSWER  write down what the customer answered
  lotse tasks comment ID TEXT   write something down; with --to-customer behind it the customer reads it
  lotse tasks attach ID FILE    put a file beside it`;

const plain = (word: string | undefined): word is string => word !== undefined && word !== "" && !word.startsWith("-");

/** Words behind the task's id, at least and at most. */
const moves: { readonly [action: string]: readonly [least: number, most: number] } = {
  show: [0, 0],
  claim: [0, 0],
  release: [0, 0],
  complete: [0, 1],
  reject: [1, 1],
  ask: [1, 1],
  answer: [1, 1],
  comment: [1, 2],
  attach: [1, 1],
};

export function isTaskCommand([group, action, ...words]: readonly string[]): boolean {
  if (group !== "tasks") return false;
  if (action === undefined) return true;
  if (action === "list") return words.length === 0 || (words.length === 1 && plain(words[0]));
  const range = moves[action];
  const [id, ...more] = words;
  if (range === undefined || !plain(id) || more.length < range[0] || more.length > range[1]) return false;
  const [first, last] = more;
  return (first === undefined || plain(first)) && (last === undefined || last === "--to-customer");
}

/** Returns the exit code. */
export function taskCommand(args: readonly string[], env: Environment, cwd: string): Promise<number> {
  const [, action = "list", id = "", word = "", option] = args;
  return reporting(async () => {
    const api = connect(env, cwd);
    const path = `/tasks/${encodeURIComponent(id)}`;
    if (action === "list") await list(api, id === "" ? ["open", "claimed", "asked"] : [id]);
    else if (action === "show") show((await api.ask("GET", path)).body);
    else if (action === "comment")
      told(await api.ask("POST", `${path}/comments`, { text: word, toCustomer: option !== undefined }));
    else if (action === "attach") told(await api.ask("POST", `${path}/attachments`, attachment(word, cwd)));
    else {
      const { etag } = await api.ask("GET", path);
      told(await api.ask("POST", `${path}/${action}`, bodyOf(action, word, cwd), { "if-match": etag }));
    }
  });
}

function bodyOf(action: string, word: string, cwd: string): JsonObject | undefined {
  if (action === "complete") return word === "" ? {} : readDocument(word, cwd);
  const member = { reject: "reason", ask: "question", answer: "answer" }[action];
  return member === undefined ? undefined : { [member]: word };
}

async function list(api: Api, states: readonly string[]): Promise<void> {
  let any = false;
  for (const state of states)
    for await (const task of itemsOf(api, "/tasks", { state })) {
      any = true;
      const { id, provider, verb, title, owner, dueAt, overdue, endedAt, leadSeconds } = task;
      const time = endedAt === undefined ? `due ${dueAt}${overdue === true ? ", OVERDUE" : ""}` : `ended ${endedAt}`;
      console.log(
        [id, task.state, provider, verb, title, owner ?? "-", time, `${hours(Number(leadSeconds))} h`].join("\t"),
      );
    }
  if (!any) console.log("There are no such tasks.");
}

const hours = (seconds: number): string => (seconds / 3600).toFixed(1);

/** A form as a person reads it: what each parameter means, and what was wished. */
function show(task: JsonObject): void {
  const { form, wish, entries, ...rest } = task;
  for (const [name, value] of Object.entries(rest)) console.log(`${name}: ${value}`);
  if (!isJsonObject(wish)) return;
  const parameters = isJsonObject(wish.parameters) ? wish.parameters : {};
  const properties = isJsonObject(form) && isJsonObject(form.properties) ? form.properties : {};
  console.log("ordered:");
  for (const [name, value] of Object.entries(parameters)) {
    const field = properties[name];
    const about = isJsonObject(field) && field.description !== undefined ? `  (${field.description})` : "";
    console.log(`  ${name}: ${JSON.stringify(value)}${about}`);
  }
  if (isJsonObject(wish.before)) console.log(`before: ${JSON.stringify(wish.before)}`);
  for (const entry of (entries ?? []) as readonly JsonObject[]) {
    const { at, author, kind, text, name, size, id, toCustomer } = entry;
    const what = kind === "attachment" ? `${name}, ${size} bytes (${id})` : text;
    console.log(`${at} ${author}, ${kind}${toCustomer === true ? ", read by the customer" : ""}: ${what}`);
  }
}

function told({ body }: { readonly body: JsonObject }): void {
  console.log(`${body.id}: ${body.state}`);
}

const mediaTypes: { readonly [extension: string]: string } = {
  ".pdf": "application/pdf",
  ".txt": "text/plain",
  ".csv": "text/csv",
  ".json": "application/json",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".zip": "application/zip",
};

/** More would not get past the broker, which says its own limit. */
const largestFile = 4 * 1024 * 1024;

function attachment(path: string, cwd: string): JsonObject {
  const file = resolve(cwd, path);
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new Refusal(`${path} cannot be read: there is no such file.`);
  if (size === 0 || size > largestFile) throw new Refusal(`${path} is empty, or too large to be attached.`);
  return {
    name: basename(file),
    mediaType: mediaTypes[extname(file).toLowerCase()] ?? "application/octet-stream",
    content: readFileSync(file).toString("base64"),
  };
}
