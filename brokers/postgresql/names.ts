/** What things are called on the server. Derived from Lotse's own ids only, so that nobody can choose them. */

/** At most 63 bytes, PostgreSQL's limit for names; ids have 26 characters. */
export interface InstanceNames {
  readonly database: string;
  /** Owns everything in the database; cannot log in. */
  readonly owner: string;
  /** May read everything; cannot log in. */
  readonly reader: string;
  /** How the names of all login roles of the instance begin. */
  readonly loginPrefix: string;
}

/** How the names of all instances' databases begin. */
export const databasePrefix = "lotse_";

export function namesOf(instanceId: string): InstanceNames {
  return {
    database: `${databasePrefix}${instanceId}`,
    owner: `lotse_o_${instanceId}`,
    reader: `lotse_r_${instanceId}`,
    loginPrefix: `l_${instanceId}_`,
  };
}

export function loginName(instanceId: string, bindingId: string): string {
  return `l_${instanceId}_${bindingId}`;
}

/** What a name on the server tells of itself; undefined: it is none of ours. */
export function readName(name: string): NameRead | undefined {
  const database = /^lotse_([0-9a-z]{26})$/.exec(name);
  if (database?.[1] !== undefined) return { is: "database", instance: database[1] };
  const group = /^lotse_[or]_([0-9a-z]{26})$/.exec(name);
  if (group?.[1] !== undefined) return { is: "group", instance: group[1] };
  const [, instance, binding] = /^l_([0-9a-z]{26})_([0-9a-z]{26})$/.exec(name) ?? [];
  if (instance === undefined || binding === undefined) return undefined;
  return { is: "login", instance, binding };
}

export type NameRead =
  | { readonly is: "database" | "group"; readonly instance: string }
  | { readonly is: "login"; readonly instance: string; readonly binding: string };
