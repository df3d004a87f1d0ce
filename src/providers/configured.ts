/** Accounts of lotse.yaml as providers: published by whoever runs Lotse, and suspended like any other. */
import type { ProviderAccount } from "../config/providers.ts";
import type { Millis } from "../core/model.ts";
import type { Provider } from "../core/provider.ts";
import type { Providers } from "../store/providers.ts";

/** Throws where a name is a registered provider's. What was decided about an account earlier stays. */
export async function mirrorConfigured(
  providers: Providers,
  accounts: ReadonlyMap<string, ProviderAccount>,
  now: Millis,
): Promise<void> {
  for (const [name, account] of accounts) {
    const known = await providers.byName(name);
    if (known === undefined) await providers.add(mirrorOf(name, account, now), entry("provider.configured", name, now));
    else if (known.origin === "registered")
      throw new Error(`the name "${name}" under providers is a registered provider's. Choose another.`);
    else await adjust(providers, known, account, now);
  }
}

const entry = (action: string, name: string, at: Millis) =>
  ({ at, action, outcome: "succeeded", actor: { by: "lotse.yaml" }, details: { provider: name } }) as const;

function mirrorOf(name: string, { adapter, catalog }: ProviderAccount, now: Millis): Provider {
  return {
    name,
    origin: "configuration",
    adapter,
    state: "published",
    details: { identities: "derived", ...catalog, editors: [] },
    ...(catalog !== undefined && { refreshAt: now }),
    reading: { failures: 0 },
    version: 1,
    createdAt: now,
    updatedAt: now,
  };
}

async function adjust(providers: Providers, known: Provider, account: ProviderAccount, now: Millis): Promise<void> {
  const { catalog } = account;
  const { identities, organisation, integrator, publisher, publication, publishedSnapshot, ...rest } = known.details;
  const before = JSON.stringify([
    identities,
    organisation,
    integrator,
    publisher,
    publication,
    known.refreshAt !== undefined,
  ]);
  const wanted = { identities: "derived" as const, ...catalog };
  const after = JSON.stringify([
    wanted.identities,
    catalog?.organisation,
    catalog?.integrator,
    catalog?.publisher,
    catalog?.publication,
    catalog !== undefined,
  ]);
  if (before === after) return;
  if (publishedSnapshot !== undefined && catalog !== undefined && wanted.identities !== identities)
    throw new Error(
      `providers.${known.name}.catalog.identities must stay ${identities}: its plans are known under these ids.`,
    );
  const details = {
    ...rest,
    ...wanted,
    ...(catalog !== undefined && publishedSnapshot !== undefined && { publishedSnapshot }),
  };
  const change = { details, refreshAt: catalog === undefined ? null : now };
  await providers.change(known.name, known.version, change, now, entry("provider.configured", known.name, now));
}
