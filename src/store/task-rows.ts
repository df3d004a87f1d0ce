/** Tasks as rows and back. What customers and providers write is sealed, each in its own place. */
import type { Calendar, TaskState, Verb } from "../core/adapter.ts";
import type { JsonObject, JsonSchema } from "../core/json.ts";
import type { Millis } from "../core/model.ts";
import { Secret } from "../core/secret.ts";
import type { Task, TaskPatch } from "../core/tasks.ts";
import type { Seal } from "./seal.ts";

export interface TaskRow {
  readonly id: string;
  readonly provider: string;
  readonly key: string;
  readonly token: string;
  readonly verb: Verb;
  readonly instance_uid: string;
  readonly binding_uid: string | null;
  readonly platform_instance_id: string;
  readonly platform_binding_id: string | null;
  readonly organization: string | null;
  readonly space: string | null;
  readonly plan_id: string;
  readonly title: string;
  readonly state: TaskState;
  readonly owner: string | null;
  readonly form: string | null;
  readonly calendar: string;
  readonly wish: Buffer | null;
  readonly result: Buffer | null;
  readonly question: Buffer | null;
  readonly remark: Buffer | null;
  readonly reason: string | null;
  readonly leftovers: number;
  readonly created_at: Millis;
  readonly due_at: Millis;
  readonly deadline_at: Millis | null;
  readonly claimed_at: Millis | null;
  readonly asked_at: Millis | null;
  readonly waited_ms: Millis;
  readonly ended_at: Millis | null;
  readonly version: number;
}

export type SealedColumn = "wish" | "result" | "question" | "remark";

const place = (id: string, column: string): string => `tasks|${id}|${column}`;

export const sealText = (seal: Seal, id: string, column: SealedColumn, text: string): Buffer =>
  seal.close(text, place(id, column));

export function taskOf(row: TaskRow, seal: Seal): Task {
  const { id } = row;
  const text = (column: SealedColumn, bytes: Buffer) => Secret.lazily(() => seal.open(bytes, place(id, column)));
  const json = (column: SealedColumn, bytes: Buffer) =>
    Secret.lazily(() => JSON.parse(seal.open(bytes, place(id, column))) as JsonObject);
  return {
    id,
    provider: row.provider,
    key: row.key,
    token: row.token,
    verb: row.verb,
    instanceUid: row.instance_uid,
    platformInstanceId: row.platform_instance_id,
    planId: row.plan_id,
    title: row.title,
    state: row.state,
    calendar: JSON.parse(row.calendar) as Calendar,
    wish: row.wish === null ? new Secret<JsonObject>({}) : json("wish", row.wish),
    leftovers: row.leftovers === 1,
    createdAt: row.created_at,
    dueAt: row.due_at,
    waitedMs: row.waited_ms,
    version: row.version,
    ...(row.binding_uid !== null && { bindingUid: row.binding_uid }),
    ...(row.platform_binding_id !== null && { platformBindingId: row.platform_binding_id }),
    ...(row.organization !== null && { organization: row.organization }),
    ...(row.space !== null && { space: row.space }),
    ...(row.owner !== null && { owner: row.owner }),
    ...(row.form !== null && { form: JSON.parse(row.form) as JsonSchema }),
    ...(row.result !== null && { result: json("result", row.result) }),
    ...(row.question !== null && { question: text("question", row.question) }),
    ...(row.remark !== null && { remark: text("remark", row.remark) }),
    ...(row.reason !== null && { reason: row.reason }),
    ...(row.deadline_at !== null && { deadlineAt: row.deadline_at }),
    ...(row.claimed_at !== null && { claimedAt: row.claimed_at }),
    ...(row.asked_at !== null && { askedAt: row.asked_at }),
    ...(row.ended_at !== null && { endedAt: row.ended_at }),
  };
}

/** The columns a patch sets. */
export function columnsOfPatch(patch: TaskPatch, id: string, seal: Seal): Partial<TaskRow> {
  const sealed = (column: "question" | "remark", value: Secret<string> | null) =>
    value === null ? null : sealText(seal, id, column, value.reveal());
  return {
    ...(patch.state !== undefined && { state: patch.state }),
    ...(patch.owner !== undefined && { owner: patch.owner }),
    ...(patch.claimedAt !== undefined && { claimed_at: patch.claimedAt }),
    ...(patch.askedAt !== undefined && { asked_at: patch.askedAt }),
    ...(patch.endedAt !== undefined && { ended_at: patch.endedAt }),
    ...(patch.dueAt !== undefined && { due_at: patch.dueAt }),
    ...(patch.waitedMs !== undefined && { waited_ms: patch.waitedMs }),
    ...(patch.reason !== undefined && { reason: patch.reason }),
    ...(patch.leftovers !== undefined && { leftovers: Number(patch.leftovers) }),
    ...(patch.question !== undefined && { question: sealed("question", patch.question) }),
    ...(patch.remark !== undefined && { remark: sealed("remark", patch.remark) }),
    ...(patch.result !== undefined && {
      result: patch.result === null ? null : sealText(seal, id, "result", JSON.stringify(patch.result.reveal())),
    }),
  };
}
