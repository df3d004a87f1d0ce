/** A Kubernetes peer as its administrator sees it, and stand-ins that write into it what absent controllers would write. */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { Test } from "tap";
import { Agent, request } from "undici";
import { parseAllDocuments } from "yaml";
import type { Json, JsonObject } from "../../src/core/adapter.ts";
import type { Facts } from "../peers/peer.ts";

export interface Told {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever kind was asked for, looked at by the test that knows it.
  readonly body: any;
}

export interface Cluster {
  readonly server: string;
  readonly ca: string;
  ask(method: string, path: string, body?: Json, headers?: Readonly<Record<string, string>>): Promise<Told>;
  /** The body; throws what the server says if it says no. */
  get(path: string): Promise<Told["body"]>;
  /** Makes it or brings it to this, taking fields away from whoever had them. */
  apply(path: string, object: JsonObject, manager?: string): Promise<Told["body"]>;
  close(): Promise<void>;
}

export function clusterOf(facts: Facts): Cluster {
  const { server, ca, certificate, key } = facts as Record<string, string> as {
    readonly [name in "server" | "ca" | "certificate" | "key"]: string;
  };
  const dispatcher = new Agent({ connect: { ca, cert: certificate, key } });
  const cluster: Cluster = {
    server,
    ca,
    async ask(method, path, body, headers = {}) {
      const answer = await request(`${server}${path}`, {
        method: method as "GET",
        dispatcher,
        headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await answer.body.text();
      return { status: answer.statusCode, body: text.startsWith("{") ? JSON.parse(text) : text };
    },
    async get(path) {
      return said(await cluster.ask("GET", path), path);
    },
    async apply(path, object, manager = "test") {
      const headers = { "content-type": "application/apply-patch+yaml" };
      return said(await cluster.ask("PATCH", `${path}?fieldManager=${manager}&force=true`, object, headers), path);
    },
    close: () => dispatcher.destroy(),
  };
  return cluster;
}

/** The server said no. */
class No extends Error {}

function said({ status, body }: Told, path: string): Told["body"] {
  if (status > 299) throw new No(`${path}: ${status} ${body.message}`);
  return body;
}

/** The token of a ServiceAccount, as its owner would ask for it. */
export async function tokenFor(cluster: Cluster, namespace: string, name: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
  const { status } = said(await cluster.ask("POST", path, body), path);
  return status.token;
}

/** What the adapter's README tells operators to apply, as it stands there. */
export function manifestsInReadme(): readonly JsonObject[] {
  const readme = readFileSync(new URL("../../brokers/kubernetes/README.md", import.meta.url), "utf8");
  const blocks = [...readme.matchAll(/```yaml\n# apply\n([\s\S]*?)```/g)].map(([, block]) => block ?? "");
  return parseAllDocuments(blocks.join("\n---\n")).map((document) => document.toJS() as JsonObject);
}

const pathOf: Readonly<Record<string, string>> = {
  Namespace: "/api/v1/namespaces",
  ServiceAccount: "/api/v1/namespaces/NS/serviceaccounts",
  ConfigMap: "/api/v1/namespaces/NS/configmaps",
  ResourceQuota: "/api/v1/namespaces/NS/resourcequotas",
  Role: "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/roles",
  RoleBinding: "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/rolebindings",
  ClusterRole: "/apis/rbac.authorization.k8s.io/v1/clusterroles",
  ClusterRoleBinding: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
};

/** Brings objects of these kinds to the cluster, in their order. */
export async function applyAll(cluster: Cluster, objects: readonly JsonObject[]): Promise<void> {
  for (const object of objects) {
    const { name, namespace = "" } = object.metadata as { readonly name: string; readonly namespace?: string };
    await cluster.apply(`${pathOf[String(object.kind)]?.replace("NS", namespace)}/${name}`, object);
  }
}

export interface Crd {
  readonly group: string;
  readonly version: string;
  /** Served before, and no longer. */
  readonly retired?: string;
  readonly kind: string;
  readonly plural: string;
  /** Of the object's spec; absent: anything. */
  readonly spec?: JsonObject;
}

/** Brings kinds to the cluster, and waits until it serves them. */
export async function installCrds(cluster: Cluster, crds: readonly Crd[]): Promise<void> {
  const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  for (const { group, version, retired, kind, plural, spec = anything } of crds) {
    const name = `${plural}.${group}`;
    const schema = { type: "object", properties: { spec, status: anything } };
    await cluster.apply(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`, {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name },
      spec: {
        group,
        scope: "Namespaced",
        names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
        versions: [version, ...(retired === undefined ? [] : [retired])].map((name) => ({
          name,
          served: name === version,
          storage: name === version,
          schema: { openAPIV3Schema: schema },
          subresources: { status: {} },
        })),
      },
    });
  }
  for (const { group, version, plural } of crds)
    await until(async () => (await cluster.ask("GET", `/apis/${group}/${version}/${plural}`)).status === 200);
}

/** Looks until it holds; for what a server does in its own time. */
export async function until(holds: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error("It did not come about.");
    await wait(50);
  }
}

export interface StandIn {
  stop(): Promise<void>;
}

/** Does what a controller would, for every object of a kind, until it is stopped. */
export function standIn(
  cluster: Cluster,
  { group, version, plural }: Crd,
  reconcile: (object: Told["body"]) => Promise<void>,
): StandIn {
  const stopped = new AbortController();
  const done = (async () => {
    while (!stopped.signal.aborted) {
      const { body } = await cluster.ask("GET", `/apis/${group}/${version}/${plural}`);
      for (const object of body.items ?? []) await reconcile(object).catch(againUnlessBroken);
      await wait(100);
    }
  })();
  return {
    async stop() {
      stopped.abort();
      await done;
    },
  };
}

/** What the server said no to is tried again on the next round. */
function againUnlessBroken(error: unknown): void {
  if (!(error instanceof No)) throw error;
}

export interface Fault {
  /** The answer to give in place of the server's, which is not asked then; undefined: as usual. */
  readonly answer?: (
    request: IncomingMessage,
  ) => { status: number; headers?: Record<string, string>; body: Json } | undefined;
  /** Loses this one, counted from 1: the request before it takes effect, or the answer after it did. */
  readonly loses?: number;
  /** `after` if absent. */
  readonly moment?: "before" | "after";
}

export interface Proxy {
  readonly server: string;
  readonly lost: () => boolean;
}

/** Plain HTTP on loopback in front of the API server, with a fault. */
export async function proxyTo(t: Test, cluster: Cluster, fault: Fault): Promise<Proxy> {
  const dispatcher = new Agent({ connect: { ca: cluster.ca } });
  let asked = 0;
  let lost = false;
  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const own = fault.answer?.(incoming);
    if (own !== undefined) {
      outgoing.writeHead(own.status, { "content-type": "application/json", ...own.headers });
      outgoing.end(JSON.stringify(own.body));
      return;
    }
    const nth = ++asked;
    if (nth === fault.loses && fault.moment === "before") {
      lost = true;
      outgoing.destroy();
      return;
    }
    const { host, connection, "content-length": length, "transfer-encoding": encoding, ...headers } = incoming.headers;
    const answer = await request(`${cluster.server}${incoming.url}`, {
      method: incoming.method as "GET",
      dispatcher,
      headers: headers as Record<string, string>,
      ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
    });
    const body = Buffer.from(await answer.body.arrayBuffer());
    if (nth === fault.loses) {
      lost = true;
      outgoing.destroy();
      return;
    }
    outgoing.writeHead(answer.statusCode, { "content-type": "application/json" });
    outgoing.end(body);
  }
  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await dispatcher.destroy();
  });
  return { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, lost: () => lost };
}
