/** What the routes of the management API are made of. */
import type { FastifyRequest } from "fastify";
import type { Millis } from "../core/model.ts";
import type { Engine } from "../engine/engine.ts";
import type { Adopting } from "../providers/adoption.ts";
import type { CatalogKeeper } from "../providers/catalog-keeper.ts";
import type { Curating } from "../providers/curating.ts";
import type { Inventory } from "../providers/inventory.ts";
import type { Onboarding } from "../providers/onboarding.ts";
import type { Releasing } from "../providers/releasing.ts";
import { type Accounts, createAccounts } from "../store/accounts.ts";
import { type AuditReport, verifyAudit } from "../store/audit.ts";
import type { Curation } from "../store/curation.ts";
import type { RetryNow } from "../store/due.ts";
import { createLists, type Lists } from "../store/lists.ts";
import type { OpenStore } from "../store/open.ts";
import type { Orphans } from "../store/orphans.ts";
import type { Providers } from "../store/providers.ts";
import type { SealingKey } from "../store/seal.ts";
import type { Store } from "../store/store.ts";
import type { Tasks } from "../store/tasks.ts";
import { createTokens, type Tokens } from "../store/tokens.ts";
import { principalOf } from "./authenticate.ts";
import { createPlatformAccounts, type Doer, type PlatformAccounts } from "./platform-accounts.ts";
import { createTokenDesk, type TokenDesk } from "./token-desk.ts";

/** What has to do with accounts alone: the command line works with the same. */
export interface AccountParts {
  readonly accounts: Accounts;
  readonly platforms: PlatformAccounts;
  readonly tokens: Tokens;
  readonly desk: TokenDesk;
  readonly lists: Lists;
  readonly verifyAudit: () => Promise<AuditReport>;
  readonly now: () => Millis;
}

export interface AdminParts extends AccountParts {
  readonly federation: FederationParts;
  readonly orphans: OrphanParts;
  readonly usage: UsageParts;
  readonly tasks: TaskParts;
  readonly operations: OperationParts;
}

/** What was ordered and is being carried out. */
export interface OperationParts {
  readonly retry: RetryNow;
  /** Looks for due operations now. */
  readonly wake: () => void;
}

/** Orders that people carry out. */
export interface TaskParts {
  readonly all: Tasks;
  /** Looks for due operations now. */
  readonly wake: () => void;
  /** Told of each task that people ended. */
  readonly ended: (seen: {
    readonly provider: string;
    readonly verb: string;
    readonly outcome: string;
    readonly seconds: number;
  }) => void;
}

/** What instances used. */
export interface UsageParts {
  readonly instance: Store["readInstanceByUid"];
  readonly of: Engine["usage"];
}

/** What providers have and Lotse does not know of, and the other way round. */
export interface OrphanParts {
  readonly ledger: Orphans;
  readonly inventory: Pick<Inventory, "run" | "runDue">;
  readonly adopting: Adopting;
}

/** Providers, their catalogs, and what people decide about them. */
export interface FederationParts {
  readonly providers: Providers;
  readonly curation: Curation;
  readonly onboarding: Onboarding;
  readonly releasing: Releasing;
  readonly curating: Curating;
  readonly keeper: Pick<CatalogKeeper, "current" | "notes">;
  /** Names of the settings that an adapter kind keeps secret. */
  readonly secretsOf: (adapter: string) => readonly string[];
}

/** From an open store, as production and tests do it. */
export function createAccountParts(
  { knex }: Pick<OpenStore, "knex">,
  keys: readonly SealingKey[],
  newId: () => string,
  now: () => Millis,
): AccountParts {
  const accounts = createAccounts(knex);
  const tokens = createTokens(knex);
  return {
    accounts,
    platforms: createPlatformAccounts({ accounts, newId, now }),
    tokens,
    desk: createTokenDesk({ tokens, newId, now }),
    lists: createLists(knex),
    verifyAudit: () => verifyAudit(knex, keys),
    now,
  };
}

/** Who changes something, as the audit trail has it. */
export function doerOf(request: FastifyRequest): Doer {
  const { name, tokenId } = principalOf(request);
  return { actor: { by: "token", principal: name, token: tokenId }, requestId: request.id };
}
