/** Comparison broker 2: what one writes without looking at cost: a query builder's transactions, undici's `request`. */
import { join } from "node:path";
import knexFactory from "knex";
import { request } from "undici";
import { buildFront, listen } from "./front.ts";
import { schema } from "./schema.ts";

interface Connection {
  pragma(text: string): void;
  exec(text: string): void;
}

const knex = knexFactory({
  client: "better-sqlite3",
  connection: { filename: join(process.env.BENCH_FOLDER ?? ".", "knex.sqlite") },
  useNullAsDefault: true,
  pool: {
    min: 1,
    max: 1,
    afterCreate: (connection: Connection, done: (error?: Error) => void) => {
      connection.pragma("journal_mode = WAL");
      connection.pragma("synchronous = FULL");
      connection.exec(schema);
      done();
    },
  },
});

const provider = process.env.BENCH_PROVIDER ?? "";

const app = buildFront(process.env.BENCH_AUTHORIZATION ?? "", async (id, token, body) => {
  const now = Date.now();
  await knex.transaction(async (trx) => {
    const row = { id, plan: body.plan_id, state: "provisioning", body: JSON.stringify(body), updated_at: now };
    await trx("instances").insert(row);
    await trx("operations").insert({ token, instance: id, state: "open", updated_at: now });
    await trx("audit").insert({ at: now, who: "platform", what: "provision", instance: id });
  });
  const headers = { "content-type": "application/json" };
  const reply = await request(`${provider}/v2/service_instances/${id}`, {
    method: "PUT",
    headers,
    body: JSON.stringify({ token }),
  });
  await reply.body.text();
  if (reply.statusCode !== 201) throw new Error(`the provider answered ${reply.statusCode}`);
  await knex.transaction(async (trx) => {
    const later = Date.now();
    await trx("instances").where({ id }).update({ state: "ready", updated_at: later });
    await trx("operations").where({ token }).update({ state: "succeeded", updated_at: later });
    await trx("audit").insert({ at: later, who: "platform", what: "provisioned", instance: id });
  });
});
await listen(app);
