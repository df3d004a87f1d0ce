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
