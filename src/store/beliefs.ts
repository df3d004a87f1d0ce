/** What Lotse believes to be at a provider, read row by row for the comparison with what the provider reports. */
import type { Knex } from "knex";
import type { Instance } from "../core/model.ts";
import type { Believed, Look } from "../core/orphans.ts";

export interface Beliefs {
  /** All instances and bindings of a provider, deleted ones included. */
  look(provider: string): Promise<Look>;
  /** The same for those of these uids that are on record, at whichever provider. */
  find(uids: readonly string[]): Promise<Look>;
  /** Token of the newest operation about an instance itself or a binding on record, whoever asked for it. */
  newestOperation(thing: "instance" | "binding", uid: string): Promise<string | undefined>;
}

/** Rows read in one statement; between two of them others have their turn. */
const batch = 500;

interface InstanceRow {
  readonly uid: string;
  readonly provider: string;
  readonly platform_id: string;
  readonly instance_id: string;
  readonly state: Believed["state"];
  readonly version: number;
  readonly operation: string | null;
  readonly adopted: NonNullable<Instance["adopted"]> | null;
}

interface BindingRow extends InstanceRow {
  readonly binding_id: string;
  readonly instance_uid: string;
}

const instanceColumns = "uid provider platform_id instance_id state version operation adopted".split(" ");

export function createBeliefs(knex: Knex): Beliefs {
  const instances = () => knex("instances").select(instanceColumns);
  const bindings = () =>
    knex("bindings as b")
      .join("instances as i", "i.uid", "b.instance_uid")
      .select("b.uid", "i.provider", "b.platform_id", "b.instance_id", "b.state", "b.version", "b.operation")
      .select("i.adopted", "b.binding_id", "b.instance_uid");

  async function pages(provider: string, take: (rows: readonly InstanceRow[]) => Promise<void>): Promise<void> {
    for (let after = ""; ; ) {
      const rows: InstanceRow[] = await instances()
        .where({ provider })
        .where("uid", ">", after)
        .orderBy("uid")
        .limit(batch);
      await take(rows);
      after = rows.at(-1)?.uid ?? after;
      if (rows.length < batch) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async function busyAt(provider: string): Promise<ReadonlySet<string>> {
    const open: { instance_uid: string; binding_uid: string | null }[] = await knex("operations")
      .where({ provider })
      // Said in full, so that it fits the index of these few among all that ever were.
      .whereRaw("state = 'open'")
      .select("instance_uid", "binding_uid");
    return new Set(open.map(({ instance_uid, binding_uid }) => binding_uid ?? instance_uid));
  }

  /** Adopted ones without a success: whether their newest update failed and may have changed something. */
  async function uncleanUpdates(provider: string): Promise<ReadonlyMap<string, string>> {
    const unproven: { uid: string }[] = await knex("instances")
      .where({ provider, adopted: "unproven" })
      .whereNot({ state: "deleted" })
      .select("uid");
    const unclean = new Map<string, string>();
    for (const { uid } of unproven) {
      const newest: { token: string; kind: string; state: string; clean: number | null } | undefined = await knex(
        "operations",
      )
        .where({ instance_uid: uid })
        .whereNull("binding_uid")
        .orderBy("token", "desc")
        .select("token", "kind", "state", "clean")
        .first();
      if (newest?.kind === "update" && newest.state === "failed" && newest.clean !== 1) unclean.set(uid, newest.token);
    }
    return unclean;
  }

  return {
    async look(provider) {
      const busy = await busyAt(provider);
      const unclean = await uncleanUpdates(provider);
      const look = new Map<string, Believed>();
      await pages(provider, async (rows) => {
        for (const row of rows) {
          const update = unclean.get(row.uid);
          look.set(row.uid, { ...instanceOf(row, busy), ...(update !== undefined && { uncleanUpdate: update }) });
        }
        const uids = rows.map(({ uid }) => uid);
        const bound: BindingRow[] = await bindings().whereIn("b.instance_uid", uids);
        for (const row of bound) look.set(row.uid, bindingOf(row, busy));
      });
      return look;
    },
    async find(uids) {
      const look = new Map<string, Believed>();
      for (let from = 0; from < uids.length; from += batch) {
        const some = uids.slice(from, from + batch);
        const nothing: ReadonlySet<string> = new Set();
        const rows: InstanceRow[] = await instances().whereIn("uid", some);
        for (const row of rows) look.set(row.uid, instanceOf(row, nothing));
        const bound: BindingRow[] = await bindings().whereIn("b.uid", some);
        for (const row of bound) look.set(row.uid, bindingOf(row, nothing));
      }
      return look;
    },
    async newestOperation(thing, uid) {
      const row: { token: string } | undefined = await knex("operations")
        .modify((query) => {
          if (thing === "instance") query.where({ instance_uid: uid }).whereNull("binding_uid");
          // By way of its instance, whose operations an index finds.
          else
            query
              .where({ binding_uid: uid })
              .where("instance_uid", "=", knex("bindings").select("instance_uid").where({ uid }));
        })
        .orderBy("token", "desc")
        .select("token")
        .first();
      return row?.token;
    },
  };
}

function instanceOf(row: InstanceRow, busy: ReadonlySet<string>): Believed {
  return {
    thing: "instance",
    uid: row.uid,
    instanceUid: row.uid,
    provider: row.provider,
    platformId: row.platform_id,
    instanceId: row.instance_id,
    state: row.state,
    version: row.version,
    busy: row.operation !== null || busy.has(row.uid),
    ...(row.adopted !== null && { adopted: row.adopted }),
  };
}

function bindingOf(row: BindingRow, busy: ReadonlySet<string>): Believed {
  return {
    ...instanceOf(row, busy),
    thing: "binding",
    instanceUid: row.instance_uid,
    bindingId: row.binding_id,
  };
}
