/** The catalog as ready answers: plain, gzipped and "not modified", made when the catalog changes, not per request. */
import { hash } from "node:crypto";
import { constants, gzipSync } from "node:zlib";
import type { Catalog } from "../core/catalog.ts";
import { catalogBody } from "./wire.ts";

export interface CatalogResponse {
  readonly plain: Buffer;
  readonly gzipped: Buffer;
  /** Strong: the same tag means the same bytes, for the same platform. */
  readonly etag: (platformId: string) => string;
}

export function prepareCatalog(catalog: Catalog): CatalogResponse {
  const plain = Buffer.from(JSON.stringify(catalogBody(catalog)));
  const content = hash("sha256", plain, "hex");
  const tags = new Map<string, string>();
  return {
    plain,
    gzipped: gzipSync(plain, { level: constants.Z_BEST_COMPRESSION }),
    etag(platformId) {
      let tag = tags.get(platformId);
      if (tag === undefined) {
        // What a platform sees is its own view, so no two platforms share a tag.
        tag = `"${hash("sha256", `${content} ${platformId}`, "hex").slice(0, 32)}"`;
        tags.set(platformId, tag);
      }
      return tag;
    },
  };
}

/** RFC 9110, If-None-Match: a list of tags or `*`; weak tags match too. */
export function isNotModified(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch === etag || ifNoneMatch.trim() === "*") return true;
  return ifNoneMatch.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}
