/** Turns a change into SQL text and values. Texts depend only on which fields a change has, so they are built once. */
import type { Change } from "../core/change.ts";
import {
  adoptions,
  audit,
  bindings,
  columnOf,
  columnsOf,
  encode,
  instances,
  operations,
  type SqlValue,
  type Table,
} from "./columns.ts";
import type { Seal } from "./seal.ts";

export interface Statement {
  readonly text: string;
  /** Short and unique per text: the name of a prepared statement. */
  readonly name: string;
  readonly values: readonly SqlValue[];
}

/** `?` for SQLite, `$1` and so on for PostgreSQL. */
export type Placeholder = (index: number) => string;

/** Builds statements that must each touch exactly one row; if one does not, somebody else was faster. */
export function createStatements(seal: Seal, placeholder: Placeholder): (change: Change) => Statement {
  const texts = new Map<string, { readonly text: string; readonly name: string }>();

  function remember(shape: string, build: () => string): { readonly text: string; readonly name: string } {
    let known = texts.get(shape);
    if (known === undefined) {
      known = { text: build(), name: `change_${texts.size + 1}` };
      texts.set(shape, known);
    }
    return known;
  }

  function insert<T extends object>(into: Table<T>, row: T): Statement {
    const values: SqlValue[] = [];
    const key = String(row[into.key]);
    for (const field of into.kinds.keys()) encode(values, into, key, field, row[field as keyof T], seal);
    const known = remember(`insert ${into.name}`, () => {
      const columns = [...into.kinds].flatMap(([field, kind]) => columnsOf(kind, field));
      const places = columns.map((_, index) => placeholder(index + 1));
      return `INSERT INTO ${into.name} (${columns.join(", ")}) VALUES (${places.join(", ")})`;
    });
    return { ...known, values };
  }

  function update<T>(
    where: Table<T>,
    key: string,
    set: object,
    also: readonly string[],
    guards: Readonly<Record<string, SqlValue | boolean | undefined>>,
  ): Statement {
    const values: SqlValue[] = [];
    let shape = `update ${where.name}`;
    for (const field in set) {
      shape += ` ${field}`;
      encode(values, where, key, field, set[field as keyof typeof set], seal);
    }
    shape += " where";
    const guarded: string[] = [];
    for (const field in guards) {
      const value = guards[field];
      if (value === undefined) continue;
      shape += ` ${field}`;
      guarded.push(field);
      values.push(typeof value === "boolean" ? Number(value) : value);
    }
    const known = remember(shape, () => {
      let index = 0;
      const assigned = Object.keys(set)
        .flatMap((field) => columnsOf(where.kinds.get(field), field))
        .map((column) => `${column} = ${placeholder(++index)}`);
      const conditions = guarded.map((field) => `${columnOf(field)} = ${placeholder(++index)}`);
      return `UPDATE ${where.name} SET ${[...assigned, ...also].join(", ")} WHERE ${conditions.join(" AND ")}`;
    });
    return { ...known, values };
  }

  const nextVersion = ["version = version + 1"];

  return (change) => {
    if ("count" in change)
      return update(instances, change.uid, {}, ["binds_begun = binds_begun + 1"], {
        uid: change.uid,
        version: change.version,
        bindsBegun: change.bindsBegun,
      });
    if ("insert" in change) {
      switch (change.insert) {
        case "instance":
          return insert(instances, change.row);
        case "binding":
          return insert(bindings, change.row);
        case "operation":
          return insert(operations, change.row);
        case "audit":
          return insert(audit, change.row);
        case "adoption":
          return insert(adoptions, change.row);
      }
    }
    switch (change.update) {
      case "instance": {
        const { uid, version, bindsBegun } = change;
        return update(instances, uid, { ...change.set, updatedAt: change.at }, nextVersion, {
          uid,
          version,
          bindsBegun,
        });
      }
      case "binding": {
        const { uid, version } = change;
        return update(bindings, uid, { ...change.set, updatedAt: change.at }, nextVersion, { uid, version });
      }
      case "operation":
        return update(operations, change.token, change.set, [], { token: change.token, ...change.only });
    }
  };
}
