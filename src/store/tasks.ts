/** Tasks as people work on them: lists, what was written about them, and each move in one transaction. */
import type { Knex } from "knex";
import type { TaskState, Verb } from "../core/adapter.ts";
import type { AuditEntry } from "../core/change.ts";
import type { Json } from "../core/json.ts";
import type { Millis } from "../core/model.ts";
import { Secret } from "../core/secret.ts";
import { type EntryKind, erasedBy, livingTaskStates, type Moved, type Task } from "../core/tasks.ts";
import { insertAudit } from "./audit.ts";
import { makeDue } from "./due.ts";
import type { Seal } from "./seal.ts";
import { columnsOfPatch, type TaskRow, taskOf } from "./task-rows.ts";

export interface TaskFilter {
  readonly state?: TaskState;
  readonly provider?: string;
  readonly verb?: Verb;
  readonly owner?: string;
  readonly instance?: string;
  /** Only of these. */
  readonly providers?: readonly string[];
}

/** What was written about a task, or put beside it. */
export type Entry = {
  readonly id: string;
  readonly at: Millis;
  readonly author: string;
  readonly toCustomer: boolean;
} & (
  | { readonly kind: EntryKind; readonly text: Secret<string> }
  | { readonly kind: "attachment"; readonly file: Secret<AttachmentHead>; readonly size: number }
);

export type AttachmentHead = { readonly name: string; readonly mediaType: string };

export interface Attachment {
  readonly head: AttachmentHead;
  readonly content: Buffer;
}

/** Who writes, and what the audit trail says of it. */
export interface Written {
  readonly by: string;
  readonly at: Millis;
  readonly audit: AuditEntry;
}

export interface Tasks {
  /** The newest first, behind `before`. */
  list(filter: TaskFilter, before: string | undefined, limit: number): Promise<readonly Task[]>;
  byId(id: string): Promise<Task | undefined>;
  /** Lotse itself wants what the task is about, not a platform. */
  isCleanup(task: Task): Promise<boolean>;
  /** In the order they were written. */
  entries(task: string): Promise<readonly Entry[]>;
  /** Writes a move and makes the operation due. False: the task was changed since it was read. */
  move(task: Task, moved: Moved, written: Written): Promise<boolean>;
  /** False: it has as many as `most` already. */
  attach(task: Task, attachment: Attachment, most: number, written: Written): Promise<boolean>;
  attachment(task: string, id: string): Promise<Attachment | undefined>;
  /** Living ones. */
  counts(): Promise<readonly { readonly provider: string; readonly state: string; readonly count: number }[]>;
}

interface EntryRow {
  readonly id: string;
  readonly kind: EntryKind | "attachment";
  readonly at: Millis;
  readonly author: string;
  readonly to_customer: number;
  readonly size: number | null;
  readonly head: Buffer;
}

const placeOf = (id: string, column: "head" | "body"): string => `task_entries|${id}|${column}`;

export function createTasks(knex: Knex, seal: Seal, newId: () => string): Tasks {
  const open = (row: { readonly id: string; readonly head: Buffer }) => seal.open(row.head, placeOf(row.id, "head"));

  async function write(
    transaction: Knex,
    task: Task,
    entry: { readonly kind: string; readonly head: Json; readonly toCustomer: boolean; readonly content?: Buffer },
    { by, at }: Written,
  ): Promise<void> {
    const id = newId();
    const { kind, head, toCustomer, content } = entry;
    await transaction("task_entries").insert({
      id,
      task: task.id,
      kind,
      at,
      author: by,
      to_customer: Number(toCustomer),
      size: content?.length ?? null,
      head: seal.close(JSON.stringify(head), placeOf(id, "head")),
      body: content === undefined ? null : seal.close(content.toString("base64"), placeOf(id, "body")),
    });
  }

  return {
    async list({ providers, state, provider, verb, owner, instance }, before, limit) {
      const rows: TaskRow[] = await knex("tasks")
        .modify((query) => {
          if (state !== undefined) query.where({ state });
          if (provider !== undefined) query.where({ provider });
          if (verb !== undefined) query.where({ verb });
          if (owner !== undefined) query.where({ owner });
          if (instance !== undefined) query.where({ instance_uid: instance });
          if (providers !== undefined) query.whereIn("provider", [...providers]);
          if (before !== undefined) query.where("id", "<", before);
        })
        .orderBy("id", "desc")
        .limit(limit);
      return rows.map((row) => taskOf(row, seal));
    },
    async byId(id) {
      const row: TaskRow | undefined = await knex("tasks").where({ id }).first();
      return row === undefined ? undefined : taskOf(row, seal);
    },
    async isCleanup({ token }) {
      return (await knex("operations").where({ token, purpose: "cleanup" }).first("token")) !== undefined;
    },
    async entries(task) {
      const columns = ["id", "kind", "at", "author", "to_customer", "size", "head"];
      const rows: EntryRow[] = await knex("task_entries").where({ task }).orderBy("id").select(columns);
      return rows.map((row) => {
        const { id, at, author, kind } = row;
        const common = { id, at, author, toCustomer: row.to_customer === 1 };
        return kind === "attachment"
          ? { ...common, kind, size: row.size ?? 0, file: Secret.lazily(() => JSON.parse(open(row)) as AttachmentHead) }
          : { ...common, kind, text: Secret.lazily(() => JSON.parse(open(row)) as string) };
      });
    },
    move: (task, { patch, entry }, written) =>
      knex.transaction(async (transaction) => {
        const changed: number = await transaction("tasks")
          .where({ id: task.id, version: task.version })
          .update({ ...columnsOfPatch(patch, task.id, seal), version: task.version + 1 });
        if (changed !== 1) return false;
        if (entry !== undefined) await write(transaction, task, { ...entry, head: entry.text.reveal() }, written);
        if (patch.state === "completed") await erase(transaction, task);
        await insertAudit(transaction, written.audit);
        await makeDue(transaction, task.token, written.at);
        return true;
      }),
    attach: (task, { head, content }, most, written) =>
      knex.transaction(async (transaction) => {
        // Before the count: of two at once the second waits here for the first.
        await transaction("tasks")
          .where({ id: task.id })
          .update({ version: knex.raw("version + 1") });
        const there = await transaction("task_entries").where({ task: task.id, kind: "attachment" }).count({ n: "*" });
        if (Number(there[0]?.n ?? 0) >= most) return false;
        await write(transaction, task, { kind: "attachment", head, toCustomer: false, content }, written);
        await insertAudit(transaction, written.audit);
        return true;
      }),
    async attachment(task, id) {
      const row: (EntryRow & { readonly body: Buffer }) | undefined = await knex("task_entries")
        .where({ task, id, kind: "attachment" })
        .first();
      if (row === undefined) return undefined;
      const content = Buffer.from(seal.open(row.body, placeOf(id, "body")), "base64");
      return { head: JSON.parse(open(row)) as AttachmentHead, content };
    },
    async counts() {
      const rows: { provider: string; state: string; count: number | string }[] = await knex("tasks")
        .whereIn("state", [...livingTaskStates])
        .groupBy("provider", "state")
        .select("provider", "state")
        .count({ count: "*" });
      return rows.map((row) => ({ ...row, count: Number(row.count) }));
    },
  };
}

/** Access that was taken back is kept nowhere; what was wished goes with the instance. */
async function erase(transaction: Knex, task: Task): Promise<void> {
  const gone = erasedBy(task);
  if (gone === undefined) return;
  if ("bindingUid" in gone) await transaction("tasks").where({ binding_uid: gone.bindingUid }).update({ result: null });
  else await transaction("tasks").where({ instance_uid: gone.instanceUid }).update({ result: null, wish: null });
}
