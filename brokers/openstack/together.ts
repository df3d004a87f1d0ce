/** Several things asked at once. */

/**
 * Waits until all have ended, also where one has failed: a call that has thrown leaves nothing going on behind, which would
 * meet the repeat of the same call.
 */
export async function together<T extends readonly unknown[]>(
  work: { readonly [K in keyof T]: T[K] | Promise<T[K]> },
): Promise<T> {
  const ended = await Promise.allSettled(work as readonly unknown[]);
  for (const one of ended) if (one.status === "rejected") throw one.reason;
  return ended.map((one) => (one as PromiseFulfilledResult<unknown>).value) as unknown as T;
}
