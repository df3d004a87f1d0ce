/** Nobody could ask before the first platform exists; so the first start makes one, and an administrator's token. */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Millis } from "./core/model.ts";
import { makeToken } from "./http/bearer-auth.ts";
import { generatePassword, hashPassword } from "./http/password.ts";
import type { Accounts } from "./store/accounts.ts";
import { writePrivateFile } from "./store/data-directory.ts";

/** What is written once, for the newcomer to read; Lotse itself keeps hashes only. */
export interface FirstRun {
  readonly url?: string;
  readonly username?: string;
  readonly password?: string;
  readonly adminToken?: string;
}

export const firstRunFile = (dataDirectory: string): string => join(dataDirectory, "first-run.json");

/**
 * Makes what is missing: a platform if there is none, a token if there is none. Each is written to the file before it is
 * made, so that a start that was killed in between leaves no account whose password nobody knows.
 */
export async function createFirstAccounts(
  accounts: Accounts,
  dataDirectory: string,
  url: string,
  newId: () => string,
  now: Millis,
): Promise<void> {
  const file = firstRunFile(dataDirectory);
  const said = { at: now, outcome: "succeeded", actor: { by: "lotse" } } as const;
  if ((await accounts.list()).length === 0) {
    const password = generatePassword(randomBytes);
    note(file, { url, username: "platform", password: password.reveal() });
    const id = newId();
    const account = {
      id,
      name: "first",
      username: "platform",
      state: "active",
      createdAt: now,
      passwords: [],
    } as const;
    const hash = await hashPassword(password, randomBytes);
    await accounts.add(account, hash, { ...said, action: "platform.added", platformId: id });
  }
  if (!(await accounts.hasTokens())) {
    const { token, hash } = makeToken(randomBytes);
    note(file, { url, adminToken: token.reveal() });
    await accounts.addToken({ id: newId(), name: "first", hash }, now, { ...said, action: "token.added" });
  }
}

function note(file: string, more: FirstRun): void {
  writePrivateFile(file, `${JSON.stringify({ ...readFirstRun(file), ...more }, null, 2)}\n`);
}

/** Empty where there is no such file, or none that can be read as one: it may have been deleted, as it should be. */
export function readFirstRun(file: string): FirstRun {
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, "utf8")) as FirstRun;
  } catch {
    return {};
  }
}
