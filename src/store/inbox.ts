/** The inbox of a provider account, as its adapter fills it. */
import type { Knex } from "knex";
import type { BindingOrder, Inbox, InboxTask, NewTask, Order, UpdateOrder, Verb } from "../core/adapter.ts";
import { afterBusiness, businessMs } from "../core/business-time.ts";
import type { JsonObject, JsonSchema } from "../core/json.ts";
import type { Millis } from "../core/model.ts";
import { endOfTime } from "../core/settle.ts";
import type { Task } from "../core/tasks.ts";
import { livingTaskStates } from "../core/tasks.ts";
import { insertAudit } from "./audit.ts";
import type { Seal } from "./seal.ts";
import { sealText, type TaskRow, taskOf } from "./task-rows.ts";

export interface InboxParts {
  readonly knex: Knex;
  readonly seal: Seal;
  readonly newId: () => string;
  readonly now: () => Millis;
  /** What an order of this plan is called, and the schema of its parameters. */
  readonly describe: (planId: string, verb: Verb) => { readonly title: string; readonly form?: JsonSchema };
}

export function createInbox({ knex, seal, newId, now, describe }: InboxParts, provider: string): Inbox {
  const read = async (key: string): Promise<InboxTask | undefined> => {
    const row: TaskRow | undefined = await knex("tasks").where({ provider, key }).first();
    return row === undefined ? undefined : asSeen(taskOf(row, seal));
  };

  function rowOf({ key, order, within, calendar }: NewTask): TaskRow {
    const id = newId();
    const { instance, plan, verb } = order;
    const binding = "binding" in order ? order.binding : undefined;
    const { title, form } = describe(plan.id, verb);
    const at = now();
    const deadline = order.deadline.getTime();
    return {
      id,
      provider,
      key,
      token: order.token,
      verb,
      instance_uid: instance.id,
      binding_uid: binding?.id ?? null,
      platform_instance_id: instance.platformInstanceId,
      platform_binding_id: binding?.platformBindingId ?? null,
      organization: instance.organization ?? null,
      space: instance.space ?? null,
      plan_id: plan.id,
      title,
      state: "open",
      owner: null,
      form: form === undefined ? null : JSON.stringify(form),
      calendar: JSON.stringify(calendar),
      wish: sealText(seal, id, "wish", JSON.stringify(wishOf(order))),
      result: null,
      question: null,
      remark: null,
      reason: null,
      leftovers: 0,
      created_at: at,
      due_at: afterBusiness(at, businessMs(within, calendar), calendar),
      deadline_at: deadline <= endOfTime ? deadline : null,
      claimed_at: null,
      asked_at: null,
      waited_ms: 0,
      ended_at: null,
      version: 1,
    };
  }

  return {
    async put(task) {
      const known = await read(task.key);
      if (known !== undefined) return known;
      const row = rowOf(task);
      await knex.transaction(async (transaction) => {
        const added: unknown[] = await transaction("tasks")
          .insert(row)
          .onConflict(["provider", "key"])
          .ignore()
          .returning("id");
        if (added.length > 0) await insertAudit(transaction, auditOf(row, "task.put", now()));
      });
      const put = await read(task.key);
      if (put === undefined) throw new Error("A task was put and is not there.");
      return put;
    },
    async about(instanceId) {
      const rows: TaskRow[] = await knex("tasks").where({ provider, instance_uid: instanceId }).orderBy("id");
      return rows.map((row) => asSeen(taskOf(row, seal)));
    },
    async withdraw(key, reason) {
      await knex.transaction(async (transaction) => {
        const living = await transaction("tasks")
          .where({ provider, key })
          .whereIn("state", [...livingTaskStates])
          .update({
            state: "withdrawn",
            reason,
            question: null,
            ended_at: now(),
            version: knex.raw("version + 1"),
          })
          .returning("*");
        for (const row of living as TaskRow[])
          await insertAudit(transaction, auditOf(row, "task.withdrawn", now(), { reason }));
      });
    },
    async all() {
      const rows: TaskRow[] = await knex("tasks").where({ provider }).orderBy("id");
      return rows.map((row) => asSeen(taskOf(row, seal)));
    },
  };
}

function wishOf(order: Order | UpdateOrder | BindingOrder): JsonObject {
  if ("binding" in order) {
    const { parameters, predecessorId } = order.binding;
    return { parameters: parameters.reveal(), ...(predecessorId !== undefined && { replaces: predecessorId }) };
  }
  const parameters = order.instance.parameters.reveal();
  if (!("before" in order)) return { parameters };
  return { parameters, before: { planId: order.before.planId, parameters: order.before.parameters.reveal() } };
}

function auditOf(row: TaskRow, action: string, at: Millis, more: JsonObject = {}) {
  return {
    at,
    action,
    outcome: "succeeded",
    actor: { by: "lotse" },
    operation: row.token,
    instanceId: row.platform_instance_id,
    ...(row.platform_binding_id !== null && { bindingId: row.platform_binding_id }),
    details: { task: row.id, provider: row.provider, verb: row.verb, ...more },
  } as const;
}

function asSeen(task: Task): InboxTask {
  const { key, verb, token, id, state, leftovers, bindingUid, endedAt, question, remark, reason, result } = task;
  return {
    key,
    verb,
    token,
    id,
    state,
    leftovers,
    instanceId: task.instanceUid,
    begun: task.claimedAt !== undefined,
    dueAt: new Date(task.dueAt),
    ...(bindingUid !== undefined && { bindingId: bindingUid }),
    ...(endedAt !== undefined && { endedAt: new Date(endedAt) }),
    ...(question !== undefined && { question: question.reveal() }),
    ...(remark !== undefined && { remark: remark.reveal() }),
    ...(reason !== undefined && { reason }),
    ...(result !== undefined && { result }),
  };
}
