/** The commands about platforms and tokens. They work on the database, so that who is locked out gets in again. */
import type { AccountParts } from "./admin/parts.ts";
import { isName } from "./admin/platform-accounts.ts";
import { usualLifeMs } from "./admin/token-desk.ts";
import { type Role, roles, rolesOfProviders } from "./core/permissions.ts";

const doer = { actor: { by: "command line" } } as const;

/** Returns the exit code. */
export async function platformCommand(
  { accounts, platforms }: AccountParts,
  action: string | undefined,
  name = "",
): Promise<number> {
  if (action === "list") {
    for (const { name: own, username, state } of await accounts.list()) console.log(`${own}\t${username}\t${state}`);
    return 0;
  }
  if (action === "add") {
    if (!isName(name)) return refuse(`a platform's name is ${nameRule}.`, 2);
    const made = await platforms.add(name, doer);
    if (made === undefined) return refuse(`there is a platform "${name}" already.`);
    console.log(`username: ${made.username}\npassword: ${made.password.reveal()}`);
    return 0;
  }
  const known = await accounts.byName(name);
  if (known === undefined) return refuse(`there is no platform "${name}".`);
  if (action === "rotate") {
    const made = await platforms.rotate(known, doer);
    if (made === "disabled")
      return refuse(`the platform "${name}" is disabled, so no password would let it in. Enable it first.`);
    if (made === "stale") return refuse(changedMeanwhile);
    console.log(
      `username: ${made.username}\npassword: ${made.password.reveal()}\nThe old password stays valid for a day.`,
    );
    return 0;
  }
  const disable = action === "disable";
  if ((await platforms.setState(known, disable ? "disabled" : "active", doer)) === "stale")
    return refuse(changedMeanwhile);
  console.log(`The platform "${name}" is ${disable ? "refused from now on" : "let in again"}.`);
  return 0;
}

/** Returns the exit code. */
export async function tokenCommand(
  { tokens, desk, now }: AccountParts,
  [action, word = "", role, ...providers]: readonly string[],
): Promise<number> {
  if (action === "list") {
    for (const token of await tokens.list()) {
      const state = stateOf(token, now());
      console.log([token.id, token.principal, [...token.roles, ...token.providers].join(" "), state].join("\t"));
    }
    return 0;
  }
  if (action === "add") return addToken({ desk, now }, word, role, providers);
  const outcome = await desk.revoke(word, doer);
  if (outcome === "unknown") return refuse(`there is no token "${word}". "lotse token list" names them.`);
  if (outcome === "last") return refuse("nobody could administer Lotse without this token. Add another one first.");
  console.log(outcome === "already" ? "The token was revoked before." : "The token is refused from now on.");
  return 0;
}

async function addToken(
  { desk, now }: Pick<AccountParts, "desk" | "now">,
  principal: string,
  role: string | undefined,
  providers: readonly string[],
): Promise<number> {
  if (!isName(principal) || !providers.every(isName)) return refuse(`a name is ${nameRule}.`, 2);
  const known: readonly string[] = roles;
  if (role === undefined || !known.includes(role)) return refuse(`a role is one of ${roles.join(", ")}.`, 2);
  if (rolesOfProviders.includes(role as Role) !== providers.length > 0)
    return refuse(
      "a provider-editor or fulfiller needs the names of their providers; the other roles are about all of them.",
      2,
    );
  const expiresAt = now() + usualLifeMs;
  const wish = { name: "command-line", principal, roles: [role as Role], providers, expiresAt };
  const { record, secret } = await desk.issue({ ...wish, createdBy: "command line" }, doer);
  console.log(`id: ${record.id}\ntoken: ${secret.reveal()}\nIt expires on ${new Date(expiresAt).toISOString()}.`);
  return 0;
}

function stateOf(
  { revokedAt, expiresAt }: { readonly revokedAt?: number; readonly expiresAt?: number },
  now: number,
): string {
  if (revokedAt !== undefined) return "revoked";
  if (expiresAt === undefined) return "does not expire";
  return `${expiresAt > now ? "expires" : "expired"} ${new Date(expiresAt).toISOString()}`;
}

const nameRule = "made of lower-case letters, digits and hyphens, at most 63";
const changedMeanwhile = "somebody changed the platform at the same time. Nothing was done; try again.";

function refuse(why: string, code = 1): number {
  console.error(`lotse: ${why}`);
  return code;
}
