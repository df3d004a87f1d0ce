/** The catalog as the broker is configured: its directory, and what lotse.yaml says of providers with catalogs of their own. */
import { type CheckedCatalog, checkCatalog } from "./catalog/check.ts";
import { overlayCheck } from "./catalog/overlay.ts";
import { projectCatalog } from "./catalog/project.ts";
import { byPlace, formatProblem, type Problem, shownPath } from "./config/problem.ts";
import { type Config, ConfigError } from "./config.ts";
import type { AdapterKind } from "./core/adapter.ts";
import type { CatalogFiles } from "./federation.ts";
import { organisationFaults } from "./providers/provider-wish.ts";
import type { OpenStore } from "./store/open.ts";
import { movedPlans } from "./store/plans.ts";

type Kinds = ReadonlyMap<string, AdapterKind>;
/** Adapter kind by account. */
type Accounts = ReadonlyMap<string, string>;

/** With everything that is wrong, as `lotse catalog check` tells it and a start refuses it. */
export function checkConfiguredCatalog(config: Config, kinds: Kinds, accounts: Accounts): CheckedCatalog {
  const checked = checkCatalog(config.catalogDirectory, kinds, accounts);
  const { organisations, problems } = checked;
  // None at all in a catalog with mistakes: who is who could not be read, and is told so already.
  if (organisations.length === 0 && problems.some(isError)) return checked;
  const faults = [...(config.providers ?? [])].flatMap(([name, { catalog }]) =>
    catalog === undefined
      ? []
      : organisationFaults(catalog, organisations).map(({ path, message }) =>
          config.problemAt(["providers", name, "catalog", ...path], message),
        ),
  );
  return { ...checked, problems: [...faults, ...problems].sort(byPlace) };
}

const isError = ({ severity }: Problem): boolean => severity === "error";

/** Throws a ConfigError with `problems`, which were found before, and all that are found here. */
export async function readCatalogFiles(
  config: Config,
  kinds: Kinds,
  accounts: Accounts,
  knex: OpenStore["knex"],
  problems: readonly Problem[],
  log: { warn(fields: object, message: string): void },
): Promise<CatalogFiles> {
  const checked = checkConfiguredCatalog(config, kinds, accounts);
  const all = [...problems, ...checked.problems].sort(byPlace);
  if (all.some(isError)) throw new ConfigError(all);
  for (const problem of all) log.warn({}, formatProblem(problem));
  const files = checked.offerings.map(({ offering }) => offering);
  const { organisations, overlays } = checked;
  const offerings = projectCatalog(files, organisations, new Set(accounts.keys()));
  const moved = await movedPlans(knex, offerings);
  const file = shownPath(config.catalogDirectory);
  if (moved.length > 0) throw new ConfigError(moved.map((message) => ({ file, path: "", message, severity: "error" })));
  return { offerings, organisations, overlays, overlayCheck: overlayCheck() };
}
