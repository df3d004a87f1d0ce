/** The catalog as ready answers: plain, gzipped and "not modified", made when the catalog changes, not per request. */
import { hash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import type { Catalog } from "../core/catalog.ts";
import type { Offering, Plan, Platform } from "../core/model.ts";
import { isUnrestricted, sees } from "../core/visibility.ts";
import { catalogText } from "./wire.ts";

export interface CatalogAnswer {
  readonly status: 200 | 304;
  readonly headers: { readonly [name: string]: string };
  readonly body: Buffer | undefined;
}

export interface CatalogResponse {
  /** The answer that suits the request's headers. */
  readonly answer: (platform: Platform, headers: IncomingHttpHeaders) => CatalogAnswer;
  /** Resolves once the unrestricted view lies ready in both codings; until then it is sent plain. */
  readonly ready: Promise<void>;
}

/** The same bytes for every platform that sees the same. */
interface View {
  readonly plain: Buffer;
  readonly content: string;
  gzipped: Buffer | undefined;
  readonly ready: Promise<void>;
}

interface Answers {
  readonly etag: string;
  readonly plain: CatalogAnswer;
  gzipped: CatalogAnswer | undefined;
  readonly notModified: CatalogAnswer;
  readonly view: View;
}

const compress = promisify(gzip);

export function prepareCatalog(catalog: Catalog): CatalogResponse {
  const whole = viewOf(catalog.offerings);
  const views = new Map<string, View>();
  const known = new Map<string, Answers>();

  function viewFor(platform: Platform): View {
    if (isUnrestricted(catalog.visibility)) return whole;
    const seen = catalog.offerings
      .map((offering) => ({ ...offering, plans: offering.plans.filter((plan) => isSeen(platform, plan)) }))
      .filter(({ plans }) => plans.length > 0);
    const key = seen.flatMap(({ plans }) => plans.map(({ id }) => id)).join();
    const view = views.get(key) ?? viewOf(seen);
    views.set(key, view);
    return view;
  }

  const isSeen = (platform: Platform, plan: Plan) => sees(catalog.visibility, platform, plan);

  function answersFor(platform: Platform): Answers {
    let answers = known.get(platform.id);
    if (answers === undefined) {
      const view = viewFor(platform);
      // Strong: the same tag means the same bytes. What a platform sees is its own view, so no two share a tag.
      const etag = `"${hash("sha256", `${view.content} ${platform.id}`, "hex").slice(0, 32)}"`;
      const headers = { etag, vary: "Accept-Encoding, Authorization" };
      answers = {
        etag,
        plain: full(headers, view.plain, {}),
        gzipped: undefined,
        notModified: { status: 304, headers, body: undefined },
        view,
      };
      known.set(platform.id, answers);
    }
    return answers;
  }

  function zipped(answers: Answers): CatalogAnswer {
    const { gzipped } = answers.view;
    if (answers.gzipped === undefined && gzipped !== undefined)
      answers.gzipped = full(answers.notModified.headers, gzipped, { "content-encoding": "gzip" });
    return answers.gzipped ?? answers.plain;
  }

  return {
    answer(platform, headers) {
      const answers = answersFor(platform);
      if (isNotModified(headers["if-none-match"], answers.etag)) return answers.notModified;
      return /\bgzip\b/.test(String(headers["accept-encoding"] ?? "")) ? zipped(answers) : answers.plain;
    },
    ready: whole.ready,
  };
}

/** Compressed beside the event loop: the strongest level takes a second for a catalog of ten thousand plans. */
function viewOf(offerings: readonly Offering[]): View {
  const plain = Buffer.from(catalogText(offerings));
  const view: View = {
    plain,
    content: hash("sha256", plain, "hex"),
    gzipped: undefined,
    ready: compress(plain, { level: constants.Z_BEST_COMPRESSION }).then((gzipped) => {
      view.gzipped = gzipped;
    }),
  };
  return view;
}

function full(headers: CatalogAnswer["headers"], body: Buffer, more: CatalogAnswer["headers"]): CatalogAnswer {
  const all = { ...headers, "content-type": "application/json", "content-length": String(body.length), ...more };
  return { status: 200, headers: all, body };
}

/** RFC 9110, If-None-Match: a list of tags or `*`; weak tags match too. */
function isNotModified(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch === etag || ifNoneMatch.trim() === "*") return true;
  return ifNoneMatch.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}
