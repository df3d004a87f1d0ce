/**
 * Whether an account works: the program, its modules, the providers they need, and what the modules' own checks look at.
 * Changes nothing.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { within } from "./carry.ts";
import type { Desk } from "./desk.ts";
import { environmentOf, prepareDirectory } from "./directory.ts";
import type { Account } from "./settings.ts";
import { mask, textsIn } from "./words.ts";
import { holdsModule, versionsOf } from "./work.ts";

const run = promisify(execFile);

/** The first with all that this adapter says on its command line. */
const oldest = [1, 11] as const;
const versionMs = 20_000;
const longestOutput = 64 * 1024 * 1024;

/** Throws, with what to do, unless the program answers as an OpenTofu that is new enough. */
export async function checkBinary(binary: string): Promise<void> {
  let version: string;
  try {
    // Nothing of Lotse's own environment, which may hold secrets; HOME, as it looks for a configuration there.
    const env = { HOME: tmpdir(), CHECKPOINT_DISABLE: "1" };
    const { stdout } = await run(binary, ["version", "-json"], { env, timeout: versionMs });
    version = String((JSON.parse(stdout) as { readonly terraform_version?: string }).terraform_version);
  } catch (cause) {
    if ((cause as { readonly code?: unknown }).code === "ENOENT")
      throw new Error(`binary: ${binary} is not there, or the program that it needs is not. Install OpenTofu.`, {
        cause,
      });
    throw new Error(`binary: ${binary} does not answer to "version -json" as OpenTofu does. Name another program.`, {
      cause,
    });
  }
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return;
  throw new Error(`binary: ${binary} is version ${version}, and ${oldest.join(".")} or newer is needed.`);
}

export async function check(desk: Desk, signal: AbortSignal): Promise<string | undefined> {
  const { account, states } = desk;
  try {
    await within({ signal }, states.read("check"));
  } catch {
    signal.throwIfAborted();
    return "The states cannot be read: Lotse's own database does not answer. See its log, and /readyz.";
  }
  try {
    await checkBinary(account.binary);
    const modules = modulesIn(account.modules);
    if (modules.length === 0) return `modules: ${account.modules} holds no module.`;
    const wrong: string[] = [];
    for (const directory of modules) {
      const one = (await validate(account, directory, signal)) ?? (await lookAround(account, directory, signal));
      if (one !== undefined) wrong.push(one);
    }
    return wrong.length === 0 ? undefined : wrong.join(" ");
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof Error ? error.message : String(error);
  }
}

/** Modules, and where those have versions, each of these. */
function modulesIn(directory: string): readonly string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(directory, name))
    .flatMap((path) => [...(holdsModule(path) ? [path] : []), ...versionsOf(path).map((name) => join(path, name))]);
}

/** Undefined, or what is wrong with it: its files, or a provider that the mirror lacks. */
const validate = (account: Account, source: string, signal: AbortSignal) =>
  firstWrong(account, source, ["validate", "-json"], signal);

/**
 * A module's directory `check` holds a module that only looks: planning it asks the provider whether the account's user is
 * let in, and may do what the module does. Nothing is ever applied.
 */
async function lookAround(account: Account, source: string, signal: AbortSignal): Promise<string | undefined> {
  const looks = join(source, "check");
  if (!holdsModule(looks)) return undefined;
  return firstWrong(account, looks, ["plan", "-input=false", "-lock=false", "-json"], signal);
}

async function firstWrong(
  account: Account,
  source: string,
  last: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const directory = mkdtempSync(join(tmpdir(), "lotse-opentofu-check-"));
  try {
    prepareDirectory(account, source, directory, "local");
    const env = environmentOf(account, { variables: {} }, directory);
    for (const command of [["init", "-input=false", "-json"], last]) {
      const { stdout, code } = await run(account.binary, command, {
        cwd: directory,
        env,
        signal,
        timeout: account.runMs,
        maxBuffer: longestOutput,
      }).then(
        ({ stdout }) => ({ stdout, code: 0 }),
        (error: { readonly stdout?: string; readonly name?: string }) => {
          signal.throwIfAborted();
          return { stdout: error.stdout ?? "", code: 1 };
        },
      );
      const wrong =
        firstWrongIn(stdout) ?? (code === 0 ? undefined : ": OpenTofu ended with an error and did not say why.");
      if (wrong !== undefined) return `${source}${mask(wrong, secretsOf(account))}`;
    }
    return undefined;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function secretsOf({ secretVariables, secretEnvironment }: Account): readonly string[] {
  return [secretVariables.reveal(), secretEnvironment.reveal()].flatMap((given) => [
    ...textsIn(given),
    ...Object.values(given).map(String),
  ]);
}

interface Message {
  readonly diagnostic?: Diagnostic;
  readonly diagnostics?: readonly Diagnostic[];
  /** What a plan comes to. */
  readonly changes?: { readonly add?: number; readonly change?: number; readonly remove?: number };
}

interface Diagnostic {
  readonly severity?: string;
  readonly summary?: string;
  readonly detail?: string;
  readonly range?: { readonly filename?: string; readonly start?: { readonly line?: number } };
}

/** OpenTofu itself goes on after one; here it is what was asked. */
const assertionFailed = "Check block assertion failed";

/** The first error, with its place; `init` and `plan` say it line by line, `validate` in one document. */
function firstWrongIn(output: string): string | undefined {
  const messages = [output, ...output.split("\n")].flatMap((text) => {
    try {
      return [JSON.parse(text) as Message];
    } catch {
      return [];
    }
  });
  const all = messages.flatMap(({ diagnostic, diagnostics = [] }) => [
    ...(diagnostic === undefined ? [] : [diagnostic]),
    ...diagnostics,
  ]);
  const first = all.find(({ severity, summary }) => severity === "error" || summary === assertionFailed);
  if (first !== undefined) {
    const { summary = "", detail = "", range } = first;
    const place = range?.filename === undefined ? "" : `/${range.filename}:${range.start?.line ?? 1}`;
    return `${place}: ${summary}. ${detail}`.replaceAll(/\s+/g, " ").trim();
  }
  const makes = messages.some(({ changes: { add = 0, change = 0, remove = 0 } = {} }) => add + change + remove > 0);
  return makes
    ? ": makes something itself, and a check only looks: leave data blocks in it, and no resources."
    : undefined;
}
