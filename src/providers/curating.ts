/** What operators make of the merged catalog: overlays, and who sees what. */
import { noOverlay, type Overlay, type OverlayCheck } from "../catalog/overlay.ts";
import type { Json } from "../core/json.ts";
import type { Millis } from "../core/model.ts";
import type { Grant } from "../core/visibility.ts";
import type { Curation, VisibleKind } from "../store/curation.ts";
import type { Providers } from "../store/providers.ts";
import type { CatalogKeeper } from "./catalog-keeper.ts";
import { type Actor, auditOf, invalid, obstacle, type Result, stale, unknown } from "./result.ts";

/** `version` is the one of what is replaced; 0: nothing was there. Undefined takes away what is there. */
export interface Curating {
  setOverlay(name: string, version: number, overlay: Json | undefined, by: Actor): Promise<Result<undefined>>;
  setVisibility(
    kind: VisibleKind,
    thing: string,
    version: number,
    grants: readonly Grant[] | undefined,
    by: Actor,
  ): Promise<Result<undefined>>;
}

export interface CuratingParts {
  readonly overlayCheck: OverlayCheck;
  /** Providers whose overlay stands in a file. */
  readonly overlayFiles: ReadonlySet<string>;
  readonly providers: Pick<Providers, "byName">;
  readonly curation: Curation;
  readonly keeper: CatalogKeeper;
  readonly now: () => Millis;
}

export function createCurating(parts: CuratingParts): Curating {
  const { overlayCheck, overlayFiles, providers, curation, keeper, now } = parts;
  return {
    async setOverlay(name, version, overlay, by) {
      const provider = await providers.byName(name);
      if (provider === undefined) return unknown(name);
      if (provider.state === "in-review")
        return obstacle("InReview", "It is being reviewed as it is. Have it rejected first.");
      // A suspended one goes on with a word of a reviewer, who then looks at nothing again.
      if ((provider.state === "published" || provider.state === "suspended") && by.releases !== true)
        return obstacle(
          "Published",
          "What customers see of a provider that was published is changed by those who may publish it.",
        );
      if (overlayFiles.has(name))
        return obstacle("StandsInFile", `Its overlay stands in catalog/overlays/${name}.yaml. Change it there.`);
      const problems = overlay === undefined ? [] : overlayCheck(overlay);
      if (problems.length > 0) return invalid("The overlay cannot be taken like this.", problems);
      const { moved: objections } = await keeper.objections({
        provider: name,
        overlay: (overlay as Overlay | undefined) ?? noOverlay,
      });
      if (objections.length > 0) return obstacle("HasInstances", objections.join(" "));
      const entry = auditOf(overlay === undefined ? "overlay.removed" : "overlay.changed", by, now(), {
        provider: name,
        ...(overlay !== undefined && { overlay }),
      });
      if (!(await curation.setOverlay(name, overlay, { version, at: now(), by: by.name, audit: entry }))) return stale;
      await keeper.rebuild();
      return { done: undefined };
    },

    async setVisibility(kind, thing, version, grants, by) {
      const entry = auditOf(grants === undefined ? "visibility.removed" : "visibility.changed", by, now(), {
        kind,
        thing,
        ...(grants !== undefined && { grants: grants.map((grant) => ({ ...grant })) }),
      });
      if (!(await curation.setVisibility(kind, thing, grants, { version, at: now(), by: by.name, audit: entry })))
        return stale;
      await keeper.rebuild();
      return { done: undefined };
    },
  };
}
