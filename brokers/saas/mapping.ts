/** How what Lotse wants is said to a vendor, and where in the answers the vendor's words stand. */
import type { Json, JsonObject, JsonSchema } from "#adapter";

/** One request, as a template over what `scope.ts` tells. */
export interface Request {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below the account's address. */
  readonly path: string;
  readonly query?: { readonly [name: string]: string };
  readonly headers?: { readonly [name: string]: string };
  readonly body?: Json;
}

/** Where in an answer its parts stand: JSON Pointers, and a template for the access data. */
export interface Reading {
  /** The vendor's number of the order, to ask for its progress by. */
  readonly order?: string;
  /** Absent: the HTTP status decides, 202 meaning in progress. */
  readonly state?: string;
  readonly states?: { readonly [state in State]?: readonly string[] };
  readonly note?: string;
  readonly reason?: string;
  /** The vendor's own number of what was ordered, where it does not use Lotse's id. */
  readonly number?: string;
  readonly dashboardUrl?: string;
  readonly access?: Json;
}

export type State = "in-progress" | "completed" | "rejected" | "gone";

export type Asked = Request & { readonly answer?: Reading };

export interface Listing extends Request {
  readonly answer: {
    readonly items: string;
    /** Cursor of the next page; absent on the last one. */
    readonly next?: string;
    /** Below an item: Lotse's id, and what a person at the vendor looks for. */
    readonly id: string;
    readonly name?: string;
    /** Key of the request that changed it last. */
    readonly key?: string;
    /** Below an item: its access data, and Lotse's id in each. */
    readonly accesses?: string;
    readonly accessId?: string;
  };
}

export interface Metering extends Request {
  readonly answer: {
    readonly items: string;
    readonly meter: string;
    readonly quantity: string;
    readonly unit: string;
    readonly from?: string;
    readonly to?: string;
  };
}

export interface Mapping {
  /** Header for the key that makes a repeated request safe. */
  readonly keyHeader?: string;
  /** Answers 2xx if address and credentials are right, and changes nothing. */
  readonly ping: Request;
  /**
   * Looks for a subscription by Lotse's id, and answers its `number`: for vendors whose orders cannot be repeated. Asked
   * before each order, and before whatever needs a number that nobody heard.
   */
  readonly find?: Asked;
  readonly order: Asked;
  readonly change?: Asked;
  readonly cancel: Asked;
  readonly grant?: Asked;
  readonly revoke?: Asked;
  /** How far an order is. Absent: the request itself is repeated. */
  readonly status?: Asked;
  /** What is there of a subscription, or of one access to it. */
  readonly subscription?: Asked;
  readonly access?: Asked;
  readonly list?: Listing;
  readonly usage?: Metering;
  /** Of a callback's body. */
  readonly callback?: { readonly key: string };
}

const pointer = { type: "string", pattern: "^(/[^{}]*)*$" } as const;
const texts = { type: "object", additionalProperties: { type: "string" } } as const;
const words = { type: "array", items: { type: "string" } } as const;

const request = {
  method: { enum: ["GET", "POST", "PUT", "PATCH", "DELETE"] },
  path: { type: "string", pattern: "^/[^?#\\\\]*$", description: "Below url, such as /customers/{/subscription/id}." },
  query: texts,
  headers: texts,
  body: { description: "JSON with places to fill; brokers/saas/README.md lists them." },
} as const;

function requestSchema(answer?: JsonObject, needed: readonly string[] = []): JsonObject {
  return {
    type: "object",
    additionalProperties: false,
    required: ["method", "path", ...(needed.length > 0 ? ["answer"] : [])],
    properties: {
      ...request,
      ...(answer !== undefined && {
        answer: { type: "object", additionalProperties: false, required: [...needed], properties: answer },
      }),
    },
  };
}

const reading: JsonObject = {
  order: pointer,
  state: pointer,
  states: {
    type: "object",
    additionalProperties: false,
    properties: { "in-progress": words, completed: words, rejected: words, gone: words },
  },
  note: pointer,
  reason: pointer,
  number: pointer,
  dashboardUrl: pointer,
  access: { description: "Template over the answer: credentials, endpoints, expiresAt." },
};
const asked = requestSchema(reading);

export const mappingSchema: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["ping", "order", "cancel"],
  description: "For a vendor with an API of its own; absent: openapi/saas-provider.json.",
  properties: {
    keyHeader: { type: "string", pattern: "^[A-Za-z0-9-]+$" },
    ping: requestSchema(),
    find: asked,
    order: asked,
    change: asked,
    cancel: asked,
    grant: asked,
    revoke: asked,
    status: asked,
    subscription: asked,
    access: asked,
    list: requestSchema(
      { items: pointer, next: pointer, id: pointer, name: pointer, key: pointer, accesses: pointer, accessId: pointer },
      ["items", "id"],
    ),
    usage: requestSchema(
      { items: pointer, meter: pointer, quantity: pointer, unit: pointer, from: pointer, to: pointer },
      ["items", "meter", "quantity", "unit"],
    ),
    callback: { type: "object", additionalProperties: false, required: ["key"], properties: { key: pointer } },
  },
};
