/** What is done to a platform's account, by a request or at the command line: the same work, and the same audit. */
import { randomBytes } from "node:crypto";
import type { AuditEntry } from "../core/change.ts";
import type { Millis } from "../core/model.ts";
import type { Secret } from "../core/secret.ts";
import { generatePassword, hashPassword } from "../http/password.ts";
import type { Accounts, Changed, PlatformAccount } from "../store/accounts.ts";

/** Who does it, for the audit trail. */
export type Doer = Pick<AuditEntry, "actor" | "requestId">;

/** What a platform logs in with; to be shown once. */
export interface Credentials {
  readonly username: string;
  readonly password: Secret<string>;
}

export interface PlatformAccounts {
  /** Undefined if the name is taken. */
  add(name: string, doer: Doer): Promise<Credentials | undefined>;
  /** The old password stays valid for a day. */
  rotate(account: PlatformAccount, doer: Doer): Promise<Credentials | "disabled" | "stale">;
  setState(account: PlatformAccount, state: PlatformAccount["state"], doer: Doer): Promise<Changed>;
}

export interface PlatformAccountsParts {
  readonly accounts: Accounts;
  readonly newId: () => string;
  readonly now: () => Millis;
}

/** How platforms, tokens and principals are named. */
export const nameForm = "^[a-z0-9]+(-[a-z0-9]+)*$";
export const longestName = 63;

export const isName = (text: string): boolean => text.length <= longestName && new RegExp(nameForm).test(text);

const oldPasswordMs = 24 * 60 * 60 * 1000;

export function createPlatformAccounts({ accounts, newId, now }: PlatformAccountsParts): PlatformAccounts {
  const entry = (action: string, platformId: string, doer: Doer): AuditEntry => ({
    at: now(),
    outcome: "succeeded",
    action,
    platformId,
    ...doer,
  });
  return {
    async add(name, doer) {
      const id = newId();
      const password = generatePassword(randomBytes);
      const account = {
        id,
        name,
        username: name,
        state: "active",
        version: 1,
        createdAt: now(),
        passwords: [],
      } as const;
      const hash = await hashPassword(password, randomBytes);
      const added = await accounts.add(account, hash, entry("platform.added", id, doer));
      return added ? { username: name, password } : undefined;
    },
    async rotate(account, doer) {
      if (account.state === "disabled") return "disabled";
      const password = generatePassword(randomBytes);
      const fresh = { id: newId(), hash: await hashPassword(password, randomBytes), createdAt: now() };
      const audit = entry("platform.rotated", account.id, doer);
      const changed = await accounts.rotate(account, fresh, now() + oldPasswordMs, audit);
      return changed === "stale" ? "stale" : { username: account.username, password };
    },
    setState: (account, state, doer) =>
      accounts.setState(
        account,
        state,
        entry(state === "active" ? "platform.enabled" : "platform.disabled", account.id, doer),
      ),
  };
}
