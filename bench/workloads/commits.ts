/** Goals 6 and 7: durable commits in process, one client and 64, against a bare sync loop; also on a slow disk. */
import { fileURLToPath } from "node:url";
import type { Workload } from "../harness/findings.ts";
import { type Goal, judge, throughput } from "../harness/ratio.ts";
import { slowDisk } from "../harness/slow-disk.ts";

const one: Goal = { name: "6", says: "commits, 1 client ÷ fsync", better: "more", aim: 0.8, floor: 0.7, limit: 1 };
const many: Goal = { name: "7a", says: "commits, 64 clients ÷ fsync", better: "more", aim: 10, limit: 64 };
const slow: Goal = { name: "7b", says: "commits, 64 clients ÷ fsync of 5 ms", better: "more", aim: 40, limit: 64 };

const fsyncModule = fileURLToPath(new URL("../harness/fsync.ts", import.meta.url));
const commitModule = fileURLToPath(new URL("../subjects/commit.ts", import.meta.url));

export const commits: Workload = {
  name: "commits",
  about: "durable commits of three rows, in process",
  run: async (stage) => {
    const slowness = slowDisk(stage.folder("slow"));
    const contestants = [stage.startWork(fsyncModule, "fsync").contestant("fsync", 1)];
    if (slowness !== undefined)
      contestants.push(stage.startWork(fsyncModule, "slow-fsync", slowness).contestant("slow fsync", 1));
    const store = stage.startWork(commitModule, "store");
    contestants.push(store.contestant("1 client", 1), store.contestant("64 clients", 64));
    if (slowness !== undefined)
      contestants.push(stage.startWork(commitModule, "slow-store", slowness).contestant("slow, 64 clients", 64));
    const readings = await stage.runRounds(contestants);
    const verdicts = [
      judge(one, readings, throughput("1 client", "fsync")),
      judge(many, readings, throughput("64 clients", "fsync")),
    ];
    if (slowness !== undefined) verdicts.push(judge(slow, readings, throughput("slow, 64 clients", "slow fsync")));
    return { readings, verdicts, tables: slowness === undefined ? [noCompiler] : [] };
  },
};

const noCompiler = { title: "goal 7b is not measured: there is no C compiler `cc` here", columns: [], rows: [] };
