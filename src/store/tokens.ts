/** The tokens of the management API; rare, so through knex. Kept as hashes only, and never removed: audit names them. */
import type { Knex } from "knex";
import type { AuditEntry } from "../core/change.ts";
import type { Millis } from "../core/model.ts";
import type { Role } from "../core/permissions.ts";
import { changeAccounts } from "./account-changes.ts";

/** All there is to know of a token besides its secret. */
export interface TokenRecord {
  readonly id: string;
  /** What it is for. */
  readonly name: string;
  /** The person or service that holds it. */
  readonly principal: string;
  readonly roles: readonly Role[];
  readonly providers: readonly string[];
  readonly createdBy: string;
  readonly createdAt: Millis;
  readonly expiresAt?: Millis;
  readonly revokedAt?: Millis;
  /** To the minute. */
  readonly lastUsedAt?: Millis;
}

export interface Tokens {
  add(token: TokenRecord, hash: string, audit: AuditEntry): Promise<void>;
  /** Whether there ever was one. */
  any(): Promise<boolean>;
  /** Revoked and expired ones too. */
  byHash(hash: string): Promise<(TokenRecord & { readonly hash: string }) | undefined>;
  read(id: string): Promise<TokenRecord | undefined>;
  /** Newest first, those made before `before`. */
  list(page?: {
    readonly limit?: number;
    readonly before?: string;
    readonly principal?: string;
  }): Promise<readonly TokenRecord[]>;
  /** `last`: it is the only one by which an administrator could still get in. */
  revoke(id: string, now: Millis, audit: AuditEntry): Promise<"done" | "unknown" | "already" | "last">;
  /** Notes the use, at most once a minute. */
  used(token: TokenRecord, now: Millis): Promise<void>;
}

const minute = 60_000;

export function createTokens(knex: Knex): Tokens {
  return {
    async add({ id, name, principal, roles, providers, createdBy, createdAt, expiresAt }, hash, audit) {
      const row = {
        id,
        name,
        hash,
        principal,
        roles: JSON.stringify(roles),
        providers: JSON.stringify(providers),
        created_by: createdBy,
        created_at: createdAt,
        expires_at: expiresAt ?? null,
      };
      await changeAccounts(knex, audit, async (transaction) => {
        await transaction("admin_tokens").insert(row);
        return "done";
      });
    },
    any: async () => (await knex("admin_tokens").first("id")) !== undefined,
    async byHash(hash) {
      const row: TokenRow | undefined = await knex("admin_tokens").where({ hash }).first();
      return row && { ...recordOf(row), hash: row.hash };
    },
    async read(id) {
      const row: TokenRow | undefined = await knex("admin_tokens").where({ id }).first();
      return row && recordOf(row);
    },
    async list({ limit, before, principal } = {}) {
      const query = knex("admin_tokens").orderBy("id", "desc");
      if (limit !== undefined) query.limit(limit);
      if (before !== undefined) query.where("id", "<", before);
      if (principal !== undefined) query.where({ principal });
      return ((await query) as TokenRow[]).map(recordOf);
    },
    revoke: (id, now, audit) =>
      changeAccounts<"unknown" | "already" | "last">(knex, audit, async (transaction) => {
        const row: TokenRow | undefined = await transaction("admin_tokens").where({ id }).first();
        if (row === undefined) return "unknown";
        if (row.revoked_at !== null) return "already";
        const others: TokenRow[] = await transaction("admin_tokens").whereNot({ id }).whereNull("revoked_at");
        if (opens(row, now) && !others.some((other) => opens(other, now))) return "last";
        await transaction("admin_tokens").where({ id }).update({ revoked_at: now });
        return "done";
      }),
    async used({ id, lastUsedAt }, now) {
      if (lastUsedAt !== undefined && now - lastUsedAt < minute) return;
      await knex("admin_tokens")
        .where({ id })
        .where((query) => query.whereNull("last_used_at").orWhere("last_used_at", "<=", now - minute))
        .update({ last_used_at: now });
    },
  };
}

/** Whether an administrator gets in by it. */
function opens(row: TokenRow, now: Millis): boolean {
  const { roles, expiresAt } = recordOf(row);
  return roles.includes("administrator") && (expiresAt === undefined || expiresAt > now);
}

interface TokenRow {
  readonly id: string;
  readonly name: string;
  readonly hash: string;
  readonly principal: string;
  readonly roles: string;
  readonly providers: string;
  readonly created_by: string;
  readonly created_at: Millis;
  readonly expires_at: Millis | null;
  readonly revoked_at: Millis | null;
  readonly last_used_at: Millis | null;
}

function recordOf(row: TokenRow): TokenRecord {
  return {
    id: row.id,
    name: row.name,
    principal: row.principal,
    roles: JSON.parse(row.roles) as Role[],
    providers: JSON.parse(row.providers) as string[],
    createdBy: row.created_by,
    createdAt: row.created_at,
    ...(row.expires_at !== null && { expiresAt: row.expires_at }),
    ...(row.revoked_at !== null && { revokedAt: row.revoked_at }),
    ...(row.last_used_at !== null && { lastUsedAt: row.last_used_at }),
  };
}
