/** Reads OpenTofu's state document, version 4: its outputs and how much stands behind it. */
import type { Json, JsonObject } from "#adapter";

export interface State {
  readonly outputs: ReadonlyMap<string, { readonly value: Json; readonly sensitive: boolean }>;
  /** Addresses of what OpenTofu made; what it only looks up does not count. */
  readonly resources: readonly string[];
  /** Texts of attributes that sound secret. */
  readonly secrets: readonly string[];
}

interface Document {
  readonly version?: number;
  readonly outputs?: { readonly [name: string]: { readonly value: Json; readonly sensitive?: boolean } };
  readonly resources?: readonly {
    readonly module?: string;
    readonly mode?: string;
    readonly type?: string;
    readonly name?: string;
    readonly instances?: readonly { readonly index_key?: string | number; readonly attributes?: JsonObject }[];
  }[];
}

const empty: State = { outputs: new Map(), resources: [], secrets: [] };

/** Throws if it is no state that can be read here. */
export function readState(body: string | undefined): State {
  if (body === undefined || body === "") return empty;
  const { version, outputs = {}, resources = [] } = JSON.parse(body) as Document;
  if (version !== 4) throw new Error(`OpenTofu's state has the version ${version}, and only 4 is known here.`);
  return {
    outputs: new Map(
      Object.entries(outputs).map(([name, { value, sensitive = false }]) => [name, { value, sensitive }]),
    ),
    resources: resources
      .filter(({ mode }) => mode === "managed")
      .flatMap(({ module, type, name, instances = [] }) =>
        instances.map(({ index_key: key }) => {
          const address = [...(module === undefined ? [] : [module]), type, name].join(".");
          return key === undefined ? address : `${address}[${JSON.stringify(key)}]`;
        }),
      ),
    secrets: resources.flatMap(({ instances = [] }) =>
      instances.flatMap(({ attributes = {} }) =>
        Object.entries(attributes)
          .filter(([name, value]) => soundsSecret.test(name) && typeof value === "string")
          .map(([, value]) => String(value)),
      ),
    ),
  };
}

const soundsSecret = /pass|secret|token|key|private/i;

/** All outputs by name. */
export function outputsOf({ outputs }: State): JsonObject {
  return Object.fromEntries([...outputs].map(([name, { value }]) => [name, value]));
}
