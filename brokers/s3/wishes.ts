/** What a bucket shall be like, from its plan and what the customer says. */
import type { Order } from "#adapter";
import { type Backend, readBackend } from "./settings.ts";

export interface Wishes {
  readonly versioning: boolean;
  readonly encryption: Backend["encryption"];
  readonly kmsKey?: string;
  readonly publicAccess: Backend["publicAccess"];
  /** Objects go after so many days; absent: never. */
  readonly expireDays?: number;
  /** Older versions go after so many days; absent: never. */
  readonly oldVersionsDays?: number;
}

/** A text is what the plan does not allow, for a person. */
export function wishesOf(order: Order): Wishes | string {
  const plan = readBackend(order.plan.backend);
  const said = order.instance.parameters.reveal();
  if (plan.versioning === "never" && said.versioning === true)
    return "This plan keeps no older versions. Order without parameters.versioning, or choose a plan that keeps them.";
  if (plan.versioning === "always" && said.versioning === false)
    return "This plan always keeps older versions. Order without parameters.versioning, or choose another plan.";
  const { expireDays, oldVersionsDays = plan.oldVersionsDays } = said as Partial<Wishes>;
  return {
    versioning: plan.versioning === "always" || (plan.versioning === "on-request" && said.versioning === true),
    encryption: plan.encryption,
    ...(plan.kmsKey !== undefined && { kmsKey: plan.kmsKey }),
    publicAccess: plan.publicAccess,
    ...(expireDays !== undefined && { expireDays }),
    ...(oldVersionsDays !== undefined && { oldVersionsDays }),
  };
}

/** Parts of uploads that nobody finished cost money and are seen by nobody, so they always go. */
const abandonedUploadDays = 7;

/** The one rule of every bucket, as S3 words it. */
export function lifecycleRule({ expireDays, oldVersionsDays }: Wishes) {
  return {
    ID: "lotse",
    Status: "Enabled" as const,
    Filter: { Prefix: "" },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: abandonedUploadDays },
    ...(expireDays !== undefined && { Expiration: { Days: expireDays } }),
    ...(oldVersionsDays !== undefined && { NoncurrentVersionExpiration: { NoncurrentDays: oldVersionsDays } }),
  };
}
