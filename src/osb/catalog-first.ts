/**
 * Answers GET /v2/catalog ahead of the router. It is the longest answer there is and the one asked for most often, and it
 * lies ready: the router would cost as much as sending it.
 *
 * Only the plain case is answered here: a platform that is known at once, a version that is spoken, no identity to
 * read. Every other request takes the usual way and gets its answer, or its refusal, there.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Switches } from "../core/switches.ts";
import type { Authenticator } from "../http/basic-auth.ts";
import { checkApiVersion } from "./api-version.ts";
import type { CatalogResponse } from "./catalog-response.ts";

export interface CatalogFirstParts {
  readonly catalog: () => CatalogResponse;
  readonly switches: Switches;
  readonly authenticate: Authenticator["authenticate"];
  readonly requestIdOf: (request: IncomingMessage) => string;
  readonly answered: (seen: CatalogSeen) => void;
}

/** One answer given here, for log and metrics. */
export interface CatalogSeen {
  readonly status: number;
  readonly requestId: string;
  readonly platform: string;
  readonly ms: number;
}

/** False: nothing was sent, the request is still to be answered. */
export function answerCatalog(parts: CatalogFirstParts, request: IncomingMessage, response: ServerResponse): boolean {
  if (request.url !== "/v2/catalog" || request.method !== "GET") return false;
  const { headers } = request;
  const special =
    headers["x-broker-api-originating-identity"] !== undefined ||
    headers["content-length"] !== undefined ||
    headers["transfer-encoding"] !== undefined ||
    headers.expect !== undefined;
  if (special || checkApiVersion(headers["x-broker-api-version"], parts.switches) !== undefined) return false;
  const startedAt = performance.now();
  const platform = parts.authenticate(headers.authorization, request.socket);
  if (typeof platform === "string" || platform instanceof Promise) return false;
  const requestId = parts.requestIdOf(request);
  if (headers["x-broker-api-request-identity"] === requestId)
    response.setHeader("x-broker-api-request-identity", requestId);
  const { status, headers: ready, body } = parts.catalog().answer(platform, headers);
  response.writeHead(status, ready);
  response.end(body);
  parts.answered({ status, requestId, platform: platform.name, ms: performance.now() - startedAt });
  return true;
}
