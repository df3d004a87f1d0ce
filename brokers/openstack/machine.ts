/** Self-managed virtual machines. */
import { machineSchema } from "./machine-plan.ts";
import type { Offer } from "./offer.ts";

const later = () => Promise.reject(new Error("Machines are not made yet."));

export const machine: Offer = {
  kind: "machine",
  backend: machineSchema,
  open: () => ({
    provision: later,
    deprovision: later,
    check: () => Promise.resolve(undefined),
    inventory: () => Promise.resolve([]),
  }),
};
