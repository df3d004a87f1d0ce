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
import { holdsModule } from "./work.ts";

const run = promisify(execFile);

/** The first with all that this adapter says on its command line. */
const oldest = [1, 11] as const;
const versionMs = 20_000;

/** Throws, with what to do, unless the program answers as an OpenTofu that is new enough. */
export async function checkBinary(binary: string): Promise<void> {
  let version: string;
  try {
    // Nothing of Lotse's own environment, which may hold secrets; HOME, as it looks for a configuration there.
    const env = { HOME: tmpdir(), CHECKPOINT_DISABLE: "1" };
    const { stdout } = await run(binary, ["version", "-json"], { env, timeout: versionMs });
    version = String((JSON.parse(stdout) as { readonly terraform_version?: string }).terraform_version);
  } catch (cause) {
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
    for (const directory of modules) {
      const wrong = (await validate(account, directory, signal)) ?? (await lookAround(account, directory, signal));
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof Error ? error.message : String(error);
  }
}

/** Modules, and where those have versions, each of these. */
function modulesIn(directory: string): readonly string[] {
  const inside = (path: string) =>
    readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [join(path, entry.name)] : [],
    );
  return inside(directory).flatMap((path) => (holdsModule(path) ? [path] : inside(path).filter(holdsModule)));
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
      }).then(
        ({ stdout }) => ({ stdout, code: 0 }),
        (error: { readonly stdout?: string; readonly name?: string }) => {
          signal.throwIfAborted();
          return { stdout: error.stdout ?? "", code: 1 };
        },
      );
      if (code !== 0) return `${source}: ${mask(firstError(stdout), secretsOf(account))}`;
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

interface Diagnostic {
  readonly severity?: string;
  readonly summary?: string;
  readonly detail?: string;
}

/** `init` says it line by line, `validate` in one document. */
function firstError(output: string): string {
  const parsed = [output, ...output.split("\n")].flatMap((text) => {
    try {
      return [JSON.parse(text) as { readonly diagnostic?: Diagnostic; readonly diagnostics?: readonly Diagnostic[] }];
    } catch {
      return [];
    }
  });
  const all = parsed.flatMap(({ diagnostic, diagnostics = [] }) => [
    ...(diagnostic === undefined ? [] : [diagnostic]),
    ...diagnostics,
  ]);
  const first = all.find(({ severity }) => severity === "error");
  if (first === undefined) return "OpenTofu ended with an error and did not say why.";
  return `${first.summary ?? ""}. ${first.detail ?? ""}`.replaceAll(/\s+/g, " ").trim();
}
