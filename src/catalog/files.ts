/** What the catalog files hold, as their JSON Schemas say it. */
import type { JsonObject, JsonSchema } from "../core/json.ts";

export interface Organisation {
  readonly key: string;
  readonly legalName: string;
  readonly country: string;
  readonly kind: "public-authority" | "external";
  readonly roles: readonly string[];
  readonly openMarketSharePercent?: number;
  readonly fictional: boolean;
}

export interface SchemaSet {
  readonly create?: JsonSchema;
  readonly update?: JsonSchema;
  readonly bind?: JsonSchema;
}

export interface OfferingFile {
  readonly id: string;
  readonly name: string;
  readonly displayName: string;
  readonly deliveryModel: string;
  readonly category: string;
  readonly focus: { readonly serviceCategory: string; readonly serviceSubcategory: string };
  readonly description: string;
  readonly longDescription?: string;
  readonly documentationUrl?: string;
  readonly supportUrl?: string;
  readonly tags?: readonly string[];
  readonly requires?: readonly ("syslog_drain" | "route_forwarding" | "volume_mount")[];
  readonly bindable: boolean;
  readonly planUpdateable: boolean;
  readonly allowContextUpdates: boolean;
  readonly portable: boolean;
  readonly schemas?: SchemaSet;
  readonly plans: readonly PlanFile[];
}

export interface PlanFile {
  readonly id: string;
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly bullets?: readonly string[];
  readonly provider: string;
  readonly integrator?: string;
  readonly publisher: string;
  readonly account: string;
  /** Adapter of the account that an operator has to bring; absent where the demonstration has it. */
  readonly accountKind?: string;
  readonly backend: JsonObject;
  readonly execution: "sync" | "async";
  readonly bindable?: boolean;
  readonly bindingRotatable: boolean;
  readonly planUpdateable?: boolean;
  readonly requiresApp: boolean;
  readonly maximumPollingDuration: number;
  readonly maintenance?: { readonly version: string; readonly description?: string };
  readonly contractModels: readonly string[];
  readonly acquisition: string;
  readonly subscription?: JsonObject;
  readonly price: PriceFile;
  readonly equivalenceClass?: string;
  readonly migration?: readonly string[];
  readonly capacity?: JsonObject;
  readonly location: JsonObject;
  readonly protectionNeed: string;
  readonly personalData: string;
  readonly maturity?: JsonObject;
  readonly terms?: readonly JsonObject[];
  readonly schemas?: SchemaSet;
}

/** Amounts are decimals in text, net, in EUR. */
export interface PriceFile {
  readonly model: string;
  readonly illustrative: boolean;
  readonly components: readonly { readonly kind: string; readonly amount: string; readonly unit: string }[];
}
