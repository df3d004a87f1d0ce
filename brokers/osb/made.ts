/** What a downstream handed out, in Lotse's words. Whatever is not as OSB says is left out. */
import type { Access, Endpoint, Json, JsonObject, Made } from "#adapter";

export function instanceMade({ dashboard_url: dashboard, metadata }: JsonObject): Made {
  const labels = textValues(member(metadata, "labels"));
  const attributes = member(metadata, "attributes");
  return {
    ...(typeof dashboard === "string" && dashboard !== "" && { dashboardUrl: dashboard }),
    ...((labels !== undefined || attributes !== undefined) && {
      metadata: { ...(labels !== undefined && { labels }), ...(attributes !== undefined && { attributes }) },
    }),
  };
}

export function bindingMade(body: JsonObject): Made {
  const { credentials, syslog_drain_url: drain, route_service_url: route, volume_mounts: mounts } = body;
  const endpoints = readEndpoints(body.endpoints);
  const expires = timeOf(member(body, "metadata"), "expires_at");
  const renew = timeOf(member(body, "metadata"), "renew_before");
  const access: Access = {
    ...(isObject(credentials) && { credentials }),
    ...(endpoints.length > 0 && { endpoints }),
    ...(typeof drain === "string" && drain !== "" && { syslogDrainUrl: drain }),
    ...(typeof route === "string" && route !== "" && { routeServiceUrl: route }),
    ...(Array.isArray(mounts) && mounts.length > 0 && { volumeMounts: mounts.filter(isObject) }),
    ...(expires !== undefined && { expiresAt: expires }),
    ...(renew !== undefined && { renewBefore: renew }),
  };
  return { access };
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function member(value: Json | undefined, name: string): JsonObject | undefined {
  const found = isObject(value) ? value[name] : undefined;
  return isObject(found) ? found : undefined;
}

function textValues(value: JsonObject | undefined): { [key: string]: string } | undefined {
  if (value === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

/** Some brokers send ports as numbers. */
function readEndpoints(value: Json | undefined): Endpoint[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry: Json) => {
    if (!isObject(entry) || typeof entry.host !== "string" || !Array.isArray(entry.ports)) return [];
    const { protocol } = entry;
    const known = protocol === "tcp" || protocol === "udp" || protocol === "all";
    return [{ host: entry.host, ports: entry.ports.map(String), ...(known && { protocol }) }];
  });
}

function timeOf(metadata: JsonObject | undefined, name: string): string | undefined {
  const text = metadata?.[name];
  if (typeof text !== "string") return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}
