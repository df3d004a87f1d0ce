/** Who may do what in the management API: one table, read by every route, by the tests and by the documents. */

export const roles = ["administrator", "provider-editor", "reviewer", "auditor", "fulfiller"] as const;
export type Role = (typeof roles)[number];
/** Of these a token names the providers it is for. */
export const rolesOfProviders: readonly Role[] = ["provider-editor", "fulfiller"];

/** Who asks: the person or service behind a token. */
export interface Principal {
  readonly name: string;
  readonly tokenId: string;
  readonly roles: readonly Role[];
  /** An editor's or fulfiller's own providers. */
  readonly providers: readonly string[];
}

/** How far a role reaches: everything, only what belongs to the principal's own providers, or nothing (absent). */
export type Reach = "all" | "own";

type Row = { readonly [role in Role]?: Reach };

const all = "all";
const own = "own";

const table = {
  "providers.read": { administrator: all, "provider-editor": own, reviewer: all, auditor: all },
  "providers.register": { administrator: all, "provider-editor": own },
  "providers.edit": { administrator: all, "provider-editor": own },
  "providers.check": { administrator: all, "provider-editor": own },
  "providers.submit": { administrator: all, "provider-editor": own },
  "providers.reject": { administrator: all, reviewer: all },
  "providers.publish": { administrator: all, reviewer: all },
  "providers.suspend": { administrator: all, reviewer: all },
  "providers.resume": { administrator: all, reviewer: all },
  "providers.retire": { administrator: all },
  "catalog.read": { administrator: all, "provider-editor": own, reviewer: all, auditor: all },
  "catalog.refresh": { administrator: all, "provider-editor": own },
  "catalog.publish": { administrator: all, reviewer: all },
  // An editor's reaches until the provider is published; then only those who publish change what customers see.
  "overlays.edit": { administrator: all, "provider-editor": own, reviewer: all },
  // Who sees a plan is decided with its publication, which an editor must not widen afterwards.
  "visibility.edit": { administrator: all },
  "instances.read": { administrator: all, "provider-editor": own, reviewer: all, auditor: all },
  "operations.read": { administrator: all, "provider-editor": own, reviewer: all, auditor: all },
  "operations.retry": { administrator: all, "provider-editor": own },
  // It names people.
  "audit.read": { administrator: all, auditor: all },
  "tokens.read": { administrator: all, auditor: all },
  "tokens.manage": { administrator: all },
  "platforms.read": { administrator: all, reviewer: all, auditor: all },
  "platforms.manage": { administrator: all },
  "orphans.read": { administrator: all, "provider-editor": own, reviewer: all, auditor: all },
  "orphans.resolve": { administrator: all },
  "adoption.manage": { administrator: all },
  "tasks.read": { administrator: all, "provider-editor": own, auditor: all, fulfiller: own },
  // Shows what was ordered, with everything the customer wrote.
  "tasks.fulfil": { administrator: all, fulfiller: own },
} as const satisfies { readonly [action: string]: Row };

export type Action = keyof typeof table;

export const permissions: { readonly [action in Action]: Row } = table;
export const actions = Object.keys(table) as Action[];

/** The widest reach any of the principal's roles has. */
export function reachOf({ roles: held }: Pick<Principal, "roles">, action: Action): Reach | undefined {
  const row = permissions[action];
  if (held.some((role) => row[role] === "all")) return "all";
  return held.some((role) => row[role] === "own") ? "own" : undefined;
}

/** Without a provider: whether the principal may do it anywhere at all. */
export function mayDo(principal: Pick<Principal, "roles" | "providers">, action: Action, provider?: string): boolean {
  const reach = reachOf(principal, action);
  if (reach !== "own") return reach === "all";
  return provider === undefined ? principal.providers.length > 0 : principal.providers.includes(provider);
}

/** Whether a principal may hand out these rights: nobody grants more than they have. */
export function covers(
  maker: Pick<Principal, "roles" | "providers">,
  granted: Pick<Principal, "roles" | "providers">,
): boolean {
  return actions.every((action) => {
    const reach = reachOf(granted, action);
    if (reach === undefined || reachOf(maker, action) === "all") return true;
    return reach === "own" && granted.providers.every((provider) => mayDo(maker, action, provider));
  });
}
