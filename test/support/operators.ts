/** Stand-ins for operators that the peer has not: their kinds, and what their controllers would write. */
import type { JsonObject } from "../../src/core/adapter.ts";
import type { Cluster, Crd, Told } from "./kubernetes.ts";

const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

/** As much of the operators' own schemas as the stand-ins look at: none. */
export const operatorKinds = {
  capi: { group: "cluster.x-k8s.io", version: "v1beta1", kind: "Cluster", plural: "clusters", spec: anything },
  database: { group: "postgresql.cnpg.io", version: "v1", kind: "Cluster", plural: "clusters", spec: anything },
  role: { group: "postgresql.cnpg.io", version: "v1", kind: "DatabaseRole", plural: "databaseroles", spec: anything },
  queue: {
    group: "rabbitmq.com",
    version: "v1beta1",
    kind: "RabbitmqCluster",
    plural: "rabbitmqclusters",
    spec: anything,
  },
  user: { group: "rabbitmq.com", version: "v1beta1", kind: "User", plural: "users", spec: anything },
  permission: { group: "rabbitmq.com", version: "v1beta1", kind: "Permission", plural: "permissions", spec: anything },
} satisfies Record<string, Crd>;

async function secretFor(cluster: Cluster, namespace: string, name: string, stringData: JsonObject): Promise<void> {
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
  await cluster.apply(path, { apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, stringData });
}

/** Cluster API: writes the endpoint, a kubeconfig Secret and conditions; a finalizer lets it clean up. */
export async function buildCluster(cluster: Cluster, object: Told["body"]): Promise<void> {
  const { name, namespace, generation, deletionTimestamp } = object.metadata;
  const path = `/apis/cluster.x-k8s.io/v1beta1/namespaces/${namespace}/clusters/${name}`;
  const like = { apiVersion: "cluster.x-k8s.io/v1beta1", kind: "Cluster" };
  const finalizers = ["cluster.cluster.x-k8s.io"];
  if (deletionTimestamp !== undefined) {
    await cluster.ask("DELETE", `/api/v1/namespaces/${namespace}/secrets/${name}-kubeconfig`);
    await cluster.apply(path, { ...like, metadata: { finalizers: [] } }, "capi");
    return;
  }
  const controlPlaneEndpoint = { host: `${name}.example`, port: 6443 };
  const seen = await cluster.apply(path, { ...like, metadata: { finalizers }, spec: { controlPlaneEndpoint } }, "capi");
  const server = `https://${name}.example:6443`;
  const kubeconfig = { apiVersion: "v1", kind: "Config", clusters: [{ name, cluster: { server } }] };
  await secretFor(cluster, namespace, `${name}-kubeconfig`, { value: JSON.stringify(kubeconfig) });
  if (generation !== seen.metadata.generation) return;
  const workers = seen.spec.topology.workers.machineDeployments[0].replicas;
  const conditions = [{ type: "Ready", status: "True" }];
  await cluster.apply(
    `${path}/status`,
    { ...like, status: { phase: "Provisioned", observedGeneration: generation, workers, conditions } },
    "capi",
  );
}

/** CloudNativePG: the cluster becomes ready, its authority's Secret is there. */
export async function buildDatabase(cluster: Cluster, object: Told["body"]): Promise<void> {
  const { name, namespace, deletionTimestamp } = object.metadata;
  if (deletionTimestamp !== undefined) return;
  await secretFor(cluster, namespace, `${name}-ca`, { "ca.crt": "CA" });
  await cluster.apply(
    `/apis/postgresql.cnpg.io/v1/namespaces/${namespace}/clusters/${name}/status`,
    {
      apiVersion: "postgresql.cnpg.io/v1",
      kind: "Cluster",
      status: { phase: "Cluster in healthy state", conditions: [{ type: "Ready", status: "True" }] },
    },
    "cnpg",
  );
}

/** CloudNativePG: a role is applied once its password's Secret is there. */
export async function makeRole(cluster: Cluster, object: Told["body"]): Promise<void> {
  const { name, namespace, generation } = object.metadata;
  await cluster.get(`/api/v1/namespaces/${namespace}/secrets/${object.spec.passwordSecret.name}`);
  await cluster.apply(
    `/apis/postgresql.cnpg.io/v1/namespaces/${namespace}/databaseroles/${name}/status`,
    {
      apiVersion: "postgresql.cnpg.io/v1",
      kind: "DatabaseRole",
      status: { applied: true, observedGeneration: generation },
    },
    "cnpg",
  );
}

/** RabbitMQ's operators: what they made is ready under one condition, and a user has credentials in a Secret. */
export const readyUnder =
  ({ group, version, kind, plural }: Crd, type: string) =>
  async (cluster: Cluster, object: Told["body"]): Promise<void> => {
    const { name, namespace } = object.metadata;
    if (kind === "User")
      await secretFor(cluster, namespace, `${name}-user-credentials`, { username: `u-${name}`, password: "p/ä s" });
    await cluster.apply(
      `/apis/${group}/${version}/namespaces/${namespace}/${plural}/${name}/status`,
      { apiVersion: `${group}/${version}`, kind, status: { conditions: [{ type, status: "True" }] } },
      "rabbitmq",
    );
  };
