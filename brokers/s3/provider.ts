/** One account with its clients, which are loaded here: a start of Lotse without such accounts need not wait for them. */

import { type Buckets, openBuckets } from "./buckets.ts";
import type { AskCeph } from "./ceph-admin.ts";
import { openCephKeys } from "./ceph-keys.ts";
import { openIamKeys } from "./iam-keys.ts";
import type { Keys } from "./keys.ts";
import type { Account } from "./settings.ts";

export interface Provider {
  readonly account: Account;
  readonly buckets: Buckets;
  /** Absent: there are no bindings. */
  readonly keys?: Keys;
  /** Ceph's admin API, where it is there. */
  readonly askCeph?: AskCeph;
}

export async function openProvider(account: Account): Promise<Provider> {
  const buckets = openBuckets(account, await import("@aws-sdk/client-s3"));
  if (account.keys === "none") return { account, buckets };
  const iam = await import("@aws-sdk/client-iam");
  if (account.keys === "iam") return { account, buckets, keys: openIamKeys(account, iam) };
  const keys = await openCephKeys(account, iam);
  return { account, buckets, keys, askCeph: keys.ask };
}
