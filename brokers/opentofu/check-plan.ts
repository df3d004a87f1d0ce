/** Compares a plan with the modules it names, by what those declare. Changes nothing, and asks no provider. */
import { execFile } from "node:child_process";
import { devNull, tmpdir } from "node:os";
import { promisify } from "node:util";
import type { Order } from "#adapter";
import { type ModuleUse, type PlanBackend, readBackend } from "./plan.ts";
import type { Account } from "./settings.ts";
import { directoryOf, ModuleMissing, toldOfBinding, toldOfInstance } from "./work.ts";

const run = promisify(execFile);

/** What a module declares. */
interface Declared {
  readonly module: string;
  readonly variables: ReadonlyMap<string, { readonly required?: boolean }>;
  readonly outputs: ReadonlyMap<string, { readonly sensitive?: boolean }>;
}

/** What is wrong with the plan and what to do, a sentence each. Throws if the signal fires, or the modules cannot be read. */
export async function checkPlan(
  account: Account,
  { backend, maintenanceVersion }: Order["plan"],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const plan = readBackend(backend);
  const missing: string[] = [];
  async function declaredBy({ module }: ModuleUse): Promise<Declared | undefined> {
    let directory: string;
    try {
      const version = maintenanceVersion === undefined ? {} : { version: maintenanceVersion };
      directory = directoryOf(account, { module, ...version });
    } catch (error) {
      if (!(error instanceof ModuleMissing)) throw error;
      missing.push(error.message);
      return undefined;
    }
    const declared = await askOnce(account.binary, directory, signal);
    return declared === undefined ? undefined : { module, ...declared };
  }
  const outer = await declaredBy(plan);
  const inner = plan.binding === undefined ? undefined : await declaredBy(plan.binding);
  const given = [...Object.keys(account.variables), ...Object.keys(account.secretVariables.reveal())];
  const problems = [...missing];
  if (outer !== undefined) {
    problems.push(...wrongVariables(outer, plan, [...given, ...toldOfInstance]), ...wrongShown(outer, plan));
    if (plan.binding === undefined) problems.push(...wrongAccess([outer], plan));
    else if (inner !== undefined) {
      const inherited = [...given, ...toldOfInstance, ...toldOfBinding, ...outer.outputs.keys()];
      problems.push(...wrongAccess([inner, outer], plan), ...wrongVariables(inner, plan.binding, inherited));
    }
  }
  return [...new Set(problems)];
}

/** Of a module: what it does not know of what the plan gives it, and what it needs and nobody gives it. */
function wrongVariables(
  { module, variables }: Declared,
  use: ModuleUse,
  otherwise: readonly string[],
): readonly string[] {
  const { variables: fixed = {}, parameters = [] } = use;
  const has = listed([...variables.keys()].filter((name) => !name.startsWith("lotse_")));
  const unknown = (names: readonly string[], where: string) =>
    names
      .filter((name) => !variables.has(name))
      .map((name) => `module ${module} has no variable "${name}", which the plan's ${where} name; it has ${has}.`);
  // Null stands for no value.
  const values = Object.keys(fixed).filter((name) => fixed[name] !== null);
  const given = new Set([...values, ...parameters, ...otherwise]);
  const needed = [...variables].filter(([name, { required }]) => required === true && !given.has(name));
  return [
    ...unknown(Object.keys(fixed), "variables"),
    ...unknown(parameters, "parameters"),
    ...needed.map(([name]) => {
      const whatToDo = name.startsWith("lotse_")
        ? "Lotse tells it no such thing"
        : "nobody gives it one: name it under the plan's variables or parameters, or under the account's variables";
      return `module ${module} needs a value for its variable "${name}", and ${whatToDo}.`;
    }),
  ];
}

/** What is shown with the instance: outputs of its own module, of which none that is sensitive gets out. */
function wrongShown(outer: Declared, { attributes = [], dashboardUrl }: PlanBackend): readonly string[] {
  const shown = [
    ...attributes.map((name) => [name, "attributes"] as const),
    ...(dashboardUrl === undefined ? [] : [[dashboardUrl, "dashboardUrl"] as const]),
  ];
  return shown.flatMap(([name, where]) => {
    const output = outer.outputs.get(name);
    if (output === undefined) return [lacks([outer], name)];
    if (output.sensitive !== true) return [];
    return [
      `module ${outer.module} calls its output "${name}" sensitive, so it is not shown: take it out of ${where}, or that mark off it.`,
    ];
  });
}

/** Access comes from the binding's module, and what that lacks from the instance's. */
function wrongAccess(modules: readonly Declared[], { credentials = [], endpoint }: PlanBackend): readonly string[] {
  const names = endpoint === undefined ? credentials : [...credentials, endpoint.host, endpoint.port];
  return names.filter((name) => !modules.some(({ outputs }) => outputs.has(name))).map((name) => lacks(modules, name));
}

function lacks(modules: readonly Declared[], output: string): string {
  const has = [...new Set(modules.flatMap(({ outputs }) => [...outputs.keys()]))];
  const [first, second] = modules.map(({ module }) => `module ${module}`);
  if (second === undefined) return `${first} has no output "${output}"; it has ${listed(has)}.`;
  return `neither ${first} nor ${second} has an output "${output}"; they have ${listed(has)}.`;
}

const listed = (names: readonly string[]): string => (names.length === 0 ? "none" : names.join(", "));

type Answer = Omit<Declared, "module"> | undefined;

/** Plans of one check share its signal, and often a module: each module is asked once. */
const asked = new WeakMap<AbortSignal, Map<string, Promise<Answer>>>();

function askOnce(binary: string, directory: string, signal: AbortSignal): Promise<Answer> {
  const known = asked.get(signal) ?? new Map<string, Promise<Answer>>();
  asked.set(signal, known);
  const key = JSON.stringify([binary, directory]);
  const answer = known.get(key) ?? ask(binary, directory, signal);
  known.set(key, answer);
  return answer;
}

interface Shown {
  readonly root_module?: {
    readonly variables?: { readonly [name: string]: { readonly required?: boolean } };
    readonly outputs?: { readonly [name: string]: { readonly sensitive?: boolean } };
  };
}

/**
 * Undefined if the program does not say: another one than OpenTofu need not know how, and what is wrong with the module's
 * own files `check` tells.
 */
async function ask(binary: string, directory: string, signal: AbortSignal): Promise<Answer> {
  // Nothing of Lotse's own environment, and no configuration: no provider is looked for.
  const env = { HOME: tmpdir(), TF_CLI_CONFIG_FILE: devNull, TF_INPUT: "0", CHECKPOINT_DISABLE: "1" };
  const options = { cwd: tmpdir(), env, signal, maxBuffer: 2 ** 24 };
  try {
    const { stdout } = await run(binary, ["show", "-json", `-module=${directory}`], options);
    const { root_module: root } = JSON.parse(stdout) as Shown;
    if (root === undefined) return undefined;
    const { variables = {}, outputs = {} } = root;
    return { variables: new Map(Object.entries(variables)), outputs: new Map(Object.entries(outputs)) };
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}
