/** What the checks of a catalog share: how one is made, and how its things are named and reached. */
import { isJsonObject, type Json } from "../../core/json.ts";
import type { CatalogOffering, CatalogPlan } from "../catalog.ts";
import { type BrokerCheck, type BrokerContext, finding, fine } from "../check.ts";

type Look = (context: BrokerContext) => readonly string[] | Promise<readonly string[]>;

/** A check whose findings are sentences about the catalog, all in one finding. */
export function catalogCheck(check: Omit<BrokerCheck, "about" | "run"> & { readonly look: Look }): BrokerCheck {
  const { look, ...data } = check;
  return {
    ...data,
    about: "broker",
    async run(context) {
      const wrong = await look(context);
      return wrong.length === 0 ? fine : finding(wrong.join("\n"), context.catalog.exchange);
    },
  };
}

export const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
export const nameOf = (offering: CatalogOffering): string =>
  `offering "${offering.name || offering.id || "without a name"}"`;
export const planName = ({ name, id, offering }: CatalogPlan): string =>
  `plan "${name || id || "without a name"}" of ${nameOf(offering)}`;
export const plansOf = ({ catalog }: BrokerContext): readonly CatalogPlan[] =>
  catalog.offerings.flatMap(({ plans }) => plans);

export const memberOf = (value: Json | undefined, key: string): Json | undefined =>
  value !== undefined && isJsonObject(value) ? value[key] : undefined;
