/** OpenStack clouds, such as those of the Sovereign Cloud Stack: virtual machines and object storage. */
import type { AdapterKind, Order, Outcome } from "#adapter";
import { LoginRefused } from "./answers.ts";
import { machine } from "./machine.ts";
import { objectStorage } from "./object-storage.ts";
import type { Offer, Verbs } from "./offer.ts";
import { destinations, readAccount, secrets, settingsSchema } from "./settings.ts";

/** One line for each kind of thing. */
const offers: readonly Offer[] = [machine, objectStorage];

const kind: AdapterKind = {
  name: "openstack",
  settings: settingsSchema,
  secrets,
  destinations,
  backend: { oneOf: offers.map(({ backend }) => backend) },
  async open(settings) {
    const account = readAccount(settings);
    // Its HTTP client is loaded when an account is there, so that a start without one stays quick.
    const { connectTo } = await import("./client.ts");
    const cloud = connectTo(account);
    const opened = offers.map((offer) => ({ kind: offer.kind, ...offer.open(cloud) }));

    function verbsFor({ plan }: Order): Verbs {
      const { kind: wanted } = plan.backend as { readonly kind?: string };
      const found = opened.find((offer) => offer.kind === wanted);
      if (found === undefined) throw new Error(`No plan of the openstack adapter has kind ${wanted}.`);
      return found;
    }

    return {
      provision: (order, tools) => verbsFor(order).provision(order, tools),
      deprovision: (order, tools) => verbsFor(order).deprovision(order, tools),
      update: (order, tools) => verbsFor(order).update?.(order, tools) ?? cannot("changed"),
      bind: (order, tools) => verbsFor(order).bind?.(order, tools) ?? cannot("bound"),
      unbind: (order, tools) => verbsFor(order).unbind?.(order, tools) ?? Promise.resolve({ state: "done" }),
      poll: (order, handle, tools) =>
        verbsFor(order).poll?.(order, handle, tools) ?? Promise.reject(new Error("Nothing was under way.")),
      fetch: (order, tools) => verbsFor(order).fetch?.(order, tools) ?? Promise.resolve(undefined),
      usage: (order, period, tools) => verbsFor(order).usage?.(order, period, tools) ?? Promise.resolve([]),
      async check(signal) {
        try {
          await cloud.session({}, signal);
        } catch (error) {
          return explainLogin(account.authUrl, error);
        }
        for (const offer of opened) {
          const wrong = await offer.check(signal);
          if (wrong !== undefined) return wrong;
        }
        return undefined;
      },
      inventory: async (signal) => (await Promise.all(opened.map((offer) => offer.inventory(signal)))).flat(),
      close: () => cloud.close(),
    };
  },
};

export default kind;

function cannot(what: string): Promise<Outcome> {
  return Promise.resolve({ state: "failed", reason: `Things of this plan cannot be ${what}.`, clean: true });
}

function explainLogin(authUrl: string, error: unknown): string {
  const status = error instanceof LoginRefused ? error.status : undefined;
  // A credential that was deleted, or a user in another domain, is answered with 404.
  if (status === 401 || (status === 404 && /could not find/i.test((error as Error).message)))
    return `Keystone at ${authUrl} refuses the credentials. Check the application credential, or username, password, project and their domains.`;
  if (status !== undefined) return `The address ${authUrl} does not answer like Keystone (${status}). Check authUrl.`;
  return `No session at ${authUrl}: ${error instanceof Error ? error.message : "no answer"}`;
}
