/** Tokens from an OAuth 2 token endpoint by client credentials (RFC 6749, 4.4), each kept until shortly before its end. */
import * as oauth from "oauth4webapi";
import { Agent, fetch } from "undici";

export interface TokenEndpoint {
  /** https, except on the loopback address; whoever read the settings has seen to that. */
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope?: string;
  readonly connectTimeoutMs: number;
  /** PEM texts: the authority that signed the endpoint's certificate, and a client certificate with its key. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

export interface TokenSource {
  /** The token to use now. Rejects if none is to be had. */
  token(signal: AbortSignal): Promise<string>;
  /** It was refused: a token that looked good is not asked to serve again. */
  refused(): void;
}

/** A token is replaced so long before its end, so that none runs out on its way. */
const earlyMs = 30_000;
/** A token with all its claims is some kilobytes. */
const maxResponseBytes = 256 * 1024;
/** RFC 6749 leaves the lifetime open where the server does not tell. */
const assumedSeconds = 300;

export function createTokenSource(endpoint: TokenEndpoint): TokenSource {
  const agent = new Agent({
    maxResponseSize: maxResponseBytes,
    connect: { timeout: endpoint.connectTimeoutMs, ...endpoint.tls },
  });
  const { origin, protocol } = new URL(endpoint.tokenUrl);
  const server: oauth.AuthorizationServer = { issuer: origin, token_endpoint: endpoint.tokenUrl };
  const client: oauth.Client = { client_id: endpoint.clientId };
  let kept: { readonly token: string; readonly until: number } | undefined;
  let underway: Promise<string> | undefined;

  async function fetchToken(signal: AbortSignal): Promise<string> {
    const response = await oauth.clientCredentialsGrantRequest(
      server,
      client,
      oauth.ClientSecretBasic(endpoint.clientSecret),
      new URLSearchParams(endpoint.scope === undefined ? {} : { scope: endpoint.scope }),
      {
        signal,
        [oauth.allowInsecureRequests]: protocol === "http:",
        [oauth.customFetch]: (url, options) =>
          fetch(url, { ...options, dispatcher: agent } as Parameters<typeof fetch>[1]) as unknown as Promise<Response>,
      },
    );
    const { access_token: token, expires_in: seconds } = await oauth.processClientCredentialsResponse(
      server,
      client,
      response,
    );
    kept = { token, until: Date.now() + (seconds ?? assumedSeconds) * 1000 - earlyMs };
    return token;
  }

  return {
    token(signal) {
      if (kept !== undefined && kept.until > Date.now()) return Promise.resolve(kept.token);
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
