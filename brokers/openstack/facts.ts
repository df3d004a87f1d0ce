/** What is remembered of a machine between two orders. */
import type { Json, JsonObject, Order, Tools } from "#adapter";
import type { Session } from "./client.ts";
import { publicLine, type SshKey, sshKeyFrom } from "./ssh.ts";

export interface Facts {
  readonly projectId: string;
  readonly region: string;
  /** Seed of the SSH authority whose certificates the machine trusts; base64url. */
  readonly authority: string;
  /** Who logs in. */
  readonly user: string;
  /** Whether its network was made for it alone. */
  readonly ownNetwork: boolean;
}

/** Of an order whose machine was never begun, nothing is remembered. */
export function readFacts(order: Order): Partial<Facts> {
  return (order.instance.facts.reveal() ?? {}) as unknown as Partial<Facts>;
}

export function factsOf(session: Session, authority: string, user: string, ownNetwork: boolean): Facts & JsonObject {
  return { projectId: session.projectId, region: session.region, authority, user, ownNetwork };
}

/** The seed of the order's SSH authority: the same on every attempt, so that a repeated order builds the same machine. */
export function authoritySeed(order: Order, tools: Tools): string {
  return readFacts(order).authority ?? tools.secret("ssh authority");
}

export function authorityLine(seed: string): string {
  return publicLine(sshKeyFrom(seed), "lotse-authority");
}

export function authorityOf(seed: string): SshKey {
  return sshKeyFrom(seed);
}

/** What is remembered of work under way. */
export interface Handle {
  /** A failed machine is being taken away, and why. */
  readonly clearing?: string;
  /** A machine was seen in ERROR, and Nova had not said yet why. */
  readonly faultless?: boolean;
  /** A resize was asked for. */
  readonly resizing?: boolean;
}

export function readHandle(handle: Json): Handle {
  return (handle ?? {}) as unknown as Handle;
}
