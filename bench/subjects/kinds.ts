/** The adapter kinds of the benchmarks: one of their own, and the product's for brokers. */
import type { AdapterKind } from "#adapter";
import osb from "../../brokers/osb/index.ts";
import bench from "../adapter/index.ts";

export const kinds: ReadonlyMap<string, AdapterKind> = new Map([bench, osb].map((kind) => [kind.name, kind]));
