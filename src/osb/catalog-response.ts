/** The catalog as ready answers: plain, gzipped and "not modified", made when the catalog changes, not per request. */
import { hash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { constants, gzipSync } from "node:zlib";
import type { Catalog } from "../core/catalog.ts";
import { catalogBody } from "./wire.ts";

export interface CatalogAnswer {
  readonly status: 200 | 304;
  readonly headers: { readonly [name: string]: string };
  readonly body: Buffer | undefined;
}

export interface CatalogResponse {
  /** The answer that suits the request's headers. */
  readonly answer: (platformId: string, headers: IncomingHttpHeaders) => CatalogAnswer;
}

interface Answers {
  readonly etag: string;
  readonly plain: CatalogAnswer;
  readonly gzipped: CatalogAnswer;
  readonly notModified: CatalogAnswer;
}

export function prepareCatalog(catalog: Catalog): CatalogResponse {
  const plain = Buffer.from(JSON.stringify(catalogBody(catalog)));
  const gzipped = gzipSync(plain, { level: constants.Z_BEST_COMPRESSION });
  const content = hash("sha256", plain, "hex");
  const known = new Map<string, Answers>();

  function answersFor(platformId: string): Answers {
    let answers = known.get(platformId);
    if (answers === undefined) {
      // Strong: the same tag means the same bytes. What a platform sees is its own view, so no two share a tag.
      const etag = `"${hash("sha256", `${content} ${platformId}`, "hex").slice(0, 32)}"`;
      const headers = { etag, vary: "Accept-Encoding, Authorization" };
      const full = (body: Buffer, more: CatalogAnswer["headers"]): CatalogAnswer => ({
        status: 200,
        headers: { ...headers, "content-type": "application/json", "content-length": String(body.length), ...more },
        body,
      });
      answers = {
        etag,
        plain: full(plain, {}),
        gzipped: full(gzipped, { "content-encoding": "gzip" }),
        notModified: { status: 304, headers, body: undefined },
      };
      known.set(platformId, answers);
    }
    return answers;
  }

  return {
    answer(platformId, headers) {
      const answers = answersFor(platformId);
      if (isNotModified(headers["if-none-match"], answers.etag)) return answers.notModified;
      return /\bgzip\b/.test(String(headers["accept-encoding"] ?? "")) ? answers.gzipped : answers.plain;
    },
  };
}

/** RFC 9110, If-None-Match: a list of tags or `*`; weak tags match too. */
function isNotModified(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch === etag || ifNoneMatch.trim() === "*") return true;
  return ifNoneMatch.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}
