/** What on the server carries Lotse's names, whoever knows of it. */
import type { Found } from "#adapter";
import { readName } from "./names.ts";
import type { Server } from "./server.ts";
import { allNames, type Named } from "./sql.ts";

export async function inventory(server: Server, signal: AbortSignal): Promise<readonly Found[]> {
  return thingsOf(await server.session(signal, allNames));
}

/** Databases with their group roles are instances, login roles are bindings. */
function thingsOf(names: readonly Named[]): readonly Found[] {
  const instances = new Map<string, Named[]>();
  const bindings: Found[] = [];
  for (const named of names) {
    const read = readName(named.name);
    if (read === undefined) continue;
    if (read.is === "login") {
      const { instance, binding } = read;
      bindings.push({ thing: "binding", id: binding, instance, name: `role ${named.name}` });
    } else if ((read.is === "database") === (named.kind === "database")) {
      instances.set(read.instance, [...(instances.get(read.instance) ?? []), named]);
    }
  }
  return [...[...instances].map(([id, all]) => instanceOf(id, all)), ...bindings];
}

function instanceOf(id: string, all: readonly Named[]): Found {
  const database = all.find(({ kind }) => kind === "database");
  const name = all.map((named) => `${named.kind} ${named.name}`).join(", ");
  const operation = operationIn(database?.note ?? null);
  return {
    thing: "instance",
    id,
    name,
    ...(database === undefined && { remains: true }),
    ...(operation !== undefined && { operation }),
  };
}

/** The note that provisioning leaves on a database; anybody with rights on the server may have written another. */
function operationIn(note: string | null): string | undefined {
  try {
    const { operation } = JSON.parse(note ?? "") as { readonly operation?: unknown };
    return typeof operation === "string" && /^[0-9a-z]{26}$/.test(operation) ? operation : undefined;
  } catch {
    return undefined;
  }
}
