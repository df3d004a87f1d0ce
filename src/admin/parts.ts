/** What the routes of the management API are made of. */
import type { FastifyRequest } from "fastify";
import type { Millis } from "../core/model.ts";
import { type Accounts, createAccounts } from "../store/accounts.ts";
import { type AuditReport, verifyAudit } from "../store/audit.ts";
import type { OpenStore } from "../store/open.ts";
import type { SealingKey } from "../store/seal.ts";
import { createTokens, type Tokens } from "../store/tokens.ts";
import { principalOf } from "./authenticate.ts";
import { createPlatformAccounts, type Doer, type PlatformAccounts } from "./platform-accounts.ts";
import { createTokenDesk, type TokenDesk } from "./token-desk.ts";

export interface AdminParts {
  readonly accounts: Accounts;
  readonly platforms: PlatformAccounts;
  readonly tokens: Tokens;
  readonly desk: TokenDesk;
  readonly verifyAudit: () => Promise<AuditReport>;
  readonly now: () => Millis;
}

/** From an open store, as production and tests do it. */
export function createAdminParts(
  { knex }: Pick<OpenStore, "knex">,
  keys: readonly SealingKey[],
  newId: () => string,
  now: () => Millis,
): AdminParts {
  const accounts = createAccounts(knex);
  const tokens = createTokens(knex);
  return {
    accounts,
    platforms: createPlatformAccounts({ accounts, newId, now }),
    tokens,
    desk: createTokenDesk({ tokens, newId, now }),
    verifyAudit: () => verifyAudit(knex, keys),
    now,
  };
}

/** Who changes something, as the audit trail has it. */
export function doerOf(request: FastifyRequest): Doer {
  const { name, tokenId } = principalOf(request);
  return { actor: { by: "token", principal: name, token: tokenId }, requestId: request.id };
}
