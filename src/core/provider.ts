/** A provider account (Anbieter-Konto) and its way from registration to retirement: plain data and pure decisions. */
import type { JsonObject } from "./json.ts";
import type { Millis } from "./model.ts";
import type { RuleDepartures } from "./publication-rules.ts";
import type { Secret } from "./secret.ts";

/**
 * | state       | orders | leads to                                        |
 * | ----------- | ------ | ----------------------------------------------- |
 * | `draft`     | no     | `checked` by a check that found nothing wrong   |
 * | `checked`   | no     | `in-review` by who submits it                   |
 * | `in-review` | no     | `published`, or `draft` where a reviewer says no |
 * | `published` | yes    | `suspended`                                     |
 * | `suspended` | no     | `published` again, `draft` by a change, `retired` |
 * | `retired`   | no     | nothing; the name is not given away again       |
 *
 * Instances are manageable in every state.
 */
export const providerStates = ["draft", "checked", "in-review", "published", "suspended", "retired"] as const;
export type ProviderState = (typeof providerStates)[number];

export interface Provider {
  /** Never changes and is never given away again: the identities of its plans derive from it. */
  readonly name: string;
  /** `configuration`: it stands in lotse.yaml and its settings are changed there. */
  readonly origin: "configuration" | "registered";
  readonly adapter: string;
  /** Of a registered one: settings and secrets together, as they were given. */
  readonly settings?: Secret<JsonObject>;
  readonly state: ProviderState;
  readonly details: ProviderDetails;
  /** When its catalog is to be read next; absent: its plans are written in catalog files. */
  readonly refreshAt?: Millis;
  readonly reading: CatalogReading;
  /** Counts changes by people; their next change names the version they saw. */
  readonly version: number;
  readonly createdAt: Millis;
  readonly updatedAt: Millis;
}

/** What people say about a provider. */
export interface ProviderDetails {
  readonly slots?: number;
  readonly identities: "derived" | "downstream";
  /** Keys of catalog organisations: who answers for it, who stands between, who produces. */
  readonly organisation?: string;
  readonly integrator?: string;
  readonly publisher?: string;
  /** The plan its conformance is tried with. */
  readonly testPlan?: TestPlan;
  /** Departures from the rules by which its catalogs are published. */
  readonly publication?: RuleDepartures;
  /** Names of those who registered or changed it since it was published last: none of them may publish it. */
  readonly editors: readonly string[];
  readonly submittedBy?: string;
  readonly publishedBy?: string;
  /** Why it was rejected or suspended. */
  readonly reason?: string;
  readonly check?: CheckResult;
  /** Who let it pass although it breaks rules it must keep, and why. */
  readonly override?: { readonly by: string; readonly reason: string; readonly at: Millis };
  /** The catalog that the check read and a reviewer is shown: this one is published, whatever is read meanwhile. */
  readonly submittedSnapshot?: string;
  readonly publishedSnapshot?: string;
  /** Somebody went back to an earlier snapshot: nothing is published by itself until somebody releases one. */
  readonly pinned?: boolean;
}

export interface TestPlan {
  readonly offering: string;
  readonly plan: string;
  readonly parameters?: JsonObject;
}

export interface CheckResult {
  readonly at: Millis;
  readonly by: string;
  readonly ok: boolean;
  /** What is wrong and what to do, a sentence each. */
  readonly problems: readonly string[];
  /** Rules of OSB it must keep and does not, by the conformance kit's count. */
  readonly failedMusts?: number;
  readonly report?: string;
  /** The catalog that it read. */
  readonly snapshot?: string;
  /** Why the kit did not try it. */
  readonly untried?: string;
}

/** What the periodic reading of its catalog came to. */
export interface CatalogReading {
  readonly etag?: string;
  readonly readAt?: Millis;
  /** Why the last reading failed; what was published stays. */
  readonly failure?: string;
  readonly failures: number;
}

/** What people do with a provider. */
export type ProviderStep =
  | { readonly step: "edit"; readonly secretsOnly: boolean }
  | { readonly step: "check"; readonly result: CheckResult }
  | { readonly step: "submit" }
  | { readonly step: "reject"; readonly reason: string }
  | { readonly step: "publish"; readonly override?: string; readonly hasSnapshot: boolean }
  | { readonly step: "suspend"; readonly reason: string }
  | { readonly step: "resume" }
  | { readonly step: "retire"; readonly instances: number };

/** What stands in the way of a step, for programs. */
export type StepRefusal =
  | "Retired"
  | "StandsInConfiguration"
  | "Published"
  | "NotChecked"
  | "NotInReview"
  | "InReview"
  | "FourEyes"
  | "NoCatalog"
  | "NotConformant"
  | "NotPublished"
  | "NotSuspended"
  | "HasInstances";

export type StepDecision =
  | { readonly to: ProviderState; readonly details: ProviderDetails }
  /** `detail` for people: what stands in the way and what to do. */
  | { readonly refused: StepRefusal; readonly detail: string };

const refused = (code: StepRefusal, detail: string): StepDecision => ({ refused: code, detail });

/** `by` is the name of the person or service that acts. */
export function decideStep(provider: Provider, by: string, step: ProviderStep, now: Millis): StepDecision {
  const { state, details } = provider;
  if (state === "retired") return refused("Retired", "The provider is retired, and that is final.");
  const keepTo = (to: ProviderState, more: Partial<ProviderDetails> = {}): StepDecision => ({
    to,
    details: { ...details, ...more },
  });
  switch (step.step) {
    case "edit":
      if (provider.origin === "configuration")
        return refused("StandsInConfiguration", "It stands in lotse.yaml. Change it there and restart.");
      if (step.secretsOnly && (state === "published" || state === "suspended")) return keepTo(state);
      if (state === "published")
        return refused("Published", "A published provider is not changed, but for its secrets. Suspend it first.");
      return keepTo("draft", { editors: [...new Set([...details.editors, by])] });
    case "check": {
      const passed = step.result.ok && state === "draft";
      return keepTo(passed ? "checked" : state === "checked" && !step.result.ok ? "draft" : state, {
        check: step.result,
      });
    }
    case "submit": {
      const snapshot = details.check?.snapshot;
      if (state !== "checked" || snapshot === undefined)
        return refused("NotChecked", "Only what passed its check is submitted. Run the check first.");
      return keepTo("in-review", { submittedBy: by, submittedSnapshot: snapshot });
    }
    case "reject":
      if (state !== "in-review") return refused("NotInReview", "Only what was submitted can be rejected.");
      return keepTo("draft", { reason: step.reason });
    case "publish":
      return decidePublish(provider, by, step, now);
    case "suspend":
      if (state !== "published") return refused("NotPublished", "Only a published provider can be suspended.");
      return keepTo("suspended", { reason: step.reason });
    case "resume":
      if (state !== "suspended") return refused("NotSuspended", "Only a suspended provider can be resumed.");
      return keepTo("published");
    case "retire":
      if (provider.origin === "configuration")
        return refused("StandsInConfiguration", "It stands in lotse.yaml. Take it out there once it has no instances.");
      if (state === "published") return refused("Published", "Suspend it first.");
      if (step.instances > 0)
        return refused("HasInstances", `It has ${step.instances} living instances. Move or remove them first.`);
      return keepTo("retired");
  }
}

function decidePublish(
  { state, details }: Provider,
  by: string,
  { override, hasSnapshot }: Extract<ProviderStep, { step: "publish" }>,
  now: Millis,
): StepDecision {
  if (state !== "in-review") return refused("NotInReview", "Only what was submitted for review can be published.");
  if (details.editors.includes(by) || details.submittedBy === by)
    return refused("FourEyes", "Whoever registered, changed or submitted it does not publish it. Ask somebody else.");
  if (!hasSnapshot) return refused("NoCatalog", "Its catalog was not read yet. Run the check first.");
  const { failedMusts, untried } = details.check ?? {};
  if (failedMusts !== 0 && override === undefined)
    return refused(
      "NotConformant",
      failedMusts === undefined
        ? `Nobody knows whether it keeps the rules of OSB${untried === undefined ? "" : ` (${untried})`}. To publish it all the same, give the reason as override.`
        : `It breaks ${failedMusts} rules that a broker must keep. Read the report; to publish it all the same, give the reason as override.`,
    );
  const { override: _, reason: __, submittedSnapshot: ___, ...rest } = details;
  return {
    to: "published",
    details: {
      ...rest,
      editors: [],
      publishedBy: by,
      ...(override !== undefined && { override: { by, reason: override, at: now } }),
    },
  };
}
