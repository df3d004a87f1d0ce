/** What the openstack adapter decides without asking anybody: flavors, images, addresses, versions, keys and words. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { Refused, wordsOf } from "../../brokers/openstack/answers.ts";
import { endpointOf, regionsOf } from "../../brokers/openstack/endpoints.ts";
import { chooseFlavor, type Flavor, readScsName, satisfies } from "../../brokers/openstack/flavors.ts";
import { busyMs } from "../../brokers/openstack/http.ts";
import { chooseImage, type Image, loginUserOf, readOperatingSystem } from "../../brokers/openstack/images.ts";
import { chooseMicroversion } from "../../brokers/openstack/microversion.ts";
import { projectName, readMark, readName } from "../../brokers/openstack/names.ts";
import { reasonOf, reasonOfFault } from "../../brokers/openstack/reasons.ts";
import { readAccount } from "../../brokers/openstack/settings.ts";
import { certificate, privateFile, publicLine, readPublicLine, sshKeyFrom } from "../../brokers/openstack/ssh.ts";
import { userData } from "../../brokers/openstack/user-data.ts";
import { type JsonObject, Secret } from "../../src/core/adapter.ts";

// ---- flavors ----------------------------------------------------------------------------------------------------

t.test("names of the Sovereign Cloud Stack are read, and others are not", async (t) => {
  for (const name of [
    "SCS-8V-32",
    "SCS-1V-2",
    "SCS-1L-1u-5",
    "SCS-16T-64-3x10s",
    "SCS-4C-16-2x200p-a1",
    "SCS-30i-1",
    "SCS-2V-4-20s",
    "SCS-4V-16-100n",
    "SCS-1V-0.5",
    "SCS-1V-1.5-5",
    "SCS-8Ti-32-50p_i1_GNa-14",
    "SCS-16T-64uo-3x10s_hyv_hwv_i3_GNa-64_ib",
    "SCS-2C-4-3x10s_bms_z3",
    "SCS-4V-8_a2h",
  ]) {
    const valid = !["SCS-4C-16-2x200p-a1", "SCS-30i-1"].includes(name);
    t.equal(readScsName(name) !== undefined, valid, name);
  }
  t.equal(readScsName("m1.large"), undefined);
  t.match(readScsName("SCS-16T-64uo-3x10s_hyv_hwv_i3_GNa-64_ib"), {
    vcpus: 16,
    guarantee: "T",
    ramGiB: 64,
    uncorrected: true,
    oversubscribed: true,
    disk: { count: 3, gigabytes: 10, medium: "s" },
    hypervisor: "hyv",
    nested: true,
    vendor: "i",
    generation: 3,
    gpu: "GNa-64",
    infiniband: true,
  });
});

t.test("a flavor may stand in for another only where nothing that was promised gets lost", async (t) => {
  const cases: [offered: string, wanted: string, fits: boolean, why: string][] = [
    ["SCS-2V-4-20s", "SCS-2V-4-20s", true, "the same"],
    ["SCS-2V-4-20p", "SCS-2V-4-20s", true, "NVMe for SSD"],
    ["SCS-2V-4-20s", "SCS-2V-4-20p", false, "SSD for NVMe"],
    ["SCS-2V-4-20s", "SCS-2V-4-20h", true, "SSD for disk"],
    ["SCS-2V-4-20n", "SCS-2V-4-20s", false, "network for local"],
    ["SCS-2V-4-20p", "SCS-2V-4-20n", false, "local for network"],
    ["SCS-2V-4-20s", "SCS-2V-4-20", true, "any medium where none was named"],
    ["SCS-2V-4-20", "SCS-2V-4-20s", false, "unknown medium for a named one"],
    ["SCS-2V-4", "SCS-2V-4-20s", false, "no disk for a disk"],
    ["SCS-2V-4-20s", "SCS-2V-4", false, "a disk of the host for a boot volume"],
    ["SCS-2V-4-2x20s", "SCS-2V-4-20s", true, "two disks for one"],
    ["SCS-2C-4-20s", "SCS-2V-4-20s", true, "a dedicated core for a shared one"],
    ["SCS-2T-4-20s", "SCS-2V-4-20s", true, "a dedicated thread for a shared one"],
    ["SCS-2L-4-20s", "SCS-2V-4-20s", false, "a crowded core for a shared one"],
    ["SCS-2V-4-20s", "SCS-2C-4-20s", false, "a shared core for a dedicated one"],
    ["SCS-4V-8-50s", "SCS-2V-4-20s", true, "larger"],
    ["SCS-4V-2-50s", "SCS-2V-4-20s", false, "less memory"],
    ["SCS-2Vi-4-20s", "SCS-2V-4-20s", false, "no mitigations"],
    ["SCS-2V-4-20s", "SCS-2Vi-4-20s", true, "mitigations nobody asked for"],
    ["SCS-2V-4u-20s", "SCS-2V-4-20s", false, "memory without correction"],
    ["SCS-2V-4o-20s", "SCS-2V-4-20s", false, "memory promised twice"],
    ["SCS-2V-4-20s_a1", "SCS-2V-4-20s", false, "ARM for x86"],
    ["SCS-2V-4-20s_z2", "SCS-2V-4-20s", true, "a named make for any"],
    ["SCS-2V-4-20s_i3", "SCS-2V-4-20s_i2", true, "a newer generation"],
    ["SCS-2V-4-20s_i1", "SCS-2V-4-20s_i2", false, "an older generation"],
    ["SCS-2V-4-20s_kvm_hwv", "SCS-2V-4-20s_kvm", true, "nested virtualisation nobody asked for"],
    ["SCS-2V-4-20s", "SCS-2V-4-20s_kvm", false, "an unknown hypervisor"],
    ["SCS-2V-4-20s_GNa", "SCS-2V-4-20s", false, "a GPU nobody ordered"],
    ["SCS-2V-4-20s", "SCS-2V-4-20s_GNa", false, "no GPU"],
    ["SCS-2V-4-20s_ib", "SCS-2V-4-20s", false, "InfiniBand nobody ordered"],
  ];
  for (const [offered, wanted, fits, why] of cases) {
    const [a, b] = [readScsName(offered), readScsName(wanted)];
    if (a === undefined || b === undefined) t.fail(`${offered} or ${wanted} is no name`);
    else t.equal(satisfies(a, b), fits, `${offered} for ${wanted}: ${why}`);
  }
});

const flavor = (name: string, vcpus: number, ram: number, disk: number, extra?: Record<string, string>): Flavor => ({
  id: `id of ${name}`,
  name,
  vcpus,
  ram: ram * 1024,
  disk,
  ...(extra !== undefined && { extra_specs: extra }),
});

t.test("a plan gets the flavor of its name, else the smallest that is as good, else none", async (t) => {
  const all = [flavor("SCS-4V-8-50p", 4, 8, 50), flavor("SCS-2V-4-40s", 2, 4, 40), flavor("SCS-2V-4-20p", 2, 4, 20)];
  const choose = (wanted: string, equivalents = true) => chooseFlavor(all, wanted, equivalents)?.name;
  t.equal(choose("SCS-2V-4-40s"), "SCS-2V-4-40s");
  t.equal(choose("SCS-2V-4-20s"), "SCS-2V-4-20p");
  t.equal(choose("SCS-2V-4-20s", false), undefined, "where the plan wants this one and no other");
  t.equal(choose("SCS-8V-16-20s"), undefined);
  t.equal(choose("m1.small"), undefined, "what such a name promises, nobody knows");
  const renamed = [flavor("b1.m", 2, 4, 20, { "scs:name-v2": "SCS-2V-4-20s" })];
  t.equal(chooseFlavor(renamed, "SCS-2V-4-20s", false)?.name, "b1.m", "the SCS name may stand in the extra specs");
});

// ---- images -----------------------------------------------------------------------------------------------------

t.test("the image is chosen by what is inside", async (t) => {
  const image = (id: string, more: Partial<Image> = {}): Image => ({
    id,
    status: "active",
    created_at: "2026-01-01T00:00:00Z",
    min_disk: 0,
    os_distro: "debian",
    os_version: "12",
    ...more,
  });
  const choose = (...images: Image[]) => chooseImage(images, readOperatingSystem("debian-12"), "x86_64")?.id;
  t.same(readOperatingSystem("ubuntu-24.04"), { distro: "ubuntu", version: "24.04" });
  t.equal(choose(image("a"), image("b", { created_at: "2026-02-01T00:00:00Z" })), "b", "the newest");
  t.equal(choose(image("a", { os_purpose: "generic" }), image("b", { created_at: "2026-02-01T00:00:00Z" })), "a");
  t.equal(choose(image("a", { os_purpose: "k8snode" })), undefined, "made for something else");
  t.equal(choose(image("a", { status: "deactivated" })), undefined);
  t.equal(choose(image("a", { architecture: "aarch64" })), undefined);
  t.equal(choose(image("a", { os_version: "11" })), undefined);
  t.equal(loginUserOf(image("a")), "debian");
  t.equal(loginUserOf(image("a", { image_original_user: "admin" })), "admin", "the image knows best");
});

// ---- the cloud's addresses and versions ---------------------------------------------------------------------------

t.test("services are found in the catalog by region, with the version their catalog leaves out", async (t) => {
  const entry = (type: string, region: string, url: string, face = "public") => ({
    type,
    endpoints: [{ interface: face, region_id: region, url }],
  });
  const catalog = [
    entry("network", "north", "https://n.example/"),
    entry("network", "south", "https://s.example:9696"),
    entry("compute", "north", "https://n.example/compute/v2.1"),
    entry("volumev3", "north", "https://n.example/volume/v3/abc"),
    entry("image", "north", "https://inside.example", "internal"),
  ];
  t.equal(endpointOf(catalog, "network", "north", "public"), "https://n.example/v2.0");
  t.equal(endpointOf(catalog, "network", "south", "public"), "https://s.example:9696/v2.0");
  t.equal(endpointOf(catalog, "compute", "north", "public"), "https://n.example/compute/v2.1");
  t.equal(endpointOf(catalog, "volume", "north", "public"), "https://n.example/volume/v3/abc");
  t.equal(endpointOf(catalog, "image", "north", "public"), undefined, "only inside");
  t.same(regionsOf(catalog, "public"), ["north", "south"]);
  t.same(regionsOf(catalog, "public", "compute"), ["north"]);
});

t.test("the microversion is the best that both sides speak, or there is advice", async (t) => {
  const offer = (min_version: string, version: string) => ({ version: { min_version, version } });
  t.equal(chooseMicroversion(offer("2.1", "2.96")), "2.79");
  t.equal(chooseMicroversion(offer("2.1", "2.72")), "2.72");
  t.throws(() => chooseMicroversion(offer("2.1", "2.60")), /2\.67 .* is needed/);
  t.throws(() => chooseMicroversion(offer("2.80", "2.96")), /from 2\.80 on/);
  t.throws(() => chooseMicroversion({}), /does not tell/);
});

t.test("a busy service is asked again when it says, and never twice for what may have taken effect", async (t) => {
  const busy = (method: "GET" | "POST", status: number, after?: string) =>
    busyMs(
      method,
      { status, headers: after === undefined ? {} : { "retry-after": after }, text: "", body: undefined },
      1,
    );
  t.equal(busy("GET", 429, "7"), 7000);
  t.equal(busy("POST", 429, "7"), 7000, "429 surely had no effect");
  t.equal(busy("GET", 503), 1000);
  t.equal(busy("POST", 503, "7"), undefined, "503 may come from a proxy that passed it on");
  t.equal(busy("GET", 500), undefined);
  const date = busy("GET", 503, new Date(Date.now() + 60_000).toUTCString()) ?? 0;
  t.ok(date > 55_000 && date <= 60_000, "a date");
});

// ---- words ------------------------------------------------------------------------------------------------------

t.test("a cloud's no is told so that whoever ordered knows what to do", async (t) => {
  const no = (service: string, status: number, words: string) =>
    reasonOf(new Refused(service, "POST", "/servers", status, words)) ?? "unknown";
  t.match(
    no("Nova", 403, "Quota exceeded for cores, ram: Requested 64, 524288, but already used 2"),
    /used up \(cores, ram\)/,
  );
  t.match(no("Neutron", 409, "Quota exceeded for resources: ['security_group']."), /used up \(security_group\)/);
  t.match(no("Cinder", 413, "VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded"), /used up/);
  t.match(no("Neutron", 409, "No more IP addresses available on network 5"), /no address left/);
  t.notMatch(no("Nova", 400, "Invalid input: my-secret"), /my-secret/, "the cloud's words may repeat parameters");
  t.equal(no("Nova", 403, "Policy doesn't allow it"), "unknown", "the operator's affair");
  t.equal(no("Nova", 409, "Cannot 'resize' while it is in task_state deleting"), "unknown");
  t.equal(reasonOf(new Error("no answer")), undefined);
  t.match(reasonOfFault({ code: 500, message: "No valid host was found. " }), /no host with room/);
  t.match(reasonOfFault({ code: 500, message: "Build of instance x aborted" }), /could not build/);
});

t.test("a service's own words are found in whatever form it sends them, without our secrets", async (t) => {
  t.equal(wordsOf({ forbidden: { code: 403, message: "Quota exceeded" } }, "", []), "Quota exceeded");
  t.equal(wordsOf({ NeutronError: { type: "x", message: "In use" } }, "", []), "In use");
  t.equal(wordsOf(undefined, "<html><h1>Bad Gateway</h1></html>", []), "Bad Gateway");
  t.equal(wordsOf(undefined, "wrong secret s3cr3t", ["s3cr3t"]), "wrong secret [secret]");
  t.equal(wordsOf(undefined, "", []), "no reason given");
});

t.test("names and marks lead back to Lotse's ids", async (t) => {
  const [instance, binding] = ["0123456789abcdefghjkmnpqrs", "srqpnmkjhgfedcba9876543210"];
  t.same(readName(`lotse-${instance}`), { instance });
  t.same(readName(`lotse-${instance}-${binding}`), { instance, binding });
  t.equal(readName("lotse-net"), undefined);
  t.equal(readMark(`lotse_instance=${instance} lotse_space=x lotse_operation=forged`, "instance"), instance);
  t.equal(readMark(`x_lotse_instance=${instance}`, "instance"), undefined);
  t.not(projectName("A/B"), projectName("A-B"), "different organisations have different projects");
  t.match(projectName("Stadt Köln, Amt für Informationsverarbeitung und noch mehr"), /^lotse-[A-Za-z0-9-]{1,45}$/);
});

// ---- settings ---------------------------------------------------------------------------------------------------

t.test(
  "settings that contradict each other, or would send secrets in the clear, are refused with advice",
  async (t) => {
    const read = (values: JsonObject, secrets: Record<string, string>) =>
      readAccount({
        values: { authUrl: "https://keystone.example", ...values },
        secrets: Object.fromEntries(Object.entries(secrets).map(([name, value]) => [name, new Secret(value)])),
      });
    const credential = { applicationCredentialSecret: "s" };
    t.match(read({ applicationCredentialId: "i" }, credential), {
      authUrl: "https://keystone.example/v3",
      pollMs: 3000,
    });
    t.equal(
      read({ authUrl: "https://k.example/identity/v3/", applicationCredentialId: "i" }, credential).authUrl,
      "https://k.example/identity/v3",
    );
    t.throws(() => read({ authUrl: "http://k.example", applicationCredentialId: "i" }, credential), /https/);
    t.throws(() => read({}, {}), /Give applicationCredentialId/);
    t.throws(() => read({ username: "u" }, { password: "p" }), /project/);
    t.throws(
      () => read({ applicationCredentialId: "i", username: "u", project: "p" }, { ...credential, password: "p" }),
      /either/,
    );
    t.throws(
      () => read({ applicationCredentialId: "i", projectPerOrganization: true }, credential),
      /username and password/,
    );
  },
);

// ---- keys -------------------------------------------------------------------------------------------------------

const seed = (byte: number) => Buffer.alloc(32, byte).toString("base64url");

t.test("OpenSSH reads the keys and the certificates that bindings return", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "ssh-"));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const [key, authority] = [sshKeyFrom(seed(1)), sshKeyFrom(seed(2))];
  const file = (name: string, content: string) => {
    writeFileSync(join(directory, name), content, { mode: 0o600 });
    return join(directory, name);
  };
  const keygen = (...args: string[]) =>
    execFileSync("ssh-keygen", args, { encoding: "utf8", env: { ...process.env, TZ: "UTC" } });
  const line = publicLine(key, "a binding");
  t.equal(
    keygen("-y", "-f", file("key", privateFile(key, "a binding"))).trim(),
    line,
    "the private key is that of the public one",
  );
  const signed = certificate({
    authority,
    subject: { type: "ssh-ed25519", blob: key.blob },
    keyId: "lotse-x",
    principal: "debian",
    validFrom: new Date("2026-01-01T00:00:00Z"),
    validTo: new Date("2026-04-01T00:00:00Z"),
    nonce: seed(3),
  });
  const shown = keygen("-L", "-f", file("key-cert.pub", `${signed}\n`));
  const print = (name: string, text: string) => keygen("-l", "-f", file(name, `${text}\n`)).split(" ")[1];
  t.match(shown, /Type: ssh-ed25519-cert-v01@openssh.com user certificate/);
  t.ok(
    shown.includes(`Signing CA: ED25519 ${print("authority.pub", publicLine(authority, "authority"))}`),
    "signed, and the signature holds",
  );
  t.ok(shown.includes(`Public key: ED25519-CERT ${print("key.pub", line)}`));
  t.match(shown, /Key ID: "lotse-x"/);
  t.match(shown, /from 2026-01-01T00:00:00 to 2026-04-01T00:00:00/);
  t.match(shown, /Principals: \n\s+debian\n/);
  for (const type of ["rsa", "ecdsa"]) {
    keygen("-q", "-t", type, "-N", "", "-C", "customer", "-f", join(directory, type));
    const customers = readPublicLine(keygen("-y", "-f", join(directory, type)));
    if (customers === undefined) return t.fail("a customer's key is read");
    const other = certificate({
      authority,
      subject: customers,
      keyId: "lotse-y",
      principal: "debian",
      validFrom: new Date(0),
      validTo: new Date("2030-01-01T00:00:00Z"),
      nonce: seed(3),
    });
    t.match(
      keygen("-L", "-f", file(`${type}-cert.pub`, `${other}\n`)),
      /Key ID: "lotse-y"/,
      `a customer's own ${type} key`,
    );
  }
});

t.test("what is no public key in one line is not taken for one", async (t) => {
  const good = publicLine(sshKeyFrom(seed(1)), "me");
  t.equal(readPublicLine(good)?.type, "ssh-ed25519");
  for (const bad of [
    "",
    "ssh-ed25519",
    "ssh-dss AAAA me",
    `${good}\n${good}`,
    good.replace("ssh-ed25519", "ssh-rsa"),
    "-----BEGIN",
  ])
    t.equal(readPublicLine(bad), undefined, JSON.stringify(bad.slice(0, 30)));
});

t.test("the customer's user data is passed on beside ours, and what is too long is refused", async (t) => {
  const decode = (data: string | undefined) => Buffer.from(data ?? "", "base64").toString();
  t.match(decode(userData("ssh-ed25519 AAAA x", undefined)), /^#!\/bin\/sh\n/);
  const both = decode(userData("ssh-ed25519 AAAA x", "#cloud-config\npackages: [curl]\n"));
  t.match(both, /^Content-Type: multipart\/mixed; boundary="==lotse=="\n/);
  t.match(both, /Content-Type: text\/cloud-config/);
  t.match(both, new RegExp(Buffer.from("#cloud-config\npackages: [curl]\n").toString("base64").slice(0, 40)));
  t.equal(userData("ssh-ed25519 AAAA x", "x".repeat(60_000)), undefined);
});
