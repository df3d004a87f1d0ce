/** Which things at providers were adopted, as what. Written with the rows they are about, by the store's `apply`. */
import type { Knex } from "knex";

export interface AdoptionSeen {
  readonly uid: string;
  readonly incarnation: number;
}

export interface Adoptions {
  /** The newest adoption of a thing. */
  newest(provider: string, thing: "instance" | "binding", reference: string): Promise<AdoptionSeen | undefined>;
}

export function createAdoptions(knex: Knex): Adoptions {
  return {
    newest: async (provider, thing, reference) =>
      knex("adoptions")
        .where({ provider, thing, reference })
        .orderBy("incarnation", "desc")
        .select("uid", "incarnation")
        .first(),
  };
}
