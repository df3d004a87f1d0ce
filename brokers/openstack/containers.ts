/** What is said to Swift about containers and the objects in them. */
import { Unanswered, unlessGone } from "./answers.ts";
import type { Session } from "./client.ts";

type Headers = Readonly<Record<string, string>>;

export interface Container {
  readonly objects: number;
  readonly bytes: number;
  /** Versions are or were kept, so that objects are removed version by version. */
  readonly versioned: boolean;
}

export interface StoredObject {
  readonly name: string;
  /** Of a container with versions only. */
  readonly version?: string;
}

/**
 * Undefined: there is no such container, for sure. Swift 2.30 answers 404 for every container of an account that cannot be
 * looked up at the moment (`account_info` in its proxy), also for those that are there. So the account is asked as well,
 * which is refused with 503 then, and the container once more.
 */
async function unlessMissing<T>(session: Session, name: string, ask: () => Promise<T>): Promise<T | undefined> {
  const answer = await unlessGone(ask());
  if (answer !== undefined) return answer;
  if (await isListed(session, name))
    throw new Unanswered(`Swift lists the container ${name}, and says that it is not there.`);
  return unlessGone(ask());
}

/** Throws where the account does not answer. Of all names that begin so, the shortest is listed first. */
async function isListed(session: Session, name: string): Promise<boolean> {
  const query = { format: "json", prefix: name, limit: "1" };
  const listing = await unlessGone(
    session.ask<readonly { readonly name: string }[] | undefined>({
      service: "object-store",
      method: "GET",
      path: [],
      query,
    }),
  );
  return listing?.[0]?.name === name;
}

/** Makes the container, or sets the headers of one that is there. */
export async function putContainer(session: Session, name: string, headers: Headers): Promise<void> {
  await session.ask({ service: "object-store", method: "PUT", path: [name], headers });
}

/** Sets headers of a container; false: it is not there. */
export async function changeContainer(session: Session, name: string, headers: Headers): Promise<boolean> {
  const change = () => session.askWhole({ service: "object-store", method: "POST", path: [name], headers });
  return (await unlessMissing(session, name, change)) !== undefined;
}

/**
 * Not by HEAD: Swift 2.30 adds a body to that answer where the container knows of versions, and whatever is asked next over
 * the same connection is not understood.
 */
export async function lookAtContainer(session: Session, name: string): Promise<Container | undefined> {
  const query = { format: "json", limit: "1" };
  const look = () => session.askWhole({ service: "object-store", method: "GET", path: [name], query });
  const answer = await unlessMissing(session, name, look);
  return answer && readContainer(answer.headers);
}

/** False: there is still something in it, or listings lag behind. */
export async function removeContainer(session: Session, name: string): Promise<boolean> {
  try {
    await unlessMissing(session, name, () =>
      session.askWhole({ service: "object-store", method: "DELETE", path: [name] }),
    );
    return true;
  } catch (error) {
    if ((error as { readonly status?: unknown }).status === 409) return false;
    throw error;
  }
}

/** The first `limit` objects, all versions of them; undefined: Swift says that there is no such container. */
export async function listObjects(
  session: Session,
  name: string,
  limit: number,
): Promise<{ readonly container: Container; readonly objects: readonly StoredObject[] } | undefined> {
  const query = { format: "json", limit: String(limit), versions: "true" };
  const answer = await unlessGone(session.askWhole({ service: "object-store", method: "GET", path: [name], query }));
  if (answer === undefined) return undefined;
  const container = readContainer(answer.headers);
  const listed = (answer.body ?? []) as unknown as readonly { readonly name: string; readonly version_id?: string }[];
  return {
    container,
    objects: listed.map((one) => ({
      name: one.name,
      ...(container.versioned && one.version_id !== undefined && { version: one.version_id }),
    })),
  };
}

/** Names of all containers of the project that begin so. */
export async function listContainers(session: Session, prefix: string): Promise<readonly string[]> {
  const all: string[] = [];
  for (;;) {
    const query = { format: "json", prefix, marker: all.at(-1) };
    const request = session.ask<readonly { readonly name: string }[] | undefined>({
      service: "object-store",
      method: "GET",
      path: [],
      query,
    });
    const page = (await unlessGone(request)) ?? [];
    if (page.length === 0) return all;
    all.push(...page.map(({ name }) => name));
  }
}

/** Where versions are not kept: many objects by one request. Throws where one cannot be removed. */
export async function removeObjects(session: Session, container: string, names: readonly string[]): Promise<void> {
  const lines = names.map((name) => `/${encodeURIComponent(container)}/${encodeURIComponent(name)}`);
  const done = await session.ask<{ readonly Errors?: readonly unknown[]; readonly "Response Status"?: string }>({
    service: "object-store",
    method: "POST",
    path: [],
    query: { "bulk-delete": "true" },
    headers: { "content-type": "text/plain" },
    text: lines.join("\n"),
  });
  // Names of objects are the customer's and are not repeated.
  const wrong = done?.Errors?.length ?? 0;
  if (wrong > 0) throw new Error(`Swift could not remove ${wrong} of ${names.length} objects.`);
}

/** One version of one object. */
export async function removeVersion(session: Session, container: string, object: StoredObject): Promise<void> {
  // The address would lead to the container or the account instead.
  if (object.name === "." || object.name === "..")
    throw new Error("An object's name consists of dots only: the provider has to remove it.");
  const query = { "version-id": object.version };
  const path = [container, object.name];
  await unlessGone(session.askWhole({ service: "object-store", method: "DELETE", path, query }));
}

export interface Abilities {
  readonly versions: boolean;
  readonly s3: boolean;
}

/** What the object store says of itself. Ceph's says nothing about either. */
export async function abilitiesOf(session: Session): Promise<Abilities> {
  const info = await unlessGone(
    session.ask<Readonly<Record<string, unknown>> | undefined>({
      service: "object-store",
      method: "GET",
      path: ["info"],
      aboveVersion: true,
    }),
  );
  return { versions: info?.object_versioning !== undefined, s3: info?.s3api !== undefined };
}

function readContainer(headers: Headers): Container {
  return {
    objects: Number(headers["x-container-object-count"] ?? 0),
    bytes: Number(headers["x-container-bytes-used"] ?? 0),
    versioned: headers["x-versions-enabled"] !== undefined,
  };
}
