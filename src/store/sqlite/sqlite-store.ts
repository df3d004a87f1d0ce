/** The store on SQLite: reads are prepared and immediate, writes go through the group-committing writer. */
import type { Database, Statement as Prepared } from "better-sqlite3";
import type { Change } from "../../core/change.ts";
import type { Millis } from "../../core/model.ts";
import { type AuditRow, type ChainEnd, linkRows, sealingBatch } from "../audit-chain.ts";
import type { Row, SqlValue } from "../columns.ts";
import { createDecoders, dueOperations, openTokens, reads, sealing } from "../reads.ts";
import type { Seal, SealingKey } from "../seal.ts";
import { createStatements } from "../statement.ts";
import type { Store } from "../store.ts";
import { Conflict, createWriter } from "./writer.ts";

export function createSqliteStore(database: Database, seal: Seal, close: () => Promise<void>): Store {
  const decoders = createDecoders(seal);
  const statementOf = createStatements(seal, () => "?");
  const prepared = new Map<string, Prepared<SqlValue[]>>();
  const writer = createWriter(database);
  const statements = Object.fromEntries(
    Object.entries(reads).map(([name, text]) => [name, prepareRead(database, text)]),
  ) as { readonly [K in keyof typeof reads]: Prepared<SqlValue[], Row> };

  const chainEnd = database.prepare<[], ChainEnd>(sealing.end);
  const unsealed = database.prepare<[number], AuditRow>(sealing.unsealed);
  const link = database.prepare<SqlValue[]>("UPDATE audit SET position = ?, hash = ? WHERE id = ?");
  const addSeal = database.prepare<SqlValue[]>(`${sealing.addSeal} VALUES (?, ?, ?, ?, ?)`);

  function sealAudit(key: SealingKey, now: Millis): number {
    const rows = unsealed.all(sealingBatch);
    if (rows.length === 0) return 0;
    const links = linkRows(chainEnd.get(), rows, key, now);
    for (const { id, position, hash } of links.rows) link.run(position, hash, id);
    const { lastPosition, at, hash, keyId, mac } = links.seal;
    addSeal.run(lastPosition, at, hash, keyId, mac);
    return rows.length;
  }

  function write(change: Change): void {
    const { name, text, values } = statementOf(change);
    let statement = prepared.get(name);
    if (statement === undefined) {
      statement = database.prepare<SqlValue[]>(text);
      prepared.set(name, statement);
    }
    if (statement.run(...values).changes !== 1) throw new Conflict();
  }

  return {
    async apply(changes) {
      if (changes.length === 0) return true;
      try {
        await writer.write(() => {
          for (const change of changes) write(change);
        });
        return true;
      } catch (error) {
        if (isConflict(error)) return false;
        throw error;
      }
    },
    readInstance: (platformId, instanceId) =>
      decoders.newestInstance(statements.incarnations.all(platformId, instanceId)),
    readInstanceByUid: (uid) => decoders.instance(statements.instanceByUid.get(uid)),
    readBinding: (platformId, bindingId) =>
      decoders.newestBinding(statements.bindingIncarnations.all(platformId, bindingId)),
    readBindingByUid: (uid) => decoders.binding(statements.bindingByUid.get(uid)),
    readLivingBindings: (instanceUid) => decoders.bindings(statements.livingBindings.all(instanceUid)),
    readOperation: (token) => decoders.operation(statements.operation.get(token)),
    readNewestOperation: (instanceUid, bindingUid) =>
      decoders.operation(
        bindingUid === undefined
          ? statements.newestInstanceOperation.get(instanceUid)
          : statements.newestBindingOperation.get(instanceUid, bindingUid),
      ),
    claim: (token, lease, now) =>
      writer.write(() => decoders.operation(statements.claim.get(lease.owner, lease.until, token, now, now))),
    readDue: (now, limit, passedOver = []) =>
      dueOperations(statements.due.all(now, now, JSON.stringify(passedOver), limit)),
    extendLeases: (owner, tokens, now, until) =>
      writer.write(() => openTokens(statements.extend.all(until, owner, now, JSON.stringify(tokens)))),
    async releaseLeases(owner, tokens) {
      await writer.write(() => statements.release.run(owner, JSON.stringify(tokens)));
    },
    sealAudit: (key, now) => writer.write(() => sealAudit(key, now)),
    async ping() {
      database.prepare("SELECT 1").get();
    },
    close,
  };
}

/** Rows as arrays: making an object of each costs more than reading it. */
function prepareRead(database: Database, text: string): Prepared<SqlValue[], Row> {
  const statement = database.prepare<SqlValue[], Row>(text);
  return statement.reader ? statement.raw() : statement;
}

function isConflict(error: unknown): boolean {
  if (error instanceof Conflict) return true;
  const code = (error as { readonly code?: unknown }).code;
  return code === "SQLITE_CONSTRAINT_UNIQUE" || code === "SQLITE_CONSTRAINT_PRIMARYKEY";
}
