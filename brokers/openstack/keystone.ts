/** Tokens of Keystone v3, one for each project that is worked in, kept until shortly before their end. */
import type { JsonObject } from "#adapter";
import { LoginRefused, Unanswered, wordsOf } from "./answers.ts";
import type { CatalogEntry } from "./endpoints.ts";
import type { Http } from "./http.ts";
import type { Account, Login } from "./settings.ts";

export interface Token {
  readonly value: string;
  readonly expiresAt: number;
  readonly userId: string;
  readonly projectId: string;
  readonly projectName: string;
  /** Id of the domain the project belongs to. */
  readonly domainId: string;
  readonly roles: readonly string[];
  readonly catalog: readonly CatalogEntry[];
}

export interface Keystone {
  /** For the project, or the account's own. Throws `LoginRefused` where Keystone says no. */
  token(projectId: string | undefined, signal: AbortSignal): Promise<Token>;
  /** It was refused: the next one is a new one. */
  refused(token: Token): void;
}

/** A token is replaced so long before its end, so that none runs out on its way. */
const earlyMs = 60_000;

export function openKeystone(account: Account, http: Http): Keystone {
  const kept = new Map<string, Token>();
  const underway = new Map<string, Promise<Token>>();

  async function fetchToken(projectId: string | undefined): Promise<Token> {
    const path = "/auth/tokens";
    const answer = await http.send(
      {
        method: "POST",
        url: account.authUrl + path,
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ auth: { identity: identityOf(account.login), ...scopeOf(account, projectId) } }),
      },
      // Shared by whoever waits for it, so none of their signals ends it; `http` has its own limit.
      new AbortController().signal,
    );
    const words = wordsOf(answer.body, answer.text, secretTexts(account));
    if (answer.status >= 400 && answer.status < 500) throw new LoginRefused(answer.status, words);
    const value = answer.headers["x-subject-token"];
    if (answer.status !== 201 || value === undefined)
      throw new Unanswered(`Keystone gave no token (${answer.status}): ${words}`);
    return readToken(value, answer.body as unknown as TokenBody);
  }

  return {
    token(projectId, signal) {
      signal.throwIfAborted();
      const key = projectId ?? "";
      const token = kept.get(key);
      if (token !== undefined && token.expiresAt - earlyMs > Date.now()) return Promise.resolve(token);
      let fetching = underway.get(key);
      if (fetching === undefined) {
        fetching = fetchToken(projectId).finally(() => underway.delete(key));
        underway.set(key, fetching);
        fetching.then(
          (fresh) => kept.set(key, fresh),
          () => undefined,
        );
      }
      return unlessAborted(fetching, signal);
    },
    refused(token) {
      for (const [key, value] of kept) if (value === token) kept.delete(key);
    },
  };
}

/** Texts that must never be shown, whatever a service answers. */
export function secretTexts({ login }: Account): readonly string[] {
  return [login.kind === "password" ? login.password : login.secret];
}

function identityOf(login: Login): JsonObject {
  if (login.kind === "application-credential")
    return {
      methods: ["application_credential"],
      application_credential: { id: login.id, secret: login.secret },
    };
  const user = { name: login.username, domain: { name: login.userDomain }, password: login.password };
  return { methods: ["password"], password: { user } };
}

/** An application credential is its own scope, and Keystone refuses another one beside it. */
function scopeOf({ login, projectDomain }: Account, projectId: string | undefined): JsonObject {
  if (login.kind === "application-credential") return {};
  const project =
    projectId === undefined ? { name: login.project, domain: { name: projectDomain } } : { id: projectId };
  return { scope: { project } };
}

interface TokenBody {
  readonly token: {
    readonly expires_at: string;
    readonly user: { readonly id: string };
    readonly project?: { readonly id: string; readonly name: string; readonly domain: { readonly id: string } };
    readonly roles?: readonly { readonly name: string }[];
    readonly catalog?: readonly CatalogEntry[];
  };
}

function readToken(value: string, { token }: TokenBody): Token {
  if (token.project === undefined) throw new Error("Keystone's token belongs to no project.");
  return {
    value,
    expiresAt: Date.parse(token.expires_at),
    userId: token.user.id,
    projectId: token.project.id,
    projectName: token.project.name,
    domainId: token.project.domain.id,
    roles: (token.roles ?? []).map(({ name }) => name),
    catalog: token.catalog ?? [],
  };
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new Unanswered("The request was given up.", { cause: signal.reason }));
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
