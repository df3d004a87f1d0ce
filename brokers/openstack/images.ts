/** Which image a machine boots from: by what is inside (scs-0102), since every cloud has its own ids. Pure. */

/** An image as Glance describes it. */
export interface Image {
  readonly id: string;
  readonly name?: string;
  readonly status: string;
  readonly created_at: string;
  /** GB */
  readonly min_disk: number;
  readonly os_distro?: string;
  readonly os_version?: string;
  readonly os_purpose?: string;
  readonly architecture?: string;
  readonly image_original_user?: string;
}

export interface OperatingSystem {
  readonly distro: string;
  readonly version: string;
}

/** `debian-12`, `ubuntu-24.04`: the part before the first hyphen is `os_distro`. */
export function readOperatingSystem(name: string): OperatingSystem {
  const [distro = "", ...version] = name.split("-");
  return { distro, version: version.join("-") };
}

/** The newest one for general use; undefined: the cloud has none. Images that tell no purpose count as for general use. */
export function chooseImage(
  images: readonly Image[],
  { distro, version }: OperatingSystem,
  architecture: string,
): Image | undefined {
  return images
    .filter(
      (image) =>
        image.status === "active" &&
        image.os_distro === distro &&
        image.os_version === version &&
        (image.architecture ?? "x86_64") === architecture &&
        (image.os_purpose ?? "generic") === "generic",
    )
    .toSorted(
      (a, b) =>
        Number(b.os_purpose === "generic") - Number(a.os_purpose === "generic") ||
        b.created_at.localeCompare(a.created_at),
    )[0];
}

/** Who logs in where an image does not tell; cloud images of each distribution make a user of this name. */
const users: Readonly<Record<string, string>> = {
  almalinux: "almalinux",
  alpine: "alpine",
  arch: "arch",
  centos: "cloud-user",
  debian: "debian",
  fedora: "fedora",
  flatcar: "core",
  opensuse: "opensuse",
  rhel: "cloud-user",
  rocky: "rocky",
  sles: "sles",
  ubuntu: "ubuntu",
};

export function loginUserOf(image: Image): string {
  return image.image_original_user ?? users[image.os_distro ?? ""] ?? "cloud-user";
}
