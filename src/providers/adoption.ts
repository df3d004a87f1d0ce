/** Takes over instances that existed before Lotse: looks at them at their provider, decides, and writes or only tells. */
import type { Adapter, BindingOrder, Order, Tools } from "../core/adapter.ts";
import {
  type AdoptionObstacle,
  type AdoptionWish,
  type BindingWish,
  type Claim,
  decideAdoption,
  type Look,
} from "../core/adoption.ts";
import { type Catalog, findPlan } from "../core/catalog.ts";
import type { JsonObject } from "../core/json.ts";
import type { Millis, Plan, Platform } from "../core/model.ts";
import type { Believed } from "../core/orphans.ts";
import { Secret } from "../core/secret.ts";
import type { Adoptions } from "../store/adoptions.ts";
import type { Beliefs } from "../store/beliefs.ts";
import type { Store } from "../store/store.ts";
import { type Actor, actorTold } from "./result.ts";

export interface Adopting {
  /** With `dryRun` nothing is written, and what would be is told. With obstacles nothing is written either. */
  adopt(wish: AdoptionWish, dryRun: boolean, by: Actor): Promise<AdoptionReport>;
}

export interface AdoptionReport {
  readonly dryRun: boolean;
  readonly written: boolean;
  readonly obstacles: readonly AdoptionObstacle[];
  readonly notes: readonly string[];
  readonly instance?: {
    readonly id: string;
    readonly provider: string;
    readonly planId: string;
    readonly instanceId: string;
    readonly organization: string;
    readonly space: string;
    /** Names only: values may be secrets. */
    readonly parameters: readonly string[];
    readonly dashboardUrl?: string;
  };
  readonly bindings: readonly { readonly id: string; readonly bindingId: string; readonly credentials: boolean }[];
}

export interface AdoptingParts {
  readonly store: Pick<Store, "apply" | "readInstance" | "readBinding">;
  readonly adoptions: Adoptions;
  readonly beliefs: Beliefs;
  readonly adapters: ReadonlyMap<string, Adapter>;
  readonly catalog: () => Catalog;
  readonly platformNamed: (name: string) => Promise<Platform | undefined>;
  readonly now: () => Millis;
  readonly newId: () => string;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

/** How long one look may take. */
const lookMs = 10_000;
/** Each lost race means that somebody else's write went through. */
const triesToDecide = 5;

export function createAdopting(parts: AdoptingParts): Adopting {
  const { store, adoptions, beliefs, now, newId, log } = parts;

  async function adopt(wish: AdoptionWish, dryRun: boolean, by: Actor): Promise<AdoptionReport> {
    const wishes = wish.bindings ?? [];
    const uids = [newId(), ...wishes.map(newId)];
    const placement = findPlan(parts.catalog(), wish.offeringId, wish.planId);
    const looks = await lookAt(placement?.plan, wish, uids);
    for (let attempt = 1; ; attempt++) {
      const platform = await parts.platformNamed(wish.platform);
      const made = await madeHere(placement?.plan);
      const world = {
        platform,
        placement,
        adopts: placement !== undefined && parts.adapters.get(placement.plan.provider)?.adopt !== undefined,
        instance: platform && (await store.readInstance(platform.id, wish.instanceId)),
        look: looks[0],
        claim: await claimOf(placement?.plan, "instance", [wish.reference], made),
        bindings: await Promise.all(
          wishes.map(async (each, index) => ({
            wish: each,
            binding: platform && (await store.readBinding(platform.id, each.bindingId)),
            look: looks[index + 1],
            claim: await claimOf(placement?.plan, "binding", [wish.reference, each.reference], made),
          })),
        ),
      };
      const moment = {
        now: now(),
        by: by.name,
        actor: actorTold(by),
        uids,
        ...(by.requestId !== undefined && { requestId: by.requestId }),
      };
      const plan = decideAdoption(world, wish, moment);
      const { obstacles, notes, instance, bindings, changes } = plan;
      const go = !dryRun && obstacles.length === 0;
      if (go && !(await store.apply(changes))) {
        if (attempt === triesToDecide) throw new Error("An adoption lost every race for its rows.");
        continue;
      }
      if (go) log.info({ provider: instance?.provider, instance: wish.instanceId, by: by.name }, "adopted");
      return {
        dryRun,
        written: go,
        obstacles,
        notes,
        ...(instance !== undefined && {
          instance: {
            id: instance.uid,
            provider: instance.provider,
            planId: instance.planId,
            instanceId: instance.instanceId,
            organization: instance.organization,
            space: instance.space,
            parameters: Object.keys(instance.parameters.reveal()),
            ...(instance.dashboardUrl !== undefined && { dashboardUrl: instance.dashboardUrl }),
          },
        }),
        bindings: bindings.map(({ uid, bindingId, access }) => ({
          id: uid,
          bindingId,
          credentials: access !== undefined,
        })),
      };
    }
  }

  /** What the provider says of the instance, then of its bindings; empty where nobody can ask. */
  async function lookAt(plan: Plan | undefined, wish: AdoptionWish, uids: readonly string[]): Promise<readonly Look[]> {
    const adapter = plan === undefined ? undefined : parts.adapters.get(plan.provider);
    if (plan === undefined || adapter?.adopt === undefined) return [];
    const order = orderFor(plan, wish, uids[0] ?? "");
    const first = await ask(adapter, order, wish.reference);
    if (first.state !== "there" && first.state !== "unseen") return [first];
    const facts = new Secret(first.made.facts ?? null);
    const looks: Look[] = [first];
    for (const [index, each] of (wish.bindings ?? []).entries())
      looks.push(
        await ask(
          adapter,
          bindingOrderFor({ ...order, instance: { ...order.instance, facts } }, each, uids[index + 1] ?? ""),
          each.reference,
        ),
      );
    return looks;
  }

  async function ask(adapter: Adapter, order: Order | BindingOrder, reference: string): Promise<Look> {
    try {
      const look = await adapter.adopt?.(order, reference, toolsFor(order.token));
      return look ?? { state: "unread", reason: "The adapter adopts nothing." };
    } catch (error) {
      log.warn({ err: error }, "what is to be adopted could not be looked at");
      return { state: "unread", reason: error instanceof Error ? error.message : "The provider did not answer." };
    }
  }

  function toolsFor(token: string): Tools {
    return {
      signal: AbortSignal.timeout(lookMs),
      now: () => new Date(now()),
      // A look sets no password.
      secret: () => {
        throw new Error("A look needs no secret.");
      },
      log: {
        info: (fields, message) => log.info({ token, ...fields }, message),
        warn: (fields, message) => log.warn({ token, ...fields }, message),
      },
    };
  }

  function orderFor(plan: Plan, wish: AdoptionWish, uid: string): Order {
    return {
      verb: "provision",
      token: newId(),
      attempt: 1,
      repeated: false,
      deadline: new Date(now() + lookMs),
      plan: { id: plan.id, backend: plan.backend },
      instance: {
        id: uid,
        platformInstanceId: wish.instanceId,
        organization: wish.organization,
        space: wish.space,
        parameters: new Secret<JsonObject>(wish.parameters ?? {}),
        context: wish.context ?? {},
        facts: new Secret(null),
      },
    };
  }

  function bindingOrderFor(order: Order, { bindingId, parameters = {} }: BindingWish, uid: string): BindingOrder {
    return {
      ...order,
      verb: "bind",
      binding: {
        id: uid,
        platformBindingId: bindingId,
        parameters: new Secret<JsonObject>(parameters),
        bindResource: {},
        facts: new Secret(null),
      },
    };
  }

  /** Who is this thing already: by an earlier adoption, or because Lotse made it. */
  async function claimOf(
    plan: Plan | undefined,
    thing: "instance" | "binding",
    names: readonly string[],
    made: ReadonlyMap<string, Believed>,
  ): Promise<Claim> {
    const key = names.length === 1 ? (names[0] ?? "") : JSON.stringify(names);
    if (plan === undefined) return { key, before: 0 };
    const last = await adoptions.newest(plan.provider, thing, key);
    const before = last?.incarnation ?? 0;
    const adopted = last === undefined ? undefined : (await beliefs.find([last.uid])).get(last.uid);
    const row = adopted !== undefined && adopted.state !== "deleted" ? adopted : made.get(`${thing} ${names.at(-1)}`);
    return row === undefined ? { key, before } : { key, before, holder: row.bindingId ?? row.instanceId };
  }

  /** What Lotse made at the provider, by what the provider calls it. */
  async function madeHere(plan: Plan | undefined): Promise<ReadonlyMap<string, Believed>> {
    const referenceOf = plan === undefined ? undefined : parts.adapters.get(plan.provider)?.referenceOf;
    if (plan === undefined || referenceOf === undefined) return new Map();
    const rows = [...(await beliefs.look(plan.provider)).values()].filter(({ state }) => state !== "deleted");
    return new Map(rows.map((row) => [`${row.thing} ${referenceOf(row.uid)}`, row]));
  }

  return { adopt };
}
