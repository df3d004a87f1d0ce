/** The shipped module for a volume, with the provider that everybody uses, at a real OpenStack cloud. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import t from "tap";
import { parse } from "yaml";
import kind from "../../brokers/opentofu/index.ts";
import { type JsonObject, Secret, type Verb } from "../../src/core/adapter.ts";
import { type CloudProject, openProject, patiently } from "../support/openstack.ts";
import { houseForTests, workDirectoryFor } from "../support/opentofu.ts";
import { onPeers } from "../support/peers.ts";
import { openStage } from "./promise.ts";

const modules = fileURLToPath(new URL("../../brokers/opentofu/modules", import.meta.url));
const offering = parse(readFileSync(new URL("../../catalog/block-volume.yaml", import.meta.url), "utf8"));
const [{ backend }] = offering.plans as readonly [{ readonly backend: JsonObject }];

void onPeers(t, ["opentofu", "openstack"], async (facts) => {
  const project = await openProject(t, facts.openstack);
  const { house } = await houseForTests(t);
  const { authUrl, credential, volumeUrl } = project;
  const values = {
    binary: String(facts.opentofu.binary),
    pluginMirror: String(facts.opentofu.mirror),
    modules,
    workDirectory: workDirectoryFor(t),
    pollMs: 200,
    compareMs: 1,
  };
  const open = async ({ id, secret }: CloudProject["credential"]) => {
    const cloud = {
      OS_AUTH_URL: authUrl,
      OS_APPLICATION_CREDENTIAL_ID: id,
      OS_APPLICATION_CREDENTIAL_SECRET: secret,
    };
    const adapter = await kind.open(
      { values, secrets: { secretEnvironment: new Secret(JSON.stringify(cloud)) } },
      house,
    );
    t.teardown(() => adapter.close?.());
    return adapter;
  };
  const adapter = await open(credential);
  const checkAs = async (other: CloudProject["credential"]) =>
    (await open(other)).check?.(new AbortController().signal);

  const volumes = async (): Promise<readonly JsonObject[]> =>
    (await project.say("GET", `${volumeUrl}/volumes/detail`)).volumes;
  const stage = openStage({ backend, secrets: [credential.secret], paceMs: 200 } as never);
  const carry = (verb: Verb, thing: ReturnType<typeof stage.instance>, parameters: JsonObject) => {
    const changed = { ...thing, parameters };
    return stage.carry(adapter, stage.order(verb, changed), changed);
  };

  await t.test("a check finds the module whole, its provider in the mirror, and the rights it needs", async (t) => {
    t.equal(await adapter.check?.(new AbortController().signal), undefined);
    const { users } = await project.admin("GET", `${authUrl}/users?name=${project.username}`);
    const { application_credential: reader } = await patiently(() =>
      project.say("POST", `${authUrl}/users/${users[0].id}/application_credentials`, {
        application_credential: { name: "reader", roles: [{ name: "reader" }] },
      }),
    );
    t.match(await checkAs(reader), /check\/main\.tf:15: .*has only the role reader.*Give it the role member/);
    const refused = await checkAs({ ...credential, secret: "canary that is wrong" });
    t.match(refused, /check\/main\.tf:11: .*401/);
    t.notMatch(refused, "canary");
  });

  await t.test("the catalog's volume is made with its marks, grown in place, and given back", async (t) => {
    const thing = stage.instance({ size: 1 });
    const made = await carry("provision", thing, { size: 1 });
    const [volume, ...more] = await volumes();
    t.match(volume, {
      name: `lotse-${thing.id}`,
      size: 1,
      metadata: { lotse_instance: thing.id, lotse_organization: "organisation", lotse_space: "space" },
    });
    t.same(more, [], "one");
    t.match(made, { state: "done", made: { metadata: { attributes: { volume_id: volume?.id, size: 1 } } } });

    t.match(await carry("update", thing, { size: 2 }), { state: "done" });
    t.match(await volumes(), [{ id: volume?.id, size: 2 }], "the same volume, larger");

    await project.say("PUT", `${volumeUrl}/volumes/${volume?.id}`, { volume: { name: "renamed by hand" } });
    await adapter.inventory?.(new AbortController().signal);
    const order = stage.order("provision", thing);
    t.match(await adapter.fetch?.(order, stage.tools(order.token)), {
      metadata: { attributes: { changedOutsideOfLotse: ["openstack_blockstorage_volume_v3.this (update)"] } },
    });

    t.match(await carry("deprovision", thing, {}), { state: "done" });
    t.same(await volumes(), []);
    stage.nothingLeaked();
  });

  await t.test("what the module's rule refuses is told in its words, and nothing is made", async (t) => {
    const thing = stage.instance({ size: 0 });
    const refused = await carry("provision", thing, { size: 0 });
    t.match(refused, { state: "failed", clean: true, reason: /does not fit .*whole number of GB, at least 1/ });
    t.same(await volumes(), []);
    t.same(await adapter.inventory?.(new AbortController().signal), []);
  });
});
