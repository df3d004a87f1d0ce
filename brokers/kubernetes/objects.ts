/** Objects of any kind, by apiVersion, kind and name: looked at, applied, deleted. */
import type { Json, JsonObject } from "#adapter";
import { type Api, Told } from "./api.ts";
import { PlanMistake, walk } from "./template.ts";

export interface Ref {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

export interface Objects {
  readonly api: Api;
  /** Undefined: there is none, or the cluster knows no such kind any more. */
  find(ref: Ref, signal: AbortSignal): Promise<JsonObject | undefined>;
  /** Throws `UnknownKind` unless the cluster serves the kind in this version. */
  expect(ref: Ref, signal: AbortSignal): Promise<void>;
  /** Server-side apply: whose fields are claimed by somebody else are not taken away. Throws `UnknownKind`. */
  apply(object: JsonObject, by: string, signal: AbortSignal, dryRun?: boolean): Promise<JsonObject>;
  /** Asks for the removal of exactly the object that was looked at. True: it is gone; false: its finalizers work. */
  remove(ref: Ref, uid: string, signal: AbortSignal): Promise<boolean>;
  /** A child of the object, such as a ServiceAccount's token. */
  create(ref: Ref, child: string, body: JsonObject, signal: AbortSignal): Promise<JsonObject>;
  /** All objects of a kind in a namespace that carry the labels. */
  list(
    of: { readonly apiVersion: string; readonly kind: string; readonly namespace: string },
    selector: Readonly<Record<"labelSelector" | "fieldSelector", string | undefined>>,
    signal: AbortSignal,
  ): Promise<readonly JsonObject[]>;
}

/** The cluster has no such kind: the operator that brings it is not installed. */
export class UnknownKind extends Error {
  readonly ref: Pick<Ref, "apiVersion" | "kind">;

  constructor(ref: Pick<Ref, "apiVersion" | "kind">) {
    super(`The cluster knows no ${ref.kind} of ${ref.apiVersion}.`);
    this.ref = ref;
  }
}

/** What the API server calls a kind (Kubernetes: API discovery). */
interface Resource {
  readonly apiVersion: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

const pageSize = "500";

export function objectsOf(api: Api): Objects {
  const known = new Map<string, Resource>();

  async function resourceOf(
    { apiVersion, kind }: Pick<Ref, "apiVersion" | "kind">,
    signal: AbortSignal,
  ): Promise<Resource> {
    const key = keyOf({ apiVersion, kind });
    const before = known.get(key);
    if (before !== undefined) return before;
    const found = (await ask(apiVersion)) ?? (await otherVersion());
    if (found === undefined) throw new UnknownKind({ apiVersion, kind });
    known.set(key, found);
    return found;

    async function ask(version: string): Promise<Resource | undefined> {
      const list = await absentOr(() => api.ask({ method: "GET", path: rootOf(version) }, signal));
      const all = (list?.resources ?? []) as readonly { name: string; kind: string; namespaced: boolean }[];
      const one = all.find((resource) => resource.kind === kind && !resource.name.includes("/"));
      return one && { apiVersion: version, plural: one.name, namespaced: one.namespaced };
    }

    /** The version may have been retired since the object was made; the object is served under another one. */
    async function otherVersion(): Promise<Resource | undefined> {
      const [group, version] = apiVersion.split("/");
      if (version === undefined) return undefined;
      const told = await absentOr(() => api.ask({ method: "GET", path: `/apis/${group}` }, signal));
      for (const { groupVersion } of (told?.versions ?? []) as readonly { groupVersion: string }[]) {
        const one = groupVersion === apiVersion ? undefined : await ask(groupVersion);
        if (one !== undefined) return one;
      }
      return undefined;
    }
  }

  const pathOf = (resource: Resource, { namespace, name }: { namespace?: string; name?: string }) => {
    const parts = resource.namespaced && namespace !== undefined ? ["namespaces", namespace] : [];
    parts.push(resource.plural, ...(name === undefined ? [] : [name]));
    return `${rootOf(resource.apiVersion)}/${parts.map(encodeURIComponent).join("/")}`;
  };

  return {
    api,
    async find(ref, signal) {
      try {
        const path = pathOf(await resourceOf(ref, signal), ref);
        return await api.ask({ method: "GET", path }, signal);
      } catch (error) {
        if (error instanceof UnknownKind) return undefined;
        if (!(error instanceof Told) || error.code !== 404) throw error;
        if (!isUnserved(error) || !known.delete(keyOf(ref))) return undefined;
        // It is not the object that is not there but its path: what was known of the kind is outdated.
        return this.find(ref, signal);
      }
    },
    async expect(ref, signal) {
      const resource = await resourceOf(ref, signal);
      // Written as the version the plan names, not as one found instead.
      if (resource.apiVersion !== ref.apiVersion) throw new UnknownKind(ref);
      if (resource.namespaced !== (ref.namespace !== undefined))
        throw new PlanMistake(`A ${ref.kind} has ${resource.namespaced ? "a" : "no"} namespace.`);
    },
    async apply(object, by, signal, dryRun = false) {
      const ref = refOf(object);
      const resource = await resourceOf(ref, signal);
      const query = { fieldManager: by, fieldValidation: "Strict", dryRun: dryRun ? "All" : undefined };
      return api.ask({ method: "PATCH", path: pathOf(resource, ref), query, body: object }, signal);
    },
    async remove(ref, uid, signal) {
      const path = pathOf(await resourceOf(ref, signal), ref);
      const body = { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Background", preconditions: { uid } };
      const told = await absentOr(() => api.ask({ method: "DELETE", path, body }, signal));
      if (told === undefined || told.kind === "Status") return true;
      const now = await absentOr(() => api.ask({ method: "GET", path }, signal));
      return now === undefined || walk(now, ["metadata", "uid"]) !== uid;
    },
    async create(ref, child, body, signal) {
      const path = `${pathOf(await resourceOf(ref, signal), ref)}/${child}`;
      return api.ask({ method: "POST", path, body }, signal);
    },
    async list(of, selector, signal) {
      const path = pathOf(await resourceOf(of, signal), of);
      for (let tries = 1; ; tries++) {
        try {
          return await pages(path, selector);
        } catch (error) {
          // 410: the server forgot where the pages began (Kubernetes: API concepts, 410 Gone). Begun anew.
          if (!(error instanceof Told) || error.code !== 410 || tries === 3) throw error;
        }
      }

      async function pages(path: string, selector: Readonly<Record<string, string | undefined>>) {
        const items: JsonObject[] = [];
        for (let next: string | undefined; ; ) {
          const query: Record<string, string | undefined> = { ...selector, limit: pageSize, continue: next };
          const page = await api.ask({ method: "GET", path, query }, signal);
          items.push(...((page.items ?? []) as readonly JsonObject[]));
          const more = walk(page, ["metadata", "continue"]);
          if (typeof more !== "string" || more === "") return items;
          next = more;
        }
      }
    },
  };
}

const keyOf = ({ apiVersion, kind }: Pick<Ref, "apiVersion" | "kind">): string => `${apiVersion} ${kind}`;

/** An object that is not there is named in the answer; a path that nothing serves is not. */
const isUnserved = (error: Told): boolean => walk(error.status(), ["details", "name"]) === undefined;

const rootOf = (apiVersion: string): string =>
  apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

async function absentOr<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Told && error.code === 404) return undefined;
    throw error;
  }
}

export function refOf(object: JsonObject): Ref {
  const { namespace, name } = object.metadata as { readonly namespace?: string; readonly name: string };
  return {
    apiVersion: text(object.apiVersion),
    kind: text(object.kind),
    ...(namespace !== undefined && { namespace }),
    name,
  };
}

const text = (value: Json | undefined): string => (typeof value === "string" ? value : "");

export function sameRef(a: Ref, b: Ref): boolean {
  // An object is the same whichever version of its group it is spoken of in.
  const group = ({ apiVersion }: Ref) => (apiVersion.includes("/") ? apiVersion.split("/")[0] : "");
  return group(a) === group(b) && a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;
}

/** As people say it. */
export const nameOf = ({ kind, namespace, name }: Ref): string =>
  `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
