/** The client of IAM; Ceph speaks the part of it that gives users policies. */
import type { IAMClient } from "@aws-sdk/client-iam";
import { clientSettings } from "./clients.ts";
import { isError } from "./errors.ts";
import type { Account } from "./settings.ts";

export type IamSdk = typeof import("@aws-sdk/client-iam");

export function clientFor(account: Account, sdk: IamSdk): IAMClient {
  const endpoint = account.iamEndpoint ?? (account.keys === "ceph" ? account.endpoint : undefined);
  return new sdk.IAMClient({
    ...clientSettings(account, account),
    ...(endpoint !== undefined && { endpoint }),
  });
}

/** Undefined: IAM knows no such thing. */
export async function ifThere<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isError(error, "NoSuchEntity", "NoSuchEntityException")) return undefined;
    throw error;
  }
}
