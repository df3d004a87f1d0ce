/** Lines for a newcomer to paste: what can be ordered, and of a database the way to it and back. */
import type { Plan } from "./core/model.ts";

export interface Welcome {
  readonly url: string;
  /** first-run.json; the lines read the password from it. */
  readonly file: string;
  readonly username: string;
  /** A plan of a PostgreSQL database that needs no parameters; without it, nothing is ordered. */
  readonly database?: Plan;
}

export function curlLines({ url, file, username, database }: Welcome): string {
  return `
Lotse is ready at ${url}. Documentation: ${url}/docs
Paste these lines into another shell:

  LOTSE=${url}; PASSWORD=$(sed -n 's/.*"password": "\\(.*\\)".*/\\1/p' '${file}')
  osb() { curl -sS -u "${username}:$PASSWORD" -H 'X-Broker-API-Version: 2.17' -H 'Content-Type: application/json' "$@"; echo; }

  # what can be ordered
  osb $LOTSE/v2/catalog
${database === undefined ? "" : databaseLines(database)}`;
}

function databaseLines({ id, offeringId }: Plan): string {
  const ids = `"service_id":"${offeringId}","plan_id":"${id}"`;
  const query = `service_id=${offeringId}&plan_id=${id}`;
  const instance = "$LOTSE/v2/service_instances/demo-1";
  const binding = `${instance}/service_bindings/demo-1-b`;
  return `  # order a database, get access to it, look at both
  osb -X PUT "${instance}?accepts_incomplete=true" -d '{${ids},"organization_guid":"org","space_guid":"space"}'
  osb "${instance}/last_operation"
  osb -X PUT "${binding}" -d '{${ids}}'
  osb "${instance}"
  # log in, where psql is installed
  command -v psql >/dev/null && psql "$(osb "${binding}" | sed 's/.*"uri":"\\([^"]*\\)".*/\\1/')" -c '\\conninfo'
  # give both back
  osb -X DELETE "${binding}?${query}"
  osb -X DELETE "${instance}?${query}&accepts_incomplete=true"
`;
}
