/** What is said to Nova about one machine. */
import type { JsonObject } from "#adapter";
import { statusOf, Unanswered, unlessGone } from "./answers.ts";
import type { Session } from "./client.ts";
import type { Flavor } from "./flavors.ts";
import { oldestFirst } from "./oldest.ts";

export interface Server {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly created: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** As it was when the machine got it. */
  readonly flavor: {
    readonly original_name?: string;
    readonly vcpus: number;
    readonly ram: number;
    readonly disk: number;
  };
  readonly addresses: Readonly<Record<string, readonly Address[]>>;
  readonly fault?: { readonly code: number; readonly message: string };
  readonly "OS-EXT-STS:task_state"?: string | null;
}

export interface Address {
  readonly addr: string;
  readonly version: number;
  readonly "OS-EXT-IPS:type"?: "fixed" | "floating";
}

/** Machines of that name, oldest first: more than one if two calls made one each. None: there is none, for sure. */
export async function findServers(session: Session, name: string): Promise<readonly Server[]> {
  const found = await seeServers(session, name);
  if (found.length === 0) await requireAllCells(session);
  return found;
}

/**
 * Nova keeps machines in cells. From a list by names it leaves out, without a word, those of a cell that it cannot reach
 * (`list_records_by_skipping_down_cells`); a list of everything tells of them as UNKNOWN, without their names (microversion
 * 2.69). Throws where there are such.
 */
async function requireAllCells(session: Session): Promise<void> {
  const { servers } = await session.ask<{ readonly servers: readonly { readonly status?: string }[] }>({
    service: "compute",
    method: "GET",
    path: ["servers"],
  });
  if (servers.some(({ status }) => status === "UNKNOWN"))
    throw new Unanswered("Nova cannot reach all of its cells, so what it lists is not everything.");
}

/** As `findServers`, where a machine that is not seen may be there all the same. */
export async function seeServers(session: Session, name: string): Promise<readonly Server[]> {
  const { servers } = await session.ask<{ readonly servers: readonly Server[] }>({
    service: "compute",
    method: "GET",
    path: ["servers", "detail"],
    // Nova takes a regular expression.
    query: { name: `^${name}$` },
  });
  return oldestFirst(servers, ({ created }) => created);
}

/** Why the machine is in ERROR; undefined: Nova has not said, or the machine is gone. */
export async function findFault(session: Session, id: string): Promise<Server["fault"]> {
  const found = await unlessGone(
    session.ask<{ readonly server: Server }>({ service: "compute", method: "GET", path: ["servers", id] }),
  );
  return found?.server.fault;
}

/** All machines of the project whose names begin so, without exception. */
export async function listServers(session: Session, prefix: string): Promise<readonly Server[]> {
  await requireAllCells(session);
  const all: Server[] = [];
  for (let marker: string | undefined; ; marker = all.at(-1)?.id) {
    const { servers } = await session.ask<{ readonly servers: readonly Server[] }>({
      service: "compute",
      method: "GET",
      path: ["servers", "detail"],
      query: { name: `^${prefix}`, limit: "200", marker },
    });
    all.push(...servers);
    // Nova may have a lower limit than ours, so only an empty page is surely the last.
    if (servers.length === 0) return all;
  }
}

/** Nova answers before it has begun: the machine is there as BUILD. */
export async function makeServer(session: Session, server: JsonObject): Promise<void> {
  await session.ask({ service: "compute", method: "POST", path: ["servers"], body: { server } });
}

export async function removeServer(session: Session, id: string): Promise<void> {
  // 409: it is being removed, or in the middle of something; whoever looks again finds out.
  await session.ask({ service: "compute", method: "DELETE", path: ["servers", id] }).catch((error: unknown) => {
    if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error;
  });
}

export async function actOn(session: Session, id: string, action: JsonObject): Promise<void> {
  await session.ask({ service: "compute", method: "POST", path: ["servers", id, "action"], body: action });
}

/** What was asked of the machine last, and whether Nova has given it up. */
export async function lastAction(
  session: Session,
  id: string,
): Promise<{ readonly action: string; readonly failed: boolean; readonly at: Date } | undefined> {
  const { instanceActions } = await session.ask<{
    readonly instanceActions: readonly {
      readonly action: string;
      readonly message: string | null;
      readonly updated_at: string;
    }[];
  }>({ service: "compute", method: "GET", path: ["servers", id, "os-instance-actions"], query: { limit: "1" } });
  const [last] = instanceActions;
  // Nova tells UTC without saying so.
  const at = (time: string) => new Date(`${time.replace(/Z$/, "")}Z`);
  return last && { action: last.action, failed: last.message !== null, at: at(last.updated_at) };
}

export async function markServer(session: Session, id: string, metadata: JsonObject): Promise<void> {
  await session.ask({ service: "compute", method: "POST", path: ["servers", id, "metadata"], body: { metadata } });
}

export async function listFlavors(session: Session): Promise<readonly Flavor[]> {
  const { flavors } = await session.ask<{ readonly flavors: readonly Flavor[] }>({
    service: "compute",
    method: "GET",
    path: ["flavors", "detail"],
  });
  return flavors;
}

/** Names of key pairs are unique, so one that is there already is ours. */
export async function makeKeyPair(session: Session, name: string, publicKey: string): Promise<void> {
  await session
    .ask({
      service: "compute",
      method: "POST",
      path: ["os-keypairs"],
      body: { keypair: { name, type: "ssh", public_key: publicKey } },
    })
    .catch((error: unknown) => {
      if (statusOf(error) !== 409) throw error;
    });
}

export async function removeKeyPair(session: Session, name: string): Promise<void> {
  await unlessGone(session.ask({ service: "compute", method: "DELETE", path: ["os-keypairs", name] }));
}

/** Names of the account's user's key pairs. */
export async function listKeyPairs(session: Session): Promise<readonly string[]> {
  const { keypairs } = await session.ask<{
    readonly keypairs: readonly { readonly keypair: { readonly name: string } }[];
  }>({ service: "compute", method: "GET", path: ["os-keypairs"] });
  return keypairs.map(({ keypair }) => keypair.name);
}
