/** AWS's own clients, set up as the account says. */
import { Agent } from "node:https";
import type { Account } from "./settings.ts";

export interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Throttling is waited for by AWS's rules; what is still refused then, the engine tries again later. */
export function clientSettings(account: Account, credentials: Key) {
  return {
    region: account.region,
    credentials,
    retryMode: "standard",
    maxAttempts: account.attempts,
    // Other S3s do not know the checksums that AWS's client adds of its own accord.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: {
      connectionTimeout: account.requestTimeoutMs,
      requestTimeout: account.requestTimeoutMs,
      throwOnRequestTimeout: true,
      ...(account.ca !== undefined && { httpsAgent: new Agent({ ca: account.ca, keepAlive: true }) }),
    },
  } as const;
}
