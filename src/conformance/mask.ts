/** Takes secrets out of everything that is shown: known ones wherever they stand, others by where they stand. */
import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import { textsIn } from "./checks/answers.ts";
import type { Exchange } from "./client.ts";
import { canary } from "./stories/refusals.ts";
import type { Credentials, Target } from "./target.ts";

const masked = "[masked]";

export interface Mask {
  text(value: string): string;
  body(text: string, path: string): string;
}

function secretOf(credentials: Credentials): string {
  if ("token" in credentials) return credentials.token.reveal();
  return ("tokenUrl" in credentials ? credentials.clientSecret : credentials.password).reveal();
}

/** Shorter texts are words of everyday life rather than secrets, and taking them out would garble what is shown. */
const shortestSecret = 8;
const longestBody = 4000;
const longestUnreadable = 300;

const secretName = /pass|pwd|secret|token|credential|api.?key|access.?key|private|signature/i;
/** Nothing below these is ever shown, except what the kit itself put there. */
const secretPlace = new Set(["credentials", "parameters", "mount_config", "syslog_drain_url", "route_service_url"]);
/** Parts of credentials that are no secret; hidden where they stand, and not hunted for elsewhere. */
const plainName = /^(host(name)?s?|servers?|ports?|user(name)?|database|db|name|scheme|protocol|type|region|bucket)$/i;
const ownParameter = "lotse_conformance";

/** `logins`: the Authorization headers that were used. */
export function createMask(target: Target, exchanges: readonly Exchange[], logins: readonly string[]): Mask {
  const secrets = new Set<string>();
  const keep = (text: string): void => {
    if (text.length < shortestSecret) return;
    secrets.add(text);
    secrets.add(encodeURIComponent(text));
    // As it stands inside a JSON text.
    secrets.add(JSON.stringify(text).slice(1, -1));
  };
  for (const login of logins) keep(login.slice(login.indexOf(" ") + 1));
  // The operator's own secrets are secret however short they are.
  if (target.credentials !== undefined) secrets.add(secretOf(target.credentials));
  const publicText = `${target.url} ${exchanges.find(({ question }) => question.path === "/v2/catalog")?.answer?.text}`;
  const given = [target.parameters, target.bindParameters].flatMap((value) => textsIn(value, shortestSecret));
  const handedOut = exchanges.flatMap(({ answer }) => secretTexts(answer?.body ?? {}, false));
  keep(canary);
  for (const text of [...given, ...handedOut]) if (!publicText.includes(text)) keep(text);
  const known = [...secrets].filter((text) => text !== "").sort((a, b) => b.length - a.length);

  const text = (value: string): string => known.reduce((rest, secret) => rest.replaceAll(secret, masked), value);

  return {
    text,
    body(raw, path) {
      if (raw === "") return "";
      const value = parse(raw);
      if (value === undefined) {
        // What cannot be read may be half of somebody's credentials.
        if (path.includes("/service_bindings/")) return `[${raw.length} characters that are no JSON, not shown]`;
        return cut(text(raw), longestUnreadable);
      }
      return cut(text(JSON.stringify(hide(value))), longestBody);
    },
  };
}

function parse(raw: string): Json | undefined {
  try {
    return JSON.parse(raw) as Json;
  } catch {
    return undefined;
  }
}

const cut = (text: string, longest: number): string =>
  text.length > longest ? `${text.slice(0, longest)}… (${text.length} characters)` : text;

function hide(value: Json): Json {
  if (Array.isArray(value)) return value.map(hide);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (secretPlace.has(key)) return [key, hideLeaves(inner)];
      if (key === "dashboard_url" && typeof inner === "string") return [key, withoutQuery(inner)];
      if (secretName.test(key) && typeof inner === "string") return [key, masked];
      return [key, hide(inner)];
    }),
  );
}

function hideLeaves(value: Json): Json {
  if (Array.isArray(value)) return value.map(hideLeaves);
  if (!isJsonObject(value)) return value === null ? null : masked;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, key === ownParameter ? inner : hideLeaves(inner)]),
  );
}

/** Dashboards may be opened by a token in the address. */
function withoutQuery(url: string): string {
  if (!URL.canParse(url)) return url;
  const { origin, pathname, search, hash, host, protocol } = new URL(url);
  const start = origin === "null" ? `${protocol}//${host}` : origin;
  return `${start}${pathname}${search === "" && hash === "" ? "" : `?${masked}`}`;
}

/** Texts in the secret places of an answer. */
function secretTexts(value: Json, inside: boolean): readonly string[] {
  if (inside && !isJsonObject(value)) return textsIn(value, shortestSecret);
  if (Array.isArray(value)) return value.flatMap((inner: Json) => secretTexts(inner, false));
  if (!isJsonObject(value)) return [];
  return Object.entries(value as JsonObject).flatMap(([key, inner]) =>
    inside && plainName.test(key)
      ? []
      : secretTexts(inner, inside || secretPlace.has(key) || (secretName.test(key) && typeof inner === "string")),
  );
}
