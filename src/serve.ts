/** `lotse serve`: starts the broker, greets whoever reads, and stops when it is told to. */
import type { Config } from "./config.ts";
import type { Offering, Plan } from "./core/model.ts";
import { curlLines } from "./curl-lines.ts";
import { demoAccounts } from "./embedded/demo.ts";
import { firstRunFile, readFirstRun } from "./first-run.ts";
import { type Broker, startBroker } from "./main.ts";

/** Returns the exit code. */
export async function serve(config: Config): Promise<number> {
  // A signal during the start is kept until there is something to stop.
  const told = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve());
    if (process.env.npm_lifecycle_event !== undefined) whenOrphaned(resolve);
  });
  const broker = await startBroker(config);
  printWelcome(broker, config);
  await told;
  broker.log.info({}, "stopping");
  await broker.stop();
  return 0;
}

/** npm hands a SIGTERM to its shell, which dies of it and tells nobody: the loss of the parent is the signal then. */
function whenOrphaned(tell: () => void): void {
  const parent = process.ppid;
  const look = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(look);
    tell();
  }, 500);
  look.unref();
}

/** Credentials are read by the shell from the file when a line is pasted; they are never printed. */
function printWelcome({ url, dataDirectory, offerings }: Broker, { providers }: Config): void {
  const file = firstRunFile(dataDirectory);
  const { username } = readFirstRun(file);
  if (username === undefined) return;
  const database = providers === undefined ? demoDatabase(offerings) : undefined;
  console.log(curlLines({ url, file, username, ...(database !== undefined && { database }) }));
}

/** What other providers have may be anything: only of the demonstration's databases it is known what the lines do. */
const demoDatabase = (offerings: readonly Offering[]): Plan | undefined =>
  offerings.flatMap(({ plans }) => plans).find(({ provider }) => demoAccounts.get(provider) === "postgresql");
