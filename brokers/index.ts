/** The adapter kinds by name; a new provider is one folder and one line here. */
import type { AdapterKind } from "#adapter";
import aws from "./aws/index.ts";
import kubernetes from "./kubernetes/index.ts";
import manual from "./manual/index.ts";
import openstack from "./openstack/index.ts";
import opentofu from "./opentofu/index.ts";
import osb from "./osb/index.ts";
import postgresql from "./postgresql/index.ts";
import s3 from "./s3/index.ts";
import saas from "./saas/index.ts";

export const adapterKinds: ReadonlyMap<string, AdapterKind> = new Map(
  [aws, kubernetes, manual, openstack, opentofu, osb, postgresql, s3, saas].map((kind) => [kind.name, kind]),
);
