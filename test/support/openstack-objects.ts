/** A project for object storage in the OpenStack peer, with an account that may make users; and what bindings do with it. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Test } from "tap";
import type { Access, JsonObject } from "../../src/core/adapter.ts";
import type { Facts } from "../peers/peer.ts";
import { patiently } from "./openstack.ts";
import { askS3 } from "./s3-request.ts";

// biome-ignore lint/suspicious/noExplicitAny: bodies of two services, each in its own shape
type Body = any;

export interface ObjectProject {
  readonly authUrl: string;
  readonly name: string;
  readonly username: string;
  readonly password: string;
  /** The role of Lotse's users. */
  readonly accessRole: string;
  /** An application credential of a mere member of the project. */
  readonly member: { readonly id: string; readonly secret: string };
  /** What is there of Lotse's, a line each; of one instance or binding, where an id is given. */
  inventory(id?: string): Promise<string[]>;
  /** A project as this account makes them for organisations, or as another does; its user is not in it. */
  makeProject(name: string, account?: "another"): Promise<void>;
  /** Projects whose name begins so. */
  removeProjects(prefix: string): Promise<void>;
  /** To Swift, as the project's administrator; `path` is below the project's account. */
  swift(method: string, path: string, init?: RequestInit): Promise<Response>;
}

export async function openObjectProject(t: Test, facts: Facts): Promise<ObjectProject> {
  const { authUrl, adminUser, adminPassword, adminProject } = facts as unknown as Record<string, string>;
  assert.ok(authUrl && adminUser && adminPassword && adminProject, "the peer tells its administrator");
  const scope = { name: adminProject, domain: { id: "default" } };
  const admin = await enter(authUrl, { name: adminUser, domain: { id: "default" }, password: adminPassword }, scope);
  const name = `objects-${randomBytes(4).toString("hex")}`;
  const password = `pw: ${randomBytes(8).toString("hex")}`;
  const keystone = async (method: string, path: string, body?: JsonObject, as = admin): Promise<Body> => {
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = { "x-auth-token": as.token, "content-type": "application/json" };
    const answer = await fetch(`${authUrl}${path}`, { method, headers, ...init });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path} was answered with ${answer.status}: ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  const { project } = await keystone("POST", "/projects", { project: { name, domain_id: "default" } });
  const { roles } = await keystone("GET", "/roles");
  const role = (wanted: string) => roles.find((one: Body) => one.name === wanted).id;
  const userWith = async (user: string, wanted: string) => {
    const made = await keystone("POST", "/users", { user: { name: user, domain_id: "default", password } });
    await keystone("PUT", `/projects/${project.id}/users/${made.user.id}/roles/${role(wanted)}`);
    return made.user.id;
  };
  const owner = await userWith(name, "admin");
  const memberId = await userWith(`${name}-member`, "member");
  const enterAs = (user: string) =>
    enter(authUrl, { name: user, domain: { id: "default" }, password }, { id: project.id });
  const [own, member] = await Promise.all([enterAs(name), enterAs(`${name}-member`)]);
  const wish = { application_credential: { name: "lotse", roles: [{ name: "member" }] } };
  const { application_credential: credential } = await patiently(() =>
    keystone("POST", `/users/${memberId}/application_credentials`, wish, member),
  );
  t.teardown(async () => {
    for (const id of [owner, memberId]) await keystone("DELETE", `/users/${id}`);
    await keystone("DELETE", `/projects/${project.id}`);
  });
  const swift: ObjectProject["swift"] = (method, path, init = {}) =>
    fetch(`${own.storageUrl}${path}`, { ...init, method, headers: { "x-auth-token": own.token, ...init.headers } });
  return {
    authUrl,
    name,
    username: name,
    password,
    accessRole: "object-access",
    member: credential,
    swift,
    async makeProject(name, account) {
      const tags = ["lotse", `lotse-account-${account ?? project.id}`];
      await keystone("POST", "/projects", { project: { name, domain_id: "default", tags } });
    },
    async removeProjects(prefix) {
      const { projects } = await keystone("GET", `/projects?name__startswith=${encodeURIComponent(prefix)}`);
      for (const one of projects) await keystone("DELETE", `/projects/${one.id}`);
    },
    async inventory(id = "") {
      const containers = (await (await swift("GET", "?format=json")).json()) as Body[];
      const heads = await Promise.all(
        containers
          .filter((one) => one.name.includes(id))
          .map(async (one) => {
            const { headers } = await swift("GET", `/${encodeURIComponent(one.name)}?limit=1`);
            const told = ["x-container-meta-quota-bytes", "x-versions-enabled"].map((header) => headers.get(header));
            return `container ${one.name} ${told.join(" ")}`;
          }),
      );
      const { users } = await keystone("GET", "/users?domain_id=default&name__startswith=lotse-");
      // Others' stories go on in other projects of the same cloud.
      const ours = users.filter((one: Body) => one.default_project_id === project.id && one.name.includes(id));
      return [...heads, ...ours.map((one: Body) => `user ${one.name}`)].sort();
    },
  };
}

interface Entered {
  readonly token: string;
  readonly storageUrl: string;
}

async function logIn(authUrl: string, user: JsonObject, project: JsonObject): Promise<Entered | undefined> {
  const answer = await fetch(`${authUrl}/auth/tokens`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ auth: { identity: { methods: ["password"], password: { user } }, scope: { project } } }),
  });
  const { token } = (await answer.json()) as Body;
  if (answer.status === 401) return undefined;
  assert.equal(answer.status, 201, "Keystone answers");
  const store = token.catalog.find((one: Body) => one.type === "object-store");
  return {
    token: answer.headers.get("x-subject-token") ?? "",
    storageUrl: store.endpoints.find((one: Body) => one.interface === "public").url,
  };
}

async function enter(authUrl: string, user: JsonObject, project: JsonObject): Promise<Entered> {
  const entered = await logIn(authUrl, user, project);
  assert.ok(entered !== undefined, "Keystone lets the story in");
  return entered;
}

/** A binding's S3 as a customer uses it. */
export function bucketOf({ credentials = {} }: Access) {
  const { bucket, endpoint, region, accessKeyId, secretAccessKey } = credentials as Record<string, string>;
  assert.ok(bucket && endpoint && region && accessKeyId && secretAccessKey, "the access speaks S3");
  const access = { endpoint, region, accessKeyId, secretAccessKey };
  return (method: string, key = "", more: { readonly query?: string; readonly body?: string } = {}) =>
    askS3(access, method, `/${bucket}${key}`, more);
}

/** A binding's Swift as a customer uses it; undefined: Keystone does not let it in. `path` is below the container. */
export async function containerOf({ credentials = {} }: Access) {
  const { container, authUrl, username, userDomain, password, projectId } = credentials as Record<string, string>;
  assert.ok(authUrl && container && username && userDomain && password && projectId, "the access speaks Swift");
  const user = { name: username, domain: { name: userDomain }, password };
  const entered = await logIn(authUrl, user, { id: projectId });
  if (entered === undefined) return undefined;
  return (method: string, path = "", body?: string) =>
    fetch(`${entered.storageUrl}/${container}${path}`, {
      method,
      headers: { "x-auth-token": entered.token },
      ...(body !== undefined && { body }),
    });
}

/** Whether both ways in are open; a story fails where only one is. */
export async function opens(access: Access): Promise<boolean> {
  const [{ status }, container] = await Promise.all([bucketOf(access)("GET"), containerOf(access)]);
  const listed = await container?.("GET");
  const swift = listed?.ok === true;
  assert.equal(status === 200, swift, `S3 answers with ${status}, Swift with ${listed?.status}`);
  return swift;
}
