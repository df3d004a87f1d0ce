/** Which broker is checked, as whom, and on which of its plans. */
import type { JsonObject } from "../core/json.ts";
import type { Secret } from "../core/secret.ts";

export type Credentials =
  | { readonly username: string; readonly password: Secret<string> }
  | { readonly token: Secret<string> }
  /** OAuth 2 client credentials: a token is fetched, and fetched again before it ends. */
  | {
      readonly tokenUrl: string;
      readonly clientId: string;
      readonly clientSecret: Secret<string>;
      readonly scope?: string;
    };

export interface Target {
  /** Up to and without /v2. */
  readonly url: string;
  /** Absent: the broker asks nobody who they are. */
  readonly credentials?: Credentials;
  /** PEM of the authority that signed the broker's certificate, if it is not a public one. */
  readonly ca?: string;
  /** PEM, for brokers that want to know the client by its certificate (mutual TLS); to the token endpoint as well. */
  readonly clientCertificate?: { readonly cert: string; readonly key: Secret<string> };
  /** The offering that plans are looked for in, by name or id; all of them if absent. */
  readonly service?: string;
  /** Plans to order on, by name or id. Nothing is ever ordered on another plan. */
  readonly plans: readonly string[];
  /** The plan that an instance is moved to, by name or id. */
  readonly updatePlan?: string;
  readonly parameters?: JsonObject;
  readonly bindParameters?: JsonObject;
}

export interface Options {
  /** Sends nothing but GET, and looks at what that shows. */
  readonly readOnly?: boolean;
  /** Ids of the checks to make; all if absent. */
  readonly only?: readonly string[];
  /** How long an answer may take. Platforms give up after 60 s. */
  readonly requestTimeoutMs?: number;
  /** How long an asynchronous operation may take. */
  readonly operationTimeoutMs?: number;
  /** The longest pause between two polls, whatever Retry-After says. */
  readonly longestPauseMs?: number;
  /** Ends the checks; what was made is removed nevertheless. */
  readonly signal?: AbortSignal;
  /** Ends the clean-up as well; what is left then is in the report. */
  readonly giveUp?: AbortSignal;
  /** Told of every check as it is made, and of the clean-up. */
  readonly progress?: (what: string) => void;
}

/** The broker did not answer the very first question, so nothing can be said about it. */
export class BrokerUnreachable extends Error {}

/** What was asked for cannot be done; nothing was sent but GETs. */
export class WrongUsage extends Error {}
