/** The contract of openapi/saas-provider.json, said as a mapping: the adapter knows no other way to speak. */
import type { Mapping, Reading } from "./mapping.ts";

const order: Reading = {
  order: "/id",
  state: "/state",
  states: { "in-progress": ["in-progress"], completed: ["completed"], rejected: ["rejected"] },
  note: "/note",
  reason: "/reason",
  dashboardUrl: "/dashboardUrl",
  access: { $value: "/access" },
};
const subscription = "/subscriptions/{/subscription/id}";
const access = `${subscription}/accesses/{/access/id}`;

const terms = {
  product: { $value: "/product" },
  plan: { $value: "/plan" },
  options: { $value: "/options" },
  parameters: { $value: "/parameters" },
  customer: { $value: "/customer" },
  callbackUrl: { $value: "/callbackUrl" },
};

export const contract: Mapping = {
  keyHeader: "Idempotency-Key",
  ping: { method: "GET", path: "/subscriptions", query: { limit: "1" } },
  order: { method: "PUT", path: subscription, body: terms, answer: order },
  change: { method: "PATCH", path: subscription, body: terms, answer: order },
  cancel: {
    method: "DELETE",
    path: subscription,
    query: { callbackUrl: "{/callbackUrl}", withdraws: "{/withdraws}" },
    answer: order,
  },
  grant: {
    method: "PUT",
    path: access,
    body: {
      parameters: { $value: "/access/parameters" },
      password: { $value: "/access/password" },
      replaces: { $value: "/access/replaces" },
      callbackUrl: { $value: "/callbackUrl" },
    },
    answer: order,
  },
  revoke: {
    method: "DELETE",
    path: access,
    query: { callbackUrl: "{/callbackUrl}", withdraws: "{/withdraws}" },
    answer: order,
  },
  status: { method: "GET", path: "/orders/{/order}", answer: order },
  subscription: {
    method: "GET",
    path: subscription,
    answer: {
      state: "/state",
      states: { completed: ["active", "ordered"], gone: ["cancelled"] },
      dashboardUrl: "/dashboardUrl",
    },
  },
  access: {
    method: "GET",
    path: access,
    answer: { state: "/state", states: { completed: ["active", "ordered"], gone: ["revoked"] } },
  },
  list: {
    method: "GET",
    path: "/subscriptions",
    query: { cursor: "{/cursor}" },
    answer: {
      items: "/subscriptions",
      next: "/next",
      id: "/id",
      name: "/name",
      key: "/key",
      accesses: "/accesses",
      accessId: "/id",
    },
  },
  usage: {
    method: "GET",
    path: `${subscription}/usage`,
    query: { from: "{/from}", to: "{/to}" },
    answer: { items: "/usage", meter: "/meter", quantity: "/quantity", unit: "/unit", from: "/from", to: "/to" },
  },
  callback: { key: "/data/key" },
};
