/**
 * What a vendor's answer means. Pure, so that the table can be read and tested.
 *
 * | answer                            | order, change, grant | cancel, revoke | status                 |
 * | --------------------------------- | -------------------- | -------------- | ---------------------- |
 * | 2xx                               | as its state says    | likewise       | likewise               |
 * | 2xx without a state, or 204       | done; 202: under way | likewise       | likewise               |
 * | 408, 409, 425, 429, 503           | busy                 | busy           | busy                   |
 * | 401, 403, 407                     | misconfigured, whatever was asked                     |||
 * | 404                               | absent               | absent         | absent                 |
 * | 410                               | refused              | gone           | absent                 |
 * | other 4xx                         | refused              | refused        | unclear                |
 * | anything else, unknown states     | unclear              | unclear        | unclear                |
 */
import type { Json } from "#adapter";
import type { Answer } from "./client.ts";
import type { Reading, State } from "./mapping.ts";
import { textAt, valueAt } from "./template.ts";

export type Deed = "make" | "remove" | "look";

export type Meaning =
  | { readonly is: "under way"; readonly order?: string; readonly note?: string }
  | { readonly is: "done" | "gone" | "absent" | "busy" }
  /** The vendor did not look at the order: an operator has to put the account right, and then it goes on. */
  | { readonly is: "misconfigured" }
  | Refusal
  | { readonly is: "unclear" };

/** `settled`: the vendor's last word on an order it took, so that surely nothing of it is left. */
export interface Refusal {
  readonly is: "refused";
  readonly reason?: string;
  readonly settled: boolean;
}

const busy = new Set([408, 409, 425, 429, 503]);

export function judge(deed: Deed, { status, body }: Answer, reading: Reading): Meaning {
  if (status >= 200 && status < 300) return stated(status, body, reading);
  if (busy.has(status)) return { is: "busy" };
  if (status === 401 || status === 403 || status === 407) return { is: "misconfigured" };
  if (status === 404) return { is: "absent" };
  if (status === 410 && deed !== "make") return { is: deed === "remove" ? "gone" : "absent" };
  if (status >= 400 && status < 500 && deed !== "look") return refusal(body, reading, false);
  return { is: "unclear" };
}

function stated(status: number, body: Json | undefined, reading: Reading): Meaning {
  const said = reading.state === undefined || status === 204 ? undefined : valueAt(body, reading.state);
  const state =
    said === undefined && (reading.state === undefined || status === 204) ? byStatus(status) : named(said, reading);
  switch (state) {
    case "in-progress": {
      const order = textAt(body, reading.order);
      const note = textAt(body, reading.note);
      return { is: "under way", ...(order !== undefined && { order }), ...(note !== undefined && { note }) };
    }
    case "completed":
      return { is: "done" };
    case "gone":
      return { is: "gone" };
    case "rejected":
      return refusal(body, reading, true);
    case undefined:
      return { is: "unclear" };
  }
}

const byStatus = (status: number): State => (status === 202 ? "in-progress" : "completed");

/** The vendor's word for a state, in ours. */
function named(said: Json | undefined, { states = {} }: Reading): State | undefined {
  const all: State[] = ["in-progress", "completed", "rejected", "gone"];
  return all.find((state) => states[state]?.includes(String(said)));
}

/** RFC 9457 where the mapping names no other place. */
export function refusal(body: Json | undefined, reading: Reading, settled: boolean): Refusal {
  const reason = textAt(body, reading.reason) ?? textAt(body, "/detail") ?? textAt(body, "/title");
  return { is: "refused", settled, ...(reason !== undefined && { reason }) };
}
