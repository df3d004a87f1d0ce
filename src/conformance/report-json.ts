/** The report for machines, and its schema. */
import type { JsonSchema } from "../core/json.ts";
import type { Report } from "./report.ts";

export const writeJson = (report: Report): string => `${JSON.stringify(report, undefined, 2)}\n`;

const text = { type: "string" } as const;
const count = { type: "integer", minimum: 0 } as const;

function object(properties: Readonly<Record<string, JsonSchema>>, optional: readonly string[] = []): JsonSchema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", additionalProperties: false, required, properties };
}

const listOf = (items: JsonSchema): JsonSchema => ({ type: "array", items });
const headers: JsonSchema = { type: "object", additionalProperties: text };

/** JSON Schema 2020-12 of `format` lotse-conformance/1. Within that format members are only ever added. */
export const reportSchema: JsonSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Report of the OSB conformance kit",
  ...object({
    format: { const: "lotse-conformance/1" },
    specification: { const: "2.17" },
    url: text,
    startedAt: text,
    milliseconds: count,
    readOnly: { type: "boolean" },
    interrupted: { type: "boolean" },
    verdict: { enum: ["conforming", "not conforming", "interrupted"] },
    counts: object({ kept: count, mustBroken: count, shouldBroken: count, notClaimed: count, notReached: count }),
    requests: count,
    made: object({ instances: count, bindings: count }),
    claims: object({
      authentication: text,
      plans: listOf(
        object({ service: text, plan: text, planId: text, claims: listOf(text), tested: { type: "boolean" } }),
      ),
    }),
    tales: listOf(object({ plan: text, steps: listOf(object({ what: text, came: text, milliseconds: count })) })),
    results: listOf(
      object(
        {
          id: text,
          area: text,
          title: text,
          level: { enum: ["MUST", "SHOULD"] },
          section: text,
          link: text,
          plan: text,
          outcome: { enum: ["kept", "broken", "not claimed", "not reached"] },
          reason: text,
          findings: listOf(
            object({
              message: text,
              evidence: listOf(
                object(
                  {
                    request: object({ method: text, path: text, headers, body: text }, ["body"]),
                    answer: object({ status: count, headers, body: text }),
                    trouble: text,
                    milliseconds: count,
                  },
                  ["answer", "trouble"],
                ),
              ),
            }),
          ),
          milliseconds: count,
        },
        ["link", "plan", "reason"],
      ),
    ),
    leftovers: listOf(
      object({ kind: { enum: ["instance", "binding"] }, path: text, serviceId: text, planId: text, why: text }),
    ),
  }),
};
