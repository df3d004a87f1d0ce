/** One cloud as the rest of the adapter sees it: sessions in a project and a region, and questions to the services there. */
import type { Json, JsonObject } from "#adapter";
import { requireTls } from "#trust";
import { Refused, Unanswered, wordsOf } from "./answers.ts";
import { endpointOf, regionsOf, type Service } from "./endpoints.ts";
import { type HttpAnswer, type HttpQuestion, type Method, openHttp } from "./http.ts";
import { openKeystone, secretTexts, type Token } from "./keystone.ts";
import { openMicroversions } from "./microversion.ts";
import type { Account } from "./settings.ts";

export interface Question {
  /** `identity`: Keystone itself. */
  readonly service: Service | "identity";
  readonly method: Method;
  /** Below the service's address, each part to be percent-encoded. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Sent as JSON. */
  readonly body?: JsonObject;
  /** Sent as it is; `headers` names its type. */
  readonly text?: string;
  /** The path begins above the version: Swift's `/info` is there. */
  readonly aboveVersion?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is asked in one project and one region, until `signal` ends it. */
export interface Session {
  readonly projectId: string;
  readonly userId: string;
  readonly domainId: string;
  readonly roles: readonly string[];
  readonly region: string;
  /** Address of the service here; undefined where the cloud has none. */
  endpoint(service: Service): string | undefined;
  /** The body of a good answer, in the shape that the service documents. Throws `Refused` (4xx) or `Unanswered`. */
  ask<T>(question: Question): Promise<T>;
  /** The same with status and headers. */
  askWhole(question: Question): Promise<HttpAnswer>;
}

export interface Cloud {
  readonly account: Account;
  /** In the account's own project and its first region, unless told otherwise. */
  session(
    place: { readonly projectId?: string | undefined; readonly region?: string | undefined },
    signal: AbortSignal,
  ): Promise<Session>;
  /** The account's regions; absent in its settings: all regions of the catalog that have the service. */
  regions(service: Service, signal: AbortSignal): Promise<readonly string[]>;
  close(): Promise<void>;
}

const names: Readonly<Record<Question["service"], string>> = {
  identity: "Keystone",
  compute: "Nova",
  image: "Glance",
  network: "Neutron",
  volume: "Cinder",
  "object-store": "Swift",
};

export function connectTo(account: Account): Cloud {
  const http = openHttp(account);
  const keystone = openKeystone(account, http);
  const microversion = openMicroversions(http);
  const hidden = secretTexts(account);

  function addressOf(service: Question["service"], region: string, token: Token): string {
    if (service === "identity") return account.authUrl;
    const url = endpointOf(token.catalog, service, region, account.interface);
    if (url === undefined)
      throw new Error(`The cloud has no ${names[service]} (${service}) in region ${region}, or not for this project.`);
    // Tokens are sent there.
    requireTls(`The catalog's address of ${names[service]}`, url);
    return url;
  }

  async function askOnce(question: Question, region: string, token: Token, signal: AbortSignal): Promise<HttpAnswer> {
    const { service, method, body } = question;
    const whole = addressOf(service, region, token);
    const address = question.aboveVersion === true ? whole.replace(/\/v\d+(\.\d+)?(\/.*)?$/, "") : whole;
    const version = service === "compute" ? await microversion(address, token.value, signal) : undefined;
    const asked: HttpQuestion = {
      method,
      url: `${address}/${question.path.map(encodeURIComponent).join("/")}${queryOf(question.query)}`,
      headers: {
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(version !== undefined && {
          "openstack-api-version": `compute ${version}`,
          "x-openstack-nova-api-version": version,
        }),
        ...question.headers,
        "x-auth-token": token.value,
      },
      ...(body !== undefined ? { body: JSON.stringify(body) } : question.text !== undefined && { body: question.text }),
    };
    return http.send(asked, signal);
  }

  function regionOf(wanted: string | undefined, token: Token): string {
    const region = wanted ?? account.regions?.[0];
    if (region !== undefined) {
      if (account.regions !== undefined && !account.regions.includes(region))
        throw new Error(`The plan names region ${region}, which is not among the account's regions.`);
      return region;
    }
    const all = regionsOf(token.catalog, account.interface);
    if (all.length > 1) throw new Error(`The cloud has several regions (${all.join(", ")}). Name yours in regions.`);
    return all[0] ?? "";
  }

  return {
    account,
    async session({ projectId, region: wanted }, signal) {
      const first = await keystone.token(projectId, signal);
      const region = regionOf(wanted, first);
      const askWhole = async (question: Question): Promise<HttpAnswer> => {
        for (let renewed = false; ; renewed = true) {
          const token = await keystone.token(projectId, signal);
          const answer = await askOnce(question, region, token, signal);
          if (answer.status < 400) return answer;
          // A token may end before its time, such as when its user's password changed.
          if (answer.status === 401) keystone.refused(token);
          if (answer.status === 401 && !renewed) continue;
          throw errorOf(question, answer, [...hidden, token.value]);
        }
      };
      return {
        projectId: first.projectId,
        userId: first.userId,
        domainId: first.domainId,
        roles: first.roles,
        region,
        endpoint: (service) => endpointOf(first.catalog, service, region, account.interface),
        askWhole,
        // The shape is the service's promise; whoever asks names it.
        ask: async <T>(question: Question) => (await askWhole(question)).body as unknown as T,
      };
    },
    async regions(service, signal) {
      if (account.regions !== undefined) return account.regions;
      return regionsOf((await keystone.token(undefined, signal)).catalog, account.interface, service);
    },
    close: () => http.close(),
  };
}

/** 401, 408, 429 and 5xx say nothing about the thing asked for; other 4xx are a service's "no". */
function errorOf({ service, method, path }: Question, answer: HttpAnswer, hidden: readonly string[]): Error {
  const { status, body, text } = answer;
  const words = wordsOf(body as Json | undefined, text, hidden);
  const where = `/${path.join("/")}`;
  if (status >= 500 || status === 401 || status === 408 || status === 429)
    return new Unanswered(`${names[service]} answered ${method} ${where} with ${status}: ${words}`);
  return new Refused(names[service], method, where, status, words);
}

function queryOf(query: Question["query"]): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((one) => (one === undefined ? [] : [[name, String(one)]])),
  );
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs as [string, string][])}`;
}
