/** The Kubernetes adapter on a real API server: the promises, and what customers and operators see of each plan. */
import { readFileSync } from "node:fs";
import t, { type Test } from "tap";
import { Agent, request } from "undici";
import { parse } from "yaml";
import kind from "../../brokers/kubernetes/index.ts";
import { type Access, type Adapter, type Json, type JsonObject, Secret } from "../../src/core/adapter.ts";
import {
  applyAll,
  type Cluster,
  type Crd,
  clusterOf,
  type Fault,
  installCrds,
  manifestsInReadme,
  proxyTo,
  standIn,
  type Told,
  tokenFor,
  until,
} from "../support/kubernetes.ts";
import { buildCluster, buildDatabase, makeRole, operatorKinds, readyUnder } from "../support/operators.ts";
import { onPeer } from "../support/peers.ts";
import { closedPort, silentWire } from "../support/wire.ts";
import {
  type BindingThing,
  type Final,
  keepsEveryPromise,
  openStage,
  type Stage,
  type Subject,
  type Thing,
} from "./promise.ts";

const thingKind = {
  group: "lotse.example",
  version: "v1",
  kind: "Thing",
  plural: "things",
  spec: {
    type: "object",
    properties: {
      size: { type: "integer", maximum: 100 },
      text: { type: "string" },
      flag: { type: "boolean" },
    },
  },
} satisfies Crd;

/** The plan as the catalog has it. */
function planInCatalog(file: string, name: string): Json {
  const offering = parse(readFileSync(new URL(`../../catalog/${file}.yaml`, import.meta.url), "utf8"));
  return offering.plans.find((plan: { name: string }) => plan.name === name).backend;
}

// ---- plans of the tests -------------------------------------------------------------------------------------------

function thingNamed(name: string): JsonObject {
  return {
    apiVersion: "lotse.example/v1",
    kind: "Thing",
    metadata: { namespace: "promises", name },
    spec: { size: "{{ parameters.size }}" },
  };
}

function referenceTo(name: string): JsonObject {
  return { apiVersion: "lotse.example/v1", kind: "Thing", namespace: "promises", name };
}

const note = (ending: string): JsonObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace: "promises", name: `{{ name }}-${ending}` },
  data: { size: "{{ parameters.size }} GiB" },
});

const account = { namespace: "promises", name: "{{ binding.name }}" };

const binding: JsonObject = {
  manifests: [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: account },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: account,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "door" },
      subjects: [{ kind: "ServiceAccount", ...account }],
    },
  ],
  sources: { key: { token: { namespace: "promises", serviceAccount: "{{ binding.name }}" } } },
  credentials: { kubeconfig: "{{ key.kubeconfig }}", token: "{{ key.token }}" },
};

const promised = { defaults: { size: 1 }, manifests: [thingNamed("{{ name }}"), note("small")], binding };
const promisedLarger = { defaults: { size: 1 }, manifests: [thingNamed("{{ name }}"), note("larger")], binding };

const templated = {
  manifests: [
    {
      apiVersion: "lotse.example/v1",
      kind: "Thing",
      metadata: {
        namespace: "promises",
        name: "{{ name }}",
        annotations: { "lotse.example/text": "{{ parameters.text }}" },
      },
      spec: { size: "{{ parameters.size }}", flag: "{{parameters.flag}}", text: "<{{ parameters.text }}>" },
    },
  ],
  defaults: { size: 7, flag: true },
};

const limited = {
  manifests: [{ apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "limited", name: "{{ name }}" } }],
};

await onPeer(t, "kubernetes", async (facts) => {
  const cluster = clusterOf(facts);
  t.teardown(() => cluster.close());
  await prepare(cluster);
  const token = await tokenFor(cluster, "lotse", "lotse");
  const open = (more: JsonObject = {}, as = token): Promise<Adapter> =>
    kind.open({
      values: { server: cluster.server, ca: cluster.ca, pollMs: 50, ...more },
      secrets: { token: new Secret(as) },
    });

  // ---- what a customer does ---------------------------------------------------------------------------------------

  /** With nothing but what the kubeconfig says. */
  async function say(access: Access, method: string, path: string, body?: Json): Promise<Told> {
    const config = parse(String((access.credentials as JsonObject).kubeconfig));
    const { server, "certificate-authority-data": ca } = config.clusters[0].cluster;
    const dispatcher = new Agent({ connect: { ca: Buffer.from(ca, "base64").toString() } });
    try {
      const answer = await request(`${server}${path}`, {
        method: method as "GET",
        dispatcher,
        headers: { authorization: `Bearer ${config.users[0].user.token}`, "content-type": "application/json" },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: answer.statusCode, body: await answer.body.json() };
    } finally {
      await dispatcher.destroy();
    }
  }

  /** Whether it opens the door; roles reach the API server's own memory within moments. */
  async function works(access: Access): Promise<boolean> {
    const look = async () => (await say(access, "GET", "/api/v1/namespaces/promises/configmaps/door")).status === 200;
    for (let agreeing = 0, last: boolean | undefined; ; ) {
      const now = await look();
      agreeing = now === last ? agreeing + 1 : 0;
      last = now;
      if (agreeing === 2) return now;
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }

  // ---- the promises -----------------------------------------------------------------------------------------------

  /** What carries Lotse's marks, and what it says. */
  async function inventory(id = "lotse"): Promise<string[]> {
    const paths = [
      "/apis/lotse.example/v1/namespaces/promises/things",
      "/api/v1/namespaces/promises/configmaps",
      "/api/v1/namespaces/promises/serviceaccounts",
      "/apis/rbac.authorization.k8s.io/v1/namespaces/promises/rolebindings",
      "/api/v1/namespaces/lotse/configmaps",
    ];
    const lists = await Promise.all(paths.map((path) => cluster.get(`${path}?labelSelector=lotse/instance`)));
    return lists
      .flatMap(({ kind: list, items }) =>
        items.map(({ metadata, spec, data }: Told["body"]) =>
          JSON.stringify([list, metadata.name, metadata.labels, spec, data && Object.keys(data)]),
        ),
      )
      .filter((line: string) => line.includes(id))
      .sort();
  }

  function subjectFor(t: Test, moment: "before" | "after" = "after"): Subject {
    return {
      open: () => open(),
      async losing(nth) {
        const { server, lost } = await proxyTo(t, cluster, { loses: nth, moment });
        return { adapter: await open({ server }), lost };
      },
      async hanging() {
        const { port, reached } = await silentWire(t);
        return { adapter: await open({ server: `http://127.0.0.1:${port}` }), reached };
      },
      broken: async () =>
        new Map([
          ["the token is wrong", await open({}, "not the token")],
          ["the token may do nothing", await open({}, await tokenFor(cluster, "promises", "default"))],
          ["nothing listens there", await open({ server: `https://127.0.0.1:${await closedPort()}` })],
          ["its authority is unknown", await open({ ca: await otherCa(cluster) })],
        ]),
      inventory,
      works,
      backend: promised,
      largerBackend: promisedLarger,
      parameters: { size: 3 },
      changedParameters: { size: 5 },
      bindingParameters: {},
      refused: { parameters: { size: "hidden words" }, text: "hidden words" },
      secrets: [token],
      atOnce: 4,
    };
  }

  await t.test("every promise is kept, and each answer lost on its way back", (t) =>
    keepsEveryPromise(t, subjectFor(t, "after")),
  );
  await t.test("every promise is kept, and each request lost on its way there", (t) =>
    keepsEveryPromise(t, subjectFor(t, "before")),
  );

  // Side by side, as most of them wait for the server most of the time.
  t.jobs = 8;
  const story = (name: string, tell: (t: Test) => Promise<void>) => void t.test(name, { buffered: true }, tell);

  // ---- journeys ---------------------------------------------------------------------------------------------------

  interface Shop {
    readonly adapter: Adapter;
    readonly stage: Stage;
    readonly thing: Thing;
    readonly name: string;
    bind(parameters?: JsonObject): Promise<{ readonly access: Access; readonly binding: BindingThing }>;
    change(parameters: JsonObject, backend?: Json): Promise<Final>;
    give(): Promise<void>;
    back(): Promise<void>;
  }

  /** An order for the length of a test; `give` provisions it. */
  async function shop(t: Test, backend: Json, parameters: JsonObject = {}): Promise<Shop> {
    const adapter = await open();
    const stage = openStage(subjectFor(t));
    const thing: Thing = { ...stage.instance(parameters), backend };
    t.teardown(async () => {
      await stage.run(adapter, "deprovision", thing);
      await adapter.close?.();
    });
    return {
      adapter,
      stage,
      thing,
      name: `lotse-${thing.id}`,
      async bind(bindingParameters = {}) {
        const binding = stage.binding(thing, bindingParameters);
        const { access } = await stage.run(adapter, "bind", binding);
        if (access === undefined) throw new Error("There is no access.");
        return { access, binding };
      },
      async change(changed, other = backend) {
        const after: Thing = { ...thing, parameters: changed, backend: other };
        const outcome = await stage.carry(adapter, stage.order("update", after), after);
        if (outcome.state === "done") thing.backend = other;
        return outcome;
      },
      give: async () => void (await stage.run(adapter, "provision", thing)),
      back: async () => void (await stage.run(adapter, "deprovision", thing)),
    };
  }

  const credentialsOf = (access: Access) => access.credentials as { readonly [name: string]: string };

  story("a namespace is ordered, used, changed, its access renewed, and given back", async (t) => {
    const plan = planInCatalog("kubernetes-namespace", "it-nord-standard");
    const [ours, theirs] = [await shop(t, plan, { cpu: 3 }), await shop(t, plan)];
    await Promise.all([ours.give(), theirs.give()]);
    const there = await cluster.get(`/api/v1/namespaces/${ours.name}`);
    t.match(there.metadata.labels, {
      "app.kubernetes.io/managed-by": "lotse",
      "lotse/instance": ours.thing.id,
      "lotse/organisation": "organisation",
      "lotse/project": "space",
    });
    t.match(there.metadata.annotations, { "lotse/operation": /^[0-9a-z]{26}$/, "lotse/platform-instance": /DROP/ });

    const { access, binding } = await ours.bind();
    const life = Date.parse(access.expiresAt ?? "") - Date.now();
    t.ok(life > 3_000_000 && life <= 3_600_000, "the token lasts an hour");
    t.ok(Date.parse(access.renewBefore ?? "") < Date.parse(access.expiresAt ?? ""), "and is to be renewed before");
    const inside = `/api/v1/namespaces/${ours.name}`;
    const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "mine" }, data: { a: "b" } };
    await until(async () => (await say(access, "GET", `${inside}/configmaps`)).status === 200);
    t.equal((await say(access, "POST", `${inside}/configmaps`, map)).status, 201, "an object is made in it");

    for (const path of [
      `/api/v1/namespaces/${theirs.name}/configmaps`,
      "/api/v1/namespaces/lotse/configmaps",
      "/api/v1/namespaces",
      `/api/v1/namespaces/${theirs.name}/secrets`,
    ])
      t.equal((await say(access, "GET", path)).status, 403, `${path} is closed`);
    const lift = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "mine" }, spec: {} };
    t.equal((await say(access, "POST", `${inside}/resourcequotas`, lift)).status, 403, "limits are not the tenant's");
    t.equal((await say(access, "DELETE", `${inside}/resourcequotas/quota`)).status, 403);
    t.equal(
      (
        await say(
          access,
          "DELETE",
          `/apis/networking.k8s.io/v1/namespaces/${ours.name}/networkpolicies/own-namespace-only`,
        )
      ).status,
      200,
      "edit may open its own namespace",
    );

    const volume = (name: string, storage: string) => ({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage } } },
    });
    t.equal((await say(access, "POST", `${inside}/persistentvolumeclaims`, volume("a", "15Gi"))).status, 201);
    const claims = `${inside}/persistentvolumeclaims`;
    t.match(await say(access, "POST", claims, volume("b", "15Gi")), {
      status: 403,
      body: { message: /exceeded quota/ },
    });
    t.equal((await ours.change({ cpu: 3, storageGiB: 40 })).state, "done");
    await until(async () => (await say(access, "POST", claims, volume("b", "15Gi"))).status === 201);
    await until(
      async () => (await cluster.get(`${inside}/resourcequotas/quota`)).status.used["requests.storage"] === "30Gi",
    );
    const order = ours.stage.order("provision", ours.thing);
    const period = { from: new Date(0), to: new Date() };
    const used = await ours.adapter.usage?.(order, period, ours.stage.tools(order.token));
    t.match(used, [
      { meter: "vcpu", quantity: "0", unit: "Cores" },
      { meter: "memory", quantity: "0", unit: "GB" },
      { meter: "stored", quantity: "32.21225472", unit: "GB" },
    ]);

    const renewed = await ours.bind();
    await until(async () => (await say(renewed.access, "GET", `${inside}/configmaps/mine`)).status === 200);
    t.equal((await say(access, "GET", `${inside}/configmaps/mine`)).status, 200, "the old access works beside the new");
    await ours.stage.run(ours.adapter, "unbind", binding);
    await until(async () => (await say(access, "GET", `${inside}/configmaps/mine`)).status !== 200);
    t.equal((await say(renewed.access, "GET", `${inside}/configmaps/mine`)).status, 200, "the new one goes on working");
    const viewer = await ours.bind({ role: "view" });
    await until(async () => (await say(viewer.access, "GET", `${inside}/configmaps`)).status === 200);
    t.equal((await say(viewer.access, "POST", `${inside}/configmaps`, map)).status, 403, "who may look cannot change");

    await Promise.all([ours.back(), theirs.back()]);
    t.equal((await cluster.ask("GET", inside)).status, 404);
    t.same(await inventory(ours.thing.id), []);
    ours.stage.nothingLeaked();
  });

  story("a whole cluster is ordered from Cluster API, used, grown, and given back", async (t) => {
    const controller = standIn(cluster, operatorKinds.capi, (object) => buildCluster(cluster, object));
    t.teardown(() => controller.stop());
    const ours = await shop(t, planInCatalog("kubernetes", "it-nord-3n"));
    const path = `/apis/cluster.x-k8s.io/v1beta1/namespaces/kaas/clusters/${ours.name}`;
    const order = ours.stage.order("provision", ours.thing);
    const first = await ours.adapter.provision(order, ours.stage.tools(order.token));
    t.match(first, { state: "pending", note: /Cluster kaas\/lotse-\w+ is not ready yet/ });
    await ours.stage.done(ours.adapter, { ...order, attempt: 2 }, ours.thing);
    t.match((await cluster.get(path)).spec.topology, {
      class: "openstack-scs-1-34-v1",
      workers: { machineDeployments: [{ replicas: 3 }] },
    });
    const { access } = await ours.bind();
    const config = parse(credentialsOf(access).kubeconfig ?? "");
    t.equal(config.clusters[0].cluster.server, credentialsOf(access).server, "the kubeconfig of its Secret");
    t.equal((await ours.change({ workers: 5 })).state, "done");
    t.equal((await cluster.get(path)).status.workers, 5, "done when the controller has seen to it");
    await ours.back();
    t.equal((await cluster.ask("GET", path)).status, 404);
    t.equal((await cluster.ask("GET", `/api/v1/namespaces/kaas/secrets/${ours.name}-kubeconfig`)).status, 404);
    t.same(await inventory(ours.thing.id), []);
    ours.stage.nothingLeaked();
  });

  story("a database of an operator is ordered, bound twice, changed, and given back", async (t) => {
    const operators = [
      standIn(cluster, operatorKinds.database, (object) => buildDatabase(cluster, object)),
      standIn(cluster, operatorKinds.role, (object) => makeRole(cluster, object)),
    ];
    t.teardown(() => Promise.all(operators.map((operator) => operator.stop())));
    const ours = await shop(t, planInCatalog("postgresql", "landesit-sued-s"));
    await ours.give();
    const [first, second] = [await ours.bind(), await ours.bind()];
    const { username, password, uri, ca, host } = credentialsOf(first.access);
    t.match(
      { username, host, ca },
      { username: `lotse_${first.binding.id}`, host: `db-rw.${ours.name}.svc`, ca: "CA" },
    );
    t.ok(uri?.includes(`${username}:${encodeURIComponent(password ?? "")}@`), "the address holds the access");
    t.not(credentialsOf(second.access).password, password, "every binding has a password of its own");
    const roles = `/apis/postgresql.cnpg.io/v1/namespaces/${ours.name}/databaseroles`;
    t.equal((await cluster.get(roles)).items.length, 2);
    await ours.stage.run(ours.adapter, "unbind", first.binding);
    t.same(
      (await cluster.get(roles)).items.map(({ spec }: Told["body"]) => spec.name),
      [`lotse_${second.binding.id}`],
    );
    t.equal((await ours.change({ storageGiB: 50 })).state, "done");
    const made = await cluster.get(`/apis/postgresql.cnpg.io/v1/namespaces/${ours.name}/clusters/db`);
    t.equal(made.spec.storage.size, "50Gi");
    await ours.back();
    t.equal((await cluster.ask("GET", `/api/v1/namespaces/${ours.name}`)).status, 404);
    t.same(await inventory(ours.thing.id), []);
    ours.stage.nothingLeaked();
  });

  story("a message broker of an operator is ordered, bound and given back", async (t) => {
    const { queue, user, permission } = operatorKinds;
    const operators = [
      standIn(cluster, queue, (object) => readyUnder(queue, "AllReplicasReady")(cluster, object)),
      standIn(cluster, user, (object) => readyUnder(user, "Ready")(cluster, object)),
      standIn(cluster, permission, (object) => readyUnder(permission, "Ready")(cluster, object)),
    ];
    t.teardown(() => Promise.all(operators.map((operator) => operator.stop())));
    const ours = await shop(t, planInCatalog("message-queue", "landesit-sued-s"));
    await ours.give();
    const { access, binding } = await ours.bind();
    const host = `queue.${ours.name}.svc`;
    t.equal(credentialsOf(access).uri, `amqp://u-lotse-${binding.id}:p%2F%C3%A4%20s@${host}:5672/%2F`);
    t.equal(access.credentials?.port, 5672, "a number stays a number");
    await ours.stage.run(ours.adapter, "unbind", binding);
    const users = `/apis/rabbitmq.com/v1beta1/namespaces/${ours.name}/users`;
    t.same((await cluster.get(users)).items, [], "its user is gone");
    await ours.back();
    t.same(await inventory(ours.thing.id), []);
    ours.stage.nothingLeaked();
  });

  // ---- templates --------------------------------------------------------------------------------------------------

  story("a value stays a value, whatever is written in it", async (t) => {
    const values = [
      "a: {b: [1, 2]}\n---\nkind: Secret\nmetadata: {name: mine}",
      '", "size": 99, "x": "',
      "{{ name }} {{ parameters.text }} {{",
      "$& $1 $` \\u0000 %7B%7B !!js/function 'x'",
      "*alias &anchor <<: [~, null, yes, 0x1F]",
    ];
    for (const text of values) {
      const ours = await shop(t, templated, { text });
      await ours.give();
      const { spec, metadata } = await cluster.get(`/apis/lotse.example/v1/namespaces/promises/things/${ours.name}`);
      t.same(spec, { size: 7, flag: true, text: `<${text}>` });
      t.equal(metadata.annotations["lotse.example/text"], text);
      await ours.back();
    }
    t.equal((await cluster.ask("GET", "/api/v1/namespaces/promises/secrets/mine")).status, 404);
  });

  await t.test(
    "structure given as a value, and a value that is missing, are refused before anything is made",
    async (t) => {
      for (const [parameters, reason] of [
        [{ text: { kind: "Secret" } }, /no text, number or boolean/],
        [{ text: ["a"] }, /no text, number or boolean/],
        [{}, /parameter "text" is missing/],
        [{ __proto__: { text: "inherited" } }, /parameter "text" is missing/],
      ] as const) {
        const ours = await shop(t, templated, parameters as JsonObject);
        const outcome = await ours.stage.carry(ours.adapter, ours.stage.order("provision", ours.thing), ours.thing);
        t.match(outcome, { state: "failed", clean: true, reason });
        t.same(await inventory(ours.thing.id), []);
      }
    },
  );

  // ---- what goes wrong --------------------------------------------------------------------------------------------

  const things = "/apis/lotse.example/v1/namespaces/promises/things";
  const refusal = async (ours: Shop) =>
    ours.stage.carry(ours.adapter, ours.stage.order("provision", ours.thing), ours.thing);

  story("what others made is neither changed nor removed", async (t) => {
    const ours = await shop(t, { manifests: [thingNamed("theirs")], defaults: { size: 1 } });
    await cluster.apply(`${things}/theirs`, { ...thingNamed("theirs"), spec: { size: 1 } });
    t.match(await refusal(ours), { state: "failed", clean: true, reason: /Thing promises\/theirs exists already/ });
    await ours.back();
    t.equal((await cluster.get(`${things}/theirs`)).spec.size, 1);
    await cluster.ask("DELETE", `${things}/theirs`);
  });

  await t.test(
    "a field that somebody else keeps is not taken away, and a refused change changes nothing",
    async (t) => {
      const ours = await shop(t, promised, { size: 3 });
      await ours.give();
      const thing = `${things}/${ours.name}`;
      await cluster.apply(thing, { apiVersion: "lotse.example/v1", kind: "Thing", spec: { size: 8 } }, "autoscaler");
      t.match(await ours.change({ size: 9 }), {
        state: "failed",
        clean: true,
        reason: /\.spec\.size was set by autoscaler since/,
      });
      t.equal((await cluster.get(thing)).spec.size, 8);
      t.match(await ours.change({ size: 1000 }, promisedLarger), { state: "failed", clean: true });
      t.equal((await cluster.ask("GET", `/api/v1/namespaces/promises/configmaps/${ours.name}-larger`)).status, 404);
    },
  );

  story("a quota that is used up is told with its numbers", async (t) => {
    const [first, second] = [await shop(t, limited), await shop(t, limited)];
    await untilCounted(cluster);
    await first.give();
    const outcome = await refusal(second);
    t.match(outcome, {
      state: "failed",
      reason: /The quota one is used up: .*more was asked for, .*=2 of .*=2 is in use/,
    });
  });

  story("a kind whose operator is missing is told, and nothing is made", async (t) => {
    const nowhere = {
      apiVersion: "nowhere.example/v1",
      kind: "Dream",
      metadata: { namespace: "promises", name: "{{ name }}" },
    };
    const ours = await shop(t, { ...promised, manifests: [...promised.manifests, nowhere] });
    t.match(await refusal(ours), {
      state: "failed",
      clean: true,
      reason: /knows no Dream of nowhere\.example\/v1.*install/,
    });
    t.same(await inventory(ours.thing.id), []);
  });

  story("a kind that is served under a new version only is still found and removed", async (t) => {
    const relic = { group: "relics.example", version: "v1", kind: "Relic", plural: "relics" };
    const definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/relics.relics.example";
    await installCrds(cluster, [relic]);
    t.teardown(() => cluster.ask("DELETE", definition));
    const name = { namespace: "promises", name: "{{ name }}" };
    const ours = await shop(t, { manifests: [{ apiVersion: "relics.example/v1", kind: "Relic", metadata: name }] });
    await ours.give();
    await installCrds(cluster, [{ ...relic, version: "v2", retired: "v1" }]);
    await until(async () => (await cluster.ask("GET", "/apis/relics.example/v1/relics")).status === 404);
    await ours.back();
    t.same((await cluster.get("/apis/relics.example/v2/relics")).items, []);
    t.same(await inventory(ours.thing.id), []);
  });

  story("what holds up a removal is told, and its finalizers are left to whoever set them", async (t) => {
    const ours = await shop(t, {
      manifests: [{ apiVersion: "v1", kind: "Namespace", metadata: { name: "{{ name }}" } }],
    });
    await ours.give();
    const held = `/api/v1/namespaces/${ours.name}/configmaps/held`;
    const metadata = { name: "held", namespace: ours.name, finalizers: ["backup.example/wait"] };
    await cluster.apply(held, { apiVersion: "v1", kind: "ConfigMap", metadata });
    const order = ours.stage.order("deprovision", ours.thing);
    let note = "";
    await until(async () => {
      const outcome = await ours.adapter.deprovision(order, ours.stage.tools(order.token));
      note = outcome.state === "pending" ? (outcome.note ?? "") : outcome.state;
      return note.includes("backup.example/wait");
    });
    t.match(note, /^Namespace lotse-\w+ is being removed\. .*backup\.example\/wait/);
    t.match(await refusal(ours), { state: "failed", reason: /is being removed at the provider. Order again/ });
    await cluster.apply(held, { apiVersion: "v1", kind: "ConfigMap", metadata: { ...metadata, finalizers: [] } });
    await ours.stage.done(ours.adapter, order, ours.thing);
  });

  story("what is not ready says why, with the last warning about it", async (t) => {
    const ours = await shop(
      t,
      {
        ...promised,
        ready: [{ of: referenceTo("{{ name }}"), condition: "Ready" }],
        failed: [{ of: referenceTo("{{ name }}"), condition: "Ready", status: "Unknown" }],
      },
      { size: 3 },
    );
    const order = ours.stage.order("provision", ours.thing);
    await ours.adapter.provision(order, ours.stage.tools(order.token));
    const { metadata } = await cluster.get(`${things}/${ours.name}`);
    const condition = (status: string) =>
      cluster.apply(`${things}/${ours.name}/status`, {
        apiVersion: "lotse.example/v1",
        kind: "Thing",
        status: { conditions: [{ type: "Ready", status, message: "no volume could be had" }] },
      });
    await condition("False");
    await cluster.ask("POST", "/api/v1/namespaces/promises/events", {
      metadata: { name: ours.name, namespace: "promises" },
      involvedObject: { uid: metadata.uid, namespace: "promises", name: ours.name, kind: "Thing" },
      type: "Warning",
      reason: "VolumeFailed",
      message: "the pool is full",
    });
    const later = await ours.adapter.poll?.(order, {}, ours.stage.tools(order.token));
    t.match(later, {
      state: "pending",
      note: /Ready: no volume could be had Last warning: VolumeFailed: the pool is full/,
    });
    await condition("Unknown");
    const end = await ours.adapter.poll?.(order, {}, ours.stage.tools(order.token));
    t.match(end, { state: "failed", clean: false, reason: /has failed. Ready: no volume could be had/ });
  });

  await t.test(
    "a busy server is left alone as long as it asks, and a list whose pages expired begins anew",
    async (t) => {
      const through = async (answer: NonNullable<Fault["answer"]>) =>
        open({ server: (await proxyTo(t, cluster, { answer })).server });
      const stage = openStage(subjectFor(t));
      const order = stage.order("provision", stage.instance());
      const busy = await through(() => ({ status: 429, headers: { "retry-after": "7" }, body: { kind: "Status" } }));
      t.match(await busy.provision(order, stage.tools(order.token)), { state: "pending", afterMs: 7000, note: /busy/ });
      let expired = 0;
      const forgetful = await through(({ url = "" }) =>
        url.includes("labelSelector") && expired++ === 0
          ? { status: 410, body: { kind: "Status", reason: "Expired" } }
          : undefined,
      );
      t.type(await forgetful.inventory?.(new AbortController().signal), Array);
      t.ok(expired > 1, "it was asked again");
      await Promise.all([busy.close?.(), forgetful.close?.()]);
    },
  );

  story("a check names the rights and the namespace that are missing", async (t) => {
    const asked = await open({ resources: ["namespaces", "clusters.cluster.x-k8s.io"] });
    t.equal(await asked.check?.(new AbortController().signal), undefined);
    const more = await open({ resources: ["nodes"] });
    t.match(
      await more.check?.(new AbortController().signal),
      /lacks rights: get nodes, create nodes, patch nodes, delete nodes/,
    );
    const elsewhere = await kind.open({
      values: {
        server: cluster.server,
        ca: cluster.ca,
        namespace: "nowhere",
        clientCertificate: String(facts.certificate),
      },
      secrets: { clientKey: new Secret(String(facts.key)) },
    });
    t.match(await elsewhere.check?.(new AbortController().signal), /namespace "nowhere" does not exist/);
    await Promise.all([asked.close?.(), more.close?.(), elsewhere.close?.()]);
  });
});

t.test("an account that contradicts itself or would speak in the clear is refused with advice", async (t) => {
  const open = (values: JsonObject, secrets: Record<string, Secret<string>> = {}) => kind.open({ values, secrets });
  const token = new Secret("token");
  await t.rejects(open({ server: "http://cluster.example" }, { token }), /must begin with https/);
  await t.rejects(open({ server: "https://cluster.example" }), /Give one of token, tokenFile/);
  await t.rejects(open({ server: "https://cluster.example", tokenFile: "x" }, { token }), /Give one of/);
  await t.rejects(
    open({ server: "https://cluster.example", ca: "nowhere.pem" }, { token }),
    /ca must be a certificate/,
  );
});

// ---- the cluster as its operators prepared it ---------------------------------------------------------------------

/** The README's role, and the rights that the plans of these tests need besides. */
async function prepare(cluster: Cluster): Promise<void> {
  const rbac = "rbac.authorization.k8s.io";
  const every = ["get", "list", "create", "patch", "delete"];
  const namespaces = ["promises", "limited", "kaas"].map((name) => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name },
  }));
  const rule = (apiGroup: string, resource: string, verbs = every) => ({
    apiGroups: [apiGroup],
    resources: [resource],
    verbs,
  });
  const more: JsonObject[] = [
    ...namespaces,
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRole",
      metadata: { name: "lotse-tests" },
      rules: [
        rule("lotse.example", "things"),
        rule("relics.example", "relics"),
        rule("", "configmaps"),
        rule(rbac, "roles", ["bind"]),
      ],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name: "lotse-tests" },
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "lotse-tests" },
      subjects: [{ kind: "ServiceAccount", namespace: "lotse", name: "lotse" }],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "Role",
      metadata: { namespace: "promises", name: "door" },
      rules: [rule("", "configmaps", ["get"])],
    },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: "promises", name: "door" }, data: {} },
    {
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { namespace: "limited", name: "one" },
      // One is the authority's that every namespace has.
      spec: { hard: { "count/configmaps": "2" } },
    },
  ];
  await applyAll(cluster, [...manifestsInReadme(), ...more]);
  await installCrds(cluster, [thingKind, ...Object.values(operatorKinds)]);
  const sa = "/api/v1/namespaces/promises/serviceaccounts/default";
  await until(async () => (await cluster.ask("GET", sa)).status === 200);
}

/** A certificate that did not sign the server's. */
async function otherCa({ ca }: Cluster): Promise<string> {
  const { createAuthority } = await import("../support/certificates.ts");
  const other = createAuthority("other").ca;
  return other === ca ? ca : other;
}

/**
 * A new quota is known to the controllers at once and to the API server's admission a moment later: what is made between is
 * not counted. So things are made until one is refused, and taken away again.
 */
async function untilCounted(cluster: Cluster): Promise<void> {
  const all = "/api/v1/namespaces/limited/configmaps";
  const made: string[] = [];
  await until(async () => {
    const name = `probe-${made.length}`;
    const probe = { apiVersion: "v1", kind: "ConfigMap", metadata: { name } };
    if ((await cluster.ask("POST", all, probe)).status === 403) return true;
    made.push(name);
    return false;
  });
  for (const name of made) await cluster.ask("DELETE", `${all}/${name}`);
  await until(async () => {
    const { used = {} } = (await cluster.get("/api/v1/namespaces/limited/resourcequotas/one")).status ?? {};
    return used["count/configmaps"] === "1";
  });
}
