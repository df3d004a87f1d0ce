/** Where a run works, and what OpenTofu finds there. */
import { cpSync, lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { Account } from "./settings.ts";
import { asEnvironment, type Work } from "./work.ts";

/** Throws, with what to do, if anybody else may look into it. */
export function makeWorkDirectory({ workDirectory }: Account): void {
  mkdirSync(workDirectory, { recursive: true, mode: 0o700 });
  const found = lstatSync(workDirectory);
  if (!found.isDirectory() || found.uid !== userInfo().uid || (found.mode & 0o077) !== 0)
    throw new Error(
      `${workDirectory} must be a directory of Lotse's user that is closed to everybody else (mode 0700).`,
    );
}

/** The module, told where its state is kept (`http`: with Lotse), and where providers come from. */
export function prepareDirectory(
  { mirror }: Account,
  source: string,
  directory: string,
  backend: "http" | "local" = "http",
): void {
  // Not what somebody left there who tried the module out.
  const filter = (path: string) => !/\/(\.terraform|[^/]*\.tfstate[^/]*)$/.test(path);
  cpSync(source, directory, { recursive: true, dereference: true, filter });
  // An override file wins over whatever back end the module names itself.
  writeFileSync(join(directory, "lotse_override.tf.json"), `{"terraform":{"backend":{"${backend}":{}}}}\n`);
  writeFileSync(
    join(directory, "tofurc"),
    `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(mirror)}\n  }\n}\n`,
  );
}

/** All that OpenTofu and its providers get to know. Variables go this way as they are never written to a file. */
export function environmentOf(
  account: Account,
  { variables }: Pick<Work, "variables">,
  directory: string,
): { readonly [name: string]: string } {
  return {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    HOME: directory,
    TMPDIR: directory,
    ...account.environment,
    ...account.secretEnvironment.reveal(),
    ...asEnvironment({ ...variables, ...account.variables, ...account.secretVariables.reveal() }),
    TF_CLI_CONFIG_FILE: join(directory, "tofurc"),
    TF_IN_AUTOMATION: "1",
    CHECKPOINT_DISABLE: "1",
  };
}
