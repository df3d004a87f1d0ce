/** The OSB requests the workloads send. */
import { offeringId, parameters, planId, planIndex } from "../harness/offerings.ts";
import type { RequestSpec } from "../harness/request.ts";
import { seededSpace } from "../subjects/subject.ts";

export type Headers = RequestSpec["headers"];

/** What every OSB request carries. */
export const osbHeaders = (authorization: string): Headers => ({
  Authorization: authorization,
  "X-Broker-API-Version": "2.17",
});

/** Credentials for the yardsticks, as long as real ones, so that their requests are as long as the broker's. */
export const anyAuthorization = `Basic ${Buffer.from("platform:correct-horse-battery-staple").toString("base64")}`;

export const getCatalog = (headers: Headers, more: Headers = {}, expect = 200): RequestSpec => ({
  method: "GET",
  path: "/v2/catalog",
  headers: { ...headers, ...more },
  expect,
});

/** The body of a provision request for a plan of the first offering. */
export const provisionBody = (execution: "sync" | "async", size: keyof typeof parameters): string =>
  JSON.stringify({
    service_id: offeringId(0),
    plan_id: planId(0, planIndex[execution]),
    organization_guid: "0f9d1c6e-6f0b-4c3e-9d0e-0c2b7f3f1a01",
    space_guid: "7b1d9a52-2a63-4f58-8f53-5e1f6c0d7a02",
    context: { platform: "benchmark" },
    parameters: parameters[size],
  });

/** A new instance of the synchronous plan, each time another. */
export const putInstance = (headers: Headers): RequestSpec => ({
  method: "PUT",
  path: "/v2/service_instances/{id}?accepts_incomplete=true",
  headers,
  body: provisionBody("sync", "small"),
  ids: "fresh",
  expect: 201,
});

/** One of the seeded instances, at random. */
export const getInstance = (headers: Headers, count: number): RequestSpec => ({
  method: "GET",
  path: "/v2/service_instances/{id}",
  headers,
  ids: { space: seededSpace, count },
  expect: 200,
});

export const getLastOperation = (headers: Headers, count: number): RequestSpec => ({
  ...getInstance(headers, count),
  path: "/v2/service_instances/{id}/last_operation",
});
