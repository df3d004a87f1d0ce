/** Whatever a Kubernetes API server can hold: namespaces, clusters of Cluster API, objects of any operator. */
import type { AdapterKind } from "#adapter";
import { planSchema } from "./plan.ts";
import { destinations, readAccount, secrets, settingsSchema } from "./settings.ts";

const kind: AdapterKind = {
  name: "kubernetes",
  settings: settingsSchema,
  secrets,
  destinations,
  backend: planSchema,
  async open(settings) {
    const account = readAccount(settings);
    // The rest is read when the first account is opened, so that a start without one stays quick.
    return (await import("./adapter.ts")).openAdapter(account);
  },
};

export default kind;
