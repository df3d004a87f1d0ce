/** What the harness needs to know of a broker to measure it. `lotse.ts` beside this file fills it in. */
import type { Offering } from "../../src/core/model.ts";
import type { RequestSpec } from "../harness/request.ts";
import type { Launch } from "../harness/server.ts";

/**
 * How much of an order the broker carries out. `whole` is the product; the others leave parts out, to tell what each
 * part costs: `answer` checks and answers, `call` also calls the provider, `store` also makes both commits but has an
 * adapter that is done at once.
 */
export type Depth = "answer" | "call" | "store" | "whole";

export interface BrokerAsk {
  /** Unique in a run. */
  readonly name: string;
  readonly depth: Depth;
  readonly offerings: readonly Offering[];
  /** Exists, is the broker's own, and may hold a seeded database. */
  readonly folder: string;
  /** Where the plans' provider `bench` is: `http://127.0.0.1:PORT`. */
  readonly providerUrl: string;
}

export interface BrokerUnderTest {
  readonly name: string;
  /** The Authorization header of a registered platform. */
  readonly authorization: string;
  /** Writes what the broker reads at start, and says how to start it. It prints `http://127.0.0.1:PORT` on stdout. */
  prepare(ask: BrokerAsk): Promise<Launch>;
  /**
   * Fills the database in `folder` with ready instances of that platform, their ids `idText(seededSpace, 0…count-1)`,
   * each with one finished provision, by direct inserts into the broker's real schema.
   */
  seed(folder: string, offerings: readonly Offering[], count: number): Promise<void>;
  /** Requests for the first and the last page of 50 instances, once the broker is up with `count` of them. */
  pages(port: number, count: number): Promise<{ readonly first: RequestSpec; readonly last: RequestSpec }>;
  /**
   * A module that exports `openWork(folder)`: one durable commit of an order's three rows in process, through the
   * broker's store, with nothing before or after it.
   */
  readonly commitModule: string;
}

/** The id space of seeded instances. */
export const seededSpace = 0;
