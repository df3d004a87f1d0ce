/** What an instance used, as its provider counted it: the quantities a bill is made of. */
import type { FastifyInstance } from "fastify";
import { reaches } from "./guard.ts";
import type { AdminParts } from "./parts.ts";
import { invalidParameter, Problem, problemResponse } from "./problem.ts";
import { describeRoute, time } from "./shapes.ts";

/** A year and a day: whoever wants more asks twice. */
const longestMs = 366 * 24 * 60 * 60 * 1000;

export function addUsageRoutes(app: FastifyInstance, { usage }: AdminParts): void {
  app.get(
    "/instances/:uid/usage",
    {
      config: { action: "instances.read" },
      schema: describeRoute("What an instance used within a period", {
        params: { type: "object", properties: { uid: { type: "string", maxLength: 255 } } },
        querystring: {
          type: "object",
          additionalProperties: false,
          required: ["from", "to"],
          properties: {
            from: { ...time, description: "Begin of the period." },
            to: { ...time, description: "Its end, exclusive; at most 366 days later." },
          },
        },
        response: {
          200: {
            type: "object",
            properties: {
              instance: { type: "string", description: "`uid` of the instance." },
              from: time,
              to: time,
              usage: {
                type: "array",
                items: {
                  type: "object",
                  properties: {
                    meter: { type: "string", description: "What was counted; the adapter's README lists its meters." },
                    quantity: { type: "string", description: "A decimal number (FOCUS: ConsumedQuantity)." },
                    unit: { type: "string", description: "FOCUS: ConsumedUnit, such as `GB-Hours`." },
                    from: time,
                    to: { ...time, description: "The same as `from`: the value of that moment." },
                  },
                },
              },
            },
          },
          default: problemResponse,
        },
      }),
    },
    async (request) => {
      const { uid } = request.params as { readonly uid: string };
      const asked = request.query as { readonly from: string; readonly to: string };
      const period = { from: new Date(asked.from), to: new Date(asked.to) };
      const lengthMs = period.to.getTime() - period.from.getTime();
      if (!(lengthMs > 0 && lengthMs <= longestMs))
        throw invalidParameter("to", "The period must end after it begins, and at most 366 days later.");
      const instance = await usage.instance(uid);
      if (instance === undefined || !reaches(request, instance.provider)) throw new Problem("NotFound");
      const used = await usage.of(instance, period);
      if (used.state === "untold") throw new Problem("UsageUntold");
      if (used.state === "unknown")
        throw new Problem("Unavailable", { detail: "The provider does not tell just now. Try again shortly." });
      return {
        instance: uid,
        from: period.from.toISOString(),
        to: period.to.toISOString(),
        usage: used.usage.map(({ period: own, ...line }) => ({
          ...line,
          from: own.from.toISOString(),
          to: own.to.toISOString(),
        })),
      };
    },
  );
}
