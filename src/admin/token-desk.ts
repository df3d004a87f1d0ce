/** Tokens as they are given out and taken back, by a request, at the command line or at the first start. */
import { randomBytes } from "node:crypto";
import type { AuditEntry } from "../core/change.ts";
import type { Millis } from "../core/model.ts";
import type { Role } from "../core/permissions.ts";
import type { Secret } from "../core/secret.ts";
import { makeToken } from "../http/bearer-auth.ts";
import type { TokenRecord, Tokens } from "../store/tokens.ts";
import type { Doer } from "./platform-accounts.ts";

export interface TokenWish {
  readonly name: string;
  readonly principal: string;
  readonly roles: readonly Role[];
  readonly providers: readonly string[];
  readonly expiresAt?: Millis;
  /** Shown in lists. */
  readonly createdBy: string;
}

export interface TokenDesk {
  /** `keep` sees the secret before the token exists, so that a crash in between leaves no token nobody knows. */
  issue(
    wish: TokenWish,
    doer: Doer,
    keep?: (secret: Secret<string>) => void,
  ): Promise<{ readonly record: TokenRecord; readonly secret: Secret<string> }>;
  revoke(id: string, doer: Doer): ReturnType<Tokens["revoke"]>;
}

const day = 24 * 60 * 60 * 1000;
/** Of a token that nobody set an end for. */
export const usualLifeMs = 90 * day;
export const longestLifeMs = 366 * day;

export interface TokenDeskParts {
  readonly tokens: Tokens;
  readonly newId: () => string;
  readonly now: () => Millis;
}

export function createTokenDesk({ tokens, newId, now }: TokenDeskParts): TokenDesk {
  return {
    async issue(wish, doer, keep = () => {}) {
      const { token: secret, hash } = makeToken(randomBytes);
      keep(secret);
      const record: TokenRecord = { id: newId(), createdAt: now(), ...wish };
      const { id, name, principal, roles, providers, expiresAt } = record;
      const details = { token: id, name, principal, roles, providers, ...(expiresAt !== undefined && { expiresAt }) };
      const audit: AuditEntry = { at: now(), outcome: "succeeded", action: "token.added", details, ...doer };
      await tokens.add(record, hash, audit);
      return { record, secret };
    },
    revoke: (id, doer) =>
      tokens.revoke(id, now(), {
        at: now(),
        outcome: "succeeded",
        action: "token.revoked",
        details: { token: id },
        ...doer,
      }),
  };
}
