/** The disk of a machine whose flavor has none: a volume with the image written on it, before the machine is made. */
import type { Session } from "./client.ts";
import type { Image } from "./images.ts";
import type { MachinePlan } from "./machine-plan.ts";
import { findVolumes, makeVolume } from "./volumes.ts";

type BootVolume =
  | { readonly state: "ready"; readonly id: string }
  | { readonly state: "pending" }
  | { readonly state: "failed"; readonly reason: string };

/** Looks for the volume of that name, and has it made if there is none. */
export async function bootVolume(
  session: Session,
  { bootVolume: wanted, availabilityZone }: MachinePlan,
  image: Image,
  name: string,
  metadata: Readonly<Record<string, string>>,
): Promise<BootVolume> {
  if (session.endpoint("volume") === undefined)
    return {
      state: "failed",
      reason: "The flavor has no disk and the cloud no volumes. Choose another plan, or ask the provider.",
    };
  const [volume] = await findVolumes(session, name);
  if (volume === undefined) {
    await makeVolume(session, {
      name,
      metadata,
      imageRef: image.id,
      size: Math.max(wanted.gigabytes, image.min_disk),
      ...(wanted.type !== undefined && { volume_type: wanted.type }),
      ...(availabilityZone !== undefined && { availability_zone: availabilityZone }),
    });
    return { state: "pending" };
  }
  if (volume.status === "available") return { state: "ready", id: volume.id };
  if (volume.status.startsWith("error"))
    return {
      state: "failed",
      reason: "The cloud could not write the machine's disk. Try again; if it fails again, ask the provider.",
    };
  return { state: "pending" };
}
