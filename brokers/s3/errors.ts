/** What APIs answer instead of doing something, and what a person is told of it. */
import type { Outcome, Tools } from "#adapter";

/** Whether the API answered with one of these codes. */
export function isError(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}

export function statusOf(error: unknown): number | undefined {
  const { $metadata } = error as { readonly $metadata?: { readonly httpStatusCode?: number } };
  return $metadata?.httpStatusCode;
}

/** The code of an API or the network; never its text, which may repeat what it was sent. */
export function codeOf(error: unknown): string {
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown };
  return String(code ?? name ?? "no answer");
}

/** The provider's S3 does not have what the plan asks of a bucket. */
export class Lacking extends Error {}

// Ceph 16 calls encryption it does not do an invalid argument.
const lackingCodes = ["NotImplemented", "MethodNotAllowed", "InvalidArgument", "UnsupportedOperation"];

/** Runs the call; throws `Lacking` where S3 says that it does not have this feature. */
export async function orLacking(feature: string, call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isError(error, ...lackingCodes)) throw error;
    throw new Lacking(feature, { cause: error });
  }
}

const limits: ReadonlyMap<string, string> = new Map([
  ["TooManyBuckets", "has as many buckets as it may"],
  ["QuotaExceeded", "has used up its quota"],
  ["LimitExceeded", "has as many users as it may"],
  ["LimitExceededException", "has as many users as it may"],
]);

/** The provider's own "no", if the error is one. */
export function refusalOf(error: unknown, { log }: Tools, clean: boolean): Outcome | undefined {
  if (error instanceof Lacking) {
    log.warn({ err: error.cause }, "the provider lacks a feature");
    const reason = `This provider's S3 does not do ${error.message}, which the plan asks for. Choose another plan, or ask the provider.`;
    return { state: "failed", reason, clean: false, repeatable: false };
  }
  const limit = error instanceof Error ? limits.get(error.name) : undefined;
  if (limit === undefined) return undefined;
  log.warn({ err: error }, "the provider refused");
  const reason = `The provider's account ${limit}. The provider has to have its quota raised, or choose another provider's plan.`;
  return { state: "failed", reason, clean };
}
