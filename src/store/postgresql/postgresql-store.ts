/** The store on PostgreSQL, for several replicas: named prepared statements; a change set is one transaction. */
import type { Pool, PoolClient } from "pg";
import type { Change } from "../../core/change.ts";
import type { Millis } from "../../core/model.ts";
import { type AuditRow, type ChainEnd, linkRows, sealingBatch } from "../audit-chain.ts";
import { DatabaseAway, isAway } from "../away.ts";
import type { Row, SqlValue } from "../columns.ts";
import { createDecoders, dueOperations, openTokens, reads, sealing } from "../reads.ts";
import type { Seal, SealingKey } from "../seal.ts";
import { createStatements } from "../statement.ts";
import type { Store } from "../store.ts";

// Whoever uses the connection next is told that it broke; unheard, the event would end the process.
const unheard = () => undefined;

/** Somebody else was faster; the transaction was rolled back. */
class Conflict extends Error {}

export function createPostgresqlStore(pool: Pool, seal: Seal, close: () => Promise<void>): Store {
  const decoders = createDecoders(seal);
  const statementOf = createStatements(seal, (index) => `$${index}`);

  async function query(name: keyof typeof reads, values: readonly SqlValue[]): Promise<Row[]> {
    const query = pool.query({ name: `read_${name}`, text: texts[name], values: [...values], rowMode: "array" });
    const result = await query.catch(orAway);
    return result.rows as Row[];
  }

  async function write(client: PoolClient, changes: readonly Change[]): Promise<void> {
    for (const change of changes) {
      const { name, text, values } = statementOf(change);
      const result = await client.query({ name, text, values: [...values] });
      if (result.rowCount !== 1) throw new Conflict();
    }
  }

  /** False: somebody else was faster, and nothing was written. */
  async function inTransaction(work: (client: PoolClient) => Promise<void>): Promise<boolean> {
    const client = await pool.connect().catch(orAway);
    client.on("error", unheard);
    let broken: Error | undefined;
    try {
      await client.query("BEGIN");
      await work(client);
      await client.query("COMMIT");
      return true;
    } catch (error) {
      await client.query("ROLLBACK").catch((failure: Error) => {
        broken = failure;
      });
      if (isConflict(error)) return false;
      return orAway(error);
    } finally {
      client.off("error", unheard);
      client.release(broken);
    }
  }

  return {
    apply: async (changes) => changes.length === 0 || inTransaction((client) => write(client, changes)),
    readInstance: async (platformId, instanceId) =>
      decoders.newestInstance(await query("incarnations", [platformId, instanceId])),
    readInstanceByUid: async (uid) => decoders.instance((await query("instanceByUid", [uid]))[0]),
    readBinding: async (platformId, bindingId) =>
      decoders.newestBinding(await query("bindingIncarnations", [platformId, bindingId])),
    readBindingByUid: async (uid) => decoders.binding((await query("bindingByUid", [uid]))[0]),
    readLivingBindings: async (instanceUid) => decoders.bindings(await query("livingBindings", [instanceUid])),
    readOperation: async (token) => decoders.operation((await query("operation", [token]))[0]),
    readNewestOperation: async (instanceUid, bindingUid) =>
      decoders.operation(
        bindingUid === undefined
          ? (await query("newestInstanceOperation", [instanceUid]))[0]
          : (await query("newestBindingOperation", [instanceUid, bindingUid]))[0],
      ),
    claim: async (token, lease, now) =>
      decoders.operation((await query("claim", [lease.owner, lease.until, token, now, now]))[0]),
    readDue: async (now, limit, passedOver = []) =>
      dueOperations(await query("due", [now, now, JSON.stringify(passedOver), limit])),
    extendLeases: async (owner, tokens, now, until) =>
      openTokens(await query("extend", [until, owner, now, JSON.stringify(tokens)])),
    async releaseLeases(owner, tokens) {
      await query("release", [owner, JSON.stringify(tokens)]);
    },
    async sealAudit(key, now) {
      let sealed = 0;
      const committed = await inTransaction(async (client) => {
        sealed = await sealAudit(client, key, now);
      });
      return committed ? sealed : 0;
    },
    async ping() {
      await pool.query("SELECT 1");
    },
    close,
  };
}

// Any number that nothing else in this database locks.
const sealingLock = 7_405_114;

async function sealAudit(client: PoolClient, key: SealingKey, now: Millis): Promise<number> {
  // Held until the end of the transaction; another replica is sealing these very rows.
  const lock = await client.query<{ mine: boolean }>("SELECT pg_try_advisory_xact_lock($1) AS mine", [sealingLock]);
  if (lock.rows[0]?.mine !== true) return 0;
  const unsealed = await client.query<AuditRow>(sealing.unsealed.replace("?", "$1"), [sealingBatch]);
  if (unsealed.rows.length === 0) return 0;
  const end = await client.query<ChainEnd>(sealing.end);
  const { rows, seal } = linkRows(end.rows[0], unsealed.rows, key, now);
  await client.query(
    `UPDATE audit SET position = link.position, hash = link.hash
     FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS link (id, position, hash) WHERE audit.id = link.id`,
    [rows.map(({ id }) => id), rows.map(({ position }) => position), rows.map(({ hash }) => hash)],
  );
  const values = [seal.lastPosition, seal.at, seal.hash, seal.keyId, seal.mac];
  await client.query(`${sealing.addSeal} VALUES ($1, $2, $3, $4, $5)`, values);
  return rows.length;
}

const texts = Object.fromEntries(
  Object.entries(reads).map(([name, text]) => {
    let index = 0;
    const ours = text.replace("SELECT value FROM json_each(?)", "SELECT json_array_elements_text(?)");
    return [name, ours.replace(/\?/g, () => `$${++index}`)];
  }),
) as { readonly [K in keyof typeof reads]: string };

// 23505 unique_violation; 40001 and 40P01: the database itself asks to try again.
const conflictCodes = new Set(["23505", "40001", "40P01"]);

/** Names what is no fault of the request's and will pass; everything else is thrown on as it is. */
function orAway(error: unknown): never {
  throw isAway(error) ? new DatabaseAway(error) : error;
}

function isConflict(error: unknown): boolean {
  return error instanceof Conflict || conflictCodes.has(String((error as { readonly code?: unknown }).code));
}
