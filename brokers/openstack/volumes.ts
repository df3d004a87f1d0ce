/** Boot volumes, for flavors without a disk of their own. */
import type { JsonObject } from "#adapter";
import { statusOf } from "./answers.ts";
import type { Session } from "./client.ts";
import { oldestFirst } from "./oldest.ts";

export interface Volume {
  readonly id: string;
  readonly name: string | null;
  readonly status: string;
  readonly size: number;
  readonly created_at: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Volumes of that name, or all of the project; oldest first. None where the cloud has no Cinder. */
export async function findVolumes(session: Session, name?: string): Promise<readonly Volume[]> {
  if (session.endpoint("volume") === undefined) return [];
  const { volumes } = await session.ask<{ readonly volumes: readonly Volume[] }>({
    service: "volume",
    method: "GET",
    path: ["volumes", "detail"],
    query: { name },
  });
  return oldestFirst(volumes, ({ created_at }) => created_at);
}

/** Cinder answers before the image is copied: the volume is there as `creating` or `downloading`. */
export async function makeVolume(session: Session, volume: JsonObject): Promise<void> {
  await session.ask({ service: "volume", method: "POST", path: ["volumes"], body: { volume } });
}

/** Cinder removes it in the background. 400: it is still attached, or already being removed. */
export async function removeVolume(session: Session, id: string): Promise<void> {
  await session
    .ask({ service: "volume", method: "DELETE", path: ["volumes", id], query: { cascade: "true" } })
    .catch((error: unknown) => {
      if (statusOf(error) !== 404 && statusOf(error) !== 400) throw error;
    });
}
