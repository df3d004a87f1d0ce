/** Platform accounts and administrator tokens; rare, so through knex. Passwords and tokens are kept as hashes only. */
import type { Knex } from "knex";
import type { AuditEntry } from "../core/change.ts";
import type { Millis } from "../core/model.ts";
import { insertAudit } from "./audit.ts";

export interface PlatformAccount {
  readonly id: string;
  readonly name: string;
  readonly username: string;
  readonly state: "active" | "disabled";
  readonly createdAt: Millis;
  readonly passwords: readonly { readonly hash: string; readonly expiresAt?: Millis }[];
}

export interface AdminToken {
  readonly id: string;
  readonly name: string;
  readonly hash: string;
  readonly expiresAt?: Millis;
}

export interface Accounts {
  list(): Promise<readonly PlatformAccount[]>;
  byUsername(username: string): Promise<readonly PlatformAccount[]>;
  /** False if the name or the user name is taken. */
  add(account: PlatformAccount, hash: string, audit: AuditEntry): Promise<boolean>;
  /** The new password is valid at once, older ones until `oldUntil`. */
  rotate(platformId: string, password: NewPassword, oldUntil: Millis, audit: AuditEntry): Promise<void>;
  setState(platformId: string, state: PlatformAccount["state"], audit: AuditEntry): Promise<void>;
  addToken(token: AdminToken, createdAt: Millis, audit: AuditEntry): Promise<void>;
  hasTokens(): Promise<boolean>;
  tokenByHash(hash: string): Promise<AdminToken | undefined>;
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
      createdAt: row.created_at,
      passwords: passwords
        .filter(({ platform_id }) => platform_id === row.id)
        .map(({ hash, expires_at }) => ({ hash, ...(expires_at !== null && { expiresAt: expires_at }) })),
    }));
  }

  async function change(audit: AuditEntry, work: (transaction: Knex.Transaction) => Promise<unknown>): Promise<void> {
    await knex.transaction(async (transaction) => {
      await work(transaction);
      await transaction("revisions").where({ name: "accounts" }).increment("revision", 1);
      await insertAudit(transaction, audit);
    });
  }

  return {
    list: async () => withPasswords(await knex("platforms").orderBy("id")),
    byUsername: async (username) => withPasswords(await knex("platforms").where({ username })),
    async add(account, hash, audit) {
      const { id, name, username, state, createdAt } = account;
      if ((await knex("platforms").where({ name }).orWhere({ username }).first()) !== undefined) return false;
      await change(audit, async (transaction) => {
        await transaction("platforms").insert({ id, name, username, state, created_at: createdAt });
        await transaction("platform_passwords").insert({ id, platform_id: id, hash, created_at: createdAt });
      });
      return true;
    },
    rotate: (platformId, { id, hash, createdAt }, oldUntil, audit) =>
      change(audit, async (transaction) => {
        await transaction("platform_passwords")
          .where({ platform_id: platformId })
          .where("expires_at", "<=", createdAt)
          .delete();
        await transaction("platform_passwords")
          .where({ platform_id: platformId })
          .whereNull("expires_at")
          .update({ expires_at: oldUntil });
        await transaction("platform_passwords").insert({ id, platform_id: platformId, hash, created_at: createdAt });
      }),
    setState: (platformId, state, audit) =>
      change(audit, (transaction) => transaction("platforms").where({ id: platformId }).update({ state })),
    addToken: ({ id, name, hash, expiresAt }, createdAt, audit) =>
      change(audit, (transaction) =>
        transaction("admin_tokens").insert({ id, name, hash, expires_at: expiresAt ?? null, created_at: createdAt }),
      ),
    hasTokens: async () => (await knex("admin_tokens").first("id")) !== undefined,
    async tokenByHash(hash) {
      const row: TokenRow | undefined = await knex("admin_tokens").where({ hash }).first();
      if (row === undefined) return undefined;
      const { id, name, expires_at } = row;
      return { id, name, hash: row.hash, ...(expires_at !== null && { expiresAt: expires_at }) };
    },
    async revision() {
      const row: { revision: number } | undefined = await knex("revisions").where({ name: "accounts" }).first();
      return row?.revision ?? 0;
    },
  };
}

interface PlatformRow {
  readonly id: string;
  readonly name: string;
  readonly username: string;
  readonly state: "active" | "disabled";
  readonly created_at: Millis;
}

interface PasswordRow {
  readonly platform_id: string;
  readonly hash: string;
  readonly expires_at: Millis | null;
}

interface TokenRow {
  readonly id: string;
  readonly name: string;
  readonly hash: string;
  readonly expires_at: Millis | null;
}
