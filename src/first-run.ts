/** Nobody could ask before the first platform exists; so the first start makes one, and an administrator's token. */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AdminParts } from "./admin/parts.ts";
import type { Millis } from "./core/model.ts";
import { generatePassword, hashPassword } from "./http/password.ts";
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
 * made, so that a start that was killed in between leaves no account whose password nobody knows. Where the file is still
 * there, it is told where Lotse listens now: commands ask there.
 */
export async function createFirstAccounts(
  { accounts, tokens, desk }: Pick<AdminParts, "accounts" | "tokens" | "desk">,
  dataDirectory: string,
  url: string,
  newId: () => string,
  now: Millis,
): Promise<void> {
  const file = firstRunFile(dataDirectory);
  const doer = { actor: { by: "lotse" } };
  const { url: before } = readFirstRun(file);
  if (before !== undefined && before !== url) note(file, { url });
  if ((await accounts.list({ limit: 1 })).length === 0) {
    const password = generatePassword(randomBytes);
    note(file, { url, username: "platform", password: password.reveal() });
    const id = newId();
    const account = {
      id,
      name: "first",
      username: "platform",
      state: "active",
      version: 1,
      createdAt: now,
      passwords: [],
    } as const;
    const hash = await hashPassword(password, randomBytes);
    const audit = { at: now, outcome: "succeeded", action: "platform.added", platformId: id, ...doer } as const;
    await accounts.add(account, hash, audit);
  }
  if (!(await tokens.any())) {
    const first = { name: "first", principal: "first", roles: ["administrator"], providers: [] } as const;
    await desk.issue({ ...first, createdBy: "lotse" }, doer, (secret) =>
      note(file, { url, adminToken: secret.reveal() }),
    );
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
