/** The Authorization header towards the downstream: fixed, or a token from an OAuth 2 token endpoint, kept until it ends. */
import * as oauth from "oauth4webapi";
import { Agent, fetch } from "undici";
import type { Account } from "./settings.ts";

export interface Authorizer {
  header(signal: AbortSignal): Promise<string | undefined>;
  /** The downstream answered 401: a token that looked good is not asked to serve again. */
  refused(): void;
}

/** A token is replaced so long before its end, so that none runs out on its way. */
const earlyMs = 30_000;
/** RFC 6749 leaves the lifetime open where the server does not tell. */
const assumedSeconds = 300;

export function createAuthorizer(account: Account): Authorizer {
  const { auth } = account;
  if (auth.kind !== "oauth") {
    const value = auth.kind === "header" ? auth.value : undefined;
    return { header: async () => value, refused() {} };
  }
  const agent = new Agent({ connect: { timeout: account.connectTimeoutMs, ...account.tls } });
  const server: oauth.AuthorizationServer = { issuer: new URL(auth.tokenUrl).origin, token_endpoint: auth.tokenUrl };
  const client: oauth.Client = { client_id: auth.clientId };
  const loopback = new URL(auth.tokenUrl).protocol === "http:";
  let kept: { readonly header: string; readonly until: number } | undefined;
  let underway: Promise<string> | undefined;

  async function fetchToken(signal: AbortSignal): Promise<string> {
    const parameters = new URLSearchParams(
      auth.kind === "oauth" && auth.scope !== undefined ? { scope: auth.scope } : {},
    );
    const secret = auth.kind === "oauth" ? auth.clientSecret : "";
    const response = await oauth.clientCredentialsGrantRequest(
      server,
      client,
      oauth.ClientSecretBasic(secret),
      parameters,
      {
        signal,
        // Plain HTTP is for a loopback address only; settings.ts has seen to that.
        [oauth.allowInsecureRequests]: loopback,
        [oauth.customFetch]: (url, options) =>
          fetch(url, { ...options, dispatcher: agent } as Parameters<typeof fetch>[1]) as unknown as Promise<Response>,
      },
    );
    const token = await oauth.processClientCredentialsResponse(server, client, response);
    const header = `Bearer ${token.access_token}`;
    kept = { header, until: Date.now() + (token.expires_in ?? assumedSeconds) * 1000 - earlyMs };
    return header;
  }

  return {
    header(signal) {
      if (kept !== undefined && kept.until > Date.now()) return Promise.resolve(kept.header);
      underway ??= fetchToken(signal).finally(() => {
        underway = undefined;
      });
      return underway;
    },
    refused() {
      kept = undefined;
    },
  };
}
