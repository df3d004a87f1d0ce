/** Every expected "no" to a caller: its HTTP status, its code that never changes meaning, and its words. */

/** An expected "no". `error` is OSB's error code where one is defined, else Lotse's own CamelCase word. */
export interface Refusal {
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 410 | 412 | 413 | 415 | 417 | 422 | 500 | 503;
  readonly error: RefusalCode;
  /** For the person ordering: what was wrong and what to do. */
  readonly description: string;
  /** OSB: only on errors of update and deprovision. */
  readonly usable?: boolean;
  /** OSB: only on errors of update. */
  readonly repeatable?: boolean;
}

/** The codes, and what each says. The OpenAPI documents list every one of them. */
export const refusalCodes = {
  // Defined by OSB 2.17, Error Codes. Descriptions as the widely used Go client expects them, word for word.
  AsyncRequired: "This service plan requires client support for asynchronous service operations.",
  ConcurrencyError: "The Service Broker does not support concurrent requests that mutate the same resource.",
  RequiresApp: "This service supports generation of credentials through binding an application only.",
  MaintenanceInfoConflict:
    "The maintenance_info.version of the request differs from the one in the catalog. Fetch the catalog and try again.",
  // Lotse's own.
  Unauthorized: "The credentials are missing or wrong.",
  ApiVersionMissing: "The header X-Broker-API-Version is missing. Send the version you speak, for example 2.17.",
  ApiVersionUnsupported: "The header X-Broker-API-Version names a version this broker does not speak.",
  MalformedRequest: "The request is malformed.",
  InvalidParameters: "The parameters do not fit the plan.",
  UnknownPlan:
    "The service_id or plan_id is not one of this broker's catalog. Both are ids, not names: see GET /v2/catalog.",
  PlanMismatch: "The service_id or plan_id is not the one of the instance.",
  NotBindable: "This plan cannot be bound.",
  NotRotatable: "This plan's bindings cannot be rotated.",
  InvalidPredecessor: "The predecessor_binding_id does not name a binding that can be rotated.",
  InstanceUnusable: "The service instance cannot be used in its present state.",
  HasBindings: "The service instance still has bindings. Remove them first.",
  PlanChangeNotSupported: "The instance cannot be moved to this plan.",
  UpdateNotSupported: "The instance cannot be changed in this way.",
  NotFound: "There is no such thing here.",
  MethodNotAllowed: "This path does not know the method.",
  Gone: "The resource does not exist any more.",
  Conflict: "A resource with this id exists with other attributes.",
  PayloadTooLarge: "The request body is too large.",
  ProvisionFailed: "The service instance could not be provisioned.",
  UpdateFailed: "The service instance could not be updated.",
  DeprovisionFailed: "The service instance could not be removed.",
  BindFailed: "The binding could not be created.",
  UnbindFailed: "The binding could not be removed.",
  TimedOut: "The provider did not finish in time.",
  Unavailable: "The broker cannot answer just now. Try again shortly.",
  InternalError: "The broker met an unexpected error. Its log has the details under the request identity.",
} as const;

export type RefusalCode = keyof typeof refusalCodes;

/** A refusal with the code's own words, or better ones for the occasion. */
export function refuse(
  status: Refusal["status"],
  error: RefusalCode,
  description: string = refusalCodes[error],
  hints: { readonly usable?: boolean; readonly repeatable?: boolean } = {},
): Refusal {
  return { status, error, description, ...hints };
}

export const asyncRequired = (): Refusal => refuse(422, "AsyncRequired");
export const concurrency = (): Refusal => refuse(422, "ConcurrencyError");
export const malformed = (description: string): Refusal => refuse(400, "MalformedRequest", description);
