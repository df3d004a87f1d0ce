/** Who asks: the principal behind a Bearer token. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Millis } from "../core/model.ts";
import type { Principal } from "../core/permissions.ts";
import { authenticateBearer } from "../http/bearer-auth.ts";
import type { TokenRecord, Tokens } from "../store/tokens.ts";
import { Problem } from "./problem.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Of the management API, once it is known who asks. */
    principal: Principal | undefined;
  }
}

export interface AuthenticateParts {
  readonly tokens: Pick<Tokens, "byHash" | "used">;
  readonly now: () => Millis;
}

/**
 * Looks the token up for each request, by its hash: a revoked one is refused at once on every replica, and whoever
 * guesses costs a hash and a look into an index. Unknown, expired and revoked tokens are told nothing apart.
 */
export function addAuthentication(app: FastifyInstance, { tokens, now }: AuthenticateParts): void {
  app.decorateRequest("principal", undefined);
  app.addHook("onRequest", async (request, reply) => {
    // What administrators read is nobody else's, and secrets are among it.
    reply.header("cache-control", "no-store");
    const { authorization } = request.headers;
    const token = await authenticateBearer(authorization, (hash) => tokens.byHash(hash), now());
    if (token === undefined || token.revokedAt !== undefined) throw unauthenticated(authorization);
    request.principal = principalOfToken(token);
    await tokens.used(token, now());
  });
}

export function principalOf({ principal }: FastifyRequest): Principal {
  if (principal === undefined) throw new Error("A route was reached without a principal.");
  return principal;
}

const principalOfToken = ({ id, principal, roles, providers }: TokenRecord): Principal => ({
  name: principal,
  tokenId: id,
  roles,
  providers,
});

/** RFC 6750: says that the token is to blame only if there was one. */
function unauthenticated(authorization: string | undefined): Problem {
  const fault = authorization === undefined ? "" : ', error="invalid_token"';
  return new Problem("Unauthenticated", { headers: { "www-authenticate": `Bearer realm="lotse"${fault}` } });
}
