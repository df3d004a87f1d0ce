/** Who may know of which provider, offering and plan, and order there. */
import type { Plan, Platform } from "./model.ts";

/** Fits whoever has all that it names. */
export interface Grant {
  /** Name of the platform; absent: any. */
  readonly platform?: string;
  /** organization_guid as the platform sends it; absent: any. */
  readonly organization?: string;
}

/** Without an entry a thing is there for everybody; with one, for those whom a grant of it fits. All levels count. */
export interface Visibility {
  readonly providers: ReadonlyMap<string, readonly Grant[]>;
  /** By offering id. */
  readonly offerings: ReadonlyMap<string, readonly Grant[]>;
  /** By plan id. */
  readonly plans: ReadonlyMap<string, readonly Grant[]>;
}

const none: ReadonlyMap<string, readonly Grant[]> = new Map();
export const everythingVisible: Visibility = { providers: none, offerings: none, plans: none };

export const isUnrestricted = ({ providers, offerings, plans }: Visibility): boolean =>
  providers.size === 0 && offerings.size === 0 && plans.size === 0;

/** Whether the platform's catalog shows the plan: some organisation behind it may order it. */
export function sees(visibility: Visibility, platform: Platform, plan: Plan): boolean {
  return isUnrestricted(visibility) || allLevels(visibility, plan, (grant) => isFor(grant.platform, platform.name));
}

export function mayOrder(visibility: Visibility, platform: Platform, organization: string, plan: Plan): boolean {
  if (isUnrestricted(visibility)) return true;
  return allLevels(
    visibility,
    plan,
    (grant) => isFor(grant.platform, platform.name) && isFor(grant.organization, organization),
  );
}

const isFor = (wanted: string | undefined, given: string): boolean => wanted === undefined || wanted === given;

function allLevels({ providers, offerings, plans }: Visibility, plan: Plan, fits: (grant: Grant) => boolean): boolean {
  const levels = [providers.get(plan.provider), offerings.get(plan.offeringId), plans.get(plan.id)];
  return levels.every((grants) => grants === undefined || grants.some(fits));
}
