/** A namespace as the shipped catalog sells it: an account, and what a customer does with it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Agent, request } from "undici";
import { parse } from "yaml";
import type { Access, JsonObject } from "../../src/core/adapter.ts";
import type { Ware } from "./cloud-wares.ts";
import type { Cluster, Told } from "./kubernetes.ts";
import type { Ids } from "./shop-window.ts";

interface NamespacePlan extends JsonObject {
  readonly defaults: JsonObject;
  readonly manifests: readonly JsonObject[];
}

function planInCatalog(): NamespacePlan {
  const file = new URL("../../catalog/kubernetes-namespace.yaml", import.meta.url);
  return parse(readFileSync(file, "utf8")).plans[0].backend;
}

export const namespacePlan = planInCatalog();

/** Makes more of one thing and takes another one away. */
export const largerNamespacePlan: NamespacePlan = {
  ...namespacePlan,
  defaults: { ...namespacePlan.defaults, cpu: 4 },
  manifests: namespacePlan.manifests.filter(({ kind }) => kind !== "LimitRange"),
};

/** Customers speak straight to the API server, however the broker reaches it. */
export function namespaceAccount({ server: publicServer, ca }: Cluster, server: string, secret: string): JsonObject {
  const token = { env: secret };
  return {
    adapter: "kubernetes",
    settings: { server, publicServer, publicCa: ca, token, pollMs: 500 },
  };
}

export function namespaceWare(what: string, cluster: Cluster, space: string, ids: Ids): Ware {
  const labelled = async (path: string): Promise<Told["body"][]> =>
    (await cluster.get(`${path}?labelSelector=lotse/project%3D${space}`)).items;
  const namespaces = () => labelled("/api/v1/namespaces");
  return {
    ...ids,
    what,
    parameters: {},
    async use(access) {
      const { namespace } = access.credentials as Record<string, string>;
      const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "note-" } };
      // Roles reach the API server's own memory within moments.
      for (let tries = 1; ; tries++) {
        const status = await say(access, "POST", `/api/v1/namespaces/${namespace}/configmaps`, map);
        if (status === 201) return;
        assert.ok(tries < 50, `a note is made, not answered with ${status}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    async opens(access) {
      const { namespace } = access.credentials as Record<string, string>;
      return (await say(access, "GET", `/api/v1/namespaces/${namespace}/configmaps`)) === 200;
    },
    async isLarge() {
      for (const { metadata } of await namespaces()) {
        const within = `/api/v1/namespaces/${metadata.name}`;
        const { spec } = await cluster.get(`${within}/resourcequotas/quota`);
        assert.equal(spec.hard["requests.cpu"], "4");
        assert.deepEqual((await cluster.get(`${within}/limitranges`)).items, []);
      }
    },
    things: async () => (await namespaces()).map(({ metadata }) => metadata.name),
    async inventory() {
      const paths = [
        "/api/v1/namespaces",
        "/api/v1/namespaces/lotse/configmaps",
        "/api/v1/serviceaccounts",
        "/apis/rbac.authorization.k8s.io/v1/rolebindings",
      ];
      const lists = await Promise.all(
        paths.map(async (path) => (await labelled(path)).map(({ metadata }) => `${path}/${metadata.name}`)),
      );
      return lists.flat().sort();
    },
  };
}

/** With nothing but what the access says; the answer's status. */
async function say(access: Access, method: "GET" | "POST", path: string, body?: JsonObject): Promise<number> {
  const { server, ca, token } = access.credentials as Record<string, string>;
  const dispatcher = new Agent({ connect: { ca } });
  try {
    const answer = await request(`${server}${path}`, {
      method,
      dispatcher,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    await answer.body.dump();
    return answer.statusCode;
  } finally {
    await dispatcher.destroy();
  }
}
