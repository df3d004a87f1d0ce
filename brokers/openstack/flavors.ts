/**
 * Which flavor of a cloud a plan gets. Plans name flavors as the Sovereign Cloud Stack does (scs-0100-v3); where a cloud has
 * no flavor of that name, one that is at least as good may stand in for it. Pure.
 */

/** A flavor as Nova describes it. */
export interface Flavor {
  readonly id: string;
  readonly name: string;
  readonly vcpus: number;
  /** MiB */
  readonly ram: number;
  /** GB; 0: boots from a volume. */
  readonly disk: number;
  readonly extra_specs?: Readonly<Record<string, string>>;
}

/** How much of a processor is guaranteed, best first: dedicated core, dedicated thread, shared, crowded. */
const guarantees = ["C", "T", "V", "L"] as const;

/** Media, best first; what is nearer to the end of the list may be replaced by what is nearer to its beginning. */
const localMedia = ["p", "s", "h"] as const;

/** What an SCS name promises. */
export interface Promised {
  readonly vcpus: number;
  readonly guarantee: (typeof guarantees)[number];
  /** Processor without current mitigations. */
  readonly insecure: boolean;
  readonly ramGiB: number;
  /** Memory without error correction. */
  readonly uncorrected: boolean;
  /** Memory is promised to several machines. */
  readonly oversubscribed: boolean;
  /** `medium`: `n` network, `h` disk, `s` SSD, `p` NVMe; empty: not told. */
  readonly disk?: { readonly count: number; readonly gigabytes: number; readonly medium: "" | "n" | "h" | "s" | "p" };
  readonly hypervisor: string;
  readonly nested: boolean;
  /** `i` Intel, `z` AMD, `a` ARM, `r` RISC-V; undefined: x86 of any make. */
  readonly vendor?: "i" | "z" | "a" | "r";
  readonly generation: number;
  readonly gpu: string;
  readonly infiniband: boolean;
}

const pattern =
  /^SCS-(\d+)([LVTC])(i?)-(\d+(?:\.5)?)(u?)(o?)(?:-(?:(\d+)x)?(\d*)([nhsp]?))?(_(?:kvm|chy|xen|vmw|hyv|bms))?(_hwv)?(?:_([izar])(\d*)h{0,3})?(_[Gg][A-Z]\w*(?:-\d+h{0,3}(?:-\d+h{0,3})?)?)?(_ib)?$/;

/** Undefined: the name is no SCS name. */
export function readScsName(name: string): Promised | undefined {
  const parts = pattern.exec(name);
  if (parts === null) return undefined;
  const [, vcpus, guarantee, insecure, ram, u, o, count, gigabytes, medium, hypervisor, nested, vendor, generation] =
    parts;
  const hasDisk = count !== undefined || (gigabytes ?? "") !== "" || (medium ?? "") !== "";
  return {
    vcpus: Number(vcpus),
    guarantee: guarantee as Promised["guarantee"],
    insecure: insecure === "i",
    ramGiB: Number(ram),
    uncorrected: u === "u",
    oversubscribed: o === "o",
    ...(hasDisk && {
      disk: {
        count: Number(count ?? 1),
        gigabytes: Number(gigabytes ?? 0),
        medium: (medium ?? "") as NonNullable<Promised["disk"]>["medium"],
      },
    }),
    hypervisor: hypervisor?.slice(1) ?? "",
    nested: nested !== undefined,
    ...(vendor !== undefined && { vendor: vendor as NonNullable<Promised["vendor"]> }),
    generation: Number(generation ?? 0),
    gpu: parts[14]?.slice(1) ?? "",
    infiniband: parts[15] !== undefined,
  };
}

/** Whether who was promised `wanted` may be given `offered`. */
export function satisfies(offered: Promised, wanted: Promised): boolean {
  return (
    offered.vcpus >= wanted.vcpus &&
    offered.ramGiB >= wanted.ramGiB &&
    guarantees.indexOf(offered.guarantee) <= guarantees.indexOf(wanted.guarantee) &&
    // Weaknesses are accepted only by who has accepted them.
    (!offered.insecure || wanted.insecure) &&
    (!offered.uncorrected || wanted.uncorrected) &&
    (!offered.oversubscribed || wanted.oversubscribed) &&
    diskSatisfies(offered.disk, wanted.disk) &&
    (wanted.hypervisor === "" || offered.hypervisor === wanted.hypervisor) &&
    (!wanted.nested || offered.nested) &&
    processorSatisfies(offered, wanted) &&
    // Expensive extras go only to who ordered them.
    offered.gpu === wanted.gpu &&
    offered.infiniband === wanted.infiniband
  );
}

function diskSatisfies(offered: Promised["disk"], wanted: Promised["disk"]): boolean {
  // A disk of the flavor dies with the host, a boot volume does not: neither stands in for the other.
  if (offered === undefined || wanted === undefined) return offered === wanted;
  if (offered.count < wanted.count || offered.gigabytes < wanted.gigabytes) return false;
  if (wanted.medium === "" || offered.medium === wanted.medium) return true;
  const [rank, needed] = [offered.medium, wanted.medium].map((medium) =>
    localMedia.indexOf(medium as (typeof localMedia)[number]),
  ) as [number, number];
  return rank >= 0 && needed >= 0 && rank <= needed;
}

function processorSatisfies(offered: Promised, wanted: Promised): boolean {
  if (architectureOf(offered) !== architectureOf(wanted)) return false;
  if (wanted.vendor === undefined) return true;
  return offered.vendor === wanted.vendor && offered.generation >= wanted.generation;
}

/** As images name it. */
export function architectureOf(promised: Promised | undefined): string {
  if (promised?.vendor === "a") return "aarch64";
  return promised?.vendor === "r" ? "riscv64" : "x86_64";
}

/** All names under which the cloud offers the flavor: its own, and what scs-0103 lets it add. */
function namesOf({ name, extra_specs: extra }: Flavor): readonly string[] {
  return [name, extra?.["scs:name-v2"], extra?.["scs:name-v1"]].filter((one): one is string => one !== undefined);
}

/** The flavor of that name; if there is none and `equivalents` may be taken, the smallest that satisfies it. */
export function chooseFlavor(flavors: readonly Flavor[], wanted: string, equivalents: boolean): Flavor | undefined {
  const exact = flavors.find((flavor) => namesOf(flavor).includes(wanted));
  const promised = readScsName(wanted);
  if (exact !== undefined || !equivalents || promised === undefined) return exact;
  const fit = flavors.filter((flavor) =>
    namesOf(flavor).some((name) => {
      const offered = readScsName(name);
      return offered !== undefined && satisfies(offered, promised);
    }),
  );
  return fit.toSorted(bySize)[0];
}

function bySize(a: Flavor, b: Flavor): number {
  return a.vcpus - b.vcpus || a.ram - b.ram || a.disk - b.disk || (a.name < b.name ? -1 : 1);
}
