/** What an adapter has kept about the things it made: sealed documents with a lock each. */
import type { Knex } from "knex";
import type { KeptState, StateOwner, States } from "../core/adapter.ts";
import type { JsonObject } from "../core/json.ts";
import type { Millis } from "../core/model.ts";
import { Secret } from "../core/secret.ts";
import type { Seal } from "./seal.ts";

export interface StatesParts {
  readonly knex: Knex;
  readonly seal: Seal;
  readonly now: () => Millis;
}

interface Row {
  readonly id: string;
  readonly instance_uid: string;
  readonly binding_uid: string | null;
  /** Not read for a list. */
  readonly body?: Buffer | null;
  readonly lock_id: string | null;
  readonly holder: Buffer | null;
  readonly seen_at: Millis | null;
  readonly result: Buffer | null;
}

const withoutBody = ["id", "instance_uid", "binding_uid", "lock_id", "holder", "seen_at", "result"] as const;

/** Every write names the lock in its condition, so the database judges who may write: an overtaken holder changes nothing. */
export function createStates({ knex, seal, now }: StatesParts, provider: string): States {
  const place = (id: string, column: "body" | "holder" | "result") => `states|${provider}/${id}|${column}`;
  const states = () => knex("states").where({ provider });
  const held = (id: string, lockId: string) => states().where({ id, lock_id: lockId });
  const close = (id: string, column: "holder" | "result", plain: Secret<JsonObject>) =>
    seal.close(JSON.stringify(plain.reveal()), place(id, column));

  function kept(row: Row): KeptState {
    const { id, body, lock_id, holder, seen_at, result } = row;
    const json = (sealed: Buffer, column: "holder" | "result") =>
      Secret.lazily(() => JSON.parse(seal.open(sealed, place(id, column))) as JsonObject);
    return {
      ...ownerOf(row),
      ...(body !== undefined && body !== null && { body: Secret.lazily(() => seal.open(body, place(id, "body"))) }),
      ...(lock_id !== null &&
        holder !== null && { lock: { id: lock_id, holder: json(holder, "holder"), seenAt: new Date(seen_at ?? 0) } }),
      ...(result !== null && { result: json(result, "result") }),
    };
  }

  async function read(id: string): Promise<KeptState | undefined> {
    const row: Row | undefined = await states().where({ id }).first();
    return row === undefined ? undefined : kept(row);
  }

  return {
    read,
    async about(instanceId) {
      const rows: Row[] = await states().where({ instance_uid: instanceId }).orderBy("id");
      return rows.map(kept);
    },
    async all() {
      const rows: Row[] = await states().orderBy("id").select(withoutBody);
      return rows.map(kept);
    },
    async lock({ id, instanceId, bindingId }, lock) {
      const owner = { provider, id, instance_uid: instanceId, binding_uid: bindingId ?? null };
      await knex("states").insert(owner).onConflict(["provider", "id"]).ignore();
      await states()
        .where({ id })
        .whereNull("lock_id")
        .update({ lock_id: lock.id, holder: close(id, "holder", lock.holder), seen_at: now() });
      const standing = await read(id);
      if (standing === undefined) throw new Error("A state was forgotten while its lock was taken.");
      return standing;
    },
    touch: async (id, lockId) => (await held(id, lockId).update({ seen_at: now() })) === 1,
    write: async (id, lockId, body) =>
      (await held(id, lockId).update({ body: seal.close(body.reveal(), place(id, "body")), seen_at: now() })) === 1,
    release: async (id, lockId, result) =>
      (await held(id, lockId).update({
        lock_id: null,
        holder: null,
        seen_at: null,
        result: close(id, "result", result),
      })) === 1,
    remove: async (id, lockId) => (await held(id, lockId).delete()) === 1,
  };
}

function ownerOf({ id, instance_uid, binding_uid }: Row): StateOwner {
  return { id, instanceId: instance_uid, ...(binding_uid !== null && { bindingId: binding_uid }) };
}
