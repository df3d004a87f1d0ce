/** The file by which kubectl and every other client find the cluster (Kubernetes: kubeconfig v1). */
import { stringify } from "yaml";

export interface Login {
  readonly server: string;
  /** PEM; absent: the system's authorities. */
  readonly ca: string | undefined;
  readonly namespace: string;
  readonly user: string;
  readonly token: string;
}

export function kubeconfig({ server, ca, namespace, user, token }: Login): string {
  const authority = ca === undefined ? {} : { "certificate-authority-data": Buffer.from(ca).toString("base64") };
  return stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "cluster", cluster: { server, ...authority } }],
      users: [{ name: user, user: { token } }],
      contexts: [{ name: namespace, context: { cluster: "cluster", user, namespace } }],
      "current-context": namespace,
    },
    // Long tokens stay on one line: some readers take no folded text.
    { lineWidth: 0 },
  );
}
