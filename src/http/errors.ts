/** Turns what goes wrong at the edge into a refusal: Fastify's own errors, and everything nobody expected. */
import { type Refusal, refuse } from "../core/refusal.ts";

/** Undefined for an error that nobody expected. */
export function refusalFor(error: unknown): Refusal | undefined {
  const { code, statusCode, message } = error as { code?: string; statusCode?: number; message?: string };
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return refuse(413, "PayloadTooLarge");
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return refuse(400, "MalformedRequest", "The body is not as long as Content-Length says.");
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return refuse(400, "MalformedRequest", "Content-Type must be application/json.");
    case "FST_ERR_BAD_URL":
      return refuse(400, "MalformedRequest", "The path is not properly percent-encoded.");
    default:
      if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
        return refuse(400, "MalformedRequest", message);
      return undefined;
  }
}

/** Thrown by readers of a request; becomes the refusal it holds. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.error);
    this.refusal = refusal;
  }
}
