/**
 * Names the platform behind an HTTP Basic header (RFC 7617).
 *
 * Passwords are kept as slow hashes, and no platform waits for one twice: which stored hash a header was found to fit is
 * remembered, under a keyed digest of the header. What is remembered is only the fit. Whether the account still has that
 * hash is looked up again every few seconds, and at once after `accountsChanged()`.
 */
import { isUtf8 } from "node:buffer";
import { hash } from "node:crypto";
import type { Millis, Platform } from "../core/model.ts";
import { Secret } from "../core/secret.ts";
import { decodeBase64 } from "./base64.ts";
import { decoyHash, type RandomBytes } from "./password.ts";

/** A platform's way in. While a password is being rotated there are two hashes, the older with an end. */
export interface Account {
  readonly platformId: string;
  /** The platform's name, for logs and audit. */
  readonly name: string;
  readonly username: string;
  readonly hashes: readonly PasswordHash[];
  readonly state: "active" | "disabled";
}

export interface PasswordHash {
  /** As made by `hashPassword`. */
  readonly hash: string;
  readonly expiresAt?: Millis;
}

/** `unauthenticated` is a 401; `busy` a 503: too many passwords are being checked already, try again shortly. */
export type Denial = "unauthenticated" | "busy";

export interface Authenticator {
  /**
   * Answers known headers at once, others with a promise. Rejects if the accounts cannot be read. `connection` is what the
   * header came over: the same header once more on the same connection is recognised without a digest.
   */
  authenticate(header: string | undefined, connection?: object): Platform | Denial | Promise<Platform | Denial>;
  /** To be called after any change of an account: what was remembered is looked up again before its next use. */
  accountsChanged(): void;
}

export interface AuthenticatorParts {
  readonly findAccounts: (username: string) => readonly Account[] | Promise<readonly Account[]>;
  /** `verifyPassword`. */
  readonly verify: (password: Secret<string>, hash: string) => Promise<boolean>;
  readonly now: () => Millis;
  readonly randomBytes: RandomBytes;
}

/** How long an answer stands without a look at the accounts, in ms; so long may another replica's change go unseen. */
const recheckAfterMs = 10_000;
/** Headers remembered as good, and, apart from them so that strangers push nobody out, as bad. */
const rememberedHeaders = 1000;
/** Passwords checked at once: half of libuv's four threads, so that files and DNS go on. */
const slowChecks = 2;
/** Checks that may wait for their turn; the last of them waits about a second. */
const waitingChecks = 32;
/** Every failed check hashes as often as an account in rotation makes it, so that its time tells nothing. */
const hashesPerFailure = 2;
/** Longest header looked at, in characters; Lotse's own passwords need about a hundred. */
const longestHeader = 2048;

/** A header that was found to fit a hash; `until` is the end of trusting that without a look. */
interface Fit {
  readonly platform: Platform;
  readonly hash: string;
  readonly revision: number;
  readonly until: Millis;
}

interface Misfit {
  readonly revision: number;
  readonly until: Millis;
}

type Candidate = { readonly platform: Platform } & PasswordHash;

export function createAuthenticator({ findAccounts, verify, now, randomBytes }: AuthenticatorParts): Authenticator {
  const digestKey = randomBytes(32).toString("base64");
  const decoy = decoyHash(randomBytes);
  const inTurn = createTurns(slowChecks, waitingChecks);
  const fits = new Map<string, Fit>();
  const misfits = new Map<string, Misfit>();
  const underway = new Map<string, Promise<Platform | Denial>>();
  const lastOn = new WeakMap<object, { readonly header: string; readonly fit: Fit }>();
  let revision = 0;

  const holds = (entry: Misfit | undefined) => entry?.revision === revision && now() < entry.until;

  function authenticate(
    header: string | undefined,
    connection?: object,
  ): Platform | Denial | Promise<Platform | Denial> {
    if (header === undefined || header.length > longestHeader) return "unauthenticated";
    const last = connection === undefined ? undefined : lastOn.get(connection);
    // Nobody learns from the time this takes but whoever sent that very header before.
    if (last?.header === header && holds(last.fit)) return last.fit.platform;
    const digest = hash("sha256", digestKey + header, "base64");
    const fit = fits.get(digest);
    if (fit !== undefined && holds(fit)) {
      if (connection !== undefined) lastOn.set(connection, { header, fit });
      return fit.platform;
    }
    if (holds(misfits.get(digest))) return "unauthenticated";
    const credentials = readBasicCredentials(header);
    if (credentials === undefined) return "unauthenticated";

    // A platform sends many requests at once with the same header: one check serves them all.
    const earlier = underway.get(digest);
    if (earlier !== undefined) return earlier;
    const check = examine(credentials, digest).finally(() => {
      if (underway.get(digest) === check) underway.delete(digest);
    });
    underway.set(digest, check);
    return check;
  }

  async function examine({ username, password }: Credentials, digest: string): Promise<Platform | Denial> {
    // Taken before the look: if the accounts change meanwhile, what is found here is not trusted later.
    const seen = { revision, until: now() + recheckAfterMs };
    const candidates = candidatesOf(await findAccounts(username), username, now());
    const fit = fits.get(digest);
    const known = candidates.find(({ hash, platform }) => hash === fit?.hash && platform.id === fit.platform.id);
    const match = known ?? (await inTurn(() => firstMatch(candidates, password)));
    if (match === "busy") return "busy";
    if (match === undefined) {
      fits.delete(digest);
      remember(misfits, digest, seen);
      return "unauthenticated";
    }
    const until = Math.min(seen.until, match.expiresAt ?? Number.POSITIVE_INFINITY);
    remember(fits, digest, { ...seen, until, platform: match.platform, hash: match.hash });
    return match.platform;
  }

  async function firstMatch(candidates: readonly Candidate[], password: Secret<string>) {
    for (const candidate of candidates) if (await verify(password, candidate.hash)) return candidate;
    for (let done = candidates.length; done < hashesPerFailure; done++) await verify(password, decoy);
    return undefined;
  }

  function accountsChanged(): void {
    revision++;
    underway.clear();
  }

  return { authenticate, accountsChanged };
}

function candidatesOf(accounts: readonly Account[], username: string, now: Millis): Candidate[] {
  return accounts
    .filter((account) => account.state === "active" && account.username === username)
    .flatMap(({ platformId, name, hashes }) => {
      const platform = Object.freeze({ id: platformId, name });
      return hashes.map((entry) => ({ platform, ...entry }));
    })
    .filter(({ expiresAt }) => expiresAt === undefined || now < expiresAt);
}

/** Adds to a map of bounded size; the entry written longest ago makes room. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= rememberedHeaders) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

/** Runs at most `atOnce` works at a time and lets `waiting` more wait their turn; to others it says `busy`. */
function createTurns(atOnce: number, waiting: number): <T>(work: () => Promise<T>) => Promise<T | "busy"> {
  const queue: (() => void)[] = [];
  let free = atOnce;
  return async (work) => {
    if (free > 0) free--;
    else if (queue.length >= waiting) return "busy";
    else await new Promise<void>((turn) => queue.push(turn));
    try {
      return await work();
    } finally {
      // The place goes from hand to hand, so that nobody new slips in before those who wait.
      const next = queue.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}

export interface Credentials {
  readonly username: string;
  readonly password: Secret<string>;
}

const basicForm = /^basic +([A-Za-z0-9+/]+=*)$/i;
const controlCharacter = /\p{Cc}/u;

/** User and password of a Basic header, in UTF-8; undefined when it is of another scheme or malformed (RFC 7617, 2). */
export function readBasicCredentials(header: string): Credentials | undefined {
  const bytes = decodeBase64(basicForm.exec(header)?.[1] ?? "");
  if (bytes === undefined || !isUtf8(bytes)) return undefined;
  const pair = bytes.toString("utf8");
  // The first colon parts the two: a user's name cannot hold one, a password can.
  const colon = pair.indexOf(":");
  if (colon < 1 || colon === pair.length - 1 || controlCharacter.test(pair)) return undefined;
  return { username: pair.slice(0, colon), password: new Secret(pair.slice(colon + 1)) };
}
