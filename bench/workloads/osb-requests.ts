/** The OSB requests the workloads send. */
import { offeringId, parameters, planId, planIndex } from "../harness/offerings.ts";
import type { RequestSpec } from "../harness/request.ts";
import { authorization, seededSpace } from "../subjects/lotse.ts";

export type Headers = RequestSpec["headers"];

/** What every OSB request carries; the yardsticks get it too, so that their requests are as long. */
export const osbHeaders: Headers = { Authorization: authorization, "X-Broker-API-Version": "2.17" };

export const getCatalog = (more: Headers = {}, expect = 200): RequestSpec => ({
  method: "GET",
  path: "/v2/catalog",
  headers: { ...osbHeaders, ...more },
  expect,
});

/** The plan of the first offering as deletions and polls name it. */
export const planQuery = (execution: keyof typeof planIndex): string =>
  `service_id=${offeringId(0)}&plan_id=${planId(0, planIndex[execution])}`;

/** The body of a provision request for a plan of the first offering, or of another. */
export const provisionBody = (execution: keyof typeof planIndex, size: keyof typeof parameters, offering = 0): string =>
  JSON.stringify({
    service_id: offeringId(offering),
    plan_id: planId(offering, planIndex[execution]),
    organization_guid: "0f9d1c6e-6f0b-4c3e-9d0e-0c2b7f3f1a01",
    space_guid: "7b1d9a52-2a63-4f58-8f53-5e1f6c0d7a02",
    context: { platform: "benchmark" },
    parameters: parameters[size],
  });

/** A new instance of the synchronous plan, each time another. */
export const putInstance: RequestSpec = {
  method: "PUT",
  path: "/v2/service_instances/{id}?accepts_incomplete=true",
  headers: osbHeaders,
  body: provisionBody("sync", "small"),
  ids: "fresh",
  expect: 201,
};

/** One of the seeded instances, at random. */
export const getInstance = (count: number): RequestSpec => ({
  method: "GET",
  path: "/v2/service_instances/{id}",
  headers: osbHeaders,
  ids: { space: seededSpace, count },
  expect: 200,
});

/** As platforms ask: with the operation they were told. */
export const getLastOperation = (count: number): RequestSpec => ({
  ...getInstance(count),
  path: `/v2/service_instances/{id}/last_operation?${planQuery("sync")}&operation={id}`,
});
