/** The Authorization header towards the downstream: fixed, or a token from an OAuth 2 token endpoint. */
import { createTokenSource } from "#oauth";
import type { Account } from "./settings.ts";

export interface Authorizer {
  header(signal: AbortSignal): Promise<string | undefined>;
  /** The downstream answered 401. */
  refused(): void;
}

export function createAuthorizer({ auth, connectTimeoutMs, tls }: Account): Authorizer {
  if (auth.kind !== "oauth") {
    const value = auth.kind === "header" ? auth.value : undefined;
    return { header: async () => value, refused() {} };
  }
  const { kind: _, ...endpoint } = auth;
  const source = createTokenSource({ ...endpoint, connectTimeoutMs, tls });
  return { header: async (signal) => `Bearer ${await source.token(signal)}`, refused: source.refused };
}
