/** The shapes of the contract for vendors, each said once. */
import type { JsonObject } from "#adapter";

const text = (description: string) => ({ type: "string", minLength: 1, description }) as const;
const open = (description: string) => ({ type: "object", additionalProperties: true, description }) as const;
const object = (required: readonly string[], properties: JsonObject) => ({
  type: "object",
  required: [...required],
  properties,
});
const url = (description: string) => ({ type: "string", format: "uri", description }) as const;

const credentials = {
  type: "object",
  minProperties: 1,
  description: "What a person or program signs in with, such as uri, username and password.",
} as const;

export const schemas: JsonObject = {
  Terms: object(["product", "options", "parameters", "customer"], {
    product: text("The vendor's word for the product, as agreed with the operator of Lotse."),
    plan: text("The vendor's word for the plan."),
    options: open("What the plan fixes, as agreed."),
    parameters: open("What the customer chose; the operator's catalog holds its schema."),
    customer: object([], { organization: text("Who orders, as the platform names it."), space: text("The project.") }),
    callbackUrl: url("Where to call when the order is over."),
  }),
  Grant: object(["parameters", "password"], {
    parameters: open("What was chosen for this access."),
    password: text(
      "32 random bytes, the same whenever this request is repeated. Use it, and keep only its hash; or make one of your own, and answer the same one again for the same key.",
    ),
    replaces: text("Id of the access that this one will replace; both work until that one is revoked."),
    callbackUrl: url("Where to call when the order is over."),
  }),
  Order: object(["id", "state"], {
    id: text("The vendor's number of the order."),
    key: text("The Idempotency-Key it came under."),
    state: {
      enum: ["in-progress", "completed", "rejected"],
      description: "rejected: the vendor's last word, and nothing of it is left. An order that is over stays so.",
    },
    note: text("While in progress, shown to the customer."),
    reason: text("Of a rejected order, shown to the customer: what was wrong and what to do."),
    dashboardUrl: url("Where customers open the software; with the first answer to an order."),
    access: {
      ...object(["credentials"], {
        credentials,
        endpoints: {
          type: "array",
          items: object(["host", "ports"], {
            host: text("A host."),
            ports: { type: "array", items: { type: "string" } },
          }),
        },
        expiresAt: { type: "string", format: "date-time" },
      }),
      description: "Of a completed grant.",
    },
  }),
  Subscription: object(["id", "state"], {
    id: text("Lotse's id."),
    state: { enum: ["ordered", "active", "cancelled"] },
    product: text("The product."),
    plan: text("The plan."),
    name: text("What a person at the vendor finds it by."),
    key: text("Idempotency-Key of the request that changed it last."),
    dashboardUrl: url("Where customers open the software."),
    accesses: { type: "array", items: { $ref: "#/components/schemas/AccessState" } },
  }),
  SubscriptionPage: object(["subscriptions"], {
    subscriptions: { type: "array", items: { $ref: "#/components/schemas/Subscription" } },
    next: text("Cursor of the next page; absent on the last one."),
  }),
  AccessState: object(["id", "state"], {
    id: text("Lotse's id."),
    state: { enum: ["ordered", "active", "revoked"] },
  }),
  UsageReport: object(["usage"], {
    usage: {
      type: "array",
      items: object(["meter", "quantity", "unit"], {
        meter: text("What was counted."),
        quantity: { type: "string", pattern: "^[0-9]+(\\.[0-9]+)?$", description: "A decimal number, as text." },
        unit: text("A unit as FOCUS writes it, such as GB-Hours."),
        from: { type: "string", format: "date-time", description: "Absent: from of the request." },
        to: {
          type: "string",
          format: "date-time",
          description: "Absent: to of the request. Equal to from: a value of a moment.",
        },
      }),
    },
  }),
  OrderFinished: object(["type", "timestamp", "data"], {
    type: { const: "order.finished" },
    timestamp: { type: "string", format: "date-time" },
    data: object(["key"], {
      key: text("The Idempotency-Key of the request that is over."),
      order: text("Its order's id."),
      subscription: text("Lotse's id."),
      state: { enum: ["completed", "rejected"] },
    }),
  }),
  Problem: {
    ...object(["type", "title", "status"], {
      type: { type: "string" },
      title: { type: "string" },
      status: { type: "integer" },
      detail: text("Shown to whoever orders: what was wrong and what to do. No secrets."),
    }),
    description: "RFC 9457.",
  },
};

export const securitySchemes: JsonObject = {
  bearer: { type: "http", scheme: "bearer", description: "A fixed token, or one by OAuth 2 client credentials." },
  basic: { type: "http", scheme: "basic" },
};

const problemBody = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };
const retryAfter = { "Retry-After": { schema: { type: "string" }, description: "Seconds, or a date." } };

/** Every expected "no"; the statuses are the names. */
export const problem: JsonObject = {
  400: { description: "The request is malformed. Nothing was changed.", content: problemBody },
  401: {
    description: "The credentials are not right. Lotse's operator is told, and the order waits.",
    content: problemBody,
  },
  404: { description: "There is no such thing. For a removal, that is as good as done.", content: problemBody },
  409: {
    description: "Another order on it is on its way. Lotse asks again.",
    headers: retryAfter,
    content: problemBody,
  },
  410: { description: "It was cancelled, revoked or withdrawn, and does not come back.", content: problemBody },
  422: { description: "The vendor says no: terms, quota, capacity. Nothing was changed.", content: problemBody },
  429: { description: "Too much at once; 503 likewise. Lotse asks again.", headers: retryAfter, content: problemBody },
};

/** References to the expected answers. */
export const answers = (...statuses: readonly string[]): JsonObject =>
  Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/${status}` }]));

const id = { type: "string", pattern: "^[a-z0-9]{26}$" };

export const path = {
  json: (description: string, schema: string) => ({
    description,
    content: { "application/json": { schema: { $ref: `#/components/schemas/${schema}` } } },
  }),
  order: (description: string) => ({
    description,
    headers: retryAfter,
    content: { "application/json": { schema: { $ref: "#/components/schemas/Order" } } },
  }),
  problem,
  key: {
    name: "Idempotency-Key",
    in: "header",
    required: true,
    schema: { type: "string", maxLength: 128 },
    description: "The same for every repeat of one request; kept at least as long as what it made.",
  },
  withdraws: {
    name: "withdraws",
    in: "query",
    schema: { type: "string" },
    description:
      "Idempotency-Key of a request that was given up. If it arrives after this one, it must be answered 410 and do nothing. With it a removal of what is not there is answered 200.",
  },
  callbackUrl: { name: "callbackUrl", in: "query", schema: { type: "string", format: "uri" } },
  subscription: {
    name: "subscription",
    in: "path",
    required: true,
    schema: id,
    description: "Lotse's id, never used twice.",
  },
  access: { name: "access", in: "path", required: true, schema: id, description: "Lotse's id, never used twice." },
};
