/** openapi/saas-provider.json: the contract for vendors, written from the schemas here; a test notices when it is stale. */
import { writeFileSync } from "node:fs";
import type { JsonObject } from "#adapter";
import { answers, path, schemas, securitySchemes } from "./openapi-parts.ts";

const { json, order, problem, key, withdraws, callbackUrl, subscription, access } = path;

const changing = (summary: string, description: string, more: JsonObject) => ({
  summary,
  description,
  security: [{ bearer: [] }, { basic: [] }],
  ...more,
});

export const document: JsonObject = {
  openapi: "3.1.0",
  info: {
    title: "Lotse: contract for vendors of software",
    version: "1.0.0",
    description:
      "What a vendor answers so that Lotse can order software, give and take access, and tell what was used. Ids are Lotse's. " +
      "Every change carries an Idempotency-Key: the same key again means the same order, and gets the same answer. " +
      "docs/saas-provider.md leads through it.",
  },
  security: [{ bearer: [] }, { basic: [] }],
  paths: {
    "/subscriptions": {
      get: changing(
        "List what there is",
        "Everything that was ordered with these credentials and not cancelled, in pages. Lotse finds by it what nobody knows of any more.",
        {
          operationId: "list",
          parameters: [
            { name: "cursor", in: "query", schema: { type: "string" }, description: "next of the page before." },
            { name: "limit", in: "query", schema: { type: "integer", minimum: 1, maximum: 100 } },
          ],
          responses: { 200: json("A page.", "SubscriptionPage"), ...answers("401", "429") },
        },
      ),
    },
    "/subscriptions/{subscription}": {
      parameters: [subscription],
      put: changing("Order", "Sets up the product under Lotse's id.", {
        operationId: "order",
        parameters: [key],
        requestBody: {
          required: true,
          content: { "application/json": { schema: { $ref: "#/components/schemas/Terms" } } },
        },
        responses: {
          200: order("It is there."),
          202: order("It is on its way."),
          ...answers("400", "401", "409", "410", "422", "429"),
        },
      }),
      patch: changing("Change", "To other terms, which are told whole.", {
        operationId: "change",
        parameters: [key],
        requestBody: {
          required: true,
          content: { "application/json": { schema: { $ref: "#/components/schemas/Terms" } } },
        },
        responses: {
          200: order("It was changed."),
          202: order("It is on its way."),
          ...answers("400", "401", "404", "409", "410", "422", "429"),
        },
      }),
      delete: changing(
        "Cancel",
        "At any time, also while the order is on its way. Every access ends with it. Once cancelled, an id is not used again.",
        {
          operationId: "cancel",
          parameters: [key, withdraws, callbackUrl],
          responses: {
            200: order("It is gone."),
            202: order("It is going."),
            ...answers("401", "404", "409", "410", "429"),
          },
        },
      ),
      get: changing("Look", "What is there now.", {
        operationId: "subscription",
        responses: { 200: json("It is there.", "Subscription"), ...answers("401", "404", "410", "429") },
      }),
    },
    "/subscriptions/{subscription}/accesses/{access}": {
      parameters: [subscription, access],
      put: changing(
        "Grant access",
        "Makes a login that works when the order is completed. Accesses of one subscription are independent of each other.",
        {
          operationId: "grant",
          parameters: [key],
          requestBody: {
            required: true,
            content: { "application/json": { schema: { $ref: "#/components/schemas/Grant" } } },
          },
          responses: {
            200: order("It works."),
            202: order("It is on its way."),
            ...answers("400", "401", "404", "409", "410", "422", "429"),
          },
        },
      ),
      delete: changing("Revoke access", "It stops working when the order is completed.", {
        operationId: "revoke",
        parameters: [key, withdraws, callbackUrl],
        responses: {
          200: order("It is gone."),
          202: order("It is going."),
          ...answers("401", "404", "409", "410", "429"),
        },
      }),
      get: changing("Look at an access", "Whether it is there; without its password.", {
        operationId: "access",
        responses: { 200: json("It is there.", "AccessState"), ...answers("401", "404", "410", "429") },
      }),
    },
    "/subscriptions/{subscription}/usage": {
      parameters: [subscription],
      get: changing("Tell usage", "Quantities counted from a time up to but not including another; no prices.", {
        operationId: "usage",
        parameters: ["from", "to"].map((name) => ({
          name,
          in: "query",
          required: true,
          schema: { type: "string", format: "date-time" },
        })),
        responses: { 200: json("What was used.", "UsageReport"), ...answers("400", "401", "404", "429") },
      }),
    },
    "/orders/{order}": {
      parameters: [
        { name: "order", in: "path", required: true, schema: { type: "string" }, description: "id of an order." },
      ],
      get: changing("Ask how far an order is", "Asked until it is completed or rejected; Retry-After sets the pace.", {
        operationId: "status",
        responses: { 200: order("How far it is."), ...answers("401", "404", "429") },
      }),
    },
  },
  webhooks: {
    orderFinished: {
      post: {
        summary: "Tell Lotse that an order is over",
        description:
          "Sent to callbackUrl; optional, as Lotse asks as well. Signed as Standard Webhooks 1.0: webhook-signature holds v1, and the base64 HMAC-SHA256 of webhook-id.webhook-timestamp.body under the shared secret. Taken for five minutes. Lotse believes nothing of it but that it is worth asking. Repeat it until it is answered 204.",
        operationId: "orderFinished",
        security: [],
        parameters: [
          { name: "webhook-id", in: "header", required: true, schema: { type: "string" } },
          {
            name: "webhook-timestamp",
            in: "header",
            required: true,
            schema: { type: "string", description: "Seconds since 1970." },
          },
          { name: "webhook-signature", in: "header", required: true, schema: { type: "string" } },
        ],
        requestBody: {
          required: true,
          content: { "application/json": { schema: { $ref: "#/components/schemas/OrderFinished" } } },
        },
        responses: {
          204: { description: "Lotse will look." },
          401: { description: "The signature or the time is not right." },
          503: { description: "Say it again in a moment." },
        },
      },
    },
  },
  components: { schemas, securitySchemes, responses: problem },
};

export const openApiText = (): string => `${JSON.stringify(document, null, 2)}\n`;

if (import.meta.main) writeFileSync(new URL("../../openapi/saas-provider.json", import.meta.url), openApiText());
