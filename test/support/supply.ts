/** What is bought in the world outside, and the lives that are led with it: each has an account and a line of its own. */
import { randomUUID } from "node:crypto";
import type { Access, JsonObject } from "../../src/core/adapter.ts";
import type { Purchase } from "./buyer.ts";
import type { Ware } from "./cloud-wares.ts";
import { type Counting, createHold, type Hold } from "./holding-line.ts";
import type { Watcher } from "./http-line.ts";
import type { Ids, Shelf } from "./shop-window.ts";

export interface Supply {
  /** Accounts and offering are named after it. */
  readonly name: string;
  /** More than there are moments in any step. */
  readonly lives: number;
  /** Ordered and returned, with nothing in between. */
  readonly briefly?: boolean;
  /** Parameters that an order may have. */
  readonly create: JsonObject;
  readonly small: JsonObject;
  readonly large: JsonObject;
  /** How long its accounts wait for an answer. Each is held until all others stand as well. */
  readonly patienceMs: number;
  /** Starts a line to the back end, for the life that is stopped at this moment. */
  line(moment: number): Promise<Line>;
  /** An account whose back end is reached at this address. */
  account(address: string, secret: string): JsonObject;
  readonly secret: string;
  ware(ids: Ids): Ware | Promise<Ware>;
}

export interface Line {
  readonly address: string;
  readonly hold: Hold;
}

/** A line over HTTP, that stands still where `counting` says. */
export function httpLine(counting: Counting, start: (watcher: Watcher) => Promise<string>): Supply["line"] {
  return async () => {
    const hold = createHold(counting);
    return { address: await start(hold.watcher), hold };
  };
}

export interface Life {
  readonly supply: Supply;
  readonly ids: Ids;
  readonly hold: Hold;
  /** The moment it is stopped at, from 1. */
  readonly moment: number;
  readonly name: string;
  thing?: Purchase;
  readonly access: Map<string, Access>;
}

function secretOf({ name }: Supply): string {
  return `SECRET_${name.toUpperCase().replaceAll("-", "_")}`;
}

/** An account and a line for each life; the ids of what it orders come from the catalog. */
export async function openAccounts(supplies: readonly Supply[]) {
  const lives: Life[] = [];
  const accounts: Record<string, ReturnType<Supply["account"]>> = {};
  const shelves: Shelf[] = [];
  const run = randomUUID();
  for (const supply of supplies) {
    const { name, small, large, create } = supply;
    const goods: Shelf["goods"][number][] = [];
    for (let moment = 1; moment <= supply.lives; moment++) {
      const { address, hold } = await supply.line(moment);
      const account = `${name}-${moment}`;
      accounts[account] = supply.account(address, secretOf(supply));
      goods.push({ account, external: true, small, large });
      const ids = { offeringId: "", small: "", large: "" };
      lives.push({ supply, ids, hold, moment, name: `${run}-${account}`, access: new Map() });
    }
    shelves.push({ name, create, goods });
  }
  const secrets = Object.fromEntries(supplies.map((supply) => [secretOf(supply), supply.secret]));
  return { lives, provider: { accounts, secrets }, shelves };
}
