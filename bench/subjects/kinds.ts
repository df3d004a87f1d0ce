/** The adapter kinds of the benchmarks: theirs alone. */
import type { AdapterKind } from "#adapter";
import bench from "../adapter/index.ts";

export const kinds: ReadonlyMap<string, AdapterKind> = new Map([[bench.name, bench]]);
