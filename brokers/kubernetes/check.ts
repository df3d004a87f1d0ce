/** Whether the account is fit for its work, found out without changing anything. */
import type { JsonObject } from "#adapter";
import { Told } from "./api.ts";
import type { Objects } from "./objects.ts";
import { walk } from "./template.ts";

interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
}

/** Undefined, or what is wrong and what to do. */
export async function check(objects: Objects, signal: AbortSignal): Promise<string | undefined> {
  const { server, namespace, resources } = objects.api.account;
  try {
    const records = ["get", "list", "create", "patch", "delete"].map((verb) => ({
      verb,
      group: "",
      resource: "configmaps",
      namespace,
    }));
    const made = resources.flatMap((name) => {
      const [resource = "", ...group] = name.split(".");
      return ["get", "create", "patch", "delete"].map((verb) => ({ verb, group: group.join("."), resource }));
    });
    const missing: string[] = [];
    for (const right of [...records, ...made]) if (!(await has(objects, right, signal))) missing.push(wordsFor(right));
    if (missing.length > 0)
      return `The account at ${server} lacks rights: ${missing.join(", ")}. Bind the role in brokers/kubernetes/README.md.`;
    const there = await exists(objects, namespace, signal);
    return there
      ? undefined
      : `The namespace "${namespace}" does not exist at ${server}. Make it; Lotse keeps its records there.`;
  } catch (error) {
    return `The API server ${server} cannot be used: ${reasonOf(error)}`;
  }
}

async function has({ api }: Objects, right: Right, signal: AbortSignal): Promise<boolean> {
  const body = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: { resourceAttributes: { ...right } },
  };
  const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  const told: JsonObject = await api.ask({ method: "POST", path, body }, signal);
  return walk(told, ["status", "allowed"]) === true;
}

/** A rehearsed record needs no right beyond those that records need anyway. */
async function exists({ api }: Objects, namespace: string, signal: AbortSignal): Promise<boolean> {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps`;
  const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { generateName: "lotse-check-", namespace } };
  try {
    await api.ask({ method: "POST", path, query: { dryRun: "All" }, body }, signal);
    return true;
  } catch (error) {
    if (error instanceof Told && error.code === 404) return false;
    throw error;
  }
}

const wordsFor = ({ verb, resource, group, namespace }: Right): string =>
  `${verb} ${resource}${group === "" ? "" : `.${group}`}${namespace === undefined ? "" : ` in ${namespace}`}`;

function reasonOf(error: unknown): string {
  if (error instanceof Told && error.code === 401)
    return "it refuses the credentials (401). Check token, tokenFile, or clientCertificate and clientKey.";
  if (error instanceof Told && error.code === 404) return "it does not answer like one (404). Check server.";
  if (!(error instanceof Error)) return "no answer.";
  if (error.cause !== undefined) return reasonOf(error.cause);
  const { code } = error as { readonly code?: unknown };
  return `${error.message || String(code ?? "no answer")}.`;
}
