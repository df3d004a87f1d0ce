/** What a binding's members look like. */
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";

export const object = (value: Json | undefined): JsonObject | undefined =>
  value !== undefined && isJsonObject(value) ? value : undefined;

export const lists = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

export function isEndpoint(value: Json): boolean {
  const endpoint = object(value);
  if (endpoint === undefined || typeof endpoint.host !== "string" || endpoint.host === "") return false;
  const ports = lists(endpoint.ports);
  const isPort = (port: Json): boolean => typeof port === "string" && /^\d{1,5}(-\d{1,5})?$/.test(port);
  const protocols: readonly (Json | undefined)[] = [undefined, "tcp", "udp", "all"];
  return ports.length > 0 && ports.every(isPort) && protocols.includes(endpoint.protocol);
}

export function isVolumeMount(value: Json): boolean {
  const mount = object(value);
  const device = object(mount?.device);
  const named = [mount?.driver, mount?.container_dir, device?.volume_id];
  return (
    named.every((text) => typeof text === "string" && text !== "") &&
    (mount?.mode === "r" || mount?.mode === "rw") &&
    mount.device_type === "shared"
  );
}

export const isTime = (value: Json | undefined): boolean =>
  typeof value === "string" &&
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}Z$/.test(value) &&
  !Number.isNaN(Date.parse(value));
