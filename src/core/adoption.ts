/** Decides what becomes of a wish to take over an instance that existed before Lotse: the rows, or all that is in the way. */
import type { Adoptable, Made } from "./adapter.ts";
import type { Placement } from "./catalog.ts";
import type { Adoption, Change } from "./change.ts";
import type { JsonObject } from "./json.ts";
import type { Binding, Instance, Millis, Platform } from "./model.ts";
import { Secret } from "./secret.ts";

/** What somebody writes of an instance that is to be adopted. Ids are the platform's, references the provider's. */
export interface AdoptionWish {
  /** Name of the platform that it belongs to. */
  readonly platform: string;
  readonly instanceId: string;
  readonly offeringId: string;
  readonly planId: string;
  readonly organization: string;
  readonly space: string;
  readonly reference: string;
  /** Absent: as the provider has them, where it tells. */
  readonly parameters?: JsonObject;
  readonly context?: JsonObject;
  readonly bindings?: readonly BindingWish[];
  /** Whoever adopts it knows that it is there, where the provider does not let it be looked at. */
  readonly unseen?: boolean;
}

export interface BindingWish {
  readonly bindingId: string;
  readonly reference: string;
  readonly appGuid?: string;
  readonly parameters?: JsonObject;
}

/** `unread`: the provider did not answer as it should. */
export type Look = Adoptable | { readonly state: "unread"; readonly reason: string };

export interface AdoptionWorld {
  readonly platform: Platform | undefined;
  readonly placement: Placement | undefined;
  /** The provider's adapter can adopt. */
  readonly adopts: boolean;
  /** Newest incarnation under the platform's id. */
  readonly instance: Instance | undefined;
  readonly look: Look | undefined;
  readonly claim: Claim;
  readonly bindings: readonly {
    readonly wish: BindingWish;
    readonly binding: Binding | undefined;
    readonly look: Look | undefined;
    readonly claim: Claim;
  }[];
}

/** Who has a thing of the provider already. */
export interface Claim {
  readonly key: string;
  /** Platform's id of the living instance or binding that is this thing. */
  readonly holder?: string;
  /** Adoptions of it so far. */
  readonly before: number;
}

export interface AdoptionMoment {
  readonly now: Millis;
  readonly by: string;
  /** The same as the audit trail tells it. */
  readonly actor: JsonObject;
  readonly requestId?: string;
  /** Ids for the instance, then for its bindings. */
  readonly uids: readonly string[];
}

export interface AdoptionObstacle {
  readonly code: string;
  readonly detail: string;
  readonly bindingId?: string;
}

export interface AdoptionPlan {
  /** Everything in the way; empty: `changes` may be written. */
  readonly obstacles: readonly AdoptionObstacle[];
  /** What whoever adopts it should know. */
  readonly notes: readonly string[];
  readonly instance?: Instance;
  readonly bindings: readonly Binding[];
  readonly changes: readonly Change[];
}

export function decideAdoption(world: AdoptionWorld, wish: AdoptionWish, moment: AdoptionMoment): AdoptionPlan {
  const obstacles = obstaclesOf(world, wish);
  const { platform, placement } = world;
  if (obstacles.length > 0 || platform === undefined || placement === undefined)
    return { obstacles, notes: [], bindings: [], changes: [] };
  const instance = instanceOf(world, placement, platform, wish, moment);
  const bindings = world.bindings.map((each, index) => bindingOf(each, instance, moment, index));
  const notes = [
    ...(world.look?.state === "unseen"
      ? ["The provider does not let the instance be looked at. Your word is taken."]
      : []),
    ...bindings
      .filter(({ access }) => access === undefined)
      .map(({ bindingId }) => `The credentials of binding ${bindingId} cannot be read. Lotse will hand out none.`),
  ];
  const claims = [
    adoptionOf(instance.uid, "instance", placement, world.claim, moment),
    ...bindings.map(({ uid }, index) =>
      adoptionOf(uid, "binding", placement, world.bindings[index]?.claim ?? { key: uid, before: 0 }, moment),
    ),
  ];
  return {
    obstacles,
    notes,
    instance,
    bindings,
    changes: [
      { insert: "instance", row: instance },
      ...bindings.map((row): Change => ({ insert: "binding", row })),
      ...claims.map((row): Change => ({ insert: "adoption", row })),
      {
        insert: "audit",
        row: {
          at: moment.now,
          action: "instance.adopted",
          outcome: "succeeded",
          platformId: platform.id,
          instanceId: instance.instanceId,
          actor: moment.actor,
          details: {
            provider: placement.plan.provider,
            plan: placement.plan.id,
            reference: wish.reference,
            bindings: bindings.map(({ bindingId }) => bindingId),
          },
          ...(moment.requestId !== undefined && { requestId: moment.requestId }),
        },
      },
    ],
  };
}

function obstaclesOf(world: AdoptionWorld, wish: AdoptionWish): AdoptionObstacle[] {
  const { platform, placement, instance, look } = world;
  const found: AdoptionObstacle[] = [];
  const add = (code: string, detail: string, bindingId?: string) =>
    void found.push({ code, detail, ...(bindingId !== undefined && { bindingId }) });
  if (platform === undefined)
    add(
      "UnknownPlatform",
      `There is no such platform. A platform is meant by its name, not by its username; "lotse platform list" names them.`,
    );
  if (placement === undefined) {
    add("UnknownPlan", "There is no such plan in this offering.");
    return found;
  }
  if (!world.adopts)
    add("CannotAdopt", `The provider "${placement.plan.provider}" adopts nothing: its adapter cannot.`);
  if (instance !== undefined && instance.state !== "deleted")
    add("IdTaken", "The platform has an instance with this id already.");
  lookObstacle(look, wish, "instance", add);
  if (world.claim.holder !== undefined)
    add("AlreadyThere", `It is the instance "${world.claim.holder}" already, in Lotse's record.`);
  for (const violation of placement.checks.create(parametersOf(world, wish))) add("InvalidParameters", violation);
  const seen = new Set<string>();
  for (const { wish: bound, binding, look: there, claim } of world.bindings) {
    const say = (code: string, detail: string) => add(code, detail, bound.bindingId);
    if (!placement.plan.bindable) say("NotBindable", "The plan has no bindings.");
    if (seen.has(bound.bindingId) || seen.has(claim.key)) say("NamedTwice", "The binding is named twice.");
    seen.add(bound.bindingId).add(claim.key);
    if (binding !== undefined && binding.state !== "deleted")
      say("IdTaken", "The platform has a binding with this id already.");
    lookObstacle(there, wish, "binding", say);
    if (claim.holder !== undefined) say("AlreadyThere", `It is the binding "${claim.holder}" already.`);
    for (const violation of placement.checks.bind(bound.parameters ?? {})) say("InvalidParameters", violation);
  }
  return found;
}

function lookObstacle(
  look: Look | undefined,
  { unseen }: AdoptionWish,
  thing: "instance" | "binding",
  add: (code: string, detail: string) => void,
): void {
  if (look?.state === "gone") add("NotFound", "The provider does not have it.");
  if (look?.state === "unfit") add("Unfit", look.reason);
  if (look?.state === "unread") add("Unread", look.reason);
  // An instance that is not there would be ready for ever; of a binding only the credentials are missing.
  if (look?.state === "unseen" && thing === "instance" && unseen !== true)
    add("Unseen", "The provider does not let it be looked at. If you know that it is there, say so with unseen: true.");
}

function parametersOf({ look }: AdoptionWorld, wish: AdoptionWish): JsonObject {
  return wish.parameters ?? (look?.state === "there" ? (look.parameters ?? {}) : {});
}

const madeOf = (look: Look | undefined): Made => (look?.state === "there" || look?.state === "unseen" ? look.made : {});

function instanceOf(
  world: AdoptionWorld,
  { plan }: Placement,
  platform: Platform,
  wish: AdoptionWish,
  { now, uids }: AdoptionMoment,
): Instance {
  const { facts = null, dashboardUrl, metadata } = madeOf(world.look);
  return {
    uid: uids[0] ?? "",
    platformId: platform.id,
    instanceId: wish.instanceId,
    incarnation: (world.instance?.incarnation ?? 0) + 1,
    bindsBegun: 0,
    offeringId: wish.offeringId,
    planId: plan.id,
    provider: plan.provider,
    organization: wish.organization,
    space: wish.space,
    parameters: new Secret(parametersOf(world, wish)),
    context: wish.context ?? {},
    facts: new Secret(facts),
    labels: metadata?.labels ?? {},
    attributes: metadata?.attributes ?? {},
    usable: true,
    adopted: "unproven",
    state: "ready",
    version: 1,
    createdAt: now,
    updatedAt: now,
    ...(dashboardUrl !== undefined && { dashboardUrl }),
  };
}

function bindingOf(
  { wish, binding, look }: AdoptionWorld["bindings"][number],
  instance: Instance,
  { now, uids }: AdoptionMoment,
  index: number,
): Binding {
  const { facts = null, access } = madeOf(look);
  const expiresAt = access?.expiresAt;
  return {
    uid: uids[index + 1] ?? "",
    platformId: instance.platformId,
    bindingId: wish.bindingId,
    incarnation: (binding?.incarnation ?? 0) + 1,
    instanceUid: instance.uid,
    instanceId: instance.instanceId,
    offeringId: instance.offeringId,
    planId: instance.planId,
    bindResource: wish.appGuid === undefined ? {} : { app_guid: wish.appGuid },
    parameters: new Secret(wish.parameters ?? {}),
    context: {},
    facts: new Secret(facts),
    state: "bound",
    version: 1,
    createdAt: now,
    updatedAt: now,
    ...(wish.appGuid !== undefined && { appGuid: wish.appGuid }),
    ...(access !== undefined && { access: new Secret(JSON.parse(JSON.stringify(access))) }),
    ...(expiresAt !== undefined && { expiresAt: Date.parse(expiresAt) }),
  };
}

function adoptionOf(
  uid: string,
  thing: Adoption["thing"],
  { plan }: Placement,
  { key, before }: Claim,
  { now, by }: AdoptionMoment,
): Adoption {
  return {
    uid,
    provider: plan.provider,
    thing,
    reference: key,
    incarnation: before + 1,
    adoptedAt: now,
    adoptedBy: by,
  };
}
