/** What an order comes to: a module, which version of it, and the values it gets. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { BindingOrder, JsonObject, Order, UpdateOrder } from "#adapter";
import type { ModuleUse } from "./plan.ts";
import type { Account } from "./settings.ts";

/** Kept with the state, so that what was made is removed by the module, and with the values, that made it. */
export interface Work {
  readonly module: string;
  readonly version?: string;
  /** Without those of the account, which are taken as they are when a run begins. */
  readonly variables: JsonObject;
  /** Its bindings get its outputs, and nothing of their own is made for them. */
  readonly bindingsWithin?: boolean;
}

/** The platform's maintenance version becomes the name of a directory. */
const versionForm = /^[0-9][0-9A-Za-z.+-]{0,63}$/;

/** What Lotse itself tells a module that declares it: of an instance, and of a binding besides. */
export const toldOfInstance = [
  "lotse_instance_id",
  "lotse_platform_instance_id",
  "lotse_organization",
  "lotse_space",
  "lotse_operation",
] as const;
export const toldOfBinding = ["lotse_binding_id", "lotse_platform_binding_id"] as const;

type Told<Name extends string> = { readonly [name in Name]: string };

export function workOf(order: Order | UpdateOrder | BindingOrder, use: ModuleUse, inputs: JsonObject): Work {
  const binding = "binding" in order ? order.binding : undefined;
  const { instance, plan } = order;
  const given = (binding ?? instance).parameters.reveal();
  const asked = (use.parameters ?? []).filter((name) => Object.hasOwn(given, name));
  const told: Told<(typeof toldOfInstance)[number]> = {
    lotse_instance_id: instance.id,
    lotse_platform_instance_id: instance.platformInstanceId,
    lotse_organization: instance.organization ?? "",
    lotse_space: instance.space ?? "",
    lotse_operation: order.token,
  };
  const besides: Told<(typeof toldOfBinding)[number]> | undefined = binding && {
    lotse_binding_id: binding.id,
    lotse_platform_binding_id: binding.platformBindingId,
  };
  return {
    module: use.module,
    ...(plan.maintenanceVersion !== undefined && { version: plan.maintenanceVersion }),
    variables: {
      ...inputs,
      // What the plan fixes, no parameter changes.
      ...Object.fromEntries(asked.map((name) => [name, given[name] ?? null])),
      ...use.variables,
      ...told,
      ...besides,
    },
  };
}

/** The operator has to put something in its place; until then nothing can be done. */
export class ModuleMissing extends Error {}

/**
 * The module's directory: the one of its version, where it has directories of versions. Throws `ModuleMissing`, with what to
 * do, if there is none: never another version in its place.
 */
export function directoryOf({ modules }: Account, { module, version }: Pick<Work, "module" | "version">): string {
  const base = join(modules, module);
  const versioned = version !== undefined && versionForm.test(version) ? join(base, version) : undefined;
  if (versioned !== undefined && holdsModule(versioned)) return versioned;
  const others = version === undefined ? [] : versionsOf(base);
  if (others.length === 0 && holdsModule(base)) return base;
  throw new ModuleMissing(
    `The account's modules have no ${module}${version === undefined ? "" : ` in version ${version}`}${others.length === 0 ? "" : ` (they have ${others.join(", ")})`}: put its files into ${versioned ?? base}.`,
  );
}

/** Versions that a module has directories of. */
export function versionsOf(base: string): readonly string[] {
  return existsSync(base)
    ? readdirSync(base).filter((name) => versionForm.test(name) && holdsModule(join(base, name)))
    : [];
}

export function holdsModule(path: string): boolean {
  return (
    existsSync(path) &&
    statSync(path).isDirectory() &&
    readdirSync(path).some((name) => /\.(tf|tofu)(\.json)?$/.test(name))
  );
}

/**
 * Variables as OpenTofu reads them from its environment. A text is taken as it is; anything else is read as an expression,
 * in which a text could ask for more text: the two signs that begin such a thing are doubled, so that they stay signs.
 */
export function asEnvironment(variables: JsonObject): { readonly [name: string]: string } {
  return Object.fromEntries(
    Object.entries(variables)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [
        `TF_VAR_${name}`,
        typeof value === "string" ? value : JSON.stringify(value).replaceAll(/[$%](?=\{)/g, (sign) => sign + sign),
      ]),
  );
}
