/** What becomes of machines at a real OpenStack: from the order to the return, and where the cloud says no or goes wrong. */
import { randomUUID } from "node:crypto";
import t, { type Test } from "tap";
import kind from "../../brokers/openstack/index.ts";
import { type Access, type Adapter, type JsonObject, Secret } from "../../src/core/adapter.ts";
import type { Facts } from "../peers/peer.ts";
import { type CloudProject, openProject } from "../support/openstack.ts";
import { type Asked, type Loss, startCloudLine } from "../support/openstack-line.ts";
import { onPeers } from "../support/peers.ts";
import { openStage, type Stage, type Thing } from "./promise.ts";

const customersKey =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6ZcsRzfVGiHcYkZ6cHhPNI0eRE4wSgAUVn8AQqMsK8 somebody@example";

function openAccount(project: CloudProject, more: JsonObject = {}): Promise<Adapter> {
  return kind.open({
    values: {
      authUrl: project.authUrl,
      applicationCredentialId: project.credential.id,
      network: project.networkId,
      externalNetwork: "public",
      pollSeconds: 0.5,
      ...more,
    },
    secrets: { applicationCredentialSecret: new Secret(project.credential.secret) },
  });
}

/** Names of the doors that the machine's port is in. */
async function doorsOpenAt({ say, computeUrl, networkUrl }: CloudProject, { id }: Thing): Promise<string[]> {
  const { servers } = await say("GET", `${computeUrl}/servers?name=${id}`);
  const { ports } = await say("GET", `${networkUrl}/ports?device_id=${servers[0].id}`);
  const { security_groups: groups } = await say("GET", `${networkUrl}/security-groups`);
  const names = new Map<string, string>(
    (groups as { readonly id: string; readonly name: string }[]).map((one) => [one.id, one.name]),
  );
  const open = (ports[0].security_groups as string[]).map((one) => names.get(one) ?? one);
  return open.filter((name) => name.startsWith(`lotse-${id}-`)).sort();
}

/** A stage for stories: nothing of the promise suite but orders, tools and patience. */
function stageFor(project: CloudProject, backend: JsonObject): Stage {
  const unused = () => Promise.reject(new Error("no promise is kept here"));
  return openStage({
    open: unused,
    losing: unused,
    hanging: unused,
    broken: unused,
    works: unused,
    inventory: () => project.machines(),
    backend,
    largerBackend: backend,
    parameters: {},
    changedParameters: {},
    bindingParameters: {},
    secrets: [project.credential.secret, project.password],
    paceMs: 500,
  });
}

const machine = (flavor: unknown, more: JsonObject = {}): JsonObject => ({
  kind: "machine",
  flavor: String(flavor),
  ...more,
});

async function change(stage: Stage, adapter: Adapter, thing: Thing, backend: JsonObject, parameters: JsonObject) {
  const before = { planId: "plan", backend: thing.backend, parameters: new Secret(thing.parameters) };
  const after = { ...thing, backend, parameters };
  return { after, outcome: await stage.carry(adapter, stage.order("update", after, { before } as object), after) };
}

const credentialsOf = ({ credentials }: Access) => credentials as { readonly [name: string]: string };

await onPeers(t, ["openstack", "openstack-2"], async ({ openstack: facts, "openstack-2": otherFacts }) => {
  const project = await openProject(t, facts);
  await tellStories(t, project, facts);

  await t.test("the same order makes a machine at another provider's cloud, by its own flavor and image", async (t) => {
    const elsewhere = await openProject(t, otherFacts);
    for (const place of [project, elsewhere]) {
      const adapter = await openAccount(place);
      const stage = stageFor(place, machine("SCS-2V-4-15s"));
      const thing = stage.instance({ operatingSystem: "ubuntu-24.04" });
      await stage.run(adapter, "provision", thing);
      t.match(await place.machines(thing.id), [
        /^security group/,
        new RegExp(`^server lotse-${thing.id} ACTIVE SCS-2V-4-20s`),
      ]);
      const { access } = await stage.run(adapter, "bind", stage.binding(thing));
      t.equal(credentialsOf(access ?? {}).username, "ubuntu");
      await stage.run(adapter, "deprovision", thing);
      t.same(await place.machines(), []);
      await adapter.close?.();
    }
  });
});

async function tellStories(t: Test, project: CloudProject, facts: Facts): Promise<void> {
  const adapter = await openAccount(project);
  t.teardown(() => adapter.close?.());
  const small = machine(facts.flavor);

  await t.test(
    "a machine with a network, a disk and an address of its own, from the order to the return, while every request gets lost once and every answer once",
    async (t) => {
      const lossy = await startCloudLine(t, project.authUrl, losingEverythingTwice());
      const own = await kind.open({
        values: {
          authUrl: lossy.authUrl,
          applicationCredentialId: project.credential.id,
          externalNetwork: "public",
          pollSeconds: 0.5,
        },
        secrets: { applicationCredentialSecret: new Secret(project.credential.secret) },
      });
      const backend = machine(facts.flavorWithoutDisk, { bootVolume: { gigabytes: 7 } });
      const stage = stageFor(project, backend);
      const thing = stage.instance({
        publicKey: customersKey,
        userData: "#cloud-config\n{}\n",
        floatingAddress: true,
        firewall: [{ port: 443 }],
      });
      const order = stage.order("provision", thing);
      await untilDone(() => stage.carry(own, order, thing));
      const name = `lotse-${thing.id}`;
      t.match(
        await project.machines(),
        [
          new RegExp(
            `^floating address of lotse_instance=${thing.id} lotse_operation=${order.token} lotse_organization=organisation`,
          ),
          new RegExp(`^key pair ${name}$`),
          new RegExp(`^network ${name}$`),
          new RegExp(`^router ${name}$`),
          new RegExp(`^security group ${name} tcp/443-443 0.0.0.0/0$`),
          new RegExp(`^server ${name} ACTIVE ${facts.flavorWithoutDisk}$`),
          new RegExp(`^volume ${name} 7 GB$`),
        ],
        "one of each",
      );
      const binding = stage.binding(thing, { publicKey: customersKey, allowedFrom: ["192.0.2.0/24"] });
      const bindOrder = stage.order("bind", binding);
      const bound = await untilDone(() => stage.carry(own, bindOrder, binding));
      const { host, username, certificate, privateKey } = credentialsOf(bound.access ?? {});
      t.match(host, /^198\.51\.100\./, "the floating address");
      t.equal(username, "debian");
      t.equal(privateKey, undefined, "the customer has the key");
      t.match(certificate, new RegExp(`^ssh-ed25519-cert-v01@openssh.com \\S+ ${name}-${binding.id}$`));
      const { floatingips } = await project.say("GET", `${project.networkUrl}/floatingips?floating_ip_address=${host}`);
      const { port } = await project.say("GET", `${project.networkUrl}/ports/${floatingips[0].port_id}`);
      const { server } = await project.say("GET", `${project.computeUrl}/servers/${port.device_id}`);
      t.equal(server.metadata.lotse_instance, thing.id, "the server's record is reached by its address");
      t.equal(port.security_groups.length, 2, "its own firewall and the binding's door");
      const removal = stage.order("deprovision", thing);
      await untilDone(() => stage.carry(own, removal, thing));
      t.same(await project.machines(), [], "nothing is left");
      t.ok(lossy.lost());
      stage.nothingLeaked();
      await own.close?.();
    },
  );

  await t.test("a machine is resized, its firewall changes, and what it used is told", async (t) => {
    const stage = stageFor(project, small);
    const thing = stage.instance({ firewall: [{ port: 80 }] });
    const began = new Date(Date.now() - 60_000);
    await stage.run(adapter, "provision", thing);
    const { after, outcome } = await change(stage, adapter, thing, machine(facts.largerFlavor), {
      firewall: [{ port: 443, from: "2001:db8::/32" }],
    });
    t.equal(outcome.state, "done");
    t.match(await project.machines(thing.id), [
      /tcp\/443-443 2001:db8::\/32$/,
      new RegExp(`ACTIVE ${facts.largerFlavor}$`),
    ]);
    const kept = await change(stage, adapter, after, machine(facts.largerFlavor), { operatingSystem: "ubuntu-24.04" });
    t.match(kept.outcome, { state: "failed", clean: true, reason: /operatingSystem is decided when/ });
    const fixed = await change(stage, adapter, after, machine(facts.largerFlavor), {});
    t.equal(fixed.outcome.state, "done");
    t.match(await project.machines(thing.id), [/^security group lotse-\w+ $/, /^server/], "no opening any more");
    const order = stage.order("provision", after);
    const used = (await adapter.usage?.(order, { from: began, to: new Date() }, stage.tools(order.token))) ?? [];
    t.same(
      used.map(({ meter, unit }) => `${meter} in ${unit}`),
      ["machine in Hours", "vcpu in vCPU-Hours", "memory in GiB-Hours", "disk in GB-Hours"],
    );
    for (const { quantity } of used) t.ok(Number(quantity) > 0, quantity);
    await stage.run(adapter, "deprovision", after);
  });

  await t.test(
    "a resize that somebody gave up half-way is undone, and one without room leaves the machine as it was",
    async (t) => {
      const stage = stageFor(project, small);
      const thing = stage.instance();
      await stage.run(adapter, "provision", thing);
      const { servers } = await project.say("GET", `${project.computeUrl}/servers?name=${thing.id}`);
      const url = `${project.computeUrl}/servers/${servers[0].id}`;
      await project.say("POST", `${url}/action`, { resize: { flavorRef: String(facts.largerFlavor) } });
      const undone = await change(stage, adapter, thing, small, { firewall: [{ port: 22 }] });
      t.equal(undone.outcome.state, "done");
      t.match((await project.say("GET", url)).server, {
        status: "ACTIVE",
        flavor: { original_name: String(facts.flavor) },
      });
      const { outcome } = await change(stage, adapter, thing, machine(facts.flavorTooLarge), {});
      t.match(outcome, { state: "failed", clean: true, reason: /no room .* works as before/ });
      t.match((await project.say("GET", url)).server, {
        status: "ACTIVE",
        flavor: { original_name: String(facts.flavor) },
      });
      await stage.run(adapter, "deprovision", thing);
    },
  );

  await t.test("what the cloud cannot build fails with the reason and leaves nothing", async (t) => {
    const cases: [backend: JsonObject, parameters: JsonObject, reason: RegExp][] = [
      [machine(facts.flavorTooLarge), {}, /no host with room .*\(no valid host\)/],
      [machine(facts.flavor, { availabilityZone: String(facts.brokenZone) }), {}, /could not build the machine/],
      [machine("SCS-99V-1"), {}, /no flavor SCS-99V-1, and none as good/],
      [machine(facts.flavor), { operatingSystem: "plan-9" }, /no image/],
      [machine(facts.flavor), { publicKey: "ssh-ed25519 mine" }, /no SSH public key/],
      [machine(facts.flavor), { userData: "x".repeat(60_000) }, /too long/],
    ];
    await Promise.all(
      cases.map(async ([backend, parameters, reason]) => {
        const stage = stageFor(project, backend);
        const thing = stage.instance(parameters);
        const outcome = await stage.carry(adapter, stage.order("provision", thing), thing);
        t.match(outcome, { state: "failed", clean: true, reason });
        t.same(await project.machines(thing.id), []);
      }),
    );
  });

  await t.test("a used-up quota is told by name, and nothing is left of the order", async (t) => {
    const quota = (cores: number) =>
      project.admin("PUT", `${project.computeUrl}/os-quota-sets/${project.id}`, { quota_set: { cores } });
    await quota(0);
    const stage = stageFor(project, small);
    const thing = stage.instance();
    const outcome = await stage.carry(adapter, stage.order("provision", thing), thing);
    t.match(outcome, { state: "failed", clean: true, reason: /quota at the cloud is used up \(cores\)/ });
    t.same(await project.machines(), []);
    await quota(-1);
  });

  await t.test(
    "two doors opened at once are both open, also where one's change was written over the other's",
    async (t) => {
      const stage = stageFor(project, small);
      const thing = stage.instance();
      await stage.run(adapter, "provision", thing);
      const [slow, quick] = [stage.binding(thing), stage.binding(thing)];
      const isWrite = ({ method, path }: Asked) => method === "PUT" && path.includes("/ports/");
      let isFirst = true;
      const line = await startCloudLine(t, project.authUrl, async (asked) => {
        if (!isWrite(asked) || !isFirst) return undefined;
        isFirst = false;
        // The slow one has looked; Neutron compares revisions, and writes what was seen then after the quick one has written.
        await stage.run(adapter, "bind", quick);
        const { port } = JSON.parse(asked.body) as { readonly port: JsonObject };
        const path = asked.path.slice(asked.path.indexOf("/ports/"));
        const answer = await project.say("PUT", `${project.networkUrl}${path}`, { port });
        return { status: 200, body: JSON.stringify(answer) };
      });
      await stage.run(await openAccount(project, { authUrl: line.authUrl }), "bind", slow);
      const written = line.asked().filter(({ method, path }) => method === "PUT" && path.includes("/ports/"));
      t.equal(written.length, 2, "what was written over was put right");
      t.same(
        await doorsOpenAt(project, thing),
        [`lotse-${thing.id}-${slow.id}`, `lotse-${thing.id}-${quick.id}`].sort(),
      );
      await stage.run(adapter, "unbind", slow);
      t.same(await doorsOpenAt(project, thing), [`lotse-${thing.id}-${quick.id}`], "and shut one by one");
      await stage.run(adapter, "deprovision", thing);
      t.same(await project.machines(), []);
    },
  );

  await t.test("a machine that vanished is not built again behind its customer's back, and its rests go", async (t) => {
    const stage = stageFor(project, small);
    const thing = stage.instance();
    await stage.run(adapter, "provision", thing);
    const binding = stage.binding(thing);
    await stage.run(adapter, "bind", binding);
    const { servers } = await project.say("GET", `${project.computeUrl}/servers?name=${thing.id}`);
    await project.say("DELETE", `${project.computeUrl}/servers/${servers[0].id}`);
    await until(async () => !(await project.machines(thing.id)).some((line) => line.startsWith("server")));
    const look = stage.order("provision", thing);
    t.equal(await adapter.fetch?.(look, stage.tools(look.token)), undefined);
    const { outcome } = await change(stage, adapter, thing, machine(facts.largerFlavor), {});
    t.match(outcome, { state: "failed", usable: false, reason: /does not exist/ });
    const another = stage.binding(thing);
    t.match(await stage.carry(adapter, stage.order("bind", another), another), { state: "failed", clean: true });
    const found = (await adapter.inventory?.(new AbortController().signal)) ?? [];
    t.match(
      found.filter(({ id }) => id === thing.id || id === binding.id),
      [
        { thing: "binding", remains: true },
        { thing: "instance", remains: true },
      ],
    );
    await stage.run(adapter, "unbind", binding);
    await stage.run(adapter, "deprovision", thing);
    t.same(await project.machines(), []);
  });

  await t.test("a machine in a cell that Nova cannot reach is neither lost nor made twice", async (t) => {
    const stage = stageFor(project, small);
    const thing = stage.instance();
    const order = stage.order("provision", thing);
    await stage.done(adapter, order, thing);
    let unreachable = true;
    // As Nova 26 answers while the database of a cell is down.
    const line = await startCloudLine(t, project.authUrl, ({ method, path }) => {
      if (!unreachable || method !== "GET") return undefined;
      if (/\/servers\/detail\?/.test(path)) return { status: 200, body: JSON.stringify({ servers: [] }) };
      const partial = { id: randomUUID(), status: "UNKNOWN", links: [] };
      return /\/servers$/.test(path) ? { status: 200, body: JSON.stringify({ servers: [partial] }) } : undefined;
    });
    const shortSighted = await openAccount(project, { authUrl: line.authUrl });
    const undecided = { message: /Nova cannot reach all of its cells/ };
    const orders = {
      "an order that is repeated": { ...order, repeated: true },
      "a change": stage.order("update", thing),
      "a binding": stage.order("bind", stage.binding(thing)),
      "a return": stage.order("deprovision", thing),
    };
    for (const [name, one] of Object.entries(orders))
      await t.rejects(stage.carry(shortSighted, one, thing), undecided, `${name} is not decided by that`);
    await t.rejects(
      async () => shortSighted.fetch?.(order, stage.tools(order.token)),
      undecided,
      "nor what is fetched",
    );
    await t.rejects(async () => shortSighted.inventory?.(new AbortController().signal), undecided, "nor the inventory");
    unreachable = false;
    const servers = (await project.machines(thing.id)).filter((found) => found.startsWith("server"));
    t.equal(servers.length, 1, "there is one machine");
    await stage.done(shortSighted, stage.order("deprovision", thing), thing);
    t.same(await project.machines(thing.id), [], "which goes when it is to");
    await shortSighted.close?.();
  });

  await t.test("each organisation's machines are in a project of its own", async (t) => {
    const values = {
      authUrl: String(facts.authUrl),
      username: String(facts.adminUser),
      project: String(facts.adminProject),
      projectPerOrganization: true,
      pollSeconds: 0.5,
    };
    const account = await kind.open({ values, secrets: { password: new Secret(String(facts.adminPassword)) } });
    const stage = stageFor(project, small);
    const thing = stage.instance();
    const order = stage.order("provision", thing);
    const made = { ...order, instance: { ...order.instance, organization: `Amt ${thing.id}` } };
    await stage.done(account, made, thing);
    const { projects } = await project.admin("GET", `${facts.authUrl}/projects?tags=lotse`);
    const own = projects.find(({ description }: { description: string }) => description.includes(thing.id));
    t.match(own.name, /^lotse-Amt-/);
    const found = (await account.inventory?.(new AbortController().signal)) ?? [];
    t.ok(
      found.some(({ id }) => id === thing.id),
      "the inventory looks there, too",
    );
    await stage.done(account, { ...stage.order("deprovision", thing), instance: made.instance }, thing);
    t.equal(await account.fetch?.(made, stage.tools(order.token)), undefined);
    await project.admin("DELETE", `${facts.authUrl}/projects/${own.id}`);
    await account.close?.();
  });

  await t.test(
    "a token that ends early is renewed, a busy service is asked again, and no secret is told",
    async (t) => {
      const first = new Set<number>([401, 429]);
      const line = await startCloudLine(t, project.authUrl, ({ path }) => {
        const status = path.includes("/limits") ? [...first][0] : undefined;
        if (status === undefined) return undefined;
        first.delete(status);
        return { status, headers: { "retry-after": "0" }, body: "{}" };
      });
      const account = await openAccount(project, { authUrl: line.authUrl });
      t.equal(await account.check?.(new AbortController().signal), undefined);
      t.equal(line.asked().filter(({ path }) => path.endsWith("/auth/tokens")).length, 2);
      const wrong = await kind.open({
        values: { authUrl: project.authUrl, applicationCredentialId: project.credential.id },
        secrets: { applicationCredentialSecret: new Secret("not the secret") },
      });
      const said = (await wrong.check?.(new AbortController().signal)) ?? "";
      t.match(said, /refuses the credentials/);
      t.notMatch(said, /not the secret/);
      const nowhere = await openAccount(project, { network: "nowhere" });
      t.match(await nowhere.check?.(new AbortController().signal), /there is no network nowhere/);
      for (const one of [account, wrong, nowhere]) await one.close?.();
    },
  );
}

/** Of everything that changes something, the first request gets lost, of the second the answer. */
function losingEverythingTwice(): (asked: Asked) => Loss {
  const seen = new Map<string, number>();
  return ({ method, path }) => {
    if (method === "GET" || path.endsWith("/auth/tokens")) return undefined;
    const what = `${method} ${path.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "ID")}`;
    const times = (seen.get(what) ?? 0) + 1;
    seen.set(what, times);
    return times === 1 ? "before" : times === 2 ? "after" : undefined;
  };
}

/** As the engine does: what is unknown is asked for again. */
async function untilDone<T extends { readonly state: string }>(attempt: () => Promise<T>) {
  for (let attempts = 1; ; attempts++) {
    try {
      const outcome = await attempt();
      if (outcome.state !== "done") throw new Error(`not done: ${JSON.stringify(outcome)}`);
      return (outcome as { made?: { access?: Access } }).made ?? {};
    } catch (error) {
      if (attempts > 60 || (error instanceof Error && error.message.startsWith("not done"))) throw error;
    }
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 500));
}
