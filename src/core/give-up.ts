/** Decides what happens to an operation that was to be done within its request and was not (patience ran out). */
import { auditOf, type Change } from "./change.ts";
import type { Binding, Instance, Millis, Operation } from "./model.ts";
import { cleanupAfter } from "./settle.ts";

export const patienceText = "The provider did not finish in time. What was begun is being undone.";

/**
 * A create or update is cancelled and undone by our own clean-up, since its request is about to be answered 500.
 * A removal goes on: it cannot be taken back, and a repeated DELETE will find it under way or done. So does the first
 * update of an adopted instance, which is never undone by itself. Then: no changes.
 */
export function decideGiveUp(
  operation: Operation,
  instance: Instance,
  binding: Binding | undefined,
  moment: { readonly now: Millis; readonly token: string },
): readonly Change[] {
  const cleanup = cleanupAfter(operation, instance, moment);
  if (cleanup === undefined) return [];
  const held = { operation: cleanup.token };
  const subject: Change =
    binding === undefined
      ? {
          update: "instance",
          uid: instance.uid,
          version: instance.version,
          set:
            operation.kind === "update"
              ? { ...held, state: "ready" }
              : { ...held, state: "provision-failed", usable: false },
          at: moment.now,
        }
      : {
          update: "binding",
          uid: binding.uid,
          version: binding.version,
          set: { ...held, state: "bind-failed" },
          at: moment.now,
        };
  return [
    {
      update: "operation",
      token: operation.token,
      only: { state: "open" },
      set: { state: "failed", description: patienceText, clean: false, finishedAt: moment.now },
    },
    subject,
    { insert: "operation", row: cleanup },
    auditOf(operation, moment.now, "failed", { patience: true }),
  ];
}
