/** A catalog of its own for stories about several clouds: the same offering from a public authority and an external one. */
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "../../src/core/adapter.ts";
import { shippedCatalog } from "./broker-process.ts";

export interface Shelf {
  readonly name: string;
  readonly create: JsonObject;
  /** The version that its plans are at, for platforms to ask for. */
  readonly maintenance?: string;
  /** One for each provider, whose account is named like the provider. */
  readonly goods: readonly {
    readonly account: string;
    readonly external: boolean;
    readonly small: JsonObject;
    readonly large: JsonObject;
  }[];
}

export interface Ids {
  readonly offeringId: string;
  readonly small: string;
  readonly large: string;
}

/** Writes the catalog into the directory; the ids of each shelf's goods, in their order. */
export function writeCatalog(directory: string, shelves: readonly Shelf[]): Ids[][] {
  mkdirSync(directory, { recursive: true });
  const shared = readdirSync(shippedCatalog).filter((name) => name.endsWith(".json") || name === "organisations.yaml");
  for (const name of shared) copyFileSync(join(shippedCatalog, name), join(directory, name));
  return shelves.map(({ name, create, maintenance, goods }, index) => {
    const offeringId = idOf(index, 0);
    const sold = goods.map((_, nth) => ({
      offeringId,
      small: idOf(index, 2 * nth + 1),
      large: idOf(index, 2 * nth + 2),
    }));
    const plans = goods.flatMap((good, nth) =>
      (["small", "large"] as const).map((size) => ({
        ...planOf(good.external),
        id: sold[nth]?.[size],
        name: `${size}-${good.account}`,
        displayName: `${size} – ${good.account}`,
        account: good.account,
        backend: good[size],
        equivalenceClass: `${name}/${size}`,
        ...(maintenance !== undefined && { maintenance: { version: maintenance } }),
      })),
    );
    const schema = { $schema: "http://json-schema.org/draft-04/schema#", type: "object", ...create };
    writeFileSync(
      join(directory, `${name}.yaml`),
      JSON.stringify({
        id: offeringId,
        name,
        displayName: name,
        deliveryModel: "IaaS",
        category: "compute",
        focus: { serviceCategory: "Compute", serviceSubcategory: "Virtual Machines" },
        description: "For stories about several clouds.",
        tags: [],
        bindable: true,
        planUpdateable: true,
        allowContextUpdates: true,
        portable: new Set(goods.map(({ external }) => external)).size > 1,
        schemas: { create: schema, update: schema },
        plans,
      }),
    );
    return sold;
  });
}

const idOf = (offering: number, nth: number): string =>
  `c10d0000-0000-4000-8000-0000000${offering}${String(nth).padStart(4, "0")}`;

function planOf(external: boolean): JsonObject {
  const who = external
    ? { provider: "krz-mitte", integrator: "krz-mitte", publisher: "aurora" }
    : { provider: "it-nord", publisher: "it-nord" };
  return {
    ...who,
    description: "For stories about several clouds.",
    execution: "async",
    bindingRotatable: true,
    planUpdateable: true,
    maximumPollingDuration: 3600,
    contractModels: ["direct", "back-to-back"],
    acquisition: "subscription",
    subscription: { minTermMonths: 1, renewalMonths: 1, noticeDays: 30 },
    price: {
      model: "flat",
      illustrative: true,
      components: [{ kind: "recurring", amount: "1.00", unit: "MONTHLY" }, ...markup(external)],
    },
    migration: ["image-export"],
    location: { dataAtRest: ["DE"], processing: ["DE"], supportAccess: ["DE"], operatorSeat: "DE" },
    protectionNeed: "normal",
    personalData: "none",
    maturity: { model: "dvc-demo-1", level: 1, admissible: true, validUntil: "2027-12-31", illustrative: true },
    terms: [{ kind: "service-description", version: "1" }],
  };
}

const markup = (external: boolean) => (external ? [{ kind: "markup", amount: "0.10", unit: "MONTHLY" }] : []);
