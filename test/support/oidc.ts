/** A real OpenID provider on the loopback address, for whoever gets tokens by client credentials (RFC 6749, 4.4). */
import type { AddressInfo } from "node:net";
import Provider from "oidc-provider";
import type { Test } from "tap";

export interface OidcProvider {
  readonly tokenUrl: string;
  /** Grants given so far. */
  readonly granted: () => number;
  /** Whether the Authorization header holds a token that is valid now. */
  readonly accepts: (authorization: string | undefined) => Promise<boolean>;
  /** Ends every token given so far. */
  readonly revokeAll: () => Promise<void>;
}

export const client = { id: "lotse", secret: "s3cret", scope: "osb" } as const;

export async function startOidcProvider(t: Test): Promise<OidcProvider> {
  const provider = new Provider("http://127.0.0.1", {
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        scope: client.scope,
      },
    ],
    scopes: [client.scope],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    ttl: { ClientCredentials: 600 },
  });
  const given: string[] = [];
  let granted = 0;
  provider.on("client_credentials.saved", (token) => void given.push(token.jti));
  provider.on("grant.success", () => {
    granted++;
  });
  const server = provider.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.teardown(() => server.close());
  const find = (value: string) => provider.ClientCredentials.find(value);
  return {
    tokenUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    granted: () => granted,
    async accepts(authorization = "") {
      const token = await find(authorization.replace(/^Bearer /, ""));
      return token?.isValid === true && token.scope === client.scope;
    },
    async revokeAll() {
      for (const jti of given.splice(0)) await (await find(jti))?.destroy();
    },
  };
}
