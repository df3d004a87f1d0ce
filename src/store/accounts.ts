/** Platform accounts; rare, so through knex. Passwords are kept as hashes only. */
import type { Knex } from "knex";
import type { AuditEntry } from "../core/change.ts";
import type { Millis } from "../core/model.ts";
import { changeAccounts } from "./account-changes.ts";
import { revisionOf } from "./revisions.ts";

export interface PlatformAccount {
  readonly id: string;
  readonly name: string;
  readonly username: string;
  readonly state: "active" | "disabled";
  /** Counts changes, from 1. */
  readonly version: number;
  readonly createdAt: Millis;
  readonly passwords: readonly { readonly hash: string; readonly expiresAt?: Millis }[];
}

/** A change names the account and the version it was decided on. `stale`: somebody was faster, and nothing was done. */
export type AccountSeen = Pick<PlatformAccount, "id" | "version">;
export type Changed = "done" | "stale";

export interface Accounts {
  /** In the order of their names; those after `after`, where given. */
  list(page?: {
    readonly limit?: number;
    readonly after?: string;
    readonly state?: PlatformAccount["state"];
  }): Promise<readonly PlatformAccount[]>;
  /** Of all platforms, by id. */
  names(): Promise<ReadonlyMap<string, string>>;
  byName(name: string): Promise<PlatformAccount | undefined>;
  byUsername(username: string): Promise<readonly PlatformAccount[]>;
  /** False if the name or the user name is taken. */
  add(account: PlatformAccount, hash: string, audit: AuditEntry): Promise<boolean>;
  /** The new password is valid at once, older ones until `oldUntil`. */
  rotate(account: AccountSeen, password: NewPassword, oldUntil: Millis, audit: AuditEntry): Promise<Changed>;
  setState(account: AccountSeen, state: PlatformAccount["state"], audit: AuditEntry): Promise<Changed>;
  /** Grows with every change of an account, in whichever process. */
  revision(): Promise<number>;
}

export interface NewPassword {
  readonly id: string;
  readonly hash: string;
  readonly createdAt: Millis;
}

export function createAccounts(knex: Knex): Accounts {
  async function withPasswords(platforms: readonly PlatformRow[]): Promise<PlatformAccount[]> {
    const passwords: PasswordRow[] = await knex("platform_passwords")
      .whereIn(
        "platform_id",
        platforms.map(({ id }) => id),
      )
      .orderBy("id");
    return platforms.map((row) => ({
      id: row.id,
      name: row.name,
      username: row.username,
      state: row.state,
      version: row.version,
      createdAt: row.created_at,
      passwords: passwords
        .filter(({ platform_id }) => platform_id === row.id)
        .map(({ hash, expires_at }) => ({ hash, ...(expires_at !== null && { expiresAt: expires_at }) })),
    }));
  }

  const changeOne = (
    { id, version }: AccountSeen,
    set: Partial<PlatformRow>,
    audit: AuditEntry,
    work: (transaction: Knex.Transaction) => Promise<unknown> = async () => {},
  ): Promise<Changed> =>
    changeAccounts<"stale">(knex, audit, async (transaction) => {
      const changed = await transaction("platforms")
        .where({ id, version })
        .update({ ...set, version: version + 1 });
      if (changed !== 1) return "stale";
      await work(transaction);
      return "done";
    });

  return {
    async list({ limit, after, state } = {}) {
      const query = knex("platforms").orderBy("name");
      if (limit !== undefined) query.limit(limit);
      if (after !== undefined) query.where("name", ">", after);
      if (state !== undefined) query.where({ state });
      return withPasswords(await query);
    },
    async names() {
      const rows: { id: string; name: string }[] = await knex("platforms").select("id", "name");
      return new Map(rows.map(({ id, name }) => [id, name]));
    },
    byName: async (name) => (await withPasswords(await knex("platforms").where({ name })))[0],
    byUsername: async (username) => withPasswords(await knex("platforms").where({ username })),
    async add({ id, name, username, state, version, createdAt }, hash, audit) {
      const outcome = await changeAccounts<"taken">(knex, audit, async (transaction) => {
        const taken = await transaction("platforms").where({ name }).orWhere({ username }).first("id");
        if (taken !== undefined) return "taken";
        await transaction("platforms").insert({ id, name, username, state, version, created_at: createdAt });
        await transaction("platform_passwords").insert({ id, platform_id: id, hash, created_at: createdAt });
        return "done";
      });
      return outcome === "done";
    },
    rotate: (account, { id, hash, createdAt }, oldUntil, audit) =>
      changeOne(account, {}, audit, async (transaction) => {
        const ofPlatform = () => transaction("platform_passwords").where({ platform_id: account.id });
        // Of two at most: who rotates once more, as the newest leaked perhaps, ends the one before it.
        await ofPlatform().whereNotNull("expires_at").delete();
        await ofPlatform().whereNull("expires_at").update({ expires_at: oldUntil });
        await transaction("platform_passwords").insert({ id, platform_id: account.id, hash, created_at: createdAt });
      }),
    setState: (account, state, audit) => changeOne(account, { state }, audit),
    revision: () => revisionOf(knex, "accounts"),
  };
}

interface PlatformRow {
  readonly id: string;
  readonly name: string;
  readonly username: string;
  readonly state: "active" | "disabled";
  readonly version: number;
  readonly created_at: Millis;
}

interface PasswordRow {
  readonly platform_id: string;
  readonly hash: string;
  readonly expires_at: Millis | null;
}
