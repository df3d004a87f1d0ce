/**
 * What a downstream's answer means (OSB: Orphan Mitigation). Pure, so that the table can be read and tested.
 *
 * | answer                                   | create    | change    | remove                |
 * | ---------------------------------------- | --------- | --------- | --------------------- |
 * | 200, 201 with a JSON object              | done      | done      | done                  |
 * | 202 with a JSON object                   | accepted  | accepted  | accepted              |
 * | 2xx otherwise, 3xx, 5xx, unreadable      | unclear   | unclear   | unclear               |
 * | 408, 425, 429                            | busy      | busy      | busy                  |
 * | 422 ConcurrencyError                     | busy      | busy      | busy                  |
 * | 409                                      | exists    | refused   | refused               |
 * | 404                                      | absent    | absent    | absent                |
 * | 410                                      | refused   | refused   | gone                  |
 * | 401, 412                                 | misconfigured, whatever was asked             |||
 * | other 4xx                                | refused   | refused   | refused               |
 */
import type { JsonObject } from "#adapter";
import type { Answer } from "./client.ts";

export type Deed = "create" | "change" | "remove";

export type Meaning =
  | { readonly is: "done"; readonly body: JsonObject }
  | { readonly is: "accepted"; readonly body: JsonObject; readonly operation?: string }
  | { readonly is: "gone" | "exists" | "busy" }
  /** What brokers say that keep no memory, and what a wrong address says. */
  | { readonly is: "absent" }
  /** The downstream did not look at the order: an operator has to put the account right, and then it goes on. */
  | { readonly is: "misconfigured" }
  /** Nothing was changed by this request. */
  | { readonly is: "refused"; readonly usable: boolean; readonly repeatable: boolean }
  /** It may have taken effect. `considered`: the broker's own word on it, which will not change by asking again. */
  | { readonly is: "unclear"; readonly considered: boolean };

// OSB: Provisioning, Body; longer ones are an error of the downstream.
const longestOperation = 10_000;

export function judge(deed: Deed, { status, body }: Answer): Meaning {
  if (status === 200 || status === 201 || status === 202) return success(status, body);
  if (status === 408 || status === 425 || status === 429) return { is: "busy" };
  if (status === 422 && body?.error === "ConcurrencyError") return { is: "busy" };
  if (status === 401 || status === 412) return { is: "misconfigured" };
  if (status === 404) return { is: "absent" };
  if (status === 409 && deed === "create") return { is: "exists" };
  if (deed === "remove" && status === 410) return { is: "gone" };
  if (status >= 400 && status < 500)
    return { is: "refused", usable: body?.instance_usable !== false, repeatable: body?.update_repeatable !== false };
  return { is: "unclear", considered: status === 500 && typeof body?.description === "string" };
}

function success(status: number, body: JsonObject | undefined): Meaning {
  if (body === undefined || !wellFormed(body)) return { is: "unclear", considered: false };
  if (status !== 202) return { is: "done", body };
  const { operation } = body;
  return { is: "accepted", body, ...(typeof operation === "string" && operation !== "" && { operation }) };
}

function wellFormed({ operation, dashboard_url: dashboard, credentials }: JsonObject): boolean {
  return (
    (operation === undefined ||
      operation === null ||
      (typeof operation === "string" && operation.length <= longestOperation)) &&
    (dashboard === undefined || dashboard === null || typeof dashboard === "string") &&
    (credentials === undefined || credentials === null || typeof credentials === "object")
  );
}

export type Progress =
  | { readonly state: "in progress"; readonly note?: string }
  | { readonly state: "succeeded" }
  | { readonly state: "failed"; readonly usable: boolean; readonly repeatable: boolean }
  /** The operation, or what it is about, is not there. */
  | { readonly state: "gone" | "lost" }
  /** Whatever it is, it is not known: never a failure. */
  | { readonly state: "unreadable" };

/** What last_operation says (OSB: Polling Last Operation). */
export function judgeProgress(deed: Deed, { status, body }: Answer): Progress {
  if (status === 410 && deed === "remove") return { state: "gone" };
  if (status === 404) return { state: "lost" };
  if (status !== 200 || body === undefined) return { state: "unreadable" };
  switch (body.state) {
    case "in progress":
      return { state: "in progress", ...(typeof body.description === "string" && { note: body.description }) };
    case "succeeded":
      return { state: "succeeded" };
    case "failed":
      return { state: "failed", usable: body.instance_usable !== false, repeatable: body.update_repeatable !== false };
    default:
      return { state: "unreadable" };
  }
}
