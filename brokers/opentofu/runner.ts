/**
 * A small process between Lotse and OpenTofu. It serves OpenTofu's `http` backend, hands every state to Lotse, and lets
 * OpenTofu write on only when Lotse has it. When Lotse dies, OpenTofu is not torn from its work: it goes on to its end, and
 * what it did waits in a sealed journal for the next Lotse.
 */
import { createInterface } from "node:readline";
import { encryptionBy, readEncrypted, writtenInDespair } from "./encryption.ts";
import { graceMs } from "./holder.ts";
import { writeJournal } from "./journal.ts";
import { type Answer, type Ending, type Job, readLine, type Told } from "./protocol.ts";
import { serveState } from "./state-server.ts";
import { createWatch, runCommand, type Watch } from "./tofu.ts";

type Kept = "kept" | "refused" | "alone";

const waiting = new Map<number, (kept: Kept) => void>();
const job = Promise.withResolvers<Job | undefined>();
let alone = false;
let asked = 0;
let stop = (): void => process.exit(0);

const lines = createInterface({ input: process.stdin });
lines.once("line", (line) => {
  job.resolve(readLine<Job>(line));
  lines.on("line", (more) => {
    const told = readLine<Answer>(more);
    if (told !== undefined) waiting.get(told.answer)?.(told.kept ? "kept" : "refused");
  });
});
lines.once("close", leave);
process.stdout.on("error", leave);
process.on("SIGTERM", () => stop());

function leave(): void {
  alone = true;
  job.resolve(undefined);
  for (const resolve of waiting.values()) resolve("alone");
}

function tell(told: Told): void {
  if (!alone) process.stdout.write(`${JSON.stringify(told)}\n`);
}

async function ask(what: { readonly state: string } | { readonly ending: Ending }): Promise<Kept> {
  if (alone) return "alone";
  const number = ++asked;
  const answer = new Promise<Kept>((resolve) => waiting.set(number, resolve));
  tell({ ask: number, ...what } as Told);
  return answer;
}

async function carryOut(given: Job): Promise<void> {
  const key = Buffer.from(given.key, "base64");
  let journal = {};
  const note = (more: object) => {
    journal = { ...journal, ...more };
    writeJournal(given.directory, key, journal);
  };
  const watch = createWatch((progress) => tell({ progress }));
  let end = (): void => {};
  stop = () => {
    watch.stopped = true;
    end();
  };
  const keep = async (state: string) => {
    const kept = await ask({ state });
    if (kept === "alone") note({ state });
    // Another run has taken over. OpenTofu is told that all is well, as it would write the state to a file otherwise.
    if (kept === "refused") stop();
  };
  const server = await serveState(given.state, (written) => keep(readEncrypted(written, given.key)));
  const limit = setTimeout(() => {
    watch.overtime = true;
    stop();
  }, given.limitMs);
  const last = setTimeout(() => watch.kill(), given.limitMs + graceMs);
  const environment = { ...given.environment, ...server.environment, ...encryptionBy(given.key) };
  let code: number | null = null;
  for (const command of given.commands) {
    if (watch.stopped) {
      // It is not through, however well the last one ended.
      code = null;
      break;
    }
    const run = runCommand({ ...given, environment }, command, watch);
    end = run.interrupt;
    code = await run.ended;
    if (code !== 0) break;
  }
  clearTimeout(limit);
  clearTimeout(last);
  server.close();
  const despair = writtenInDespair(given.directory, given.key);
  if (despair !== undefined) await keep(despair);
  const ending = endingOf(watch, given, code);
  if ((await ask({ ending })) === "alone") note({ ending });
}

function endingOf(watch: Watch, { directory }: Job, ended: number | null): Ending {
  const { stopped, overtime, touched, summary, drift, noise } = watch;
  // Where the run works is nobody's business.
  const faults = watch.faults.map(({ summary, detail }) => ({
    summary,
    detail: detail.replaceAll(`${directory}/`, ""),
  }));
  // A program around OpenTofu may end well where OpenTofu did not.
  const silent = ended === 0 && faults.length === 0 && summary === undefined;
  if (silent)
    faults.push({
      summary: "The program ended without OpenTofu's summary",
      detail: "The account's binary has to hand on what OpenTofu writes, and its exit code.",
    });
  const code = ended === 0 && faults.length > 0 ? 1 : ended;
  return { code, stopped, overtime, touched, faults, drift, noise, ...(summary !== undefined && { summary }) };
}

const given = await job.promise;
if (given !== undefined) await carryOut(given);
process.exit(0);
