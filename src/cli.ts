/** The command line: what an operator types. */
import { conformance } from "./conformance/command.ts";
import { isOperationCommand, operationCommand, operationHelp } from "./operation-commands.ts";
import { isOrphanCommand, orphanCommand, orphanHelp } from "./orphan-commands.ts";
import { isProviderCommand, providerCommand, providerHelp } from "./provider-commands.ts";
import { isTaskCommand, taskCommand, taskHelp } from "./task-commands.ts";

const help = `lotse: Open Service Broker API 2.17 for the Deutsche Verwaltungscloud

  lotse serve                   start the broker (default)
  lotse catalog check           check all catalog files and report everything that is wrong
  lotse platform add NAME       register a platform and print its credentials, once
  lotse platform list           list platforms
  lotse platform rotate NAME    print a new password; the old one stays valid for a day
  lotse platform disable NAME   refuse the platform from now on; its instances stay
  lotse platform enable NAME    let a disabled platform in again, with the passwords it had
  lotse token add WHO ROLE      print a new token for the management API, once; ROLE: administrator, reviewer, auditor,
                                or provider-editor or fulfiller with the names of their providers behind it
  lotse token list              list tokens, without their secrets
  lotse token revoke ID         refuse the token from now on
${providerHelp}
${operationHelp}
${orphanHelp}
${taskHelp}
  lotse conformance URL ...     check any OSB broker against the specification; lotse conformance --help tells how
  lotse audit verify [HEAD]     recompute the audit trail's hash chain; HEAD: the last hash of an earlier time
  lotse --help                  this text

Settings come from the environment (LOTSE_HOST, LOTSE_PORT, LOTSE_DATA_DIR, LOTSE_CONFIG, LOTSE_CATALOG,
LOTSE_DATABASE_URL) and from lotse.yaml. Commands about providers, operations, orphans and tasks ask the broker at LOTSE_URL with the token LOTSE_TOKEN;
where Lotse runs, without both, the file first-run.json says them. Secrets are never taken from the command line.`;

/** Only when it is needed, as the whole broker comes with it. */
const bringBroker = () => import("./local-commands.ts");

const secretsOf = async (adapter: string) => (await bringBroker()).secretsOf(adapter);

/** Those that ask a running broker. */
function remoteCommand(args: readonly string[]): typeof providerCommand | undefined {
  if (isProviderCommand(args)) return providerCommand;
  if (isOperationCommand(args)) return operationCommand;
  if (isOrphanCommand(args)) return orphanCommand;
  return isTaskCommand(args) ? taskCommand : undefined;
}

/** Returns the exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const [command] = args;
  if (command === "--help" || command === "-h" || command === "help") {
    console.log(help);
    return 0;
  }
  // Needs no settings: it is for brokers of any kind, by people who run no Lotse.
  if (command === "conformance") return conformance(args.slice(1));
  const remote = remoteCommand(args);
  if (remote === undefined && !isCommand(args)) {
    // Not repeated: a word too many may well be a secret.
    console.error(`lotse: this is no command, and nothing was done.\n\n${helpFor(args)}`);
    return 2;
  }
  try {
    if (remote !== undefined) return await remote(args, process.env, process.cwd(), secretsOf);
    const { localCommand } = await bringBroker();
    return await localCommand(args);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    console.error(error instanceof Error && error.name === "ConfigError" ? text : `lotse: ${text}`);
    return 1;
  }
}

/** Of a command with a word too many or too few its own lines; of anything else all of them. */
function helpFor([group, action]: readonly string[]): string {
  const lines = help.split("\n");
  const own = [`  lotse ${group} ${action} `, `  lotse ${group} `]
    .map((words) => lines.filter((line) => line.startsWith(words)))
    .find((found) => found.length > 0);
  return own === undefined ? help : `${own.join("\n")}\n\n"lotse --help" names all commands.`;
}

const withoutName = new Set(["", "serve", "catalog check", "platform list", "token list", "audit verify"]);
const withName = new Set(["platform add", "platform rotate", "platform disable", "platform enable", "token revoke"]);

/** Exactly the words of a command: with a word more, somebody means something that would not be done. */
function isCommand(args: readonly string[]): boolean {
  const [, , name] = args;
  if (args.slice(0, 2).join(" ") === "token add") return args.length >= 4 && !args.some((word) => word.startsWith("-"));
  if (withoutName.has(args.join(" ")) || /^audit verify [0-9a-f]{64}$/.test(args.join(" "))) return true;
  return withName.has(args.slice(0, 2).join(" ")) && args.length === 3 && name !== undefined && !name.startsWith("-");
}
