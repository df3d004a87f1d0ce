/** Everything the kit may have made, written down before it is asked for, and crossed out only when it is surely gone. */

import { isJsonObject } from "../core/json.ts";
import type { Exchange, Question } from "./client.ts";

export interface Entry {
  /** Below /v2, percent-encoded: instances and bindings. */
  readonly path: string;
  readonly kind: "instance" | "binding";
  readonly serviceId: string;
  readonly planId: string;
  /** `refused`: answered 4xx, so nothing should be there. */
  state: "asked" | "made" | "refused" | "gone";
}

export interface Leftover {
  readonly kind: Entry["kind"];
  readonly path: string;
  readonly serviceId: string;
  readonly planId: string;
  readonly why: string;
}

export interface Ledger {
  /** From now on: the offering and plan of what is ordered without naming one. */
  turnTo(plan: { readonly serviceId: string; readonly planId: string }): void;
  asked(question: Question): void;
  answered(exchange: Exchange): void;
  /** Its deletion was seen to end. */
  gone(path: string): void;
  /** What may still be there: bindings before instances. */
  open(): readonly Entry[];
  readonly entries: ReadonlyMap<string, Entry>;
}

const thing = /^\/v2\/service_instances\/[^/?]+(\/service_bindings\/[^/?]+)?$/;

export function createLedger(): Ledger {
  const entries = new Map<string, Entry>();
  let underTest = { serviceId: "", planId: "" };

  function gone(path: string): void {
    for (const entry of entries.values())
      if (entry.path === path || entry.path.startsWith(`${path}/`)) entry.state = "gone";
  }

  return {
    entries,
    gone,
    turnTo(plan) {
      underTest = plan;
    },
    asked({ method, path, body }) {
      const [, binding] = thing.exec(path) ?? [];
      if (method !== "PUT" || !thing.test(path)) return;
      const known = entries.get(path);
      if (known !== undefined) {
        // Asked for again: it may come back, or be made after all.
        if (known.state !== "made") known.state = "asked";
        return;
      }
      const named = isJsonObject(body) ? body : {};
      entries.set(path, {
        path,
        kind: binding === undefined ? "instance" : "binding",
        serviceId: nameIn(named.service_id) ?? underTest.serviceId,
        planId: nameIn(named.plan_id) ?? underTest.planId,
        state: "asked",
      });
    },
    answered({ question: { method, path }, answer }) {
      const entry = entries.get(path);
      if (entry === undefined || answer === undefined) return;
      const { status } = answer;
      if (method === "PUT" && status >= 200 && status < 300) entry.state = "made";
      else if (method === "PUT" && status >= 400 && status < 500 && entry.state === "asked") entry.state = "refused";
      // Somebody who is about to delete it has it still, whatever was said before.
      else if (method === "DELETE" && status === 202) entry.state = "made";
      else if (method === "DELETE" && status === 200) gone(path);
      // Of what was never answered a 410 says little: it may yet be made.
      else if (method === "DELETE" && status === 410 && entry.state !== "asked") gone(path);
    },
    open() {
      const left = [...entries.values()].filter(({ state }) => state !== "gone");
      return [...left.filter(({ kind }) => kind === "binding"), ...left.filter(({ kind }) => kind === "instance")];
    },
  };
}

const nameIn = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
